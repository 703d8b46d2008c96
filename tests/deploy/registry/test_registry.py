"""Versions, stages and files of registered models, on both databases."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

import sqlalchemy as sa

from matloop.core.errors import BundleError, ConfigError, RunError
from matloop.core.files import write_text
from matloop.data.store.connect import Database
from matloop.data.store.values import NotInStore, VersionConflict
from matloop.deploy.bundle import identity, load_bundle
from matloop.deploy.registry.registry import Registry, spelled


@pytest.fixture
def registry(place):
    with Registry.open(place, create=True, patience=20) as opened:
        yield opened


@pytest.fixture
def bundles(regression, tmp_path):
    """Makes small bundles that differ from each other: `bundles(3)` is the third."""

    def make(number):
        import json

        folder = tmp_path / f"bundle-{number}"
        shutil.copytree(regression.result.folder / "bundle", folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        write_text(folder / "manifest.json", json.dumps({**manifest, "seeds": [number]}))
        return folder

    return make


def unguarded(registry, statement, **values):
    """What only somebody can do who owns the database: the triggers are switched off first."""
    with registry.database.writing() as connection:
        if registry.database.is_sqlite:
            triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for name in triggers.scalars().all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql("ALTER TABLE chunks DROP CONSTRAINT IF EXISTS chunks_content")
        connection.execute(sa.text(statement), values)


def test_a_run_is_added_fetched_and_promoted(registry, regression, tmp_path):
    run = regression.result.folder
    version = registry.add(run, "seebeck", who="ada", note="first")
    assert (version.spelled, version.stage, version.who) == ("seebeck@1", "candidate", "ada")
    assert version.bundle == identity(run / "bundle")
    assert registry.add(run / "bundle", "seebeck") == version
    folder = registry.fetch(version, tmp_path / "cache")
    assert load_bundle(folder).manifest == load_bundle(run / "bundle").manifest
    with pytest.raises(NotInStore, match="no champion"):
        registry.get("seebeck")
    assert registry.promote("seebeck", 1, why="it is good").stage == "champion"
    assert registry.get("seebeck").number == registry.get("seebeck@champion").number == 1
    assert [deed.what for deed in registry.deeds("seebeck")] == ["add", "promote"]
    assert list(registry.verify()) == []


def test_roll_back_goes_through_earlier_champions(registry, bundles):
    for number in range(1, 5):
        assert registry.add(bundles(number), "m").number == number
    for number in (1, 2, 4):
        registry.promote("m", number, why="better")
    registry.retire("m", 3, why="wrong units")
    assert [one.stage for one in registry.versions("m")] == ["retired", "retired", "retired", "champion"]
    assert registry.rollback("m", why="bad").number == 2
    assert registry.rollback("m", why="bad").number == 1
    with pytest.raises(NotInStore, match="no other champion before"):
        registry.rollback("m", why="bad")
    registry.promote("m", 4, why="mended")
    registry.retire("m", 2, why="wrong units")
    assert registry.rollback("m", why="bad").number == 1
    assert registry.champion("m").number == 1
    assert list(registry.verify()) == []


def test_roll_back_to_an_earlier_champion_leaves_those_after_it_behind(registry, bundles):
    for number in range(1, 5):
        registry.add(bundles(number), "m")
    for number in (1, 2, 3):
        registry.promote("m", number, why="better")
    assert registry.reigns("m") == (1, 2, 3)
    for refused, kind, said in (
        (lambda: registry.rollback("m", why="x", to=4), NotInStore, "version 4 is no champion .* there are: 2, 1"),
        (lambda: registry.rollback("m", why="x", to=3), NotInStore, "version 3 is no champion"),
        (lambda: registry.rollback("m", why="x", to=1, instead_of=2), VersionConflict, "version 3 is the champion now"),
    ):
        with pytest.raises(kind, match=said):
            refused()
    assert registry.rollback("m", why="bad", to=1, instead_of=3).number == 1
    assert registry.reigns("m") == (1,)
    assert list(registry.verify()) == []


def test_what_was_retired_by_hand_is_not_gone_back_to(registry, bundles):
    for number in range(1, 4):
        registry.add(bundles(number), "m")
        registry.promote("m", number, why="better")
    registry.retire("m", 2, why="wrong units")
    assert registry.rollback("m", why="bad").number == 1


def test_decisions_that_are_refused(registry, bundles):
    registry.add(bundles(1), "m")
    registry.add(bundles(2), "m")
    registry.promote("m", 1, why="first", instead_of=0)
    for refused, kind, said in (
        (lambda: registry.promote("m", 2, why=" "), ConfigError, "needs a reason"),
        (lambda: registry.promote("m", 9, why="x"), NotInStore, "versions 1 to 2, not 9"),
        (lambda: registry.promote("n", 1, why="x"), NotInStore, 'no model "n".*"m"'),
        (lambda: registry.promote("m", 2, why="x", instead_of=2), VersionConflict, "version 1 is the champion now"),
        (lambda: registry.promote("m", 2, why="x", instead_of=0), VersionConflict, "not none"),
        (lambda: registry.retire("m", 1, why="x"), ConfigError, "is the champion"),
        (lambda: registry.get("m@7"), NotInStore, "versions 1 to 2"),
    ):
        with pytest.raises(kind, match=said):
            refused()
    assert len(registry.deeds()) == 3
    assert registry.promote("m", 2, why="x", instead_of=1).stage == "champion"


@pytest.mark.parametrize(
    "asked", ["", "../etc", "a/b", "m@", "m@0", "m@-1", "m@1.5", "m@x", "m@²", "m@99999999999", "-"]
)
def test_what_is_no_version(asked):
    with pytest.raises(ConfigError, match="cannot be the name|a version is a number"):
        spelled(asked)


def test_many_promote_at_once_and_one_is_champion(registry, bundles):
    for number in range(1, 5):
        registry.add(bundles(number), "m")
    connected, at_once = registry.place, threading.Barrier(4)

    def promote(number):
        with Registry.open(connected, patience=60) as own:
            at_once.wait()
            own.promote("m", number, why=f"by {number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(promote, range(1, 5)))
    promoted = [deed.number for deed in registry.deeds("m") if deed.what == "promote"]
    assert sorted(promoted) == [1, 2, 3, 4]
    assert [one.number for one in registry.versions("m") if one.stage == "champion"] == promoted[-1:]
    assert list(registry.verify()) == []


def test_the_database_allows_one_champion_and_no_other_change(registry, bundles):
    registry.add(bundles(1), "m")
    registry.add(bundles(2), "m")
    registry.promote("m", 1, why="x")
    for statement in (
        "UPDATE model_versions SET stage = 'champion'", "UPDATE model_versions SET stage = 'king'",
        "UPDATE model_versions SET bundle = 'x'", "DELETE FROM model_versions", "DELETE FROM deeds",
        "UPDATE deeds SET why = 'y'", "DELETE FROM chunks", "UPDATE chunks SET sha256 = 'x'",
        "UPDATE model_files SET name = 'x'", "DELETE FROM models",
        "INSERT INTO deeds SELECT 9, time, who, login, what, name, version, why, 't', hash, 'x' FROM deeds",
    ):  # fmt: skip
        with pytest.raises(sa.exc.DBAPIError), registry.database.writing() as connection:
            connection.exec_driver_sql(statement)
    assert list(registry.verify()) == []


def test_changed_bytes_are_refused(registry, bundles, tmp_path):
    version = registry.add(bundles(1), "m")
    model = next(file for file in registry.files(version) if file.name.endswith(".npz"))
    unguarded(registry, "UPDATE chunks SET data = :data WHERE sha256 = :name", data=b"evil", name=model.chunks[0])
    with pytest.raises(BundleError, match=r"model-0.npz is not what was once stored \(a part was changed\)"):
        registry.fetch(version, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert any("a part was changed" in line for line in registry.verify())
    unguarded(registry, "DELETE FROM chunks WHERE sha256 = :name", name=model.chunks[0])
    with pytest.raises(BundleError, match="a part is missing"):
        registry.fetch(version, tmp_path / "cache")


def test_names_in_a_changed_store_lead_nowhere(registry, bundles, tmp_path):
    version = registry.add(bundles(1), "m")
    unguarded(registry, "UPDATE model_files SET name = '../../evil.json' WHERE name = 'README.md'")
    with pytest.raises(BundleError, match="which no bundle has"):
        registry.fetch(version, tmp_path / "deep" / "cache")
    unguarded(registry, "UPDATE model_versions SET bundle = '../../../evil'")
    with pytest.raises(BundleError, match="identifies no bundle"):
        registry.fetch(registry.get("m@1"), tmp_path / "deep" / "cache")
    assert not list(tmp_path.glob("**/evil*"))


def test_a_bundle_exchanged_as_a_whole_is_noticed(registry, bundles, tmp_path):
    first, second = registry.add(bundles(1), "m"), registry.add(bundles(2), "m")
    unguarded(registry, "DELETE FROM model_files WHERE number = 1")
    unguarded(registry, "UPDATE model_files SET number = 1")
    with pytest.raises(BundleError, match=f"is not the bundle {first.bundle}"):
        registry.fetch(first, tmp_path / "cache")
    assert second.bundle != first.bundle


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE deeds SET why = 'another reason' WHERE number = 2", "deed 2 .* was changed"),
        ("DELETE FROM deeds WHERE number = 2", "deed 2: is missing"),
        ("DELETE FROM deeds WHERE number > 2", "is retired, which no deed|is champion, which no deed"),
        ("DELETE FROM deeds", "no deed says who added it"),
        ("UPDATE model_versions SET stage = 'retired'", "which no deed explains"),
    ],
)
def test_a_changed_log_is_noticed(registry, bundles, change, said):
    import re

    for number in (1, 2):
        registry.add(bundles(number), "m")
        registry.promote("m", number, why="better")
    unguarded(registry, change)
    assert any(re.search(said, line) for line in registry.verify())


def test_a_damaged_copy_is_put_right(registry, bundles, tmp_path):
    version = registry.add(bundles(1), "m")
    folder = registry.fetch(version, tmp_path / "cache")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "model-0.npz").write_bytes(b"evil")
    assert registry.fetch(version, tmp_path / "cache") == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [version.bundle]


def test_several_fetch_at_once(registry, bundles, tmp_path):
    version = registry.add(bundles(1), "m")
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: registry.fetch(version, tmp_path / "cache"), range(6)))
    assert found == {tmp_path / "cache" / version.bundle}
    assert load_bundle(found.pop())


def test_a_large_file_goes_in_chunks_and_comes_back(registry, tmp_path):
    from matloop.deploy.registry import chunks

    path = tmp_path / "large.bin"
    path.write_bytes(np.random.default_rng(0).bytes(3 * chunks.SIZE + 5))
    file = chunks.described("run", path)
    assert len(file.chunks) == 4
    chunks.sent(registry.database, path, file)
    chunks.sent(registry.database, path, file)
    chunks.fetched(registry.database, file, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == path.read_bytes()
    path.write_bytes(np.random.default_rng(1).bytes(3 * chunks.SIZE + 5))
    other = chunks.described("run", path)
    path.write_bytes(b"changed meanwhile")
    with pytest.raises(BundleError, match="was changed while it was read"):
        chunks.sent(registry.database, path, other)


def test_no_bundle_is_registered_that_is_damaged(registry, bundles, tmp_path):
    bad = bundles(1)
    (bad / "model-0.npz").write_bytes(b"evil")
    with pytest.raises(BundleError, match="is not what the manifest says"):
        registry.add(bad, "m")
    with pytest.raises(BundleError, match="is not a bundle"):
        registry.add(tmp_path, "m")
    with pytest.raises(ConfigError, match="cannot be the name of a model"):
        registry.add(bundles(2), "../m")
    assert registry.names() == ()


def test_a_full_disk_leaves_nothing(registry, bundles, tmp_path, monkeypatch):
    import errno

    from matloop.deploy.registry import chunks

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    version = registry.add(bundles(1), "m")
    monkeypatch.setattr(chunks, "read", full)
    with pytest.raises(RunError, match="the disk is full"):
        registry.fetch(version, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_copy_needs_no_database(registry, bundles, tmp_path):
    version = registry.add(bundles(1), "m")
    folder = registry.fetch(version, tmp_path)
    nowhere = Registry(registry.database)
    nowhere.files = None
    assert nowhere.fetch(version, tmp_path) == folder


def test_the_database_is_restarted_while_models_are_promoted(postgres, on_server, bundles):
    with Registry.open(on_server, create=True, patience=60) as registry:
        for number in (1, 2):
            registry.add(bundles(number), "m")
        stop = threading.Event()

        def work(first):
            done = 0
            while not stop.is_set() or done < 2:
                registry.promote("m", 1 + (first + done) % 2, why=f"{done}")
                assert registry.get("m").stage == "champion"
                done += 1
            return done

        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(work, first) for first in range(2)]
            try:
                postgres.restart("immediate")
            finally:
                stop.set()
            done = sum(one.result() for one in both)
        assert len([deed for deed in registry.deeds("m") if deed.what == "promote"]) == done
        assert list(registry.verify()) == []


def test_a_commit_whose_answer_is_lost_is_not_done_twice(registry, bundles, monkeypatch):
    registry.add(bundles(1), "m")
    whole, lost = Database.writing, []

    @contextmanager
    def losing(self):
        with whole(self) as connection:
            yield connection
        if not lost:
            lost.append(True)
            raise sa.exc.OperationalError("COMMIT", None, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(Database, "writing", losing)
    assert registry.promote("m", 1, why="good").stage == "champion"
    assert lost
    assert [deed.what for deed in registry.deeds()] == ["add", "promote"]


def test_a_database_that_stays_away_is_told(postgres, on_server, bundles, tmp_path):
    with Registry.open(on_server, create=True, patience=0.5) as registry:
        version = registry.add(bundles(1), "m")
        folder = registry.fetch(version, tmp_path / "cache")
        postgres.stop("fast")
        try:
            for asked in (lambda: registry.get("m"), lambda: registry.promote("m", 1, why="x")):
                with pytest.raises(RunError, match="cannot be reached .*Nothing of this change was written"):
                    asked()
            assert registry.fetch(version, tmp_path / "cache") == folder
        finally:
            postgres.start()
        assert registry.promote("m", 1, why="x").stage == "champion"
        assert [deed.what for deed in registry.deeds()] == ["add", "promote"]
