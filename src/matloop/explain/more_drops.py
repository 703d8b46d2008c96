"""Drop-column importance of a trained recipe: the leading groups left out one by one, fitted again in the pool."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.bench import Bench
from matloop.explain.checks import destroyed, stable
from matloop.explain.drop_column import disagreements, drop_of
from matloop.explain.values import Check, DropColumn
from matloop.train.change import Change
from matloop.train.fits import FitResult, FitTask

_DROPPED = 8
_OF_CHANCE = 3
"""Groups that are also left out of a fit to shuffled labels."""


def drops_of(bench: Bench, notes: list[str]) -> tuple[tuple[DropColumn, ...], tuple[Check, ...]]:
    """Rise of the loss on every fold without each of up to eight groups; groups that the time allows on all folds."""
    subject, chosen = bench.subject, bench.matter[:_DROPPED]
    fold = subject.trained.out_of_fold.fold
    parts = [np.flatnonzero(fold == k) for k in np.unique(fold[fold >= 0])]
    every = np.concatenate(parts)
    # the group that is told comes with all its folds before the next one begins
    left_out = [(), *(tuple(int(j) for j in bench.groups[g]) for g in chosen)]
    changes = [Change(without=columns) if columns else None for columns in left_out]
    tasks = [_task(bench, rows, every, change) for change in changes for rows in parts]
    by_chance = [
        Change(labels_shuffled=True, without=columns, seed=subject.seed) for columns in left_out[: _OF_CHANCE + 1]
    ]
    tasks += [_task(bench, parts[0], every, change) for change in by_chance]
    until = None if math.isinf(bench.pace.deadline) else bench.pace.deadline
    results = subject.fits.run(tasks, deadline=until)
    lost = np.array([_loss(bench, task.predict, result) for task, result in zip(tasks, results, strict=True)])
    table = lost[: len(changes) * len(parts)].reshape(len(changes), len(parts))
    rise = table[1:] - table[0]
    done = np.flatnonzero(np.isfinite(rise).all(axis=1))
    if len(done) < len(chosen):
        notes.append(
            f"left out: {len(chosen) - len(done)} of {len(chosen)} groups of drop-column importance, the time ran out "
            "or a fit failed"
        )
    if not len(done):
        return (), ()
    drops = tuple(_drop(bench, chosen[i], rise[i]) for i in done.tolist())
    notes += disagreements(drops, bench.told)
    return drops, _checks(bench, rise[done], lost[len(changes) * len(parts) :])


def _task(bench: Bench, rows: IntArray, every: IntArray, change: Change | None) -> FitTask:
    subject = bench.subject
    return FitTask(subject.trained.recipe, np.setdiff1d(every, rows), rows, subject.seed, change=change)


def _loss(bench: Bench, rows: IntArray, result: FitResult | None) -> float:
    if result is None or result.failed:
        return math.nan
    return bench.judge.loss(bench.subject.development.y[rows], result.value, result.proba)


def _drop(bench: Bench, g: int, rise: FloatArray) -> DropColumn:
    names = bench.subject.development.table.names
    one = drop_of(
        tuple(names[j] for j in bench.groups[g]), rise, permutation=bench.permutation.get(bench.names[g], math.nan)
    )
    return replace(one, name=bench.names[g])


def _checks(bench: Bench, rise: FloatArray, by_chance: FloatArray) -> tuple[Check, ...]:
    checks = [bench.skill]
    if rise.shape[1] > 1 and len(rise) > 1:
        checks.append(stable(rise.T, between="folds", seed=bench.subject.seed))
    noise = by_chance[1:] - by_chance[0]
    if len(noise) and np.isfinite(noise).all():
        checks.append(destroyed(rise.mean(axis=1)[None, : len(noise)], noise[None, : len(rise)]))
    return tuple(checks)
