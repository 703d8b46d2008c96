"""What further explanations are computed on: fold models, rows they did not see, and models of shuffled labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.explain.checks import skilful
from matloop.explain.explain import in_order_of_promise
from matloop.explain.grouping import correlated_groups
from matloop.explain.output import Predict, predict_of
from matloop.explain.samples import Judge, Pace, Sample, WithoutSpread
from matloop.explain.values import Check, Explanation
from matloop.train.change import Change
from matloop.train.fits import FitTask
from matloop.train.recipe_model import RecipeModel
from matloop.train.subject import Subject

LEADERS = 20
"""Groups of features that are explained one by one; all others are taken together."""
MAX_ROWS = 2000
SMALL_FIT = 1000
"""Training rows of the fit to shuffled labels at depth "standard"."""
_BACKGROUND = 2000
_SQUARED = ("mse", "rmse", "r2")


@dataclass(frozen=True, slots=True)
class Seat:
    """One fold model, development rows that it did not see (in random order), and rows like those it was fitted on."""

    model: RecipeModel
    rows: IntArray
    X: FloatArray
    y: FloatArray
    background: FloatArray

    def sample(self, n: int) -> Sample:
        """The first `n` rows as a sample for importances."""
        return Sample(WithoutSpread(self.model), self.X[:n], self.y[:n])


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that the parts of a study share.

    groups, names : the leading groups of correlated columns, most important first. rest : all columns outside them.
    told : which of the groups are above the noise of the permutation importance.
    column : class that is explained; None for values. seats, shuffled : models of true and of shuffled labels.
    said, truth : shape (n,), out-of-fold number that is explained and what it should have been, per development row.
    skill : whether the model knows anything; a part of every explanation's checks. pace : the clock.
    permutation : permutation importance of each group, by its name.
    """

    subject: Subject
    judge: Judge
    groups: tuple[IntArray, ...]
    names: tuple[str, ...]
    rest: IntArray
    told: tuple[str, ...]
    column: int | None
    seats: tuple[Seat, ...]
    shuffled: tuple[Seat, ...]
    said: FloatArray
    truth: FloatArray
    skill: Check
    pace: Pace
    permutation: Mapping[str, float]

    @property
    def thorough(self) -> bool:
        return self.subject.depth == "thorough"

    @property
    def leads(self) -> list[int]:
        """First columns of the groups that matter: of those above the noise, else of all."""
        return [int(self.groups[g][0]) for g in self.matter]

    @property
    def matter(self) -> list[int]:
        """Positions of the groups above the noise; of all where none is."""
        found = [g for g, name in enumerate(self.names) if name in self.told]
        return found or list(range(len(self.groups)))

    @property
    def output(self) -> str:
        """What is explained, in words; empty for the value itself."""
        development = self.subject.development
        if self.column is not None:
            return f"probability of {development.classes[self.column]!r}"
        return "log10 of the value" if development.scale == "log" else ""

    def predict(self, seat: Seat) -> Predict:
        """The number that is explained, as a function of rows."""
        return predict_of(seat.model, self.column)


def set_up(
    subject: Subject,
    fold_models: Sequence[tuple[RecipeModel, IntArray]],
    existing: Explanation | None,
    metric: str,
    deadline: float,
) -> Bench | None:
    """The bench of a study, without models of shuffled labels; None where there is no model or nothing varies."""
    development = subject.development
    seats = tuple(
        seat for k, (model, rows) in enumerate(fold_models) if (seat := _seat(subject, model, rows, k)) is not None
    )
    if not seats:
        return None
    groups, told = _groups(subject, seats, existing)
    if not groups:
        return None
    chosen = groups[:LEADERS]
    rest = np.setdiff1d(np.arange(development.table.X.shape[1]), np.concatenate(chosen))
    names = tuple(_name(development.table.names, group) for group in chosen)
    classes = development.classes
    column = None if not classes else development.positive if len(classes) == 2 else _moving(subject)
    said, truth = _explained(subject, column)
    judge = Judge(metric, classes, development.positive)
    skill = skilful(*errors(said, truth, squared=column is not None or metric in _SQUARED), development.groups)
    found = {one.name: one.value for one in existing.importances} if existing else {}
    pace = Pace(deadline, [seat.sample(300) for seat in seats])
    return Bench(subject, judge, tuple(chosen), names, rest, told, column, seats, (), said, truth, skill, pace, found)


