"""Models that can be read: in place of a trained recipe (surrogates), and beside it (glass boxes)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import MatloopError
from matloop.explain.bench import Bench
from matloop.explain.glass_box import glass_boxes, readers
from matloop.explain.surrogate import fit_surrogate
from matloop.explain.values import GlassBox, Surrogate
from matloop.metrics.scores import loss

_SHUFFLED_ROWS = 1000


def surrogates_of(bench: Bench, notes: list[str]) -> tuple[Surrogate, ...]:
    """A shallow tree, at depth "thorough" also a line of few terms, fitted to out-of-fold predictions."""
    development, found = bench.subject.development, []
    for kind in ("shallow tree", "sparse linear model") if bench.thorough else ("shallow tree",):
        try:
            one = fit_surrogate(
                development.table.X, bench.said, kind=kind, columns=development.table.columns(),
                groups=development.groups, shuffled=_said_by_chance(bench), alike=bench.groups, unit=_unit(bench),
                probability=bench.column is not None, seed=bench.subject.seed,
            )  # fmt: skip
        except MatloopError as error:
            notes.append(f"no surrogate ({kind}): {error}")
            continue
        found.append(replace(one, checks=(bench.skill, *one.checks)))
    return tuple(found)


def _said_by_chance(bench: Bench) -> tuple[FloatArray, FloatArray] | None:
    """Rows and what models of shuffled labels say of them."""
    rows = [seat.X[:_SHUFFLED_ROWS] for seat in bench.shuffled]
    if not rows:
        return None
    said = [bench.predict(seat)(X) for seat, X in zip(bench.shuffled, rows, strict=True)]
    return np.concatenate(rows), np.concatenate(said)


def _unit(bench: Bench) -> str:
    development = bench.subject.development
    return "" if bench.column is not None or development.scale == "log" else development.unit


def boxes_of(bench: Bench, notes: list[str]) -> tuple[GlassBox, ...]:
    """Glass boxes on the folds of the search; of classes they are judged by the Brier score of the explained one."""
    development, metric = bench.subject.development, bench.judge.metric
    logarithm, chance = bench.column is None and development.scale == "log", bench.column is not None
    if "explainable boosting" not in readers():
        notes.append("no explainable boosting beside the model: it needs pip install 'matloop[explain]'")
    try:
        found = glass_boxes(
            development.table.X, bench.truth, bench.subject.trained.out_of_fold.fold, bench.said,
            columns=development.table.columns(), probability=chance,
            loss=None if chance else lambda y, value: loss(metric, y, value),
            back=_from_log if logarithm else None, weights=development.weights, alike=bench.groups,
            seed=bench.subject.seed, deadline=bench.pace.deadline, unit=_unit(bench),
        )  # fmt: skip
    except MatloopError as error:
        notes.append(f"no glass boxes: {error}")
        return ()
    missing = [kind for kind in readers() if kind not in {box.kind for box in found}]
    if missing:
        notes.append(f"left out: {', '.join(missing)} beside the model, the time ran out")
    return found


def _from_log(values: FloatArray) -> FloatArray:
    return np.asarray(10.0 ** np.clip(values, -300.0, 300.0))
