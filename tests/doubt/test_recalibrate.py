"""Calibrated standard deviations: the likeliest line, the right kind, and nothing below zero."""

import numpy as np
import pytest
from scipy import optimize, stats

from matloop.core.errors import BundleError, DataError
from matloop.doubt.recalibrate import (
    KINDS,
    SpreadCalibration,
    fit_one,
    fit_spread_calibration,
    palmer_line,
)
from matloop.metrics.uncertainty import gaussian_nll


def drawn(n, true, seed=0):
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.2, 2.0, n)
    return true(spread) * rng.standard_normal(n), spread


@pytest.mark.parametrize(
    "true", [lambda s: 2.0 * s + 0.5, lambda s: 0.3 * s, lambda s: 3.0 * s - 0.4, lambda s: 1 + 0 * s]
)
def test_palmer_line_equals_a_direct_optimisation(true):
    residual, spread = drawn(800, true)

    def surprise(line):
        std = line[0] * spread + line[1]
        return 1e6 if (std <= 0).any() or line[0] < 0 else -stats.norm.logpdf(residual, 0.0, std).sum()

    peer = optimize.minimize(surprise, [1.0, 0.1], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9})
    line = palmer_line(residual, spread)
    assert surprise([line.slope, line.offset]) <= peer.fun + 1e-4
    std, other = line.slope * spread + line.offset, peer.x[0] * spread + peer.x[1]
    np.testing.assert_allclose(std, other, rtol=2e-3)


def test_units_do_not_matter():
    residual, spread = drawn(300, lambda s: 2.0 * s + 0.5)
    line, small = palmer_line(residual, spread), palmer_line(1e-9 * residual, 1e-9 * spread)
    assert small.slope == pytest.approx(line.slope, rel=1e-5)
    assert small.offset == pytest.approx(1e-9 * line.offset, rel=1e-5)


@pytest.mark.parametrize(
    ("true", "kind"),
    [
        (lambda s: s, "as it is"),
        (lambda s: 2.5 * s, "factor"),
        (lambda s: 1.0 + 0.0 * s, "constant"),
        (lambda s: 2.0 * s + 1.5, "linear"),
        (lambda s: np.where(s > 1.2, 4.0, 0.5), "isotonic"),
    ],
)
@pytest.mark.parametrize("rule", ["crps", "nll"])
def test_the_kind_is_chosen_inside_folds(true, kind, rule):
    residual, spread = drawn(4000, true)
    assert fit_spread_calibration(residual, spread, np.arange(4000) % 5, rule=rule).kind == kind


def test_factor_is_the_likeliest():
    residual, spread = drawn(500, lambda s: 2.5 * s)
    factor = optimize.minimize_scalar(
        lambda t: gaussian_nll(residual, t * spread), bounds=(0.1, 10), method="bounded"
    ).x
    np.testing.assert_allclose(fit_one("factor", residual, spread).apply(spread), factor * spread, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_and_nothing_below_zero(kind):
    residual, spread = drawn(400, lambda s: 3.0 * s - 0.4)
    found = fit_one(kind, residual, spread)
    asked = np.array([0.0, 0.01, 1.0, 50.0, np.nan])
    np.testing.assert_array_equal(SpreadCalibration.from_arrays(found.to_arrays()).apply(asked), found.apply(asked))
    assert (found.apply(asked)[:4] > 0).all()
    assert (np.diff(found.apply(asked)[:4]) >= 0).all()
    assert np.isnan(found.apply(asked)[4])


@pytest.mark.parametrize("kind", KINDS)
def test_spreads_of_zero_and_perfect_predictions_are_survived(kind):
    for residual, spread in (
        (np.ones(300), np.zeros(300)),
        (np.zeros(300), np.linspace(0, 1, 300)),
        (np.zeros(9), np.zeros(9)),
    ):
        std = fit_one(kind, residual, spread).apply(spread)
        assert np.isfinite(std).all()
        assert (std > 0).all()


def test_bad_rows_are_named():
    with pytest.raises(DataError, match="row 1: residual 1, spread -1"):
        palmer_line([1.0, 1.0], [1.0, -1.0])
    with pytest.raises(DataError, match="one of each"):
        palmer_line([1.0, 1.0], [1.0])
    with pytest.raises(DataError, match="3 fold numbers"):
        fit_spread_calibration([1.0, 1.0], [1.0, 1.0], [0, 1, 2])


def test_a_falling_curve_is_refused():
    arrays = fit_one("isotonic", *drawn(300, lambda s: s)).to_arrays()
    arrays["y"] = arrays["y"][::-1]
    with pytest.raises(BundleError, match="rising curve"):
        SpreadCalibration.from_arrays(arrays)
