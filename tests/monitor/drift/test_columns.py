import numpy as np
import pytest
from scipy import stats

from matloop.monitor.drift.columns import (
    compare_numbers,
    compare_words,
    counts_p,
    ks_distances,
    ks_p,
    new_p,
    share_p,
    stability_indices,
)


def test_distances_are_those_of_scipy_also_with_ties():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (80, 4)).astype(float), rng.integers(1, 7, (50, 4)).astype(float)
    expected = [stats.ks_2samp(a[:, k], b[:, k]).statistic for k in range(4)]
    np.testing.assert_allclose(ks_distances(a, b), expected, atol=1e-12)


@pytest.mark.parametrize(("n", "m", "shift"), [(1000, 200, 0.3), (400, 30, 0.9), (1000, 200, 1.0)])
def test_p_values_are_close_to_the_exact_ones(n, m, shift):
    rng = np.random.default_rng(1)
    exact = stats.ks_2samp(rng.normal(size=n), rng.normal(size=m) + shift, method="exact")
    ours = ks_p(np.array([exact.statistic]), n, m)[0]
    assert np.log10(ours) == pytest.approx(np.log10(exact.pvalue), abs=1.0, rel=0.05)


def test_the_stability_index_of_few_rows_is_not_taken_for_drift():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(1000, 300)), rng.normal(size=(50, 300))
    edges = np.quantile(a, np.linspace(0.1, 0.9, 9), axis=0)
    plain = []
    for k in range(300):
        p, q = (np.bincount(np.searchsorted(edges[:, k], x[:, k]), minlength=10) + 0.5 for x in (a, b))
        p, q = p / p.sum(), q / q.sum()
        plain.append(((q - p) * np.log(q / p)).sum())
    assert np.mean(plain) > 0.15  # what is usually compared with 0.2
    assert np.mean(stability_indices(a, b)) < 0.06


def test_the_stability_index_of_two_known_shares():
    a, b = np.repeat([0.0, 1.0], [5000, 5000])[:, None], np.repeat([0.0, 1.0], [2000, 8000])[:, None]
    by_hand = (0.2 - 0.5) * np.log(0.2 / 0.5) + (0.8 - 0.5) * np.log(0.8 / 0.5)
    assert stability_indices(a, b)[0] == pytest.approx(by_hand, abs=0.002)


def test_counts_are_compared_as_the_g_test_does():
    first, second = np.array([300, 200, 100]), np.array([100, 90, 80])
    plain = stats.chi2_contingency([first, second], lambda_="log-likelihood", correction=False).pvalue
    assert counts_p(first, second) == pytest.approx(plain, rel=0.1)
    assert counts_p(first, second) > plain  # Williams' correction makes it more careful


def test_words_never_seen_before_are_named_and_tested():
    a, b = np.array(["cast"] * 300 + ["rolled"] * 300), np.array(["cast"] * 20 + ["rolled"] * 20 + ["printed"] * 6)
    found = compare_words(a, b, "route", "input")
    assert found.new == {"printed": 6}
    assert found.p < 1e-5
    assert new_p(6, 600, 46) == pytest.approx(stats.hypergeom.sf(5, 646, 6, 46), rel=1e-9)


def test_shares_are_compared_as_fisher_does():
    expected = stats.fisher_exact([[30, 20], [10, 190]], alternative="greater").pvalue
    assert share_p(10, 200, 30, 50, rise_only=True) == pytest.approx(expected, rel=1e-9)
    assert share_p(5, 100, 5, 100) == 1.0


def test_missing_values_are_a_finding_of_their_own():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(500, 1)), rng.normal(size=(100, 1))
    b[:40] = np.nan
    (found,) = compare_numbers(a, b, ("T",), "input")
    assert found.missing == (0.0, 0.4)
    assert found.p_missing < 1e-20
    assert found.p > 1e-3


def test_a_column_that_is_all_missing_now_is_no_error():
    (found,) = compare_numbers(np.ones((50, 1)), np.full((20, 1), np.nan), ("T",), "input")
    assert np.isnan(found.p)
    assert found.missing == (0.0, 1.0)


def test_a_constant_column_is_left_out():
    assert compare_numbers(np.ones((50, 1)), np.ones((20, 1)), ("T",), "input") == []
