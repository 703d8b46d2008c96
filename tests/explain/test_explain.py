from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pytest

from matloop.explain.dependence import grid_of
from matloop.explain.explain import explain
from matloop.explain.grouping import correlated_groups
from matloop.represent.table import FeatureTable
from matloop.train.recipe_model import Output
from matloop.train.values import Development


@dataclass
class Formula:
    """A model that is a known function of its features."""

    function: object
    pause: float = 0.0
    calls: int = 0

    def output(self, X):
        self.calls += 1
        time.sleep(self.pause)
        found = self.function(X)
        if found.ndim == 2:
            return Output(found.argmax(axis=1).astype(float), found, np.zeros(len(X)))
        return Output(found, np.zeros((len(X), 0)), np.zeros(len(X)))

    def predict(self, X):
        return self.output(X).value


def development(X, y, classes=(), vocabularies=None):
    n, width = X.shape
    names = tuple(f"x{i}" for i in range(width))
    table = FeatureTable(X, names, tuple(f"{name}:number" for name in names), vocabularies or {}, {})
    task = "classification" if classes else "regression"
    return Development(table, y, np.full(n, np.nan), np.ones(n), np.arange(n), np.arange(n) % 3, task, classes)


def told(one, function, *, seconds=60.0, metric="mae", models=3, pause=0.0, **changes):
    pairs = [(Formula(function, pause), np.flatnonzero(one.fold == k)) for k in range(models)]
    return explain(one, pairs, metric=metric, seed=0, deadline=time.monotonic() + seconds, **changes)


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 8))
    X[:, 5] = X[:, 4] + 0.05 * rng.normal(size=1200)  # twins
    X[:, 7] = 3.0  # constant
    return X


def test_planted_feature_leads_and_unused_ones_have_no_importance(numbers):
    one = development(numbers, 5.0 * numbers[:, 2] + numbers[:, 0])
    found = told(one, lambda X: 5.0 * X[:, 2] + X[:, 0])
    assert [i.name for i in found.importances[:2]] == ["x2", "x0"]
    # E|a - b| of two independent standard normals is 2 / sqrt(pi) = 1.128; a shuffle moves the value by 5 times that
    assert found.importances[0].value == pytest.approx(5 * 1.128, rel=0.05)
    assert [i.value for i in found.importances[2:]] == [0.0] * len(found.importances[2:])
    assert found.importances[0].low <= found.importances[0].value <= found.importances[0].high


def test_used_noise_is_told_from_signal(numbers):
    rng = np.random.default_rng(1)
    y = 5.0 * numbers[:, 2] + rng.normal(size=1200)
    found = told(development(numbers, y), lambda X: 5.0 * X[:, 2] + 0.02 * X[:, 0] - 0.02 * X[:, 1])
    noise = next(note for note in found.notes if note.startswith("indistinguishable"))
    assert "x2" not in noise
    assert {"x0", "x1"} <= {name.strip() for name in noise.split(":")[-1].split(",")}
    assert [d.feature for d in found.dependences] == ["x2"]


def test_twins_are_one_group_named_by_the_one_that_the_model_uses(numbers):
    one = development(numbers, numbers[:, 5])
    found = told(one, lambda X: X[:, 5])
    assert found.importances[0].name == "x5 (+1 correlated)"
    assert found.importances[0].members == ("x5", "x4")


def test_groups_by_rank_correlation_without_constants(numbers):
    numbers[:, 5] = -np.exp(numbers[:, 4])  # monotone, not linear
    assert [group.tolist() for group in correlated_groups(numbers, 0)] == [[0], [1], [2], [3], [4, 5], [6]]


def test_dependence_is_the_function_itself(numbers):
    one = development(numbers, numbers[:, 2] ** 2)
    found = told(one, lambda X: X[:, 2] ** 2 + X[:, 0])
    curve = next(d for d in found.dependences if d.feature == "x2")
    shape = curve.mean - curve.mean.min()
    assert shape == pytest.approx(curve.grid**2 - (curve.grid**2).min(), abs=1e-9)
    assert (curve.low < curve.mean).all()
    assert (curve.high > curve.mean).all()
    assert curve.density.sum() == pytest.approx(1.0)


def test_grid_of_a_mostly_zero_fraction_reaches_its_values():
    values = np.concatenate([np.zeros(990), np.linspace(0.01, 0.5, 100)])
    grid = grid_of(values)
    assert grid[0] == 0.0
    assert grid[-1] > 0.4
    assert len(grid) >= 8


def test_categories_are_shown_by_level(numbers):
    codes = np.random.default_rng(2).integers(0, 3, 1200).astype(float)
    numbers[:, 6] = codes
    one = development(numbers, 10.0 * codes, vocabularies={"x6": ("cast", "forged", "rolled")})
    found = told(one, lambda X: 10.0 * X[:, 6])
    assert found.dependences[0].levels == ("cast", "forged", "rolled")
    assert found.dependences[0].mean == pytest.approx([0.0, 10.0, 20.0])


def test_classes_depend_by_probability_of_the_positive_one(numbers):
    y = (numbers[:, 2] > 0).astype(float)
    one = development(numbers, y, classes=("soft", "hard"))

    def model(X):
        p = 1.0 / (1.0 + np.exp(-4.0 * X[:, 2]))
        return np.column_stack([1 - p, p])

    found = told(one, model, metric="roc_auc")
    assert found.importances[0].name == "x2"
    assert found.importances[0].value == pytest.approx(0.5, abs=0.05)  # a perfect order becomes a coin
    assert found.dependences[0].output == "probability of 'hard'"
    assert found.dependences[0].mean[0] < 0.1 < 0.9 < found.dependences[0].mean[-1]


def test_without_models_or_time_a_note_says_so(numbers):
    one = development(numbers, numbers[:, 0])
    assert "no fold models" in explain(one, [], metric="mae", seed=0, deadline=time.monotonic() + 9).notes[0]
    assert "time ran out" in told(one, lambda X: X[:, 0], seconds=-1.0).notes[0]


def test_deadline_is_kept_and_what_was_left_out_is_named():
    X = np.random.default_rng(0).normal(size=(3000, 60))
    one = development(X, X[:, 3])
    start = time.monotonic()
    found = told(one, lambda X: X[:, 3], seconds=2.0, pause=0.15)
    assert time.monotonic() - start < 3.5
    assert any(note.startswith("left out") for note in found.notes)
    assert found.importances[0].name == "x3"


def test_same_seed_same_explanation(numbers):
    one = development(numbers, numbers[:, 2])
    first, second = (told(one, lambda X: X[:, 2]) for _ in range(2))
    assert first.importances == second.importances


def test_missing_values_are_data_too(numbers):
    numbers[np.random.default_rng(3).random(1200) < 0.3, 2] = np.nan
    one = development(numbers, np.nan_to_num(numbers[:, 2]))
    found = told(one, lambda X: np.nan_to_num(X[:, 2]))
    assert found.importances[0].name == "x2"
    assert np.isfinite(found.dependences[0].grid).all()
