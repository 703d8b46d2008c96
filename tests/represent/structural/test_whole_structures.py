"""Density, symmetry, Voronoi order and packing, instability, bags: closed forms, continuity, bad input."""

from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.matter.structures import from_arrays
from matloop.represent.structural.bag_of_bonds import CrystalBagOfBondsFeaturizer
from matloop.represent.structural.charges import site_charges
from matloop.represent.structural.density import DensityFeaturizer
from matloop.represent.structural.element_classes import FAMILIES, FAMILY_OF, KIND_OF
from matloop.represent.structural.global_symmetry import OF_GROUP, GlobalSymmetryFeaturizer
from matloop.represent.structural.instability import InstabilityFeaturizer, read_parameters, single_bonds
from matloop.represent.structural.voronoi_shape import (
    ChemicalOrderingFeaturizer,
    HeterogeneityFeaturizer,
    PackingEfficiencyFeaturizer,
)
from matloop.testing.structures import repeated, sample_structures

pytest.importorskip("matscipy", reason="the extra structures is not installed")

FCC = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
BCC = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])


def cubic(a, places, numbers):
    return from_arrays(a * np.eye(3)[None], [places], [numbers])


def salt(a=5.64):
    return cubic(a, [*FCC, *np.add(FCC, [0.5, 0, 0])], [11] * 4 + [17] * 4)


def test_density_of_rock_salt_is_that_of_the_handbook():
    density, volume, _ = DensityFeaturizer().transform(salt(5.6402))[0]
    assert density == pytest.approx(2.163, abs=0.002)  # g/cm^3, CRC Handbook 2.17 at room temperature
    assert volume == pytest.approx(5.6402**3 / 8)


def test_a_vacancy_lowers_the_density_by_its_share():
    alloy = sample_structures().take(np.array([14]))
    mass = 0.7 * 55.845 + 0.3 * 51.9961 + 0.8 * 26.9815386
    density, volume, _ = DensityFeaturizer().transform(alloy)[0]
    assert density == pytest.approx(1.66053907 * mass / 2.9**3)
    assert volume == pytest.approx(2.9**3 / 1.8)


def test_an_element_without_radius_has_no_packing_fraction_and_says_so():
    helium = cubic(4.2, FCC, [2] * 4)
    assert np.isnan(DensityFeaturizer().transform(helium)[0, 2])
    assert "no atomic radius of He" in DensityFeaturizer().reasons(helium)[0]


def test_classes_of_space_groups_are_those_of_the_tables():
    """Orders of the 32 point groups add up over 230 groups; 92 are centrosymmetric; 36 are cubic."""
    spglib = pytest.importorskip("spglib")
    assert np.nansum(OF_GROUP[:, 1]) == 92
    assert (OF_GROUP[:, 0] == 1).sum() == 36
    for hall in range(1, 531):
        number = spglib.get_spacegroup_type(hall).number
        turns = np.unique(spglib.get_symmetry_from_database(hall)["rotations"].reshape(-1, 9), axis=0)
        assert len(turns) == OF_GROUP[number, 2]
        assert (turns == -np.eye(3).ravel()).all(axis=1).any() == OF_GROUP[number, 1]


def test_symmetry_of_a_supercell_is_that_of_the_crystal():
    pytest.importorskip("moyopy")
    expected = [225, 1, 1, 48]
    assert GlobalSymmetryFeaturizer().transform(repeated(salt(), (1, 1, 3))).tolist() == [expected]


@pytest.mark.parametrize(
    ("places", "efficiency"),
    [([[0, 0, 0]], np.pi / 6), (BCC, np.pi * 3**0.5 / 8), (FCC, np.pi / 18**0.5)],
)
def test_packing_of_equal_spheres(places, efficiency):
    found = PackingEfficiencyFeaturizer().transform(cubic(3.7, places, [29] * len(places)))
    assert found[0, 0] == pytest.approx(efficiency)


def test_heterogeneity_of_equal_sites_is_none_but_for_two_lengths():
    """Body-centred: 8 hexagons at a sqrt(3) / 2, 6 squares at a; the cell is a truncated octahedron."""
    found = HeterogeneityFeaturizer().transform(cubic(2.86, BCC, [26, 26]))[0]
    hexagons, squares = 8 * 1.5 * 3**0.5, 6.0  # areas over edge^2
    share = hexagons / (hexagons + squares)
    mean = share * 3**0.5 / 2 + (1 - share)
    variation = (share * abs(3**0.5 / 2 - mean) + (1 - share) * (1 - mean)) / mean
    np.testing.assert_allclose(found, [0, 1, 1, variation, variation, 0, variation, 0, 0], atol=1e-9)


def test_ordering_of_caesium_chloride_by_hand():
    """Hexagons lead to the other element, squares to the same; steps back are left out, closed triangles too."""
    found = ChemicalOrderingFeaturizer().transform(cubic(4.12, BCC, [55, 17]))[0]
    square = 1 / (1.5 * 3**0.5)
    other = 8 / (8 + 6 * square)
    assert found[0] == pytest.approx(abs(1 - 2 * other))
    like = 8 * 7 + 6 * 5 * square**2
    unlike = 2 * 8 * 6 * square
    assert found[1] == pytest.approx(abs(1 - 2 * like / (like + unlike)))


