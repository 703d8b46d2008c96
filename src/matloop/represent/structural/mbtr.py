"""Many-body tensor representation of structures and sites: histograms of distances and angles, the near ones most."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Neighbours, Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.environments import dropped
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.many_body import (
    HIMANEN,
    HUO,
    PAIRS,
    THRESHOLD,
    Angles,
    Entries,
    Histograms,
    StructureHistograms,
    angle_values,
    angles,
    decay,
    pair_blocks,
    pair_names,
    triple_entries,
    values_of_pairs,
)
from matloop.represent.structural.species import strangers

TERMS = ("inverse_distance", "cosine")
Grids = tuple[tuple[float, float, float], ...]


class MbtrFeaturizer(StructureHistograms):
    """Many-body tensor representation: inverse distances and angles as smooth histograms, by kinds of atoms.

    A pair at distance d counts exp(-s d), a triple of perimeter p exp(-s p / 2), with s such that a thousandth is left
    at the cutoff; what counts less is left out. Each is a Gaussian on the grid of its term.

    The definitions and values are DScribe's `MBTR` (2.1), computed here: on neighbour lists of the whole batch, and
    also where DScribe fails (with ASE 3.27 and later). By default atoms of all elements count alike. With `species`
    there is a block for each pair and triple of them; a run keeps the elements of its data apart as long as that makes
    no more than 4,000 columns.

    Parameters
    ----------
    terms : of "distance" (Angstrom), "inverse_distance" (1/Angstrom), "angle" (degrees), "cosine".
    cutoff : Angstrom. points : of each grid. grids : (lowest, highest, width of the Gaussians) for each term; the usual
        ones if empty.
    normalisation : "n_atoms" divides by the number of sites, "l2" each term by its Euclidean length, "none".
    """

    def __init__(
        self, terms: tuple[str, ...] = TERMS, cutoff: float = 6.0, points: int = 50, grids: Grids = (),
        normalisation: str = "n_atoms", species: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.terms = terms
        self.cutoff = cutoff
        self.points = points
        self.grids = grids
        self.normalisation = normalisation
        self.species = species

    def columns(self) -> tuple[str, ...]:
        if self.normalisation not in ("n_atoms", "l2", "none"):
            raise ConfigError(f"normalisation = {self.normalisation!r}: 'n_atoms', 'l2' or 'none' is possible.")
        return self.histogram_names("MBTR")

    def entries(self, term: str, near: Neighbours, kinds: IntArray, n_kinds: int) -> Iterator[Entries]:
        if term in PAIRS:
            weights = decay(near.distances, self.cutoff)
            keep = np.flatnonzero(weights >= THRESHOLD)
            blocks = pair_blocks(kinds[near.first[keep]], kinds[near.second[keep]], n_kinds)
            # every pair is listed from both ends
            yield Entries(near.first[keep], blocks, values_of_pairs(term, near)[keep], weights[keep] / 2)
            return
        for part in angles(near, self.cutoff):
            yield triple_entries(term, near, part, _triple_weights(near, part, self.cutoff), kinds, n_kinds)

    def normalise(self, structures: Structures, tables: list[FloatArray]) -> None:
        for table in tables:
            if self.normalisation == "n_atoms":
                table /= structures.sizes[:, None, None]
            elif self.normalisation == "l2":
                lengths = np.sqrt(np.square(table).sum(axis=(1, 2), keepdims=True))
                table /= np.where(lengths > 0, lengths, 1.0)

    def citations(self) -> tuple[str, ...]:
        return HUO, HIMANEN


def _triple_weights(near: Neighbours, part: Angles, cutoff: float) -> FloatArray:
    """What each triple counts; 0 where that is less than THRESHOLD."""
    perimeters = near.distances[part.first] + near.distances[part.second] + part.between
    weights = decay(perimeters / 2, cutoff)
    return np.where(weights >= THRESHOLD, weights, 0.0)


class LocalMbtrFeaturizer(Histograms, SiteFeaturizer):
    """Local many-body tensor representation: distances and angles around each site X, pooled to the structure.

    As `mbtr`, for the pairs and triples that a site is part of: X at the end or in the middle of an angle. What
    element X is does not count. Values as of DScribe's `LMBTR` (2.1), whose blocks of X with itself are always zero and
    are left out here.

    Parameters
    ----------
    terms, cutoff, points, grids, species : as of `mbtr`.
    """

    def __init__(
        self, terms: tuple[str, ...] = TERMS, cutoff: float = 6.0, points: int = 50, grids: Grids = (),
        species: tuple[str, ...] = (), statistics: tuple[str, ...] = ("mean", "std"),
    ) -> None:  # fmt: skip
        super().__init__(statistics)
        self.terms = terms
        self.cutoff = cutoff
        self.points = points
        self.grids = grids
        self.species = species

    def width(self, n_kinds: int) -> int:
        return sum(self.block_counts(n_kinds)) * self.points * len(self.statistics)

    def block_counts(self, n_kinds: int) -> list[int]:
        return [n_kinds if term in PAIRS else n_kinds * (n_kinds + 1) // 2 + n_kinds**2 for term in self.terms]

    def blocks(self, term: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if term in PAIRS:
            return tuple(f"X-{kind}" for kind in kinds)
        return (*pair_names(kinds, "X-"), *(f"X-{middle}-{end}" for middle in kinds for end in kinds))

    def site_columns(self) -> tuple[str, ...]:
        return self.histogram_names("LMBTR")

    def refusals(self, structures: Structures) -> dict[int, str]:
        return super().refusals(structures) | strangers(structures, self.species)

    def entries(self, term: str, near: Neighbours, kinds: IntArray, n_kinds: int) -> Iterator[Entries]:
        if term in PAIRS:
            weights = decay(near.distances, self.cutoff)
            keep = np.flatnonzero(weights >= THRESHOLD)
            yield Entries(near.first[keep], kinds[near.second[keep]], values_of_pairs(term, near)[keep], weights[keep])
            return
        for part in angles(near, self.cutoff):
            yield _local_entries(term, near, part, _triple_weights(near, part, self.cutoff), kinds, n_kinds)

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        listed = near.within(self.cutoff)
        reasons = self.refused(structures, listed)
        listed = dropped(listed, structures.rows, reasons)
        counts = self.block_counts(max(len(self.species), 1))
        found = [np.zeros((len(structures.coordinates), count, self.points)) for count in counts]
        for place, sites, blocks, tables in self.site_tables(structures, listed):
            found[place][sites, blocks] = tables
        joined = np.concatenate([table.reshape(len(table), -1) for table in found], axis=1)
        joined[np.isin(structures.rows, list(reasons))] = np.nan
        return joined, reasons

    def citations(self) -> tuple[str, ...]:
        return HUO, HIMANEN


def _local_entries(
    term: str, near: Neighbours, part: Angles, weights: FloatArray, kinds: IntArray, n_kinds: int
) -> Entries:
    """Of each pair of neighbours j, k of X the angles j-X-k, X-j-k and X-k-j."""
    keep = np.flatnonzero(weights > 0)
    first, second, between = part.first[keep], part.second[keep], part.between[keep]
    j, k = kinds[near.second[first]], kinds[near.second[second]]
    to_j, to_k = near.distances[first], near.distances[second]
    pairs = n_kinds * (n_kinds + 1) // 2
    return Entries(
        np.tile(near.first[first], 3),
        np.concatenate([pair_blocks(j, k, n_kinds), pairs + j * n_kinds + k, pairs + k * n_kinds + j]),
        np.concatenate([
            angle_values(term, to_j, to_k, between), angle_values(term, to_j, between, to_k),
            angle_values(term, to_k, between, to_j),
        ]),
        np.tile(weights[keep], 3),
    )  # fmt: skip
