"""The champion of a store's registry is replaced there, with who and why."""

import shutil

import pandas as pd
import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

from matloop.core.errors import ConfigError
from matloop.core.journal import Journal
from matloop.data.store.store import open_store
from matloop.deploy.registry.registry import Registry
from matloop.monitor.retrain.again import replay
from matloop.monitor.retrain.plan import NewLabels, Rules, When
from matloop.monitor.retrain.retrain import begin_retraining, retrain, rollback


@pytest.fixture
def store(world):
    """A store whose champion is the first model."""
    place = world.root / "models.db"
    with Registry.open(place, create=True) as registry:
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
        assert registry.deeds("alloy")[-1].who == "eve"


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
    with pytest.raises(ConfigError, match="promoted elsewhere"):
        retrain(world.home)
