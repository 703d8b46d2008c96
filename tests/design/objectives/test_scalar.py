import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import About, Aim
from matloop.design.merit import log_expected_gain
from matloop.design.objectives.scalar import Chebyshev, Desirability, log_gain_of, overall_desirability, ramped
from matloop.testing.acquisition_contract import Fixed

RNG = np.random.default_rng(0)
X = RNG.random((12, 2))
Y = np.array([-((X - 0.2) ** 2).sum(axis=1), -((X - 0.8) ** 2).sum(axis=1)])
ASKED = RNG.random((60, 2))
BELIEFS = [Fixed(X, y, length=0.6, noise=1e-3) for y in Y]


def about(*aims, seed=0):
    return About(aims or (Aim(0), Aim(1)), X, Y, np.zeros((0, 2)), seed=seed)


def test_gain_of_the_value_itself_is_expected_improvement():
    found = log_gain_of(lambda y: y[..., 0], -0.05, BELIEFS[:1], np.ones(1), ASKED, 4096, 0)
    mean, std = BELIEFS[0].predict(ASKED)
    exact = log_expected_gain(mean, std, -0.05)
    likely = exact > -8
    np.testing.assert_allclose(found[likely], exact[likely], atol=0.1)
    assert np.isfinite(found).all()


def test_random_weights_lead_to_different_parts_of_the_front():
    best = {int(Chebyshev().worth(BELIEFS, ASKED, about(seed=seed)).argmax()) for seed in range(8)}
    assert len(best) > 2


def test_a_condition_counts():
    bound = Aim(1, is_open=False, low=-0.1)
    mean, std = BELIEFS[1].predict(ASKED)
    best = int(Chebyshev().worth(BELIEFS, ASKED, about(Aim(0), bound)).argmax())
    assert mean[best] + 3 * std[best] > -0.1


def test_desirability_of_derringer_and_suich():
    np.testing.assert_allclose(ramped(np.array([0.0, 0.5, 1.0, 2.0, 2.75]), 1.0, 2.0, 1.0), [0, 0.5, 1, 1, 0.25])
    assert overall_desirability(np.array([0.0, 1.0])) == 0
    assert overall_desirability(np.array([0.25, 1.0]), np.array([1.0, 3.0])) == pytest.approx(0.25**0.25)  # by hand
    with pytest.raises(ConfigError, match="above zero"):
        overall_desirability(np.ones(2), np.array([0.0, 0.0]))


def test_desirability_seeks_the_middle_where_both_are_fair():
    sure = [Fixed(X, y, length=1.5, noise=1e-3) for y in Y]
    best = ASKED[int(Desirability().worth(sure, ASKED, about()).argmax())]
    assert np.linalg.norm(best - 0.5) < 0.35


def test_desirability_of_windows_alone_prefers_what_is_inside():
    window = Aim(0, is_open=False, low=-0.05, high=0.0)
    worth = Desirability().worth(BELIEFS, ASKED, About((window,), X, Y - 0.2, np.zeros((0, 2))))
    assert BELIEFS[0].predict(ASKED)[0][worth.argmax()] > -0.1
