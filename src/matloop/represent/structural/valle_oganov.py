"""Crystal fingerprint of Valle and Oganov: distances and angles as smooth histograms, divided by those of a gas."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Neighbours
from matloop.matter.structures import Structures
from matloop.represent.structural.many_body import (
    HIMANEN,
    Entries,
    StructureHistograms,
    angles,
    pair_blocks,
    triple_entries,
    values_of_pairs,
)
from matloop.represent.structural.smearing import Grid
from matloop.represent.structural.species import kind_names, kinds_of


class ValleOganovFeaturizer(StructureHistograms):
    """Histograms of distances and angles by kinds of atoms, normalised by the density of these.

    A pair counts 1 / d^2, divided by 4 pi N_a N_b / V (by half of it for a = b); an angle counts f(d) f(d'), f(d) =
    1 + 2 x^3 - 3 x^2 and x = d / cutoff, divided by N_a N_b N_c / V: so that histograms of angles
    fall with the size of the cell. The values are those of DScribe's `ValleOganov` (2.1). Kinds of atoms as of `mbtr`.

    Parameters
    ----------
    terms : of "distance" (Angstrom) and "angle" (degrees). cutoff : Angstrom. points : of each grid. widths : of the
        Gaussians, one for each term.
    """

    needs_cell = True
    invariances = ("rotation", "translation", "permutation", "cell")
    grids = ()

    def __init__(
        self, terms: tuple[str, ...] = ("distance", "angle"), cutoff: float = 6.0, points: int = 50,
        widths: tuple[float, ...] = (0.1, 4.0), species: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.terms = terms
        self.cutoff = cutoff
        self.points = points
        self.widths = widths
        self.species = species

    def columns(self) -> tuple[str, ...]:
        if not set(self.terms) <= {"distance", "angle"} or len(self.widths) != len(self.terms):
            raise ConfigError(
                f"terms = {self.terms}, widths = {self.widths}: 'distance' and 'angle', with a width for each, are "
                "possible."
            )
        return self.histogram_names("Valle-Oganov")

    def grid(self, place: int) -> Grid:
        highest = self.cutoff if self.terms[place] == "distance" else 180.0
        return Grid(0.0, highest, self.widths[place], self.points).checked()

    def entries(self, term: str, near: Neighbours, kinds: IntArray, n_kinds: int) -> Iterator[Entries]:
        if term == "distance":
            blocks = pair_blocks(kinds[near.first], kinds[near.second], n_kinds)
            # every pair is listed from both ends
            yield Entries(near.first, blocks, values_of_pairs(term, near), 0.5 / near.distances**2)
            return
        x = near.distances / self.cutoff
        fade = 1 + 2 * x**3 - 3 * x**2
        for part in angles(near, 2 * self.cutoff):
            yield triple_entries(term, near, part, fade[part.first] * fade[part.second], kinds, n_kinds)

    def normalise(self, structures: Structures, tables: list[FloatArray]) -> None:
        n = len(kind_names(self.species))
        kinds = kinds_of(self.species)[structures.site_numbers]
        counts = np.bincount(structures.rows * n + kinds, minlength=len(structures) * n).reshape(-1, n).astype(float)
        low, high = np.triu_indices(n)
        products = counts[:, low] * counts[:, high]
        volumes = structures.volumes[:, None]
        for term, table in zip(self.terms, tables, strict=True):
            if term == "distance":
                expected = products * np.where(low == high, 0.5, 1.0) * 4 * math.pi / volumes
            else:
                expected = (counts[:, :, None] * products[:, None, :]).reshape(len(structures), -1) / volumes
            # without atoms of a kind its histograms are empty
            table /= np.where(expected > 0, expected, 1.0)[:, :, None]

    def citations(self) -> tuple[str, ...]:
        return (
            "M. Valle, A. R. Oganov, Crystal fingerprint space - a novel paradigm for studying crystal-structure sets, "
            "Acta Cryst. A 66 (2010) 507, doi:10.1107/S0108767310026395",
            HIMANEN,
        )
