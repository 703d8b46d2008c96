import dataclasses

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.acquisition.choose import choose
from matloop.design.acquisition.confidence import Thompson, UpperConfidence
from matloop.design.acquisition.improvement import LogExpectedImprovement
from matloop.design.contract import Points


def gain_of(belief, X, best):
    """What the best of a batch is expected to gain, by 20,000 draws."""
    return np.maximum(belief.draw(X, 20_000, seed=7).max(axis=1) - best, 0.0).mean()


def batch_of(belief, about, domain, rule, acquisition=None):
    return choose(acquisition or LogExpectedImprovement(), [belief], about, domain, 4, seed=3, batch=rule).X


def test_a_batch_by_draws_gains_most_together(learnt, pool):
    belief, about = learnt
    domain = pool(X=np.random.default_rng(6).random((2000, 2)))
    gains = {rule: gain_of(belief, batch_of(belief, about, domain, rule), about.aims[0].best)
             for rule in ("top", "believer", "monte_carlo", "penalise", "diverse")}  # fmt: skip
    assert gains["monte_carlo"] >= 0.98 * max(gains.values())
    assert min(gains[rule] for rule in ("monte_carlo", "believer", "diverse", "penalise")) > gains["top"]


@pytest.mark.parametrize("rule", ["believer", "liar", "penalise", "diverse", "monte_carlo"])
def test_a_batch_is_wider_than_the_best_alone(learnt, pool, rule):
    belief, about = learnt
    domain = pool(X=np.random.default_rng(6).random((2000, 2)))
    width = {r: batch_of(belief, about, domain, r, UpperConfidence()).std(axis=0).sum() for r in (rule, "top")}
    assert width[rule] > width["top"]


def test_pending_experiments_are_kept_clear_of(learnt, pool):
    belief, about = learnt
    domain = pool(X=np.random.default_rng(6).random((2000, 2)))
    first = choose(LogExpectedImprovement(), [belief], about, domain, 1, seed=0).X
    for rule in ("believer", "liar", "penalise", "thompson", "monte_carlo", "diverse", "top"):
        asked = dataclasses.replace(about, pending=first)
        found = choose(LogExpectedImprovement(), [belief], asked, domain, 1, seed=0, batch=rule).X
        assert np.linalg.norm(found - first) > 0.01, rule


def test_thompson_takes_what_is_best_as_often_as_it_may_be(fixed, pool, asking):
    X = np.array([[0.1, 0.1], [0.9, 0.9]])
    belief, about = fixed(X, np.array([0.0, 0.5])), asking(X, np.array([0.0, 0.5]))
    places = np.array([[0.3, 0.1], [0.5, 0.5], [0.9, 0.6], [0.1, 0.9]])
    truth = np.bincount(belief.draw(places, 20_000, seed=0).argmax(axis=1), minlength=4) / 20_000
    taken = [
        choose(Thompson(), [belief], dataclasses.replace(about, seed=s), pool(X=places), 1, seed=s).points.values[0, 0]
        for s in range(400)
    ]
    np.testing.assert_allclose(np.bincount(np.array(taken, int), minlength=4) / 400, truth, atol=0.08)
    some = choose(UpperConfidence(), [belief], about, pool(X=places), 4, seed=1, batch="thompson")
    assert sorted(some.points.values[:, 0]) == [0, 1, 2, 3]


def test_only_given_candidates_are_chosen(learnt, cube):
    belief, about = learnt
    given = Points(np.random.default_rng(11).random((6, 2)))
    found = choose(UpperConfidence(), [belief], about, cube, 10, seed=0, candidates=given)
    assert {tuple(x) for x in found.points.values} == {tuple(x) for x in given.values}


def test_nothing_to_choose_from_gives_nothing(learnt, pool):
    belief, about = learnt
    assert len(choose(UpperConfidence(), [belief], about, pool(X=np.zeros((0, 2))), 3, seed=0).points) == 0


@pytest.mark.parametrize("rule", ["penalise", "monte_carlo"])
def test_rules_that_need_an_open_goal_say_so(learnt, pool, aim, rule):
    belief, about = learnt
    asked = dataclasses.replace(about, aims=(aim(0, is_open=False, low=0.0),))
    with pytest.raises(ConfigError, match="Use 'believer' instead"):
        choose(LogExpectedImprovement(), [belief], asked, pool(X=np.eye(2)), 2, seed=0, batch=rule)


def test_draws_that_miss_a_goal_gain_nothing(fixed, pool, asking, aim):
    X = np.random.default_rng(0).random((15, 2))
    danger = X[:, 0]
    aims = (aim(0, best=0.0), aim(1, is_open=False, high=0.4))
    about = asking(X, X[:, 0] - 0.4, danger, aims=aims)
    beliefs = [fixed(X, X[:, 0] - 0.4, length=0.5), fixed(X, danger, length=0.5)]
    domain = pool(X=np.random.default_rng(6).random((400, 2)))
    for rule in ("monte_carlo", "thompson", "believer", "diverse", "penalise"):
        found = choose(LogExpectedImprovement(), beliefs, about, domain, 4, seed=0, batch=rule).X
        assert found[:, 0].max() < 0.5, rule


@pytest.mark.parametrize("rule", ["diverse", "monte_carlo", "penalise"])
def test_in_a_large_space_a_batch_does_not_crowd_around_the_best(learnt, cube, rule):
    belief, about = learnt
    found = batch_of(belief, about, cube, rule)
    assert np.linalg.norm(found - found[0], axis=1)[1:].min() > 0.03
