import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.acquisition.aims import Blend, log_softplus, needed, softened, told, wanted


def test_several_open_aims_are_added_in_units_of_their_spread(told_belief, asking, aim):
    values = np.array([0.0, 2.0]), np.array([0.0, 200.0])  # spreads 1 and 100
    asked = asking(np.zeros((2, 4)), *values, aims=(aim(0, weight=2.0), aim(1)))
    goal = wanted([told_belief(0), told_belief(1)], asked)
    mean, std = goal.belief.predict(np.array([[1.0, 0.5, 100.0, 50.0]]))
    assert mean[0] == pytest.approx(2 * 1 + 1)
    assert std[0] == pytest.approx(np.hypot(2 * 0.5, 0.5))
    assert goal.best == pytest.approx(2 * 2 + 2)


@pytest.fixture
def told_belief(told):
    return told


def test_a_blend_learns_what_a_sum_tells(fixed):
    X = np.random.default_rng(0).random((5, 2))
    blend = Blend((fixed(X, X[:, 0]), fixed(X, X[:, 1], scale=0.3)), np.array([1.0, 2.0]))
    new = np.array([[0.9, 0.1]])
    after = blend.believing(new, np.array([3.0]))
    assert after.predict(new)[0][0] == pytest.approx(3.0, abs=1e-3)
    np.testing.assert_allclose(blend.joint(new)[1][0, 0], blend.predict(new)[1][0] ** 2, rtol=1e-9)
    assert "x (Gaussian process" in blend.words


def test_without_a_good_experiment_anything_allowed_is_a_gain(told, asking, aim):
    asked = asking(np.zeros((3, 2)), np.array([3.0, 1.0, 2.0]), aims=(aim(0), aim(0, is_open=False, high=0.0)))
    assert wanted([told()], asked).best == 1.0


def test_what_is_believed_is_to_beat_if_it_does_what_it_must(asking, aim):
    aims = (aim(0, best=1.0), aim(1, is_open=False, low=0.5))
    asked = asking(np.zeros((2, 2)), np.array([0.0, 1.0]), np.array([1.0, 1.0]), aims=aims)
    assert told(asked, np.ones((1, 2)), np.array([[5.0], [0.9]])).aims[0].best == 5.0
    assert told(asked, np.ones((1, 2)), np.array([[5.0], [0.1]])).aims[0].best == 1.0
    assert len(told(asked, np.ones((1, 2)), np.array([[5.0], [0.1]])).known) == 3


def test_a_softened_value_keeps_its_order_and_ends_as_a_logarithm(told, asking, aim):
    goal = wanted([told()], asking(np.zeros((2, 2)), np.array([0.0, 2.0]), aims=(aim(0, best=2.0),)))
    worth = softened(np.array([-1e6, -10.0, 2.0, 3.0, 1e6]), goal)
    assert (np.diff(worth) > 0).all()
    assert worth[2] == pytest.approx(np.log(np.log(2)))
    assert worth[4] == pytest.approx(np.log((1e6 - 2) / 0.25))
    assert log_softplus(np.array([-50.0]))[0] == -50.0


def test_an_open_goal_is_asked_for(told, asking, aim):
    asked = asking(np.zeros((2, 2)), np.array([0.0, 2.0]), aims=(aim(0, is_open=False, low=1.0),))
    with pytest.raises(ConfigError, match="knowledge_gradient needs something to maximise"):
        needed([told()], asked, "knowledge_gradient")
