"""Intervals hold what they promise, narrow and wide ones alike, and are the same after a round trip."""

from dataclasses import replace

import numpy as np
import pytest
from crepes import ConformalRegressor
from scipy import stats

from matloop.core.errors import BundleError, ConfigError, DataError
from matloop.doubt.conformal import Doubt, conformal_quantile, fit_doubt
from matloop.doubt.prediction import OutOfFold
from matloop.metrics.intervals import coverage, interval_score, thirds


def uneven(n, seed):
    """Skewed noise whose size hangs on the first feature; the prediction is the noiseless value."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.0, 1.0, (n, 6))
    value = 10.0 * X[:, 1]
    noise = (0.1 + 2.0 * X[:, 0] ** 2) * (rng.gamma(2.0, 1.0, n) - 2.0)
    return X, value + noise, value, rng.uniform(0, 0.1, n)


def as_oof(value, spread=None, proba=None):
    n = len(value)
    empty = np.empty((n, 0)) if proba is None else proba
    return OutOfFold(value, np.zeros(n) if spread is None else spread, empty, np.arange(n) % 5)


def fitted(n=1500, seed=0, **more):
    X, y, value, spread = uneven(n, seed)
    return fit_doubt(as_oof(value, spread), X, y, groups=np.arange(n), task="regression", seed=0, **more)


def applied(doubt, X, value, spread):
    return doubt.apply(value, spread, np.empty((len(X), 0)), X)


@pytest.mark.parametrize("cost", ["full", "quick"])
def test_coverage_holds_in_every_third_and_intervals_are_sharper_than_constant(cost):
    doubt = fitted(cost=cost)
    X, y, value, spread = uneven(6000, 1)
    low, high, _, _ = applied(doubt, X, value, spread)
    assert 0.87 <= coverage(y, low, high) <= 0.93
    assert all(0.85 <= part <= 0.95 for part in thirds(y, low, high))
    _, oy, ovalue, _ = uneven(1500, 0)
    q = conformal_quantile(np.abs(oy - ovalue), 0.9)
    assert interval_score(y, low, high) < 0.75 * interval_score(y, value - q, value + q)
    assert (high - value).mean() > (value - low).mean()  # the noise is skewed upwards


@pytest.mark.parametrize("n", [12, 20, 60, 149])
def test_few_rows_get_a_simple_rule_that_covers(n):
    found = []
    for seed in range(40):
        X, y, value, spread = uneven(n + 200, 100 + seed)
        doubt = fit_doubt(
            as_oof(value[:n], spread[:n]), X[:n], y[:n], groups=np.arange(n), task="regression", seed=seed
        )
        assert doubt.width.kind != "trees"
        low, high, _, _ = applied(doubt, X[n:], value[n:], spread[n:])
        found.append(coverage(y[n:], low, high))
    assert 0.86 <= np.mean(found) <= 0.95


def test_spread_that_tells_the_error_is_used_on_few_rows():
    rng = np.random.default_rng(0)
    spread = rng.lognormal(0.0, 1.0, 120)
    y = spread * rng.normal(size=120)
    doubt = fit_doubt(
        as_oof(np.zeros(120), spread), np.zeros((120, 1)), y, groups=np.arange(120), task="regression", seed=0
    )
    assert doubt.width.kind == "spread"


def multiplicative(n, seed):
    rng = np.random.default_rng(seed)
    value = rng.lognormal(2.0, 1.0, n)
    return value * np.exp(0.3 * rng.standard_normal(n)), value


def test_few_rows_whose_error_grows_with_the_value_get_a_width_that_does():
    y, value = multiplicative(80, 0)
    doubt = fit_doubt(as_oof(value), np.zeros((80, 1)), y, groups=np.arange(80), task="regression", seed=0)
    assert doubt.width.kind == "value"
    new, said = multiplicative(3000, 1)
    low, high, _, _ = applied(doubt, np.zeros((3000, 1)), said, np.zeros(3000))
    q = conformal_quantile(np.abs(y - value), 0.9)
    assert interval_score(new, low, high) < 0.75 * interval_score(new, said - q, said + q)
    assert 0.85 <= coverage(new, low, high) <= 0.96
    back = Doubt.from_arrays(doubt.to_arrays())
    np.testing.assert_array_equal(applied(back, np.zeros((3000, 1)), said, np.zeros(3000))[0], low)
    broken = {**doubt.to_arrays(), "width/spread": np.zeros(2)}
    with pytest.raises(BundleError, match="predicted value"):
        Doubt.from_arrays(broken)


def smooth(n, seed, centre=0.0):
    """A smooth function of four numbers, and a forest-like model of it whose error falls with the number of rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) + np.array([centre, 0.0, 0.0, 0.0])
    return X, X[:, 0] ** 2 + np.sin(2 * X[:, 1]) + 0.1 * rng.standard_normal(n)


