import time

import numpy as np
import pytest

from matloop.matter.formats.cif import from_cif
from matloop.matter.formats.cif_values import number
from matloop.matter.formats.part import StructureError
from matloop.matter.structures_read import read_structures, split_texts

HEAD = """data_{name}
_cell_length_a 5.64(1)
_cell_length_b 5.64(1)
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90.000(5)
_cell_angle_gamma 90
"""
SALT = """loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 0 0 0
Cl1 0.5(0) 1/2 0.5
"""
CELL = HEAD.format(name="salt")
COLUMNS = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")


def sites(*rows: str, columns: tuple[str, ...] = COLUMNS) -> str:
    return "\n".join(["loop_", *(f"_atom_site_{name}" for name in columns), *rows, ""])


def group(symbol: str) -> str:
    return f"_symmetry_space_group_name_H-M '{symbol}'\n"


def operations(*texts: str) -> str:
    return "\n".join(["loop_", "_space_group_symop_operation_xyz", *(f"'{text}'" for text in texts), ""])


def test_listed_operations_make_the_sites_of_the_cell():
    # CsCl structure in F m -3 m is rock salt: 4 + 4 atoms, International Tables A, No. 225, positions a and b
    found = from_cif(CELL + operations("x,y,z", "x,y+1/2,z+1/2", "x+1/2,y,z+1/2", "x+1/2,y+0.5,z") + SALT)
    assert found.numbers.tolist() == [11] * 4 + [17] * 4
    np.testing.assert_allclose(found.coordinates[:4], [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    np.testing.assert_allclose(found.lattice, 5.64 * np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    "symmetry",
    [group("F m -3 m"), group("Fm3m"), group("F 4/m -3 2/m"), "_space_group_IT_number 225\n",
     "_space_group_name_Hall '-F 4 2 3'\n"],
)  # fmt: skip
def test_the_space_group_alone_is_looked_up(symmetry):
    pytest.importorskip("moyopy")
    assert len(from_cif(CELL + symmetry + SALT)) == 8


@pytest.mark.parametrize(
    ("symbol", "angle", "multiplicity"),
    [("P 21/c", 95, 4), ("P 1 21/n 1", 95, 4), ("P 21/n", 95, 4), ("C 2/c", 95, 8), ("C m c a", 90, 16),
     ("P n m a", 90, 8)],
)  # fmt: skip
def test_symbols_of_other_settings_give_the_multiplicity_of_the_tables(symbol, angle, multiplicity):
    pytest.importorskip("moyopy")
    cell = CELL.replace("90.000(5)", str(angle))
    assert len(from_cif(cell + group(symbol) + sites("A Fe 0.11 0.23 0.37 1"))) == multiplicity


@pytest.mark.parametrize(("place", "first"), [("0 0 0", "1"), ("0.125 0.125 0.125", "2")])
def test_the_origin_is_the_one_that_fits_the_multiplicity(place, first):
    pytest.importorskip("moyopy")
    columns = (*COLUMNS, "symmetry_multiplicity")
    diamond = CELL.replace("5.64", "3.567") + group("F d -3 m") + sites(f"C C {place} 1 8", columns=columns)
    found = from_cif(diamond)
    apart = (found.coordinates[:, None] - found.coordinates[None]) @ found.lattice
    apart -= 3.567 * np.round(apart / 3.567)
    lengths = np.linalg.norm(apart, axis=2)
    assert len(found) == 8
    assert lengths[lengths > 0].min() == pytest.approx(3.567 * 3**0.5 / 4, abs=1e-3)


def test_rhombohedral_groups_take_the_axes_of_the_cell():
    pytest.importorskip("moyopy")
    hexagonal = CELL.replace("gamma 90", "gamma 120") + group("R -3 m") + SALT
    rhombohedral = CELL.replace("90.000(5)", "60").replace(" 90\n", " 60\n") + group("R -3 m") + SALT
    assert (len(from_cif(hexagonal)), len(from_cif(rhombohedral))) == (12, 2)


def test_a_site_beside_a_special_position_is_put_onto_it():
    turned = operations("x,y,z", "-y,x-y,z", "-x+y,-x,z")
    found = from_cif(CELL.replace("gamma 90", "gamma 120") + turned + sites("A Fe 0.333 0.667 0.1 1"))
    np.testing.assert_allclose(found.coordinates, [[1 / 3, 2 / 3, 0.1]], atol=1e-12)
    assert "special positions" in found.notes[0]


def test_the_written_multiplicity_decides_what_lies_beside_a_special_position():
    columns = (*COLUMNS, "symmetry_multiplicity")
    for multiplicity in (1, 2):
        text = CELL + operations("x,y,z", "-x,-y,-z") + sites(f"A Fe 0.015 0 0 1 {multiplicity}", columns=columns)
        assert len(from_cif(text)) == multiplicity


def test_sites_at_one_place_are_one_shared_site_also_where_symmetry_brings_them_there():
    text = CELL + operations("x,y,z", "-x,-y,-z") + sites("A Fe 0.1 0.2 0.3 0.7", "B Mn -.1 -.2 -.3 0.3", "C O 0 0 0 .")
    found = from_cif(text)
    assert found.species[0] == [
        (26, 0.7, pytest.approx(np.nan, nan_ok=True)),
        (25, 0.3, pytest.approx(np.nan, nan_ok=True)),
    ]
    assert found.kinds.tolist() == [2, 2, 1]
    assert found.occupancies[-1] == 1.0


def test_oxidation_states_come_from_the_type_symbol_or_its_list():
    listed = "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nFe3+ 2.67\nO ?\n"
    found = from_cif(CELL + sites("A Fe3+ 0 0 0 1", "B O2- .5 .5 .5 1", "C Cl .3 .3 .3 1", "D Na+ .7 .7 .7 1"))
    np.testing.assert_array_equal(found.oxidation, [3, -2, np.nan, 1])
    found = from_cif(CELL + listed + sites("A Fe3+ 0 0 0 1", "B O .5 .5 .5 1"))
    np.testing.assert_array_equal(found.oxidation, [2.67, np.nan])


@pytest.mark.parametrize(
    ("label", "formula", "z"),
    [("Fe1A", "", 26), ("C10A", "", 6), ("CA1", "", 20), ("CA1", "C2 O1", 6), ("HO2", "H2 O1", 1),
     ("OW1", "", 8), ("O1'", "", 8)],
)  # fmt: skip
def test_labels_are_read_as_elements_the_formula_deciding(label, formula, z):
    columns = ("label", "fract_x", "fract_y", "fract_z")
    said = f"_chemical_formula_sum '{formula}'\n" if formula else ""
    assert from_cif(CELL + said + sites(f"{label} 0 0 0", columns=columns)).numbers.tolist() == [z]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.format(name="a") + SALT + HEAD.format(name="b") + SALT, "2 structures ('a', 'b')"),
        (CELL + group("F m -3 m"), "holds symmetry only"),
        ("data_x\n" + SALT, "no cell"),
        (CELL.replace("_cell_length_b 5.64(1)\n", "") + SALT, "_cell_length_b"),
        ((CELL + SALT)[:-12], "truncated"),
        (CELL + SALT + "_x\n;\nabc\n", "not closed"),
        (CELL + sites("A Fe 0 0 0 0.7", "B Mn 0 0 0 0.5"), "sites A and B are at one place and hold 1.2 atoms"),
        (CELL + sites("A Fe 0 0 0 1.5"), "more than one"),
        (CELL + sites("A Fe 0 0 0 -0.5"), "occupancy -0.5"),
        (CELL + sites("A X 0 0 0 1"), "names no element"),
        (CELL + sites("A Vac 0 0 0 1"), "names no element"),
        (CELL + sites("A Si/Al 0 0 0 1"), "names several elements"),
        (CELL + sites("T1 0 0 0", columns=("label", "fract_x", "fract_y", "fract_z")), "names no element"),
        (CELL + sites("A H ? ? ? 1"), "site 'A' has no coordinates"),
        (CELL + sites("A H 0 0 a 1"), "coordinate of site 'A' is 'a'"),
        (CELL + operations("x,y,z", "x,y") + SALT, "'x,y' is no symmetry operation"),
        (CELL + operations("x,y,__import__('os')") + SALT, "no symmetry operation"),
        (CELL + operations("x,x,z") + SALT, "does not map the lattice"),
        (CELL.replace("alpha 90", "alpha 10").replace("gamma 90", "gamma 150") + SALT, "no cell has the angles"),
        (CELL.replace("5.64(1)", "0", 1) + SALT, "above zero"),
        (CELL + "loop_\n_space_group_symop_magn_operation.xyz\n'x,y,z,+1'\n" + SALT, "magnetic"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(text, words):
    with pytest.raises(StructureError) as caught:
        from_cif(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CELL + SALT, "taken as P 1"),
        (CELL + group("F m -3 m") + operations("x,y,z") + SALT, "only the identity is listed"),
        (HEAD.format(name="a") + group("P 1") + SALT + "data_global\n_journal 'J'\n", "1 other block(s)"),
        (CELL + group("P 1") + "_chemical_formula_sum 'Na1 Cl2'\n" + SALT, "not that of _chemical_formula_sum"),
        (CELL + group("P 1") + "_chemical_formula_sum 'Na1 Cl1 H2'\n" + SALT, "the formula has H"),
        (CELL + sites("A O 0 0 0 1 2", columns=(*COLUMNS, "attached_hydrogens")), "hydrogen"),
        (CELL + sites("A Fe 0 0 0 .5 1", "B Fe .1 0 0 .5 2", columns=(*COLUMNS, "disorder_group")), "disorder groups"),
        (CELL + sites("A D 0 0 0 1"), "D read as H"),
        (CELL.replace("_cell_angle_alpha 90\n", "") + SALT, "taken as 90"),
    ],
)  # fmt: skip
def test_what_was_assumed_is_noted(text, words):
    assert any(words in note for note in from_cif(text).notes)


