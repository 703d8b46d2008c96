"""Structures from licensed databases are recognised, marked, and not passed on."""

import zipfile

import pytest

from matloop.data.collect import collect
from matloop.data.inputs import read_columns
from matloop.data.licensed import licensed
from matloop.problem.question import Input, Source

CELL = """_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na 0 0 0
Cl1 Cl 0.5 0.5 0.5
"""
ICSD = f"#(C) 2022 by FIZ Karlsruhe.  All rights reserved.\ndata_18189-ICSD\n_database_code_ICSD 18189\n{CELL}"
CSD = f"data_CSD_CIF_ACSALA\n_database_code_CSD 'ACSALA'\n{CELL}"
OWN = f"data_own\n_database_code_ICSD ?\n{CELL}"
COD = f"data_1000041\n_cod_database_code 1000041\n_database_code_ICSD 18189\n{CELL}"


@pytest.mark.parametrize(
    ("text", "provider", "code"),
    [
        (ICSD, "icsd", "18189"),
        (ICSD.replace("_database_code_ICSD 18189\n", ""), "icsd", ""),
        (ICSD.upper().replace("DATA_", "data_"), "icsd", "18189"),
        (CSD, "csd", "ACSALA"),
        (f"# Copyright (c) The Cambridge Crystallographic Data Centre\ndata_x\n{CELL}", "csd", ""),
        (f"data_x\n_database_code_PCD 1250133\n{CELL}", "pcd", "1250133"),
    ],
)
def test_what_a_licensed_database_writes_is_recognised(text, provider, code):
    found = licensed(text)
    assert (found.provider, found.code) == (provider, code)
    assert "not to be passed on" in found.licence


@pytest.mark.parametrize("text", [OWN, COD, f"data_x\n{CELL}", "", "5\nenergy=1 FIZ Karlsruhe\n"])
def test_own_and_free_structures_are_not(text):
    assert licensed(text) is None


@pytest.fixture
def folder(tmp_path):
    """Structures of ICSD, CSD, COD, and one of our own, with a value each."""
    place = tmp_path / "crystals"
    place.mkdir()
    for name, text in (("icsd", ICSD), ("csd", CSD), ("cod", COD), ("own", OWN)):
        (place / f"{name}.cif").write_text(text)
    (place / "id_prop.csv").write_text("id,gap\nicsd,1.0\ncsd,2.0\ncod,3.0\nown,4.0\n")
    return place


def test_a_run_is_told_that_rows_may_not_be_passed_on(folder):
    notes = read_columns(collect(Source(str(folder))), [Input("structure", "structure")], {}).notes
    assert any("1 rows come from ICSD, whose entries may be used and not passed on" in note for note in notes)
    assert any("1 rows come from CSD" in note for note in notes)
    assert len(notes) == 2


@pytest.mark.parametrize("packed", [False, True])
def test_records_of_a_store_are_marked_and_stay_behind_on_export(folder, tmp_path, packed):
    pytest.importorskip("sqlalchemy", reason="the extra store is not installed")
    from matloop.data.store.query import Query
    from matloop.data.store.store import open_store
    from matloop.pipeline.shelve import add_table, reading

    if packed:
        with zipfile.ZipFile(tmp_path / "crystals.zip", "w") as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
    table = str(tmp_path / "crystals.zip" if packed else folder)
    done = add_table(table, str(tmp_path / "s.db#crystals"), reading(key="id", licence="CC-BY-4.0"))
    assert "1 records come from ICSD: marked as not to be shared" in done.lines()
    with open_store(tmp_path / "s.db") as store:
        records = {record.key: record for record in store.records("crystals", Query())}
        open_ones = [record.key for record in store.records("crystals", Query(shareable=True))]
    origin = records["icsd"].origin
    assert (origin.provider, origin.id, origin.shareable) == ("icsd", "18189", False)
    assert origin.licence.startswith("ICSD 18189: Inorganic Crystal Structure Database")
    assert (records["own"].origin.shareable, records["own"].origin.licence) == (True, "CC-BY-4.0")
    assert sorted(open_ones) == ["cod", "own"]
