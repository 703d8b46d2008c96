import pandas as pd
import pytest

pytest.importorskip("ase", reason="the extra simulate is not installed")

from matloop.campaign.oracles.atoms import AtomsOracle
from matloop.campaign.oracles.contract import Setting
from matloop.campaign.oracles.crystals import build, shares
from matloop.campaign.oracles.energies import Method
from matloop.campaign.oracles.registry import open_oracle
from matloop.core.errors import ConfigError, DataError

WATER = "3\nwater\nO 0.0 0.0 0.119\nH 0.0 0.763 -0.477\nH 0.0 -0.763 -0.477\n"


def built(candidate, lattice="fcc", n_atoms=32, seed=0):
    return build(candidate, lattice=lattice, n_atoms=n_atoms, seed=seed).atoms


def test_silver_has_the_bulk_modulus_of_ase_s_tutorial():
    found = Method("emt", 200).properties(built({"formula": "Ag"}), ["bulk_modulus", "volume_per_atom"])
    assert found["volume_per_atom"] == pytest.approx(16.781, abs=0.01)  # ASE tutorial "Equation of state": 16.781 A^3
    assert found["bulk_modulus"] == pytest.approx(100.14, abs=0.5)  # the same: 100.14 GPa


def test_an_element_is_its_own_reference_and_an_alloy_is_measured_from_its_elements():
    method = Method("emt", 200)
    assert method.properties(built({"formula": "Cu"}), ["formation_energy"])["formation_energy"] == pytest.approx(
        0.0, abs=1e-6
    )
    wanted = ["energy_per_atom", "formation_energy"]
    found = method.properties(built({"Cu": 3, "Au": 1}, n_atoms=4), wanted)
    by_hand = found["energy_per_atom"] - 0.75 * method.element("Cu") - 0.25 * method.element("Au")
    assert found["formation_energy"] == pytest.approx(by_hand)


def test_a_disordered_cell_has_whole_atoms_nearest_to_the_composition():
    atoms = built({"Cu": 0.33, "Au": 0.67})
    assert shares(atoms) == {"Cu": 11 / 32, "Au": 21 / 32}
    assert built({"Cu": 0.33, "Au": 0.67}).get_chemical_symbols() == atoms.get_chemical_symbols()
    assert built({"Cu": 0.33, "Au": 0.67}, seed=1).get_chemical_symbols() != atoms.get_chemical_symbols()


@pytest.mark.parametrize(
    ("lattice", "formula", "n", "distance"),
    [("rocksalt", "NaCl", 2, 2.79), ("fluorite", "CaF2", 3, 2.3), ("diamond", "Si", 2, 2.35), ("bcc", "Fe", 1, 2.49),
     ("hcp", "Ti", 2, 2.9), ("wurtzite", "ZnO", 4, 1.95), ("cesiumchloride", "CsCl", 2, 3.7)],
)  # fmt: skip
def test_prototypes_have_about_the_right_size(lattice, formula, n, distance):
    atoms = built({"formula": formula}, lattice)
    assert len(atoms) == n
    distances = atoms.repeat((3, 3, 3)).get_all_distances(mic=True)
    assert distances[distances > 0].min() == pytest.approx(distance, rel=0.15)  # a start: the cell is relaxed


@pytest.mark.parametrize(
    ("candidate", "lattice", "told"),
    [
        ({"formula": "NaCl2"}, "rocksalt", "1 to 1; found"), ({"formula": "Cu"}, "fccc", "'fccc' is not known"),
        ({"x": 3}, "fcc", "needs a column 'structure' or 'formula'"), ({"formula": "Xx"}, "fcc", "formula: "),
        ({"structure": "no structure"}, "fcc", "structure: "),
    ],
)  # fmt: skip
def test_what_is_no_crystal_is_said(candidate, lattice, told):
    with pytest.raises(DataError, match=told):
        built(candidate, lattice)


def test_steps_are_bounded():
    with pytest.raises(DataError, match="not relaxed after 1 steps"):
        Method("emt", 1).properties(built({"Cu": 0.5, "Au": 0.5}), ["energy_per_atom"])


def test_results_come_in_the_units_of_the_targets_and_what_emt_does_not_know_fails():
    setting = Setting({"stiffness": "GPa", "formation_energy": "meV/atom"}, seconds=60.0)
    oracle = open_oracle("emt:stiffness=bulk_modulus,atoms=4", setting)
    points = pd.DataFrame({"formula": ["Ag", "CuAu", "Fe"]}, index=["c1-1", "c1-2", "c1-3"])
    first, last, iron = oracle.measure(points, seed=0)
    assert first.values["formation_energy"] == pytest.approx(0.0, abs=1e-6)
    assert last.values["stiffness"] > first.values["stiffness"]
    assert ("Fe" in iron.failure, iron.fault) == (True, "experiment")


def test_amounts_that_whole_atoms_cannot_give_are_told_as_they_were_used():
    oracle = AtomsOracle("emt", {"e": "energy_per_atom"}, Setting({"e": "eV/atom"}, seconds=60.0), atoms=4)
    (found,) = oracle.measure(pd.DataFrame({"Cu": [0.3], "Au": [0.7]}), seed=0)
    assert found.settings == {"Cu": 0.25, "Au": 0.75}
    assert found.note == "4 atoms"


def test_a_calculation_that_takes_too_long_is_ended():
    setting = Setting({"energy_per_atom": ""}, seconds=0.001, cost=5.0)
    (found,) = open_oracle("emt", setting).measure(pd.DataFrame({"formula": ["CuAu"]}), seed=0)
    assert "longer than the 0.001 s allowed and was ended" in found.failure
    assert found.cost == 5.0


def test_a_molecule_by_tight_binding_has_the_energy_of_tblite():
    tblite = pytest.importorskip("tblite.ase", reason="the extra simulate is not installed")
    from ase import Atoms

    water = build({"structure": WATER}, lattice="fcc", n_atoms=32, seed=0).atoms
    found = Method("xtb", 50).properties(water, ["energy_per_atom"])["energy_per_atom"]
    peer = Atoms("OHH", [[0.0, 0.0, 0.119], [0.0, 0.763, -0.477], [0.0, -0.763, -0.477]])
    peer.calc = tblite.TBLite(method="GFN1-xTB", verbosity=0)
    assert found == pytest.approx(peer.get_potential_energy() / 3, abs=0.01)  # the geometry is near its minimum
    with pytest.raises(DataError, match="a property of crystals"):
        Method("xtb", 50).properties(water, ["bulk_modulus"])


def test_a_small_cell_is_repeated_for_a_method_without_k_points():
    magnesia = built({"formula": "MgO"}, "rocksalt")
    assert len(Method("xtb", 10).repeated(magnesia)) == 54
    assert len(Method("emt", 10).repeated(magnesia)) == 2


@pytest.mark.parametrize(
    ("text", "targets", "told"),
    [
        ("emt", {"hardness": ""}, "cannot calculate 'hardness'"),
        ("emt", {"bulk_modulus": "eV"}, "asked for in eV"),
        ("emt:latice=fcc", {"density": ""}, "'latice' is neither"),
        ("emt:lattice=fc", {"density": ""}, "Did you mean"),
        ("emt:atoms=many", {"density": ""}, "whole number"),
        ("emt:fcc", {"density": ""}, "name=value"),
    ],
)
def test_options_that_make_no_sense_are_refused(text, targets, told):
    with pytest.raises(ConfigError, match=told):
        open_oracle(text, Setting(targets))
