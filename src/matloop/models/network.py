"""The predictor of trained networks: dense layers in numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, FloatArray, nested, number, taken, text, under
from matloop.core.errors import BundleError
from matloop.models.family import Uncertainty
from matloop.models.link import Link, linked, read_link

Bend = Literal["relu", "silu"]
BENDS: tuple[Bend, ...] = ("relu", "silu")
LOG_VARIANCE = (-9.0, 3.0)
"""bounds of a learnt logarithm of the variance, of a target of variance one: noise of 1 % to 450 % of its spread"""
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""weights, shape (n_in, n_out), and offsets, shape (n_out,)"""


def bent(Z: FloatArray, bend: Bend) -> FloatArray:
    """The activation between layers."""
    if bend == "relu":
        return np.maximum(Z, 0.0)
    return Z / (1.0 + np.exp(-np.clip(Z, -80.0, 80.0)))


def value_and_noise(raw: FloatArray, link: Link, noisy: bool) -> tuple[FloatArray, FloatArray]:
    """Values, shape (n_members, n_rows, n_values), and variances, shape (n_members, n_rows), of raw outputs."""
    if noisy:
        return raw[:, :, :1], np.exp(np.clip(raw[:, :, 1], *LOG_VARIANCE))
    return np.stack([linked(one, link) for one in raw]), np.zeros(raw.shape[:2])


def mixed(each: FloatArray, noise: FloatArray) -> tuple[FloatArray, Uncertainty]:
    """Members as one: the mean of their values; the deviation of the value or of the largest probability over them; the
    mean of their noise variances (the law of total variance)."""
    values = each.mean(axis=0)
    column = values.argmax(axis=1) if values.shape[1] > 1 else np.zeros(len(values), np.int64)
    own = np.take_along_axis(each, column[None, :, None], axis=2)[:, :, 0]
    return values, Uncertainty(own.std(axis=0), np.sqrt(noise.mean(axis=0)))


def with_noise_times(layers: tuple[Layer, ...], factor: float) -> tuple[Layer, ...]:
    """The same network with the variance of its noise multiplied: its logarithm is shifted."""
    weights, offsets = layers[-1]
    shifted = offsets + np.array([0.0, np.log(factor)], np.float32)
    return (*layers[:-1], (weights, shifted.astype(np.float32)))


@dataclass(frozen=True, slots=True)
class Network:
    """One or several dense networks, averaged; weights in single precision, sums in double.

    members : per network its layers, first to last. noisy : the last layer has two outputs, the value and the logarithm
    of the variance around it.
    """

    kind: ClassVar[str] = "network"
    members: tuple[tuple[Layer, ...], ...]
    bend: Bend
    link: Link
    train_loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    validation_loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    noisy: bool = False

    @property
    def n_in(self) -> int:
        return len(self.members[0][0][0])

    @property
    def n_values(self) -> int:
        return 1 if self.noisy else len(self.members[0][-1][1])

    @property
    def loss_curve(self) -> tuple[FloatArray, FloatArray]:
        """Training and validation loss per epoch, of the first network."""
        return self.train_loss, self.validation_loss

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        return self._each(Z)[0].mean(axis=0)

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values, the standard deviation over the networks (zeros for a single one), and the noise they see."""
        return mixed(*self._each(Z))

    def _each(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values of each network, shape (n_members, n_rows, n_values), and the variance of the noise or zeros."""
        found = []
        for layers in self.members:
            at = Z
            for place, (weights, offsets) in enumerate(layers):
                at = at @ weights.astype(np.float64) + offsets
                if place + 1 < len(layers):
                    at = bent(at, self.bend)
            found.append(at)
        return value_and_noise(np.stack(found), self.link, self.noisy)

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {
            "n_members": np.array(len(self.members)), "n_layers": np.array(len(self.members[0])),
            "bend": np.array(self.bend), "link": np.array(self.link),
            "train_loss": self.train_loss, "validation_loss": self.validation_loss,
            **({"noisy": np.array(True)} if self.noisy else {}),
        }  # fmt: skip
        for m, layers in enumerate(self.members):
            for place, (weights, offsets) in enumerate(layers):
                arrays |= nested(f"{m}/{place}", {"weights": weights, "offsets": offsets})
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Network:
        n_members, n_layers = int(number(arrays, "n_members")), int(number(arrays, "n_layers"))
        bend, link = text(arrays, "bend"), read_link(arrays)
        if not (1 <= n_members <= 1_000 and 1 <= n_layers <= 100) or bend not in BENDS or link == "sigmoid":
            raise BundleError(f"a network of {n_members} members, {n_layers} layers and {bend!r} cannot be read.")
        members = tuple(
            tuple(read_layer(under(f"{m}/{place}", arrays)) for place in range(n_layers)) for m in range(n_members)
        )
        check_layers(members)
        noisy = "noisy" in arrays and bool(number(arrays, "noisy"))
        if noisy and (link != "identity" or len(members[0][-1][1]) != 2):
            raise BundleError("a network that tells its noise needs two outputs. The bundle is not trusted.")
        train, held = (taken(arrays, name).astype(np.float64) for name in ("train_loss", "validation_loss"))
        return cls(members, BENDS[BENDS.index(bend)], link, train, held, noisy)


def read_layer(arrays: Arrays) -> Layer:
    weights = taken(arrays, "weights", ndim=2).astype(np.float32)
    offsets = taken(arrays, "offsets").astype(np.float32)
    if weights.shape[1] != len(offsets) or not weights.size or not np.isfinite(weights).all():
        raise BundleError("a layer of a network has weights and offsets that do not fit. The bundle is not trusted.")
    return weights, offsets


def check_layers(members: tuple[tuple[Layer, ...], ...]) -> None:
    for layers in members:
        joints = [(len(a[1]), len(b[0])) for a, b in pairwise(layers)]
        ends = (len(layers[0][0]), len(layers[-1][1]))
        if any(a != b for a, b in joints) or ends != (len(members[0][0][0]), len(members[0][-1][1])):
            raise BundleError("the layers of a network do not fit together. The bundle is not trusted.")
