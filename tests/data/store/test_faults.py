"""Kills, full disks, lost servers and other writers leave the last whole version, and say what happened."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from matloop.core.errors import RunError
from matloop.data.store.values import Property, Record, VersionConflict

pytest.importorskip("sqlalchemy")

from sqlalchemy.exc import OperationalError

from matloop.data.store import connect
from matloop.data.store.query import query
from matloop.data.store.store import open_store
from matloop.data.store.verify import verify

PRELUDE = """
import sys, time
from matloop.core.errors import RunError
from matloop.data.store.store import open_store
from matloop.data.store.values import Property, Record, VersionConflict
place = sys.argv[1]
def gap(key, value, formula="Si"):
    return Record(key, formula, properties=(Property("band_gap", value, "eV"),))
"""


def gap(key, value, formula="Si"):
    return Record(key, formula, properties=(Property("band_gap", value, "eV"),))


def started(code, *arguments):
    script = PRELUDE + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


class Slow:
    """Records that take their time, and can be asked for again."""

    def __init__(self, n, seconds, reached=None):
        self.n, self.seconds, self.reached = n, seconds, reached

    def __iter__(self):
        for i in range(self.n):
            if i == self.n // 2:
                if self.reached:
                    self.reached.set()
                time.sleep(self.seconds)
            yield gap(f"new{i}", float(i))


# ---- kill -9 ----


def test_a_kill_at_any_moment_leaves_the_last_whole_version(place):
    with open_store(place) as store:
        store.add("gaps", [gap(f"r{i}", 1.0) for i in range(2000)])
    code = """
    print("begun", flush=True)
    with open_store(place) as store:
        made = [gap(f"r{i}", 2.0) for i in range(12000)]
        store.add("gaps", made, mode="whole")
    """
    seen = set()
    for wait in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5):
        writer = started(code, place)
        writer.stdout.readline()
        time.sleep(wait)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        with open_store(place) as store:
            version = store.version("gaps")
            n, value = (2000, 1.0) if version.number == 1 else (12000, 2.0)
            assert version.n_records == store.count("gaps", query(where="band_gap > 0")) == n
            assert store.get("gaps", "r1999").properties[0].value == value
            assert list(verify(store)) == []
        seen.add(version.number)
        if version.number == 2:
            break
    with open_store(place) as store:
        assert store.add("gaps", [gap("last", 3.0)]).n_records == n + 1
    assert 1 in seen


# ---- two writers ----


def test_two_writers_lose_nothing(place):
    open_store(place).close()
    code = """
    with open_store(place, patience=60) as store:
        for i in range(10):
            store.add("gaps", [gap(f"{sys.argv[2]}-{i}-{k}", 1.0, f"Si{i + 1}O{k + 1}") for k in range(20)])
    """
    writers = [started(code, place, name) for name in "ab"]
    for writer in writers:
        assert writer.communicate(timeout=120) == ("", "")
    with open_store(place) as store:
        assert store.version("gaps").number == 20
        assert store.count("gaps") == len({one.key for one in store.records("gaps")}) == 400
        assert [version.n_records for version in store.history("gaps")] == list(range(20, 401, 20))
        assert list(verify(store)) == []


def test_reading_and_writing_back_loses_no_update(place):
    with open_store(place) as store:
        store.add("count", [gap("a", 0)])
    code = """
    done = 0
    with open_store(place, patience=60) as store:
        while done < 10:
            number = store.version("count").number
            old = store.get("count", "a", version=number)
            try:
                store.update("count", [gap("a", old.properties[0].value + 1)], base=number)
            except VersionConflict:
                continue
            done += 1
    """
    writers = [started(code, place) for _ in range(2)]
    for writer in writers:
        assert writer.communicate(timeout=120) == ("", "")
    with open_store(place) as store:
        assert store.get("count", "a").properties[0].value == 20
        assert store.version("count").number == 21


def test_several_make_the_same_store_at_once(place):
    code = """
    with open_store(place, patience=60) as store:
        store.add("gaps", [gap(sys.argv[2], 1.0)])
    """
    writers = [started(code, place, name) for name in "abcd"]
    for writer in writers:
        assert writer.communicate(timeout=120) == ("", "")
    with open_store(place) as store:
        assert sorted(one.key for one in store.records("gaps")) == list("abcd")


def test_a_writer_that_does_not_end_is_waited_for_and_then_said(place):
    with open_store(place) as store, open_store(place, patience=0.5) as other:
        store.add("gaps", [gap("a", 1.0)])
        half_way = threading.Event()
        writer = threading.Thread(target=store.add, args=("gaps", Slow(10, 2.0, half_way)))
        writer.start()
        half_way.wait(10)
        assert other.count("gaps") == 1
        with pytest.raises(RunError, match=r"another process has been writing for 0\.5 s\. Nothing was written"):
            other.add("gaps", [gap("b", 1.0)])
        writer.join()
        assert other.add("gaps", [gap("b", 1.0)]).n_records == 12


def test_writers_of_different_datasets_do_not_wait_on_a_server(on_server):
    with open_store(on_server) as store, open_store(on_server, patience=0.5) as other:
        half_way = threading.Event()
        writer = threading.Thread(target=store.add, args=("slow", Slow(10, 2.0, half_way)))
        writer.start()
        half_way.wait(10)
        assert other.add("quick", [gap("b", 1.0)]).number == 1
        writer.join()
        assert store.count("slow") == 10


# ---- the server goes away ----


def test_a_restart_during_a_write_is_survived(postgres, on_server):
    with open_store(on_server) as store:
        store.add("gaps", [gap("a", 1.0)])
        half_way, found = threading.Event(), []
        writer = threading.Thread(target=lambda: found.append(store.add("gaps", Slow(20, 1.0, half_way))))
        writer.start()
        half_way.wait(10)
        postgres.restart("immediate")
        writer.join()
        assert [version.number for version in found] == [2]
        assert store.count("gaps") == 21
        assert list(verify(store)) == []


@pytest.mark.parametrize(
    "said",
    [
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is not yet accepting connections",
        "FATAL:  the database system is not accepting connections",
        "FATAL:  the database system is shutting down",
        "FATAL:  the database system is in recovery mode",
        "server closed the connection unexpectedly",
        "connection to server failed: Connection refused",
    ],
)
def test_a_server_on_its_way_down_or_up_is_waited_for(said):
    assert connect.lost(OperationalError("SELECT 1", None, Exception(said)))
    assert not connect.lost(OperationalError("SELECT 1", None, Exception('FATAL:  role "x" does not exist')))


def test_what_can_be_read_only_once_is_not_written_half(postgres, on_server):
    with open_store(on_server) as store:
        store.add("gaps", [gap("a", 1.0)])
        half_way, found = threading.Event(), []

        def write():
            try:
                store.add("gaps", iter(Slow(20, 1.0, half_way)))
            except RunError as error:
                found.append(str(error))

        writer = threading.Thread(target=write)
        writer.start()
        half_way.wait(10)
        postgres.restart("fast")
        writer.join()
        assert "cannot be reached" in found[0]
        assert "Nothing of this change was written" in found[0]
        assert store.version("gaps").number == 1
        assert store.add("gaps", Slow(20, 0.0)).n_records == 21


def test_reading_goes_on_after_a_restart(postgres, on_server):
    with open_store(on_server) as store:
        store.add("gaps", [gap(f"r{i}", 1.0) for i in range(2500)])
        reading = store.records("gaps")
        first = next(reading)
        postgres.restart("immediate")
        assert len([first, *reading]) == 2500


def test_a_commit_whose_answer_is_lost_is_found_again(on_server, monkeypatch):
    import psycopg

    with open_store(on_server) as store:
        store.add("gaps", [gap("a", 1.0)])
        commit, lost = psycopg.Connection.commit, []

        def interrupted(self):
            commit(self)
            if not lost:
                lost.append(True)
                self.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(psycopg.Connection, "commit", interrupted)
        version = store.add("gaps", iter([gap("b", 2.0)]))
        assert lost == [True]
        assert (version.number, store.version("gaps").number, store.count("gaps")) == (2, 2, 2)


def test_a_server_that_is_not_there(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(RunError, match=r"postgresql://me:\*\*\*@127\.0\.0\.1:9/x: the database cannot be reached"):
        open_store("postgresql://me:secret@127.0.0.1:9/x", patience=0.3)


# ---- full disk ----


def many(n=20_000):
    return [Record(f"r{i}", f"Si{i % 90 + 1}O", metadata={"text": f"{i:0200d}"}) for i in range(n)]


def test_a_full_disk_leaves_the_version_before(tmp_path):
    from sqlalchemy import event

    store = open_store(tmp_path / "store.db")
    store.add("gaps", [gap("a", 1.0)])
    pages = store.facts()["bytes"] // 4096

    @event.listens_for(store.database.engine, "begin")
    def limited(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 200}")

    with pytest.raises(RunError, match="the disk is full. Nothing of this change was written"):
        store.add("gaps", many())
    event.remove(store.database.engine, "begin", limited)
    store.close()
    with open_store(tmp_path / "store.db") as store:
        assert store.count("gaps") == 1
        assert list(verify(store)) == []
        assert store.add("gaps", many(100)).n_records == 101


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can be made by root on Linux only")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("disks cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_really_full_disk_under_a_file(small_disk):
    with open_store(small_disk / "store.db") as store:
        store.add("gaps", [gap("a", 1.0)])
        with pytest.raises(RunError, match="the disk is full. Nothing of this change was written"):
            store.add("gaps", many(100_000))
        assert store.count("gaps") == 1
        assert list(verify(store)) == []
        assert store.add("gaps", many(100)).n_records == 101


def test_a_really_full_disk_under_a_server(small_disk, postgres):
    import shutil

    import psycopg

    shutil.chown(small_disk, postgres.folder.owner())
    for folder in small_disk.parents:
        if os.access(folder, os.W_OK) and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        connection.execute("CREATE DATABASE small TABLESPACE small")
    url = postgres.url.rpartition("/")[0] + "/small"
    try:
        with open_store(url) as store:
            store.add("gaps", [gap("a", 1.0)])
            with pytest.raises(RunError, match="the disk is full. Nothing of this change was written"):
                store.add("gaps", many(100_000))
            assert store.count("gaps") == 1
            assert list(verify(store)) == []
    finally:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("DROP DATABASE small WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")


# ---- words ----


def test_errors_are_told_apart():
    import sqlite3

    import sqlalchemy as sa

    for text, words in {
        "database is locked": "another process has been writing",
        "attempt to write a readonly database": "Check the permissions",
        "database disk image is malformed": "damaged",
        "disk I/O error": "disk I/O error",
    }.items():
        error = sa.exc.OperationalError("x", {}, sqlite3.OperationalError(text))
        assert words in str(connect.told(error, "a.db", 1.0))
    assert issubclass(VersionConflict, RunError)