def test_blocks_can_be_parted():
    both = HEAD.format(name="a") + SALT + "data_global\n_journal 'J'\n" + HEAD.format(name="b") + SALT
    found, reasons = read_structures(split_texts(both))
    assert (found.names.tolist(), reasons) == (["a", "b"], {})


def test_comments_quotes_text_fields_and_other_alphabets_are_no_obstacle():
    odd = "# comment\r\n_title 'it''s d'or #1'\r\n_text\r\n;\r\nloop_ _atom_site_label\r\n盐 é\r\n;\r\n_a \"x 'y'\"\r\n"
    assert len(from_cif(CELL.replace("\n", "\r\n") + odd + SALT)) == 2


def test_numbers_with_uncertainties():
    assert number("0.123(4)", "x") == 0.123
    assert number("-1.5E-2(12)", "x") == -0.015
    assert number("2/3", "x") == 2 / 3


def test_ten_thousand_atoms_and_full_symmetry_are_read_in_seconds():
    pytest.importorskip("moyopy")
    drawn = np.random.default_rng(0).random((10_000, 3))
    big = CELL.replace("5.64", "500.64")
    rows = [f"A{i} Fe {x:.8f} {y:.8f} {z:.8f} 1" for i, (x, y, z) in enumerate(drawn.tolist())]
    start = time.process_time()
    found, reasons = read_structures([big + sites(*rows), big + group("F m -3 m") + sites(*rows)])
    assert time.process_time() - start < 10
    assert found.sizes.tolist() == [10_000, 0]
    assert "more than 200,000 sites" in reasons[1]


def test_a_hostile_file_takes_no_longer_than_its_size():
    start = time.process_time()
    for text in (
        "data_x\n" + "\n;a\nb" * 300_000,
        "data_x\n" + (" 'a" * 20_000 + "\n") * 10,
        "data_x loop_ _a " + "b\n" * 500_000,
    ):
        read_structures([text])
    assert time.process_time() - start < 10
