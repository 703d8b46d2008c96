"""A small made-up chemistry: mixtures of six elements, two rows per composition, a property that mixes and bends."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from matloop.doubt.prediction import OutOfFold, Prediction
from matloop.evaluate.gathered import Gathered, HeldOut, Kept
from matloop.models.family import Spec
from matloop.problem.question import Target
from matloop.represent.table import FeatureTable
from matloop.split.folds import make_folds
from matloop.train.change import Change
from matloop.train.fits import FitResult, FitTask
from matloop.train.plan import EvidencePlan
from matloop.train.recipe_model import FitData, fit_recipe
from matloop.train.subject import Subject
from matloop.train.values import Candidate, Development, Recipe, Trained

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


class DirectFits:
    """The pool's contract in this process: really fits the recipe, with changes; can run out of time."""

    workers = 1

    def __init__(self, development: Development, affordable: int = 10**9) -> None:
        one = development
        self.development, self.affordable, self.tasks = one, affordable, []
        self.data = FitData(
            one.table.X, one.y, one.weights, np.zeros((0, one.table.X.shape[1])), one.table.columns(), one.task,
            len(one.classes), one.scale, one.bounds, "auto",
        )  # fmt: skip

    def run(self, tasks, *, deadline=None, on_done=None, limit=None):
        del on_done, limit
        found = []
        for task in tasks:
            late = deadline is not None and time.monotonic() >= deadline
            found.append(None if late or len(self.tasks) >= self.affordable else self.fit(task))
        return found

    def fit(self, task):
        self.tasks.append(task)
        change = task.change or Change()
        data = change.training(self.data, task.train) if task.change else self.data
        model = fit_recipe(task.recipe, data, task.train, task.seed)
        out = model.output(change.seen(self.data.X[task.predict]))
        return FitResult(out.value, out.proba, out.spread, model=model.to_arrays() if task.keep else None)


def make_subject(development: Development, *, family: str = "ridge", depth: str = "standard", affordable: int = 10**9):
    """A subject with a real recipe, two candidates, its out-of-fold predictions, and what was gathered about it."""
    fits = DirectFits(development)
    recipe, other = Recipe((Spec(family),)), Recipe((Spec("nearest_neighbour"),))
    n, k = len(development), len(development.classes)
    oof = OutOfFold(np.full(n, np.nan), np.zeros(n), np.zeros((n, k)), development.fold)
    scores: dict[str, list[float]] = {family: [], "nearest_neighbour": []}
    for fold in np.unique(development.fold):
        train, test = np.flatnonzero(development.fold != fold), np.flatnonzero(development.fold == fold)
        for one in (other, recipe):
            result = fits.fit(FitTask(one, train, test, 0))
            scores[one.members[0].family].append(float(np.abs(result.value - development.y[test]).mean()))
        oof.value[test], oof.proba[test] = result.value, result.proba
    candidates = tuple(
        Candidate(i, one, "ranked", fold_scores=tuple(scores[name]), score=float(np.mean(scores[name])), rank=i + 1)
        for i, (one, name) in enumerate(((recipe, family), (other, "nearest_neighbour")))
    )
    trained = Trained(recipe, candidates, oof, "mae" if not k else "balanced_accuracy")
    held = HeldOut(
        Prediction(
            oof.value, oof.value - 1, oof.value + 1, np.ones(n), oof.proba, np.arange(n) % 10 > 0,
            np.full(n, ""), 0.9, development.classes, development.unit,
        ), development.fold, np.ones(n), "made up",
    )  # fmt: skip
    kept = Kept(development.fold, (0,), 0)
    gathered = Gathered(trained.metric, held, None, (), (), (1.0, 1.1), kept)
    names = np.array([f"row{i}" for i in range(n)])
    subject = Subject(
        development,
        trained,
        DirectFits(development, affordable),
        Target("y", "y", task=development.task),
        names,
        names,
        0,
        depth,
    )
    return subject, gathered


@pytest.fixture
def subject_of():
    """`subject_of(development, family=..., depth=...)` gives a subject and what was gathered about it."""
    return make_subject