def test_a_random_alloy_and_an_element_have_no_order():
    one = cubic(2.9, BCC, [26, 26])
    mixed = replace(
        one, species_offsets=np.array([0, 2, 4]), numbers=np.array([26, 24] * 2), occupancies=np.array([0.7, 0.3] * 2),
        oxidation=np.full(4, np.nan),
    )  # fmt: skip
    ordering = ChemicalOrderingFeaturizer()
    np.testing.assert_allclose(ordering.transform(mixed), 0.0, atol=1e-12)
    assert ordering.transform(one).tolist() == [[0.0, 0.0, 0.0]]


def test_voronoi_features_are_continuous_where_a_face_appears():
    """The squares of the body-centred cell vanish at an axial ratio of sqrt 2, where it is face-centred."""

    def stretched(ratio):
        return from_arrays(np.diag([3.0, 3.0, 3.0 * ratio])[None], [BCC], [[55, 17]])

    for featurizer in (HeterogeneityFeaturizer(), ChemicalOrderingFeaturizer(), PackingEfficiencyFeaturizer()):
        below, above = (featurizer.transform(stretched(2**0.5 + step)) for step in (-1e-5, 1e-5))
        np.testing.assert_allclose(below, above, atol=2e-4)


def test_shells_beyond_the_third_are_refused():
    for shells in ((4,), (), (1, 1)):
        with pytest.raises(ConfigError, match="shells"):
            ChemicalOrderingFeaturizer(shells=shells).transform(salt())


def test_charges_are_the_given_ones_or_those_that_balance():
    magnetite = from_arrays([9 * np.eye(3)], [np.random.default_rng(1).random((7, 3))], [[26] * 3 + [8] * 4])
    charges, refused = site_charges(magnetite)
    np.testing.assert_allclose(charges, [8 / 3] * 3 + [-2] * 4)
    given = replace(magnetite, oxidation=np.array([3, 3, 2, -2, -2, -2, -2.0]))
    assert site_charges(given)[0].tolist() == [3, 3, 2, -2, -2, -2, -2]
    assert not refused


def test_lengths_of_single_bonds_are_those_of_pymatgen():
    """calculate_bv_sum of one neighbour at 2 A is exp((R - 2) / 0.31)."""
    valence = pytest.importorskip("pymatgen.analysis.bond_valence")
    core = pytest.importorskip("pymatgen.core")
    for a, b in (("Na", "Cl"), ("Ti", "O"), ("Ga", "As"), ("K", "F")):
        pair = core.Structure(np.eye(3) * 20, [a, b], [[0, 0, 0], [0.1, 0, 0]])
        total = abs(valence.calculate_bv_sum(pair[0], pair.get_neighbors(pair[0], 3.0)))
        length = single_bonds()[core.Element(a).Z, core.Element(b).Z]
        assert total == pytest.approx(np.exp((length - 2.0) / 0.31))


def test_instability_of_rock_salt_by_hand(tmp_path):
    """Six bonds to each ion: both deviate alike."""
    file = tmp_path / "list.cif"
    file.write_text(
        "loop_\n_valence_param_atom_1\nNa 1 Cl -1 2.15 0.37 a ?\nNa 1 Cl -1 9.9 0.1 b ?\nK 9 S -2 2.59 0.37 a ?\n"
    )
    found = InstabilityFeaturizer(parameters=str(file))
    assert found.transform(salt())[0, 0] == pytest.approx(abs(6 * np.exp((2.15 - 2.82) / 0.37) - 1))
    by_size = InstabilityFeaturizer().transform(salt())[0, 0]
    assert by_size == pytest.approx(abs(6 * np.exp((single_bonds()[11, 17] - 2.82) / 0.37) - 1))
    assert read_parameters(str(file))[(19, 1, 16, -2)] == (2.59, 0.37)
    other = cubic(5.0, [*FCC, *np.add(FCC, [0.5, 0, 0])], [19] * 4 + [9] * 4)
    assert "K+1 with F-1" in found.reasons(other)[0]


def test_a_missing_list_of_bond_valences_is_said():
    with pytest.raises(ConfigError, match="no such file"):
        InstabilityFeaturizer(parameters="nowhere.cif").transform(salt())


def test_bags_hold_each_pair_once_and_the_largest_entries():
    bags = CrystalBagOfBondsFeaturizer(bags=(("Na", 5), ("Cl-Na", 3), ("Na-Na", 6)))
    with_chlorine = CrystalBagOfBondsFeaturizer(bags=(*bags.bags, ("Cl", 4)))
    values = with_chlorine.transform(salt())[0]
    np.testing.assert_allclose(values[:5], [0.5 * 11**2.4] * 4 + [0])
    assert values[5] == pytest.approx(11 * 17 / 5.64)  # half a cell along one axis: sin^2 is one
    assert (np.diff(values[8:14]) <= 0).all()
    assert (values[8:14] > 0).all()


def test_bags_are_planned_as_long_as_the_data_need():
    bags = dict(CrystalBagOfBondsFeaturizer.planned(salt())["bags"])
    assert bags["metal"] == 4
    assert bags["metal-nonmetal"] == 16
    assert bags["metalloid"] == 1


@pytest.mark.parametrize("bags", [(), (("Xx", 3),), (("Na", 0),), (("Na-Cl", 3), ("Cl-Na", 3)), (("metal-Na", 3),)])
def test_bags_that_make_no_sense_are_refused(bags):
    with pytest.raises(ConfigError, match="bags"):
        CrystalBagOfBondsFeaturizer(bags=bags).columns()


def test_every_element_has_a_family():
    counts = np.bincount(FAMILY_OF[1:], minlength=len(FAMILIES))
    assert counts.tolist() == [6, 6, 38, 30, 12, 6, 7, 6, 7]
    assert KIND_OF[[26, 14, 8, 2]].tolist() == [0, 1, 2, 2]
