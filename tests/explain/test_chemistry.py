"""Effects of elements and exchanges against closed forms; pairs of rows that differ in one exchange."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from matloop.core.elements import Z_OF, table
from matloop.core.errors import ConfigError, DataError
from matloop.explain.chemistry import Deltas, element_effects, exchange_effects, mean_of
from matloop.explain.chemistry_checks import stands_out
from matloop.explain.edits import amounts_of
from matloop.explain.matched_pairs import agree_with_pairs, matched_pairs
from matloop.matter.compositions import as_compositions
from matloop.represent import FEATURIZERS

RADIUS = np.nan_to_num(table("magpie").column("CovalentRadius"))


def alloys(n=40, seed=0):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(4), n).round(3) + 0.01
    return [f"Fe{a:.3f}Co{b:.3f}Ni{c:.3f}Cr{d:.3f}" for a, b, c, d in shares]


def law(rows):
    """10 eV per atomic fraction of nickel, and 0.1 eV per pm of the mean radius."""
    dense = amounts_of(rows)
    share = dense / dense.sum(axis=1, keepdims=True)
    return 10.0 * share[:, 28] + 0.1 * share @ RADIUS


def test_effect_of_an_element_is_its_slope_in_coxs_direction():
    formulas = alloys()
    found = {one.symbol: one for one in element_effects(law, formulas)}
    dense = amounts_of(as_compositions(formulas))
    share = dense / dense.sum(axis=1, keepdims=True)
    # raising x by d multiplies all others by 1 - d / (1 - x): the slope of a mean is (own - mean of the others)
    values = 10.0 * (np.arange(119) == 28) + 0.1 * RADIUS
    for symbol, one in found.items():
        z = Z_OF[symbol]
        others = (share @ values - share[:, z] * values[z]) / (1.0 - share[:, z])
        slope = values[z] - others
        assert slope.min() - 1e-9 <= 100.0 * one.value <= slope.max() + 1e-9
        assert one.n_rows == len(formulas)
    assert found["Ni"].value == pytest.approx(0.1, abs=0.02)
    assert found["Ni"].sure
    assert next(iter(found)) == "Ni"


def test_a_fitted_pipeline_is_explained_as_it_is():
    formulas = alloys(120)
    model = make_pipeline(FEATURIZERS.load("fractions")(), LinearRegression()).fit(
        formulas, law(as_compositions(formulas))
    )
    told = {one.symbol: one.value for one in element_effects(model, formulas)}
    true = {one.symbol: one.value for one in element_effects(law, formulas)}
    assert told == pytest.approx(true, abs=1e-6)


def test_exchange_is_the_difference_of_two_real_formulas():
    formulas = [f"Li{i}CoO{i}" for i in range(1, 12)]
    one = exchange_effects(law, formulas, pairs=[("Co", "Ni")])[0]
    by_hand = law(as_compositions([f.replace("Co", "Ni") for f in formulas])) - law(as_compositions(formulas))
    low, high = sorted([by_hand.min(), by_hand.max()])
    assert one.value == pytest.approx(by_hand.mean())
    assert low <= one.row_low <= one.row_high <= high
    assert one.low < one.value < one.high


def test_edits_outside_the_domain_are_not_counted():
    formulas = alloys()
    few = element_effects(law, formulas, elements=["Ni"], inside=lambda rows: amounts_of(rows)[:, 28] < 0.3)[0]
    assert few.n_rows < len(formulas)
    assert few.inside == pytest.approx(few.n_rows / len(formulas))
    assert element_effects(law, formulas, inside=lambda rows: np.zeros(len(rows), dtype=bool)) == ()


def test_models_that_disagree_make_nothing_sure():
    against = element_effects([law, lambda rows: -1.1 * law(rows)], alloys())
    assert not any(one.sure for one in against)


def test_interval_knows_groups_and_models():
    rng = np.random.default_rng(0)
    base = np.repeat(rng.normal(1.0, 1.0, 20), 10)
    width, one = np.ones(200), np.zeros(200, dtype=np.int64)
    alone = mean_of(Deltas(base, width, one, np.arange(200)))
    together = mean_of(Deltas(base, width, one, np.repeat(np.arange(20), 10)))
    assert together.high - together.low == pytest.approx(np.sqrt(10) * (alone.high - alone.low), rel=0.05)


def test_bad_questions_are_refused():
    with pytest.raises(ConfigError, match="no element is called 'Xx'"):
        element_effects(law, alloys(), elements=["Xx"])
    with pytest.raises(DataError, match="3 groups for 40 compositions"):
        element_effects(law, alloys(), groups=[1, 2, 3])


def test_pairs_differ_in_the_exchange_and_in_nothing_else():
    rows = as_compositions(["LiCoO2", "LiNiO2", "Li2Ni2O4", "LiNiO3", "LiCo0.5Ni0.5O2", "NaCoO2"])
    hot = np.array([[300.0], [300.0], [600.0], [300.0], [300.0], [300.0]])
    assert matched_pairs(rows, [(27, 28)])[0].tolist() == [[0, 1], [0, 2]]
    assert matched_pairs(rows, [(27, 28)], hot)[0].tolist() == [[0, 1]]
    assert matched_pairs(rows, [(3, 11)])[0].tolist() == [[0, 5]]


def test_pairs_speak_for_or_against():
    rng = np.random.default_rng(0)
    measured = rng.normal(size=60)
    assert agree_with_pairs(measured, measured + rng.normal(size=60)).passed
    assert not agree_with_pairs(measured, rng.normal(size=60)).passed
    assert agree_with_pairs(measured[:5], measured[:5]) is None


def test_noise_does_not_stand_out():
    rng = np.random.default_rng(1)
    passed = [stands_out(rng.normal(size=30), np.ones(30)).passed for _ in range(300)]
    assert np.mean(passed) < 0.03
