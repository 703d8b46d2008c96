"""A small made-up chemistry: mixtures of six elements, two rows per composition, a property that mixes and bends."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.doubt.prediction import OutOfFold
from matloop.models.family import Spec
from matloop.represent.table import FeatureTable
from matloop.split.folds import make_folds
from matloop.train.fits import FitResult
from matloop.train.plan import EvidencePlan
from matloop.train.values import Development, Recipe, Trained

ELEMENTS = ("Al", "Fe", "Co", "Ni", "Cu", "Zn")


def features(n_groups: int, seed: int) -> FeatureTable:
    rng = np.random.default_rng(seed)
    fractions = rng.dirichlet(np.full(len(ELEMENTS), 0.4), n_groups)
    fractions[fractions < 0.05] = 0.0
    fractions /= fractions.sum(axis=1, keepdims=True)
    numbers = fractions @ np.arange(1.0, 7.0)
    X = np.repeat(np.column_stack([fractions, numbers, numbers**2]), 2, axis=0)
    names = (*(f"fraction {symbol}" for symbol in ELEMENTS), "mean", "mean square")
    origins = ("formula:fractions",) * 6 + ("formula:magpie",) * 2
    return FeatureTable(X, names, origins, {}, {})


def truth(X: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, len(X))
    return 50.0 * X[:, 0] + 10.0 * X[:, 1] + 200.0 * X[:, 0] * X[:, 1] + noise


def make_development(n_groups: int = 120, seed: int = 0, task: str = "regression") -> Development:
    table = features(n_groups, seed)
    y = truth(table.X, seed)
    classes: tuple[str, ...] = ()
    if task == "classification":
        y, classes = (y > np.median(y)).astype(float), ("soft", "hard")
    groups = np.repeat(np.arange(n_groups), 2)
    n = len(y)
    return Development(
        table, y, np.full(n, np.nan), np.ones(n), groups, make_folds(y, groups, n_folds=5, seed=0, task=task), task,
        classes, "GPa", metric="balanced_accuracy" if classes else "mae",
    )  # fmt: skip


def quadratic(X: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(X)), X, X[:, :1] * X[:, 1:2]])


class InlineFits:
    """Fits in this process: least squares on features and one product. Remembers every task; can run out of time."""

    workers = 2

    def __init__(self, development: Development, affordable: int = 10**9, pause: float = 0.0) -> None:
        self.development, self.affordable, self.pause = development, affordable, pause
        self.tasks: list = []

    def run(self, tasks, *, deadline=None, on_done=None):
        results = []
        for at, task in enumerate(tasks):
            if len(self.tasks) >= self.affordable or (deadline is not None and time.monotonic() >= deadline):
                results.append(None)
                continue
            time.sleep(self.pause)
            self.tasks.append(task)
            results.append(self.fit(task))
            if on_done is not None:
                on_done(at, results[-1])
        return results

    def fit(self, task):
        one = self.development
        weights = np.linalg.lstsq(quadratic(one.table.X[task.train]), one.y[task.train], rcond=None)[0]
        value = quadratic(one.table.X[task.predict]) @ weights
        proba = np.zeros((len(value), 0))
        if one.classes:
            p = np.clip(value, 0.02, 0.98)
            proba, value = np.column_stack([1 - p, p]), (p > 0.5).astype(float)
        return FitResult(value, proba, np.full(len(value), 1.0), seconds=0.01)


def make_trained(development: Development) -> Trained:
    fits = InlineFits(development)
    n = len(development)
    value, proba = np.full(n, np.nan), np.zeros((n, len(development.classes)))
    for fold in np.unique(development.fold):
        inside = np.flatnonzero(development.fold == fold)
        task = Task(np.flatnonzero(development.fold != fold), inside)
        result = fits.fit(task)
        value[inside], proba[inside] = result.value, result.proba
    recipe = Recipe((Spec("ridge"),))
    return Trained(recipe, (), OutOfFold(value, np.ones(n), proba, development.fold), development.metric)


class Task:
    def __init__(self, train, predict):
        self.train, self.predict = train, predict


@pytest.fixture
def development():
    return make_development()


@pytest.fixture
def trained(development):
    return make_trained(development)


@pytest.fixture
def made():
    """The makers themselves, for tests that need another size or task."""
    return {
        "development": make_development,
        "trained": make_trained,
        "fits": InlineFits,
        "features": features,
        "truth": truth,
    }


@pytest.fixture
def plan():
    return EvidencePlan(clusters=4, extra_seeds=1, curve=(0.2, 0.5), curve_repeats=1, folds=5)


@pytest.fixture
def with_columns():
    """A development of given columns and labels, one group per row."""

    def build(X, y, names, origins, **changes):
        n = len(y)
        table = FeatureTable(np.asarray(X, float), tuple(names), tuple(origins), {}, {})
        plain = Development(
            table, np.asarray(y, float), np.full(n, np.nan), np.ones(n), np.arange(n), np.arange(n) % 2, "regression"
        )
        return replace(plain, **changes)

    return build
