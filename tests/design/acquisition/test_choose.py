import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize

from matloop.core.errors import ConfigError
from matloop.design.acquisition.batches import BATCHES
from matloop.design.acquisition.choose import choose
from matloop.design.acquisition.confidence import UpperConfidence
from matloop.design.acquisition.improvement import LogExpectedImprovement
from matloop.design.contract import Points


@pytest.mark.parametrize("acquisition", [UpperConfidence(), LogExpectedImprovement()])
def test_the_best_of_a_cube_is_found_as_by_a_gradient_search(learnt, cube, acquisition):
    belief, about = learnt
    found = choose(acquisition, [belief], about, cube, 1, seed=0)
    starts = np.random.default_rng(1).random((40, 2))
    low = [
        minimize(lambda x: -acquisition.worth([belief], x[None], about)[0], x, bounds=[(0, 1)] * 2).fun for x in starts
    ]
    assert found.worth[0] >= -min(low) - 1e-3


def test_the_best_of_a_table_is_found_and_what_is_known_or_pending_is_not_chosen(learnt, pool):
    belief, about = learnt
    X = np.vstack([about.known, np.random.default_rng(5).random((500, 2))])
    domain, tried = pool(X=X), Points(np.arange(14)[:, None].astype(float))
    about = dataclasses.replace(about, pending=X[12:14])
    found = choose(UpperConfidence(), [belief], about, domain, 5, seed=0, tried=tried)
    seen = belief.believing(X[12:14], belief.predict(X[12:14])[0])
    worth = UpperConfidence().worth([seen], X, about)
    worth[:14] = -np.inf
    assert found.points.values[0, 0] == np.argmax(worth)
    assert len(set(found.points.values[:, 0])) == 5
    assert found.points.values.min() >= 14


def test_believing_makes_a_batch_that_a_plain_loop_makes_too(learnt, pool):
    belief, about = learnt
    X = np.random.default_rng(6).random((3000, 2))
    found = choose(UpperConfidence(), [belief], about, pool(X=X), 6, seed=0)
    rows = []
    for _ in range(6):
        rows.append(int(np.argmax(UpperConfidence().worth([belief], X, about))))
        belief = belief.believing(X[rows[-1:]], belief.predict(X[rows[-1:]])[0])
    assert found.points.values[:, 0].tolist() == rows


def test_a_small_table_gives_what_it_has(learnt, pool):
    belief, about = learnt
    found = choose(UpperConfidence(), [belief], about, pool(X=np.eye(2)), 5, seed=0)
    assert len(found.points) == 2


def test_chances_and_costs_count(learnt, pool):
    belief, about = learnt
    X = np.random.default_rng(6).random((300, 2))
    works = dataclasses.replace(about, works=lambda X: np.where(X[:, 0] < 0.5, 1e-6, 1.0))
    costs = dataclasses.replace(about, costs=lambda X: np.where(X[:, 0] < 0.5, 1.0, 1e9))
    for acquisition in (UpperConfidence(), LogExpectedImprovement()):
        assert choose(acquisition, [belief], works, pool(X=X), 3, seed=0).X[:, 0].min() >= 0.5
        assert choose(acquisition, [belief], costs, pool(X=X), 3, seed=0).X[:, 0].max() < 0.5
        free = choose(acquisition, [belief], costs, pool(X=X), 3, seed=0, cooling=0.0)
        assert (
            free.points.values.tolist()
            == choose(acquisition, [belief], about, pool(X=X), 3, seed=0).points.values.tolist()
        )


def test_an_unknown_batch_rule_is_told(learnt, cube):
    with pytest.raises(ConfigError, match="Did you mean 'believer'"):
        choose(UpperConfidence(), [learnt[0]], learnt[1], cube, 1, seed=0, batch="belever")


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("acquisition", [UpperConfidence(), LogExpectedImprovement()])
def test_every_batch_rule_gives_different_hopeful_experiments_again_and_again(learnt, cube, acquisition, batch):
    belief, about = learnt
    found, again = (choose(acquisition, [belief], about, cube, 4, seed=2, batch=batch) for _ in range(2))
    assert len(set(cube.keys(found.points))) == 4
    assert np.array_equal(found.X, again.X)
    mean, std = belief.predict(found.X)
    everywhere = belief.predict(cube.sample(1000, 0).values)[0]
    assert (mean + 2 * std).min() > np.quantile(everywhere, 0.8)
