import numpy as np
import pytest

from matloop.matter.formats.part import StructureError
from matloop.matter.formats.poscar import from_poscar, to_poscar

SALT = """rock salt, primitive
1.0
0.0 2.82 2.82
2.82 0.0 2.82
2.82 2.82 0.0
Na Cl
1 1
Direct
0 0 0
0.5 0.5 0.5
"""
OLDER = SALT.replace("Na Cl\n", "")


CARTESIAN = SALT.replace("Direct", "Cartesian").replace("0.5 0.5 0.5", "2.82 2.82 2.82")
UNIT = SALT.replace("2.82", "1")


@pytest.mark.parametrize(
    "text",
    [
        SALT,
        CARTESIAN,
        SALT.replace("1.0", "2.0", 1).replace("2.82", "1.41"),
        CARTESIAN.replace("1.0", "2.0", 1).replace("2.82", "1.41").replace("Cartesian", "K"),
        UNIT.replace("1.0", f"-{2 * 2.82**3}", 1),
        UNIT.replace("1.0", "2.82 2.82 2.82", 1),
        SALT.replace("Na Cl", "Na_pv Cl/5d7f"),
        SALT.replace("0.5 0.5", "5.0D-01 5.0d-1"),
        SALT + "\n0.0 0.0 0.1\n0 0 0\n",
        OLDER.replace("rock salt, primitive", "Na Cl"),
        OLDER.replace("0 0 0\n", "0 0 0 Na\n").replace("0.5\n", "0.5 Cl\n"),
    ],
)
def test_all_ways_to_write_rock_salt_are_one(text):
    found = from_poscar(text)
    np.testing.assert_allclose(found.lattice, 2.82 * (1 - np.eye(3)), atol=1e-12)
    np.testing.assert_allclose(found.coordinates, [[0, 0, 0], [0.5] * 3], atol=1e-12)
    assert found.numbers.tolist() == [11, 17]


def test_selective_dynamics_is_a_site_value_and_written_back():
    text = (
        SALT.replace("Direct", "Selective dynamics\nDirect")
        .replace("0 0 0\n", "0 0 0 T T F\n")
        .replace("0.5\n", "0.5 F F F\n")
    )
    found = from_poscar(text)
    assert found.site_values["selective_dynamics"].tolist() == [[1, 1, 0], [0, 0, 0]]
    again = from_poscar(to_poscar(found))
    assert again.site_values["selective_dynamics"].tolist() == [[1, 1, 0], [0, 0, 0]]
    assert again.name == "rock salt, primitive"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OLDER, "no line names the elements"),
        (SALT[:-13], "truncated"),
        (SALT[:30], "truncated"),
        (SALT.replace("1.0", "0.0", 1), "line 2: the scale"),
        (SALT.replace("2.82 2.82 0.0", "0 5.64 5.64"), "no volume"),
        (SALT.replace("Na Cl", "Na Xy"), "no element 'Xy'"),
        (SALT.replace("Na Cl", "Na Vac"), "dummy species"),
        (SALT.replace("1 1\n", "1\n"), "2 elements but 1 numbers"),
        (SALT.replace("1 1\n", "one 1\n"), "line 7: numbers of atoms"),
        (SALT.replace("1 1\n", "999999999 1\n"), "line 7: 1,000,000,000 atoms"),
        (SALT.replace("0.5 0.5 0.5", "0.5 a 0.5"), "line 10: three numbers"),
        (SALT.replace("0.5 0.5 0.5", "0.5 nan 0.5"), "coordinate 2 is nan, no finite number"),
        (SALT.replace("Direct", "Selective\nDirect"), "line 10: selective dynamics"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where_and_why(text, words):
    with pytest.raises(StructureError) as caught:
        from_poscar(text)
    assert words in str(caught.value)
