"""How wrong under which kind of novelty: the chosen recipe on random folds, and with whole chemistries left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF
from matloop.core.errors import DataError
from matloop.evaluate.baselines import Guess, Method, fraction_columns, methods
from matloop.evaluate.evidence import Terms, terms_of
from matloop.evaluate.gather import PAIRS_PER_SECOND
from matloop.evaluate.gathered import Gathered
from matloop.matter.compositions import Compositions, from_amounts
from matloop.metrics.estimate import Estimate
from matloop.metrics.scores import scores
from matloop.represent.standard import fit_standard
from matloop.split.chemical import ChemicalSystemFolds
from matloop.split.chemistry import elements_present, group_of
from matloop.split.describe import SplitReport, describe_split
from matloop.split.ordered import End, ForwardInTime, TargetExtrapolation
from matloop.split.splitter import Part, Splitter
from matloop.split.splitters import LeaveOneClusterOut
from matloop.split.twins import NearTwinFolds
from matloop.train.fits import FitResult, FitTask
from matloop.train.subject import Subject
from matloop.train.values import Development

NOT_KNOWN = Estimate(np.nan, np.nan, np.nan)
ELEMENTS = {"standard": 3, "thorough": 6}
"""Elements that are left out one after another, by depth."""
LEAST_ROWS, FEW, MOST = 20, 0.25, 0.5
"""An element to leave out is in at least so many rows, better in no more than the share FEW, and in at most MOST."""
MOST_AT_END = 0.4
MARKS = 0.25
"""An element marks a cluster if its share of the rows is larger by this inside than outside."""
N_BOOT, MANY_ROWS = 400, 10_000


@dataclass(frozen=True, slots=True)
class PartScore:
    """One left-out part: the metric on its rows by the model that saw none of it, and in random cross-validation."""

    name: str
    n_rows: int
    model: float
    usual: float


@dataclass(frozen=True, slots=True)
class NoveltyScore:
    """The recipe under one kind of novelty.

    key, name : of the kind ("element", "left-out elements"); asks : what is new about the held-out rows, in words.
    n_fits : models fitted for it (0: known from the search); n_rows : predictions that are scored; a row of two
        left-out elements counts twice.
    model : the metric with its 95 % interval by group; dummy, nearest : of the median (most frequent class) and of the
        nearest neighbour, on the same rows under the same split; usual : of the model in random cross-validation on
        these same rows, which tells hard rows from new ones. NaN where it was not done.
    report : what the split asks; None where it could not be described.
    """

    key: str
    name: str
    asks: str
    n_fits: int
    n_rows: int
    model: Estimate
    usual: Estimate
    dummy: Estimate
    nearest: Estimate
    report: SplitReport | None
    parts: tuple[PartScore, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitStudy:
    """Scores by kind of novelty, random cross-validation first. metric : as it is (a loss or a score), in `unit`."""

    metric: str
    unit: str
    scores: tuple[NoveltyScore, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Question:
    """A kind of novelty and its parts; `guess` where the predictions are known already."""

    key: str
    name: str
    asks: str
    parts: tuple[Part, ...]
    guess: Guess | None = None


def study_splits(
    subject: Subject, gathered: Gathered, *, deadline: float, times: ArrayLike | None = None
) -> SplitStudy:
    """Describe and score the chosen recipe under several kinds of novelty.

    Parameters
    ----------
    deadline : `time.monotonic()` value; kinds that it does not allow are left out and named. At depth "quick" nothing
        is fitted: random cross-validation and left-out clusters alone. "standard" adds up to three left-out elements
        (without compositions: three agglomerative clusters), the highest fifth of the target and the latest rows;
        "thorough" more elements, both ends of the target, chemical systems, agglomerative clusters and near twins.
    times : shape (n,), when each development row was made known; None where nobody knows.

    Notes
    -----
    Fits of one kind are scored together (rows pooled); a kind of which only some parts were fitted in time is scored on
    these, and a note says so. Everything depends on the development rows and the seed alone.
    """
    study = _Study(subject, gathered, deadline)
    for question in _questions(study, times):
        study.answer(question)
    return SplitStudy(study.terms.metric, subject.development.unit, tuple(study.scores), tuple(study.notes))


def compositions_of(development: Development) -> Compositions | None:
    """Compositions from the columns of element fractions, those of several inputs added; None where a row has none."""
    table = development.table
    columns = fraction_columns(table.columns())
    matrix = np.zeros((len(development), MAX_Z))
    for column in columns.tolist():
        z = Z_OF.get(table.names[column].rsplit(" ", 1)[-1], 0)
        if z:
            matrix[:, z - 1] += np.nan_to_num(table.X[:, column])
    if not matrix.any(axis=1).all():
        return None
    return from_amounts(matrix, SYMBOLS[1:], "formula")[0]


class _Study:
    """Answers questions one after another while there is time."""

    def __init__(self, subject: Subject, gathered: Gathered, deadline: float) -> None:
        development = subject.development
        self.subject, self.gathered, self.deadline = subject, gathered, deadline
        self.terms = terms_of(subject.target, development, subject.trained.metric, subject.seed)
        self.compositions = compositions_of(development)
        self.present = (
            np.zeros((0, 0), dtype=bool) if self.compositions is None else elements_present(self.compositions)
        )
        self.features = fit_standard(development.table.X, development.table.columns()).apply(development.table.X)
        self.scores: list[NoveltyScore] = []
        self.notes: list[str] = []

    def answer(self, question: _Question) -> None:
        parts, guesses = self._predicted(question)
        if not parts:
            return
        development, cv = self.subject.development, self.gathered.cv.prediction
        usual = Guess(cv.value, cv.proba)
        rows = np.concatenate([part.test for part in parts])
        own = _pooled(guesses)
        known = np.isfinite(own.value) & np.isfinite(usual.value[rows])
        rows, own = rows[known], own.take(np.flatnonzero(known))
        if not len(rows):
            return
        dummy, nearest = (self._baseline(question, method, parts, known) for method in methods(development)[:2])
        self.scores.append(
            NoveltyScore(
                question.key, question.name, question.asks, 0 if question.guess is not None else len(parts), len(rows),
                self._score(rows, own), self._score(rows, usual.take(rows)),
                NOT_KNOWN if dummy is None else self._score(rows, dummy),
                NOT_KNOWN if nearest is None else self._score(rows, nearest),
                self._report(question.name, parts),
                tuple(
                    self._part(self._label(part), part, guess, usual)
                    for part, guess in zip(parts, guesses, strict=True)
                ),
            )
        )  # fmt: skip

    def _predicted(self, question: _Question) -> tuple[list[Part], list[Guess]]:
        """The parts that were fitted in time with the model's predictions of their rows."""
        if question.guess is not None:
            known = [part for part in question.parts if np.isfinite(question.guess.value[part.test]).any()]
            return known, [question.guess.take(part.test) for part in known]
        recipe, seed = self.subject.trained.recipe, self.subject.seed
        tasks = [FitTask(recipe, part.train, part.test, seed) for part in question.parts]
        if time.monotonic() >= self.deadline:
            self.notes.append(f"{question.name}: the time ran out")
            return [], []
        results = self.subject.fits.run(tasks, deadline=self.deadline)
        done = [(part, result) for part, result in zip(question.parts, results, strict=True) if _well(result)]
        if len(done) < len(tasks):
            why = next((f": {result.failed}" for result in results if result is not None and result.failed), "")
            self.notes.append(f"{question.name}: only {len(done)} of {len(tasks)} parts were fitted in time{why}")
        return [part for part, _ in done], [Guess(result.value, result.proba) for _, result in done if result]

    def _baseline(self, question: _Question, method: Method, parts: Sequence[Part], known: BoolArray) -> Guess | None:
        development = self.subject.development
        gathered = next((one for one in self.gathered.baselines if one.name == method.name), None)
        if gathered is not None and question.guess is not None:
            told = gathered.cv if question.key == "random" else gathered.loco
            return None if told is None else told.take(np.concatenate([part.test for part in parts])[known])
        if method.name == "nearest neighbour":
            pairs = sum(float(len(part.train)) * len(part.test) for part in parts)
            if pairs * development.table.X.shape[1] / PAIRS_PER_SECOND > 0.3 * (self.deadline - time.monotonic()):
                self._once("the nearest neighbour is left out where the time is short")
                return None
        guesses = [method.guess(development, part.train, development.table.X[part.test]) for part in parts]
        return _pooled(guesses).take(np.flatnonzero(known))

    def _once(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _score(self, rows: IntArray, guess: Guess) -> Estimate:
        terms, development = self.terms, self.subject.development
        y, groups = development.y[rows], development.groups[rows]
        return _estimate(terms, y, guess, groups)

    def _label(self, part: Part) -> str:
        """A cluster's name with the elements that set it apart."""
        if self.compositions is None or not part.name.startswith("cluster"):
            return part.name
        inside = np.zeros(len(self.subject.development), dtype=bool)
        inside[part.test] = True
        apart = self.present[inside].mean(axis=0) - self.present[~inside].mean(axis=0)
        marks = [SYMBOLS[z] for z in np.argsort(-apart, kind="stable")[:3].tolist() if apart[z] >= MARKS]
        return f"{part.name}: mostly {', '.join(marks)}" if marks else part.name

    def _part(self, name: str, part: Part, guess: Guess, usual: Guess) -> PartScore:
        known = np.flatnonzero(np.isfinite(guess.value) & np.isfinite(usual.value[part.test]))
        rows, y = part.test[known], self.subject.development.y
        values = (self.terms.point(y[rows], one) for one in (guess.take(known), usual.take(rows)))
        return PartScore(name, len(rows), *values)

    def _report(self, name: str, parts: Sequence[Part]) -> SplitReport | None:
        if time.monotonic() >= self.deadline:
            self._once("what a split asks is described only as far as the time allowed")
            return None
        development = self.subject.development
        return describe_split(
            parts, self.features, development.y, development.groups, compositions=self.compositions,
            task=development.task, name=name, seed=self.subject.seed,
        )  # fmt: skip


def _well(result: FitResult | None) -> bool:
    return result is not None and not result.failed


def _pooled(guesses: Sequence[Guess]) -> Guess:
    return Guess(np.concatenate([one.value for one in guesses]), np.concatenate([one.proba for one in guesses]))


def _estimate(terms: Terms, y: FloatArray, guess: Guess, groups: NDArray) -> Estimate:
    """The metric on these rows with its interval; a metric of the order goes without one on many rows."""
    if len(y) > MANY_ROWS:
        return terms.scores(y, guess, groups, brief=True)[terms.metric]
    return scores(
        terms.task, y, guess.value, guess.proba if guess.proba.shape[1] else None, groups, classes=terms.classes,
        positive_index=terms.positive, top_k=terms.top_k, seed=terms.seed, names=[terms.metric], n_boot=N_BOOT,
    )[terms.metric]  # fmt: skip


def _questions(study: _Study, times: ArrayLike | None) -> Iterator[_Question]:
    """The kinds of novelty that make sense for the data and the depth, the most telling first."""
    cv, loco = study.gathered.cv, study.gathered.loco
    yield _Question(
        "random", "random cross-validation", "rows like those in training", _parts_of(cv.part, "fold"),
        Guess(cv.prediction.value, cv.prediction.proba),
    )  # fmt: skip
    if loco is not None:
        yield _Question(
            "cluster", "left-out clusters", "a region of the features", _parts_of(loco.part, "cluster"),
            Guess(loco.prediction.value, loco.prediction.proba),
        )  # fmt: skip
    if study.subject.depth == "quick":
        return
    for key, name, asks, made in _kinds(study, times):
        try:
            yield _Question(key, name, asks, tuple(made()))
        except DataError as error:
            study.notes.append(f"{name}: {error}")


def _kinds(study: _Study, times: ArrayLike | None) -> Iterator[tuple[str, str, str, Callable[[], Sequence[Part]]]]:
    """Key, name, what is asked, and what makes the parts: they are made when it is their turn."""
    development, compositions = study.subject.development, study.compositions
    thorough, seed, task = study.subject.depth == "thorough", study.subject.seed, development.task

    def parts(splitter: Splitter) -> list[Part]:
        return splitter.parts(study.features, development.y, development.groups)

    if times is not None:
        later = -2 if thorough else -1
        yield "time", "forward in time", "rows made known later", lambda: parts(ForwardInTime(4, times=times))[later:]
    if compositions is not None:
        n = ELEMENTS["thorough" if thorough else "standard"]
        yield "element", "left-out elements", "an element", lambda: _left_out_elements(development, compositions, n)
    if task != "classification":
        yield (
            "high",
            "highest values of the target",
            "values above all known",
            lambda: _end(parts, "high", len(development)),
        )
    if compositions is None and not thorough:
        ward = LeaveOneClusterOut(3, seed=seed, method="agglomerative")
        yield "ward", "left-out clusters (Ward)", "a branch of a hierarchy of the features", lambda: parts(ward)
    if not thorough:
        return
    if compositions is not None:
        systems = ChemicalSystemFolds(5, compositions=compositions, seed=seed, task=task)
        yield "system", "left-out chemical systems", "a combination of elements", lambda: parts(systems)
    if task != "classification":
        yield (
            "low",
            "lowest values of the target",
            "values below all known",
            lambda: _end(parts, "low", len(development)),
        )
    ward = LeaveOneClusterOut(5, seed=seed, method="agglomerative")
    yield "ward", "left-out clusters (Ward)", "a branch of a hierarchy of the features", lambda: parts(ward)
    twins = NearTwinFolds(5, seed=seed, task=task)
    yield "twins", "no near twins in training", "rows without a near twin", lambda: parts(twins)


def _end(parts: Callable[[Splitter], list[Part]], end: End, n: int) -> list[Part]:
    """A fifth of the target's range held out at one end; refused where ties make it nearly half of the rows."""
    found = parts(TargetExtrapolation(0.2, ends=(end,)))
    share = len(found[0].test) / n
    if share > MOST_AT_END:
        raise DataError(f"{100 * share:.0f} % of the rows share one value there; no end was held out.")
    return found


def _parts_of(part: IntArray, label: str) -> tuple[Part, ...]:
    numbers = np.unique(part[part >= 0])
    return tuple(
        Part(f"{label} {i + 1}", np.flatnonzero(part != number), np.flatnonzero(part == number))
        for i, number in enumerate(numbers)
    )


def _left_out_elements(development: Development, compositions: Compositions, n: int) -> list[Part]:
    """The n most frequent elements that few rows hold (else the rarest), each of another group of the table."""
    present = elements_present(compositions)
    counts = present.sum(axis=0)
    fit = np.flatnonzero((counts >= LEAST_ROWS) & (counts <= MOST * len(development)))
    many = counts > FEW * len(development)
    found: dict[str, Part] = {}
    for z in sorted(fit.tolist(), key=lambda one: (many[one], counts[one] if many[one] else -counts[one], one)):
        group = group_of(z)
        if group not in found and len(found) < n:
            tested = np.isin(development.groups, development.groups[present[:, z]])
            found[group] = Part(SYMBOLS[z], np.flatnonzero(~tested), np.flatnonzero(present[:, z]))
    if not found:
        raise DataError(
            f"no element is in at least {LEAST_ROWS} rows and in at most {100 * MOST:.0f} % of them; none was left out."
        )
    return list(found.values())