def errors(said: FloatArray, truth: FloatArray, *, squared: bool) -> tuple[FloatArray, FloatArray]:
    """Errors of predictions and of the best constant, per row: squared, or absolute."""
    if squared:
        return (truth - said) ** 2, (truth - np.nanmean(truth)) ** 2
    return np.abs(truth - said), np.abs(truth - np.nanmedian(truth))


def _seat(subject: Subject, model: RecipeModel, rows: IntArray, k: int) -> Seat | None:
    development = subject.development
    rng = np.random.default_rng([subject.seed, k])
    drawn = rng.permutation(rows)[:MAX_ROWS]
    others = rng.permutation(np.setdiff1d(np.arange(len(development)), rows))[:_BACKGROUND]
    if len(drawn) < 2 or not len(others):
        return None
    X = development.table.X
    return Seat(model, drawn, X[drawn], development.y[drawn], X[others])


def _groups(
    subject: Subject, seats: Sequence[Seat], existing: Explanation | None
) -> tuple[list[IntArray], tuple[str, ...]]:
    table = subject.development.table
    if existing is not None and existing.importances:
        place = {name: j for j, name in enumerate(table.names)}
        found = existing.importances
        # chance alone reaches about as far above zero as the lowest importance lies below
        floor = max(-min(one.value for one in found), 0.0)
        groups = [np.array([place[name] for name in one.members]) for one in found]
        return groups, tuple(one.name for one in found if one.low > 0.0 and one.value > floor)
    return in_order_of_promise([seats[0].sample(500)], correlated_groups(table.X, subject.seed)), ()


def _name(names: Sequence[str], group: IntArray) -> str:
    first = names[int(group[0])]
    return first if len(group) == 1 else f"{first} (+{len(group) - 1} correlated)"


def _moving(subject: Subject) -> int:
    """Of more than two classes the one whose probability varies most over the rows."""
    return int(np.nanstd(subject.trained.out_of_fold.proba, axis=0).argmax())


def _explained(subject: Subject, column: int | None) -> tuple[FloatArray, FloatArray]:
    development, oof = subject.development, subject.trained.out_of_fold
    if column is not None:
        return oof.proba[:, column], (development.y == column).astype(np.float64)
    if development.scale == "log":
        return np.log10(np.maximum(oof.value, 1e-300)), np.log10(development.y)
    return oof.value, development.y


def shuffled_seats(bench: Bench, *, deadline: float) -> tuple[Seat, ...]:
    """Models of the same recipe fitted to shuffled labels, on the seats' rows: one small fit at depth "standard", one
    per seat at "thorough"; empty where the time does not allow them."""
    subject, seats = bench.subject, bench.seats
    small = subject.depth != "thorough"
    used = seats[:1] if small else seats
    tasks = []
    for k, seat in enumerate(used):
        kept = np.ones(len(subject.development), dtype=bool)
        kept[seat.rows] = False
        train = np.flatnonzero(_outside(kept, subject, seat))
        if small and len(train) > SMALL_FIT:
            train = np.sort(np.random.default_rng([subject.seed, 7, k]).choice(train, SMALL_FIT, replace=False))
        change = Change(labels_shuffled=True, seed=subject.seed + k)
        tasks.append(FitTask(subject.trained.recipe, train, np.sort(seat.rows), subject.seed, keep=True, change=change))
    found = subject.fits.run(tasks, deadline=None if math.isinf(deadline) else deadline)
    return tuple(
        Seat(RecipeModel.from_arrays(result.model), seat.rows, seat.X, seat.y, seat.background)
        for seat, result in zip(used, found, strict=True)
        if result is not None and not result.failed and result.model is not None
    )


def _outside(kept: BoolArray, subject: Subject, seat: Seat) -> BoolArray:
    """Rows that share no group with those of the seat."""
    groups = subject.development.groups
    return kept & ~np.isin(groups, groups[seat.rows])


def rounded(values: FloatArray) -> FloatArray:
    """The values to five significant digits: what a picture needs, a third of the file."""
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** (4 - np.floor(np.log10(np.abs(values))))
        found = np.round(values * power) / power
    return np.where(np.isfinite(found), found, values)


def step(choices: Sequence[int], affordable: float) -> int:
    """The largest choice that is affordable, 0 if none is; in steps, so that the clock seldom changes a result."""
    return next((n for n in choices if n <= affordable), 0)
