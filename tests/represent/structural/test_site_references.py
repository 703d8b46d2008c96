"""Site features against matminer 0.10.1 and DScribe 2.1.2, on the crystals of `testing.structures`."""

from pathlib import Path

import numpy as np
import pytest

from matloop.core.elements import SYMBOLS
from matloop.represent.structural.agni import AgniFeaturizer
from matloop.represent.structural.bond_order import BondOrderFeaturizer
from matloop.represent.structural.bond_statistics import COLUMNS, BondStatisticsFeaturizer
from matloop.represent.structural.local_difference import LocalDifferenceFeaturizer
from matloop.represent.structural.symmetry_functions import GaussianSymmetryFeaturizer, SymmetryFunctionsFeaturizer
from matloop.testing.structures import sample_structures

pytest.importorskip("matscipy", reason="the extra structures is not installed")

# made by tools/site_references.py
REFERENCE = np.load(Path(__file__).parent / "sites_matminer_0_10_1.npz")
CRYSTALS = sample_structures().take(REFERENCE["rows"])
OURS = {
    "gaussian_symmetry": GaussianSymmetryFeaturizer(),
    "agni": AgniFeaturizer(directions=("x", "y", "z")),
    "bond_order": BondOrderFeaturizer(w=True, w_hat=True),
    "local_difference": LocalDifferenceFeaturizer(),
    "local_signed": LocalDifferenceFeaturizer(properties=("Electronegativity",), signed=True, neighbours="solid_angle"),
    "bond_length": BondStatisticsFeaturizer(),
    "bond_angle": BondStatisticsFeaturizer(),
}
COLUMN = {"bond_length": "bond length average", "bond_angle": "bond angle to nearest"}


@pytest.mark.parametrize("name", list(OURS))
def test_values_are_those_of_matminer(name):
    ours, theirs = OURS[name].sites(CRYSTALS), REFERENCE[name]
    if name in COLUMN:
        ours = ours[:, [COLUMNS.index(COLUMN[name])]]
    known = np.isfinite(theirs).all(axis=1)
    assert known.sum() >= len(known) - 2
    size = np.maximum(np.abs(theirs[known]).max(axis=0), 1.0)
    if name == "bond_order":  # w over the cubed length is rounding over rounding where there is no order
        theirs = np.where(np.abs(np.tile(theirs[:, :10], 3)) < 1e-5, ours, theirs)
    np.testing.assert_allclose(ours[known] / size, theirs[known] / size, rtol=0, atol=1e-7)


@pytest.mark.parametrize("row", range(len(CRYSTALS)), ids=CRYSTALS.names.tolist())
def test_symmetry_functions_by_element_are_those_of_dscribe(row):
    crystal = CRYSTALS.take(np.array([row]))
    numbers = sorted(set(crystal.numbers.tolist()))
    g2, g4, g5 = (
        ((1.0, 0.0), (0.5, 2.0), (4.0, 3.0)),
        ((0.05, 1, 1), (0.02, 4, -1), (0.1, 2, 1)),
        ((0.05, 1, -1), (0.2, 4, 1)),
    )
    ours = SymmetryFunctionsFeaturizer(5.0, g2=g2, g4=g4, g5=g5, species=tuple(SYMBOLS[z] for z in numbers)).sites(
        crystal
    )
    theirs = REFERENCE[f"acsf/{crystal.names[0]}"]
    n, pairs = len(numbers), len(numbers) * (len(numbers) + 1) // 2
    # DScribe has the plain sum of f before the G2 of each element, and G4 and G5 together for each pair
    radial = theirs[:, : n * 4].reshape(-1, n, 4)[:, :, 1:].transpose(0, 2, 1).reshape(len(theirs), -1)
    order = [b * (b + 1) // 2 + a for a in range(n) for b in range(a, n)]  # its pairs: 00, 01, 11, 02, 12, 22
    angular = theirs[:, n * 4 :].reshape(-1, pairs, 5)[:, order].transpose(0, 2, 1).reshape(len(theirs), -1)
    np.testing.assert_allclose(ours, np.concatenate([radial, angular], axis=1), rtol=1e-10, atol=1e-10)
