"""The champion of a store's registry is replaced there, with who and why."""

import shutil

import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

from matloop.core.errors import ConfigError
from matloop.deploy.registry.registry import Registry
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
