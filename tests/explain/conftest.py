"""A planted development set, its recipe's fold models, and the subject that studies start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from matloop.doubt.prediction import OutOfFold
from matloop.models.family import Spec
from matloop.problem.question import Target
from matloop.represent.table import FeatureTable
from matloop.train.fits import Fits, FitTask
from matloop.train.recipe_model import RecipeModel
from matloop.train.subject import Subject
from matloop.train.values import Development, Recipe, Trained

NAMES = ("main", "twin", "left", "right", "bent", "n1", "n2", "n3", "n4", "n5", "n6", "route")


@dataclass(frozen=True)
class Studied:
    """A subject with its fold models; the pool is closed at the end of the session."""

    subject: Subject
    models: list[tuple[RecipeModel, np.ndarray]]


def planted(n: int = 600, *, task: str = "regression", noise: bool = False, seed: int = 0) -> Development:
    """y = 3 main + 2 left * right + monotone(bent) + route; `twin` copies `main`; six columns are noise.

    With `noise` the labels have nothing to do with the columns.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(NAMES)))
    X[:, 1] = X[:, 0] + 0.1 * rng.normal(size=n)
    X[:, 11] = rng.integers(0, 3, n)
    y = 3.0 * X[:, 0] + 2.0 * X[:, 2] * X[:, 3] + 2.0 * np.tanh(2.0 * X[:, 4]) + X[:, 11] + 0.3 * rng.normal(size=n)
    y = rng.permutation(y) if noise else y
    if task == "classification":
        y = (y > np.median(y)).astype(float)
    origins = (*(f"{name}:number" for name in NAMES[:-1]), "route:category")
    table = FeatureTable(X, NAMES, origins, {"route": ("cast", "forged", "rolled")}, {})
    classes = ("soft", "hard") if task == "classification" else ()
    metric = "roc_auc" if classes else "mae"
    return Development(
        table, y, np.full(n, np.nan), np.ones(n), np.arange(n), rng.permutation(n) % 4, task, classes, metric=metric,
        unit="" if classes else "GPa",
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_planted():
    """`make_planted(n, task=..., noise=...)` gives a development set."""
    return planted


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """`study(family, depth=..., noise=...)` gives a subject with fold models; each is fitted once."""
    pools, made = [], {}

    def make(family="lightgbm", *, depth="standard", task="regression", noise=False, n=600, settings=()):
        key = (family, task, noise, n, settings)
        if key not in made:
            development = planted(n, task=task, noise=noise)
            fits = Fits(development, folder=tmp_path_factory.mktemp("fits"), workers=1)
            pools.append(fits)
            recipe = Recipe((Spec(family, dict(settings)),))
            folds = [np.flatnonzero(development.fold == k) for k in range(4)]
            every = np.arange(n)
            tasks = [FitTask(recipe, np.setdiff1d(every, rows), rows, 0, keep=True) for rows in folds]
            results = fits.run(tasks)
            oof = OutOfFold(np.zeros(n), np.zeros(n), np.zeros((n, len(development.classes))), development.fold)
            for rows, result in zip(folds, results, strict=True):
                oof.value[rows], oof.spread[rows], oof.proba[rows] = result.value, result.spread, result.proba
            trained = Trained(recipe, (), oof, development.metric)
            models = [(RecipeModel.from_arrays(r.model), rows) for r, rows in zip(results[:3], folds[:3], strict=True)]
            made[key] = development, trained, fits, models
        development, trained, fits, models = made[key]
        ids = np.array([f"row {i}" for i in range(n)])
        target = Target("hardness", "hardness", development.unit, task)
        return Studied(Subject(development, trained, fits, target, ids, ids, 0, depth), models)

    yield make
    for pool in pools:
        pool.close()
