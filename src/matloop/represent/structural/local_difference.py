"""How different the neighbours of a site are from it, in properties of the elements (Ward et al. 2017)."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import ElementTable, property_units, table
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.magpie import PROPERTIES as MAGPIE_PROPERTIES
from matloop.represent.structural.bonds import bonds
from matloop.represent.structural.featurizer import SiteFeaturizer


class LocalDifferenceFeaturizer(SiteFeaturizer):
    """Mean difference of element properties between the neighbours of a site and the site itself, pooled.

    Neighbours share a face of their Voronoi cells and count by its area: columns "local difference in Number" and so
    on, as in matminer's LocalPropertyDifference. A value that the table does not have is the mean over the known ones.

    Parameters
    ----------
    properties : columns of the element table; by default the 22 of Magpie, or all of another table. signed : the
        differences neighbour - site instead of their magnitudes ("local signed difference in Number"). source : an
        embedded element table ("magpie", "deml", "periodic", "matscholar", "megnet", ...), or one's own: an
        `ElementTable`, as `core.element_csv.read_element_table` gives. neighbours : "area", "solid_angle", or "cutoff"
        or "fade": all within the cutoff. cutoff : Angstrom, for the last two.
    """

    needs_order = True

    def __init__(
        self,
        properties: tuple[str, ...] = (),
        signed: bool = False,
        source: str | ElementTable = "magpie",
        neighbours: str = "area",
        cutoff: float = 4.0,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.properties = properties
        self.signed = signed
        self.source = source
        self.neighbours = neighbours
        self.cutoff = cutoff

    def _table(self) -> ElementTable:
        if isinstance(self.source, ElementTable):
            return self.source.pick(self.properties or self.source.columns)
        return table(self.source).pick(
            self.properties or (MAGPIE_PROPERTIES if self.source == "magpie" else table(self.source).columns)
        )

    def site_columns(self) -> tuple[str, ...]:
        kind = "local signed difference in" if self.signed else "local difference in"
        return tuple(f"{kind} {name}" for name in self._table().columns)

    def site_units(self) -> dict[str, str]:
        known = property_units(self.source) if isinstance(self.source, str) else {}
        named = zip(self.site_columns(), self._table().columns, strict=True)
        return {column: known[name] for column, name in named if name in known}

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        around = bonds(structures, near, self.neighbours, self.cutoff)
        numbers, values = structures.site_numbers, self._table().filled().values
        here, there = numbers[around.sites], numbers[around.neighbours]
        found = np.empty((len(numbers), values.shape[1]))
        for k, column in enumerate(values.T):
            difference = column[there] - column[here]
            found[:, k] = around.mean(difference if self.signed else np.abs(difference))
        return found, around.refused

    def citations(self) -> tuple[str, ...]:
        return ("Ward et al. 2017, doi:10.1103/PhysRevB.96.024104", "de Jong et al. 2016, doi:10.1038/srep34256")
