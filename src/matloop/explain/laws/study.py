"""Is there a law behind what the model learnt? A search over readable features, beside the model's own error."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.laws.features import Feature, law_features
from matloop.explain.laws.find import find_laws
from matloop.explain.laws.given import MISSING
from matloop.explain.laws.values import LawStudy
from matloop.train.subject import Subject

ROWS = {"standard": 1_000, "thorough": 2_000}
LENGTH = {"standard": 20, "thorough": 30}
LEAST_SECONDS = 5.0
OPERATORS = ("+", "-", "*", "/", "absdiff", "sqrt", "sq", "cube", "inv", "exp", "expneg", "log")
"""No sines: of element statistics they mean nothing."""


def study_laws(subject: Subject, *, deadline: float, units: Mapping[str, str] | None = None) -> LawStudy:
    """Look for a law over the number inputs and the readable composition features of a model's development rows.

    Parameters
    ----------
    deadline : `time.monotonic()` value. units : units of the number inputs by name (of the representation).

    Returns
    -------
    `search` is None at depth "quick", for more than two classes, where less than 5 s are left, and where no readable
    feature varies; the notes say which. Nothing is fitted in the pool.
    """
    model = subject.trained.recipe.label
    features = _features(subject, units or {})
    why = ""
    if subject.depth == "quick":
        why = "laws are sought from depth standard on"
    elif subject.development.task == "classification" and len(subject.development.classes) != 2:
        why = f"rules are sought for two classes; there are {len(subject.development.classes)}"
    elif deadline - time.monotonic() < LEAST_SECONDS:
        why = "the time ran out before laws were sought"
    elif not features:
        why = "no feature can be read as a quantity: no law is sought"
    if why:
        return LawStudy(None, (), model, math.nan, (why,))
    rows, features = _rows(subject, features)
    try:
        return _studied(subject, features, rows, deadline)
    except DataError as error:
        return LawStudy(None, tuple(f.words for f in features), model, math.nan, (f"no law was sought: {error}",))


def _features(subject: Subject, units: Mapping[str, str]) -> tuple[Feature, ...]:
    columns = subject.development.table.columns()
    return law_features(columns.names, columns.origins, columns.categorical, units)


def _rows(subject: Subject, features: Sequence[Feature]) -> tuple[IntArray, tuple[Feature, ...]]:
    """Rows without a gap in the features that are mostly there, at most so many as the depth asks for."""
    X = subject.development.table.X[:, [f.place for f in features]]
    there = np.isfinite(X)
    whole = there.mean(axis=0) >= 1.0 - MISSING
    kept = tuple(f for f, w in zip(features, whole, strict=True) if w)
    rows = np.flatnonzero(there[:, whole].all(axis=1) & np.isfinite(subject.development.y))
    most = ROWS.get(subject.depth, ROWS["standard"])
    return np.sort(np.random.default_rng([subject.seed, 41]).permutation(rows)[:most]), kept


@dataclass(frozen=True, slots=True)
class _Target:
    y: FloatArray
    name: str
    unit: str


def _target(subject: Subject) -> _Target:
    """The target as it was learnt: of a log scale its logarithm."""
    development, name = subject.development, subject.target.name
    if development.scale == "log":
        return _Target(np.log10(development.y), f"log10 of {name}", "")
    return _Target(development.y, name, development.unit)


def _studied(subject: Subject, features: tuple[Feature, ...], rows: IntArray, deadline: float) -> LawStudy:
    development, target = subject.development, _target(subject)
    classes = development.task == "classification"
    y = np.asarray(development.classes)[target.y[rows].astype(int)] if classes else target.y[rows]
    units = [f.unit for f in features]
    places = np.array([f.place for f in features])
    found = find_laws(
        development.table.X[np.ix_(rows, places)],
        y,
        [f.words for f in features],
        units,
        target.unit,
        task="classification" if classes else "regression",
        target=target.name,
        max_complexity=LENGTH.get(subject.depth, LENGTH["standard"]),
        operators=OPERATORS,
        groups=development.groups[rows],
        seed=subject.seed,
        seconds=max(deadline - time.monotonic(), 0.0),
        effort="full" if subject.depth == "thorough" else "quick",
    )
    notes = []
    if len(rows) < len(development):
        notes.append(f"laws were sought on {len(rows):,} of {len(development):,} development rows")
    names = tuple(f.words for f in features)
    return LawStudy(found, names, subject.trained.recipe.label, _model_error(subject, rows, target), tuple(notes))


def _model_error(subject: Subject, rows: IntArray, target: _Target) -> float:
    """Out-of-fold error of the model on the same rows, in the measure of the laws; NaN where it predicted none."""
    said, truth = subject.trained.out_of_fold.value[rows], subject.development.y[rows]
    known = np.isfinite(said)
    if not known.any():
        return math.nan
    if subject.development.task == "classification":
        wrong = [(said != k)[known & (truth == k)] for k in (0, 1)]
        return float(np.mean([float(part.mean()) for part in wrong if len(part)]))
    if subject.development.scale == "log":
        said, truth = np.log10(np.maximum(said, 1e-300)), target.y[rows]
    return float(np.sqrt(np.mean((said[known] - truth[known]) ** 2)))
