"""What a split asks: sizes, overlap of chemistry, distance between train and test, shift of the target."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.core.errors import DataError
from matloop.matter.compositions import Compositions
from matloop.problem.question import Task
from matloop.split.chemistry import elements_present, read_chemistry
from matloop.split.groups import group_index
from matloop.split.space import as_features, standardised
from matloop.split.splitter import Part, Split, Splitter, n_rows

WORK = 2e10
"""Rows times rows times columns that all distances of a report may cost together: about a second."""
LEAST, MOST = 50, 1000
"""Rows of a part whose distance is measured: a median needs no more."""
FAR = 0.95
NAN = math.nan


@dataclass(frozen=True, slots=True)
class FoldReport:
    """One part. Shares are 0 to 1, NaN where the input that they need was not given.

    seen_elements, seen_systems, seen_formulas : share of the test rows' different elements, chemical systems and
        reduced compositions that are also in training.
    unseen_element_rows : share of test rows that hold an element no training row holds; unseen_elements names these.
    distance, spacing : median distance of a test row from the nearest training row, and of a training row from the
        nearest other one of another group, as root mean square over the standardised features (1: one standard
        deviation in each).
    far : share of test rows farther from training than 95 % of training rows are from one another.
    shift : how differently the target is distributed, 0 to 1: Kolmogorov-Smirnov's largest difference of the cumulated
        shares, for classes half the sum of the differences of their shares.
    beyond : share of test rows with a target outside the range of the training rows, or of a class that is not there.
    """

    name: str
    n_train: int
    n_test: int
    seen_elements: float = NAN
    seen_systems: float = NAN
    seen_formulas: float = NAN
    unseen_element_rows: float = NAN
    unseen_elements: tuple[str, ...] = ()
    distance: float = NAN
    spacing: float = NAN
    far: float = NAN
    shift: float = NAN
    beyond: float = NAN

    @property
    def novelty(self) -> float:
        """`distance` over `spacing`: 1 is a test like training, 3 three times as far; NaN where rows have twins."""
        return self.distance / self.spacing if self.spacing > 0 else NAN


@dataclass(frozen=True, slots=True)
class SplitReport:
    """All parts of a split.

    tested : share of all rows that are tested at least once.
    notes : what was sampled, and what deserves a look (tiny or uneven parts, classes that are missing).
    """

    name: str
    n_rows: int
    folds: tuple[FoldReport, ...]
    tested: float
    notes: tuple[str, ...] = ()

    def mean(self, name: str) -> float:
        """The mean of a field of the parts, weighted by their test rows; NaN where no part has it."""
        values = np.array([getattr(fold, name) for fold in self.folds], dtype=float)
        weights = np.array([fold.n_test for fold in self.folds], dtype=float)
        known = np.isfinite(values)
        return float(np.average(values[known], weights=weights[known])) if known.any() else NAN


def describe_split(
    split: Any,
    X: Any,
    y: Any = None,
    groups: ArrayLike | None = None,
    *,
    compositions: Any = None,
    task: Task = "regression",
    name: str = "",
    seed: int = 0,
) -> SplitReport:
    """Describe what a split asks of a model; nothing is fitted.

    Parameters
    ----------
    split : any scikit-learn splitter, or a sequence of `Part` or of (train, test) pairs.
    X : the rows; distances are measured where it is a table of numbers (NaN: the column's median).
    y : the target, None to leave its shift out. groups : as for the splitter.
    compositions : as for `read_chemistry`, a row per row of X; None to leave the overlap of chemistry out.
    seed : of the samples that distances are measured on.

    Notes
    -----
    Features are standardised over all rows, so that distances of different splits compare; a feature that only the
    held-out rows have counts. Distances are measured on up to 1,000 test and training rows of a part, fewer where the
    table is wide; `notes` says how many.

    Examples
    --------
    >>> from matloop.split.ordered import FeatureExtrapolation
    >>> X = np.linspace(0, 1, 100)[:, None]
    >>> report = describe_split(FeatureExtrapolation(), X, X[:, 0])
    >>> report.folds[0].n_test, report.folds[0].beyond, report.folds[0].shift
    (20, 1.0, 1.0)
    """
    parts, n = _parts(split, X, y, groups), n_rows(X)
    matter = None if compositions is None else _Matter.of(read_chemistry(compositions, n))
    target = None if y is None else _target(y, n, task)
    space = _Space.of(X, np.arange(n) if groups is None else group_index(groups))
    sample = 0 if space is None else _sample_size(parts, *space.points.shape)
    rng = np.random.default_rng(seed)
    folds = []
    for part in parts:
        facts: dict[str, Any] = {}
        if matter is not None:
            facts |= matter.overlap(part)
        if space is not None:
            facts |= space.facts(part, sample, rng)
        if target is not None:
            facts |= _shift(target, part, task)
        folds.append(FoldReport(part.name, len(part.train), len(part.test), **facts))
    tested = len(np.unique(np.concatenate([part.test for part in parts]))) / n
    notes = _notes(parts, n, None if space is None else sample, target if task == "classification" else None)
    return SplitReport(name or _name(split), n, tuple(folds), tested, notes)


def _parts(split: Any, X: Any, y: Any, groups: ArrayLike | None) -> list[Part]:
    pairs: Iterable[Part | Split]
    if isinstance(split, Splitter):
        pairs = split.parts(X, y, groups)
    else:
        pairs = split.split(X, y, groups) if hasattr(split, "split") else split
    found = [
        pair if isinstance(pair, Part) else Part(f"fold {i + 1}", np.asarray(pair[0]), np.asarray(pair[1]))
        for i, pair in enumerate(pairs)
    ]
    for part in found:
        if not len(part.train) or not len(part.test):
            raise DataError(f"{part.name!r} has {len(part.train)} training and {len(part.test)} test rows.")
    if not found:
        raise DataError("the split has no part to describe.")
    return found


def _name(split: Any) -> str:
    return type(split).__name__ if hasattr(split, "split") else "split"


def _target(y: Any, n: int, task: Task) -> FloatArray:
    values = np.asarray(y)
    if values.shape != (n,):
        raise DataError(f"y has shape {values.shape}, but X has {n} rows; one value per row is needed.")
    if task == "classification":
        return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.float64)
    return values.astype(np.float64)


def _sample_size(parts: list[Part], n: int, width: int) -> int:
    return int(np.clip(WORK / (2.0 * len(parts) * n * width), LEAST, MOST))


@dataclass(frozen=True, slots=True)
class _Matter:
    """What each row holds: elements (n, 119), and numbers that are equal for equal systems and formulas."""

    present: BoolArray
    system: IntArray
    formula: IntArray

    @staticmethod
    def of(compositions: Compositions) -> _Matter:
        present = elements_present(compositions)
        # a sum of random words per entry stands for the set: two sets that differ collide once in 2**64
        words = np.random.default_rng(0).integers(0, 2**63, (2, present.shape[1]), dtype=np.int64)
        amounts = np.round(compositions.fractions * 1e6).astype(np.int64)
        with np.errstate(over="ignore"):
            system = _summed(compositions.rows, words[0][compositions.elements], len(compositions))
            formula = _summed(compositions.rows, words[1][compositions.elements] * (amounts + 1), len(compositions))
        return _Matter(present, _numbered(system), _numbered(formula))

    def overlap(self, part: Part) -> dict[str, Any]:
        """Chemistry of the test rows that training has."""
        known, asked = (self.present[rows].any(axis=0) for rows in (part.train, part.test))
        new = asked & ~known
        return {
            "seen_elements": float((asked & known).sum() / asked.sum()),
            "seen_systems": _seen(self.system, part),
            "seen_formulas": _seen(self.formula, part),
            "unseen_element_rows": float(self.present[part.test][:, new].any(axis=1).mean()) if new.any() else 0.0,
            "unseen_elements": tuple(SYMBOLS[z] for z in np.flatnonzero(new).tolist()),
        }


def _summed(rows: IntArray, words: IntArray, n: int) -> IntArray:
    total = np.zeros(n, dtype=np.int64)
    np.add.at(total, rows, words)
    return total


def _numbered(keys: IntArray) -> IntArray:
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def _seen(label: IntArray, part: Part) -> float:
    known = np.zeros(int(label.max()) + 1, dtype=bool)
    known[label[part.train]] = True
    return float(known[np.unique(label[part.test])].mean())


@dataclass(frozen=True, slots=True)
class _Space:
    """Standardised features over the root of their number, (n, d), and in single precision what a search needs."""

    points: FloatArray
    short: NDArray[np.float32]
    half: NDArray[np.float32]
    group: IntArray

    @staticmethod
    def of(X: Any, group: IntArray) -> _Space | None:
        """None where X is no table of numbers, or no column varies."""
        try:
            table = as_features(X)
        except DataError:
            return None
        points = standardised(table)
        if not points.shape[1]:
            return None
        short = (points / np.sqrt(points.shape[1])).astype(np.float32)
        return _Space(points, short, 0.5 * np.einsum("ij,ij->i", short, short), group)

    def nearest(self, asked: IntArray, known: BoolArray, *, other_group: bool = False) -> FloatArray:
        """Distance of each asked row from the nearest known one; with `other_group` from one of another group."""
        score = self.half - self.short[asked] @ self.short.T
        score[:, ~known] = np.inf
        if other_group:
            score[self.group[asked][:, None] == self.group] = np.inf
        found = score.argmin(axis=1)
        return np.asarray(np.sqrt(((self.points[asked] - self.points[found]) ** 2).mean(axis=1)))

    def facts(self, part: Part, sample: int, rng: np.random.Generator) -> dict[str, float]:
        """Distance, spacing and share of far rows of a part."""
        test, some = (_some(rows, sample, rng) for rows in (part.test, part.train))
        known = np.zeros(len(self.points), dtype=bool)
        known[part.train] = True
        away = self.nearest(test, known)
        if len(np.unique(self.group[part.train])) < 2:
            return {"distance": float(np.median(away))}
        inside = self.nearest(some, known, other_group=True)
        return {
            "distance": float(np.median(away)),
            "spacing": float(np.median(inside)),
            "far": float((away > np.quantile(inside, FAR) + 1e-12).mean()),
        }


def _some(rows: IntArray, sample: int, rng: np.random.Generator) -> IntArray:
    return rows if len(rows) <= sample else np.sort(rng.choice(rows, sample, replace=False))


def _shift(target: FloatArray, part: Part, task: Task) -> dict[str, float]:
    known, asked = (np.sort(target[rows][np.isfinite(target[rows])]) for rows in (part.train, part.test))
    if not len(known) or not len(asked):
        return {}
    if task == "classification":
        size = int(max(known[-1], asked[-1])) + 1
        shares = [np.bincount(values.astype(np.int64), minlength=size) / len(values) for values in (known, asked)]
        return {
            "shift": float(0.5 * np.abs(shares[0] - shares[1]).sum()),
            "beyond": float(shares[1][shares[0] == 0].sum()),
        }
    both = np.concatenate([known, asked])
    apart = [np.searchsorted(values, both, side="right") / len(values) for values in (known, asked)]
    outside = (asked < known[0]) | (asked > known[-1])
    return {"shift": float(np.abs(apart[0] - apart[1]).max()), "beyond": float(outside.mean())}


def _notes(parts: list[Part], n: int, sample: int | None, classes: FloatArray | None) -> tuple[str, ...]:
    notes = []
    sizes = np.array([len(part.test) for part in parts])
    tiny = [part.name for part in parts if len(part.test) < 5]
    if tiny:
        notes.append(f"{', '.join(tiny[:5])}: fewer than 5 test rows; a score on so few says next to nothing")
    if sizes.max() > 0.5 * n:
        large = parts[int(sizes.argmax())]
        notes.append(
            f"{large.name} holds {100 * len(large.test) / n:.0f} % of the rows: its model learns from the smaller part"
        )
    if sample is not None and any(max(len(part.test), len(part.train)) > sample for part in parts):
        notes.append(f"distances are measured on up to {sample:,} test and {sample:,} training rows of each part")
    if classes is not None:
        gone = [p.name for p in parts if len(np.unique(classes[p.train])) < len(np.unique(classes))]
        if gone:
            notes.append(f"a class is missing from training in: {', '.join(gone[:5])}")
    return tuple(notes)
