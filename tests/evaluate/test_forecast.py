from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.evaluate.forecast import Forecast, forecast

SIZES = np.array([50, 100, 200, 400, 800])


def planted(exponent, floor, seed, *, noise=0.02, parts=3):
    """Points of floor + (1 - floor) (n / 800)^-exponent, each part with a level of its own, and the true answer."""
    rng = np.random.default_rng(seed)
    rows, part = np.tile(SIZES, parts), np.repeat(np.arange(parts), len(SIZES))
    level = 7.0 * np.exp(0.15 * rng.standard_normal(parts))[part]
    error = level * (floor + (1 - floor) * (rows / 800) ** -exponent) * np.exp(noise * rng.standard_normal(len(rows)))
    return rows, error, part


def answer(exponent, floor, share=0.5):
    times = ((share - floor) / (1 - floor)) ** (-1 / exponent) if floor < share else np.inf
    return 800 * (times - 1) if times <= 100 else np.inf


@pytest.mark.parametrize(("exponent", "floor"), [(0.5, 0.0), (0.35, 0.0), (1.0, 0.1), (0.6, 0.25)])
def test_interval_holds_the_planted_number_as_often_as_it_says(exponent, floor):
    true, found = answer(exponent, floor), []
    for seed in range(40):
        rows, error, part = planted(exponent, floor, seed)
        found.append(forecast(rows, error, parts=part))
    held = np.mean([one.low <= true <= one.high for one in found])
    assert held >= 0.85  # 95 % promised; 40 curves give 0.85 or less by chance in 1 of 150 tries
    assert np.median([one.more for one in found]) == pytest.approx(true, rel=0.35)
    assert all(one.low < one.more < one.high for one in found)


def test_doubling_gains_what_the_exponent_says():
    rows, error, part = planted(0.5, 0.0, 0)
    found = forecast(rows, error, parts=part)
    assert found.gain == pytest.approx(1 - 2**-0.5, abs=0.05)
    assert found.gain_low < 1 - 2**-0.5 < found.gain_high
    assert found.exponent == pytest.approx(0.5, abs=0.1)


def test_a_curve_on_its_floor_says_that_more_rows_hardly_help():
    for seed in range(10):
        rows, error, part = planted(0.5, 0.95, seed)
        found = forecast(rows, error, parts=part)
        assert found.answer == "hardly"
        assert "will help little" in found.sentence
        assert np.isinf(found.more)


def test_a_slow_power_law_is_out_of_reach_or_untold_but_never_a_number_beyond_a_hundredfold():
    for seed in range(10):
        rows, error, part = planted(0.2, 0.5, seed, noise=0.01)
        found = forecast(rows, error, parts=part)
        assert found.answer != "more rows"
        assert not 0 < found.more < np.inf


def test_no_sentence_names_more_than_a_hundred_times_the_rows():
    for exponent in (0.12, 0.16, 0.2, 0.25, 0.3):
        for seed in range(5):
            rows, error, part = planted(exponent, 0.0, seed, noise=0.03)
            found = forecast(rows, error, parts=part)
            assert found.n.max() <= 100 * 800
            for value in (found.low, found.more, found.high):
                assert not 100 * 800 < value < np.inf


@pytest.mark.parametrize(
    ("rows", "words"),
    [([], "0 sizes"), ([100, 200], "2 sizes"), ([100, 100, 100, 200], "2 sizes"), ([300, 320, 350], "1.2 times")],
)
def test_too_few_points_are_no_forecast(rows, words):
    found = forecast(rows, np.linspace(2.0, 1.0, len(rows)))
    assert found.answer == "cannot tell"
    assert words in found.sentence
    assert np.isnan(found.more)


def test_three_noisy_points_do_not_pretend():
    found = forecast([100, 300, 900], [1.0, 0.97, 0.90])
    assert found.answer != "more rows"


def test_a_level_of_its_own_for_each_part_does_not_look_like_learning():
    rows = np.array([100, 200, 400, 800] * 2)
    part = np.repeat([0, 1], 4)
    flat = np.where(part == 0, 1.0, 3.0)
    assert forecast(rows, flat, parts=part).answer == "hardly"


def test_rising_errors_give_no_number():
    assert forecast(SIZES, 1.0 + SIZES / 1000).answer in ("hardly", "cannot tell", "out of reach")


def test_other_shares_and_more_rows_at_hand():
    rows, error, part = planted(0.5, 0.0, 0, noise=0.005)
    found = forecast(rows, error, parts=part, now=1600, share=0.8)
    assert found.more == pytest.approx(1600 * (0.8**-2 - 1), rel=0.15)
    assert "80 %" in found.sentence


def test_last_point_is_foretold_from_the_others():
    rows, error, part = planted(0.4, 0.0, 1)
    found = forecast(rows, error, parts=part)
    assert found.foretold_low < found.found < found.foretold_high
    broken = forecast(SIZES, np.array([8.0, 5.7, 4.0, 2.83, 6.0]))
    assert not broken.foretold_low < broken.found < broken.foretold_high


def test_errors_that_are_nothing_are_left_out_and_it_is_the_same_again():
    rows, error, part = planted(0.5, 0.0, 3)
    again = forecast([*rows, 800, 1600], [*error, np.nan, 0.0], parts=[*part, 0, 0], now=800, seed=1)
    one = forecast(rows, error, parts=part, seed=1)
    assert to_jsonable(one) == to_jsonable(again)
    assert from_jsonable(Forecast, to_jsonable(one)).sentence == one.sentence


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_of_all_or_nothing_is_refused(share):
    with pytest.raises(DataError, match="lies between 0 and 1"):
        forecast(SIZES, 1.0 / SIZES, share=share)


def test_lengths_must_agree():
    with pytest.raises(DataError, match="one of each per point"):
        forecast(SIZES, np.ones(3))
