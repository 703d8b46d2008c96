"""Which classes of elements are bonded to each other."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.bond_graph import BONDS_CITED, bond_graph
from matloop.represent.structural.element_classes import labels, pairs
from matloop.represent.structural.featurizer import StructureFeaturizer


class BondFractionsFeaturizer(StructureFeaturizer):
    """Share of the bonds of a structure that join two classes of elements.

    Columns "alkali - halogen bond frac." and so on; they add up to one, or are zero where nothing is bonded. Each atom
    counts its own bonds. With `elements` and the rule "crystal_nn" the values are those of matminer's `BondFractions`
    with these bonds allowed; bonds of other elements are in the total only.

    Not continuous: a bond is there or not.

    Parameters
    ----------
    rule : who is bonded, see `bond_graph`.
    elements : symbols; by default the nine families of elements (`element_classes.FAMILIES`), 45 pairs.
    """

    def __init__(self, rule: str = "crystal_nn", elements: tuple[str, ...] = ()) -> None:
        self.rule = rule
        self.elements = elements

    def columns(self) -> tuple[str, ...]:
        names, _ = self._labels()
        return tuple(f"{names[a]} - {names[b]} bond frac." for a, b in pairs(len(names))[0])

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        names, class_of = self._labels()
        listed, pair_of = pairs(len(names))
        graph = bond_graph(structures, near, self.rule)
        classes, rows = class_of[structures.site_numbers], structures.rows[graph.first]
        first, second = classes[graph.first], classes[graph.second]
        known = np.flatnonzero((first >= 0) & (second >= 0))
        place = rows[known] * len(listed) + pair_of[first[known], second[known]]
        counts = np.bincount(place, minlength=len(structures) * len(listed)).reshape(-1, len(listed))
        total = np.bincount(rows, minlength=len(structures))
        features: FloatArray = counts / np.maximum(total, 1)[:, None]
        features[list(graph.refused)] = np.nan
        return features, dict(graph.refused)

    def _labels(self) -> tuple[tuple[str, ...], IntArray]:
        return labels(tuple(sorted(self.elements)), kinds=False)

    def citations(self) -> tuple[str, ...]:
        return (
            "K. Hansen et al., Machine learning predictions of molecular properties: accurate many-body potentials and "
            "nonlocality in chemical space, J. Phys. Chem. Lett. 6 (2015) 2326, doi:10.1021/acs.jpclett.5b00831",
            *BONDS_CITED,
        )
