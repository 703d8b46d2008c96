import numpy as np
import pandas as pd
import pytest

from matloop.campaign.known import open_known
from matloop.campaign.peers import Baybe
from matloop.campaign.replay import replay
from matloop.core.errors import ConfigError
from matloop.design.goals import read_goal


def known(goal="maximise y"):
    x = np.linspace(0.0, 1.0, 12)
    kind = np.where(np.arange(12) % 2, "a", "b")
    frame = pd.DataFrame({"x": x, "kind": kind, "fixed": 3.0, "y": 1 - (x - 0.6) ** 2})
    return open_known(frame, (read_goal(goal),))


def test_baybe_plays_by_the_contract_of_strategies():
    pytest.importorskip("baybe", reason="the extra bench is not installed")
    run = replay(known(), Baybe(), name="baybe", seed=1, n=8, batch=3)
    assert len(set(run.rows)) == 8
    assert run.rows == replay(known(), Baybe(), name="baybe", seed=1, n=8, batch=3).rows


def test_baybe_is_asked_one_open_goal_only():
    with pytest.raises(ConfigError, match="one goal without an end"):
        replay(known("y >= 0.9"), Baybe(), name="baybe", seed=1, n=8, batch=3)