def neighbour_model(X, y, new):
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(3, weights="distance").fit(X, y).predict(new)


def doubted_neighbours(**more):
    X, y = smooth(600, 0)
    oof = as_oof(np.empty(600))
    for fold in range(5):
        out = oof.fold == fold
        oof.value[out] = neighbour_model(X[~out], y[~out], X[out])
    return X, y, fit_doubt(oof, X, y, groups=np.arange(600), task="regression", seed=0, **more)


def test_a_model_with_more_rows_than_those_that_taught_gets_narrower_intervals():
    X, y, plain = doubted_neighbours()
    grown = doubted_neighbours(growth=1.25)[2]
    assert plain.shrink == 1.0
    assert 0.9 <= grown.shrink < 1.0
    assert "narrower, as the final model has 1.25 times the rows" in grown.how
    new, truth = smooth(4000, 1)
    value = neighbour_model(X, y, new)
    found = [coverage(truth, *applied(doubt, new, value, np.zeros(4000))[:2]) for doubt in (plain, grown)]
    assert abs(found[1] - 0.9) < abs(found[0] - 0.9) + 0.005
    with pytest.raises(ConfigError, match="ratio of training rows"):
        doubted_neighbours(growth=0.5)


def kinds_of_matter(n, seed, kinds):
    """Kinds apart from each other in features, each with a level of its own that others do not tell."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(kinds, n)
    X = 0.7 * rng.normal(size=(n, 3))
    X[:, :2] += 5.0 * np.column_stack([np.cos(kind), np.sin(kind)])
    return X, X[:, 2] + np.array([0.0, 1.0, -1.0, 0.5, -0.5, 0.9])[kind] + 0.3 * rng.standard_normal(n)


def test_intervals_are_wider_for_another_kind_of_matter_and_as_they_were_for_the_known_ones():
    X, y = kinds_of_matter(600, 0, np.arange(5))
    oof = as_oof(np.empty(600))
    for fold in range(5):
        out = oof.fold == fold
        oof.value[out] = neighbour_model(X[~out], y[~out], X[out])
    doubt = fit_doubt(oof, X, y, groups=np.arange(600), task="regression", seed=0)
    assert doubt.widening is not None
    assert doubt.widening.stretch[0] == 1.0
    assert (np.diff(doubt.widening.stretch) >= 0).all()
    plain, found = replace(doubt, widening=None), {}
    for name, kinds in (("new", np.array([5])), ("known", np.arange(5))):
        rows, truth = kinds_of_matter(2000, 1, kinds)
        value = neighbour_model(X, y, rows)
        ends = [applied(one, rows, value, np.zeros(2000))[:2] for one in (plain, doubt)]
        found[name] = [coverage(truth, low, high) for low, high in ends]
    assert found["new"][1] > found["new"][0] + 0.1
    assert abs(found["known"][1] - found["known"][0]) < 0.015
    back = Doubt.from_arrays(doubt.to_arrays())
    np.testing.assert_array_equal(applied(back, rows, value, np.zeros(2000))[1], ends[1][1])


@pytest.mark.parametrize(
    ("name", "broken"),
    [("widening/stretch", np.array([0.5, 1.0])), ("widening/log_distance", np.zeros(0)), ("shrink", np.array(7.0))],
)
def test_impossible_corrections_are_refused(name, broken):
    arrays = doubted_neighbours()[2].to_arrays() | {name: broken}
    with pytest.raises(BundleError):
        Doubt.from_arrays(arrays)


def test_constant_width_equals_the_peer():
    rng = np.random.default_rng(1)
    y = rng.normal(size=80)
    doubt = fit_doubt(as_oof(np.zeros(80)), np.zeros((80, 1)), y, groups=np.arange(80), task="regression", seed=0)
    low, high, _, _ = applied(doubt, np.zeros((3, 1)), np.zeros(3), np.zeros(3))
    peer = ConformalRegressor().fit(residuals=y).predict_int(y_hat=np.zeros(3), confidence=0.9)
    np.testing.assert_allclose(np.column_stack([low, high]), peer)


def test_same_input_same_bits_and_other_level_other_width():
    X, _, value, spread = uneven(300, 5)
    first, again, wide = fitted(400), fitted(400), fitted(400, level=0.98)
    np.testing.assert_array_equal(applied(first, X, value, spread)[0], applied(again, X, value, spread)[0])
    narrow, wider = (np.subtract(*applied(d, X, value, spread)[1::-1]).mean() for d in (first, wide))
    assert wider > 1.2 * narrow


@pytest.mark.parametrize("n", [50, 600])
def test_round_trip_gives_the_same_bits(n):
    doubt = fitted(n, bounds=(0.0, 100.0))
    back = Doubt.from_arrays(doubt.to_arrays())
    X, _, value, spread = uneven(500, 6)
    X[3, 2], value[7] = np.nan, np.nan
    for one, other in zip(applied(doubt, X, value, spread), applied(back, X, value, spread), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(array.dtype.kind in "fiubU" for array in doubt.to_arrays().values())


def test_bounds_hold_and_a_missing_value_has_no_interval():
    doubt = fitted(600, bounds=(0.0, 9.0))
    X, _, value, spread = uneven(500, 6)
    value = np.clip(value, 0.0, 9.0)
    value[0] = np.nan
    low, high, std, _ = applied(doubt, X, value, spread)
    assert np.isnan([low[0], high[0], std[0]]).all()
    assert (low[1:] >= 0.0).all()
    assert (high[1:] <= 9.0).all()
    assert (low[1:] <= value[1:]).all()
    assert (value[1:] <= high[1:]).all()


def test_std_is_that_of_a_normal_error():
    rng = np.random.default_rng(2)
    n = 3000
    y = rng.normal(0.0, 3.0, n)
    doubt = fit_doubt(as_oof(np.zeros(n)), rng.normal(size=(n, 3)), y, groups=np.arange(n), task="regression", seed=0)
    std = applied(doubt, np.zeros((4, 3)), np.zeros(4), np.zeros(4))[2]
    np.testing.assert_allclose(std, 3.0, rtol=0.08)


@pytest.mark.parametrize("n", [12, 400])
def test_perfect_predictions_and_constant_targets_have_no_width(n):
    X = np.random.default_rng(0).normal(size=(n, 3))
    doubt = fit_doubt(as_oof(np.full(n, 2.0)), X, np.full(n, 2.0), groups=np.arange(n), task="regression", seed=0)
    low, high, std, _ = applied(doubt, X, np.full(n, 2.0), np.zeros(n))
    np.testing.assert_allclose([low, high], 2.0, atol=1e-9)
    np.testing.assert_allclose(std, 0.0, atol=1e-9)


def test_mostly_zero_residuals_are_survived():
    X, y, value, spread = uneven(500, 0)
    y[:400] = value[:400]
    doubt = fit_doubt(as_oof(value, spread), X, y, groups=np.arange(500), task="regression", seed=0)
    low, high, _, _ = applied(doubt, X, value, spread)
    assert np.isfinite([low, high]).all()


def test_faults_are_named():
    X, y, value, _ = uneven(50, 0)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        fit_doubt(as_oof(value), X, y, groups=np.arange(50), task="regression", seed=0, level=90.0)
    with pytest.raises(DataError, match="0 rows have an out-of-fold prediction"):
        fit_doubt(as_oof(np.full(50, np.nan)), X, y, groups=np.arange(50), task="regression", seed=0)
    with pytest.raises(DataError, match="expected 6 feature columns"):
        applied(fitted(50), X[:, :2], value, value)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("width/columns", np.array([99])),
        ("width/low/left", np.array([5000])),
        ("width/floor", np.array(-1.0)),
        ("bins/low", np.zeros(0)),
        ("level", np.array(7.0)),
        ("bounds", np.array([1.0, 0.0])),
        ("nearness/landmarks", np.zeros((3, 1))),
        ("nearness/scale", None),
        ("width_kind", np.array("os.system")),
    ],
)
def test_damaged_arrays_are_refused(name, broken):
    arrays = fitted(400).to_arrays()
    if broken is None:
        del arrays[name]
    else:
        arrays[name] = broken
    with pytest.raises(BundleError):
        Doubt.from_arrays(arrays)


def overconfident(n, seed, n_classes):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.0, (n, n_classes))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (true.cumsum(1) < rng.random((n, 1))).sum(1).astype(float)
    said = true**3
    return said / said.sum(1, keepdims=True), y, true


@pytest.mark.parametrize(("n", "n_classes"), [(300, 2), (300, 4), (4000, 2), (4000, 3)])
def test_overconfident_probabilities_are_put_right_and_survive_the_round_trip(n, n_classes):
    said, y, _ = overconfident(n, 0, n_classes)
    value = said.argmax(1).astype(float)
    names = tuple("abcd"[:n_classes])
    doubt = fit_doubt(
        as_oof(value, proba=said),
        np.zeros((n, 2)),
        y,
        groups=np.arange(n),
        task="classification",
        classes=names,
        seed=0,
    )
    new, _, true = overconfident(3000, 1, n_classes)
    low, _, std, found = doubt.apply(new.argmax(1).astype(float), np.zeros(3000), new, np.zeros((3000, 2)))
    np.testing.assert_allclose(found.sum(1), 1.0)
    assert np.abs(found - true).mean() < 0.3 * np.abs(new - true).mean()
    assert np.isnan(low).all()
    p = found[np.arange(3000), new.argmax(1)]
    np.testing.assert_allclose(std, np.sqrt(p * (1 - p)))
    sets = doubt.prediction_sets(found, names)
    assert sets.contains[np.arange(3000), found.argmax(1)].all()
    assert set(sets.names) <= {*names, *(f"{a} or {b}" for a in names for b in names)} or n_classes > 2
    back = Doubt.from_arrays(doubt.to_arrays())
    np.testing.assert_array_equal(back.prediction_sets(found, names).contains, sets.contains)
    np.testing.assert_array_equal(
        back.apply(new.argmax(1).astype(float), np.zeros(3000), new, np.zeros((3000, 2)))[3], found
    )


def test_honest_probabilities_are_left_alone():
    _, y, true = overconfident(3000, 0, 2)
    doubt = fit_doubt(
        as_oof(true.argmax(1).astype(float), proba=true),
        np.zeros((3000, 2)),
        y,
        groups=np.arange(3000),
        task="classification",
        seed=0,
    )
    assert doubt.calibration.method == "identity"


def test_conformal_quantile_is_the_corrected_order_statistic():
    assert conformal_quantile(np.arange(1.0, 100.0), 0.9) == 90.0  # ceil(100 * 0.9)
    assert conformal_quantile(np.arange(1.0, 6.0), 0.9) == 5.0
    draws = np.random.default_rng(0).normal(size=(4000, 20))
    inside = [stats.norm.cdf(conformal_quantile(row, 0.9)) for row in draws]
    assert np.mean(inside) == pytest.approx(np.ceil(21 * 0.9) / 21, abs=0.005)
