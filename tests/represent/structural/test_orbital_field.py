"""Orbital-field matrix: valence subshells, rock salt by hand, matminer's values."""

from pathlib import Path

import numpy as np
import pytest

from matloop.core.elements import Z_OF
from matloop.represent.structural.orbital_field import BOHR, SUBSHELLS, OrbitalFieldFeaturizer, valence_vectors
from matloop.testing.featurizers import check_featurizer
from matloop.testing.structures import sample_structures

pytest.importorskip("matscipy", reason="the extra structures is not installed")
# made with matminer 0.10.1 by tools/matrix_references.py
REFERENCE = np.load(Path(__file__).parent / "orbital_field_matminer_0_10_1.npz")


@pytest.mark.parametrize(
    ("symbol", "shells"),
    [("H", "s1"), ("O", "s2 p4"), ("Na", "s1"), ("Fe", "s2 d6"), ("Cu", "s1 d10"), ("Ce", "s2 d1 f1"),
     ("Nd", "s2 f4"), ("W", "s2 d4 f14"), ("Pb", "s2 p2 d10 f14"), ("U", "s2 d1 f3")],
)  # fmt: skip
def test_valence_subshells_are_those_of_the_ground_state(symbol, shells):
    found = valence_vectors()[Z_OF[symbol], :32]
    assert [SUBSHELLS[place] for place in np.flatnonzero(found)] == shells.split()


def test_periods_end_with_the_noble_gases():
    periods = valence_vectors()[[1, 2, 3, 10, 11, 57, 71, 86, 87, 104], 32:].argmax(axis=1) + 1
    assert periods.tolist() == [1, 1, 2, 2, 3, 6, 6, 6, 7, 7]


def test_rock_salt_by_hand():
    featurizer = OrbitalFieldFeaturizer()
    found = featurizer.transform(sample_structures().take(np.array([0])))[0]
    values = dict(zip(featurizer.get_feature_names_out().tolist(), found.tolist(), strict=True))
    # six equal faces, half an edge (5.64 / 2 A) away; half of the sites are Na (s1), half Cl (s2 p5)
    half = 0.5 * 6 / (2.82 / BOHR)
    expected = {"s2 - s1", "p5 - s1", "s1 - s2", "s1 - p5"}
    assert {name.removeprefix("mean OFM ") for name, value in values.items() if value} == expected
    np.testing.assert_allclose([values[f"mean OFM {name}"] for name in expected], half, rtol=1e-9)


@pytest.mark.parametrize("period", [False, True])
def test_values_are_those_of_matminer(period):
    structures = sample_structures()
    rows = [structures.names.tolist().index(name) for name in REFERENCE["names"].tolist()]
    found = OrbitalFieldFeaturizer(period=period).transform(structures.take(np.array(rows)))
    theirs = REFERENCE["period" if period else "plain"]
    # its Angstrom is 1.0000149 A
    np.testing.assert_allclose(found * (1 - 1.495045e-5), theirs, rtol=1e-7, atol=1e-9)


def test_the_contract_holds_with_periods():
    check_featurizer(OrbitalFieldFeaturizer(statistics=("mean", "maximum"), period=True))


def test_unknown_configurations_have_a_reason():
    structures = sample_structures()
    reason = OrbitalFieldFeaturizer().reasons(structures)[structures.names.tolist().index("superheavy")]
    assert reason == "the electron configuration of Og is not known"
