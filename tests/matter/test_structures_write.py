"""What is written is read again as the same arrays, as far as the format has room for them."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.matter.formats.part import Part, assembled, mixed_part
from matloop.matter.structure_keys import content_keys
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures
from matloop.matter.structures_write import to_ase, to_cif, to_extxyz, to_optimade, to_poscar, to_pymatgen
from matloop.testing.structures import sample_structures, unreadable_structures

_REAL = st.floats(-2.0, 3.0, allow_subnormal=False)


@st.composite
def parts(draw, *, ordered: bool = False, periodic: tuple[bool, ...] | None = None) -> Part:
    """Any structure: skewed cells, atoms outside, shared and vacant sites, states, values."""
    n = draw(st.integers(1, 5))
    drawn = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    repeats = np.array(draw(st.tuples(*[st.booleans()] * 3)) if periodic is None else periodic)
    lattice = np.eye(3) if not repeats.any() else np.diag(drawn.uniform(1, 40, 3)) + drawn.uniform(-0.4, 0.4, (3, 3))
    places = np.array(draw(st.lists(st.tuples(_REAL, _REAL, _REAL), min_size=n, max_size=n)))
    # sites at one place are one site in CIF
    places += 0.05 * np.arange(n)[:, None]
    states = draw(st.lists(st.sampled_from([np.nan, -2.0, 0.0, 2.5, 3.0]), min_size=2 * n, max_size=2 * n))
    species = []
    for k in range(n):
        share = 1.0 if ordered else draw(st.sampled_from([1.0, 0.5, 0.3, 1 / 3]))
        kinds = drawn.choice(np.arange(1, 119), 1 if share == 1.0 else draw(st.integers(1, 2)), replace=False)
        species.append([(int(z), share, states[2 * k + i]) for i, z in enumerate(kinds)])
    name = draw(st.text("abc -_(é盐", max_size=8)).strip()
    return mixed_part(
        lattice, repeats, places, species, name=" ".join(name.split()), charge=draw(st.sampled_from([None, 0.0, -1.0])),
        site_values={"magmom": drawn.normal(size=n), "forces": drawn.normal(size=(n, 3))},
        row_values={"energy": np.array(drawn.normal()), "stress": drawn.normal(size=6)},
    )  # fmt: skip


def same(found: Structures, given_: Structures, *fields: str, tolerance: float = 1e-9) -> None:
    for name in ("offsets", "species_offsets", "numbers", *fields):
        np.testing.assert_array_equal(getattr(found, name), getattr(given_, name), err_msg=name)
    for name in ("coordinates", "lattices", "occupancies"):
        np.testing.assert_allclose(getattr(found, name), getattr(given_, name), atol=tolerance, err_msg=name)


def same_values(found: Structures, given_: Structures) -> None:
    for name in ("site_values", "row_values"):
        assert set(getattr(found, name)) == set(getattr(given_, name))
        for key, values in getattr(given_, name).items():
            np.testing.assert_allclose(getattr(found, name)[key], values, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(parts(), min_size=1, max_size=3))
def test_optimade_holds_everything(rows):
    batch = assembled(rows)
    text = [json.dumps(record, allow_nan=False) for record in to_optimade(batch)]
    found, reasons = read_structures(text)
    assert reasons == {}
    same(found, batch, "oxidation", "charges", "periodic", "names")
    same_values(found, batch)


@settings(max_examples=40, deadline=None)
@given(st.lists(parts(ordered=True), min_size=1, max_size=3))
def test_extended_xyz_holds_all_of_ordered_structures(rows):
    batch = assembled(rows)
    found, reasons = read_structures(to_extxyz(batch))
    assert reasons == {}
    same(found, batch, "oxidation", "charges", "periodic", "names")
    same_values(found, batch)


def is_half_told(part):
    """A crystal whose charge is that of the oxidation states it has: pymatgen's JSON does not tell it from none."""
    known = np.nansum(part.occupancies * part.oxidation)
    return (
        part.periodic.any() and np.isnan(part.oxidation).any() and part.charge != 0 and abs(part.charge - known) < 1e-6
    )


def test_a_molecule_keeps_a_charge_that_its_known_states_sum_to():
    pytest.importorskip("pymatgen.core")
    one = {"sites": [{"species": [{"element": "H", "occu": 1.0, "oxidation_state": -1}], "xyz": [0, 0, 0]},
                     {"species": [{"element": "O", "occu": 1.0}], "xyz": [0, 0, 1]}], "charge": -1}  # fmt: skip
    assert read_structures([one])[0].charges.tolist() == [-1.0]


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=40, deadline=None)
@given(st.lists(parts(), min_size=1, max_size=3))
def test_pymatgen_and_its_json_hold_all_but_names(rows):
    pytest.importorskip("pymatgen.core")
    assume(not any(is_half_told(one) for one in rows))
    batch = assembled(rows)
    objects = to_pymatgen(batch)
    for again in (objects, [json.loads(json.dumps(one.as_dict())) for one in objects]):
        found, reasons = read_structures(again)
        assert reasons == {}
        same(found, batch, "oxidation", "periodic")
        np.testing.assert_allclose(found.charges, batch.charges, atol=1e-9)
        assert set(found.row_values) - {"spin_multiplicity"} == set(batch.row_values)


