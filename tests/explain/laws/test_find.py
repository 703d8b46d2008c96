"""Planted laws come back through noise; noise has none; bad tables are refused or said to be too small."""

import math

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.explain.laws import find_laws
from matloop.explain.laws.values import LawSearch

RANGES = (1.0, 5.0)
FEW = ("+", "-", "*", "/", "sq", "exp")
PLAIN = ("+", "-", "*", "/")


def table(n, k, seed=0):
    return np.random.default_rng(seed).uniform(*RANGES, (n, k))


def noisy(y, share=0.05, seed=1):
    return y + np.random.default_rng(seed).normal(0, share * y.std(), len(y))


@pytest.fixture(scope="module")
def creep():
    """Stress^2 / grain size * exp(-900 K / T) among distractors: constants with units."""
    X = np.column_stack([table(200, 4), np.random.default_rng(5).uniform(300, 900, 200)])
    y = 2.3e-3 * X[:, 0] ** 2 * np.exp(-900 / X[:, 4]) / X[:, 1]
    units = ["MPa", "nm", "GPa", "", "K"]
    return (
        X,
        y,
        find_laws(X, noisy(y), ["s", "d", "E", "a", "T"], units, "1/s", target="rate", effort="quick", operators=FEW),
    )


def test_a_law_with_constants_that_carry_units_comes_back(creep):
    X, y, found = creep
    assert found.finding == "law"
    assert {v.name for v in found.best.variables} == {"s", "d", "T"}
    np.testing.assert_allclose(found.best.predict(X), y, rtol=0.05, atol=0.01 * y.std())
    assert "K" in {c.unit for c in found.best.constants}
    assert found.explained > 0.98
    assert max(found.null) < 0.3
    assert found.best.unit == "1/s"


def test_what_is_said_agrees_with_what_was_measured(creep):
    X, y, found = creep
    error = math.sqrt(np.mean((noisy(y) - found.best.predict(X)) ** 2))
    assert found.best.train_error == pytest.approx(error, rel=0.01)
    assert found.error >= 0.8 * found.best.train_error
    assert found.constant_error == pytest.approx(noisy(y).std(), rel=0.05)
    assert [law.complexity for law in found.front] == sorted(law.complexity for law in found.front)
    assert found.same_form == 1.0
    assert found.beyond.error < found.beyond.black_box


def test_a_search_survives_json(creep):
    found = creep[2]
    again = from_jsonable(LawSearch, to_jsonable(found))
    assert again.best.program == found.best.program
    np.testing.assert_array_equal(again.best.predict(creep[0]), found.best.predict(creep[0]))


def test_the_same_search_gives_the_same_laws():
    X = table(60, 2)
    y = noisy(X[:, 0] * X[:, 1])
    first, second = (find_laws(X, y, effort="quick", seed=3, max_complexity=5, operators=PLAIN) for _ in range(2))
    assert first == second


def test_units_keep_nonsense_out():
    """m + t fits these rows perfectly; kilograms and seconds cannot be added but for a constant of so many kg/s."""
    X = table(60, 2)
    found = find_laws(
        X, X[:, 0] + X[:, 1], ["m", "t"], ["kg", "s"], "kg", effort="quick", max_complexity=7, operators=PLAIN
    )
    assert "kg/s" in {one.unit for one in found.best.constants}
    free = find_laws(X, X[:, 0] + X[:, 1], ["m", "t"], effort="quick", max_complexity=3, operators=PLAIN)
    assert free.best.expression in ("m + t", "t + m")


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_law(seed):
    X = table(80, 4, seed)
    y = np.random.default_rng(seed + 100).normal(size=80)
    found = find_laws(X, y, effort="quick", seed=seed, max_complexity=12, operators=FEW)
    assert found.finding == "none"
    assert found.best is None
    assert found.verdict.startswith("There is no law for y")


def test_a_rule_for_two_classes_comes_back():
    X = table(200, 4)
    y = np.where(X[:, 0] / X[:, 1] > 1.2, "metal", "gap")
    found = find_laws(X, y, list("abcd"), ["eV", "eV", "K", "K"], task="classification", effort="quick")
    assert found.finding == "law"
    assert found.best.classes == ("gap", "metal")
    assert (np.where(found.best.predict(X) > 0, "metal", "gap") == y).mean() > 0.97
    assert found.error < 0.05


def test_classes_without_a_rule_have_none():
    y = np.random.default_rng(8).random(120) < 0.3
    assert find_laws(table(120, 4), y, task="classification", effort="quick").finding == "none"


def test_thousands_of_features_and_fifty_rows_work_and_say_what_cannot_be_known():
    rng = np.random.default_rng(0)
    found = find_laws(
        rng.normal(size=(50, 2_000)), rng.normal(size=50), effort="quick", max_complexity=12, operators=FEW
    )
    assert found.finding == "none"
    assert any("compared with 50 rows" in note for note in found.notes)


def test_twelve_rows_are_not_judged():
    found = find_laws(table(12, 3), table(12, 1)[:, 0] * 2, effort="quick", max_complexity=6, operators=PLAIN)
    assert found.finding in ("none", "not judged")
    assert found.best is None
    assert any("12 rows: too few" in note for note in found.notes)


def test_constant_features_have_no_law():
    found = find_laws(np.ones((40, 3)), np.arange(40.0), effort="quick")
    assert found.finding == "none"
    assert found.front == ()


def test_missing_values_are_left_out_and_counted():
    X = table(60, 3)
    X[:40, 2] = np.nan
    X[50, 0] = np.nan
    y = np.random.default_rng(0).normal(size=60)
    found = find_laws(X, y, ["a", "b", "gone"], effort="quick", max_complexity=5, operators="+-")
    assert any("gone" in note for note in found.notes)
    assert any("1 of 60 rows" in note for note in found.notes)


def test_a_short_time_gives_something_and_says_what_was_left_out():
    X = table(150, 4)
    found = find_laws(X, X[:, 0] * X[:, 1], effort="quick", seconds=0.3)
    assert any("time" in note for note in found.notes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"names": ["a"]}, "names: 1 given for 3 columns"),
        ({"units": ["K"]}, "units: 1 given for 3 columns"),
        ({"y": np.ones(30)}, "one value only"),
        ({"y": np.array(["a", "b", "c"] * 10), "task": "classification"}, "3 classes; a rule needs two"),
        ({"y": np.array(["word"] * 30)}, "no number"),
    ],
)
def test_bad_tables_are_refused(arguments, said):
    given = {"X": table(30, 3), "y": np.arange(30.0), **arguments}
    with pytest.raises(DataError, match=said):
        find_laws(**given, effort="quick")


def test_an_unknown_operator_is_refused():
    with pytest.raises(ConfigError, match="sinh"):
        find_laws(table(30, 2), np.arange(30.0), operators=["sinh"])
