from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.elements import SYMBOLS, Z_OF, oxidation_occurrence, oxidation_states
from matloop.represent.cations import CationsFeaturizer
from matloop.represent.electron_affinity import ElectronAffinityFeaturizer
from matloop.represent.electronegativity_difference import ElectronegativityDifferenceFeaturizer
from matloop.represent.oxidation import OxidationFeaturizer, assumed_states
from matloop.represent.oxidation_search import assume_states


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("Fe3O4", {"Fe2+": 1, "Fe3+": 2, "O2-": 4}),
        ("LiMn2O4", {"Li1+": 1, "Mn3+": 1, "Mn4+": 1, "O2-": 4}),
        # most frequent is not most chemical, but it is what pymatgen answers for La7Sr3Mn10O30
        (
            "La0.7Sr0.3MnO3",
            {"La3+": 7, "Sr2+": 3, "Mn2+": 6, "Mn3+": 1, "Mn4+": 1, "Mn7+": 2, "O2-": 30},
        ),
        ("Pb3O4", {"Pb2+": 2, "Pb4+": 1, "O2-": 4}),
        ("LiFePO4", {"Li1+": 1, "Fe2+": 1, "P5+": 1, "O2-": 4}),
        ("YBa2Cu3O7", {"Y3+": 1, "Ba2+": 2, "Cu2+": 2, "Cu3+": 1, "O2-": 7}),
        ("SO4^2-", {"S6+": 1, "O2-": 4}),
        ("MnO4^-", {"Mn7+": 1, "O2-": 4}),
        ("Fe^3+", {"Fe3+": 1}),
        ("NiAl", {"Ni0+": 1, "Al0+": 1}),
        ("XeKr", {"Xe0+": 1, "Kr0+": 1}),
        ("C60", {"C0+": 1}),
    ],
)
def test_states_of_well_known_compounds(formula, expected):
    found, whole = assumed_states([formula])[0], sum(expected.values())
    assert found == pytest.approx({name: n / whole for name, n in expected.items()}, abs=1e-12)


TRIED = ("O", "F", "S", "N", "Fe", "Mn", "Cu", "Ti", "Na", "U", "Pb", "C", "As", "Gd")


def tried(elements, atoms):
    """The largest sum of occurrences over all choices that balance, by trying every one; None if none does."""
    occurs, best = oxidation_occurrence(), None
    lists = [oxidation_states("icsd")[z] or oxidation_states("common")[z] for z in elements]
    for choice in product(*(combinations_with_replacement(s, n) for s, n in zip(lists, atoms, strict=True))):
        if sum(map(sum, choice)) == 0:
            score = sum(occurs.get((z, s), 0) for z, of in zip(elements, choice, strict=True) for s in of)
            best = score if best is None else max(best, score)
    return best


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(TRIED), st.integers(1, 4), min_size=2, max_size=4))
def test_the_search_finds_what_trying_everything_finds(formula):
    symbols = sorted(formula, key=Z_OF.get)
    elements = np.array([[Z_OF[s] for s in symbols]])
    atoms = np.array([formula[s] for s in symbols])
    atoms = atoms // np.gcd.reduce(atoms)
    assumed = assume_states(elements, atoms[None, :].astype(float), np.zeros(1))
    best = tried(elements[0].tolist(), atoms.tolist())
    assert bool(assumed.balanced[0]) == (best is not None)
    if best is not None:
        share, states = assumed.share[0] * atoms.sum(), assumed.states[0]
        assert (share * states).sum() == pytest.approx(0.0, abs=1e-9)
        np.testing.assert_allclose(share.sum(axis=1), atoms)
        occurs = oxidation_occurrence()
        score = sum(
            n * occurs.get((z, int(s)), 0)
            for z, of, at in zip(elements[0].tolist(), share, states, strict=True)
            for n, s in zip(of, at, strict=True)
        )
        assert score == pytest.approx(best)


def test_a_large_cell_is_the_limit_of_whole_atoms():
    texts = ["La0.7Sr0.3MnO3", "La0.7123Sr0.2877MnO3"]
    small, large = OxidationFeaturizer().transform(texts)
    np.testing.assert_allclose(large, small, atol=0.1)  # ten manganese atoms are not yet a large cell
    reasons = OxidationFeaturizer().reasons(texts)
    assert list(reasons) == [1]
    assert "large cell" in reasons[1]
    charge = sum(float(name[-1] + name[-2]) * share for name, share in assumed_states(texts)[1].items())
    assert charge == pytest.approx(0.0, abs=1e-9)


def test_hundreds_of_atoms_and_many_elements_are_done_at_once():
    many = "".join(f"{SYMBOLS[z]}{z % 7 + 1}" for z in range(19, 39)) + "O90"
    texts = [many, "Mn63S101O207Cl13Fe90", "C6000H12000O3001N7", "Fe1000000O2", "Fe999999O1000001"] * 20
    values = OxidationFeaturizer().transform(texts)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values, np.tile(values[:5], (20, 1)))


def test_all_pairs_of_elements_have_a_value_or_a_reason():
    texts = [f"{a}{b}2" for a in SYMBOLS[1:] for b in ("O", "Cl", "He", "Og", "Fe") if a != b]
    for kind in (CationsFeaturizer, ElectronAffinityFeaturizer, ElectronegativityDifferenceFeaturizer):
        missing = np.flatnonzero(np.isnan(kind().transform(texts)).any(axis=1)).tolist()
        reasons = kind().reasons(texts)
        assert set(missing) <= set(reasons)
    assert np.isfinite(OxidationFeaturizer().transform(texts)).all()


def test_values_by_hand():
    # MgO: X 1.31 and 3.44; O affinity 141000 J/mol (Deml); Mg 737.7 + 1450.7 kJ/mol
    np.testing.assert_allclose(ElectronegativityDifferenceFeaturizer().transform(["MgO"])[0], [2.13, 2.13, 0, 2.13, 0])
    assert ElectronAffinityFeaturizer().transform(["MgO"])[0, 0] == pytest.approx(-2 * 141000, rel=1e-6)
    assert CationsFeaturizer().transform(["MgO"])[0, 0] == pytest.approx(737.7e3 + 1450.7e3, rel=1e-3)
    # Fe3O4: states -2 (4), 2 (1), 3 (2) of 7 atoms
    weights, states = np.array([4, 1, 2]) / 7, np.array([-2, 2, 3])
    std = np.sqrt((weights * states**2).sum() / (1 - (weights**2).sum()))
    np.testing.assert_allclose(OxidationFeaturizer().transform(["Fe3O4"])[0], [-2, 3, 5, std])


def test_no_ions_no_values_but_a_reason():
    reasons = CationsFeaturizer().reasons(["NiAl", "MgO"])
    assert list(reasons) == [0]
    assert "none of Al, Ni balance" in reasons[0]
