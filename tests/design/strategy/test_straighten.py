"""Values are made normal by a monotone map and come back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.design.strategy.straighten import Straightened, straighten


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=2, max_size=30),
    st.sampled_from([-1.0, 1.0]),
    st.floats(-1.9, 3.9),
)
def test_there_and_back_is_the_same_and_order_is_kept(values, sign, power):
    y = np.array(sorted(values))
    shift, scale = float((sign * y).mean()), float(y.std()) or 1.0
    mapped = Straightened(sign, shift, scale, power)
    z = mapped.forward(y)
    assert (sign * np.diff(z) >= -1e-9).all()
    assert mapped.back(z) == pytest.approx(y, abs=1e-5 * scale + 1e-9)


def test_the_power_is_that_of_scipy_where_it_lies_inside():
    from scipy.stats import yeojohnson_normmax

    y = np.random.default_rng(0).lognormal(size=200)
    standard = (y - y.mean()) / y.std()
    assert straighten(y).power == pytest.approx(yeojohnson_normmax(standard), abs=5e-3)


def test_skewed_values_become_about_normal():
    from scipy.stats import skew

    y = np.random.default_rng(1).lognormal(size=300)
    z = straighten(y).forward(y)
    assert abs(skew(z)) < 0.3 < 2.0 < skew(y)
    assert z.mean() == pytest.approx(0, abs=1e-9)
    assert z.std() == pytest.approx(1)


def test_what_no_value_leads_to_is_finite():
    mapped = Straightened(1.0, 0.0, 1.0, power=-2.0)
    assert np.isfinite(mapped.back(np.array([50.0]))).all()


@pytest.mark.parametrize("y", [np.full(4, 3.0), np.zeros(3), np.array([1.0])])
def test_equal_values_do_no_harm(y):
    assert np.isfinite(straighten(y).forward(y)).all()


def test_errors_follow_the_slope():
    mapped = straighten(np.array([0.0, 10.0]))  # two values: a straight line of slope 1 / 5
    assert mapped.errors(np.array([5.0]), np.array([1.0])) == pytest.approx(1 / 5)
    assert np.isnan(mapped.errors(np.array([5.0]), np.array([np.nan]))).all()
