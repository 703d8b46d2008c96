"""Every method for intervals and sets keeps its contract, and equals a peer, brute force or theory."""

import numpy as np
import pytest
from crepes import ConformalClassifier as PeerClassifier
from crepes import ConformalRegressor as Peer
from crepes.extras import hinge
from sklearn.linear_model import LinearRegression

from matloop.core.errors import ConfigError, DataError
from matloop.doubt import INTERVALS, SETS
from matloop.doubt.methods import Asked, asked_rows, known_rows
from matloop.doubt.order import even_quantile, weighted_quantile
from matloop.doubt.plus import PlusIntervals
from matloop.doubt.regressor import ConformalRegressor
from matloop.doubt.sets import THRESHOLD
from matloop.testing.doubt import check_intervals, check_sets, class_example, example


@pytest.mark.parametrize("name", list(INTERVALS))
def test_intervals_keep_the_contract(name):
    check_intervals(name)


@pytest.mark.parametrize("name", list(SETS))
def test_sets_keep_the_contract(name):
    check_sets(name)


def residuals(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n) * (1 + rng.integers(0, 2, n)), rng


def test_split_equals_the_peer():
    y, _ = residuals()
    low, high = INTERVALS.load("split").learn(known_rows(y, np.zeros(200)), level=0.9).ends(asked_rows([0.0]))
    np.testing.assert_allclose([[low[0], high[0]]], Peer().fit(residuals=y).predict_int([0.0], confidence=0.9))


def test_by_category_equals_the_peer():
    y, rng = residuals(400)
    kind = rng.choice(["oxide", "alloy"], 400)
    rule = INTERVALS.load("category").learn(known_rows(y, np.zeros(400), category=kind), level=0.9)
    found = np.stack(rule.ends(asked_rows([0.0, 0.0], category=["alloy", "oxide"])), axis=1)
    peer = Peer().fit(residuals=y, bins=kind).predict_int([0.0, 0.0], bins=np.array(["alloy", "oxide"]), confidence=0.9)
    np.testing.assert_allclose(found, peer)


def test_a_category_that_is_new_or_rare_has_the_width_of_all():
    y, _ = residuals()
    kind = np.array(["rare"] * 5 + ["common"] * 195)
    rule = INTERVALS.load("category").learn(known_rows(y, np.zeros(200), category=kind), level=0.9)
    low, _ = rule.ends(asked_rows([0.0, 0.0], category=["rare", "new"]))
    plain, _ = INTERVALS.load("split").learn(known_rows(y, np.zeros(200)), level=0.9).ends(asked_rows([0.0]))
    assert low.tolist() == [plain[0]] * 2


def test_cv_plus_equals_brute_force():
    data, new = example(37, 0), example(5, 1)
    model = ConformalRegressor(LinearRegression(), method="cv+", level=0.8, folds=4).fit(data.X, data.y)
    low, high = model.predict_interval(new.X)
    rule, members = model.intervals_, np.stack([m.predict(new.X) for m in model._members], axis=1)
    for row in range(5):
        said = [members[row, int(np.argmax(who))] for who in rule.speaks]
        below = sorted(m - r for m, r in zip(said, rule.size, strict=True))
        above = sorted(m + r for m, r in zip(said, rule.size, strict=True))
        assert low[row] == pytest.approx(min(below[int(np.floor(0.2 * 38)) - 1], model.predict(new.X)[row]))
        assert high[row] == pytest.approx(above[int(np.ceil(0.8 * 38)) - 1])


def test_after_bootstrap_asks_only_members_that_did_not_draw_the_row():
    data = example(40, 0)
    model = ConformalRegressor(LinearRegression(), method="jackknife+ab").fit(data.X, data.y)
    assert isinstance(model.intervals_, PlusIntervals)
    share = (model.intervals_.speaks > 0).mean()
    assert share == pytest.approx(np.exp(-1), abs=0.06)  # the chance that a bootstrap leaves a row out


def test_weighted_quantile_by_hand_and_with_equal_weights():
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_quantile(values, np.array([0.2, 0.5, 0.3]), np.array([0.0]), 0.75)[0] == 2.0
    assert np.isinf(weighted_quantile(values, np.ones(3), np.array([1.0]), 0.9)[0])
    draw = np.random.default_rng(0).normal(size=99)
    assert weighted_quantile(draw, np.ones(99), np.ones(1), 0.9)[0] == np.sort(draw)[89]


