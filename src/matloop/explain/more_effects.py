"""Effects of the leading features and their interactions, from all fold models of a trained recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.bench import Bench, Seat, step
from matloop.explain.checks import alike, destroyed, stable
from matloop.explain.dependence import grid_of
from matloop.explain.effects import accumulated_effect, accumulated_pair, friedman_h, individual_curves
from matloop.explain.values import Check, Effect, Interaction

_EFFECTS = 6
_ROWS = (1000, 500, 250, 120, 60)
_CURVES = 30
_LEVEL_ROWS = 100
_PAIRS_OF = 5
_H_ROWS = 30
_SURFACES = 2


def effects_of(bench: Bench, notes: list[str]) -> tuple[Effect, ...]:
    """Accumulated local effects with single rows' curves, of up to six features that matter."""
    found: list[Effect] = []
    leads = bench.leads[:_EFFECTS]
    models = len(bench.seats) + len(bench.shuffled)
    for at, column in enumerate(leads):
        n = step(_ROWS, bench.affordable(0.5) / (3 * models * (len(leads) - at)))
        if not n:
            names = ", ".join(bench.subject.development.table.names[c] for c in leads[at:])
            notes.append(f"left out: effects of {names}, the time ran out")
            break
        effect = _effect(bench, column, n)
        if effect is not None:
            found.append(effect)
    return tuple(found)


def _effect(bench: Bench, column: int, n: int) -> Effect | None:
    table = bench.subject.development.table
    values, name = table.X[:, column], table.names[column]
    values, words = values[np.isfinite(values)], table.vocabularies.get(name)
    grid = grid_of(values) if words is None else np.unique(values)
    if len(grid) < 2:
        return None
    made = [_curve(bench, seat, column, grid, n) for seat in bench.seats]
    noise = [_curve(bench, seat, column, grid, n) for seat in bench.shuffled]
    each, density = np.array([one[0] for one in made]), np.mean([one[1] for one in made], axis=0)
    strengths = np.array([[one[2]] for one in made])
    checks = [bench.skill]
    if len(each) > 1:
        checks.append(alike(each, density))
    if noise:
        checks.append(destroyed(strengths, [[one[2]] for one in noise], what="effect"))
    first = bench.seats[0]
    rows = first.X[:_CURVES]
    return Effect(
        name, grid, each.mean(axis=0), each.min(axis=0), each.max(axis=0),
        individual_curves(first.model, rows, column, grid, weights=density, column=bench.column), density,
        float(strengths.mean()), tuple(words[int(code)] for code in grid) if words else (), tuple(checks),
    )  # fmt: skip


def _curve(bench: Bench, seat: Seat, column: int, grid: FloatArray, n: int) -> tuple[FloatArray, FloatArray, float]:
    """Effect at the grid, share of the rows there, and strength, by one model; of a category centred dependence."""
    table, X = bench.subject.development.table, seat.X[:n]
    inside = (X[:, column] >= grid[0]) & (X[:, column] <= grid[-1])
    if not inside.any():
        return np.zeros(len(grid)), np.full(len(grid), 1.0 / len(grid)), 0.0
    if table.names[column] not in table.vocabularies:
        found = accumulated_effect(seat.model, X, column, grid=grid, column=bench.column)
        return found.effect, found.density, found.strength
    share = np.array([float((X[:, column] == code).sum()) for code in grid])
    share = share / share.sum()
    curves = individual_curves(seat.model, X[:_LEVEL_ROWS], column, grid, weights=share, column=bench.column)
    effect = curves.mean(axis=0)
    return effect, share, float(np.sqrt(share @ effect**2))


def interactions_of(bench: Bench, notes: list[str]) -> tuple[tuple[Interaction, ...], tuple[Check, ...]]:
    """Friedman's H of all pairs of the five leading numbers, strongest first; joint effects of the first two pairs."""
    table = bench.subject.development.table
    columns = [c for c in bench.leads if table.names[c] not in table.vocabularies][:_PAIRS_OF]
    pairs = [(a, b) for i, a in enumerate(columns) for b in columns[i + 1 :]]
    cost = len(pairs) * 3 * _H_ROWS**2 * (len(bench.seats) + len(bench.shuffled))
    if not pairs or cost > bench.affordable(0.6):
        notes.append("left out: interactions, " + ("the time ran out" if pairs else "fewer than two numbers matter"))
        return (), ()
    true = np.array([[_joint(bench, seat, a, b) for a, b in pairs] for seat in bench.seats])
    noise = [[_joint(bench, seat, a, b)[0] for a, b in pairs] for seat in bench.shuffled]
    strength, h = true[:, :, 0], true[:, :, 1].mean(axis=0)
    checks = [bench.skill]
    if len(strength) > 1:
        checks.append(stable(strength, seed=bench.subject.seed))
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
    for rank, p in enumerate(order[:_SURFACES]):
        surface = accumulated_pair(seat.model, seat.X[: _ROWS[0]], *pairs[p], column=bench.column)
        found[rank] = replace(found[rank], grid_a=surface.grid_a, grid_b=surface.grid_b, surface=surface.effect)
    return tuple(found), tuple(checks)


def _joint(bench: Bench, seat: Seat, a: int, b: int) -> tuple[float, float]:
    known = np.isfinite(seat.X[:, [a, b]]).all(axis=1)
    rows = seat.X[known][:_H_ROWS]
    return friedman_h(seat.model, rows, a, b, column=bench.column) if len(rows) > 1 else (0.0, 0.0)
