"""The fits of `trust.py`: one fixed recipe without a search, in the pool a run uses; finished fits stay as files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import IntArray
from matloop.doubt.prediction import OutOfFold
from matloop.models.family import Spec
from matloop.represent.standard import fit_standard
from matloop.split.folds import Clusters, clusters
from matloop.train.fits import Fits, FitTask
from matloop.train.recipe_model import RecipeModel
from matloop.train.values import Development, Recipe
from trust_sets import SEED, Loaded

RECIPE = Recipe((Spec("extra_trees", {"n_trees": 100, "features": 0.33}), Spec("lightgbm", {"rate": 0.1})), (0.5, 0.5))
FOREST = Recipe((Spec("random_forest", {"n_trees": 200, "leaf": 1, "features": 0.33}),))
"""What Palmer et al. recalibrate: trees on bootstrap samples, a third of the columns at each split."""
CLUSTERS = 5


@dataclass(frozen=True, slots=True)
class Fitted:
    """Raw predictions of the recipe: of each development row without its fold and without its cluster, and of the
    sealed rows; and those of the bootstrap forest without the fold."""

    random: OutOfFold
    left_out: OutOfFold
    sealed: OutOfFold
    forest: OutOfFold
    regions: Clusters
    seconds: float


def fitted(loaded: Loaded, folder: Path, workers: int) -> Fitted:
    """All fits of one set; those found in `folder` are not done again."""
    development, started = loaded.development, time.monotonic()
    regions = _regions(development)
    with Fits(development, folder=folder, workers=workers) as fits:
        random = _without(fits, RECIPE, development.fold)
        left_out = _without(fits, RECIPE, regions.fold)
        forest = _without(fits, FOREST, development.fold)
        sealed = _sealed(fits, loaded)
    return Fitted(random, left_out, sealed, forest, regions, time.monotonic() - started)


def _regions(development: Development) -> Clusters:
    """Clusters as a run makes them."""
    X = fit_standard(development.table.X, development.table.columns()).apply(development.table.X)
    return clusters(X, development.groups, n_clusters=CLUSTERS, seed=SEED)


def _without(fits: Fits, recipe: Recipe, part: IntArray) -> OutOfFold:
    """Each row predicted by a fit that did not see its part."""
    n = len(part)
    value, spread = np.full(n, np.nan), np.full(n, np.nan)
    tasks = [FitTask(recipe, np.flatnonzero(part != p), np.flatnonzero(part == p), SEED) for p in np.unique(part)]
    for task, result in zip(tasks, fits.run(tasks), strict=True):
        if result is None or result.failed:
            raise SystemExit(f"a fit failed: {result.failed if result else 'no result'}")
        value[task.predict], spread[task.predict] = result.value, result.spread
    return OutOfFold(value, spread, np.empty((n, 0)), part)


def _sealed(fits: Fits, loaded: Loaded) -> OutOfFold:
    """The sealed rows, predicted by the recipe fitted on all development rows."""
    everyone = np.arange(len(loaded.development))
    result = fits.run([FitTask(RECIPE, everyone, everyone[:1], SEED, keep=True)])[0]
    if result is None or result.model is None:
        raise SystemExit(f"the final fit failed: {result.failed if result else 'no result'}")
    out = RecipeModel.from_arrays(result.model).output(loaded.sealed.X)
    n = len(loaded.sealed)
    return OutOfFold(out.value, out.spread, np.empty((n, 0)), np.zeros(n, dtype=np.int64))
