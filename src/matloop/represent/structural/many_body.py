"""Many-body tensor representations: distances and angles between kinds of atoms as smooth histograms."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Neighbours, Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.environments import Environments, dropped, environments
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.structural.smearing import Grid, smeared, summed
from matloop.represent.structural.species import BySpecies, kind_names, kinds_of, strangers
from matloop.represent.structural.triplets import Triplets, too_many, triplets

PAIRS, ANGLES = ("distance", "inverse_distance"), ("angle", "cosine")
USUAL_GRIDS = {
    "distance": (0.0, 6.0, 0.1), "inverse_distance": (0.0, 1.0, 0.02), "angle": (0.0, 180.0, 4.0),
    "cosine": (-1.0, 1.0, 0.05),
}  # fmt: skip
"""Lowest, highest point and width: Angstrom, 1/Angstrom, degrees, none."""
THRESHOLD = 1e-3
"""The weight of what lies at the cutoff."""
HUO = (
    "H. Huo, M. Rupp, Unified representation of molecules and crystals for machine learning, Mach. Learn.: Sci. "
    "Technol. 3 (2022) 045017, doi:10.1088/2632-2153/aca005"
)
HIMANEN = (
    "L. Himanen et al., DScribe: library of descriptors for machine learning in materials science, Comput. Phys. "
    "Commun. 247 (2020) 106949, doi:10.1016/j.cpc.2019.106949"
)


@dataclass(frozen=True, slots=True)
class Angles:
    """Pairs of neighbours j, k of some sites: the places of both in the neighbour list, and their distance (A)."""

    first: IntArray
    second: IntArray
    between: FloatArray


def angles(near: Neighbours, widest: float) -> Iterator[Angles]:
    """All pairs of neighbours of a site that are nearer than `widest` to each other, each once, site by site.

    They come in parts; a site is whole in one of them.
    """
    nothing = np.empty((0, len(near.offsets) - 1))
    for _, around in environments(near, nothing, near.cutoff):
        found = [_placed(around, part) for part in triplets(around, widest)]
        if found:
            yield Angles(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


def _placed(around: Environments, part: Triplets) -> tuple[IntArray, IntArray, FloatArray]:
    return around.place[part.first], around.place[part.second], part.between


def cosines(side: FloatArray, other: FloatArray, opposite: FloatArray) -> FloatArray:
    """Of the angle between two sides of a triangle, from the lengths of all three."""
    found: FloatArray = np.clip((side * side + other * other - opposite * opposite) / (2 * side * other), -1.0, 1.0)
    return found


@dataclass(frozen=True, slots=True)
class Entries:
    """Distances or angles of one part of a batch: the site that each belongs to, its block, its value, its weight."""

    sites: IntArray
    blocks: IntArray
    values: FloatArray
    weights: FloatArray


class Histograms(BySpecies):
    """Smooth histograms of distances and angles, one block per term and combination of kinds of atoms."""

    terms: tuple[str, ...]
    grids: tuple[tuple[float, float, float], ...]
    points: int
    cutoff: float

    @abstractmethod
    def blocks(self, term: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the blocks of a term, in their order."""

    @abstractmethod
    def entries(self, term: str, near: Neighbours, kinds: IntArray, n_kinds: int) -> Iterator[Entries]:
        """What is counted, part by part; a site is whole in one of them. kinds : shape (n_sites,)."""

    def grid(self, place: int) -> Grid:
        """Of the term at this place."""
        low, high, sigma = self.grids[place] if self.grids else USUAL_GRIDS[self.terms[place]]
        return Grid(low, high, sigma, self.points).checked()

    def checked(self) -> None:
        """Raise ConfigError where an option is out of range."""
        unknown = [term for term in self.terms if term not in (*PAIRS, *ANGLES)]
        if unknown or not self.terms or len(set(self.terms)) < len(self.terms):
            raise ConfigError(f"terms = {self.terms}: some of {', '.join((*PAIRS, *ANGLES))}, each once, are possible.")
        if self.grids and len(self.grids) != len(self.terms):
            raise ConfigError(
                f"{len(self.grids)} grids for {len(self.terms)} terms: one (lowest, highest, width) each."
            )
        if not 0.5 <= self.cutoff <= 30:
            raise ConfigError(f"cutoff = {self.cutoff:g}: 0.5 to 30 is possible.")

    def block_counts(self, n_kinds: int) -> list[int]:
        """Number of blocks of each term."""
        names = tuple(map(str, range(n_kinds)))
        return [len(self.blocks(term, names)) for term in self.terms]

    def histogram_names(self, label: str) -> tuple[str, ...]:
        """Names of all points: term, kinds and value."""
        self.checked()
        kinds = kind_names(self.species)
        self.checked_width()
        return tuple(
            f"{label} {term} {block} {value:.6g}"
            for place, term in enumerate(self.terms)
            for block in self.blocks(term, kinds)
            for value in self.grid(place).values.tolist()
        )

    def site_tables(
        self, structures: Structures, near: Neighbours
    ) -> Iterator[tuple[int, IntArray, IntArray, FloatArray]]:
        """Per term and part of the batch: place of the term, sites, blocks (m,) and their histograms (m, points)."""
        kinds = kinds_of(self.species)[structures.site_numbers]
        n_kinds = len(kind_names(self.species))
        counts = self.block_counts(n_kinds)
        for place, term in enumerate(self.terms):
            for part in self.entries(term, near, kinds, n_kinds):
                keys = part.sites * counts[place] + part.blocks
                keys, tables = smeared(part.values, part.weights, keys, self.grid(place))
                yield place, *np.divmod(keys, counts[place]), tables

    def row_tables(self, structures: Structures, near: Neighbours) -> list[FloatArray]:
        """Sums over the sites of each row, per term: shape (n_rows, n_blocks, points)."""
        counts = self.block_counts(len(kind_names(self.species)))
        listed: list[list[tuple[IntArray, FloatArray]]] = [[] for _ in self.terms]
        for place, sites, blocks, tables in self.site_tables(structures, near):
            listed[place].append((structures.rows[sites] * counts[place] + blocks, tables))
        found = [np.zeros((len(structures), count, self.points)) for count in counts]
        for place, parts in enumerate(listed):
            if parts:
                keys, tables = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
                keys, tables = summed(keys, tables)
                found[place].reshape(-1, self.points)[keys] = tables
        return found

    def refused(self, structures: Structures, near: Neighbours) -> dict[int, str]:
        """{row: why its pairs or angles are not counted}."""
        angular = any(term in ANGLES for term in self.terms)
        return {**near.refused, **(too_many(near, structures.offsets) if angular else {})}


