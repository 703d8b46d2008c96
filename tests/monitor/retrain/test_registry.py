"""The champion of a store's registry is replaced there, with who and why."""

import json
import shutil
from dataclasses import asdict

import pandas as pd
import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

from matloop.core.errors import ConfigError
from matloop.core.journal import Journal
from matloop.data.store.store import open_store
from matloop.data.store.values import NotInStore, VersionConflict
from matloop.deploy.registry.registry import Registry
from matloop.monitor.retrain.again import replay
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.plan import NewLabels, Rules, When
from matloop.monitor.retrain.retrain import begin_retraining, retrain, rollback, status
from matloop.monitor.retrain.state import Champion


@pytest.fixture
def store(world, place):
    """A store on either database, whose champion is the first model."""
    with Registry.open(place, create=True, patience=60) as registry:
        registry.add(next(world.root.glob("runs/alloy/*/bundle")).parent, "alloy", who="ada")
        registry.promote("alloy", 1, who="ada", why="the first")
    return place


def test_rows_that_join_become_a_version_of_a_dataset_once(world, better, quick_runs, monkeypatch):
    place = world.root / "lab.db"
    world.begin(labels=NewLabels(("../new*.csv",), time="day", dataset="../lab.db#hardness"))
    world.tell(better)
    append = Journal.append

    def cut_off(journal, event):
        if event["event"] == "stored":
            raise KeyboardInterrupt  # killed after the store, before the log
        append(journal, event)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", cut_off)
        with pytest.raises(KeyboardInterrupt):
            retrain(world.home, who="bob")
    done = retrain(world.home, who="bob")
    assert done.round.stored == "../lab.db#hardness@1"
    assert "Stored as ../lab.db#hardness@1" in done.lines()
    joined = pd.read_csv(world.home / done.round.joined["added"]["file"])
    with open_store(place, create=False) as known:
        assert [one.author for one in known.history("hardness")] == ["bob"]
        found = {record.key: record for record in known.records("hardness")}
    assert sorted(found) == sorted(joined["sample"])
    first = joined.iloc[0]
    (value,) = found[first["sample"]].properties
    assert (value.name, value.value, float(value.conditions["a"])) == ("y", first["y"], first["a"])
    assert found[first["sample"]].origin.note.startswith("home, round 1 of retraining")
    assert not replay(world.home).differences


def begun(world, store):
    return begin_retraining(
        world.root / "problem.toml", "alloy", world.home, store=str(store), runs=world.root / "runs",
        labels=NewLabels(("../new*.csv",), time="day"), promote="automatically", when=When(labels=40),
        judge=Rules(least=10),
    )  # fmt: skip


def test_the_winner_is_promoted_and_rolled_back_in_the_registry(world, store, better, quick_runs):
    begun(world, store)
    world.tell(better)
    done = retrain(world.home, who="bob")
    assert done.promoted
    assert done.champion.version == 2
    with Registry.open(store) as registry:
        now = registry.champion("alloy")
        assert (now.number, now.parent, now.bundle) == (2, 1, done.champion.identity)
        deed = registry.deeds("alloy")[-1]
        assert (deed.who, deed.what) == ("bob", "promote")
        assert "better" in deed.why
    assert rollback(world.home, why="wrong for c", who="eve").champion.version == 1
    with Registry.open(store) as registry:
        assert registry.champion("alloy").number == 1
        deed = registry.deeds("alloy")[-1]
        assert (deed.who, deed.what, deed.number) == ("eve", "rollback", 1)
        assert deed.why == "retraining in home: wrong for c"
        assert list(registry.verify()) == []
        with pytest.raises(NotInStore, match="no other champion before"):  # not to the one that was just left
            registry.rollback("alloy", why="further")


def history(world, store):
    """A home that promoted versions 2 and 3 in the place of 1, as its log and the registry tell it; three bundles."""
    begun(world, store)
    first = next(world.root.glob("runs/alloy/*/bundle"))
    with Registry.open(store, patience=60) as registry:
        for number in (2, 3):
            bundle = world.home / f"bundle-{number}"
            shutil.copytree(first, bundle)
            manifest = json.loads((bundle / "manifest.json").read_text())
            (bundle / "manifest.json").write_text(json.dumps({**manifest, "seeds": [number]}))
            made = registry.add(bundle, "alloy", parent=number - 1)
            registry.promote("alloy", made.number, why="better")
            back = Champion(bundle.name, made.bundle, made.number, "", 0)
            Home(world.home).log.append({"event": "rolled back", "champion": asdict(back)})  # no round: no training
            Home(world.home).point(back)


def champions(store, world):
    with Registry.open(store) as registry:
        return registry.champion("alloy").number, status(world.home).state.champion.version


def test_a_roll_back_of_either_goes_where_one_of_the_other_goes(world, store):
    history(world, store)
    assert champions(store, world) == (3, 3)
    rollback(world.home, why="wrong")
    assert champions(store, world) == (2, 2)
    with Registry.open(store) as registry:
        assert registry.rollback("alloy", why="further").number == 1
    (fault,) = status(world.home).faults
    assert "alloy@1 as champion" in fault
    assert "it was rolled back there. Follow it: matloop retrain rollback" in fault
    n = deeds(store)
    assert rollback(world.home, why="follow").champion.version == 1
    assert deeds(store) == n  # it was done there already
    assert status(world.home).faults == ()


def deeds(store):
    with Registry.open(store) as registry:
        return len(registry.deeds())


def test_a_roll_back_leaves_out_what_was_retired_by_hand(world, store):
    history(world, store)
    with Registry.open(store) as registry:
        registry.retire("alloy", 2, why="learnt from wrong units")
    assert "left out: version 2" in next(iter(rollback(world.home, why="wrong").lines()))
    assert champions(store, world) == (1, 1)


def test_a_roll_back_that_was_cut_off_before_the_log_is_done_once(world, store, monkeypatch):
    history(world, store)

    def killed(home, champion):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Home, "point", killed)
        with pytest.raises(KeyboardInterrupt):
            rollback(world.home, why="wrong")
    assert champions(store, world) == (2, 3)
    n = deeds(store)
    rollback(world.home, why="wrong")
    assert champions(store, world) == (2, 2)
    assert deeds(store) == n


def test_a_roll_back_does_not_overrule_what_was_promoted_elsewhere(world, store):
    history(world, store)
    other = world.root / "other"
    shutil.copytree(world.home / "bundle-3", other)
    (other / "manifest.json").write_text((other / "manifest.json").read_text().replace("[3]", "[4]"))
    with Registry.open(store) as registry:
        registry.add(other, "alloy", who="eve")
        registry.promote("alloy", 4, who="eve", why="mine is better")
    with pytest.raises(VersionConflict, match="version 4 is the champion now"):
        rollback(world.home, why="wrong")
    assert champions(store, world) == (4, 3)


def test_a_champion_that_was_promoted_elsewhere_is_not_overruled(world, store, better, quick_runs):
    begun(world, store)
    world.tell(better)
    with Registry.open(store) as registry:
        other = world.root / "other"
        shutil.copytree(next(world.root.glob("runs/alloy/*/bundle")), other)
        text = (other / "manifest.json").read_text()
        (other / "manifest.json").write_text(text.replace('"question": ""', '"question": "another"'))
        registry.add(other, "alloy", who="eve")
        registry.promote("alloy", 2, who="eve", why="mine is better")
    with pytest.raises(ConfigError, match="another one was promoted there"):
        retrain(world.home)
