"""What the space group says of a crystal."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, frozen
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.matter.symmetry import MOST_SITES, TOLERANCE, finder, site_kinds
from matloop.represent.structural.featurizer import StructureFeaturizer

# fmt: off
_CLASSES: tuple[tuple[int, int, int, bool], ...] = (
    # last space group, crystal system, operations of the point group, inversion; International Tables A, 2016
    (1, 7, 1, False), (2, 7, 2, True),
    (5, 6, 2, False), (9, 6, 2, False), (15, 6, 4, True),
    (24, 5, 4, False), (46, 5, 4, False), (74, 5, 8, True),
    (80, 4, 4, False), (82, 4, 4, False), (88, 4, 8, True), (98, 4, 8, False), (110, 4, 8, False), (122, 4, 8, False),
    (142, 4, 16, True),
    (146, 3, 3, False), (148, 3, 6, True), (155, 3, 6, False), (161, 3, 6, False), (167, 3, 12, True),
    (173, 2, 6, False), (174, 2, 6, False), (176, 2, 12, True), (182, 2, 12, False), (186, 2, 12, False),
    (190, 2, 12, False), (194, 2, 24, True),
    (199, 1, 12, False), (206, 1, 24, True), (214, 1, 24, False), (220, 1, 24, False), (230, 1, 48, True),
)
# fmt: on


def _table() -> FloatArray:
    """Crystal system, inversion and operations by space group, shape (231, 3); row 0 is none."""
    last = np.array([one[0] for one in _CLASSES])
    kinds = np.array([(system, inversion, operations) for _, system, operations, inversion in _CLASSES], dtype=float)
    found = kinds[np.searchsorted(last, np.arange(231))]
    found[0] = np.nan
    return frozen(found)


OF_GROUP: FloatArray = _table()


class GlobalSymmetryFeaturizer(StructureFeaturizer):
    """Space group, crystal system, inversion and number of symmetry operations.

    Columns: "spacegroup_num" (1 to 230), "crystal_system_int" (1 cubic, 2 hexagonal, 3 trigonal, 4 tetragonal, 5
    orthorhombic, 6 monoclinic, 7 triclinic), "is_centrosymmetric" (0 or 1), "n_symmetry_ops" (of the primitive cell:
    the order of the point group, 1 to 48). As matminer's `GlobalSymmetryFeatures`, whose number of operations also
    counts the translations by which a cell that is not primitive repeats itself, so that it depends on the cell.

    The space group is sought by moyopy: ten times faster than spglib, which differs where atoms lie about as far from
    a symmetric place as the tolerance. A site that is shared or partly vacant is a kind of its own.

    Parameters
    ----------
    tolerance : Angstrom, how far an atom may lie from where a symmetry puts it. matminer's 0.01 by default.
    """

    needs_order = False
    needs_cell = True
    most_sites = MOST_SITES

    def __init__(self, tolerance: float = TOLERANCE) -> None:
        self.tolerance = tolerance

    def columns(self) -> tuple[str, ...]:
        return ("spacegroup_num", "crystal_system_int", "is_centrosymmetric", "n_symmetry_ops")

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        moyopy = finder()
        kinds, groups, reasons = site_kinds(structures), np.zeros(len(structures), dtype=np.int64), {}
        for row in range(len(structures)):
            sites = slice(structures.offsets[row], structures.offsets[row + 1])
            cell = moyopy.Cell(
                structures.lattices[row].tolist(), structures.coordinates[sites].tolist(), kinds[sites].tolist()
            )
            try:
                groups[row] = moyopy.MoyoDataset(cell, symprec=self.tolerance).number
            except ValueError as error:
                reasons[row] = f"no symmetry was found ({error}); look for overlapping atoms"
        return np.column_stack([np.where(groups > 0, groups, np.nan), OF_GROUP[groups]]), reasons

    def citations(self) -> tuple[str, ...]:
        return (
            "International Tables for Crystallography A: Space-group symmetry, 6th ed. (2016), "
            "doi:10.1107/97809553602060000114",
            "K. Shinohara, Moyo: a fast and robust crystal symmetry finder, https://github.com/spglib/moyo",
        )
