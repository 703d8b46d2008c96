import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pymatgen")
pytest.importorskip("matscipy")

from matloop.data.clean import clean
from matloop.data.cleaning.geometry import empty_layers, geometry_faults
from matloop.data.cleaning.near import near_structures
from matloop.data.collect import from_frame
from matloop.matter.structures import from_arrays, joined
from matloop.matter.structures_write import to_poscar
from matloop.problem.question import Cleaning, Input, Problem, Roles, Source, Target
from matloop.testing.structures import other_cell, permuted, repeated, rotated, translated

SITES = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])


def salt(a, second=(0.5, 0.5, 0.5), pair=(11, 17), lattice=None):
    cell = a / 2 * (1 - np.eye(3)) if lattice is None else lattice
    return from_arrays(cell[None], [np.array([SITES[0], second])], [pair])


def slab(gap):
    return salt(0, second=(0.0, 0.0, 2.0 / (2.0 + gap)), lattice=np.diag([4.0, 4.0, 2.0 + gap]))


# ---- nearly the same ----


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "other", [rotated, translated, permuted, other_cell, lambda s: repeated(s, (1, 2, 1)), lambda s: salt(5.7)]
)
def test_the_same_crystal_otherwise_written_is_near_and_a_polymorph_is_not(other, exact):
    one = salt(5.64)
    cubic = salt(0, lattice=np.eye(3) * 3.5)  # caesium chloride's structure
    assert near_structures(joined([one, cubic, other(one)]), exact=exact).tolist() == [0, 1, 0]


def test_a_row_joins_the_first_it_is_near_to():
    assert near_structures(joined([salt(5.64), salt(5.65), salt(5.66)])).tolist() == [0, 0, 0]
    assert near_structures(salt(5.64).take(np.empty(0, dtype=np.int64))).tolist() == []


def test_exact_matching_overrules_the_fingerprint():
    silicon = from_arrays(
        np.stack([2.7 * (1 - np.eye(3))] * 2), [np.array([[0.0, 0, 0], [0.25, 0.25, 0.25]])] * 2, [[14, 14]] * 2
    )
    assert near_structures(silicon, exact=True).tolist() == [0, 0]


# ---- impossible ----


def test_empty_layers_follow_from_the_cell_by_hand():
    assert empty_layers(slab(15.0)).tolist() == pytest.approx([15.0])
    assert empty_layers(salt(5.64)).tolist() == pytest.approx([5.64 / 3**0.5 / 2])  # planes (111), half the distance
    assert list(geometry_faults(joined([slab(15.0), slab(6.0), salt(5.64)]))) == [0]


def test_an_empty_layer_does_not_depend_on_the_origin_nor_on_the_order():
    one = slab(12.0)
    for other in (rotated(one), translated(one), permuted(one), repeated(one, (2, 1, 1))):
        assert empty_layers(other).tolist() == pytest.approx([12.0])


def test_a_charged_cell_is_told():
    charged = salt(5.64)
    charged.charges.setflags(write=True)
    charged.charges[0] = 2.0
    assert "charge of +2" in geometry_faults(charged)[0]


# ---- in a table ----


def asked(**choices):
    return Problem(
        "t", Source("t.csv"), (Input("crystal", "structure", "crystal"),), (Target("gap", "gap"),),
        roles=Roles(id="id"), cleaning=Cleaning(**choices),
    )  # fmt: skip


def table():
    """12 halides; row 13 is nearly row 1, row 14 holds overlapping atoms, row 15 is row 1 with empty space."""
    pairs = [(a, b) for a in (3, 11, 19) for b in (9, 17, 35, 53)]
    crystals = [salt(4.5 + i / 10, pair=pair) for i, pair in enumerate(pairs)]
    crystals += [salt(4.52, pair=pairs[0]), salt(5.0, second=(0.01, 0, 0)), slab(20.0)]
    texts = to_poscar(joined(crystals))
    gaps = [f"{1 + i / 10:.1f}" for i in range(15)]
    return from_frame(pd.DataFrame({"id": [f"s{i}" for i in range(15)], "crystal": texts, "gap": gaps}, dtype=object))


def test_impossible_structures_are_told_or_removed_and_can_be_kept():
    told = clean(table(), asked())
    assert not told.removed
    assert any("2 structures look impossible" in note and "row 14 (s13): atoms overlap" in note for note in told.notes)
    gone = clean(table(), asked(geometry="remove", keep=("s14",)))
    assert [entry.id for entry in gone.removed] == ["s13"]
    assert "atoms overlap" in gone.removed[0].reason
    assert not any("impossible" in note for note in clean(table(), asked(geometry="ignore")).notes)


def test_near_structures_are_told_or_merged_by_the_rule_of_the_target():
    told = clean(table(), asked(near_structures="tell"))
    assert any("1 structures are nearly those of earlier rows" in note for note in told.notes)
    assert len(told.dataset) == 15
    merged = clean(table(), asked(near_structures="merge"))
    assert merged.dataset.source_rows[0] == (1, 13)
    assert merged.dataset.targets["gap"].values[0] == pytest.approx((1.0 + 2.2) / 2)
    assert [(entry.id, entry.new) for entry in merged.repaired if entry.column == "crystal"] == [("s12", "s0")]
