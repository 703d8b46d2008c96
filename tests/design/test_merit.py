"""Merit is what integration of the stated distribution gives."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from matloop.design.goals import Goal, read_goal
from matloop.design.merit import log_chance, log_expected_gain, log_gain, merit, sides
from matloop.doubt.prediction import Prediction

Z90 = 1.6448536269514722


def prediction(value, below, above, proba=(), classes=()):
    value, below, above = (np.atleast_1d(np.asarray(x, float)) for x in (value, below, above))
    n = len(value)
    return Prediction(
        value, value - Z90 * below, value + Z90 * above, (below + above) / 2,
        np.asarray(proba, float).reshape(n, len(classes)), np.ones(n, bool), np.full(n, ""), classes=classes,
    )  # fmt: skip


@pytest.mark.parametrize("z", [5.0, 0.0, -0.999, -1.001, -3.0, -10.0, -30.0])
def test_gain_of_a_normal_is_its_integral_far_into_the_tail(z):
    # E max(Y, 0) for Y ~ N(z, 1), the integrand scaled by its value at 0 so that nothing underflows
    scaled = quad(lambda t: t * math.exp(-0.5 * t * t + t * z), 0, math.inf, epsabs=0, epsrel=1e-12)[0]
    expected = math.log(scaled) - 0.5 * z * z - 0.5 * math.log(2 * math.pi)
    assert log_expected_gain(np.array([z]), np.array([1.0]), 0.0)[0] == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_gain_far_away_goes_on_falling():
    found = log_expected_gain(np.array([-1e3, -1e5, -1e7]), np.ones(3), 0.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("reference", [-4.0, -0.5, 0.0, 0.7, 6.0])
def test_gain_of_uneven_sides_is_the_integral_of_the_chance_to_exceed(sign, reference):
    one = prediction(0.0, 1.5, 0.5)

    def beats(t):
        side = 1.5 if t < 0 else 0.5
        return norm.sf(t / side) if sign > 0 else norm.cdf(t / side)

    ends = (reference, 40.0) if sign > 0 else (-40.0, reference)
    expected = quad(beats, *ends, points=[0.0], limit=400, epsabs=0, epsrel=1e-10)[0]
    assert math.exp(log_gain(sign, one, reference)[0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "window", [(-1.0, 2.0), (0.1, 0.2), (8.0, 9.0), (-20.0, -15.0), (-math.inf, -1.0), (3.0, math.inf)]
)
def test_chance_of_a_window_is_the_difference_of_two_tails(window):
    one = prediction(0.0, 2.0, 1.0)

    def below(t):
        return norm.cdf(t / (2.0 if t < 0 else 1.0))

    exact = below(window[1]) - below(window[0]) if window[0] < 3 else norm.sf(window[0]) - norm.sf(window[1])
    assert math.exp(log_chance(Goal("y", "within", *window), one)[0]) == pytest.approx(exact, rel=1e-8)


def test_the_interval_shown_and_the_chance_agree():
    one = prediction(10.0, 3.0, 1.0)
    assert math.exp(log_chance(Goal("y", "within", high=float(one.low[0])), one)[0]) == pytest.approx(0.05)
    assert math.exp(log_chance(Goal("y", "within", low=float(one.high[0])), one)[0]) == pytest.approx(0.05)


def test_an_interval_of_no_width_is_certain():
    one = prediction([1.0, 3.0], [0.0, 0.0], [0.0, 0.0])
    assert np.exp(log_chance(Goal("y", "within", low=2.0), one)).tolist() == [0.0, 1.0]
    assert all((side > 0).all() for side in sides(one))


def test_required_and_open_goals_multiply():
    y, phase = prediction([1.0, 1.0, 2.0], 1.0 + np.zeros(3), np.ones(3)), prediction(
        [0, 1, 1], np.zeros(3), np.zeros(3), [[0.9, 0.1], [0.2, 0.8], [0.2, 0.8]], ("bcc", "fcc")
    )  # fmt: skip
    goals = [read_goal("maximise y"), read_goal("phase = fcc")]
    found = merit(goals, {"y": y, "phase": phase}, {"y": 1.0}, np.ones(3, bool))
    assert found.score[1] - found.score[0] == pytest.approx(math.log(8))
    assert found.score[2] > found.score[1]
    assert found.gains["y"][0] == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert found.chances[1].tolist() == pytest.approx([0.1, 0.8, 0.8])


def test_a_row_without_prediction_has_no_merit():
    found = merit(
        [read_goal("maximise y")], {"y": prediction([np.nan, 1.0], [1, 1], [1, 1])}, {"y": 0.0}, np.ones(2, bool)
    )
    assert found.score[0] == -np.inf
    assert np.isfinite(found.score[1])