def test_even_quantile_has_the_level_on_average():
    draws = np.random.default_rng(0).random((4000, 30))
    assert np.mean([even_quantile(row, 0.9) for row in draws]) == pytest.approx(0.9, abs=0.002)
    assert even_quantile(np.arange(3.0), 0.99) == 2.0
    assert even_quantile(np.arange(3.0), 0.01) == 0.0


def shifted(n, seed, centre):
    """Noise grows with the first feature, so that rows from elsewhere have other errors."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) + np.array([centre, 0.0, 0.0])
    return X, np.exp(0.7 * X[:, 0]) * rng.standard_normal(n)


def test_under_a_shift_weights_restore_the_coverage():
    X, y = shifted(3000, 0, 0.0)
    new, truth = shifted(3000, 1, 0.8)
    found = {}
    for name in ("split", "shifted"):
        rule = INTERVALS.load(name).learn(known_rows(y, np.zeros(3000), X=X, toward=new), level=0.9)
        low, high = rule.ends(asked_rows(np.zeros(3000), X=new))
        found[name] = ((low <= truth) & (truth <= high)).mean()
    assert found["split"] < 0.84
    assert 0.88 <= found["shifted"] <= 0.93
    assert 500 < rule.effective < 2500


def test_rows_from_elsewhere_are_refused():
    X, y = shifted(500, 0, 0.0)
    with pytest.raises(DataError, match=r"500 known rows amount to \d+ that are like the new ones"):
        INTERVALS.load("shifted").learn(known_rows(y, np.zeros(500), X=X, toward=shifted(500, 1, 12.0)[0]))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scaled", "no spread that varies"),
        ("local", "need features"),
        ("category", "told apart"),
        ("shifted", "features"),
    ],
)
def test_what_is_lacking_is_said(name, said):
    with pytest.raises(DataError, match=said):
        INTERVALS.load(name).learn(known_rows(np.arange(9.0), np.zeros(9)))


def test_bad_rows_are_named():
    with pytest.raises(DataError, match="row 1: true 1.0, predicted nan"):
        known_rows([0.0, 1.0], [0.0, np.nan])
    with pytest.raises(DataError, match="spread -1"):
        known_rows([0.0, 1.0], [0.0, 1.0], spread=[1.0, -1.0])
    with pytest.raises(DataError, match="3 true values, but predictions"):
        known_rows([0.0, 1.0, 2.0], [0.0, 1.0])
    with pytest.raises(DataError, match="at least 2"):
        known_rows([0.0], [0.0])
    with pytest.raises(ConfigError, match="between 0 and 1"):
        INTERVALS.load("split").learn(known_rows([0.0, 1.0], [0.0, 1.0]), level=90)
    with pytest.raises(DataError, match="give `speaks`"):
        INTERVALS.load("jackknife+").learn(known_rows([0.0, 1.0], [0.0, 1.0]))
    with pytest.raises(DataError, match="2 members were kept"):
        PlusIntervals(np.ones(4), np.full((4, 2), 0.5), 0.9).ends(
            Asked(np.empty((1, 0)), np.zeros(1), np.zeros(1), np.zeros((1, 3)), np.empty(0))
        )


def test_threshold_sets_equal_the_peer():
    proba, y = class_example(300, 3, 0)
    new, _ = class_example(200, 3, 1)
    peer = PeerClassifier().fit(hinge(proba, np.arange(3), y))
    expected = peer.predict_set(hinge(new), confidence=0.9, smoothing=False).astype(bool)
    found = THRESHOLD.learn(proba, y, level=0.9).contains(new)
    expected[np.arange(200), new.argmax(axis=1)] = True  # ours are never empty
    np.testing.assert_array_equal(found, expected)


def test_by_class_covers_the_rare_class_where_one_threshold_does_not():
    proba, y = class_example(3000, 3, 0)
    new, truth = class_example(6000, 3, 1)
    rare = truth == 0
    found = {name: SETS.load(name).learn(proba, y).contains(new)[rare, 0].mean() for name in ("threshold", "by_class")}
    assert found["threshold"] < 0.87
    assert found["by_class"] == pytest.approx(0.9, abs=0.03)


def test_penalised_sets_are_not_longer():
    proba, y = class_example(2000, 8, 0)
    new, _ = class_example(2000, 8, 1)
    sizes = {name: SETS.load(name).learn(proba, y).contains(new).sum(axis=1) for name in ("aps", "raps")}
    assert sizes["raps"].max() <= sizes["aps"].max()
    assert sizes["raps"].mean() < sizes["aps"].mean()
