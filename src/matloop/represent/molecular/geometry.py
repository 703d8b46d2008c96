"""Where the atoms of a molecule are: coordinates that were given, or one conformer made by RDKit, always the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.optional import require
from matloop.matter.molecules import EXTRA, Molecules, to_rdkit

MOST_ATOMS = 200
"""Atoms with hydrogens: above, embedding takes minutes, and one conformer of many says little."""
SEED = 61453
TRIALS, STEPS = 30, 200
"""Trials to place the atoms, and steps of the force field; both bound the time."""
Geometry: TypeAlias = tuple[IntArray, FloatArray]
"""Atomic numbers, shape (n,), and positions in Angstrom, shape (n, 3); all hydrogens, open ends left out."""

EMBEDDING = (
    "S. Riniker, G. A. Landrum, Better informed distance geometry, J. Chem. Inf. Model. 55 (2015) 2562, "
    "doi:10.1021/acs.jcim.5b00654"
)


def geometry(molecules: Molecules, row: int) -> Geometry | str:
    """Atoms of one molecule in space, or why there are none.

    Given 3D coordinates are taken (hydrogens that they lack are put at usual distances); else one conformer is embedded
    by ETKDGv3 from the canonical SMILES with a fixed seed and relaxed by a force field (MMFF94, else UFF).

    References
    ----------
    Riniker & Landrum, J. Chem. Inf. Model. 55 (2015) 2562. doi:10.1021/acs.jcim.5b00654
    """
    if molecules.sizes[row] > MOST_ATOMS:
        return f"has {molecules.sizes[row]} atoms; 3D features are worked out for up to {MOST_ATOMS}"
    parts = str(molecules.smiles[row]).count(".") + 1
    if parts > 1 and not molecules.placed[row]:
        return f"has {parts} parts, and nothing says where they stand to each other; give 3D coordinates (SDF)"
    if molecules.placed[row]:
        given = to_rdkit(molecules.take(np.array([row])))[0]
        return _atoms(require("rdkit.Chem", extra=EXTRA).AddHs(given, addCoords=True))
    return _embedded(str(molecules.smiles[row]))


@lru_cache(maxsize=20_000)
def _embedded(smiles: str) -> Geometry | str:
    chem, distance = require("rdkit.Chem", extra=EXTRA), require("rdkit.Chem.rdDistGeom", extra=EXTRA)
    molecule = chem.AddHs(chem.MolFromSmiles(smiles))
    settings = distance.ETKDGv3()
    settings.randomSeed, settings.maxIterations, settings.numThreads = SEED, TRIALS, 1
    if distance.EmbedMolecule(molecule, settings) < 0:
        settings.useRandomCoords = True
        if distance.EmbedMolecule(molecule, settings) < 0:
            return f"RDKit found no 3D coordinates in {2 * TRIALS} trials"
    _relax(molecule)
    return _atoms(molecule)


def _relax(molecule: Any) -> None:
    fields = require("rdkit.Chem.rdForceFieldHelpers", extra=EXTRA)
    if fields.MMFFHasAllMoleculeParams(molecule):
        fields.MMFFOptimizeMolecule(molecule, maxIters=STEPS)
    elif fields.UFFHasAllMoleculeParams(molecule):
        fields.UFFOptimizeMolecule(molecule, maxIters=STEPS)


def _atoms(molecule: Any) -> Geometry | str:
    z = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int64)
    places = np.array(molecule.GetConformer().GetPositions(), dtype=float)[z > 0]
    z = z[z > 0]
    apart = distances(places)[np.triu_indices(len(z), 1)]
    if len(apart) and apart.min() < 0.1:
        return f"two atoms are {apart.min():.2g} Angstrom apart"
    return frozen(z), frozen(places)


def distances(positions: FloatArray) -> FloatArray:
    """Between all pairs, shape (n, n), Angstrom."""
    return np.sqrt(((positions[:, None, :] - positions[None, :, :]) ** 2).sum(axis=2))
