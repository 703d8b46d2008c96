"""Stand-ins are asked where they teach most for their cost, and never make a search dearer than it would be."""

from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import History, Points, Suggestions
from matloop.design.goals import read_goal
from matloop.design.optimisers.designs import Random
from matloop.design.space.domain import open_domain
from matloop.design.strategy.fidelities import FEW, ByFidelity
from matloop.design.strategy.model import ModelBased
from matloop.problem.space import Continuous, Space

GOALS = (read_goal("maximise y"),)
DOMAIN = open_domain(Space(parameters=(Continuous("a", 0, 1), Continuous("b", 0, 1), Continuous("c", 0, 1))))
SCALE = np.array([[3.0, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
PLACE = np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]) / 1e4
STEPS = np.array([1.0, 1.2, 3.0, 3.2])


def hartmann(X, steps=STEPS):
    """Hartmann in three variables; its maximum is 3.86278."""
    return (steps * np.exp(-(SCALE * (X[:, None] - PLACE) ** 2).sum(axis=-1))).sum(axis=1)


def cheap(X):
    """Kandasamy et al. (2016), doi:10.48550/arXiv.1603.06288: the steps are smaller by as much for each."""
    return hartmann(X, STEPS - 0.2)


def misleading(X):
    return 3 * np.sin(20 * X[:, 0]) * np.cos(17 * X[:, 1])


def begun():
    return History(
        Points(np.zeros((0, 3))), {"y": np.zeros(0)}, np.zeros(0, bool), {"y": np.zeros(0)},
        pending=Points(np.zeros((0, 3))), level=np.zeros(0, np.int64),
    )  # fmt: skip


def grown(history, said, stand_in=cheap):
    level = np.zeros(len(said.points), np.int64) if said.level is None else said.level
    X, join = said.points.values, np.concatenate
    return replace(
        history,
        points=Points(np.vstack([history.points.values, X])),
        values={"y": join([history.values["y"], np.where(level > 0, stand_in(X), hartmann(X))])},
        failed=join([history.failed, np.zeros(len(X), bool)]),
        errors={"y": join([history.errors["y"], np.full(len(X), np.nan)])},
        level=join([history.level, level]),
    )


def searched(strategy, cost, most, seed):
    history, spent = begun(), 0.0
    while spent < most - 1e-9:
        history = grown(history, strategy.suggest(DOMAIN, history, GOALS, 3, seed=seed))
        spent = float(np.where(history.level > 0, cost, 1.0).sum())
    return history


def best(history, cost, most):
    spent = np.cumsum(np.where(history.level > 0, cost, 1.0))
    real = (history.level == 0) & (spent <= most + 1e-9)
    return history.values["y"][real].max()


def test_at_the_same_cost_more_is_found_than_by_experiments_alone_and_by_chance():
    found = {"with": [], "alone": [], "random": []}
    for seed in (0, 1):
        two = ByFidelity(("bench", "sim"), (1.0, 0.1))
        for name, strategy in (("with", two), ("alone", ModelBased()), ("random", Random())):
            found[name].append(best(searched(strategy, 0.1, 6.0, seed), 0.1, 6.0))
    assert np.mean(found["with"]) > max(np.mean(found["alone"]), np.mean(found["random"]))


def test_it_begins_with_the_cheapest_then_the_others_at_the_same_places():
    three = ByFidelity(("bench", "fine", "coarse"), (100.0, 10.0, 1.0))
    first = three.suggest(DOMAIN, begun(), GOALS, 7, seed=0)
    assert first.level.tolist() == [2] * 7
    then = three.suggest(DOMAIN, grown(begun(), first), GOALS, 8, seed=0)
    assert then.level.tolist() == [1] * FEW + [0] * FEW
    np.testing.assert_array_equal(then.points.values[:FEW], first.points.values[:FEW])
    history = grown(grown(begun(), first), then)
    later = three.suggest(DOMAIN, history, GOALS, 3, seed=0)
    assert len(later.points) == 3
    assert all("per cost" in reason or "nothing cheaper" in reason for reason in later.reasons)


def test_what_is_free_is_asked_and_what_is_nearly_as_dear_is_not():
    start = grown(begun(), ByFidelity(("bench", "sim"), (1.0, 0.5)).suggest(DOMAIN, begun(), GOALS, 10, seed=0))
    for price, level in ((1e-6, 1), (0.999, 0)):
        said = ByFidelity(("bench", "sim"), (1.0, price)).suggest(DOMAIN, start, GOALS, 1, seed=0)
        assert said.level.tolist() == [level], said.reasons


def test_what_misleads_is_not_asked():
    X = DOMAIN.sample(24, 1)
    level = np.repeat([0, 1], [12, 12])
    history = grown(begun(), Suggestions(X, ("",) * 24, level=level), misleading)
    said = ByFidelity(("bench", "sim"), (1.0, 0.01)).suggest(DOMAIN, history, GOALS, 2, seed=0)
    assert said.level.tolist() == [0, 0]
    assert "cheaper ones are left out" in said.how
    assert "nothing cheaper" in said.reasons[0]


def test_a_place_is_asked_at_each_fidelity_once_also_while_results_are_awaited():
    two = ByFidelity(("bench", "sim"), (1.0, 0.1))
    history = grown(begun(), two.suggest(DOMAIN, begun(), GOALS, 10, seed=0))
    waiting = two.suggest(DOMAIN, history, GOALS, 2, seed=0)
    history = replace(history, pending=waiting.points, pending_level=waiting.level)
    more = two.suggest(DOMAIN, history, GOALS, 2, seed=0)
    assert not set(DOMAIN.keys(more.points)) & set(DOMAIN.keys(waiting.points))


def test_without_a_value_of_the_experiment_it_is_asked_for():
    two = ByFidelity(("bench", "sim"), (1.0, 0.1))
    said = two.suggest(DOMAIN, begun(), GOALS, 10, seed=0)
    history = grown(begun(), said)
    failed = history.level == 0
    history = replace(history, failed=failed, values={"y": np.where(failed, np.nan, history.values["y"])})
    later = two.suggest(DOMAIN, history, GOALS, 2, seed=0)
    assert later.level.tolist() == [0, 0]
    assert "no value of y is known yet" in later.reasons[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ((("bench",), (1.0,)), "two or more"),
        ((("bench", "sim"), (1.0, 2.0)), "fall from the experiment on"),
        ((("bench", "sim"), (1.0, 0.0)), "stay above 0"),
        ((("bench", "sim"), (1.0, 0.5), ModelBased()), "need the surrogate"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        ByFidelity(*settings)
