"""SHAP values of a trained recipe's fold models: global, row by row, and why the worst rows were predicted so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.bench import Bench, Seat, errors, rounded, step
from matloop.explain.checks import adds_up, destroyed, stable
from matloop.explain.sampled_shap import WALKS
from matloop.explain.shapley import Shap, exact_cost, shap_values
from matloop.explain.values import Contributions, Part, Why

_STEPS_PER_SECOND = 3e8
"""Of the walk over trees, on one core: 150 ms for a row and 200 trees of 1,000 leaves."""
_ROWS = (500, 250, 120, 60, 30, 15)
_SECONDS = {"standard": 10.0, "thorough": 120.0}
_SHOWN = 10
"""Groups whose contributions to single rows are kept."""
_KEPT_ROWS = 300
_REASONS = 6
_PARTS = 6
_LEADERS = 5
"""Groups whose squared contributions together are compared with those of shuffled labels."""
_SAMPLED = 12
"""Groups that are sampled one by one at depth "standard"."""


def contributions_of(bench: Bench, notes: list[str]) -> tuple[Contributions | None, tuple[Why, ...]]:
    """Contributions on random rows that the models did not see, and the reasons of the worst predictions."""
    bench = _narrowed(bench)
    n = _affordable(bench)
    if not n:
        notes.append("left out: SHAP values, the model is too slow for them in the time")
        return None, ()
    drawn = [np.arange(min(n, len(seat.rows))) for seat in bench.seats]
    worst = _worst(bench)
    pairs = zip(bench.seats, drawn, worst, strict=True)
    found = [_shap(bench, seat, np.concatenate([rows, bad])) for seat, rows, bad in pairs]
    noise = [_shap(bench, seat, np.arange(min(n, len(seat.rows)))) for seat in bench.shuffled]
    each = np.array([_sizes(bench, one, len(rows)) for one, rows in zip(found, drawn, strict=True)])
    left = np.array([_sizes(bench, one, len(one.values)) for one in noise])
    checks = [bench.skill, adds_up(max(one.gap for one in found))]
    # squares: variances of signal and noise add, their sizes do not
    if len(each) > 1:
        checks.append(stable(each**2, seed=bench.subject.seed))
    if len(left):
        checks.append(
            destroyed(each**2, left**2, what="squared contribution", leaders=_LEADERS, seed=bench.subject.seed)
        )
    order = np.argsort(-each.mean(axis=0), kind="stable")
    random = [_part(one, slice(0, len(rows))) for one, rows in zip(found, drawn, strict=True)]
    above = (each.mean(axis=0) > left.max(axis=1).mean()).astype(float) if len(left) else np.full(each.shape[1], np.nan)
    shown, rows = order[:_SHOWN], _thinned(random)
    levels = np.concatenate([
        seat.X[np.ix_(places, np.array([bench.groups[g][0] for g in shown]))]
        for seat, places in zip(bench.seats, drawn, strict=True)
    ])  # fmt: skip
    made = Contributions(
        found[0].method, _output(bench, found[0]), tuple(bench.names[g] for g in order), each.mean(axis=0)[order],
        each.min(axis=0)[order], each.max(axis=0)[order], above[order],
        rounded(np.concatenate([one.values for one in random])[np.ix_(rows, shown)]), rounded(levels[rows]),
        rounded(np.concatenate([one.base for one in random])[rows]),
        rounded(np.concatenate([one.prediction for one in random])[rows]),
        max(one.gap for one in found), tuple(checks),
    )  # fmt: skip
    return made, _reasons(bench, found, drawn, worst)


def _narrowed(bench: Bench) -> Bench:
    """Fewer groups one by one where every one costs predictions and the time is short."""
    if bench.thorough or exact_cost(bench.seats[0].model) is not None or len(bench.groups) <= _SAMPLED:
        return bench
    rest = np.concatenate([bench.rest, *bench.groups[_SAMPLED:]])
    return replace(bench, groups=bench.groups[:_SAMPLED], names=bench.names[:_SAMPLED], rest=np.sort(rest))


def _walks(bench: Bench) -> int:
    return WALKS if bench.thorough else WALKS // 2


def _affordable(bench: Bench) -> int:
    """Rows per model: as many as some seconds allow."""
    seconds = min(_SECONDS.get(bench.subject.depth, 10.0), 0.4 * max(bench.pace.left(), 0.0))
    models, cost = len(bench.seats) + len(bench.shuffled), exact_cost(bench.seats[0].model)
    if cost is not None:
        return step(_ROWS, seconds * bench.subject.fits.workers * _STEPS_PER_SECOND / (cost * models) - _REASONS)
    return step(_ROWS, bench.pace.rate * seconds / (2 * _walks(bench) * (len(bench.groups) + 2) * models) - _REASONS)


def _shap(bench: Bench, seat: Seat, rows: IntArray) -> Shap:
    """Contributions of the leading groups and, last, of all other columns together."""
    groups = [*bench.groups, bench.rest] if len(bench.rest) else list(bench.groups)
    return shap_values(
        seat.model, seat.X[rows], seat.background, groups=groups, column=bench.column,
        walks=_walks(bench), threads=bench.subject.fits.workers, seed=bench.subject.seed,
    )  # fmt: skip


def _sizes(bench: Bench, found: Shap, n: int) -> FloatArray:
    return np.asarray(np.abs(found.values[:n, : len(bench.groups)]).mean(axis=0))


def _part(found: Shap, rows: slice) -> Shap:
    return Shap(found.values[rows], found.base[rows], found.prediction[rows], found.method, found.output)


def _thinned(found: list[Shap]) -> IntArray:
    """Rows of all models that are kept, evenly taken (they are in random order already)."""
    total = sum(len(one.values) for one in found)
    return np.arange(total) if total <= _KEPT_ROWS else np.linspace(0, total - 1, _KEPT_ROWS).round().astype(np.int64)


def _output(bench: Bench, found: Shap) -> str:
    if bench.column is None:
        return "" if found.output == "value" else found.output
    return f"{found.output} of {bench.subject.development.classes[bench.column]!r}"


def _worst(bench: Bench) -> list[IntArray]:
    """Places in each seat of the rows with the largest out-of-fold errors of all seats together."""
    error = np.nan_to_num(errors(bench.said, bench.truth, squared=False)[0], nan=-1.0)
    every = np.unique(np.concatenate([seat.rows for seat in bench.seats]))
    chosen = every[np.argsort(-error[every], kind="stable")[:_REASONS]]
    return [np.flatnonzero(np.isin(seat.rows, chosen)) for seat in bench.seats]


def _reasons(bench: Bench, found: list[Shap], drawn: list[IntArray], worst: list[IntArray]) -> tuple[Why, ...]:
    """Worst first; a row that several seats hold is told once."""
    told: dict[int, Why] = {}
    for seat, one, rows, places in zip(bench.seats, found, drawn, worst, strict=True):
        for at, place in enumerate(places.tolist()):
            told.setdefault(int(seat.rows[place]), _why(bench, seat, one, len(rows) + at, place))
    error = errors(bench.said, bench.truth, squared=False)[0]
    return tuple(told[row] for row in sorted(told, key=lambda row: -float(np.nan_to_num(error[row]))))


def _why(bench: Bench, seat: Seat, found: Shap, at: int, place: int) -> Why:
    development, row = bench.subject.development, int(seat.rows[place])
    values = found.values[at]
    order = np.argsort(-np.abs(values[: len(bench.groups)]), kind="stable")[:_PARTS]
    parts = tuple(
        Part(bench.names[g], _level(bench, int(bench.groups[g][0]), seat.X[place]), float(values[g])) for g in order
    )
    return Why(
        str(bench.subject.ids[row]), str(bench.subject.shown[row]), float(development.y[row]),
        float(seat.model.predict(seat.X[place : place + 1])[0]), float(found.base[at]), float(found.prediction[at]),
        parts, float(values.sum() - values[order].sum()),
    )  # fmt: skip


def _level(bench: Bench, column: int, row: FloatArray) -> str:
    """The value of a column in words."""
    table, value = bench.subject.development.table, float(row[column])
    if not np.isfinite(value):
        return "missing"
    words = table.vocabularies.get(table.names[column])
    return f"{value:.4g}" if words is None else words[int(value)]
