"""Make reference values for tests/represent/structural from matminer 0.10.1 and DScribe 2.1.2.

    python tools/matrix_references.py matminer tests/represent/structural/orbital_field_matminer_0_10_1.npz
    python tools/matrix_references.py dscribe tests/represent/structural/dscribe_2_1_2.npz

The structures are those of `matloop.testing.structures`. DScribe 2.1.2 needs ASE 3.26 or older here (its class `System`
fails with later ones: github.com/SINGROUP/dscribe/issues/165). matminer reads the outermost shell from the end of
pymatgen's list of shells, which is sorted otherwise since 2024; the list is handed to it in its old order.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from matloop.testing.structures import sample_structures

CRYSTALS = ("rock salt", "CsCl", "wurtzite", "perovskite", "hcp", "vacancy")
KINDS = {"alike": ("H",), "perovskite": ("O", "Ti", "Sr")}
GRIDS = {"distance": (0.0, 6.0, 0.1), "inverse_distance": (0.0, 1.0, 0.02), "angle": (0.0, 180.0, 4.0),
         "cosine": (-1.0, 1.0, 0.05)}  # fmt: skip


def matminer(place: Path) -> None:
    """Orbital-field matrices of CRYSTALS."""
    from matminer.featurizers.structure.matrix import OrbitalFieldMatrix
    from pymatgen.core import Structure

    class InOldOrder(OrbitalFieldMatrix):
        def get_ohv(self, sp: Any, period_tag: bool) -> Any:
            shells = sorted(sp.full_electronic_structure, key=lambda shell: (shell[0], "spdf".index(shell[1])))
            return super().get_ohv(SimpleNamespace(full_electronic_structure=shells, row=sp.row), period_tag)

    structures = sample_structures()
    found: dict[str, Any] = {"plain": [], "period": []}
    for name in CRYSTALS:
        one = structures.take(np.array([structures.names.tolist().index(name)]))
        crystal = Structure(one.lattices[0], one.numbers.tolist(), one.coordinates)
        found["plain"].append(InOldOrder().featurize(crystal))
        found["period"].append(InOldOrder(period_tag=True).featurize(crystal))
    np.savez_compressed(place, names=np.array(CRYSTALS), **{key: np.array(rows) for key, rows in found.items()})


def dscribe(place: Path) -> None:
    """Matrices of all ordered structures; SOAP, ACSF and histograms of those that repeat in three directions."""
    from ase import Atoms
    from dscribe.descriptors import CoulombMatrix, EwaldSumMatrix, SineMatrix

    structures = sample_structures()
    structures = structures.take(np.flatnonzero(structures.ordered))
    crystals = structures.periodic.all(axis=1)
    positions, bounds = structures.positions, structures.offsets
    atoms = [
        Atoms(
            numbers=structures.numbers[bounds[row] : bounds[row + 1]],
            positions=positions[bounds[row] : bounds[row + 1]],
            cell=structures.lattices[row], pbc=structures.periodic[row],
        )
        for row in range(len(structures))
    ]  # fmt: skip
    found: dict[str, Any] = {"names": structures.names}
    for name, peer in (
        ("structure_coulomb_matrix", CoulombMatrix), ("sine_matrix", SineMatrix), ("ewald_matrix", EwaldSumMatrix),
    ):  # fmt: skip
        rows = np.flatnonzero(crystals | (name == "structure_coulomb_matrix"))
        found[name] = np.full((len(atoms), 16), np.nan)
        found[name][rows] = peer(n_atoms_max=16, permutation="eigenspectrum").create([atoms[row] for row in rows])
    for group, species in KINDS.items():
        rows = [r for r in np.flatnonzero(crystals).tolist() if group in ("alike", structures.names[r])]
        chosen = [atoms[row].copy() for row in rows]
        if group == "alike":
            for one in chosen:
                one.set_atomic_numbers([1] * len(one))
        found[f"{group}/names"] = structures.names[rows]
        for name, peer in peers(species).items():
            values = [np.asarray(peer.create(one)) for one in chosen]
            found[f"{group}/{name}"] = np.array([v.mean(axis=0) if v.ndim == 2 else v for v in values])
    np.savez_compressed(place, **found)


def peers(species: tuple[str, ...]) -> dict[str, Any]:
    """Descriptors with cutoff 5 A and few columns; those of sites are averaged."""
    from dscribe.descriptors import ACSF, LMBTR, MBTR, SOAP, ValleOganov

    soap = {"r_cut": 5.0, "n_max": 3, "l_max": 2, "sigma": 0.5, "species": species, "periodic": True}
    made: dict[str, Any] = {f"soap/{average}": SOAP(**soap, average=average) for average in ("outer", "inner")}
    for mode in ("crossover", "mu1nu1"):
        made[f"soap/{mode}"] = SOAP(**soap, average="outer", compression={"mode": mode})
    made["acsf"] = ACSF(
        r_cut=5.0, g2_params=[[1.0, 2.0]], g3_params=[1.0], g4_params=[[0.01, 2.0, -1.0]],
        g5_params=[[0.01, 1.0, 1.0]], species=species, periodic=True,
    )  # fmt: skip
    for term, (low, high, sigma) in GRIDS.items():
        half = 0.5 if term in ("angle", "cosine") else 1.0
        grid = {"min": low, "max": high, "sigma": sigma, "n": 12}
        shared = {"geometry": {"function": term}, "grid": grid, "species": species, "periodic": True}
        weighting = {"function": "exp", "r_cut": 5.0, "threshold": 1e-3}
        made[f"mbtr/{term}"] = MBTR(**shared, weighting=weighting, normalization="n_atoms")
        scale = {"function": "exp", "scale": -half * np.log(1e-3) / 5.0, "threshold": 1e-3}
        made[f"local_mbtr/{term}"] = LMBTR(**shared, weighting=scale)
        if term in ("distance", "angle"):
            made[f"valle_oganov/{term}"] = ValleOganov(species=species, function=term, n=12, sigma=sigma, r_cut=5.0)
    return made


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"matminer": matminer, "dscribe": dscribe}[sys.argv[1]](Path(sys.argv[2]))