def pair_blocks(first: IntArray, second: IntArray, n_kinds: int) -> IntArray:
    """Place of unordered pairs of kinds: (0, 0), (0, 1) ... (1, 1) ..."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    return high + low * n_kinds - low * (low + 1) // 2


def pair_names(kinds: tuple[str, ...], middle: str = "") -> tuple[str, ...]:
    """Names of unordered pairs, in the order of `pair_blocks`."""
    return tuple(f"{a}-{middle}{b}" for i, a in enumerate(kinds) for b in kinds[i:])


def angle_values(term: str, side: FloatArray, other: FloatArray, opposite: FloatArray) -> FloatArray:
    """The cosine of the angle between two sides, or the angle in degrees."""
    found = cosines(side, other, opposite)
    return found if term == "cosine" else np.degrees(np.arccos(found))


def values_of_pairs(term: str, near: Neighbours) -> FloatArray:
    return near.distances if term == "distance" else 1.0 / near.distances


def decay(lengths: FloatArray, cutoff: float) -> FloatArray:
    """exp(-s length) that falls to THRESHOLD at the cutoff."""
    found: FloatArray = np.exp(math.log(THRESHOLD) / cutoff * lengths)
    return found


class StructureHistograms(Histograms, StructureFeaturizer):
    """Histograms of a whole structure: a block for each pair of kinds, and for each triple (the middle one first)."""

    def width(self, n_kinds: int) -> int:
        return sum(self.block_counts(n_kinds)) * self.points

    def block_counts(self, n_kinds: int) -> list[int]:
        pairs = n_kinds * (n_kinds + 1) // 2
        return [pairs if term in PAIRS else pairs * n_kinds for term in self.terms]

    def blocks(self, term: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if term in PAIRS:
            return pair_names(kinds)
        return tuple(name for middle in kinds for name in pair_names(kinds, f"{middle}-"))

    def refusals(self, structures: Structures) -> dict[int, str]:
        return super().refusals(structures) | strangers(structures, self.species)

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        listed = near.within(self.cutoff)
        reasons = self.refused(structures, listed)
        tables = self.row_tables(structures, dropped(listed, structures.rows, reasons))
        self.normalise(structures, tables)
        found = np.concatenate([table.reshape(len(structures), -1) for table in tables], axis=1)
        found[list(reasons)] = np.nan
        return found, reasons

    @abstractmethod
    def normalise(self, structures: Structures, tables: list[FloatArray]) -> None:
        """Divide the sums over the cell, one array of shape (n_rows, n_blocks, points) per term, in place."""


def triple_entries(term: str, near: Neighbours, part: Angles, weights: FloatArray, kinds: IntArray, n: int) -> Entries:
    """Angles at the sites between two neighbours, of those pairs of neighbours that have a weight above zero."""
    keep = np.flatnonzero(weights > 0)
    first, second = part.first[keep], part.second[keep]
    sites = near.first[first]
    ends = pair_blocks(kinds[near.second[first]], kinds[near.second[second]], n)
    values = angle_values(term, near.distances[first], near.distances[second], part.between[keep])
    return Entries(sites, kinds[sites] * (n * (n + 1) // 2) + ends, values, weights[keep])
