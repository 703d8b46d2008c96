import gzip
import json

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import DataError
from matloop.matter.formats.part import LONGEST_TEXT
from matloop.matter.structures import Structures
from matloop.matter.structures_read import format_of, from_path, read_structures, read_structures_noted, split_texts
from matloop.matter.structures_write import to_cif, to_extxyz, to_optimade, to_poscar
from matloop.testing.structures import sample_structures

WATER = "3\nwater\nO 0 0 0\nH 0.757 0.586 0\nH -0.757 0.586 0\n"


@pytest.mark.parametrize(
    ("write", "kind"), [(to_cif, "cif"), (to_poscar, "poscar"), (to_extxyz, "xyz"), (to_optimade, "json")]
)
def test_texts_are_recognised_by_their_content(write, kind):
    text = write(sample_structures().take(np.array([0])))[0]
    text = text if isinstance(text, str) else json.dumps(text)
    assert format_of(text) == kind
    assert format_of("\n" + text if kind in ("cif", "json") else text.replace("\n", "\r\n")) == kind


def test_a_number_as_title_is_no_count_of_atoms():
    poscar = to_poscar(sample_structures().take(np.array([0])))[0].replace("rock salt", "8", 1)
    assert read_structures([poscar])[0].names.tolist() == ["8"]


def test_a_batch_is_itself_and_the_order_of_rows_is_kept():
    batch = sample_structures()
    assert read_structures(batch) == (batch, {})
    found, reasons = read_structures(pd.Series([WATER, "nonsense", WATER]))
    assert found.sizes.tolist() == [3, 0, 3]
    assert list(reasons) == [1]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (None, "missing"),
        (float("nan"), "missing"),
        ("", "the text is empty"),
        ("/etc/passwd", "one line and no text of a file"),
        ("<html>\n<body>\n</html>", "none of CIF, POSCAR, XYZ"),
        (3, "int is no structure"),
        ({"a": 1}, "keys a"),
        ([1, 2], "list is no structure"),
        ('{"lattice": [[1,', "truncated"),
        ("[" * 100_000, "truncated or damaged"),
        ("x" * (LONGEST_TEXT + 1), "characters"),
    ],
)
def test_what_is_no_structure_has_a_reason(one, words):
    found, reasons = read_structures([one, WATER])
    assert found.sizes.tolist() == [0, 3]
    assert words in reasons[0]


@pytest.mark.parametrize("single", [WATER, {"lattice": 1}, 5])
def test_a_single_structure_is_no_sequence(single):
    with pytest.raises(DataError, match="sequence of structures"):
        read_structures(single)


def test_notes_say_what_was_assumed():
    _, reasons, notes = read_structures_noted(["1\n\nD 0 0 0\n", WATER])
    assert (reasons, notes) == ({}, {0: "D read as H"})


def test_a_file_gives_a_row_for_each_frame_block_or_entry(tmp_path):
    crystals = sample_structures().take(np.array([0, 1, 4]))
    (tmp_path / "all.cif").write_text("\n".join(to_cif(crystals)))
    (tmp_path / "all.json").write_text(json.dumps(to_optimade(crystals)))
    (tmp_path / "lines.json").write_text("\n".join(map(json.dumps, to_optimade(crystals))))
    with gzip.open(tmp_path / "all.xyz.gz", "wt") as stream:
        stream.write("".join(to_extxyz(crystals)))
    for name in ("all.cif", "all.json", "lines.json", "all.xyz.gz"):
        found, reasons, _ = from_path(tmp_path / name)
        assert reasons == {}
        np.testing.assert_array_equal(found.numbers, crystals.numbers)


def test_rows_without_a_name_bear_that_of_the_file(tmp_path):
    text = '1\nLattice="3 0 0 0 3 0 0 0 3"\nFe 0 0 0\n'
    (tmp_path / "iron.xyz").write_text(text)
    (tmp_path / "two.xyz").write_text(text * 2)
    assert from_path(tmp_path / "iron.xyz")[0].names.tolist() == ["iron"]
    assert from_path(tmp_path / "two.xyz")[0].names.tolist() == ["two-1", "two-2"]


def test_a_path_is_read_as_one_row_and_a_lacking_file_said(tmp_path):
    place = tmp_path / "POSCAR"
    place.write_text(to_poscar(sample_structures().take(np.array([0])))[0])
    found, reasons = read_structures([place, tmp_path / "none.cif"])
    assert found.sizes.tolist() == [8, 0]
    assert "none.cif cannot be read" in reasons[1]
    with pytest.raises(DataError, match="cannot be read"):
        from_path(tmp_path / "none.cif")


def test_a_truncated_file_is_one_row_with_the_reason(tmp_path):
    (tmp_path / "cut.xyz").write_text(WATER + WATER[:20])
    found, reasons, _ = from_path(tmp_path / "cut.xyz")
    assert len(found) == 1
    assert "truncated" in reasons[0]


def test_texts_are_parted_into_what_each_row_takes():
    assert len(split_texts(WATER * 3)) == 3
    assert read_structures(split_texts(WATER * 3))[0].sizes.tolist() == [3, 3, 3]
    assert "3 frames" in read_structures([WATER * 3])[1][0]


def test_nothing_is_an_empty_batch():
    found, reasons = read_structures([])
    assert isinstance(found, Structures)
    assert (len(found), reasons) == (0, {})
