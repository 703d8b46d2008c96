import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import History, Points
from matloop.design.goals import read_goal
from matloop.design.optimisers.by_dimension import ByDimension, rule_for
from matloop.design.optimisers.turbo import Turbo, replayed

GOAL = (read_goal("minimise y"),)


def region(rounds_of_values, **more):
    score = np.concatenate(rounds_of_values)
    rounds = np.repeat(np.arange(len(rounds_of_values)), [len(r) for r in rounds_of_values])
    return replayed(score, rounds, **{"dimension": 4, "n": 2, "first": 2, **more})


def test_a_region_doubles_after_three_better_batches_and_halves_after_as_many_worse_ones_as_it_has_patience():
    rising = [np.array([0.0, 1.0]) + k for k in range(4)]
    assert region(rising).length == 1.6  # 0.8 doubled
    assert region(rising).centre == 7
    flat = [np.array([0.0, 1.0])] + [np.array([0.0, 0.0])] * 2  # patience is 4 / 2 batches
    assert region(flat).length == 0.4


def test_a_region_that_has_become_too_small_begins_anew():
    flat = [np.array([0.0, 1.0])] + [np.array([0.0, 0.0])] * 14  # 0.8 halved seven times
    found = region(flat)
    assert found.restarts == 1
    assert found.length == 0.8
    assert found.start == 30


def test_failed_batches_count_as_no_better():
    assert region([np.array([0.0, 1.0])] + [np.array([-np.inf, np.nan])] * 2).length == 0.4


def test_suggestions_stay_near_the_best_and_climb(cube):
    domain = cube(8)

    def valley(X):
        return ((X - 0.3) ** 2).sum(axis=1)

    points = domain.sample(20, 0, how="sobol").values
    first = valley(points).min()
    strategy = Turbo(surrogate_options={"members": 1}, candidates=300)
    for k in range(5):
        known = History(
            Points(points),
            {"y": valley(points)},
            np.zeros(len(points), bool),
            round=np.maximum(np.arange(len(points)) - 15, 0) // 5,
        )
        found = strategy.suggest(domain, known, GOAL, 5, seed=k)
        points = np.vstack([points, found.points.values])
    assert valley(points[20:]).min() < 0.4 * first
    assert "trust region" in found.how.lower()


@pytest.mark.parametrize(
    ("dimension", "budget", "name"),
    [
        (3, 10, "plain"),
        (12, 1000, "plain"),
        (20, 100, "additive"),
        (20, 30, "saas"),
        (50, 200, "saas"),
        (50, 500, "turbo"),
    ],
)
def test_the_rule_goes_by_dimension_and_budget(dimension, budget, name):
    rule = rule_for(dimension, budget)
    assert rule.name == name
    assert str(dimension) in rule.reason


def test_the_reason_is_told_with_the_suggestions(cube):
    domain = cube(20)
    nothing = History(Points(np.zeros((0, 20))), {"y": np.zeros(0)}, np.zeros(0, bool))
    found = ByDimension(budget=500).suggest(domain, nothing, GOAL, 2, seed=0)
    assert found.how.startswith("turbo, as 20 parameters are many")
    with pytest.raises(ConfigError, match="at least one"):
        ByDimension(budget=0)
