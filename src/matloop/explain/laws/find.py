"""`find_laws`: is there a formula behind these numbers, and would chance have found one as good?

The rows that judge a formula are never those that chose it: the whole search is repeated without each fold, on inner
rows to be judged on outer ones, and on shuffled targets.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.laws.candidates import Candidate
from matloop.explain.laws.expression import used
from matloop.explain.laws.given import Table, read_table
from matloop.explain.laws.search import QUICK, Outcome, Settings, search, with_limits
from matloop.explain.laws.space import OPERATORS, check_operators
from matloop.explain.laws.values import Beyond, Finding, Law, LawSearch
from matloop.explain.laws.verdict import verdict_of
from matloop.explain.laws.written import law_of
from matloop.split.folds import make_folds

FOLDS, SHUFFLES = 3, 3
MAX_ROWS = 2_000
OUTER_SHARE = 0.25
SAME = 0.03
"""Two formulas say the same where they differ by less than this share of the target's spread."""
FEWEST = 20
"""With fewer rows nothing is claimed."""
BEYOND_CHANCE = 0.05
"""A law must explain so much more than the best of the shuffled targets."""
RESAMPLES = 400


def find_laws(
    X: ArrayLike,
    y: ArrayLike,
    names: Sequence[str] | None = None,
    units: Sequence[str | None] | None = None,
    target_unit: str | None = "",
    *,
    task: Literal["regression", "classification"] = "regression",
    target: str = "y",
    max_complexity: int = 30,
    operators: Sequence[str] = OPERATORS,
    groups: ArrayLike | None = None,
    seed: int = 0,
    seconds: float = math.inf,
    effort: Literal["full", "quick"] = "full",
) -> LawSearch:
    """Look for formulas of the columns of `X` that give `y`, and judge them.

    Parameters
    ----------
    X : shape (n_rows, n_columns). Rows with a missing value are left out, columns that are mostly missing, too.
    y : shape (n_rows,), numbers; for classification two words or numbers.
    names, units : of the columns. A unit "" is a pure number; None one that is not known: nothing can be added to such
        a column, nor can it stand inside a function. Without `units` all columns are pure numbers.
    max_complexity : most variables, constants, numbers and operators in a law.
    operators : what laws are made of, of `OPERATORS`.
    groups : shape (n_rows,), rows of one group are never on both sides of a split.
    seconds : the repetitions that judge a law are cut short after this time; the notes say which. A result that the
        clock did not cut depends on the input and the seed only.
    effort : "quick" searches a smaller space, about a second each time.

    Returns
    -------
    what was found; `best` is None where no formula is clearly better than chance.

    Raises
    ------
    DataError : no rows or columns are left, lengths differ, y does not vary or has not two classes.
    ConfigError : an operator is unknown, or max_complexity below 3.

    References
    ----------
    Ouyang et al., Phys. Rev. Mater. 2 (2018) 083802. doi:10.1103/PhysRevMaterials.2.083802
    Udrescu & Tegmark, Sci. Adv. 6 (2020) eaay2631. doi:10.1126/sciadv.aay2631

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(1, 5, (200, 3))
    >>> force = X[:, 0] * X[:, 1] + rng.normal(0, 0.1, 200)
    >>> found = find_laws(X, force, ["m", "a", "t"], ["kg", "m/s^2", "s"], "N", effort="quick")
    >>> found.finding, found.best.expression
    ('law', 'm * a')
    """
    start = time.monotonic()
    table = read_table(X, y, names, units, target, target_unit, task=task, groups=groups)
    table, notes = table.at_most(MAX_ROWS, seed)
    wanted = with_limits(
        QUICK if effort == "quick" else Settings(),
        largest=max_complexity, operators=check_operators(operators), classes=task == "classification",
    )  # fmt: skip
    return _Trial(table, wanted, seed, start + seconds).run((*table.notes, *notes))


