import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from matloop.campaign import merits
from matloop.core.errors import DataError


def test_best_so_far_forgets_what_failed():
    curve = merits.best_so_far(np.array([[np.nan, 2.0, 1.0, -np.inf, 3.0]]))
    np.testing.assert_array_equal(curve, [[-np.inf, 2.0, 2.0, 2.0, 3.0]])


def test_top_designs_are_the_best_twentieth_with_ties():
    assert merits.top_designs(np.arange(100.0)).sum() == 5
    assert merits.top_designs(np.array([3.0, 3.0, 3.0, 1.0])).sum() == 3
    assert not merits.top_designs(np.array([1.0, -np.inf, -np.inf]), share=1.0)[1:].any()


def test_a_design_that_is_tried_again_is_found_once():
    is_top = np.array([True, True, False, False])
    np.testing.assert_array_equal(merits.found_share(np.array([[0, 0, 2, 1, -1]]), is_top), [[0.5, 0.5, 0.5, 1.0, 1.0]])


def test_experiments_to_a_level():
    curves = np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 0.4]])
    np.testing.assert_array_equal(merits.experiments_to(curves, 0.5), [2.0, np.inf])


def test_chance_needs_what_drawing_without_putting_back_needs():
    # one top design among n: uniform over the draws, so the median is n / 2
    assert merits.chance_needs(100, 1, 1.0).value == 50
    # all of k among n: P(done by i) = C(n - k, i - k) / C(n, i), by hand for n = 4, k = 2: 0, 1/6, 1/2, 1
    assert merits.chance_needs(4, 2, 1.0).value == 3
    rng = np.random.default_rng(0)
    drawn = [np.sort(rng.permutation(60)[:12])[5] + 1 for _ in range(4000)]  # places of the top 12; the 6th of them
    found = merits.chance_needs(60, 12, 0.5)
    assert found.value == pytest.approx(np.median(drawn), abs=1.0)
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975]), atol=1.0)


def test_enhancement_of_chance_is_one_and_of_a_perfect_choice_n_over_top():
    rng = np.random.default_rng(1)
    is_top = np.arange(200) < 10
    chance = merits.found_share(np.array([rng.permutation(200)[:50] for _ in range(400)]), is_top)
    mean, low, high = merits.enhancement(chance, 200)
    assert mean[-1] == pytest.approx(1.0, abs=0.1)
    assert low[-1] < 1.0 < high[-1]
    perfect = merits.found_share(np.arange(10)[None].repeat(3, axis=0), is_top)
    assert merits.enhancement(perfect, 200)[0][-1] == pytest.approx(20.0)  # all after 10 instead of after 200
    assert merits.acceleration(perfect, 1.0, 200).value == pytest.approx(20.0)


def test_acceleration_of_seeds_that_never_got_there_is_none():
    curves = np.array([[0.1, 0.2], [0.1, 0.2], [0.1, 0.9]])
    found = merits.acceleration(curves, 0.8, 100)
    assert (found.value, found.low) == (0.0, 0.0)


def test_paired_test_is_fishers_by_hand():
    # three pairs, all in favour: only the two equal-sign patterns of eight are as extreme
    assert merits.paired_p(np.array([1.0, 2.0, 3.0])) == 0.25
    assert merits.paired_p(np.zeros(5)) == 1.0
    assert np.isnan(merits.paired_p(np.array([np.inf, 1.0])))


def test_paired_test_is_near_the_signed_rank_test():
    d = np.random.default_rng(4).normal(0.4, 1.0, 30)
    assert merits.paired_p(d) == pytest.approx(wilcoxon(d).pvalue, abs=0.05)


def test_comparison_says_who_wins_and_corrects_for_many():
    base = np.linspace(0, 1, 10)
    found = merits.compare({"random": base, "good": base + 0.3 + 0.01 * np.arange(10), "same": base[::-1]}, "random")
    assert [one.name for one in found] == ["good", "same"]
    assert found[0].wins == 1.0
    assert found[0].p_value == pytest.approx(2 / 1024)
    assert found[0].p_holm == pytest.approx(4 / 1024)
    assert found[1].p_holm > 0.5
    with pytest.raises(DataError, match="no scores of 'chance'"):
        merits.compare({"random": base}, "chance")
    with pytest.raises(DataError, match="same seeds"):
        merits.compare({"random": base, "short": base[:3]}, "random")


def test_mean_ranks_share_ties():
    ranks = merits.mean_ranks({"a": np.array([3.0, 3.0]), "b": np.array([1.0, 3.0]), "c": np.array([2.0, 0.0])})
    assert ranks == {"a": 1.25, "b": 2.25, "c": 2.5}


def test_one_seed_has_no_interval():
    assert np.isnan(merits.mean_interval(np.array([2.0])).low)
    assert np.isnan(merits.median_interval(np.array([2.0])).low)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=15))
def test_intervals_hold_their_estimate_and_lie_within_the_values(values):
    found = merits.median_interval(np.array(values))
    assert min(values) <= found.low <= found.value <= found.high <= max(values)
