"""Interval scores by hand."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.metrics.intervals import coverage, coverage_by, coverage_by_thirds, interval_score, thirds, wilson

Y = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
LOW = Y - np.array([0.1, 0.1, 0.2, 0.2, -0.5, 0.5])
HIGH = Y + np.array([0.1, 0.1, 0.2, 0.2, 1.5, 0.5])


def test_coverage_counts_ends_as_inside():
    assert coverage(Y, LOW, HIGH) == pytest.approx(5 / 6)
    assert coverage(Y, Y, Y) == 1.0
    assert np.isnan(coverage(Y[:0], Y[:0], Y[:0]))


def test_interval_score_is_width_plus_twenty_times_the_miss():
    assert interval_score(Y, LOW, HIGH, 0.9) == pytest.approx(((0.2 + 0.2 + 0.4 + 0.4 + 1.0 + 1.0) + 20 * 0.5) / 6)


def test_thirds_are_sorted_by_width():
    assert thirds(Y, LOW, HIGH) == (1.0, 1.0, 0.5)
    assert np.isnan(thirds(Y[:2], LOW[:2], HIGH[:2])).all()


def test_impossible_questions_are_refused():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        interval_score(Y, LOW, HIGH, 90)
    with pytest.raises(DataError, match="6 values, 5 lower"):
        coverage(Y, LOW[:5], HIGH)


def test_coverage_by_name_has_an_interval():
    first, second = coverage_by(Y, LOW, HIGH, np.array(["b", "b", "b", "b", "a", "a"]))
    assert (first.name, first.n_rows, first.coverage.value) == ("a", 2, 0.5)
    assert second.coverage.value == 1.0
    assert 0.0 < second.coverage.low < 1.0
    parts = coverage_by_thirds(Y, LOW, HIGH)
    assert [part.coverage.value for part in parts] == list(thirds(Y, LOW, HIGH))
    assert parts[2].name == "widest third"
    with pytest.raises(DataError, match="one per row"):
        coverage_by(Y, LOW, HIGH, np.array(["a"]))


def test_wilson_interval_of_nothing_found_in_ten():
    assert wilson(0.0, 10)[1] == pytest.approx(
        0.2775, abs=1e-4
    )  # Brown, Cai & DasGupta (2001), doi:10.1214/ss/1009213286
