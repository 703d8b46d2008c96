"""Exactly additive contributions of dense networks: the rescale rule of DeepLIFT, averaged over background rows.

References
----------
Shrikumar et al., Proc. ICML 70 (2017) 3145 (DeepLIFT). arXiv:1704.02685
Lundberg & Lee, Adv. Neural Inf. Process. Syst. 30 (2017) 4765 (Deep SHAP). arXiv:1705.07874
"""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.network import Layer, Network, bent

_PAIRS = 20_000
"""Pairs of a row and a background row in one pass."""
_STEP = 1e-9
"""Where a unit hardly differs between row and background, the slope is taken by a small difference."""


def network_contributions(
    network: Network, Z: FloatArray, background: FloatArray, out: FloatArray
) -> tuple[FloatArray, float]:
    """Contributions of the inputs to a weighted sum of a network's raw outputs, and their base.

    Parameters
    ----------
    Z : shape (n_rows, n_columns), prepared rows. background : shape (n_background, n_columns).
    out : shape (n_raw,), weights of the raw outputs (before the link): `[1.0]` for a regression, `[-1.0, 1.0]` for the
        log-odds of the second of two classes.

    Returns
    -------
    values, shape (n_rows, n_columns), and base, the mean output over the background: they sum to the output exactly.
    """
    values, base = np.zeros(Z.shape), 0.0
    for layers in network.members:
        base += float((_forward(layers, background, network)[-1] @ out).mean()) / len(network.members)
        step = max(1, _PAIRS // max(len(background), 1))
        for start in range(0, len(Z), step):
            rows = slice(start, start + step)
            values[rows] += _one(layers, Z[rows], background, out, network) / len(network.members)
    return values, base


def _one(
    layers: tuple[Layer, ...], Z: FloatArray, background: FloatArray, out: FloatArray, network: Network
) -> FloatArray:
    """Mean contributions over all pairs of a row and a background row, shape (n_rows, n_columns)."""
    here, there = _forward(layers, Z, network), _forward(layers, background, network)
    last = layers[-1][0].astype(np.float64)
    back = np.broadcast_to(last @ out, (len(Z), len(background), len(last)))
    for place in range(len(layers) - 2, -1, -1):
        difference = here[place][:, None, :] - there[place][None, :, :]
        rise = bent(here[place], network.bend)[:, None, :] - bent(there[place], network.bend)[None, :, :]
        close = np.abs(difference) < _STEP
        middle = here[place][:, None, :]
        slope = (bent(middle + 1e-6, network.bend) - bent(middle - 1e-6, network.bend)) / 2e-6
        rescaled = np.where(close, slope, rise / np.where(close, 1.0, difference))
        back = (back * rescaled) @ layers[place][0].astype(np.float64).T
    mean_background = np.einsum("rbc,bc->rc", back, background) / len(background)
    found: FloatArray = Z * back.mean(axis=1) - mean_background
    return found


def _forward(layers: tuple[Layer, ...], Z: FloatArray, network: Network) -> list[FloatArray]:
    """What enters the activation of each layer (the last: the raw outputs)."""
    found, at = [], Z
    for place, (weights, offsets) in enumerate(layers):
        raw = at @ weights.astype(np.float64) + offsets
        found.append(raw)
        at = bent(raw, network.bend) if place + 1 < len(layers) else raw
    return found
