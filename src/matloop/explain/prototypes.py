"""Few rows that stand for many, and rows that none of them stands for.

References
----------
Kim, Khanna & Koyejo, Adv. Neural Inf. Process. Syst. 29 (2016) 2280 (MMD-critic).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.explain.output import rows_of

MOST_ROWS = 1500
"""Rows that are compared with each other."""


@dataclass(frozen=True, slots=True)
class Standing:
    """rows : shape (n,), prototypes, the most telling first. share : shape (n,), share of all rows nearest to each.
    odd : rows that are badly stood for."""

    rows: IntArray
    share: FloatArray
    odd: IntArray


def prototypes(X: ArrayLike, n: int = 3, *, n_odd: int = 0, seed: int = 0, most: int = MOST_ROWS) -> Standing:
    """Choose rows whose distribution is nearest to that of all rows (maximum mean discrepancy), greedily.

    Parameters
    ----------
    X : shape (n_rows, n_features), standardised. n : prototypes; fewer where there are fewer rows.
    n_odd : rows where there are more rows than the prototypes stand for, far from each other (criticisms).
    most : rows that are compared; of more a sample is drawn.

    Raises
    ------
    DataError : `X` is no table. ConfigError : n is not positive.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> X = np.concatenate([draw.normal(0, 0.1, (50, 2)), draw.normal(5, 0.1, (50, 2))])
    >>> sorted((prototypes(X, 2).rows // 50).tolist())
    [0, 1]
    """
    X = rows_of(X)
    if n < 1 or n_odd < 0:
        raise ConfigError(f"at least one prototype is needed, got n={n}, n_odd={n_odd}.")
    some = np.arange(len(X))
    if len(X) > most:
        some = np.sort(np.random.default_rng(seed).choice(len(X), most, replace=False))
    squared = _squares(X[some], X[some])
    kernel = np.exp(-squared / (2.0 * _usual(squared)))
    chosen = _greedy(kernel, min(n, len(some)))
    odd = _criticisms(kernel, chosen, min(n_odd, len(some) - len(chosen)))
    nearest = _squares(X, X[some[chosen]]).argmin(axis=1)
    share = np.bincount(nearest, minlength=len(chosen)) / len(X)
    return Standing(some[chosen], share, some[odd])


def _greedy(kernel: FloatArray, n: int) -> IntArray:
    """Rows that maximise 2 mean k(all, chosen) - mean k(chosen, chosen), one after the other."""
    density, inside, chosen = kernel.mean(axis=1), np.zeros(len(kernel)), list[int]()
    own = kernel.diagonal()
    fit, double = 0.0, 0.0
    for m in range(1, n + 1):
        gain = 2.0 * (fit + density) / m - (double + 2.0 * inside + own) / m**2
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        fit, double = fit + density[best], double + 2.0 * inside[best] + own[best]
        inside += kernel[:, best]
        chosen.append(best)
    return np.array(chosen, dtype=np.int64)


def _criticisms(kernel: FloatArray, chosen: IntArray, n: int) -> IntArray:
    """Rows where the density of all rows is most above that of the prototypes, kept apart by the logarithm of the
    determinant of their kernel."""
    witness = np.maximum(kernel.mean(axis=1) - kernel[:, chosen].mean(axis=1), 0.0)
    found, left = list[int](), kernel.diagonal().copy()
    roots = np.zeros((len(kernel), 0))
    scale = float(witness.max()) or 1.0
    for _ in range(n):
        gain = witness / scale + 0.1 * np.log(np.maximum(left, 1e-12))
        gain[[*chosen.tolist(), *found]] = -np.inf
        best = int(gain.argmax())
        # a step of the Cholesky decomposition: `left` is what the chosen rows do not tell of each row
        root = (kernel[:, best] - roots @ roots[best]) / np.sqrt(max(left[best], 1e-12))
        roots, left = np.column_stack([roots, root]), left - root**2
        found.append(best)
    return np.array(found, dtype=np.int64)


def _squares(A: FloatArray, B: FloatArray) -> FloatArray:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(A, B, "sqeuclidean"))


def _usual(squared: FloatArray) -> float:
    """Median squared distance of different rows: the natural width of the kernel."""
    apart = squared[squared > 0]
    return float(np.median(apart)) / 2.0 if len(apart) else 1.0
