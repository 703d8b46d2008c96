"""The stretch outside holds for all distant rows together, rises with distance and is left out where none is needed."""

import numpy as np
import pytest

from matloop.doubt.outside import MOST, _rising


def distant(n, seed, power):
    """Rows beyond an edge of 1.0, whose errors in units of the interval grow with distance to the given power."""
    rng = np.random.default_rng(seed)
    distance = 1.0 + rng.exponential(0.7, n)
    return 0.6 * np.abs(rng.standard_normal(n)) * distance**power, distance


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
def test_as_many_distant_rows_are_inside_as_promised(power):
    found = []
    for seed in range(20):
        curve = _rising(*distant(400, seed, power), 1.0, 0.9)
        needed, distance = distant(4000, 100 + seed, power)
        found.append(np.mean(needed <= curve.factor(distance)))
        assert curve.stretch[0] == 1.0
        assert (np.diff(curve.stretch) >= 0.0).all()
        assert curve.stretch[-1] <= MOST
    assert 0.885 <= np.mean(found) <= 0.915


def test_rows_up_to_the_edge_keep_their_width():
    curve = _rising(*distant(400, 0, 1.5), 1.0, 0.9)
    assert curve.factor(np.array([0.0, 0.5, 1.0])) == pytest.approx(1.0)
    assert curve.factor(np.array([2.0, np.inf])).min() > 1.2


def test_where_distant_rows_err_no_more_nothing_is_stretched():
    needed, distance = distant(400, 0, 0.0)
    assert _rising(0.5 * needed, distance, 1.0, 0.9) is None
