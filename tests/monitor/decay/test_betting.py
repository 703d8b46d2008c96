"""What the tests promise: false alarms at most as often as said at any time of looking, and changes found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from matloop.monitor.decay.betting import BETS, above, band, began, ranks, upper


def test_capital_of_one_observation_by_hand() -> None:
    """Half of the purse bets from the start: capital 1/2 + 1/2 mean(1 + b/m (1 - m)) after a single 1 at m = 1/2."""
    found = above(np.array([1.0]), 0.5)
    assert np.exp(found.log_capital[0]) == pytest.approx(0.5 + 0.5 * np.mean(1.0 + BETS), rel=1e-12)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=6), st.floats(0.05, 0.9))
@settings(max_examples=40, deadline=None)
def test_capital_is_a_fair_game(start: list[int], m: float) -> None:
    """Whatever was seen, the expected capital after one more observation of mean m is the present one."""

    def after(last: float) -> float:
        return float(np.exp(above(np.array([*start, last], dtype=float), m).log_capital[-1]))

    now = float(np.exp(above(np.array(start, dtype=float), m).log_capital[-1]))
    assert m * after(1.0) + (1 - m) * after(0.0) == pytest.approx(now, rel=1e-9)


def test_false_alarms_stay_below_the_rate_at_a_thousand_looks() -> None:
    rng = np.random.default_rng(5)
    fired = [above((rng.random(1000) < 0.1).astype(float), 0.1, 0.05).at is not None for _ in range(200)]
    assert binomtest(sum(fired), 200, 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize(("good", "within"), [(0, 150), (1000, 400)])
def test_coverage_that_falls_to_80_is_found(good: int, within: int) -> None:
    rng = np.random.default_rng(1)
    missed = [np.concatenate([rng.random(good) < 0.1, rng.random(500) < 0.2]).astype(float) for _ in range(21)]
    late = [(above(one, 0.1, 0.05).at or 9999) - good for one in missed]
    assert 0 < np.median(late) < within
    assert np.median([abs(began(one, 0.1, at + good) - good) for one, at in zip(missed, late, strict=True)]) < 120


def test_band_holds_the_mean_all_the_time() -> None:
    rng = np.random.default_rng(2)
    missing = 0
    for _ in range(12):
        found = band((rng.random(200) < 0.3).astype(float), 0.1, looks=20)
        missing += bool(((found.low > 0.3) | (found.high < 0.3)).any())
    assert missing <= 4  # of 12 at 10 %: binomial, 99.5 %
    assert found.high[-1] - found.low[-1] < 0.25


def test_upper_bound_of_a_share_is_that_of_clopper_and_pearson() -> None:
    exact = binomtest(10, 100, alternative="less").proportion_ci(0.95, "exact").high
    assert upper(np.repeat([1.0, 0.0], [10, 90]), 0.05) == pytest.approx(exact, rel=1e-9)


def test_ranks_by_hand() -> None:
    np.testing.assert_allclose(ranks(np.array([2.5, 0.0, 9.0]), np.array([1.0, 2.0, 3.0])), [2.5 / 4, 0.5 / 5, 5.5 / 6])


def test_upper_bound_of_nothing_is_one() -> None:
    assert upper(np.zeros(0), 0.05) == 1.0
    assert above(np.zeros(0), 0.1).at is None
