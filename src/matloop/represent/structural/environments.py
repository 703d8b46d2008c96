"""Flat arrays of the neighbours around sites, and the weights by which elements count in sums over neighbours."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF, filled_table
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Neighbours
from matloop.matter.structures import Structures

PAIRS_AT_ONCE = 16_384
"""Neighbours worked out together: their arrays stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Channels:
    """How neighbours are told apart: a sum over neighbours is made once per channel, each neighbour with its weight.

    names : of the channels. table : shape (n_channels, 119), weight of each element by atomic number. pairs : channels
    that are multiplied in sums over two neighbours. species : atomic numbers that are allowed, all if empty.
    """

    names: tuple[str, ...]
    table: FloatArray
    pairs: tuple[tuple[int, int], ...]
    species: tuple[int, ...] = ()

    @property
    def pair_names(self) -> tuple[str, ...]:
        """Names of `pairs`: "Number", or "Na Cl" for two elements."""
        return tuple(self.names[a] if a == b else f"{self.names[a]} {self.names[b]}" for a, b in self.pairs)

    def refusals(self, structures: Structures) -> dict[int, str]:
        """{row: which element of it is not among `species`}."""
        if not self.species:
            return {}
        other = np.flatnonzero(~np.isin(structures.numbers, self.species))
        rows = structures.rows[structures.site_of_species[other]]
        known = ", ".join(SYMBOLS[z] for z in self.species)
        first = np.unique(rows, return_index=True)[1]
        return {
            int(rows[k]): f"contains {SYMBOLS[structures.numbers[other[k]]]}; this description is of {known} only"
            for k in first.tolist()
        }

    def of_sites(self, structures: Structures) -> FloatArray:
        """Weight of each site in each channel, shape (n_channels, n_sites): its expectation over a shared site."""
        sites, n_sites = structures.site_of_species, len(structures.coordinates)
        parts = self.table[:, structures.numbers] * structures.occupancies
        return np.stack([np.bincount(sites, weights=part, minlength=n_sites) for part in parts])


def by_property(names: tuple[str, ...]) -> Channels:
    """A channel per element property of the Magpie table ("Number", "Row", ...); "uniform" weighs all elements by 1.

    Raises
    ------
    ConfigError : there is no such property.
    """
    known = filled_table("magpie")
    table = [np.ones(MAX_Z + 1) if name == "uniform" else known.column(name) for name in names]
    return Channels(names, np.stack(table), tuple((k, k) for k in range(len(names))))


def by_element(species: tuple[str, ...]) -> Channels:
    """A channel per element, and all pairs of them.

    Raises
    ------
    ConfigError : a symbol is no element, or named twice.
    """
    numbers = atomic_numbers(species)
    table = np.zeros((len(numbers), MAX_Z + 1))
    table[np.arange(len(numbers)), list(numbers)] = 1.0
    pairs = tuple((a, b) for a in range(len(numbers)) for b in range(a, len(numbers)))
    return Channels(species, table, pairs, numbers)


def atomic_numbers(species: tuple[str, ...]) -> tuple[int, ...]:
    """Atomic numbers of element symbols, in their order."""
    wrong = [symbol for symbol in species if symbol not in Z_OF]
    if wrong or len(set(species)) < len(species):
        raise ConfigError(f"species={species!r}: name each element once by its symbol; {wrong or 'one'} is not so.")
    return tuple(Z_OF[symbol] for symbol in species)


@dataclass(frozen=True, slots=True)
class Environments:
    """The neighbours of consecutive sites.

    offsets : shape (n_sites + 1,); site s has neighbours offsets[s]:offsets[s+1]. vectors : shape (3, n_pairs),
    Angstrom, from the site to the neighbour. distances : shape (n_pairs,), Angstrom. weights : shape (n_channels,
    n_pairs), of the neighbours. place : where these neighbours stand in the list that they were cut from.
    """

    offsets: IntArray
    vectors: FloatArray
    distances: FloatArray
    weights: FloatArray
    place: IntArray

    @property
    def sites(self) -> IntArray:
        """The site of each neighbour, shape (n_pairs,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def directions(self) -> FloatArray:
        """Unit vectors, shape (3, n_pairs)."""
        return self.vectors / self.distances

    def within(self, cutoff: float) -> Environments:
        """The neighbours nearer than a smaller `cutoff`."""
        keep = np.flatnonzero(self.distances < cutoff)
        counts = np.bincount(self.sites[keep], minlength=len(self.offsets) - 1)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Environments(
            offsets, self.vectors[:, keep], self.distances[keep], self.weights[:, keep], self.place[keep]
        )

    def summed(self, values: FloatArray) -> FloatArray:
        """Sums over the neighbours of each site: values of shape (..., n_pairs) to (..., n_sites)."""
        return segment_sums(values, self.offsets)


def segment_sums(values: FloatArray, offsets: IntArray) -> FloatArray:
    """Sums of values[..., offsets[s]:offsets[s+1]], shape (..., n_segments); 0 for an empty segment."""
    found = np.zeros((*values.shape[:-1], len(offsets) - 1))
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        found[..., filled] = np.add.reduceat(values, offsets[:-1][filled], axis=-1)
    return found


def dropped(near: Neighbours, rows: IntArray, refused: Collection[int]) -> Neighbours:
    """The list without the pairs of refused rows; rows : shape (n_sites,), the row of each site."""
    if not refused:
        return near
    keep = np.flatnonzero(~np.isin(rows[near.first], list(refused)))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(near.first[keep], minlength=len(rows)))]).astype(np.int64)
    return Neighbours(
        near.cutoff, offsets, near.first[keep], near.second[keep], near.images[keep], near.vectors[keep],
        near.distances[keep], near.refused,
    )  # fmt: skip


def environments(near: Neighbours, weights: FloatArray, cutoff: float) -> Iterator[tuple[slice, Environments]]:
    """The sites of a neighbour list in parts of about PAIRS_AT_ONCE neighbours: (which sites, their neighbours).

    Parameters
    ----------
    weights : shape (n_channels, n_sites). cutoff : Angstrom, of `near`; a neighbour at the cutoff itself is left out.
    """
    n_sites = len(near.offsets) - 1
    parts = near.offsets[:-1] // PAIRS_AT_ONCE
    starts = np.concatenate([[0], np.flatnonzero(np.diff(parts)) + 1, [n_sites]]) if n_sites else np.zeros(1, np.int64)
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        begin, end = int(near.offsets[first]), int(near.offsets[last])
        around = Environments(
            near.offsets[first : last + 1] - begin,
            np.ascontiguousarray(near.vectors[begin:end].T),
            near.distances[begin:end],
            weights[:, near.second[begin:end]],
            np.arange(begin, end),
        )
        yield slice(first, last), around if (around.distances < cutoff).all() else around.within(cutoff)
