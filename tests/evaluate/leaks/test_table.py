"""Traces of leaks in a table, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.evaluate.leaks.table import FeatureColumns, check_columns, check_time, check_twins


def columns(words=None, **numbers) -> FeatureColumns:
    known = {name: np.asarray(x, dtype=float) for name, x in numbers.items()}
    texts = {} if words is None else {"route": np.asarray(words)}
    return FeatureColumns(known, texts, len(next(iter(known.values()))))


@pytest.fixture
def raw():
    rng = np.random.default_rng(1)
    return {"density": rng.gamma(4.0, 2.0, 200), "temperature": rng.choice([300.0, 500.0, 700.0, 900.0], 200)}


@pytest.fixture
def y(raw):
    return raw["density"] + np.random.default_rng(2).normal(size=200)


def states(found) -> dict[str, str]:
    return {check.name: check.state for check in found}


def test_a_table_as_measured_is_clean(raw, y):
    rng = np.random.default_rng(3)
    fractions = rng.dirichlet([1.0, 1.0, 0.2], 200)
    table = columns(words=rng.choice(["a", "b"], 200), **raw, Fe=fractions[:, 0], Ni=fractions[:, 1], noise=y * 0)
    assert set(states(check_columns(table, y)).values()) == {"clean"}


@pytest.mark.parametrize("digits", [15, 6, 3])
def test_a_column_standardised_over_all_rows_is_named(raw, y, digits):
    x = raw["density"]
    scaled = np.round((x - x.mean()) / x.std(), digits)
    (check, _) = check_columns(columns(x=scaled), y)
    assert check.state == "leak"
    assert check.columns == ("x",)


def test_a_column_standardised_with_training_rows_is_clean(raw, y):
    x, test = raw["density"], np.arange(200) >= 150
    scaled = (x - x[~test].mean()) / x[~test].std()
    assert states(check_columns(columns(x=scaled), y, test=test))["scaled over all rows"] == "clean"


def test_random_columns_are_hardly_ever_taken_for_scaled_ones(y):
    rng = np.random.default_rng(0)
    many = {f"x{i}": np.round(rng.normal(size=200), 3) for i in range(3000)}
    (check, _) = check_columns(columns(**many), y)
    assert check.columns == ()


def test_every_column_from_exactly_0_to_1_was_scaled(raw, y):
    rng = np.random.default_rng(5)
    table = {name: (x - x.min()) / np.ptp(x) for name, x in {**raw, "z": rng.normal(size=200)}.items()}
    assert states(check_columns(columns(**table), y))["scaled over all rows"] == "leak"


@pytest.mark.parametrize("strength", [0.0, 10.0])
def test_a_target_encoding_is_named(y, strength):
    route = np.random.default_rng(4).choice(["melt", "spin", "press", "cast"], 200)
    means = {
        name: (y[route == name].sum() + strength * y.mean()) / ((route == name).sum() + strength) for name in set(route)
    }
    check = check_columns(columns(coded=[means[r] for r in route]), y)[1]
    assert (check.state, check.columns) == ("leak", ("coded",))


def test_an_encoding_from_training_rows_is_clean(y):
    route, test = np.random.default_rng(4).choice(["melt", "spin", "press", "cast"], 200), np.arange(200) >= 150
    means = {name: y[(route == name) & ~test].mean() for name in set(route)}
    table = columns(coded=[means[r] for r in route])
    assert check_columns(table, y, test=test)[1].state == "clean"


def test_a_leave_one_out_encoding_is_named(y):
    route = np.random.default_rng(4).choice(["melt", "spin", "press"], 200)
    coded = [(y[route == r].sum() - value) / ((route == r).sum() - 1) for r, value in zip(route, y, strict=True)]
    assert "without the row itself" in check_columns(columns(words=route, coded=coded), y)[1].columns[0]


def test_twins_in_two_folds_are_named():
    check = check_twins(["a", "b", "a", "c"], [0, 0, 1, 1], shown=["NaCl", "KCl", "NaCl", "LiF"])
    assert (check.state, check.rows) == ("leak", (0, 2))
    assert "NaCl" in check.said
    assert check_twins(["a", "b", "a", "c"], [0, 1, 0, 1]).state == "clean"


def test_training_on_the_future_is_said_and_holding_out_the_latest_is_not():
    assert check_time([1, 2, 3, 4], [0, 1, 0, 1]).state == "leak"
    assert check_time([1, 2, 3, 4], [-1, -1, 5, 5]).state == "clean"
    assert check_time([np.nan] * 4, [0, 1, 0, 1]).state == "not checked"


def test_wrong_lengths_are_refused(y):
    with pytest.raises(DataError, match=r"y has shape \(200,\), the table 3 rows"):
        check_columns(columns(x=[1, 2, 3]), y)
