import numpy as np
import pytest

from matloop.matter.compositions import read_compositions
from matloop.matter.structures import to_compositions
from matloop.matter.structures_read import read_structures, read_structures_noted
from matloop.matter.structures_write import to_ase, to_pymatgen


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pymatgen_structures_keep_disorder_states_spins_properties_charge_and_pbc():
    core = pytest.importorskip("pymatgen.core")
    lattice = core.Lattice.tetragonal(3.0, 5.0)
    lattice.pbc = (True, True, False)
    species = [{core.Species("Fe", 3): 0.5, core.Species("Mn", 2): 0.25}, core.Species("O", -2, spin=0.5)]
    given = core.Structure(
        lattice, species, [[0, 0, 0], [0.5, 0.5, 1.25]], charge=2,
        site_properties={"magmom": [[0, 0, 1.0], None], "wyckoff": ["a", "b"]},
    )  # fmt: skip
    found, reasons, notes = read_structures_noted([given])
    assert reasons == {}
    assert notes == {0: "site properties 'wyckoff' left out: no numbers"}
    assert found.charges.tolist() == [2.0]
    assert found.oxidation.tolist() == [3, 2, -2]
    assert found.coordinates[1, 2] == 1.25
    (again,) = to_pymatgen(found)
    given.remove_site_property("wyckoff")
    assert again == given
    assert again.lattice.pbc == (True, True, False)
    assert again.charge == 2
    assert again.site_properties["magmom"] == [[0, 0, 1.0], None]


def test_molecules_of_pymatgen_have_no_cell():
    core = pytest.importorskip("pymatgen.core")
    given = core.Molecule(["O", "H"], [[0, 0, 0], [0, 0, 0.97]], charge=-1, spin_multiplicity=1)
    found, _ = read_structures([given])
    assert not found.periodic.any()
    (again,) = to_pymatgen(found)
    assert again == given
    assert (again.charge, again.spin_multiplicity) == (-1, 1)


def test_the_charge_by_oxidation_states_is_that_of_the_composition():
    core = pytest.importorskip("pymatgen.core")
    given = core.Structure(core.Lattice.cubic(4), ["Fe3+", "O2-"], [[0, 0, 0], [0.5] * 3])
    found, _ = read_structures([given])
    assert found.charges == read_compositions([given])[0].charges == to_compositions(found).charges == 1.0
    assert to_pymatgen(found)[0]._charge is None


def test_dummies_of_pymatgen_and_ase_are_refused():
    core, ase = pytest.importorskip("pymatgen.core"), pytest.importorskip("ase")
    dummy = core.Structure(core.Lattice.cubic(4), [core.DummySpecies("X")], [[0, 0, 0]])
    _, reasons = read_structures([dummy, ase.Atoms("HX", [[0, 0, 0], [0, 0, 1]]), ase.Atoms()])
    assert "dummy species" in reasons[0]
    assert "atom 2 is a dummy" in reasons[1]
    assert "empty" in reasons[2]


def test_atoms_of_ase_keep_cell_arrays_results_constraints_and_info():
    ase = pytest.importorskip("ase")
    constraints = pytest.importorskip("ase.constraints")
    calculator = pytest.importorskip("ase.calculators.singlepoint").SinglePointCalculator
    given = ase.Atoms("CO", [[0, 0, 0], [0, 0, 1.13]], cell=[[4, 0, 0], [1, 5, 0], [0, 0, 0]], pbc=(True, True, False))
    given.set_initial_magnetic_moments([1.0, -1.0])
    given.set_tags([3, 4])
    given.info |= {"name": "wall", "charge": -1, "pressure": 2.5, "origin": "made"}
    given.set_constraint([constraints.FixAtoms([0]), constraints.FixBondLength(0, 1)])
    given.calc = calculator(given, energy=-3.0, forces=np.ones((2, 3)), magmoms=np.array([0.9, -0.9]))
    found, _, notes = read_structures_noted([given])
    assert notes == {0: "constraints FixBondLengths left out; info 'origin' left out: no numbers"}
    assert found.site_values["magmom"].tolist() == [1, -1]
    assert found.site_values["final_magmom"].tolist() == [0.9, -0.9]
    assert found.site_values["selective_dynamics"].tolist() == [[0] * 3, [1] * 3]
    (again,) = to_ase(found)
    np.testing.assert_allclose(again.positions, given.positions, atol=1e-12)
    np.testing.assert_array_equal(again.cell, given.cell)
    assert again.pbc.tolist() == given.pbc.tolist()
    assert (again.get_potential_energy(), again.get_forces(apply_constraint=False).tolist()) == (
        -3.0,
        np.ones((2, 3)).tolist(),
    )
    assert again.get_tags().tolist() == [3, 4]
    assert again.info == {"name": "wall", "charge": -1.0, "pressure": 2.5}
    assert again.constraints[0].index.tolist() == [0]


def test_results_of_other_positions_are_left_out():
    ase = pytest.importorskip("ase")
    calculator = pytest.importorskip("ase.calculators.singlepoint").SinglePointCalculator
    moved = ase.Atoms("H", [[0, 0, 0]])
    moved.calc = calculator(moved, energy=-3.0)
    moved.positions += 1.0
    assert read_structures([moved])[0].row_values == {}


def test_shared_sites_pass_through_ase():
    core = pytest.importorskip("pymatgen.core")
    pytest.importorskip("ase")
    found, _ = read_structures([core.Structure(core.Lattice.cubic(3), [{"Fe": 0.5, "Mn": 0.25}], [[0, 0, 0]])])
    again, _ = read_structures(to_ase(found))
    assert again.occupancies.tolist() == found.occupancies.tolist()
    assert again.numbers.tolist() == found.numbers.tolist()


def test_atoms_fixed_along_some_axes_pass_through_ase():
    ase, constraints = pytest.importorskip("ase"), pytest.importorskip("ase.constraints")
    given = ase.Atoms("CO", [[0, 0, 0], [0, 0, 1.13]])
    given.set_constraint(constraints.FixCartesian([1], mask=(True, False, False)))
    found, _ = read_structures([given])
    assert found.site_values["selective_dynamics"].tolist() == [[1, 1, 1], [0, 1, 1]]
    again, _ = read_structures(to_ase(found))
    assert again.site_values["selective_dynamics"].tolist() == [[1, 1, 1], [0, 1, 1]]
