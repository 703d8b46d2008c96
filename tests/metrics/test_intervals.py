"""Interval scores by hand."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.metrics.intervals import coverage, interval_score, thirds

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
