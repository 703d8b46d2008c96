"""SOAP and ACSF: DScribe's values, names, elements apart or alike, cells that DScribe does not see whole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.matter.structures import from_arrays
from matloop.represent.structural.acsf import AcsfFeaturizer
from matloop.represent.structural.soap import SoapFeaturizer
from matloop.testing.featurizers import check_featurizer
from matloop.testing.structures import INVARIANCES, other_cell, sample_structures

descriptors = pytest.importorskip("dscribe.descriptors")
# made with DScribe 2.1.2 by tools/matrix_references.py
REFERENCE = np.load(Path(__file__).parent / "dscribe_2_1_2.npz")
SMALL = {"cutoff": 5.0, "n_max": 3, "l_max": 2}
PEROVSKITE = ("Sr", "Ti", "O")
FUNCTIONS = {
    "cutoff": 5.0, "g2": ((1.0, 2.0),), "g3": (1.0,), "g4": ((0.01, 2.0, -1.0),), "g5": ((0.01, 1.0, 1.0),),
    "statistics": ("mean",),
}  # fmt: skip


def named(group):
    structures = sample_structures()
    return structures.take(np.array([structures.names.tolist().index(n) for n in REFERENCE[f"{group}/names"].tolist()]))


@pytest.mark.parametrize("group", ["alike", "perovskite"])
@pytest.mark.parametrize(
    ("peer", "options"),
    [("outer", {}), ("inner", {"average": "inner"}), ("crossover", {"compression": "crossover"}),
     ("mu1nu1", {"compression": "mu1nu1"}), ("outer", {"average": "sites", "statistics": ("mean",)})],
)  # fmt: skip
def test_soap_is_that_of_dscribe(group, peer, options):
    species = () if group == "alike" else PEROVSKITE
    if not species and "compression" in options:
        return  # with one kind of atoms nothing is left to compress
    found = SoapFeaturizer(**SMALL, species=species, **options).transform(named(group))
    theirs = REFERENCE[f"{group}/soap/{peer}"]
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-12 * np.abs(theirs).max())


def test_blocks_of_soap_stand_where_their_names_say():
    peer = descriptors.SOAP(r_cut=5.0, n_max=3, l_max=2, species=PEROVSKITE, periodic=True)
    names = SoapFeaturizer(**SMALL, species=PEROVSKITE).columns()
    assert len(names) == peer.get_number_of_features()
    for pair in (("O", "O"), ("O", "Ti"), ("O", "Sr"), ("Ti", "Sr"), ("Sr", "Sr")):
        assert all(f" {'-'.join(pair)} " in name for name in names[peer.get_location(pair)])


def test_weights_change_the_density_and_not_the_number_of_columns():
    cell = named("perovskite")
    equal, weighted = (SoapFeaturizer(**SMALL, weights=w).transform(cell) for w in ("", "Number"))
    assert equal.shape == weighted.shape
    one = SoapFeaturizer(**SMALL, species=("Sr",))
    same = from_arrays(cell.lattices, [cell.coordinates], [np.full(5, 38)])
    found, wanted = SoapFeaturizer(**SMALL, weights="Number").transform(same), 38.0**2 * one.transform(same)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * wanted.max())
    assert np.abs(weighted / weighted.max() - equal / equal.max()).max() > 0.01


@pytest.mark.parametrize("group", ["alike", "perovskite"])
def test_acsf_is_that_of_dscribe(group):
    featurizer = AcsfFeaturizer(**FUNCTIONS, species=() if group == "alike" else PEROVSKITE)
    np.testing.assert_allclose(featurizer.transform(named(group)), REFERENCE[f"{group}/acsf"], rtol=1e-10, atol=1e-12)
    assert len(featurizer.columns()) == (5 if group == "alike" else 3 * 3 + 6 * 2)


def test_names_of_acsf_say_which_elements():
    crystal = from_arrays(4.0 * np.eye(3)[None], [np.array([[0, 0, 0], [0.5, 0.5, 0.5]])], [[55, 17]])
    featurizer = AcsfFeaturizer(cutoff=3.6, g2=(), g4=(), g5=((0.0, 1.0, 1.0),), species=("Cs", "Cl", "O"))
    sites = dict(zip(featurizer.site_columns(), featurizer.sites(crystal)[1], strict=True))
    # around Cl within 3.6 A: eight Cs, nothing else
    fade = 0.5 * (np.cos(np.pi * 4.0 * 0.75**0.5 / 3.6) + 1)
    assert sites["ACSF G1 Cs"] == pytest.approx(8 * fade)
    assert {name for name, value in sites.items() if value} == {"ACSF G1 Cs", "ACSF G5 eta=0 zeta=1 lambda=1 Cs-Cs"}


@pytest.mark.parametrize(
    "featurizer",
    [SoapFeaturizer(**SMALL, average="inner"), SoapFeaturizer(**SMALL, average="sites"),
     SoapFeaturizer(**SMALL, weights="Number"), AcsfFeaturizer(g2=(), g4=(), g3=(0.5,))],
)  # fmt: skip
def test_the_contract_holds_with_other_options(featurizer):
    check_featurizer(featurizer)


def test_sites_outside_the_cell_have_all_their_neighbours():
    salt = sample_structures().take(np.array([0]))
    found, again = (SoapFeaturizer(**SMALL).transform(cell) for cell in (salt, other_cell(other_cell(salt))))
    np.testing.assert_allclose(again, found, rtol=1e-9)


@pytest.mark.parametrize("made", [SoapFeaturizer, AcsfFeaturizer])
def test_other_elements_and_costly_rows_have_a_reason(made):
    structures = sample_structures()
    reasons = made(species=("Na", "Cl")).reasons(structures)
    assert reasons[1] == "contains Cs; this description keeps apart Na, Cl only"
    assert 0 not in reasons
    dense = from_arrays(np.eye(3)[None] * 8, [np.random.default_rng(0).random((4000, 3))], [np.full(4000, 1)])
    assert "4,000 sites would take about" in made(cutoff=10.0).reasons(dense)[0]


def test_a_run_keeps_elements_apart_while_columns_are_few():
    structures = sample_structures()
    few = structures.take(np.array([4, 0]))
    assert SoapFeaturizer.planned(few, **SMALL) == {"species": ("O", "Na", "Cl", "Ti", "Sr")}
    assert SoapFeaturizer.planned(few) == {"species": ()}
    assert SoapFeaturizer.planned(few, species=("O",)) == {}


@pytest.mark.parametrize(
    ("made", "options", "told"),
    [(SoapFeaturizer, {"cutoff": 0.9}, "cutoff"), (SoapFeaturizer, {"l_max": 21}, "l_max"),
     (SoapFeaturizer, {"average": "no"}, "average"), (SoapFeaturizer, {"species": ("Xx",)}, "no symbol"),
     (SoapFeaturizer, {"species": ("H",), "weights": "Number"}, "leave out"),
     (SoapFeaturizer, {"weights": "Beauty"}, "Beauty"), (AcsfFeaturizer, {"g2": ((1.0,),)}, "g2"),
     (SoapFeaturizer, {"species": ("H", "C", "N", "O", "F"), "n_max": 30, "l_max": 20}, "columns"),
     (AcsfFeaturizer, {"g4": ((1.0, 1.0, 0.5),)}, "lambda"), (AcsfFeaturizer, {"species": ("H", "H")}, "twice")],
)  # fmt: skip
def test_wrong_options_are_refused(made, options, told):
    with pytest.raises(ConfigError, match=told):
        made(**options).columns()


@given(st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=12, deadline=None)
def test_the_same_crystal_written_otherwise_has_the_same_features(seed, n):
    rng = np.random.default_rng(seed)
    shear = np.eye(3) + np.triu(rng.integers(-5, 6, (3, 3)), 1)
    lattice = shear @ ((2.5 + 2 * rng.random()) * (np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3))))
    crystal = from_arrays(lattice[None], [rng.random((n, 3))], [rng.integers(1, 119, n)])
    for featurizer in (SoapFeaturizer(cutoff=3.5, n_max=3, l_max=2), AcsfFeaturizer(cutoff=3.5, statistics=("mean",))):
        found = featurizer.transform(crystal)
        for way in featurizer.invariances:
            again = featurizer.transform(INVARIANCES[way](crystal))
            np.testing.assert_allclose(again, found, rtol=0, atol=1e-6 * np.abs(found).max(), err_msg=way)
