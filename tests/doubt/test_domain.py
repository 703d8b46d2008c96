"""Foreign rows are flagged with the reason, rows like the training rows are not."""

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from matloop.core.errors import BundleError, DataError
from matloop.doubt.domain import Domain, fit_domain
from matloop.represent.table import FeatureTable

NAMES = ("mean a", "mean b", "fraction Fe", "fraction Re", "temperature", "route")
ORIGINS = ("f:magpie", "f:magpie", "f:fractions", "f:fractions", "temperature:number", "route:category")


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.normal(size=(n, 2)),
            rng.uniform(0.1, 1.0, n),
            np.zeros(n),
            rng.uniform(300.0, 700.0, n),
            rng.integers(0, 2, n).astype(float),
        ]
    )
    return X


def table(X, reasons=None):
    return FeatureTable(X, NAMES, ORIGINS, {"route": ("cast", "forged", "spray")}, reasons or {})


@pytest.fixture(scope="module")
def domain():
    X = rows(1000)
    return fit_domain(table(X), X[:, 0], np.arange(1000), seed=0)


def test_rows_of_the_same_kind_are_seldom_flagged(domain):
    inside, reason = domain.judge(table(rows(3000, 1)))
    assert 0.03 <= 1.0 - inside.mean() <= 0.10
    assert ((reason == "") == inside).all()


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (3, 0.2, "contains Re, never seen in training"),
        (4, 900.0, "temperature 900 outside 300"),
        (4, np.nan, "temperature is missing, it never was in training"),
        (5, 2.0, "this route was never seen in training"),
        (0, 9.0, "most unusual: mean a 9"),
    ],
)
def test_each_check_says_why(domain, column, value, why):
    X = rows(4, 2)
    X[1, column] = value
    inside, reason = domain.judge(table(X))
    assert not inside[1]
    assert why in reason[1]


def test_reason_of_an_unreadable_row_is_kept_and_a_harmless_note_is_not_a_flag(domain):
    X = np.zeros((2, 6))
    X[:] = [0.0, 0.0, 0.5, 0.0, 500.0, 1.0]
    X[0, 5] = np.nan
    inside, reason = domain.judge(table(X, {0: "route: 'spray' was never seen in training", 1: "a limit was met"}))
    assert inside.tolist() == [False, True]
    assert "'spray'" in reason[0]


def test_a_left_out_region_scores_higher():
    rng = np.random.default_rng(0)
    centres = rng.normal(0.0, 2.0, (6, 2))
    X = rows(1200)
    place = np.arange(1200) % 6
    X[:, :2] = centres[place] + rng.normal(0.0, 0.3, (1200, 2))
    train, held = (place != 0) & (np.arange(1200) < 1000), (place != 0) & (np.arange(1200) >= 1000)
    found = fit_domain(table(X[train]), X[train, 0], np.arange(train.sum()), seed=0)
    score = found.score(table(np.vstack([X[held], X[place == 0]])))
    truth = np.r_[np.zeros(held.sum()), np.ones((place == 0).sum())]
    assert roc_auc_score(truth, score) > 0.9


def test_round_trip_judges_the_same_and_is_data_only(domain):
    X = rows(500, 3)
    X[::7, 0] += 5.0
    back = Domain.from_arrays(domain.to_arrays())
    np.testing.assert_array_equal(back.judge(table(X))[1], domain.judge(table(X))[1])
    np.testing.assert_array_equal(back.score(table(X)), domain.score(table(X)))
    assert all(array.dtype.kind in "fiubU" for array in domain.to_arrays().values())


def test_the_arrays_of_the_first_release_are_read(domain):
    X, arrays = rows(500, 3), domain.to_arrays()
    X[::7, 0] += 5.0
    old = {name: array for name, array in arrays.items() if "/" not in name}
    old |= {f"nearness/{name}": arrays[f"foreign/space/{name}"] for name in ("columns", "centre", "scale", "axes")}
    old |= {f"nearness/{name}": arrays[f"foreign/measure/{name}"] for name in ("landmarks", "neighbours")}
    old["radius"] = arrays["foreign/measure/radius"]
    for name in ("shares", "tried", "auroc"):
        del old[name]
    np.testing.assert_array_equal(Domain.from_arrays(old).judge(table(X))[1], domain.judge(table(X))[1])
    with pytest.raises(BundleError, match="fit each other"):
        Domain.from_arrays(old | {"radius": np.zeros(1000)})


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("fractions", np.array([77])),
        ("words", np.array([[99, 0]])),
        ("foreign/measure/radius", np.zeros(1000)),
        ("low", np.zeros(5)),
        ("threshold", np.array(np.nan)),
        ("foreign/space/axes", np.zeros((2, 2))),
        ("names", None),
    ],
)
def test_damaged_arrays_are_refused(domain, name, broken):
    arrays = domain.to_arrays()
    if broken is None:
        del arrays[name]
    else:
        arrays[name] = broken
    with pytest.raises(BundleError):
        Domain.from_arrays(arrays)


@pytest.mark.parametrize("n", [1, 2, 12])
def test_few_or_equal_rows_are_survived(n):
    X = np.tile(rows(1), (n, 1))
    found = fit_domain(table(X), np.zeros(n), np.arange(n), seed=0)
    assert found.judge(table(X))[0].all()
    far = X.copy()
    far[:, 4] = 5000.0
    assert not found.judge(table(far))[0].any()


def test_other_columns_are_refused(domain):
    with pytest.raises(DataError, match="learnt from 6 others"):
        domain.judge(FeatureTable(np.zeros((1, 1)), ("x",), ("x:number",), {}, {}))


def test_judging_is_fast(domain):
    X = rows(20_000, 4)
    start = time.perf_counter()
    domain.judge(table(X))
    assert time.perf_counter() - start < 4.0  # 0.4 s alone
