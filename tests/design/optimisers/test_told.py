import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import History, Points
from matloop.design.goals import read_goal
from matloop.design.optimisers.told import fitness, fresh, nearest_allowed


def history(failed=None, **values):
    n = len(next(iter(values.values())))
    points = Points(np.random.default_rng(0).random((n, 2)))
    return History(
        points,
        {k: np.array(v, float) for k, v in values.items()},
        np.zeros(n, bool) if failed is None else np.array(failed),
    )


def test_one_goal_is_its_value_turned():
    found = fitness(history(y=[1.0, 3.0, np.nan]), [read_goal("minimise y")])
    np.testing.assert_array_equal(found, [-1.0, -3.0, -np.inf])


def test_what_misses_a_window_comes_after_all_that_meet_it():
    told = history(y=[1.0, 9.0, 5.0], z=[0.5, 3.0, 2.0])
    found = fitness(told, [read_goal("maximise y"), read_goal("z <= 1")])
    assert found.argmax() == 0
    assert found[2] > found[1]  # misses it by less


def test_a_failed_experiment_is_worth_nothing():
    assert fitness(history([False, True], y=[1.0, 2.0]), [read_goal("maximise y")])[1] == -np.inf


def test_two_goals_prefer_the_middle_of_a_front():
    told = history(y=[0.0, 0.6, 1.0], z=[1.0, 0.6, 0.0])
    assert fitness(told, [read_goal("maximise y"), read_goal("maximise z")]).argmax() == 1


def test_a_class_and_an_unknown_target_are_refused():
    with pytest.raises(ConfigError, match=r"T >= 0\.5"):
        fitness(history(y=[1.0]), [read_goal("y = metal")])
    with pytest.raises(ConfigError, match="no target 'q'"):
        fitness(history(y=[1.0]), [read_goal("maximise q")])


def test_known_and_forbidden_points_are_left_out_and_others_follow(cube):
    domain = cube(2)
    known = history(y=[1.0, 2.0])
    offered = Points(np.vstack([known.points.values, [[0.5, 2.0], [0.25, 0.25]]]))
    points, origin = fresh(domain, known, offered, 3, 0)
    np.testing.assert_array_equal(origin, [3, -1, -1])
    assert (domain.why_not(points) == "").all()


def test_a_wanted_place_is_met_closely(cube):
    domain = cube(4)
    wanted = np.array([[0.2, 0.9, 0.5, 0.1], [1.3, 0.5, 0.5, 0.5]])
    found = nearest_allowed(domain, wanted, 0).values
    np.testing.assert_allclose(found, np.clip(wanted, 0, 1), atol=0.05)
