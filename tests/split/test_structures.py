"""Space groups, prototypes and nearly identical structures stay out, or together."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.matter.alike import nearly_identical
from matloop.matter.structures import from_arrays, joined
from matloop.matter.symmetry import symmetry
from matloop.split.structures import LeavePrototypeOut, LeaveSpaceGroupOut, NearlyIdenticalFolds

pytest.importorskip("moyopy")
pytest.importorskip("matscipy")
FACES = (1 - np.eye(3)) / 2


def crystal(a, second, pair, faced=True):
    return from_arrays((a * FACES if faced else a * np.eye(3))[None], [np.array([[0, 0, 0], second])], [pair])


SALT, MAGNESIA = crystal(5.64, [0.5] * 3, [11, 17]), crystal(4.21, [0.5] * 3, [12, 8])
CHLORIDE, BLENDE = crystal(4.12, [0.5] * 3, [55, 17], faced=False), crystal(5.41, [0.25] * 3, [30, 16])


def other_setting(one, shift=(0.1, 0.2, 0.3)):
    """Another cell of the same lattice, another origin, the sites in another order."""
    change = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1]])
    places = (one.coordinates + shift) @ np.linalg.inv(change)
    return from_arrays((change @ one.lattices[0])[None], [places[::-1]], [one.numbers[::-1]])


def test_prototypes_are_those_of_the_textbook():
    found = symmetry(joined([SALT, MAGNESIA, CHLORIDE, BLENDE]))
    assert found.numbers.tolist() == [225, 225, 221, 216]
    assert found.prototypes.tolist() == ["AB_cF8_225_a_b", "AB_cF8_225_a_b", "AB_cP2_221_a_b", "AB_cF8_216_a_c"]


@pytest.mark.parametrize("one", [SALT, CHLORIDE, BLENDE], ids=["salt", "CsCl", "blende"])
def test_a_prototype_does_not_depend_on_cell_origin_and_order(one):
    assert symmetry(other_setting(one)).prototypes.tolist() == symmetry(one).prototypes.tolist()


def test_perovskite_has_one_name_whichever_atom_is_at_the_origin():
    places = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    both = [from_arrays(3.9 * np.eye(3)[None], [places + s], [[38, 22, 8, 8, 8]]) for s in (0.0, 0.5)]
    names = symmetry(joined(both)).prototypes.tolist()
    assert names[0] == names[1] == "ABC3_cP5_221_a_b_c"


def test_rows_without_a_space_group_say_why():
    slab = from_arrays(np.eye(3)[None] * 4, [np.zeros((1, 3))], [[29]], periodic=[[True, True, False]])
    found = symmetry(slab)
    assert found.numbers.tolist() == [0]
    assert "three directions" in found.failed[0]


def test_settings_and_relaxations_are_nearly_identical_and_polymorphs_are_not():
    wider = crystal(5.80, [0.5] * 3, [11, 17])
    high_pressure = crystal(3.3, [0.5] * 3, [11, 17], faced=False)
    batch = joined([SALT, MAGNESIA, other_setting(SALT), wider, high_pressure])
    assert nearly_identical(batch).tolist() == [0, 1, 0, 0, 2]


def test_left_out_sets_are_whole():
    batch = joined([SALT, MAGNESIA, CHLORIDE, BLENDE] * 3)
    parts = LeaveSpaceGroupOut(least_rows=2, most_share=0.9).parts(batch)
    assert {part.name: part.test.tolist() for part in parts} == {
        "space group 216": [3, 7, 11], "space group 221": [2, 6, 10], "space group 225": [0, 1, 4, 5, 8, 9],
    }  # fmt: skip
    part = LeavePrototypeOut(["AB_cP2_221_a_b"]).parts(batch)[0]
    assert (part.name, part.test.tolist()) == ("AB_cP2_221_a_b", [2, 6, 10])
    for train, test in NearlyIdenticalFolds(2).split(batch, np.arange(12.0)):
        assert not set(train % 4) & set(test % 4)


def test_unreadable_structures_are_named_by_row():
    with pytest.raises(DataError, match="row 1: "):
        list(LeaveSpaceGroupOut(structures=[SALT, "rubbish"]).split(np.zeros((2, 1))))
