"""Features kept on disk: the same bits again, nothing stale, nothing damaged, nobody disturbed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from matloop.core.errors import RunError
from matloop.matter.compositions import from_formulas
from matloop.represent.batches import packed, row_keys, unpacked
from matloop.represent.cache import Cache, cache_folder
from matloop.represent.engine import describe
from matloop.represent.spec import made
from matloop.represent.work import ticket

FORMULAS = [f"Fe{i}O{i + 1}" for i in range(1, 61)]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "kept", least_seconds=0.0)


class Counted(type(made("valence"))):
    calls = 0

    def describe(self, elements, amounts):
        Counted.calls += len(elements)
        return super().describe(elements, amounts)


@pytest.fixture
def counted():
    Counted.calls = 0
    return Counted()


def again(cache, **more):
    return Cache(cache.folder.parent, least_seconds=0.0, **more)


def test_a_second_run_computes_nothing_and_is_equal(cache, counted):
    rows = [*FORMULAS, "Xx2", ""]
    first = describe([counted], rows, cache=cache, chunk=25)
    assert Counted.calls == 60
    second = describe([counted], rows, cache=again(cache), chunk=25)
    assert Counted.calls == 60
    np.testing.assert_array_equal(first.X, second.X)
    assert first.reasons == second.reasons
    assert set(first.by_row) == {60, 61}


def test_rows_are_found_one_by_one_in_any_order(cache, counted):
    describe([counted], FORMULAS, cache=cache)
    rows = [*reversed(FORMULAS), "MgO", FORMULAS[3], "CaO"]
    found = describe([counted, "magpie"], rows, cache=again(cache), chunk=11)
    assert Counted.calls == 62
    np.testing.assert_array_equal(found.X, describe(["valence", "magpie"], rows).X)


def test_other_options_have_a_shelf_of_their_own(tmp_path):
    pytest.importorskip("rdkit")
    cache = Cache(tmp_path, least_seconds=0.0)
    describe(["morgan(bits=64)"], ["CCO"], cache=cache)
    other = describe(["morgan(bits=64, radius=1)"], ["CCO"], cache=Cache(tmp_path, least_seconds=0.0))
    np.testing.assert_array_equal(other.X, made("morgan(bits=64, radius=1)").transform(["CCO"]))
    assert len(cache.cards()) == 2


@pytest.mark.parametrize("damage", ["cut", "flip", "key", "head", "empty"])
def test_a_damaged_file_is_made_again(cache, counted, damage):
    first = describe([counted], FORMULAS, cache=cache)
    (path,) = cache.folder.glob("*/*.rows")
    content = bytearray(path.read_bytes())
    line = content.index(b"\n")
    content = {
        "cut": content[:-9], "empty": b"", "head": b"{}" + content[2:],
        "flip": content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
        "key": content[: line + 3] + bytes([content[line + 3] ^ 1]) + content[line + 4 :],
    }[damage]  # fmt: skip
    path.write_bytes(content)
    found = describe([counted], FORMULAS, cache=again(cache))
    np.testing.assert_array_equal(first.X, found.X)
    assert Counted.calls == 120
    describe([counted], FORMULAS, cache=again(cache))
    assert Counted.calls == 120


def test_fast_featurizers_are_not_kept(tmp_path):
    cache = Cache(tmp_path)
    describe(["valence"], FORMULAS, cache=cache)
    assert cache.cards() == ()


def test_what_was_not_used_for_longest_goes_first(cache, counted):
    describe([counted], FORMULAS[:30], cache=cache)
    (old,) = cache.folder.glob("*/*.rows")
    os.utime(old, (1, 1))
    describe([counted], FORMULAS[30:], cache=again(cache))
    size = old.stat().st_size
    again(cache, limit_gb=1.5 * size / 1e9).tidy()
    assert not old.exists()
    assert len(list(cache.folder.glob("*/*.rows"))) == 1


def test_clearing_leaves_nothing(cache, counted):
    describe([counted], FORMULAS, cache=cache)
    (card,) = cache.cards()
    assert (card.rows, card.featurizer) == (60, "Counted()")
    assert cache.clear() == 1
    assert cache.cards() == ()


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_lost(cache, counted, monkeypatch, caplog):
    def refuse(path, content):
        raise RunError("disk full")

    monkeypatch.setattr("matloop.represent.cache.write_bytes", refuse)
    found = describe([counted], FORMULAS, cache=cache)
    assert np.isfinite(found.X).all()
    assert "not kept" in caplog.text


def test_two_writers_and_a_killed_one_do_not_disturb(tmp_path):
    code = (
        "import sys\nfrom matloop.represent.cache import Cache\nfrom matloop.represent.engine import describe\n"
        "rows = [f'Fe{i}O{j}' for i in range(1, 60) for j in range(1, 40)]\n"
        "print('go', flush=True)\n"
        "for k in range(int(sys.argv[2])):\n"
        "    describe(['valence'], rows[k:], cache=Cache(sys.argv[1], least_seconds=0.0), chunk=50)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code.replace("Cache(sys.argv[1]", "Cache(__import__('pathlib').Path(sys.argv[1])"))
    folder = tmp_path / "kept"
    running = [subprocess.Popen([sys.executable, str(script), str(folder), n], stdout=-1) for n in ("2", "2", "900")]
    running[2].stdout.readline()
    running[2].kill()
    for process in running:
        process.communicate(timeout=120)
    assert [process.returncode for process in running[:2]] == [0, 0]
    rows = [f"Fe{i}O{j}" for i in range(1, 60) for j in range(1, 40)]
    found = describe(["valence"], rows, cache=Cache(folder, least_seconds=0.0))
    np.testing.assert_array_equal(found.X, made("valence").transform(rows))


def test_the_content_of_a_row_decides_its_key():
    texts = row_keys(["Fe2O3", "Fe2O3 ", "Fe2O3"])
    assert texts[0] == texts[2] != texts[1]
    batch = row_keys(from_formulas(["Fe2O3", "FeO", "Fe2O3"])[0])
    assert batch[0] == batch[2] != batch[1]
    assert batch[:1] == row_keys(from_formulas(["Fe2O3"])[0])


def test_structures_that_differ_in_one_coordinate_have_other_keys_and_names_do_not_count():
    from matloop.matter.structures import from_arrays

    def salt(x, name=""):
        return from_arrays(4.0 * np.eye(3)[None], [np.array([[0, 0, 0], [x, 0.5, 0.5]])], [[11, 17]], names=[name])

    assert row_keys(salt(0.5)) == row_keys(salt(0.5, "salt")) != row_keys(salt(0.5 + 1e-12))


@pytest.mark.parametrize("kind", ["composition", "molecule", "structure", "text"])
def test_a_batch_survives_being_sent(kind):
    from matloop.matter.molecules import from_smiles
    from matloop.matter.structures import from_arrays

    if kind == "molecule":
        pytest.importorskip("rdkit")
    batch = {
        "composition": lambda: from_formulas(["Fe2O3", "??", "Na+"])[0],
        "molecule": lambda: from_smiles(["CCO", "??"])[0],
        "structure": lambda: from_arrays(np.eye(3)[None], [np.zeros((1, 3))], [[1]], names=["x"]),
        "text": lambda: ["a", "ä"],
    }[kind]()  # fmt: skip
    back = unpacked(*packed(batch))
    if kind == "text":
        assert back == batch
        return
    for name in type(batch).__slots__:
        one, two = getattr(batch, name), getattr(back, name)
        if not isinstance(one, dict):
            np.testing.assert_array_equal(one, two)
            assert one.dtype.kind == two.dtype.kind


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MATLOOP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MATLOOP_CACHE")
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
        assert str(cache_folder()) == "/somewhere/matloop"


def test_a_ticket_of_a_file_option_changes_with_the_file(tmp_path, monkeypatch):
    from matloop.represent.work import Ticket

    path = tmp_path / "t.csv"
    cache, folders = Cache(tmp_path / "kept"), []
    for text in ("one", "two"):
        path.write_text(text)
        told = Ticket(ticket(made("valence")).place, (("table", str(path)),))
        folders.append(cache.shelf(told, 8).folder)
    assert folders[0] != folders[1]
