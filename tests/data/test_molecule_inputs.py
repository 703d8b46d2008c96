import sys

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import DataError, MissingExtra
from matloop.data.clean import clean
from matloop.data.collect import collect, from_frame
from matloop.data.inputs import read_inputs
from matloop.problem.question import Input, Limits, Problem, Roles, Source, Target

SMILES = [
    "CCO",
    "OCC",
    "c1ccccc1",
    "Cc1ccccc1",
    "CCc1ccccc1",
    "C1CCCCC1",
    "CC(=O)O",
    "CCCC",
    "CN",
    "CCN",
    "CCCl",
    "C=C",
]
ATOM = "    0.0000    0.0000    0.0000 {atom:<3} 0  0\n"
RECORD = "{name}\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n" + ATOM + "M  END\n> <y>\n{y}\n\n$$$$\n"


def problem(**roles):
    return Problem(
        "p", Source("t.csv"), (Input("smiles", "molecule", "smiles"),), (Target("y", "y"),),
        roles=Roles(**roles), limits=Limits(lost_share=0.5),
    )  # fmt: skip


def table(smiles=SMILES, **columns):
    return from_frame(pd.DataFrame({"smiles": smiles, "y": np.arange(len(smiles), dtype=float), **columns}))


def sd_file(tmp_path, text, name="set.sdf"):
    (tmp_path / name).write_text(text, "utf-8")
    return collect(Source(name), base=tmp_path)


def test_an_sd_file_is_a_table(tmp_path):
    text = RECORD.format(name="water", atom="O", y=1) + RECORD.format(name="", atom="C", y=2).replace("<y>", "<z>")
    raw = sd_file(tmp_path, text)
    assert raw.names == ("molecule", "title", "y", "z")
    assert raw.column("y").tolist() == ["1", None]
    assert raw.where(2) == "row 2 (line 11)"
    assert raw.column("molecule")[0].startswith("water\n")


def test_a_value_called_molecule_keeps_its_name(tmp_path):
    raw = sd_file(tmp_path, RECORD.format(name="", atom="O", y=1).replace("<y>", "<Molecule>"))
    assert raw.names == ("molecule block", "Molecule")


def test_a_file_without_records_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"set\.sdf: no record was found"):
        sd_file(tmp_path, "smiles,y\nCCO,1\n")


def test_a_problem_with_molecules_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
    with pytest.raises(MissingExtra, match=r"matloop\[molecules\]"):
        clean(table(), problem())


class TestWithRdkit:
    @pytest.fixture(autouse=True)
    def _rdkit(self):
        pytest.importorskip("rdkit", reason="the extra molecules is not installed")

    def test_rows_of_one_molecule_are_merged(self):
        cleaned = clean(table(), problem())
        assert cleaned.n_merged == 1
        assert cleaned.dataset.source_rows[0] == (1, 2)
        assert cleaned.dataset.groups[0] == "CCO"

    def test_an_unreadable_molecule_is_removed_with_rdkits_complaint(self):
        cleaned = clean(table([*SMILES, "C1CC", "", "n.d."]), problem())
        assert [(entry.row, entry.found) for entry in cleaned.removed][:2] == [(13, "C1CC"), (14, "")]
        assert "unclosed ring" in cleaned.removed[0].reason
        assert "is empty" in cleaned.removed[1].reason

    def test_groups_of_scaffolds(self):
        groups = clean(table(), problem(group="scaffold")).dataset.groups
        assert groups.tolist()[:4] == ["no ring", "c1ccccc1", "c1ccccc1", "c1ccccc1"]

    def test_salts_are_noted(self):
        notes = "\n".join(clean(table([*SMILES, "[Na+].[Cl-]", "[K+].[Cl-]"]), problem()).notes)
        assert "2 rows hold parts (a salt, solvate or mixture), described together (row 13: '[Na+].[Cl-]')" in notes

    def test_a_column_called_scaffold_is_a_group_where_there_are_no_molecules(self):
        mine = Problem(
            "p", Source("t.csv"), (Input("x", "number", "x"),), (Target("y", "y"),), roles=Roles(group="scaffold")
        )
        n = len(SMILES)
        raw = from_frame(pd.DataFrame({"x": np.arange(n) / 7, "y": np.arange(n) / 3, "scaffold": list("abcd") * 3}))
        assert set(clean(raw, mine).dataset.groups) == set("abcd")

    def test_molecules_in_several_groups_are_noted(self):
        raw = table([*SMILES, "CCO"], lab=[*("a" * 12), "b"], T=np.arange(13.0))
        mine = problem(group="lab")
        mine = Problem(mine.name, mine.data, (*mine.inputs, Input("T", "number", "T")), mine.targets, roles=mine.roles)
        assert any('1 molecules stand in more than one group of "lab"' in note for note in clean(raw, mine).notes)

    def test_mol_blocks_are_molecules(self, tmp_path):
        raw = sd_file(tmp_path, "".join(RECORD.format(name=a, atom=a, y=i) for i, a in enumerate(["O", "C", "Xq"])))
        dataset, unreadable = read_inputs(raw, (Input("m", "molecule", "molecule"),))
        assert dataset.inputs["m"].smiles.tolist() == ["O", "C", ""]
        assert "mol block 'Xq'" in unreadable[2]
