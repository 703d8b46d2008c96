"""Files that are read row by row: what comes out, that damage is named, and that chunks give what the whole gives."""

import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.data.collect import collect
from matloop.data.inputs import read_inputs
from matloop.data.layout import Properties, layout
from matloop.data.sources import OPENED
from matloop.data.stream import stream
from matloop.problem.question import Input, Source
from matloop.testing.sources import check_opened

INPUT = (Input("s", "structure", "structure"),)
FRAMES = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 config_type=bulk dipole="1 0 0"
Na 0 0 0 0.1 0 0
Cl 2 2 2 -0.1 0 0
1
Lattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3 energy=-2.5 magmom=1 pbc="T T T"
Fe 0 0 0
"""
CIF = """data_{name}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_publ_section
;
data_inside is text
;
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Po 0 0 0
"""


def poscar(a):
    return f"Po\n1.0\n{a} 0 0\n0 {a} 0\n0 0 {a}\nPo\n1\nDirect\n0 0 0\n"


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return path


def tarred(path, entries):
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, text in entries.items():
            one = tarfile.TarInfo(name)
            one.size = len(text.encode())
            archive.addfile(one, io.BytesIO(text.encode()))
    return path


def foldered(path, entries):
    for name, text in entries.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


PACKED = {"t.zip": zipped, "t.tar": tarred, "t.tar.gz": tarred, "t.tgz": tarred, "folder": foldered}
ENTRIES = {"a.vasp": poscar(3.3), "b.cif": CIF.format(name="b", a=3.4), "id_prop.csv": "b.cif,2.5\na,1.5\nlost,9\n"}


def sizes(raw):
    dataset, unreadable = read_inputs(raw, INPUT)
    return dataset.inputs["s"].sizes.tolist(), unreadable


@pytest.mark.parametrize("name", PACKED)
def test_archives_and_folders_give_the_same_table(tmp_path, name):
    pytest.importorskip("matscipy")
    path = PACKED[name](
        tmp_path / name, {f"top/{key}": text for key, text in ENTRIES.items()} if "." in name else ENTRIES
    )
    raw = collect(Source(str(path)))
    assert raw.names == ("id", "structure", "property")
    assert dict(zip(raw.columns["id"], raw.columns["property"], strict=True)) == {"a": "1.5", "b": "2.5", "lost": "9"}
    found, unreadable = sizes(raw)
    assert sorted(found) == [0, 1, 1]
    assert list(unreadable) == [2]
    assert any("1 names of id_prop.csv have no file" in note for note in raw.notes)
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]  # nothing was extracted


@pytest.mark.parametrize("name", PACKED)
def test_subfolders_are_classes_and_single_files_are_called_by_them(tmp_path, name):
    path = PACKED[name](tmp_path / name, {"x/a.vasp": poscar(3), "x/b.vasp": poscar(4), "y/a.vasp": poscar(5)})
    raw = collect(Source(str(path)))
    assert raw.names == ("id", "structure", "folder")
    assert raw.columns["id"].tolist() == ["x/a", "x/b", "y/a"]
    assert raw.columns["folder"].tolist() == ["x", "x", "y"]
    runs = tmp_path / "runs"
    runs.mkdir()
    path = PACKED[name](
        runs / name, {"Po-1/POSCAR": poscar(3), "Po-2/POSCAR": poscar(4), "id_prop.csv": "Po-2,7\nPo-1,8\n"}
    )
    raw = collect(Source(str(path)))
    assert dict(zip(raw.columns["id"], raw.columns["property"], strict=True)) == {"Po-1": "8", "Po-2": "7"}


def test_files_of_one_name_keep_their_endings(tmp_path):
    raw = collect(Source(str(foldered(tmp_path / "f", {"a.cif": CIF.format(name="a", a=3), "a.vasp": poscar(3)}))))
    assert raw.columns["id"].tolist() == ["a.cif", "a.vasp"]


def test_a_value_goes_to_the_one_file_of_its_name_and_is_lacking_where_two_are_called_so():
    rows = layout(["x/a.vasp", "x/b.vasp", "y/a.vasp"])
    found, lacking = Properties(("p",), (("b", ("1",)), ("a", ("2",)), ("y/a", ("3",)))).of(rows)
    assert found == {"x/b": ("1",), "y/a": ("3",)}
    assert [name for name, _ in lacking] == ["a"]


def test_the_index_of_a_folder_takes_little_per_file():
    """Names and values of 100,000 files are held; nothing that is needed only to match them is."""
    rows = layout([f"s{k}.cif" for k in range(4000)])
    values = Properties(("p",), tuple((f"s{k}", ("1",)) for k in range(4000)))
    tracemalloc.start()
    try:
        found, _ = values.of(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 4000
    assert peak < 250 * 4000  # bytes; a set of spellings per file took 400


def test_names_that_climb_and_links_are_refused_with_a_reason(tmp_path):
    bad = {"../up.cif": "x", "/abs.cif": "x", "a/../../b.cif": "x", "C:\\w.cif": "x"}
    for name in ("t.zip", "t.tar.gz"):
        path = PACKED[name](tmp_path / name, {**bad, "fine.vasp": poscar(3)})
        if name == "t.tar.gz":
            with tarfile.open(path, "w:gz") as archive:
                for each in (*bad, "fine.vasp"):
                    one = tarfile.TarInfo(each)
                    one.size = 3
                    archive.addfile(one, io.BytesIO(b"abc"))
                link = tarfile.TarInfo("link.cif")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(link)
        raw = collect(Source(str(path)))
        assert raw.columns["id"].tolist() == ["fine"]
        said = " ".join(raw.notes)
        assert said.count("climbs out of the archive") == 2
        assert said.count("absolute path") == 2
        assert ("link or a device" in said) == (name == "t.tar.gz")


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch):
    monkeypatch.setattr("matloop.data.unpack.HARMLESS", 1_000_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(6):
            archive.writestr(f"{k}.cif", b"\0" * 1_000_000)
    with pytest.raises(DataError, match="decompression bomb"):
        collect(Source(str(path)))
    (tmp_path / "bomb.xlsx").write_bytes(path.read_bytes())
    with pytest.raises(DataError, match="decompression bomb"):
        collect(Source(str(tmp_path / "bomb.xlsx")))


@pytest.mark.parametrize("name", ["b.csv.gz", "b.jsonl.gz", "b.cif.gz", "b.tgz", "b.xyz.gz"])
def test_a_gzip_bomb_is_refused_on_the_way(tmp_path, monkeypatch, name):
    monkeypatch.setattr("matloop.data.unpack.HARMLESS", 1_000_000)
    path = tmp_path / name
    begin = {"b.xyz.gz": "1\n\nFe 0 0 0\n", "b.jsonl.gz": '{"a": "x"}\n', "b.tgz": ""}.get(name, "a,b\n")
    line = {"b.xyz.gz": "\n", "b.tgz": "\0"}.get(name, begin)
    content = begin.encode() + line.encode() * (5_000_000 // len(line))
    if name == "b.tgz":
        header = tarfile.TarInfo("a.cif")
        header.size = len(content)
        content = header.tobuf() + content
    path.write_bytes(gzip.compress(content))
    for read in (collect, lambda source: list(stream(source).chunks(stream(source).names, 10_000))):
        with pytest.raises(DataError, match="decompression bomb") as caught:
            read(Source(str(path)))
        unpacked = int(caught.value.args[0].split("more than ")[1].split(" ")[0].replace(",", ""))
        assert unpacked < 4_000_000


@pytest.mark.parametrize("name", ["md.extxyz", "md.xyz.gz"])
def test_frames_are_rows_and_their_keys_columns(tmp_path, name):
    pytest.importorskip("matscipy")
    path = tmp_path / name
    path.write_bytes(gzip.compress(FRAMES.encode()) if name.endswith("gz") else FRAMES.encode())
    raw = collect(Source(str(path)))
    assert raw.names == ("structure", "energy", "config_type", "magmom")
    assert raw.columns["energy"].tolist() == [-1.5, -2.5]
    assert raw.columns["config_type"].tolist() == ["bulk", None]
    structures = read_inputs(raw, INPUT)[0].inputs["s"]
    assert structures.numbers.tolist() == [11, 17, 26]
    np.testing.assert_array_equal(structures.site_values["forces"][:2, 0], [0.1, -0.1])


def test_a_frame_that_is_cut_off_costs_its_row(tmp_path):
    pytest.importorskip("matscipy")
    (tmp_path / "md.xyz").write_text(FRAMES + "3\ncut\nFe 0 0 0\n")
    found, unreadable = sizes(collect(Source(str(tmp_path / "md.xyz"))))
    assert found == [2, 1, 0]
    assert "line 8: 3 atoms are announced" in unreadable[2]


def test_blocks_of_a_cif_are_rows(tmp_path):
    pytest.importorskip("matscipy")
    (tmp_path / "all.cif").write_text(
        "# head\ndata_global\n_journal x\n" + CIF.format(name="b", a=3) + CIF.format(name="c", a=4)
    )
    raw = collect(Source(str(tmp_path / "all.cif")))
    assert raw.columns["id"].tolist() == ["b", "c"]
    assert sizes(raw) == ([1, 1], {})
    assert raw.notes == ("1 blocks without atoms left out",)


def test_a_poscar_is_a_row(tmp_path):
    for name in ("POSCAR", "x.vasp", "CONTCAR"):
        (tmp_path / name).write_text(poscar(3))
        raw = collect(Source(str(tmp_path / name)))
        assert raw.columns["id"].tolist() == [name]


def ase_database(path):
    ase = pytest.importorskip("ase")
    db = pytest.importorskip("ase.db").connect(str(path))
    singlepoint = pytest.importorskip("ase.calculators.singlepoint")
    for k in range(3):
        atoms = ase.Atoms("NaCl", positions=[[0, 0, 0], [2.8, 0, 0]], cell=[5.6 + k] * 3, pbc=True)
        atoms.calc = singlepoint.SinglePointCalculator(atoms, energy=-1.0 - k, forces=np.full((2, 3), 0.1 * k))
        db.write(atoms, gap=5.0 + k, **({"phase": "rocksalt"} if k else {}))
    return path


@pytest.mark.parametrize("name", ["t.db", "t.json"])
def test_databases_of_ase(tmp_path, name):
    path = ase_database(tmp_path / name)
    path.chmod(0o444)
    raw = collect(Source(str(path)))
    assert raw.names == ("id", "structure", "energy", "gap", "phase")
    assert raw.columns["energy"].tolist() == [-1.0, -2.0, -3.0]
    assert raw.columns["phase"].tolist() == [None, "rocksalt", "rocksalt"]
    structures = read_inputs(raw, INPUT)[0].inputs["s"]
    np.testing.assert_allclose(structures.lattices[:, 0, 0], [5.6, 6.6, 7.6])
    np.testing.assert_allclose(structures.site_values["forces"][4:], 0.2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


def test_another_sqlite_file_says_what_it_holds(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("CREATE TABLE alloys (x)")
    with pytest.raises(DataError, match="no database of ASE .its tables: alloys"):
        collect(Source(str(tmp_path / "t.db")))


def hdf5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["formula"] = [b"NaCl", b"MgO", b"Fe2O3"]
        file["results/gap"] = [8.5, 7.8, np.nan]
        file["results/vector"] = np.arange(6).reshape(3, 2)
        file["temperature"] = 300.0
    return path


def test_datasets_of_hdf5_are_columns(tmp_path):
    raw = collect(Source(str(hdf5(tmp_path / "t.h5"))))
    assert raw.names == ("formula", "results/gap", "results/vector 1", "results/vector 2")
    assert raw.columns["formula"].tolist() == ["NaCl", "MgO", "Fe2O3"]
    assert raw.columns["results/vector 2"].tolist() == [1, 3, 5]
    assert "single values left out: temperature" in raw.notes


def test_datasets_that_do_not_fit_are_listed(tmp_path):
    path = hdf5(tmp_path / "t.hdf5")
    import h5py

    with h5py.File(path, "a") as file:
        file["spectra"] = np.zeros((2, 3, 4))
    with pytest.raises(DataError, match="(?s)spectra: shape .2, 3, 4.") as caught:
        collect(Source(str(path)))
    assert "results/gap: shape (3,)" in str(caught.value)
    assert collect(Source(str(path), sheet="results")).names == ("gap", "vector 1", "vector 2")


def test_hdf5_never_opens_another_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    hdf5(tmp_path / "other.h5")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["a"] = [1, 2]
        file["b"] = h5py.ExternalLink("other.h5", "formula")
    assert collect(Source(str(tmp_path / "t.h5"))).names == ("a",)
    (tmp_path / "raw.bin").write_bytes(bytes(16))
    with h5py.File(tmp_path / "t.h5", "a") as file:
        file.create_dataset("c", shape=(2,), dtype="f8", external=[(str(tmp_path / "raw.bin"), 0, 16)])
    with pytest.raises(DataError, match='"c" stands in another file'):
        collect(Source(str(tmp_path / "t.h5")))


def example(folder, name):
    path = folder / f"t.{name}"
    if name in ("xyz", "extxyz"):
        path.write_text(FRAMES)
    elif name == "cif":
        path.write_text(CIF.format(name="a", a=3) + CIF.format(name="b", a=4))
    elif name in ("vasp", "poscar", "contcar"):
        path.write_text(poscar(3))
    elif name == "db":
        ase_database(path)
    elif name in ("h5", "hdf5"):
        hdf5(path)
    else:
        (zipped if name == "zip" else tarred)(path, ENTRIES)
    return path


@pytest.mark.parametrize("name", OPENED)
def test_every_format_keeps_the_contract(tmp_path, name):
    check_opened(name, example(tmp_path, name))


@pytest.mark.parametrize("name", OPENED)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_chunks_give_what_the_whole_gives(tmp_path, name, size):
    source = Source(str(example(tmp_path, name)))
    raw, streamed = collect(source), stream(source)
    assert streamed.names == raw.names
    found = {column: [] for column in raw.names}
    for chunk in streamed.chunks(raw.names, size):
        assert len(chunk[raw.names[0]]) <= size
        for column in raw.names:
            found[column] += chunk[column]
    assert str(found) == str({column: raw.columns[column].tolist() for column in raw.names})
    assert streamed.done == 1.0


# ---- JSON ----


def test_pymatgen_and_optimade_entries_have_a_column_of_structures(tmp_path):
    core = pytest.importorskip("pymatgen.core")
    pytest.importorskip("matscipy")
    one = core.Structure(core.Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]], properties={"gap": 5.0})
    record = {"id": "x", "type": "structures", "attributes": {
        "lattice_vectors": [[3, 0, 0], [0, 3, 0], [0, 0, 3]], "cartesian_site_positions": [[0, 0, 0]], "nsites": 1,
        "dimension_types": [1, 1, 1], "species_at_sites": ["Po"], "_mp_band_gap": 0.5,
        "species": [{"name": "Po", "chemical_symbols": ["Po"], "concentration": [1.0]}]}}  # fmt: skip
    texts = {
        "t.jsonl": f"{json.dumps(one.as_dict())}\n{json.dumps({**one.as_dict(), 'label': 'b'})}\n",
        "t.json": json.dumps([one.as_dict(), one.as_dict()]),
        "one.json": json.dumps(one.as_dict(), indent=1),
        "response.json": json.dumps({"data": [record, record], "meta": {}}, indent=1),
    }
    for name, text in texts.items():
        for path in (tmp_path / name, tmp_path / f"{name}.gz"):
            path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
            raw = collect(Source(str(path)))
            found, unreadable = sizes(raw)
            assert not unreadable
            assert set(found) == ({1} if "response" in name else {2})
            assert "gap" in raw.names or "_mp_band_gap" in raw.names


entries = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.text(min_size=1, max_size=3), entries, max_size=3), max_size=5), st.integers(0, 3))
def test_a_json_list_is_read_entry_by_entry_as_whole(records, indent):
    from matloop.data import json_parts

    text = json.dumps(records, indent=indent or None, ensure_ascii=False)
    before, json_parts._PIECE = json_parts._PIECE, 3
    try:
        assert list(json_parts.listed(io.StringIO(text), "t")) == records
        with pytest.raises(DataError, match="^t"):
            list(json_parts.listed(io.StringIO(text[:-1]), "t"))
    finally:
        json_parts._PIECE = before


@pytest.mark.parametrize("text", ["[1,]", "[1 2]", "[,1]", "[", '[{"a": }]', "[" * 100_000, '{"a": 1}'])
def test_damaged_lists_are_refused(text):
    from matloop.data.json_parts import listed

    with pytest.raises(DataError):
        list(listed(io.StringIO(text), "t"))


@pytest.mark.parametrize("text", ['{"a":' * 100_000, "[" * 100_000, '[{"a": ' + "[" * 100_000])
def test_json_that_is_nested_too_deeply_is_refused(tmp_path, text):
    for name in ("t.json", "t.jsonl"):
        (tmp_path / name).write_text(text)
        for read in (collect, lambda source: list(stream(source).chunks(stream(source).names, 10))):
            with pytest.raises(DataError):
                read(Source(str(tmp_path / name)))
