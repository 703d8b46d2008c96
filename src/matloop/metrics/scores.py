"""Metrics with their doubt: the value on the rows, and a 95 % interval by resampling whole groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError, all_faults
from matloop.metrics import METRICS
from matloop.metrics.estimate import Estimate
from matloop.metrics.metric import Metric, Scored
from matloop.problem.question import Task

LEVEL = 0.95
CHUNK = 2_000_000
"""Resampled rows held in memory at once (16 MB)."""
ORDERED_BUDGET = 8_000_000
"""Resampled rows that a metric of the order may look at; larger sets get fewer resamples, at least 200."""


def metric(name: str) -> Metric:
    """The metric called `name` (ConfigError with the nearest names otherwise)."""
    found: Metric = METRICS.load(name)
    return found


def metrics_of(task: Task) -> tuple[Metric, ...]:
    """All metrics that make sense for `task`, in the order in which they are shown."""
    return tuple(m for m in map(metric, METRICS) if task in m.tasks)


def point(
    name: str,
    y: ArrayLike,
    value: ArrayLike,
    proba: ArrayLike | None = None,
    *,
    classes: Sequence[str] = (),
    positive_index: int = 1,
    top_k: int = 10,
) -> float:
    """The metric `name` on these rows; NaN where it has no meaning on them (a single class, no spread).

    Raises
    ------
    ConfigError : no such metric, or it needs probabilities and there are none.
    DataError : lengths differ, or a row has no value.
    """
    m = metric(name)
    scored = _scored(y, value, proba, classes, positive_index, top_k, "classification" in m.tasks)
    return float("nan") if len(scored) == 0 else _value(m, scored)


def loss(
    name: str,
    y: ArrayLike,
    value: ArrayLike,
    proba: ArrayLike | None = None,
    *,
    classes: Sequence[str] = (),
    positive_index: int = 1,
    top_k: int = 10,
) -> float:
    """The metric turned so that lower is better: an error as it is, one minus a score."""
    found = point(name, y, value, proba, classes=classes, positive_index=positive_index, top_k=top_k)
    return 1.0 - found if metric(name).greater_is_better else found


def scores(
    task: Task,
    y: ArrayLike,
    value: ArrayLike,
    proba: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    classes: Sequence[str] = (),
    positive_index: int = 1,
    top_k: int = 10,
    seed: int = 0,
    names: Sequence[str] | None = None,
    n_boot: int = 1000,
) -> dict[str, Estimate]:
    """Metrics with 95 % percentile intervals from `n_boot` resamples of whole groups.

    Parameters
    ----------
    task : decides which metrics, unless `names` lists them.
    y, value : shape (n,), truth and prediction: target unit, or class index.
    proba : shape (n, n_classes); without it the metrics that need it are left out.
    groups : shape (n,), rows that belong together; None: every row by itself.
    n_boot : resamples; metrics that depend on the order of the rows use fewer on large sets (at least 200).

    Returns
    -------
    metric name -> Estimate; the interval is NaN where fewer than two groups, or half the resamples, allow a value.

    Raises
    ------
    ConfigError : a name in `names` is no metric, or needs probabilities and there are none.
    DataError : lengths differ, or a row has no value.

    References
    ----------
    Field & Welsh, J. R. Stat. Soc. B 69 (2007) 369 (resampling of whole groups). doi:10.1111/j.1467-9868.2007.00593.x
    """
    chosen = [metric(name) for name in names] if names is not None else list(metrics_of(task))
    if names is None and proba is None:
        chosen = [m for m in chosen if not m.needs_proba]
    scored = _scored(y, value, proba, classes, positive_index, top_k, task == "classification")
    if len(scored) == 0:
        return {m.name: Estimate(float("nan"), float("nan"), float("nan")) for m in chosen}
    index = _index(groups, len(scored))
    values = {m.name: _value(m, scored) for m in chosen}
    drawn = _resampled(chosen, scored, index, n_boot, seed)
    return {name: Estimate(value, *_interval(drawn[name])) for name, value in values.items()}


def _scored(
    y: ArrayLike,
    value: ArrayLike,
    proba: ArrayLike | None,
    classes: Sequence[str],
    positive: int,
    top_k: int,
    classify: bool,
) -> Scored:
    truth, found = np.asarray(y, dtype=np.float64), np.asarray(value, dtype=np.float64)
    chances = np.empty((len(truth), 0)) if proba is None else np.asarray(proba, dtype=np.float64)
    if not len(truth) == len(found) == len(chances):
        raise DataError(f"{len(truth)} true values, {len(found)} predictions and {len(chances)} rows of probabilities.")
    bad = np.flatnonzero(~(np.isfinite(truth) & np.isfinite(found) & np.isfinite(chances).all(axis=1)))
    if len(bad):
        faults = [f"row {row}: true {truth[row]}, predicted {found[row]}" for row in bad[:11]]
        raise DataError(all_faults(f"{len(bad)} rows without a finite value; leave them out before scoring.", faults))
    if top_k < 1:
        raise ConfigError(f"top_k is {top_k}; a short list has at least one row.")
    n_classes = _n_classes(truth, found, chances, classes) if classify else 0
    return Scored(truth, found, chances, n_classes, positive, top_k)


def _n_classes(truth: FloatArray, found: FloatArray, proba: FloatArray, classes: Sequence[str]) -> int:
    both = np.concatenate([truth, found])
    if both.size and (both.min() < 0 or (both != np.floor(both)).any()):
        raise DataError(
            "class indices must be whole numbers from 0. Pass the index of each class, not its name or chance."
        )
    seen = int(both.max()) + 1 if both.size else 0
    known = len(classes) or max(proba.shape[1], seen, 2)
    if seen > known or proba.shape[1] not in (0, known):
        raise DataError(
            f"{known} classes, but class index {seen - 1} and {proba.shape[1]} columns of probabilities occur."
        )
    return known


def _index(groups: ArrayLike | None, n: int) -> IntArray:
    if groups is None:
        return np.arange(n)
    values: NDArray = np.asarray(groups)
    if len(values) != n:
        raise DataError(f"{n} rows, but {len(values)} group names.")
    return np.unique(values, return_inverse=True)[1].astype(np.int64).reshape(-1)


def _value(m: Metric, scored: Scored) -> float:
    if m.needs_proba and scored.proba.shape[1] == 0:
        raise ConfigError(f"metric {m.name!r} needs class probabilities. Give `proba`, or choose another metric.")
    if m.sums is not None and m.of_sums is not None:
        return float(m.of_sums(m.sums(scored).sum(axis=0), scored))
    assert m.of_weights is not None
    return float(m.of_weights(scored, np.ones((1, len(scored))))[0])


def _resampled(
    chosen: Sequence[Metric], scored: Scored, index: IntArray, n_boot: int, seed: int
) -> dict[str, FloatArray]:
    """Each metric on each resample of groups, shape (n_boot,) or shorter; empty with fewer than two groups."""
    n, n_groups = len(scored), int(index.max()) + 1
    if n_groups < 2:
        return {m.name: np.empty(0) for m in chosen}
    ordered_boot = min(n_boot, max(200, ORDERED_BUDGET // n))
    totals = {m.sums: _group_sums(m.sums(scored), index, n_groups) for m in chosen if m.sums is not None}
    found: dict[str, list[FloatArray]] = {m.name: [] for m in chosen}
    done = 0
    for weights in _draws(n_groups, n_boot, max(1, CHUNK // n), seed):
        rows = weights[: max(ordered_boot - done, 0)][:, index]
        drawn = {sums: weights @ total for sums, total in totals.items()}
        for m in chosen:
            if m.sums is not None and m.of_sums is not None:
                found[m.name].append(m.of_sums(drawn[m.sums], scored))
            elif len(rows) and m.of_weights is not None:
                found[m.name].append(m.of_weights(scored, rows))
        done += len(weights)
    return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in found.items()}


def _group_sums(terms: FloatArray, index: IntArray, n_groups: int) -> FloatArray:
    return np.column_stack([np.bincount(index, weights=column, minlength=n_groups) for column in terms.T])


def _draws(n_groups: int, n_boot: int, chunk: int, seed: int) -> Iterator[FloatArray]:
    """Multiplicities of the groups in each resample, (up to chunk, n_groups) at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, n_boot, chunk):
        size = min(chunk, n_boot - start)
        weights = np.empty((size, n_groups))
        for row in weights:
            row[:] = np.bincount(rng.integers(0, n_groups, n_groups, dtype=np.int32), minlength=n_groups)
        yield weights


def _interval(drawn: FloatArray) -> tuple[float, float]:
    known = drawn[np.isfinite(drawn)]
    if len(known) < 2 or len(known) < len(drawn) / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
