from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Points
from matloop.design.goals import read_goal
from matloop.design.objectives.study import said_alike, study_front, trade_offs

GOALS = (read_goal("maximise y"), read_goal("minimise z"))


def test_what_one_objective_costs_another_is_the_slope_of_the_front(plane, told):
    history = told(y=lambda a, b: 3 * a - b, z=lambda a, b: 6 * a + b)  # at b = 0, one y more costs two z more
    found = study_front(plane, history, GOALS, surrogate="gp")
    (trade,) = found.trades
    assert trade.cost / trade.step == pytest.approx(2.0, abs=0.4)
    assert trade.low <= trade.cost <= trade.high
    assert f"{trade.step:g} more y costs" in trade.words
    assert "more of z" not in trade.words
    assert len(found.words) >= 2


def test_what_is_exactly_known_is_surely_on_the_front_or_not(plane, told):
    found = study_front(plane, told(y=lambda a, b: a, z=lambda a, b: b), GOALS, surrogate="gp")
    sure = (found.chance > 0.9) | (found.chance < 0.1)
    assert sure.mean() > 0.7
    assert (found.chance[found.on_front] > 0.3).all()
    assert found.volume > 0


def test_a_failed_experiment_is_on_no_front_and_a_suggested_one_may_be(plane, told):
    history = told(y=lambda a, b: a, z=lambda a, b: b)
    top = int(np.argmax(history.values["y"]))
    failed = np.arange(len(history)) == top
    found = study_front(
        plane, replace(history, failed=failed), GOALS, suggested=Points(np.array([[10.0, 0.0]])), surrogate="gp"
    )
    assert found.chance[top] == 0
    assert found.chance[-1] > 0.8  # the corner that is best in both


def test_objectives_that_are_one_are_told():
    rng = np.random.default_rng(0)
    y = rng.random(20)
    assert "one goal would do" in said_alike(np.column_stack([y, 2 * y + 1]), GOALS)[0]
    assert "Every gain in y is a loss in z" in said_alike(np.column_stack([y, -(y**3)]), GOALS)[0]
    assert said_alike(rng.random((20, 2)), GOALS) == ()


def test_without_conflict_nothing_is_paid():
    y = np.arange(6.0)
    (trade,) = trade_offs(np.broadcast_to(np.column_stack([y, y]), (10, 6, 2)), np.ones((10, 6), bool), GOALS)
    assert trade.conflict == 0
    assert np.isnan(trade.cost)
    assert "do not stand against each other" in trade.words


def test_one_goal_has_no_front_and_no_data_neither(plane, told):
    history = told(y=lambda a, b: a, z=lambda a, b: b)
    with pytest.raises(ConfigError, match="at least two goals"):
        study_front(plane, history, GOALS[:1])
    with pytest.raises(DataError, match="no value of y"):
        study_front(plane, replace(history, failed=np.ones(len(history), bool)), GOALS)
