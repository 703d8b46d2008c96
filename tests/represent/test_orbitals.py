import numpy as np
import pytest

from matloop.represent.orbitals import OrbitalsFeaturizer


@pytest.fixture
def edges():
    return lambda *formulas: OrbitalsFeaturizer().transform(list(formulas))


def test_strontium_titanate_goes_from_oxygen_2p_to_titanium_3d(edges):
    # pymatgen's MolecularOrbitals("SrTiO3"): HOMO O 2p -0.338381, LUMO Ti 3d -0.17001 Hartree
    np.testing.assert_allclose(edges("SrTiO3")[0, :2], [-0.338381 * 27.211386, -0.17001 * 27.211386], rtol=1e-6)
    assert edges("SrTiO3")[0, 3:].tolist() == [1, 2]


def test_a_partly_filled_shell_has_no_gap(edges):
    assert edges("Fe", "FeO")[:, 2].tolist() == [0, 0]


def test_fractions_count_like_whole_numbers(edges):
    a, b = edges("La0.7Sr0.3MnO3", "La7Sr3Mn10O30")
    np.testing.assert_array_equal(a, b)


def test_closed_shells_have_no_empty_level_and_heavy_elements_no_data(edges):
    neon, plutonium = edges("Ne", "PuO2")
    assert np.isnan(neon).tolist() == [False, True, True, False, True]
    assert np.isnan(plutonium).all()
    reasons = OrbitalsFeaturizer().reasons(["Ne", "PuO2", "Fe"])
    assert "full" in reasons[0]
    assert "Pu" in reasons[1]
    assert 2 not in reasons
