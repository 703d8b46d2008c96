"""Make tests/represent/structural/structures_matminer_0_10_1.npz from matminer 0.10.1 (only needed here).

    python tools/structure_references.py tests/represent/structural/structures_matminer_0_10_1.npz

Features of the crystals of `matloop.testing.structures.sample_structures` that are ordered and repeat in all
directions; rows for which matminer raises are NaN. Sites are put into the cell first: where coordinates are outside of
it, matminer finds no Voronoi neighbours. No distance in them is a multiple of 0.19 Angstrom, the width of the bins.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matminer.featurizers import site as of_sites
from matminer.featurizers import structure as peers
from matminer.featurizers.structure.sites import SiteStatsFingerprint
from pymatgen.core import Structure

from matloop.testing.structures import sample_structures

STATISTICS = ("mean", "std_dev", "minimum", "maximum")
SYMMETRY = ["spacegroup_num", "crystal_system_int", "is_centrosymmetric"]
RAISED = (ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError)


def features() -> dict[str, Callable[[Structure], Any]]:
    """matminer's features by our names."""
    grdf = of_sites.GeneralizedRadialDistributionFunction
    fourier = of_sites.AngularFourierSeries.from_preset("gaussian", width=1.0, spacing=1.0, cutoff=4.0)
    upper = np.triu_indices(len(fourier.bins))

    def angular(structure: Structure) -> np.ndarray:
        values = np.array(SiteStatsFingerprint(fourier, stats=("mean", "std_dev")).featurize(structure))
        return values.reshape(len(fourier.bins), len(fourier.bins), 2)[upper].ravel()

    return {
        "density": peers.DensityFeatures().featurize,
        "global_symmetry": peers.GlobalSymmetryFeatures(SYMMETRY).featurize,
        "rdf": lambda s: peers.RadialDistributionFunction(7.6, 0.19).featurize(s) / len(s),
        "partial_rdf": peers.PartialRadialDistributionFunction(6.0, 0.5).fit([_salt()]).featurize,
        "grdf": SiteStatsFingerprint(grdf.from_preset("gaussian"), stats=STATISTICS).featurize,
        "grdf histogram": SiteStatsFingerprint(grdf.from_preset("histogram"), stats=STATISTICS).featurize,
        "angular_fourier": angular,
        "heterogeneity": peers.StructuralHeterogeneity().featurize,
        "chemical_ordering": peers.ChemicalOrdering().featurize,
        "packing_efficiency": peers.MaximumPackingEfficiency().featurize,
        "dimensionality": peers.Dimensionality().featurize,
        "bond_fractions": peers.BondFractions().fit([_salt()]).featurize,
    }


def _salt() -> Structure:
    return Structure.from_spacegroup("Fm-3m", np.eye(3) * 5.64, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def main(file: Path) -> None:
    structures = sample_structures()
    whole = structures.ordered & structures.periodic.all(axis=1)
    part = structures.take(np.flatnonzero(whole))
    made = {"names": part.names}
    for name, describe in features().items():
        rows = []
        for row in range(len(part)):
            sites = slice(part.offsets[row], part.offsets[row + 1])
            structure = Structure(part.lattices[row], part.numbers[sites].tolist(), part.coordinates[sites] % 1.0)
            try:
                rows.append(np.array(describe(structure), dtype=float))
            except RAISED:
                rows.append(np.array([]))
        width = max(map(len, rows))
        made[name] = np.stack([row if len(row) else np.full(width, np.nan) for row in rows])
    np.savez_compressed(file, **made)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
