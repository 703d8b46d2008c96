"""Site descriptions that are smooth sums over neighbours, with analytic derivatives for forces and stress."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.errors import DataError
from matloop.matter.neighbours import Neighbours, Vicinity
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures
from matloop.represent.structural.environments import Channels, Environments, dropped, environments
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.triplets import too_many


@dataclass(frozen=True, slots=True)
class Derivatives:
    """Derivatives of the features G of sites, one entry for each pair of neighbours.

    A feature depends on positions only through the vectors from its site to the neighbours, so all other derivatives
    follow from these by sums: see `positions`, `strains`.

    centres, moved : shape (n_pairs,), the site that is described and the neighbour, sites of the batch. images : shape
    (n_pairs, 3), the cell of the neighbour. vectors : shape (n_pairs, 3), from centre to neighbour, Angstrom. values :
    shape (n_pairs, 3, n_columns), derivative of the features of the centre when this image of the neighbour alone is
    moved, per Angstrom. n_sites : of the batch. refused : {row: why it has no entries}.
    """

    centres: IntArray
    moved: IntArray
    images: IntArray
    vectors: FloatArray
    values: FloatArray
    n_sites: int
    refused: dict[int, str]

    def __post_init__(self) -> None:
        for name in ("centres", "moved", "images", "vectors", "values"):
            frozen(getattr(self, name))

    def positions(self) -> tuple[IntArray, IntArray, FloatArray]:
        """dG of one site by the position of another, all images moving together.

        Returns
        -------
        centres, moved : shape (n_entries,), each combination once, sorted; values : shape (n_entries, 3, n_columns).
        """
        keys = np.concatenate([self.centres * self.n_sites + self.moved, self.centres * self.n_sites + self.centres])
        unique, place = np.unique(keys, return_inverse=True)
        flat = self.values.reshape(len(self.values), -1)
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(unique)))
        both = np.concatenate([flat, -flat])[order]
        summed = np.add.reduceat(both, starts, axis=0) if len(unique) else both
        return unique // self.n_sites, unique % self.n_sites, summed.reshape(-1, *self.values.shape[1:])

    def strains(self) -> FloatArray:
        """dG by a homogeneous strain (r goes to r + strain r), shape (n_sites, 3, 3, n_columns)."""
        found = np.zeros((self.n_sites, 3, 3, self.values.shape[2]))
        counts = np.bincount(self.centres, minlength=self.n_sites)
        filled, starts = np.flatnonzero(counts), (np.cumsum(counts) - counts)[counts > 0]
        for a in range(3):
            if len(filled):
                found[filled, :, a] = np.add.reduceat(self.values * self.vectors[:, a, None, None], starts, axis=0)
        return found


@dataclass(frozen=True, slots=True)
class Forces:
    """What a function E of the features does to the atoms.

    forces : shape (n_sites, 3), -dE/dr. virials : shape (n_rows, 3, 3), -dE/dstrain, symmetric; the stress of a crystal
    is minus the virial over the volume. refused : {row: why it has none (NaN)}.
    """

    forces: FloatArray
    virials: FloatArray
    refused: dict[int, str]


class SmoothSiteFeaturizer(SiteFeaturizer):
    """Sites described by sums over neighbours that fade at `cutoff`; a plug-in fills in the abstract methods.

    A site that is shared by species counts with the mean of their weights, which gives the mean over all ways to put
    one species on each site independently.
    """

    needs_order = False
    cutoff: float

    @abstractmethod
    def channels(self) -> Channels:
        """How neighbours are told apart.

        Raises
        ------
        ConfigError : an option is not usable; the message says which.
        """

    @abstractmethod
    def site_sums(self, around: Environments) -> FloatArray:
        """Features of the sites, shape (n_site_columns, n_sites)."""

    @abstractmethod
    def pair_slopes(self, around: Environments) -> FloatArray:
        """Derivatives of the features by the vectors to the neighbours, shape (n_site_columns, 3, n_pairs)."""

    def pair_pulls(self, around: Environments, slopes: FloatArray) -> FloatArray:
        """Derivatives of the sum of slopes times features by the vectors to the neighbours, shape (3, n_pairs).

        Parameters
        ----------
        slopes : shape (n_site_columns, n_sites), for the sites of these environments.
        """
        return np.asarray((self.pair_slopes(around) * slopes[:, None, around.sites]).sum(axis=0))

    def goes_through_triplets(self) -> bool:
        """Whether all pairs of neighbours are gone through, which large cutoffs make too many."""
        return False

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        listed, refused, weights = self._prepared(structures, near)
        found = np.full((len(structures.coordinates), len(self.site_columns())), np.nan)
        for sites, around in environments(listed, weights, self.cutoff):
            found[sites] = self.site_sums(around).T
        found[np.isin(structures.rows, list(refused))] = np.nan
        return found, refused

    def derivatives(self, X: Any) -> Derivatives:
        """Derivatives of the features of all sites by the vectors to their neighbours.

        They take 24 bytes per pair and column; `forces` needs none of that memory.

        Parameters
        ----------
        X : structures.
        """
        structures, near = self._batch(X)
        listed, refused, weights = self._prepared(structures, near)
        values = np.zeros((len(listed.distances), 3, len(self.site_columns())))
        for _, around in environments(listed, weights, self.cutoff):
            if len(around.distances):
                values[around.place] = self.pair_slopes(around).transpose(2, 1, 0)
        return Derivatives(
            listed.first, listed.second, listed.images, listed.vectors, values, len(structures.coordinates), refused
        )

    def forces(self, X: Any, slopes: FloatArray) -> Forces:
        """Forces and virials of a function of the features, from its slopes with respect to them.

        Parameters
        ----------
        X : structures. slopes : shape (n_sites, n_site_columns), dE/dG.

        Raises
        ------
        DataError : the shape of `slopes` is another.
        """
        structures, near = self._batch(X)
        shape = (len(structures.coordinates), len(self.site_columns()))
        if np.shape(slopes) != shape:
            raise DataError(f"slopes have shape {np.shape(slopes)}; one per site and column is needed: {shape}.")
        listed, refused, weights = self._prepared(structures, near)
        pulls = np.zeros((len(listed.distances), 3))
        for sites, around in environments(listed, weights, self.cutoff):
            if len(around.distances):
                pulls[around.place] = self.pair_pulls(around, np.ascontiguousarray(slopes[sites].T)).T
        return _forces(structures, listed, pulls, refused)

    def _batch(self, X: Any) -> tuple[Structures, Vicinity]:
        structures = read_structures(X)[0]
        refused = self.refusals(structures)
        if refused or not structures.sizes.all():
            row = min([*refused, *np.flatnonzero(structures.sizes == 0).tolist()])
            why = refused.get(row, "the structure could not be read")
            raise DataError(f"row {row}: {why}. Derivatives are worked out for rows that can be described: drop it.")
        return structures, Vicinity(structures)

    def _prepared(self, structures: Structures, near: Vicinity) -> tuple[Neighbours, dict[int, str], FloatArray]:
        channels, listed = self.channels(), near.within(self.cutoff)
        refused = listed.refused | channels.refusals(structures)
        if self.goes_through_triplets():
            refused |= too_many(listed, structures.offsets)
        return dropped(listed, structures.rows, refused), refused, channels.of_sites(structures)


def _forces(structures: Structures, listed: Neighbours, pulls: FloatArray, refused: dict[int, str]) -> Forces:
    n_sites, rows = len(structures.coordinates), structures.rows
    forces = np.stack([
        np.bincount(listed.first, weights=pull, minlength=n_sites)
        - np.bincount(listed.second, weights=pull, minlength=n_sites)
        for pull in pulls.T
    ], axis=1)  # fmt: skip
    virials = np.empty((len(structures), 3, 3))
    for a in range(3):
        for b in range(3):
            pull = pulls[:, a] * listed.vectors[:, b]
            virials[:, a, b] = -np.bincount(rows[listed.first], weights=pull, minlength=len(structures))
    forces[np.isin(rows, list(refused))], virials[list(refused)] = np.nan, np.nan
    return Forces(forces, virials, refused)
