"""Bonds as a graph: dimensionality, fractions, chains and coordination sequences against known nets and peers."""

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import from_arrays, joined
from matloop.represent.structural import connectivity
from matloop.represent.structural.bond_fractions import BondFractionsFeaturizer
from matloop.represent.structural.bond_graph import BOND_RULES, bond_graph, component_ranks, ranks
from matloop.represent.structural.connectivity import ConnectivityFeaturizer, TopologyFeaturizer
from matloop.represent.structural.dimensionality import DimensionalityFeaturizer, score
from matloop.testing.structures import repeated, sample_structures

pytest.importorskip("matscipy")
FCC = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


def salt(a=5.64, cation=11, anion=17):
    return from_arrays(a * np.eye(3)[None], [[*FCC, *np.add(FCC, [0.5, 0, 0])]], [[cation] * 4 + [anion] * 4])


def carbon(lattice, places):
    return from_arrays(np.array(lattice)[None], [places], [[6] * len(places)])


def graphite():
    lattice = [[2.46, 0, 0], [-1.23, 2.1304, 0], [0, 0, 6.71]]
    return carbon(lattice, [[0, 0, 0.25], [0, 0, 0.75], [1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])


def named(featurizer, structures):
    return dict(zip(featurizer.columns(), featurizer.transform(structures)[0], strict=True))


@st.composite
def crystals(draw):
    """Two to seven atoms of few elements in a cell of any shape, some bonded and some not."""
    n = draw(st.integers(2, 7))
    lattice = np.array(draw(st.lists(st.floats(-1, 1), min_size=9, max_size=9))).reshape(3, 3) + 2 * np.eye(3)
    lengths = np.array(draw(st.tuples(*[st.sampled_from([1.5, 2.5, 4.0])] * 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    return from_arrays((lattice * lengths[:, None])[None], [rng.uniform(-1, 2, (n, 3))], [rng.choice([6, 11, 16], n)])


@settings(max_examples=40, deadline=None)
@given(crystals())
def test_dimensions_are_those_of_pymatgen_for_the_same_bonds(structure):
    core = pytest.importorskip("pymatgen.core")
    graphs = pytest.importorskip("pymatgen.analysis.graphs")
    peer = pytest.importorskip("pymatgen.analysis.dimensionality")
    graph = bond_graph(structure, Vicinity(structure), "covalent")
    cell = core.Structure(structure.lattices[0], structure.numbers.tolist(), structure.coordinates)
    theirs = graphs.StructureGraph.from_empty_graph(cell)
    for a, b, image in zip(graph.first.tolist(), graph.second.tolist(), graph.images.tolist(), strict=True):
        theirs.add_edge(a, b, to_jimage=tuple(image), warn_duplicates=False)
    component, directions = component_ranks(len(structure.coordinates), graph)
    assert directions[component].max() == peer.get_dimensionality_larsen(theirs)
    assert len(directions) == len(peer.get_structure_components(theirs))


@settings(max_examples=30, deadline=None)
@given(crystals())
def test_scores_are_those_of_ase(structure):
    ase = pytest.importorskip("ase")
    from ase.geometry.dimensionality import analyze_dimensionality

    atoms = ase.Atoms(structure.numbers, cell=structure.lattices[0], pbc=True)
    atoms.set_scaled_positions(structure.coordinates)
    expected = np.zeros(5)
    try:
        intervals = analyze_dimensionality(atoms, method="RDA")
    except TypeError:  # it gives up on open cells
        reject()
    for interval in intervals:
        expected[int(interval.dimtype[0]) if len(interval.dimtype) == 2 else 4] += interval.score
    found = DimensionalityFeaturizer(rule="covalent").transform(structure)[0, 1:]
    np.testing.assert_allclose(found, expected, atol=3e-3)
    if expected[3] > 0.01:  # connected before longer bonds than ours are tried
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_layers_chains_molecules_and_frameworks_are_told_apart():
    chain = carbon(np.diag([8.0, 8.0, 1.4]), [[0, 0, 0]])
    molecule = carbon(np.diag([8.0, 8.0, 8.0]), [[0, 0, 0], [0, 0, 0.16]])
    diamond = carbon(1.785 * (1 - np.eye(3)), [[0, 0, 0], [0.25, 0.25, 0.25]])
    for crystal, dimension in ((molecule, 0), (chain, 1), (graphite(), 2), (diamond, 3)):
        values = DimensionalityFeaturizer().transform(crystal)[0]
        assert values[0] == dimension
        assert values[1:].argmax() == dimension
        assert values[1:].sum() == pytest.approx(1.0)


def test_score_by_hand():
    """At k = 1.15 half of the range lies below."""
    np.testing.assert_allclose(score(np.array([0.5, 1.0, 1.15, 1.3])), [0, 0, 0.5, 0.8])


def test_a_chain_that_runs_across_many_cells_is_one_chain():
    chain = repeated(carbon(np.diag([8.0, 8.0, 1.4]), [[0, 0, 0]]), (1, 2, 40))
    assert DimensionalityFeaturizer(rule="covalent").transform(chain)[0, 0] == 1


def test_ranks_of_sums_of_squares():
    vectors = np.array([[1, 2, 3], [2, 4, 6], [0, 0, 1], [5, -1, 0]])
    squares = vectors[:, :, None] * vectors[:, None, :]
    assert ranks(np.cumsum(squares, axis=0)).tolist() == [1, 1, 2, 3]
    assert ranks(np.zeros((3, 3), dtype=np.int64)) == 0


@pytest.mark.parametrize("rule", BOND_RULES)
def test_all_bonds_of_rock_salt_join_its_two_elements(rule):
    found = named(BondFractionsFeaturizer(rule=rule), salt())
    assert found.pop("alkali - halogen bond frac.") == 1.0
    assert not any(found.values())
    assert named(BondFractionsFeaturizer(rule=rule, elements=("Na", "Cl")), salt())["Cl - Na bond frac."] == 1.0


def test_isayev_bonds_are_those_of_pymatgen():
    local_env = pytest.importorskip("pymatgen.analysis.local_env")
    core = pytest.importorskip("pymatgen.core")
    structures = sample_structures()
    for row in (0, 3, 5):
        one = structures.take(np.array([row]))
        graph = bond_graph(one, Vicinity(one), "isayev")
        cell = core.Structure(one.lattices[0], one.numbers.tolist(), one.coordinates)
        theirs = [len(local_env.IsayevNN().get_nn(cell, site)) for site in range(len(cell))]
        assert np.bincount(graph.first, minlength=len(cell)).tolist() == theirs


def test_chains_of_rock_salt_by_hand():
    """Half the atoms each; 6 bonds per formula; 15 angles about each atom; 6 * 5 * 5 chains of four per formula."""
    found = named(ConnectivityFeaturizer(longest=4), salt())
    some = {name: value for name, value in found.items() if value}
    assert some == pytest.approx({
        "alkali": 0.5, "halogen": 0.5, "alkali-halogen": 3.0, "alkali-halogen-alkali": 7.5,
        "halogen-alkali-halogen": 7.5, "halogen-alkali-halogen-alkali": 75.0,
    })  # fmt: skip


def test_substitution_within_a_family_and_strain_change_no_chain():
    chains = ConnectivityFeaturizer()
    for other in (salt(6.59, 19, 35), salt(5.2)):
        np.testing.assert_array_equal(chains.transform(other), chains.transform(salt()))


def test_chains_of_one_class_count_each_once():
    """Diamond: 2 bonds, 6 angles and 18 chains of four per atom."""
    diamond = carbon(1.785 * (1 - np.eye(3)), [[0, 0, 0], [0.25, 0.25, 0.25]])
    found = ConnectivityFeaturizer(longest=4, kinds=True).transform(diamond)[0]
    assert found[found > 0].tolist() == [1.0, 2.0, 6.0, 18.0]


@pytest.mark.parametrize(
    ("row", "sequence"),
    [  # O'Keeffe & Hyde, Crystal structures I (1996); Conway & Sloane 1997, doi:10.1098/rspa.1997.0126
        (0, [6, 18, 38, 66]), (1, [8, 26, 56, 98]), (2, [4, 12, 24, 42]), (3, [4, 12, 25, 44]), (6, [12, 44, 96, 170]),
    ],
)  # fmt: skip
def test_coordination_sequences_are_the_known_ones(row, sequence):
    """Of sodium chloride, caesium chloride, diamond, lonsdaleite (wurtzite), hexagonal close packing."""
    found = named(TopologyFeaturizer(deepest=4), sample_structures().take(np.array([row])))
    assert [found[f"coordination sequence {k}"] for k in (1, 2, 3, 4)] == sequence
    assert found["coordination sequence 2 std"] == 0


def test_autocorrelations_of_rock_salt_by_hand():
    found = named(TopologyFeaturizer(deepest=2), salt())
    assert found["number product 1"] == pytest.approx(11 * 17)
    assert found["number product 2"] == pytest.approx((11**2 + 17**2) / 2)
    assert found["number difference 1"] == pytest.approx(6)
    assert found["electronegativity difference 2"] == 0
    assert found["bonds product 1"] == pytest.approx(36)


def test_too_many_steps_are_refused_and_told(monkeypatch):
    monkeypatch.setattr(connectivity, "MOST_STEPS", 500)
    both = joined([salt(), carbon(1.785 * (1 - np.eye(3)), [[0, 0, 0], [0.25, 0.25, 0.25]])])
    found = TopologyFeaturizer().transform(both)
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], TopologyFeaturizer().transform(both.take(np.array([1])))[0])
    assert "864 steps lead on" in TopologyFeaturizer().reasons(both)[0]


def test_molecules_need_the_rule_without_cells_and_are_told_so():
    molecule = sample_structures().take(np.array([9]))
    assert 'rule="covalent" needs no cells' in ConnectivityFeaturizer().reasons(molecule)[0]
    found = named(ConnectivityFeaturizer(rule="covalent"), molecule)
    assert found["nonmetal-nonmetal"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "wrong",
    [
        BondFractionsFeaturizer(rule="guess"), BondFractionsFeaturizer(elements=("Xx",)),
        ConnectivityFeaturizer(longest=5), TopologyFeaturizer(deepest=0), DimensionalityFeaturizer(rule=""),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        wrong.transform(salt())
