import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.monitor.drift.martingale import N_BETS, payoffs, ranks, wealth


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_ranks_lie_between_the_rows_below_and_those_up_to_the_row(past, new):
    u = ranks(np.array(past, dtype=float), np.array(new, dtype=float), np.random.default_rng(0))
    for i, value in enumerate(new):
        before = past + new[:i]
        less, equal = sum(b < value for b in before), sum(b == value for b in before)
        assert less / (len(before) + 1) <= u[i] <= (less + equal + 1) / (len(before) + 1)


def test_ranks_are_the_same_whatever_comes_later():
    rng = np.random.default_rng(1)
    past, new = rng.normal(size=50), rng.integers(0, 9, 3000).astype(float)
    whole, part = (ranks(past, rows, np.random.default_rng(2)) for rows in (new, new[:1500]))
    np.testing.assert_array_equal(whole[:1500], part)


def test_every_bet_is_fair():
    middle = (np.arange(200_000) + 0.5) / 200_000
    np.testing.assert_allclose(payoffs(middle).mean(axis=0), np.ones(N_BETS), rtol=0.02)


def test_looking_after_every_row_raises_few_false_alarms():
    rng = np.random.default_rng(3)
    u = np.stack([ranks(rng.normal(size=100), rng.normal(size=500), rng) for _ in range(200)], axis=1)
    rich = (wealth(u).max(axis=0) >= np.log(20.0)).mean()
    assert rich <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)  # Ville: at most 0.05


@pytest.mark.parametrize("wait", [0, 1000])
def test_a_shift_of_one_standard_deviation_is_seen_soon_whenever_it_comes(wait):
    rng = np.random.default_rng(4)
    new = np.concatenate([rng.normal(size=wait), 1.0 + rng.normal(size=200)])
    log = wealth(ranks(rng.normal(size=500), new, rng)[:, None])[:, 0]
    assert log[: wait or 1].max() < np.log(20.0)
    assert wait < np.flatnonzero(log >= np.log(20.0))[0] < wait + 80


def test_a_few_rows_in_the_tail_are_seen():
    rng = np.random.default_rng(5)
    new = np.where(rng.random(400) < 0.1, 9.0, rng.normal(size=400))
    log = wealth(ranks(rng.normal(size=500), new, rng)[:, None])[:, 0]
    assert log.max() > np.log(20.0)