@settings(max_examples=40, deadline=None)
@given(st.lists(parts(ordered=True), min_size=1, max_size=3))
def test_ase_holds_all_of_ordered_structures(rows):
    pytest.importorskip("ase")
    batch = assembled(rows)
    found, reasons = read_structures(to_ase(batch))
    assert reasons == {}
    same(found, batch, "oxidation", "charges", "periodic", "names")
    same_values(found, batch)


@settings(max_examples=40, deadline=None)
@given(st.lists(parts(ordered=True, periodic=(True, True, True)), min_size=1, max_size=3))
def test_poscar_holds_cell_sites_and_name(rows):
    batch = assembled(rows)
    found, reasons = read_structures(to_poscar(batch))
    assert reasons == {}
    same(found, batch, "periodic", tolerance=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(parts(periodic=(True, True, True)), min_size=1, max_size=3))
def test_cif_holds_the_crystal_however_turned(rows):
    batch = assembled(rows)
    found, reasons = read_structures(to_cif(batch))
    assert reasons == {}
    np.testing.assert_array_equal(found.numbers, batch.numbers)
    np.testing.assert_array_equal(found.oxidation, batch.oxidation)
    np.testing.assert_allclose(found.occupancies, batch.occupancies)
    np.testing.assert_allclose(found.volumes, batch.volumes, rtol=1e-9)
    for row in range(len(batch)):
        (lattice, again), part = (found.lattices[row], batch.lattices[row]), slice(*batch.offsets[row : row + 2])
        np.testing.assert_allclose(lattice @ lattice.T, again @ again.T, atol=1e-8)
        handed = np.sign(np.linalg.det(again))
        np.testing.assert_array_equal(found.coordinates[part], handed * batch.coordinates[part])


def test_a_left_handed_cell_is_not_mirrored_by_cif():
    whole = sample_structures().take(np.array([5]))
    mirror = np.diag([1.0, 1.0, -1.0])
    left = assembled([Part(whole.lattices[0] @ mirror, *_rest(whole))])
    found, _ = read_structures(to_cif(left))
    triple = [np.linalg.det(one.positions[[1, 2, 3]] - one.positions[0]) for one in (found, left)]
    assert triple[0] == pytest.approx(triple[1])


def _rest(whole: Structures) -> tuple:
    return (
        whole.periodic[0],
        whole.coordinates,
        np.ones(5, np.int64),
        whole.numbers,
        whole.occupancies,
        whole.oxidation,
    )


@pytest.mark.parametrize("write", [to_cif, to_poscar, to_extxyz, to_optimade, to_ase, to_pymatgen])
def test_the_same_structure_in_any_format_has_the_same_key(write):
    if write in (to_ase, to_pymatgen):
        pytest.importorskip("ase" if write is to_ase else "pymatgen.core")
    crystals = sample_structures().take(np.array([0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13]))
    np.testing.assert_array_equal(content_keys(read_structures(write(crystals))[0]), content_keys(crystals))


@pytest.mark.parametrize(
    ("write", "row", "words"),
    [
        (to_poscar, 14, "row 0: sites are shared or partly vacant"),
        (to_extxyz, 14, "write CIF or OPTIMADE"),
        (to_cif, 9, "there is no cell, which a CIF needs"),
        (to_poscar, 9, "there is no cell, which a POSCAR needs"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_by_row(write, row, words):
    with pytest.raises(DataError) as caught:
        write(sample_structures().take(np.array([row])))
    assert words in str(caught.value)


def test_rows_without_sites_are_written_as_nothing():
    empty = unreadable_structures().take(np.array([0]))
    assert [write(empty) for write in (to_cif, to_poscar, to_extxyz, to_optimade)] == [[""], [""], [""], [{}]]
    assert read_structures(to_extxyz(empty))[1] == {0: "there is no structure: the text is empty"}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pymatgen_reads_what_is_written():
    core = pytest.importorskip("pymatgen.core")
    crystals = sample_structures().take(np.array([0, 3, 4, 14]))
    for row, text in enumerate(to_cif(crystals)):
        theirs = core.Structure.from_str(text, fmt="cif")
        assert theirs.composition.almost_equals(to_pymatgen(crystals)[row].composition)
        assert theirs.volume == pytest.approx(crystals.volumes[row])
