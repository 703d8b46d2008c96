"""Whether the columns that a model chose would be chosen again: stability over folds and over halves of the rows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import IntArray
from matloop.models import FAMILIES
from matloop.models.family import Spec
from matloop.models.prepare import Preparation, prepare
from matloop.models.select.stability import EXCELLENT, POOR, Stability, selection_stability
from matloop.models.table_family import TableFamily
from matloop.represent.table import Columns
from matloop.train.recipe_model import Border, chosen_columns, positions
from matloop.train.subject import Subject
from matloop.train.values import Development

HALVES = {"quick": 10, "standard": 20, "thorough": 50}
SHOWN = 40


@dataclass(frozen=True, slots=True)
class ChosenColumn:
    """A column, and the share of folds and of halves of the rows in which it was chosen."""

    name: str
    folds: float
    halves: float


@dataclass(frozen=True, slots=True)
class SelectionStudy:
    """How firm the choice of columns of one member of the recipe is.

    family, method, asked : whose choice, by which method, how many columns. n_columns : of how many.
    folds : over the folds of the search, whose training rows overlap; halves : over halves of the rows (whole groups),
    None where fewer than three were done in time. columns : the most often chosen ones, most frequent first.
    always, never : columns that were chosen in every fold and half, and in none.
    """

    family: str
    method: str
    asked: int
    n_columns: int
    folds: Stability
    halves: Stability | None
    columns: tuple[ChosenColumn, ...]
    always: int
    never: int
    sentence: str
    notes: tuple[str, ...] = ()


def study_selection(subject: Subject, *, deadline: float) -> SelectionStudy | None:
    """The stability of the columns that the recipe chooses inside each fold; None where no member chooses any.

    The member with the largest weight that chooses columns is looked at. Its choice is made anew on the training rows
    of every fold, and on random halves of the groups.

    References
    ----------
    Nogueira, Sechidis & Brown, J. Mach. Learn. Res. 18 (2018) 174. https://jmlr.org/papers/v18/17-514.html
    Meinshausen & Buehlmann, J. R. Stat. Soc. B 72 (2010) 417 (halves). doi:10.1111/j.1467-9868.2010.00740.x
    """
    recipe, development = subject.trained.recipe, subject.development
    choosing = [
        (weight, spec)
        for weight, spec in zip(recipe.weights, recipe.members, strict=True)
        if isinstance(FAMILIES.load(spec.family), TableFamily) and _how(spec).select
    ]
    if not choosing:
        return None
    weight, spec = max(choosing, key=lambda pair: pair[0])
    choice = _Choice.of(spec, development, subject.seed)
    folds = [choice.chosen(np.flatnonzero(development.fold != one)) for one in np.unique(development.fold)]
    halves: list[np.ndarray] = []
    rng = np.random.default_rng([subject.seed, 7])
    while len(halves) < HALVES[subject.depth] and time.monotonic() < deadline:
        halves.append(choice.chosen(_half(development, rng)))
    if len(folds) < 2:
        return None
    over_folds = selection_stability(np.stack(folds))
    over_halves = selection_stability(np.stack(halves)) if len(halves) > 2 else None
    return _told(spec, choice, over_folds, over_halves, float(weight), len(recipe.members))


@dataclass(frozen=True, slots=True)
class _Choice:
    """How one member prepares its columns."""

    how: Preparation
    columns: Columns
    at: IntArray
    development: Development
    seed: int

    @classmethod
    def of(cls, spec: Spec, development: Development, seed: int) -> _Choice:
        columns = development.table.columns()
        at = positions(columns, spec.columns)
        return cls(_how(spec), chosen_columns(columns, at), at, development, seed)

    def chosen(self, rows: IntArray) -> np.ndarray:
        """Flags of the input columns that are chosen from these rows (a word or a gap stands for its column)."""
        development = self.development
        X = development.table.X[np.ix_(rows, self.at)]
        border = Border(development.task, len(development.classes), development.scale, development.bounds)
        y, classes = border.into(development.y[rows]), 0
        if development.task == "classification":
            present, codes = np.unique(y, return_inverse=True)
            y, classes = codes.astype(np.float64), len(present)
        prepared = prepare(X, y, self.how, self.columns, classes=classes, seed=self.seed)
        flags = np.zeros(len(self.at), dtype=bool)
        flags[prepared.source] = True
        return flags


def _how(spec: Spec) -> Preparation:
    """The preparation of a member, as its family would build it."""
    family: TableFamily = FAMILIES.load(spec.family)
    return family.preparation_of(spec.settings)


def _half(development: Development, rng: np.random.Generator) -> IntArray:
    """Rows of a random half of the groups."""
    names, group = np.unique(development.groups, return_inverse=True)
    kept = rng.permutation(len(names))[: max(len(names) // 2, 1)]
    return np.flatnonzero(np.isin(group, kept))


def _told(
    spec: Spec, choice: _Choice, folds: Stability, halves: Stability | None, weight: float, n_members: int
) -> SelectionStudy:
    again = halves or folds
    order = np.lexsort((np.arange(len(choice.at)), -folds.frequency, -again.frequency))
    columns = tuple(
        ChosenColumn(choice.columns.names[j], float(folds.frequency[j]), float(again.frequency[j]))
        for j in order[:SHOWN]
        if again.frequency[j] > 0 or folds.frequency[j] > 0
    )
    both = np.minimum(folds.frequency, again.frequency)
    label = FAMILIES.load(spec.family).label
    notes = []
    if n_members > 1:
        notes.append(
            f"{label} has a weight of {weight:.2f} among {n_members} models; the others are not looked at here"
        )
    if halves is None:
        notes.append("the time ran out before halves of the rows could be tried")
    if choice.how.select_by in ("telling", "forest", "variance"):
        notes.append(
            "this method may keep several columns that say the same, and swap them: low stability need not mean "
            "other physics. The methods redundancy, mrmr, pearson and spearman keep one of each kind"
        )
    return SelectionStudy(
        spec.family, choice.how.select_by, choice.how.select, len(choice.at), folds, halves, columns,
        int((both >= 1.0).sum()), int((np.maximum(folds.frequency, again.frequency) == 0).sum()),
        _sentence(label, choice, folds, halves), tuple(notes),
    )  # fmt: skip


def _sentence(label: str, choice: _Choice, folds: Stability, halves: Stability | None) -> str:
    again = halves or folds
    over = f"{again.n_sets} random halves of the rows" if halves else f"{again.n_sets} folds"
    interval = f"95 % interval {again.low:.2f} to {again.high:.2f}"
    advice = {
        "poor": "do not read the list as what matters: other rows give other columns",
        "fair": "columns that are nearly always chosen can be read, the rest of the list cannot",
        "excellent": "the list can be read",
    }[again.words]
    return (
        f"{label} keeps {choice.how.select} of {len(choice.at):,} columns. Over {over} the choice has a stability of "
        f"{again.value:.2f} ({interval}; 0 is chance, 1 the same each time; below {POOR:g} is poor, from {EXCELLENT:g} "
        f"excellent): {advice}."
    )