@dataclass(frozen=True, slots=True)
class _Split:
    """Rows that a search sees, rows that it is judged on, what it found, and the target it saw."""

    train: IntArray
    test: IntArray
    outcome: Outcome
    y: FloatArray


class _Trial:
    """One table, searched once whole and again in every way that the time allows."""

    def __init__(self, table: Table, settings: Settings, seed: int, deadline: float) -> None:
        self.table, self.settings, self.seed, self.deadline = table, settings, seed, deadline
        self.kind = settings.kind
        self.X, self.y = table.X, table.y
        self.seconds = 0.0
        self.skipped: list[str] = []

    def run(self, notes: tuple[str, ...]) -> LawSearch:
        begin = time.monotonic()
        whole = self._search(np.arange(len(self.y)), self.y, share=0.35)
        self.seconds = time.monotonic() - begin
        fold = self._folds()
        folds, shuffled = self._repeats(fold, whole)
        return self._told(whole, folds, shuffled, notes)

    def _search(self, rows: IntArray, y: FloatArray, share: float = 1.0) -> Outcome:
        left = self.deadline - time.monotonic()
        until = self.deadline if math.isinf(left) else time.monotonic() + share * max(left, 0.0)
        groups, given = self.table.groups[rows], self.table.given
        return search(self.X[rows], y[rows], given, self.settings, groups=groups, seed=self.seed, deadline=until)

    def _folds(self) -> IntArray:
        n_groups = len(np.unique(self.table.groups))
        if n_groups < 2:
            return np.zeros(len(self.y), dtype=np.int64)
        n_folds, task = min(FOLDS, n_groups), self.settings.classes
        return make_folds(
            self.y, self.table.groups, n_folds=n_folds, seed=self.seed, task="classification" if task else "regression"
        )

    def _affordable(self, what: str) -> bool:
        if time.monotonic() + 0.8 * self.seconds < self.deadline:
            return True
        self.skipped.append(what)
        return False

    def _repeats(self, fold: IntArray, whole: Outcome) -> tuple[list[_Split], list[_Split]]:
        """Searches without a fold, and with shuffled targets, in turn, so that a short time gives some of both.

        Where nothing is explained on rows held out, chance need not be asked.
        """
        folds: list[_Split] = []
        shuffled: list[_Split] = []
        if fold.max() == 0:
            return folds, shuffled
        numbers = range(int(fold.max()) + 1)
        for k in numbers:
            train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            if len(np.unique(self.y[train])) > 1 and self._affordable("folds"):
                folds.append(_Split(train, test, self._search(train, self.y), self.y))
            promising = whole.best is not None and bool(folds) and self._explained(*self._losses(folds)[:2]) > 0
            if k < SHUFFLES and promising and self._affordable("shuffles"):
                y = np.random.default_rng([self.seed, 31, k]).permutation(self.y)
                if len(np.unique(y[train])) > 1:
                    shuffled.append(_Split(train, test, self._search(train, y), y))
        return folds, shuffled

    def _said(self, one: Candidate | None, split: _Split) -> FloatArray:
        """Predictions for the held-out rows; the mean where the formula has no value or there is none."""
        mean = self.kind.constant(split.y[split.train])
        if one is None:
            return np.full(len(split.test), mean)
        said = one.predict(self.X[split.test])
        return np.where(np.isfinite(said), said, mean)

    def _losses(self, splits: Sequence[_Split], size: int | None = None) -> tuple[FloatArray, FloatArray, IntArray]:
        """Held-out losses of the chosen laws (or of the best up to a length), those of a constant, and the rows."""
        rows = np.concatenate([s.test for s in splits])
        laws, constants, truth = [], [], []
        for s in splits:
            one = s.outcome.best if size is None else _up_to(s.outcome, size)
            laws.append(self._said(one, s))
            constants.append(self._said(None, s))
            truth.append(s.y[s.test])
        y = np.concatenate(truth)
        return self.kind.losses(y, np.concatenate(laws)), self.kind.losses(y, np.concatenate(constants)), rows

    def _explained(self, law: FloatArray, constant: FloatArray) -> float:
        base = 0.5 if self.settings.classes else float(constant.mean())
        return 1.0 - float(law.mean()) / base if base > 0 else math.nan

    def _interval(self, law: FloatArray, constant: FloatArray, rows: IntArray) -> tuple[float, float, float]:
        """95 % interval of the share explained, and its lower 99 % bound; groups are drawn whole."""
        groups = np.unique(self.table.groups[rows], return_inverse=True)[1]
        n = int(groups.max()) + 1
        sums = np.array([np.bincount(groups, loss, n) for loss in (law, constant, np.ones(len(law)))])
        drawn = np.random.default_rng([self.seed, 5]).integers(0, n, (RESAMPLES, n))
        a, b, size = sums[:, drawn].sum(axis=2)
        base = 0.5 * size if self.settings.classes else b
        share = 1.0 - a / np.where(base > 0, base, np.nan)
        low, high, least = np.nanquantile(share, [0.025, 0.975, 0.01])
        return float(low), float(high), float(least)

    def _error(self, losses: FloatArray) -> float:
        mean = float(losses.mean())
        return mean if self.settings.classes else math.sqrt(mean)

    def _black_box(self, train: IntArray, test: IntArray) -> FloatArray:
        kind = ExtraTreesClassifier if self.settings.classes else ExtraTreesRegressor
        more = {"class_weight": "balanced"} if self.settings.classes else {}
        model = kind(200, min_samples_leaf=2, random_state=self.seed, n_jobs=1, **more)
        model.fit(self.X[train], self.y[train])
        said = model.predict(self.X[test])
        return np.asarray(2.0 * said - 1.0 if self.settings.classes else said)

    def _beyond(self, whole: Outcome) -> Beyond | None:
        """Search on the rows near the middle of the law's inputs, judged on those far from it."""
        best = whole.best
        if best is None or len(self.y) < 2 * FEWEST or not used(best.node):
            return None
        if not self._affordable("the test outside the range"):
            return None
        places = list(used(best.node))
        Z = self.X[:, places]
        spread = np.quantile(Z, 0.84, axis=0) - np.quantile(Z, 0.16, axis=0)
        far = (((Z - np.median(Z, axis=0)) / np.where(spread > 0, spread, 1.0)) ** 2).sum(axis=1)
        outer = far > np.quantile(far, 1.0 - OUTER_SHARE)
        train, test = np.flatnonzero(~outer), np.flatnonzero(outer)
        if len(test) < 5 or len(np.unique(self.y[train])) < 2:
            return None
        split = _Split(train, test, self._search(train, self.y), self.y)
        law, constant, _ = self._losses([split])
        box = self.kind.losses(self.y[test], self._black_box(train, test))
        names = ", ".join(self.table.given.inputs[p].name for p in places)
        how = f"the quarter of the rows farthest from the middle of {names}"
        return Beyond(how, len(train), len(test), self._error(law), self._error(constant), self._error(box))

    def _same(self, best: Candidate, folds: Sequence[_Split]) -> float:
        """Share of the folds whose law says the same as `best` once its constants are fitted on all rows."""
        said = best.predict(self.X)
        same = 0
        for split in folds:
            other = split.outcome.best
            if other is None or used(other.node) != used(best.node):
                continue
            again = self.kind.refitted(other, self.X, self.y).predict(self.X)
            if self.settings.classes:
                same += float(((again > 0) == (said > 0)).mean()) > 1.0 - SAME
            else:
                same += float(np.sqrt(np.mean((again - said) ** 2))) < SAME * float(self.y.std())
        return same / len(folds) if folds else math.nan

    def _told(self, whole: Outcome, folds: list[_Split], shuffled: list[_Split], notes: tuple[str, ...]) -> LawSearch:
        explained = low = high = error = constant_error = box = least = math.nan
        if folds:
            law, constant, rows = self._losses(folds)
            explained = self._explained(law, constant)
            low, high, least = self._interval(law, constant, rows)
            error, constant_error = self._error(law), self._error(constant)
            box = self._error(np.concatenate(
                [self.kind.losses(self.y, self._everywhere(s))[s.test] for s in folds]
            ))  # fmt: skip
        null = tuple(self._explained(*self._losses([s])[:2]) for s in shuffled)
        finding = self._finding(whole, explained, least, null)
        laws = tuple(self._law(whole, k, folds) for k in range(len(whole.front)))
        best = laws[whole.chosen] if whole.best is not None and finding in ("law", "trend") else None
        beyond = self._beyond(whole) if best is not None else None
        same = self._same(whole.best, folds) if whole.best is not None and best is not None else math.nan
        found = LawSearch(
            target=self.table.given.target.name, unit=self.table.given.target.unit,
            task="classification" if self.settings.classes else "regression", finding=finding, verdict="",
            front=laws, best=best, explained=explained, low=low, high=high, null=null, error=error,
            constant_error=constant_error, black_box_error=box, same_form=same, n_repeats=len(folds), beyond=beyond,
            n_rows=len(self.y), n_inputs=self.X.shape[1], n_terms=whole.n_terms,
            notes=(*notes, *self._cut(whole, folds, shuffled), *_far(beyond)),
        )  # fmt: skip
        return verdict_of(found)

    def _everywhere(self, split: _Split) -> FloatArray:
        said = np.full(len(self.y), np.nan)
        said[split.test] = self._black_box(split.train, split.test)
        return said

    def _law(self, whole: Outcome, k: int, folds: list[_Split]) -> Law:
        one, held = whole.front[k], whole.held_out[k]
        limit = None if k == whole.chosen else one.size
        return law_of(
            one, self.table.given, classes=self.table.classes,
            error=self._error(self._losses(folds, limit)[0]) if folds else math.nan,
            refit_error=held if self.settings.classes else math.sqrt(held),
        )  # fmt: skip

    def _finding(self, whole: Outcome, explained: float, least: float, null: tuple[float, ...]) -> Finding:
        if whole.best is None:
            return "none"
        if len(self.y) < FEWEST or math.isnan(explained):
            return "not judged"
        chance = max((n for n in null if math.isfinite(n)), default=0.0)
        if least <= 0 or explained < max(chance, 0.0) + BEYOND_CHANCE:
            return "none"
        return "law" if explained >= 0.5 else "trend"

    def _cut(self, whole: Outcome, folds: list[_Split], shuffled: list[_Split]) -> tuple[str, ...]:
        notes = []
        if whole.cut or any(s.outcome.cut for s in [*folds, *shuffled]):
            notes.append("the time ended before a search was through: a longer one may find a better law")
        if self.skipped:
            notes.append(f"left out, the time was up: some of {', '.join(dict.fromkeys(self.skipped))}")
        if len(self.y) < FEWEST:
            notes.append(f"{len(self.y)} rows: too few to hold rows out, nothing is claimed; {FEWEST} are the least")
        elif whole.n_terms > 1000 * len(self.y) and whole.n_terms:
            notes.append(
                f"{whole.n_terms:,} descriptors were compared with {len(self.y)} rows: by chance alone some fit; what "
                "counts is the error on rows held out and the comparison with shuffled targets"
            )
        return tuple(notes)


def _far(beyond: Beyond | None) -> tuple[str, ...]:
    if beyond is None or beyond.error <= beyond.constant:
        return ()
    return ("outside the range that it is sought in such a formula is worse than a constant: do not extrapolate",)


def _up_to(outcome: Outcome, size: int) -> Candidate | None:
    """The law of a search with the least held-out loss among those not longer than `size`."""
    short = [(loss, k) for k, loss in enumerate(outcome.held_out) if outcome.front[k].size <= size]
    return outcome.front[min(short)[1]] if short else None
