"""Effects of the leading features and their interactions, from all fold models of a trained recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.bench import Bench, Seat, rounded, step
from matloop.explain.checks import alike, destroyed, stable, vanishes
from matloop.explain.dependence import grid_of
from matloop.explain.effects import Curve, accumulated_effect, accumulated_pair, friedman_h, individual_curves
from matloop.explain.values import Check, Effect, Interaction

_EFFECTS = 6
_ROWS = (1000, 500, 250, 120, 60)
_CURVES = 30
_LEVEL_ROWS = 100
_PAIRS_OF = 5
_H_ROWS = 30


def effects_of(bench: Bench, notes: list[str]) -> tuple[Effect, ...]:
    """Accumulated local effects with single rows' curves, of up to six features that matter."""
    table, found = bench.subject.development.table, list[_Drawn]()
    leads = [column for column in bench.leads if len(_grid(bench, column)) > 1][:_EFFECTS]
    models = len(bench.seats) + len(bench.shuffled)
    for at, column in enumerate(leads):
        n = step(_ROWS, bench.pace.rows(0.5) / (3 * models * (len(leads) - at)))
        if not n:
            notes.append(f"left out: effects of {', '.join(table.names[c] for c in leads[at:])}, the time ran out")
            break
        grid = _grid(bench, column)
        true, noise = (
            tuple(_curve(bench, seat, column, grid, n) for seat in seats) for seats in (bench.seats, bench.shuffled)
        )
        found.append(_Drawn(column, grid, true, noise))
    typical = (
        float(np.mean([one.strength for drawn in found for one in drawn.noise])) if bench.shuffled and found else 0.0
    )
    return tuple(_effect(bench, drawn, typical) for drawn in found)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Curves of one feature from models of true and of shuffled labels."""

    column: int
    grid: FloatArray
    true: tuple[Curve, ...]
    noise: tuple[Curve, ...]


def _grid(bench: Bench, column: int) -> FloatArray:
    table = bench.subject.development.table
    values = table.X[:, column]
    values = values[np.isfinite(values)]
    return np.unique(values) if table.names[column] in table.vocabularies else grid_of(values)


def _effect(bench: Bench, drawn: _Drawn, typical: float) -> Effect:
    table, grid, column = bench.subject.development.table, drawn.grid, drawn.column
    words = table.vocabularies.get(table.names[column])
    each = np.array([one.effect for one in drawn.true])
    density = np.mean([one.density for one in drawn.true], axis=0)
    checks = [bench.skill]
    if len(each) > 1:
        checks.append(alike(each, density))
    if drawn.noise:
        checks.append(vanishes(each.mean(axis=0), [one.effect for one in drawn.noise], typical, density))
    first = bench.seats[0]
    curves = individual_curves(first.model, first.X[:_CURVES], column, grid, weights=density, column=bench.column)
    return Effect(
        table.names[column], rounded(grid), rounded(each.mean(axis=0)), rounded(each.min(axis=0)),
        rounded(each.max(axis=0)), rounded(curves), rounded(density),
        float(np.mean([one.strength for one in drawn.true])),
        tuple(words[int(code)] for code in grid) if words else (), tuple(checks),
        next((len(group) - 1 for group in bench.groups if group[0] == column), 0),
    )  # fmt: skip


def _curve(bench: Bench, seat: Seat, column: int, grid: FloatArray, n: int) -> Curve:
    """The effect by one model; of a category centred dependence."""
    table, X = bench.subject.development.table, seat.X[:n]
    inside = (X[:, column] >= grid[0]) & (X[:, column] <= grid[-1])
    if not inside.any():
        return Curve(grid, np.zeros(len(grid)), np.full(len(grid), 1.0 / len(grid)), 0.0)
    if table.names[column] not in table.vocabularies:
        return accumulated_effect(seat.model, X, column, grid=grid, column=bench.column)
    share = np.array([float((X[:, column] == code).sum()) for code in grid])
    share = share / share.sum()
    curves = individual_curves(seat.model, X[:_LEVEL_ROWS], column, grid, weights=share, column=bench.column)
    effect = curves.mean(axis=0)
    return Curve(grid, effect, share, float(np.sqrt(share @ effect**2)))


def interactions_of(bench: Bench, notes: list[str]) -> tuple[tuple[Interaction, ...], tuple[Check, ...]]:
    """Friedman's H of all pairs of the five leading numbers, strongest first; the joint effect of the first pair."""
    table = bench.subject.development.table
    columns = [c for c in bench.leads if table.names[c] not in table.vocabularies][:_PAIRS_OF]
    pairs = [(a, b) for i, a in enumerate(columns) for b in columns[i + 1 :]]
    cost = len(pairs) * 3 * _H_ROWS**2 * (len(bench.seats) + len(bench.shuffled))
    if not pairs or cost > bench.pace.rows(0.6):
        notes.append("left out: interactions, " + ("the time ran out" if pairs else "fewer than two numbers matter"))
        return (), ()
    true = np.array([[_joint(bench, seat, a, b) for a, b in pairs] for seat in bench.seats])
    noise = [[_joint(bench, seat, a, b)[0] for a, b in pairs] for seat in bench.shuffled]
    strength, h = true[:, :, 0], true[:, :, 1].mean(axis=0)
    checks = [bench.skill]
    if len(strength) > 1:
        # squares: a share of the variance, so that many weak pairs do not drown a strong one
        checks.append(stable(strength**2, seed=bench.subject.seed))
    if noise:
        checks.append(destroyed(strength, noise, what="interaction", seed=bench.subject.seed))
    mean, low, high = strength.mean(axis=0), strength.min(axis=0), strength.max(axis=0)
    order = np.argsort(-mean, kind="stable").tolist()
    found = [
        Interaction(table.names[pairs[p][0]], table.names[pairs[p][1]], float(mean[p]), float(low[p]), float(high[p]),
                    float(h[p]))
        for p in order
    ]  # fmt: skip
    seat = bench.seats[0]
    joint = accumulated_pair(seat.model, seat.X[: _ROWS[0]], *pairs[order[0]], column=bench.column)
    found[0] = replace(
        found[0], grid_a=rounded(joint.grid_a), grid_b=rounded(joint.grid_b), surface=rounded(joint.effect)
    )  # fmt: skip
    return tuple(found), tuple(checks)


def _joint(bench: Bench, seat: Seat, a: int, b: int) -> tuple[float, float]:
    known = np.isfinite(seat.X[:, [a, b]]).all(axis=1)
    rows = seat.X[known][:_H_ROWS]
    return friedman_h(seat.model, rows, a, b, column=bench.column) if len(rows) > 1 else (0.0, 0.0)
