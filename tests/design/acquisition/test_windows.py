import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from matloop.core.errors import ConfigError
from matloop.design.acquisition.aims import log_within
from matloop.design.acquisition.choose import choose
from matloop.design.acquisition.windows import Target, Window, log_nearer


def test_the_chance_to_be_within_is_exact_in_both_tails():
    mean, std = np.array([0.0, 30.0, -30.0, 0.5]), np.array([1.0, 1.0, 1.0, 1e-9])
    found = log_within(mean, std, 0.0, 1.0)
    assert found[0] == pytest.approx(np.log(norm.cdf(1) - norm.cdf(0)))
    assert found[1] == pytest.approx(norm.logsf(29.0), abs=1e-9)
    assert found[2] == pytest.approx(norm.logsf(30.0), abs=1e-9)
    assert found[3] == pytest.approx(0.0)


def test_several_windows_multiply(told, asking, aim):
    aims = (aim(0, is_open=False, low=0.0, high=1.0), aim(1, is_open=False, low=-np.inf, high=2.0))
    X = np.array([[0.3, 0.5, 1.0, 1.0]])
    asked = asking(np.zeros((2, 4)), np.array([0.0, 1.0]), np.array([0.0, 1.0]), aims=aims)
    chance = np.exp(Window(curiosity=0.0).worth([told(0), told(1)], X, asked)[0])
    assert chance == pytest.approx((norm.cdf(1.4) - norm.cdf(-0.6)) * norm.cdf(1.0))


@pytest.mark.parametrize(
    ("mean", "std", "nearest"), [(0.0, 1.0, 0.5), (3.0, 0.4, 1.0), (-0.2, 1e-2, 2.0), (1.0, 5.0, 0.01)]
)
def test_how_much_nearer_a_value_comes_is_the_integral(mean, std, nearest):
    ends = [0.7 - nearest, 0.7 + nearest]
    area = quad(lambda y: (1 - abs(y - 0.7) / nearest) * norm.pdf(y, mean, std), *ends, points=[0.7, mean], limit=300)[
        0
    ]
    found = log_nearer(np.array([mean]), np.array([std]), 0.7, nearest)[0]
    assert np.exp(found) == pytest.approx(area, rel=1e-5)


def test_a_target_is_tried_where_it_is_likely_to_be_hit_not_where_it_is_passed(told, asking, aim):
    asked = asking(np.zeros((2, 2)), np.array([0.0, 3.0]), aims=(aim(0, is_open=False, low=0.9, high=1.1),))
    X = np.array([[1.0, 0.1], [1.0, 1.0], [2.0, 0.1], [5.0, 0.1], [500.0, 0.1]])
    worth = Target().worth([told()], X, asked)
    assert np.isfinite(worth).all()
    assert (np.diff(worth) < 0).all()


@pytest.mark.parametrize("kind", [Window, Target])
def test_a_goal_without_an_end_is_not_enough(kind, learnt):
    with pytest.raises(ConfigError, match="purity >= 0.95"):
        kind().worth([learnt[0]], np.zeros((1, 2)), learnt[1])


def test_of_experiments_that_will_surely_do_different_ones_are_taken(fixed, cube, asking, aim):
    X = np.random.default_rng(0).random((12, 2))
    belief = fixed(X, X[:, 0], length=0.5)
    asked = asking(X, X[:, 0], aims=(aim(0, is_open=False, low=0.3, high=0.9),))
    found = choose(Window(), [belief], asked, cube, 5, seed=0).X
    apart = np.linalg.norm(found[:, None] - found, axis=2)[np.triu_indices(5, 1)]
    assert ((found[:, 0] > 0.3) & (found[:, 0] < 0.9)).all()
    assert apart.min() > 0.1
