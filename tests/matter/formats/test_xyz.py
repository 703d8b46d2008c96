import time

import numpy as np
import pytest

from matloop.matter.formats.part import StructureError
from matloop.matter.formats.xyz import from_xyz, to_extxyz
from matloop.matter.structures_read import read_structures

FULL = (
    '2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:forces:R:3:initial_magmoms:R:1:free:L:1:tag:S:1 '
    'energy=-1.5 stress="1 6 5 6 2 4 5 4 3" table="_JSON [[1,2],[3,4]]" config_type=bulk pbc="T T F" name="a \\"b\\"" '
    "charge=-1\n"
    "Na 0 0 0 1 2 3 .5 T a\nCl 2.5 2.5 2.5 0 0 0 -.5 F b\n"
)


def test_everything_that_is_a_number_is_kept():
    found = from_xyz(FULL)
    assert found.periodic.tolist() == [True, True, False]
    np.testing.assert_allclose(found.coordinates, [[0, 0, 0], [0.5] * 3])
    assert {name: values.tolist() for name, values in found.site_values.items()} == {
        "forces": [[1, 2, 3], [0, 0, 0]], "magmom": [0.5, -0.5], "free": [1, 0],
    }  # fmt: skip
    assert {name: values.tolist() for name, values in found.row_values.items()} == {
        "energy": -1.5, "stress": [1, 2, 3, 4, 5, 6], "table": [[1, 2], [3, 4]],
    }  # fmt: skip
    assert (found.name, found.charge) == ('a "b"', -1.0)
    assert found.notes == ("columns 'tag' left out: no numbers", "values 'config_type' left out: no numbers")


def test_what_is_written_is_read_again():
    found = from_xyz(FULL)
    again = from_xyz(to_extxyz(found))
    assert (again.name, again.charge) == (found.name, found.charge)
    for name in ("site_values", "row_values"):
        assert {k: v.tolist() for k, v in getattr(again, name).items()} == {
            k: v.tolist() for k, v in getattr(found, name).items()
        }


def test_plain_files_have_no_cell_and_may_use_atomic_numbers():
    found = from_xyz("2\ncarbon monoxide\n6 0 0 0\nO 0 0 1.13\n")
    assert found.numbers.tolist() == [6, 8]
    assert not found.periodic.any()
    np.testing.assert_array_equal(found.positions, [[0, 0, 0], [0, 0, 1.13]])


def test_a_wire_keeps_one_vector():
    found = from_xyz('1\nLattice="0 0 0 0 0 0 0 0 4" pbc="F F T"\nAu 1 2 3\n')
    assert abs(np.linalg.det(found.lattice)) == pytest.approx(4.0)
    np.testing.assert_allclose(found.positions, [[1, 2, 3]])
    assert 'Lattice="0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 4.0"' in to_extxyz(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n\nH 0 0 0\n" * 2, "2 frames"),
        ("3\n\nH 0 0 0\n", "3 atoms are announced, lines of 1"),
        ("1\n\nH 0 0\n", "line 3: 4 columns are needed, found 3"),
        ("1\n\nH 0 0 a\n", "line 3: pos is 'a'"),
        ("1\n\nH 0 0 nan\n", "position 1 is nan, no finite number"),
        ("2\n\nH 0 0 0\nX 0 0 1\n", "line 4: 'X' is a dummy species"),
        ("0\n\n\n", "empty"),
        ("1\nProperties=species:S:1\nH\n", "no column pos"),
        ("1\nProperties=pos:R:3\n0 0 0\n", "no column species"),
        ("1\nProperties=species:S:1:pos:R:3:a:Q:1\nH 0 0 0 0\n", "a:Q:1 is no column"),
        ('1\nLattice="1 2 3"\nH 0 0 0\n', "Lattice has 3 numbers"),
        ('1\nLattice="5 0 0 0 5 0 5 5 0"\nH 0 0 0\n', "no volume"),
        ('1\nLattice="5 0 0 0 5 0 0 0 0"\nH 0 0 0\n', "has no length"),
        ('1\npbc="T X"\nH 0 0 0\n', "three of T or F"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where_and_why(text, words):
    with pytest.raises(StructureError) as caught:
        from_xyz(text)
    assert words in str(caught.value)


def test_agrees_with_ase(tmp_path):
    read = pytest.importorskip("ase.io").read
    (tmp_path / "a.xyz").write_text(FULL)
    theirs, ours = read_structures([read(tmp_path / "a.xyz", format="extxyz")])[0], read_structures([FULL])[0]
    for name in ("coordinates", "lattices", "numbers", "periodic", "charges"):
        np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))
    for name in ("forces", "magmom"):
        np.testing.assert_array_equal(theirs.site_values[name], ours.site_values[name])
    for name in ("energy", "stress"):
        np.testing.assert_array_equal(theirs.row_values[name], ours.row_values[name])


def test_ase_reads_what_is_written(tmp_path):
    read = pytest.importorskip("ase.io").read
    ours = read_structures([FULL])[0]
    (tmp_path / "a.xyz").write_text(to_extxyz(from_xyz(FULL)))
    theirs = read_structures([read(tmp_path / "a.xyz", format="extxyz")])[0]
    np.testing.assert_array_equal(theirs.positions, ours.positions)
    np.testing.assert_array_equal(theirs.row_values["stress"], ours.row_values["stress"])


def test_a_hostile_comment_takes_no_longer_than_its_size():
    start = time.perf_counter()
    for comment in ("a=[" * 100_000, 'a="' * 100_001, "a={" * 100_000, "a" * 300_000, " = " * 100_000):
        read_structures([f"1\n{comment}\nH 0 0 0\n"])
    assert time.perf_counter() - start < 5
