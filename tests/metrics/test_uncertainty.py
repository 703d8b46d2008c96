"""Scores of standard deviations against integrals, peers and cases whose answer is known."""

import numpy as np
import pytest
from scipy import integrate, stats

from matloop.core.errors import ConfigError, DataError
from matloop.metrics.uncertainty import (
    area_from_diagonal,
    confidence_curve,
    dispersion,
    ence,
    error_bins,
    error_rank_correlation,
    gaussian_crps,
    gaussian_nll,
    miscalibration_area,
    quantile_crps,
    sharpness,
    widest_share_ratio,
)


def drawn(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    std = rng.lognormal(0.0, 0.5, n)
    return std * rng.standard_normal(n), std


@pytest.mark.parametrize(("residual", "std"), [(0.0, 1.0), (2.5, 0.7), (-4.0, 3.0)])
def test_crps_is_the_integral_of_squared_distance_to_the_step(residual, std):
    def gap(x):
        return (stats.norm.cdf(x, 0.0, std) - (x >= residual)) ** 2

    whole = sum(integrate.quad(gap, a, b)[0] for a, b in ((-40.0, residual), (residual, 40.0)))
    assert gaussian_crps([residual], [std]) == pytest.approx(whole, rel=1e-6)


def test_nll_is_that_of_scipy():
    residual, std = drawn(50)
    assert gaussian_nll(residual, std) == pytest.approx(-stats.norm.logpdf(residual, 0.0, std).mean())


def test_quantiles_of_a_normal_error_have_nearly_its_crps():
    residual, std = drawn(300)
    levels = np.arange(0.01, 1.0, 0.01)
    found = quantile_crps(residual, std[:, None] * stats.norm.ppf(levels), levels)
    assert found == pytest.approx(gaussian_crps(residual, std), rel=0.01)


def test_proper_scores_are_best_at_the_truth():
    residual, std = drawn()
    for score in (gaussian_crps, gaussian_nll):
        assert score(residual, std) < min(score(residual, 0.7 * std), score(residual, 1.4 * std))
        assert score(residual, std) < score(residual, np.full(len(std), np.sqrt(np.mean(residual**2))))


def test_ence_is_the_relative_gap_of_root_mean_squares():
    residual, std = drawn(40_000)
    assert ence(residual, std) < 0.02
    assert ence(residual, 0.5 * std) == pytest.approx(1.0, abs=0.03)
    bins = error_bins(residual, std)
    assert bins.n_rows.sum() == 40_000
    np.testing.assert_allclose(bins.found, bins.promised, rtol=0.06)
    assert len(error_bins(residual[:50], std[:50]).found) == 2


def test_miscalibration_area_of_wrong_by_a_factor_is_its_integral():
    residual, std = drawn(40_000)
    assert miscalibration_area(residual, std) < 0.01
    # with std halved, the central interval of level p covers 2 * Phi(z_p / 2) - 1
    exact = integrate.quad(lambda p: p - (2 * stats.norm.cdf(stats.norm.ppf((1 + p) / 2) / 2) - 1), 0, 1)[0]
    assert miscalibration_area(residual, 0.5 * std) == pytest.approx(exact, abs=0.01)


def test_area_of_a_step_by_hand():
    assert area_from_diagonal(np.array([0.5])) == pytest.approx(0.25)
    assert area_from_diagonal(np.array([0.0, 0.0])) == pytest.approx(0.5)


def test_sharpness_and_dispersion():
    assert sharpness([3.0, 4.0]) == pytest.approx(np.sqrt(12.5))
    assert dispersion([2.0, 2.0]) == 0.0
    assert dispersion([1.0, 3.0]) == pytest.approx(np.sqrt(2.0) / 2.0)


def test_widest_fifth_against_the_rest():
    assert widest_share_ratio([1.0, -1.0, 1.0, 1.0, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0]) == 4.0
    residual, std = drawn()
    assert widest_share_ratio(residual, std) > 2.0
    assert widest_share_ratio(residual, np.random.default_rng(1).random(4000)) == pytest.approx(1.0, abs=0.15)
    assert 0.3 < error_rank_correlation(residual, std) < 0.7
    assert np.isnan(error_rank_correlation(residual, np.ones(4000)))


def test_confidence_curve_is_between_oracle_and_level():
    residual, std = drawn()
    best, mine = confidence_curve(residual, np.abs(residual)), confidence_curve(residual, std)
    flat = confidence_curve(residual, np.ones(4000))
    assert best.ause == pytest.approx(0.0, abs=1e-12)
    assert 0.0 < mine.ause < flat.ause
    assert mine.auco == pytest.approx(mine.ause * np.abs(residual).mean())
    np.testing.assert_allclose(flat.error, np.abs(residual).mean())
    assert mine.error[0] == pytest.approx(np.abs(residual).mean())


def test_rows_that_cannot_be_judged_are_named():
    with pytest.raises(DataError, match=r"row 1: residual 1, standard deviation 0"):
        gaussian_nll([1.0, 1.0], [1.0, 0.0])
    with pytest.raises(DataError, match="row 0: residual 1, standard deviation -2"):
        gaussian_crps([1.0], [-2.0])
    with pytest.raises(DataError, match="one of each per row"):
        ence([1.0, 2.0], [1.0])
    with pytest.raises(DataError, match="first row 1"):
        widest_share_ratio([1.0, np.nan], [1.0, 1.0])
    with pytest.raises(ConfigError, match="share lies between"):
        widest_share_ratio([1.0], [1.0], 20)
    with pytest.raises(ConfigError, match="levels of quantiles"):
        quantile_crps([1.0], [[1.0]], [1.5])


def test_no_rows_have_no_score():
    nothing = np.empty(0)
    assert np.isnan([gaussian_nll(nothing, nothing), miscalibration_area(nothing, nothing), sharpness(nothing)]).all()
    assert np.isnan(confidence_curve(nothing, nothing).ause)
