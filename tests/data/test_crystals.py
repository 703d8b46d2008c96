"""Structures from columns, files beside the table, and folders; what cannot be read says why."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.data.clean import clean
from matloop.data.collect import collect
from matloop.data.inputs import read_inputs
from matloop.problem.question import Input, Problem, Roles, Source, Target

pytest.importorskip("pymatgen")
pytest.importorskip("matscipy")
pytest.importorskip("moyopy")
INPUT = (Input("crystal", "structure", "structure"),)


def poscar(a, pair=("Na", "Cl"), second=0.5):
    half = a / 2
    lattice = f"0 {half} {half}\n{half} 0 {half}\n{half} {half} 0"
    sites = f"{' '.join(pair)}\n1 1\nDirect\n0 0 0\n{second} {second} {second}"
    return f"{''.join(pair)}\n1.0\n{lattice}\n{sites}\n"


@pytest.fixture
def folder(tmp_path):
    for name, text in (("a", poscar(5.64)), ("b", poscar(4.21, ("Mg", "O"))), ("c", "no structure\n")):
        (tmp_path / f"{name}.vasp").write_text(text)
    (tmp_path / "id_prop.csv").write_text("a,1.5\nb,2.5\nc,3.5\nd,4.5\n")
    return tmp_path


def test_a_folder_is_a_table_of_its_files_and_id_prop(folder):
    raw = collect(Source(str(folder)))
    assert raw.names == ("id", "structure", "property")
    assert raw.columns["id"].tolist() == ["a", "b", "c", "d"]
    assert raw.columns["property"].tolist() == ["1.5", "2.5", "3.5", "4.5"]
    assert any("1 names of id_prop.csv have no file" in note for note in raw.notes)
    dataset, unreadable = read_inputs(raw, INPUT)
    assert dataset.inputs["crystal"].sizes.tolist() == [2, 2, 0, 0]
    assert sorted(unreadable) == [2, 3]
    assert "is empty: there is no structure" in unreadable[3]


def test_a_header_of_id_prop_names_the_values(folder):
    (folder / "id_prop.csv").write_text("file,gap,spin\na.vasp,1.5,0\nb.vasp,2.5,1\n")
    raw = collect(Source(str(folder)))
    assert raw.names == ("id", "structure", "gap", "spin")
    assert raw.columns["gap"].tolist() == ["1.5", "2.5", None]  # c has a file and no value


def test_a_name_twice_in_id_prop_is_refused(folder):
    (folder / "id_prop.csv").write_text("a,1\na,2\n")
    with pytest.raises(DataError, match='row 2: "a" stands there twice'):
        collect(Source(str(folder)))


def test_files_are_found_beside_the_table_and_nowhere_above(folder):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "fine.vasp").write_text(poscar(5.64))
    table = inner / "table.csv"
    table.write_text("structure\nfine.vasp\n../a.vasp\n/etc/hosts.cif\nlost.cif\n")
    dataset, unreadable = read_inputs(collect(Source(str(table))), INPUT)
    assert dataset.inputs["crystal"].sizes.tolist() == [2, 0, 0, 0]
    assert "outside the folder of the table" in unreadable[1]
    assert "outside the folder of the table" in unreadable[2]
    assert "cannot be read (No such file" in unreadable[3]


def cleaned(tmp_path, texts, group=""):
    """The table of these structures, with enough others behind them."""
    import pandas as pd

    texts = [*texts, *(poscar(6.0 + k, ("K", "Br")) for k in range(10))]
    pd.DataFrame({"structure": texts, "y": np.arange(len(texts)) + 1.0}).to_csv(tmp_path / "t.csv", index=False)
    return clean(collect(Source(str(tmp_path / "t.csv"))), problem(group)).dataset


def problem(group=""):
    return Problem("p", data=Source("t.csv"), inputs=INPUT, targets=(Target("y", "y"),), roles=Roles(group=group))


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("", ["NaCl", "NaCl", "MgO", "NaCl"]),
        ("space_group", ["225", "225", "225", "216"]),
        ("prototype", ["AB_cF8_225_a_b", "AB_cF8_225_a_b", "AB_cF8_225_a_b", "AB_cF8_216_a_c"]),
        ("nearly_identical", ["structure 0", "structure 0", "structure 1", "structure 2"]),
    ],
)
def test_groups_of_crystals(tmp_path, group, expected):
    texts = [poscar(5.64), poscar(5.70), poscar(4.21, ("Mg", "O")), poscar(5.9, second=0.25)]
    assert cleaned(tmp_path, texts, group).groups.tolist()[:4] == expected


def test_the_same_structure_twice_is_one_row(tmp_path):
    dataset = cleaned(tmp_path, [poscar(5.64), poscar(5.64), poscar(5.65)])
    np.testing.assert_allclose(dataset.targets["y"].values[:2], [1.5, 3.0])
