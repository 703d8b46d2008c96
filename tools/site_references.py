"""Make tests/represent/structural/sites_matminer_0_10_1.npz: site features of matminer 0.10.1 and DScribe 2.1.2.

    python tools/site_references.py tests/represent/structural/sites_matminer_0_10_1.npz

Needs matminer 0.10.1 and DScribe 2.1.2. The file holds, for the ordered crystals of `testing.structures`, `rows` (their
places there) and an array of shape (n_sites, n_columns) per featurizer; NaN where matminer fails. Sites are put into
the cell first: where coordinates are outside of it, the neighbours that pymatgen lists are not those of the sites.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from dscribe.descriptors import ACSF
from matminer.featurizers.site import (
    AGNIFingerprints,
    AverageBondAngle,
    AverageBondLength,
    BondOrientationalParameter,
    GaussianSymmFunc,
    LocalPropertyDifference,
)
from pymatgen.analysis.local_env import VoronoiNN
from pymatgen.core import Structure

from matloop.matter.structures import Structures
from matloop.testing.structures import sample_structures

G2 = ((1.0, 0.0), (0.5, 2.0), (4.0, 3.0))
G4 = ((0.05, 1.0, 1.0), (0.02, 4.0, -1.0), (0.1, 2.0, 1.0))
G5 = ((0.05, 1.0, -1.0), (0.2, 4.0, 1.0))
CUTOFF = 5.0


def featurizers() -> dict[str, object]:
    """matminer's featurizers by what they are called in the file."""
    return {
        "gaussian_symmetry": GaussianSymmFunc(),
        "agni": AGNIFingerprints(),
        "bond_order": BondOrientationalParameter(compute_w=True, compute_w_hat=True),
        "local_difference": LocalPropertyDifference.from_preset("ward-prb-2017"),
        "local_signed": LocalPropertyDifference(signed=True, weight="solid_angle"),
        "bond_length": AverageBondLength(VoronoiNN(tol=0.01)),
        "bond_angle": AverageBondAngle(VoronoiNN(tol=0.01)),
    }


def sites(featurizer: object, structure: Structure) -> np.ndarray:
    """Values of all sites; one column of NaN where matminer fails ("infinite vertex")."""
    try:
        return np.array([featurizer.featurize(structure, place) for place in range(len(structure))], dtype=float)
    except RuntimeError:
        return np.full((len(structure), 1), np.nan)


def acsf(structures: Structures, row: int) -> np.ndarray:
    """DScribe's symmetry functions of one row, for its own elements."""
    part = structures.take(np.array([row]))
    atoms = Atoms(part.numbers, scaled_positions=part.coordinates, cell=part.lattices[0], pbc=True)
    species = sorted(set(part.numbers.tolist()))
    return ACSF(r_cut=CUTOFF, g2_params=G2, g4_params=G4, g5_params=G5, species=species, periodic=True).create(atoms)


def main() -> None:
    """Write the file named on the command line."""
    warnings.simplefilter("ignore")
    structures = sample_structures()
    rows = np.flatnonzero(structures.ordered & structures.periodic.all(axis=1) & (structures.names != "1 A cell"))
    crystals = [
        Structure(part.lattices[0], part.numbers.tolist(), part.coordinates % 1.0)
        for part in (structures.take(np.array([row])) for row in rows)
    ]
    found = {"rows": rows}
    for name, featurizer in featurizers().items():
        values = [sites(featurizer, crystal) for crystal in crystals]
        width = max(part.shape[1] for part in values)
        found[name] = np.concatenate([np.broadcast_to(part, (len(part), width)) for part in values])
    for row in rows.tolist():
        found[f"acsf/{structures.names[row]}"] = acsf(structures, row)
    np.savez_compressed(Path(sys.argv[1]), **found)


if __name__ == "__main__":
    main()
