"""From a real prediction log to a round: it is the monitoring itself that raises the alarm."""

import numpy as np
import pandas as pd
import pytest

from matloop.deploy.bundle import identity, load_bundle
from matloop.deploy.predict import predict_frame
from matloop.monitor.log import PredictionLog, now_text
from matloop.monitor.record import Answered
from matloop.monitor.retrain import flow
from matloop.monitor.retrain.again import replay
from matloop.monitor.retrain.plan import NewLabels, Rules, When
from matloop.monitor.retrain.retrain import check, retrain, status

ASKED = ("a", "b", "c")
TOLD = ("value", "low", "high", "std", "in_domain", "reason")


def ask(world, frame, *, batch=20):
    """The champion is asked and its answers are logged, as a service does; names of the answers, in order."""
    folder = next(world.root.glob("runs/alloy/*/bundle"))
    bundle, own, requests = load_bundle(folder), identity(folder), []
    with PredictionLog(world.root / "answers").writer("w0") as writer:
        for start in range(0, len(frame), batch):
            part = frame.iloc[start : start + batch]
            found = predict_frame(bundle, part[list(ASKED)]).predictions["y"]
            columns = {name: getattr(found, name).tolist() for name in TOLD}
            inputs = {name: part[name].tolist() for name in ASKED}
            n = len(part)
            writer.write(Answered(now_text(), f"r{start}", "alloy", own, n, inputs=inputs, targets={"y": columns}))
            requests += [f"r{start}/{row}" for row in range(len(part))]
    return requests


def measured(world, requests, y):
    PredictionLog(world.root / "answers").label({"request": requests, "y": list(y)})


@pytest.fixture
def watched(world):
    """A home that only the monitoring can call into action."""
    world.begin(
        labels=NewLabels(("../new*.csv",), log="../answers", time="day"), when=When(labels=0), judge=Rules(least=10)
    )
    return world


def test_inputs_that_drifted_start_a_round_and_others_do_not(watched, better, quick_runs):
    watched.tell(better)
    ask(watched, watched.rows(100, 31))  # asked for what the model knows
    quiet = retrain(watched.home)
    assert quiet.reasons == ()
    assert quiet.n_new == 100
    ask(watched, watched.rows(100, 32, c=1.0))  # `c` now varies twenty times as much
    done = retrain(watched.home)
    (reason,) = done.round.reasons
    assert reason.kind == "drift"
    assert "c" in reason.figures["subjects"]
    assert done.promoted
    assert replay(watched.home).differences == ()


def test_labels_that_contradict_the_model_start_a_round_and_good_ones_do_not(watched, monkeypatch):
    frame = watched.rows(160, 33)
    requests = ask(watched, frame)
    measured(watched, requests[:80], frame["y"][:80])
    assert retrain(watched.home).reasons == ()
    changed = frame["y"] + 3.0 * frame["b"]  # another process: `b` works the other way round
    measured(watched, requests[80:], changed[80:])
    found = check(watched.home)
    assert [one.kind for one in found.reasons] == ["decay"]
    assert "y" in found.reasons[0].figures["subjects"]
    assert found.due

    def stopped(*given, **named):
        raise KeyboardInterrupt  # how a round goes on is shown above

    monkeypatch.setattr(flow, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        retrain(watched.home)
    (begun,) = status(watched.home).state.rounds
    assert [one.kind for one in begun.reasons] == ["decay"]
    joined = pd.read_csv(watched.home / begun.new.file)
    assert np.allclose(np.sort(joined["y"]), np.sort(np.r_[frame["y"][:80], changed[80:]]))
