"""Prediction sets: for each row the classes that cannot be ruled out, so that nine of ten sets hold the true one.

A method turns probabilities into a score of strangeness per class; classes whose score is not above the conformal
quantile of the scores of the true classes are in the set. No set is left empty: the most probable class is always in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import Arrays, BoolArray, FloatArray, IntArray, TextArray, number, taken, text
from matloop.core.errors import BundleError, DataError
from matloop.doubt.order import check_level, conformal_quantile
from matloop.metrics.probabilities import checked_classes

LEAST_ROWS = 20
"""A class with fewer known rows takes the threshold of all rows."""
TUNED_ROWS = 300
"""From here on a third of the rows chooses the penalty of RAPS."""
PENALTIES = (0.001, 0.01, 0.1, 0.2, 0.5)
Score = Literal["chance", "mass"]


@dataclass(frozen=True, slots=True)
class PredictionSets:
    """The classes that each row may belong to.

    contains : shape (n, n_classes). classes : their names. level : share of rows whose true class is in the set.
    """

    contains: BoolArray
    classes: tuple[str, ...]
    level: float

    def __len__(self) -> int:
        return len(self.contains)

    @property
    def size(self) -> IntArray:
        """Number of classes in each set, shape (n,): one is a clear answer, all are none."""
        return self.contains.sum(axis=1).astype(np.int64)

    @property
    def names(self) -> TextArray:
        """Each set in words, "metal or insulator", shape (n,)."""
        parts = [[self.classes[k] for k in np.flatnonzero(row)] for row in self.contains]
        return np.array([" or ".join(part) for part in parts], dtype=np.str_)


@dataclass(frozen=True, slots=True)
class SetRule:
    """Which classes are in a set: those whose score is at most their limit.

    score : "chance" (1 - probability) or "mass" (probability of all classes at least as likely).
    limit : shape (n_classes,), equal ones unless classes are judged apart.
    penalty, free : added per class beyond the first `free` of a row, for "mass".
    """

    score: Score
    limit: FloatArray
    penalty: float = 0.0
    free: int = 0

    def contains(self, proba: ArrayLike) -> BoolArray:
        """Whether each class is in the set of each row, shape (n, n_classes); a row of NaN has all classes.

        Raises
        ------
        DataError : another number of classes.
        """
        p = np.asarray(proba, dtype=np.float64)
        if p.ndim != 2 or p.shape[1] != len(self.limit):
            raise DataError(f"probabilities of shape {p.shape}; the sets were learnt for {len(self.limit)} classes.")
        found = strangeness(p, self.score, self.penalty, self.free) <= self.limit * (1.0 + 1e-12)
        known = np.flatnonzero(np.isfinite(p).all(axis=1))
        found[known, p[known].argmax(axis=1)] = True
        found[~np.isfinite(p).all(axis=1)] = True
        return np.asarray(found)

    def to_arrays(self) -> Arrays:
        return {
            "score": np.array(self.score),
            "limit": self.limit,
            "penalty": np.array(self.penalty),
            "free": np.array(self.free),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> SetRule:
        """The value that `to_arrays` gave, checked (BundleError)."""
        score, limit = text(arrays, "score"), taken(arrays, "limit").astype(np.float64)
        penalty, free = number(arrays, "penalty"), int(number(arrays, "free"))
        if score not in ("chance", "mass") or len(limit) < 2 or not 0.0 <= penalty < 1e6 or not 0 <= free <= len(limit):
            raise BundleError(f"prediction sets by {score!r} for {len(limit)} classes are not known to this release.")
        return cls("chance" if score == "chance" else "mass", limit, penalty, free)


def strangeness(proba: FloatArray, score: Score, penalty: float = 0.0, free: int = 0) -> FloatArray:
    """Score of each class, shape (n, n_classes); the higher the stranger it would be."""
    if score == "chance":
        return 1.0 - proba
    order = np.argsort(-proba, axis=1, kind="stable")
    mass = np.cumsum(np.take_along_axis(proba, order, axis=1), axis=1)
    mass += penalty * np.maximum(np.arange(1, proba.shape[1] + 1) - free, 0)
    found = np.empty_like(mass)
    np.put_along_axis(found, order, mass, axis=1)
    return found


@dataclass(frozen=True, slots=True)
class SetMethod:
    """A way to make prediction sets, fitted from probabilities of rows that the model did not see."""

    name: str
    label: str
    fit: Callable[[FloatArray, IntArray, float, int], SetRule]
    promise: str
    citation: str

    def learn(self, proba: ArrayLike, y: ArrayLike, *, level: float = 0.9, seed: int = 0) -> SetRule:
        """The rule that these rows teach.

        Parameters
        ----------
        proba : shape (n, n_classes), rows sum to one. y : shape (n,), class index.

        Raises
        ------
        ConfigError : the level is not between 0 and 1.
        DataError : fewer than two rows, lengths differ, or a row is no distribution.

        Examples
        --------
        >>> import numpy as np
        >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]] * 10)
        >>> rule = THRESHOLD.learn(proba, [0, 1, 1, 0] * 10, level=0.7)
        >>> rule.contains([[0.65, 0.35], [0.99, 0.01]]).tolist()
        [[True, False], [True, False]]
        """
        check_level(level)
        index, p = checked_classes(y, proba)
        if len(index) < 2:
            raise DataError(f"{len(index)} rows with a class and probabilities; prediction sets need at least 2.")
        return self.fit(p, index, level, seed)


def _true(scores: FloatArray, y: IntArray) -> FloatArray:
    return scores[np.arange(len(y)), y]


def _threshold(proba: FloatArray, y: IntArray, level: float, seed: int) -> SetRule:
    del seed
    limit = conformal_quantile(_true(strangeness(proba, "chance"), y), level)
    return SetRule("chance", np.full(proba.shape[1], limit))


def _by_class(proba: FloatArray, y: IntArray, level: float, seed: int) -> SetRule:
    limit = _threshold(proba, y, level, seed).limit
    scores = _true(strangeness(proba, "chance"), y)
    enough = max(LEAST_ROWS, int(np.ceil(level / (1.0 - level))))
    for k in range(proba.shape[1]):
        if (y == k).sum() >= enough:
            limit[k] = conformal_quantile(scores[y == k], level)
    return SetRule("chance", limit)


def _aps(proba: FloatArray, y: IntArray, level: float, seed: int) -> SetRule:
    del seed
    return _of_mass(proba, y, level, 0.0, 0)


def _of_mass(proba: FloatArray, y: IntArray, level: float, penalty: float, free: int) -> SetRule:
    limit = conformal_quantile(_true(strangeness(proba, "mass", penalty, free), y), level)
    return SetRule("mass", np.full(proba.shape[1], limit), penalty, free)


def _raps(proba: FloatArray, y: IntArray, level: float, seed: int) -> SetRule:
    """The penalty with the smallest sets on a third of the rows; the limit from the others."""
    drawn = np.random.default_rng(seed).permutation(len(y))
    tune, rest = np.split(drawn, [len(y) // 3]) if len(y) >= TUNED_ROWS else (drawn, drawn)
    rank = 1 + (proba > _true(proba, y)[:, None]).sum(axis=1)
    free = min(int(conformal_quantile(rank[tune].astype(np.float64), level)), proba.shape[1])
    if len(y) < TUNED_ROWS:
        return _of_mass(proba, y, level, 0.1, free)
    rules = [_of_mass(proba[tune], y[tune], level, penalty, free) for penalty in PENALTIES]
    best = int(np.argmin([rule.contains(proba[tune]).sum() for rule in rules]))
    return _of_mass(proba[rest], y[rest], level, PENALTIES[best], free)


THRESHOLD = SetMethod(
    "threshold",
    "one threshold on the probability: the smallest sets",
    _threshold,
    "at least the level over all rows; rare classes may be covered less",
    "Sadinle, Lei & Wasserman, J. Am. Stat. Assoc. 114 (2019) 223. doi:10.1080/01621459.2017.1395341",
)
BY_CLASS = SetMethod(
    "by_class",
    "a threshold for each class",
    _by_class,
    f"at least the level among the rows of each class with {LEAST_ROWS} known rows or more",
    "Sadinle, Lei & Wasserman, J. Am. Stat. Assoc. 114 (2019) 223. doi:10.1080/01621459.2017.1395341",
)
APS = SetMethod(
    "aps",
    "the most probable classes up to a mass: larger sets where it is hard",
    _aps,
    "at least the level over all rows; without random ties it covers more, with two classes much more",
    "Romano, Sesia & Candes (2020). doi:10.48550/arXiv.2006.02544",
)
RAPS = SetMethod(
    "raps",
    "the most probable classes up to a mass, long sets penalised",
    _raps,
    "at least the level over all rows; for many classes",
    "Angelopoulos, Bates, Malik & Jordan (2021). doi:10.48550/arXiv.2009.14193",
)
