"""Structures that cannot be: overlapping atoms, no volume, absurd densities, empty layers, charged cells."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.matter.structures import Structures
from matloop.matter.structures_check import faults

VACUUM = 10.0
"""Angstrom of an empty layer in a crystal: layers of layered crystals are 3 to 7 apart, slabs have 10 and more."""
CHARGE = 0.05
"""Elementary charges per cell."""


def geometry_faults(structures: Structures) -> dict[int, str]:
    """{row: all that speaks against it}; the structures stay as they are.

    Raises
    ------
    MissingExtra : matscipy is not installed.
    """
    found = {row: list(reasons) for row, reasons in faults(structures).items()}
    crystal = structures.periodic.all(axis=1) & (structures.sizes > 0)
    gaps = empty_layers(structures)
    for row in np.flatnonzero(crystal & (gaps > VACUUM)).tolist():
        found.setdefault(row, []).append(
            f"an empty layer of {gaps[row]:.1f} Angstrom: a slab or a molecule in a box, not a crystal"
        )
    for row in np.flatnonzero(crystal & (np.abs(structures.charges) > CHARGE)).tolist():
        charge = structures.charges[row]
        found.setdefault(row, []).append(f"the cell has a charge of {charge:+.3g}: oxidation states do not balance")
    return {row: "; ".join(found[row]) for row in sorted(found)}


def empty_layers(structures: Structures) -> FloatArray:
    """The thickest layer between lattice planes that holds no atom centre, shape (n_rows,), Angstrom."""
    thickest = np.zeros(len(structures))
    if not len(structures.coordinates):
        return thickest
    rows, sizes = structures.rows, structures.sizes
    first = structures.offsets[:-1]
    volumes = np.abs(np.linalg.det(structures.lattices))
    for axis in range(3):
        one, two = (structures.lattices[:, (axis + k) % 3] for k in (1, 2))
        area = np.linalg.norm(np.cross(one, two), axis=1)
        height = np.divide(volumes, area, out=np.zeros(len(area)), where=area > 1e-12)
        place = structures.coordinates[:, axis] % 1.0
        place = place[np.lexsort((place, rows))]
        gaps = np.diff(place, append=0.0)
        last = structures.offsets[1:][sizes > 0] - 1
        gaps[last] = 1.0 + place[first[sizes > 0]] - place[last]
        widest = np.zeros(len(structures))
        np.maximum.at(widest, rows, gaps)
        thickest = np.maximum(thickest, widest * height)
    return thickest
