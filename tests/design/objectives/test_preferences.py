import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.goals import read_goal
from matloop.design.objectives.preferences import Preferring, learn_utility

GOALS = (read_goal("maximise y"), read_goal("minimise z"))
VALUES = np.random.default_rng(0).random((30, 2))


def pairs_by(weights, n=25):
    rng = np.random.default_rng(1)
    drawn = [rng.choice(30, 2, replace=False) for _ in range(n)]
    return tuple((int(a), int(b)) if VALUES[a] @ weights > VALUES[b] @ weights else (int(b), int(a)) for a, b in drawn)


def test_pairs_teach_what_counts():
    utility = learn_utility(VALUES, pairs_by([0.9, 0.1]))
    assert utility.shares[0] > 0.7
    assert utility.shares.sum() == pytest.approx(1)
    fresh = np.random.default_rng(2).random((300, 2, 2))
    truth = (fresh[:, 0] - fresh[:, 1]) @ [0.9, 0.1] > 0
    assert np.mean((utility.chance(fresh[:, 0], fresh[:, 1]) > 0.5) == truth) > 0.9


def test_more_of_anything_is_never_worse():
    utility = learn_utility(VALUES, pairs_by([1.0, -2.0]))
    up = VALUES + np.array([0.0, 0.3])
    assert (utility.value(up) >= utility.value(VALUES)).all()


def test_without_pairs_objectives_count_alike():
    np.testing.assert_allclose(learn_utility(VALUES, ()).shares, 0.5)


def test_contradictions_leave_it_open():
    chance = learn_utility(VALUES, ((0, 1), (1, 0))).chance(VALUES[0], VALUES[1])
    free = learn_utility(VALUES, ()).chance(VALUES[0], VALUES[1])
    assert abs(chance - 0.5) <= abs(free - 0.5) + 0.02


@pytest.mark.parametrize(("better", "side"), [("y", 1.0), ("z", -1.0)])
def test_suggestions_go_where_preferences_point(plane, told, better, side):
    history = told(y=lambda a, b: a, z=lambda a, b: a + 0.1 * b)  # a high y costs a high z
    order = np.argsort(side * history.values[better])[::-1] + 1
    strategy = Preferring(surrogate="gp", surrogate_options={"members": 1})
    for k in range(5):
        strategy = strategy.prefer(int(order[k]), int(order[-1 - k]))
    found = strategy.suggest(plane, history, GOALS, 1, seed=0)
    assert side * (found.points.values[0, 0] - 5) > 0
    assert "From 5 preferences" in found.how


def test_pairs_that_cannot_be_are_refused(plane, told):
    history = told(y=lambda a, b: a, z=lambda a, b: b)
    for pair, words in (((1, 99), "no. 99 is not there"), ((2, 2), "to itself"), ((1, 2, 3), "two numbers")):
        with pytest.raises(ConfigError, match=words):
            Preferring((pair,), surrogate="gp").suggest(plane, history, GOALS, 1, seed=0)
