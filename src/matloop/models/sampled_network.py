"""The predictor of networks whose weights are a distribution: a fixed set of draws, so that it always says the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, BoolArray, FloatArray, nested, number, taken, text, under
from matloop.core.errors import BundleError
from matloop.models.family import Uncertainty
from matloop.models.link import Link, read_link
from matloop.models.network import (
    BENDS,
    Bend,
    Layer,
    bent,
    check_layers,
    mixed,
    read_layer,
    value_and_noise,
    with_noise_times,
)
from matloop.models.training import Rows, stretch

Draws = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True)
class Sampled:
    """One network and its draws.

    layers : means of the weights, first layer to last.
    deviations : per layer the standard deviations of weights and offsets, or none.
    shifts : per layer standard normal draws, shape (n_draws, n_out), beside deviations: a sum before the bend is its
        mean plus shift times its deviation, which is how independent normal weights act on any single row
        (Kingma, Salimans & Welling 2015, doi:10.48550/arXiv.1506.02557).
    masks : per hidden layer what each unit is multiplied by, shape (n_draws, width), or none.
    """

    layers: tuple[Layer, ...]
    deviations: tuple[Layer, ...] = ()
    shifts: Draws = ()
    masks: Draws = ()

    @property
    def n_draws(self) -> int:
        return len((self.shifts or self.masks)[0])

    def raw(self, Z: FloatArray, bend: Bend) -> FloatArray:
        """Raw outputs of every draw, shape (n_draws, n_rows, n_out)."""
        first = self._sums(0, Z)
        return np.stack([self._walk(first, draw, bend) for draw in range(self.n_draws)])

    def _sums(self, place: int, at: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Mean and deviation of the sums of a layer."""
        weights, offsets = (part.astype(np.float64) for part in self.layers[place])
        if not self.deviations:
            return at @ weights + offsets, None
        loose, off = (part.astype(np.float64) ** 2 for part in self.deviations[place])
        return at @ weights + offsets, np.sqrt(at**2 @ loose + off)

    def _walk(self, first: tuple[FloatArray, FloatArray | None], draw: int, bend: Bend) -> FloatArray:
        mean, deviation = first
        for place in range(len(self.layers)):
            at = mean if deviation is None else mean + deviation * self.shifts[place][draw]
            if place + 1 == len(self.layers):
                break
            at = bent(at, bend)
            at = at * self.masks[place][draw] if self.masks else at
            mean, deviation = self._sums(place + 1, at)
        return at

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {"n_layers": np.array(len(self.layers))}
        for name, layers in (("layer", self.layers), ("deviation", self.deviations)):
            for place, (weights, offsets) in enumerate(layers):
                arrays |= nested(f"{name}{place}", {"weights": weights, "offsets": offsets})
        for name, draws in (("shift", self.shifts), ("mask", self.masks)):
            arrays |= {f"{name}{place}": one for place, one in enumerate(draws)}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Sampled:
        n = int(number(arrays, "n_layers"))
        if not 1 <= n <= 100:
            raise BundleError(f"a network of {n} layers cannot be read. The bundle is not trusted.")
        layers = tuple(read_layer(under(f"layer{place}", arrays)) for place in range(n))
        loose = "shift0" in arrays
        deviations = tuple(read_layer(under(f"deviation{place}", arrays)) for place in range(n)) if loose else ()
        shifts = tuple(_draws(arrays, f"shift{place}") for place in range(n)) if loose else ()
        masks = tuple(_draws(arrays, f"mask{place}") for place in range(n - 1)) if "mask0" in arrays else ()
        check_layers((layers, deviations) if loose else (layers,))
        widths = [len(offsets) for _, offsets in layers]
        spread = [one.shape[1] for one in shifts], [one.shape[1] for one in masks]
        counts = {len(one) for one in (*shifts, *masks)}
        fits = spread[0] in ([], widths) and spread[1] in ([], widths[:-1]) and len(counts) == 1
        if not fits or [len(offsets) for _, offsets in deviations] not in ([], widths):
            raise BundleError("the draws of a network do not fit its layers. The bundle is not trusted.")
        return cls(layers, deviations, shifts, masks)


def _draws(arrays: Arrays, name: str) -> NDArray[np.float32]:
    found = taken(arrays, name, ndim=2).astype(np.float32)
    if not len(found):
        raise BundleError("a network has no draws. The bundle is not trusted.")
    return found


@dataclass(frozen=True, slots=True)
class SampledNetwork:
    """One or several such networks, all draws averaged. noisy : see `Network`."""

    kind: ClassVar[str] = "sampled"
    members: tuple[Sampled, ...]
    bend: Bend
    link: Link
    noisy: bool
    train_loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    validation_loss: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def n_in(self) -> int:
        return len(self.members[0].layers[0][0])

    @property
    def n_values(self) -> int:
        return 1 if self.noisy else len(self.members[0].layers[-1][1])

    @property
    def loss_curve(self) -> tuple[FloatArray, FloatArray]:
        """Training and validation loss per epoch, of the first network."""
        return self.train_loss, self.validation_loss

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        return self._each(Z)[0].mean(axis=0)

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values, their standard deviation over the draws, and the noise."""
        return mixed(*self._each(Z))

    def _each(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        raw = np.concatenate([member.raw(Z, self.bend) for member in self.members])
        return value_and_noise(raw, self.link, self.noisy)

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {
            "n_members": np.array(len(self.members)), "bend": np.array(self.bend), "link": np.array(self.link),
            "noisy": np.array(self.noisy), "train_loss": self.train_loss, "validation_loss": self.validation_loss,
        }  # fmt: skip
        for m, member in enumerate(self.members):
            arrays |= nested(f"{m}", member.to_arrays())
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> SampledNetwork:
        count, bend, link = int(number(arrays, "n_members")), text(arrays, "bend"), read_link(arrays)
        if not 1 <= count <= 1_000 or bend not in BENDS or link == "sigmoid":
            raise BundleError(f"{count} sampled networks with the bend {bend!r} cannot be read.")
        members = tuple(Sampled.from_arrays(under(f"{m}", arrays)) for m in range(count))
        check_layers(tuple(member.layers for member in members))
        noisy = bool(number(arrays, "noisy"))
        if noisy and (link != "identity" or len(members[0].layers[-1][1]) != 2):
            raise BundleError("a network that tells its noise needs two outputs. The bundle is not trusted.")
        train, held = (taken(arrays, name).astype(np.float64) for name in ("train_loss", "validation_loss"))
        return cls(members, BENDS[BENDS.index(bend)], link, noisy, train, held)


def stretched(network: SampledNetwork, rows: Rows, held: list[BoolArray]) -> SampledNetwork:
    """Each member with the noise that its own held-back rows show."""
    members = []
    for member, out in zip(network.members, held, strict=True):
        values, unsure = replace(network, members=(member,)).values_and_uncertainty(rows.Z[out])
        factor = stretch(rows.y[out] - values[:, 0], unsure, rows.weights[out])
        members.append(replace(member, layers=with_noise_times(member.layers, factor)))
    return replace(network, members=tuple(members))
