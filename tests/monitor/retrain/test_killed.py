"""A process that is killed hard in the middle of a round: the next call carries that round to its end, once."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from matloop.core.journal import Journal
from matloop.monitor.retrain import flow
from matloop.monitor.retrain.again import replay
from matloop.monitor.retrain.retrain import check, retrain, status
from matloop.monitor.retrain.tables import kept
from matloop.pipeline.run import run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a signal of POSIX")

CHILD = """
import os, signal, sys
from matloop.core.progress import Silent
from matloop.monitor.retrain import champions
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.retrain import retrain

home, when = sys.argv[1:]

def killed(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)

class Listener(Silent):
    def step(self, name):
        if when == "training" and name.startswith("fit"):
            killed()

if when == "before it is promoted":
    champions.promote = killed
if when == "before the log says so":
    point = Home.point
    Home.point = lambda self, champion: (point(self, champion), killed())
retrain(home, progress=Listener(), who="ada")
"""


def killed_in(home, when):
    """A process of its own that begins the round and is killed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    asked = [sys.executable, "-c", CHILD, str(home), when]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == -signal.SIGKILL, done.stderr


def events(home):
    return [event["event"] for event in Journal(home / "log.jsonl").events()]


def arrays(home, champion):
    return {path.name: path.read_bytes() for path in sorted((home / champion.bundle).glob("model*.npz"))}


@pytest.fixture
def reference(world, better, quick_runs, tmp_path):
    """The same round, not disturbed."""
    own = type(world)(tmp_path / "reference")
    shutil.copytree(world.root, own.root)
    own.begin()
    own.tell(better)
    assert retrain(own.home, who="ada").promoted
    return own


@pytest.mark.parametrize(
    ("when", "left"),
    [
        ("training", ["created", "triggered", "joined"]),
        ("before it is promoted", ["created", "triggered", "joined", "trained", "compared"]),
        ("before the log says so", ["created", "triggered", "joined", "trained", "compared"]),
    ],
)
def test_the_next_call_ends_as_if_nothing_had_happened(world, better, reference, monkeypatch, when, left):
    monkeypatch.setattr(flow, "run", run)
    if when != "training":  # the challenger is there already, as the round before it was killed had made it
        made = status(reference.home).state.rounds[0].run
        shutil.copytree(reference.home / made, os.path.normpath(world.home / made))
    world.begin()
    world.tell(better)
    killed_in(world.home, when)
    assert events(world.home) == left
    world.tell(world.rows(7, 21, first=9000), "new2.csv")  # told meanwhile: they belong to the next round
    done = retrain(world.home, who="ada")
    assert done.promoted
    assert events(world.home) == ["created", "triggered", "joined", "trained", "compared", "promoted"]
    state, expected = status(world.home).state, status(reference.home).state
    assert [one.round for one in state.past] == [0, 1]
    assert (state.table, state.later) == (expected.table, expected.later)
    assert arrays(world.home, done.champion) == arrays(reference.home, expected.champion)
    assert status(world.home).faults == ()
    table, later = (kept(world.home / one.file, one.sha256) for one in (state.table, state.later))
    assert set(table.column("sample")) | set(later.column("sample")) >= set(better["sample"])
    assert check(world.home).n_new == 7
    assert replay(world.home).differences == ()
