"""What every splitter is: a scikit-learn cross-validator whose parts have names and never tear a group apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.problem.question import Task
from matloop.split.groups import group_index

Split = tuple[IntArray, IntArray]


@dataclass(frozen=True, slots=True)
class Part:
    """One pair of training and held-out rows; `name` is what is held out ("Co", "fold 2", "highest 20 %")."""

    name: str
    train: IntArray
    test: IntArray


@dataclass(frozen=True, slots=True)
class Rows:
    """What a splitter is given. X : as the caller has it; y : or None; group : shape (n,), each row its own if none."""

    X: Any
    y: Any
    group: IntArray

    def __len__(self) -> int:
        return len(self.group)

    def numbers(self, task: Task) -> FloatArray:
        """The target as numbers, classes as indices; shape (n,).

        Raises
        ------
        DataError : there is none, it has another length, or a value is missing.
        """
        if self.y is None:
            raise DataError("this split looks at the target: give y, too.")
        values = np.asarray(self.y)
        if values.shape != (len(self),):
            raise DataError(f"y has shape {values.shape}, but X has {len(self)} rows; one value per row is needed.")
        if task == "classification":
            return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.float64)
        found = values.astype(np.float64)
        if np.isnan(found).any():
            row = int(np.flatnonzero(np.isnan(found))[0])
            raise DataError(f"row {row} has no target value. Leave unlabelled rows out of the split.")
        return found


@dataclass(frozen=True, slots=True)
class Held:
    """Rows to hold out, and those that may be learnt from (None: all others)."""

    name: str
    test: IntArray
    train: IntArray | None = None


class Splitter(BaseEstimator, ABC):
    """Base of all splitters: `split` and `get_n_splits` as scikit-learn wants them, `parts` with names beside.

    A training row that shares a group with a held-out row is left out of that part: it is neither learnt from nor
    tested, so what is held out stays what its name says.
    """

    __metadata_request__split = {"groups": True}  # noqa: RUF012 - how scikit-learn's routing learns of `groups`

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[Split]:
        """Pairs of (training rows, held-out rows), both ascending.

        Raises
        ------
        DataError : too few rows, groups or distinct values to hold any out; the message says what to change.
        """
        for part in self.parts(X, y, groups):
            yield part.train, part.test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Number of pairs that `split` gives for these rows."""
        if X is None:
            raise DataError(f"how many parts {type(self).__name__} makes depends on the rows: give X.")
        return len(self.parts(X, y, groups))

    def parts(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> list[Part]:
        """The same pairs with the name of what is held out in each."""
        n = n_rows(X)
        names = np.arange(n) if groups is None else np.asarray(groups)
        if names.shape != (n,):
            raise DataError(f"groups have shape {names.shape}, but X has {n} rows; one name per row is needed.")
        if n < 2:
            raise DataError(f"{n} row: two are needed to hold one out. Add rows.")
        rows = Rows(X, y, group_index(names))
        return [_whole(held, rows.group) for held in self._held(rows)]

    @abstractmethod
    def _held(self, rows: Rows) -> Iterator[Held]:
        """What is held out, part by part; groups are seen to by `parts`."""


def n_rows(X: Any) -> int:
    """Number of rows of an array, frame, list or batch."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def folds_held(fold: IntArray, label: str = "fold") -> Iterator[Held]:
    """Each fold held out in turn."""
    for number in range(int(fold.max()) + 1):
        yield Held(f"{label} {number + 1}", np.flatnonzero(fold == number))


def mask_held(name: str, mask: BoolArray) -> Held:
    """The marked rows held out."""
    return Held(name, np.flatnonzero(mask))


def _whole(held: Held, group: IntArray) -> Part:
    tested = np.zeros(int(group.max()) + 1, dtype=bool)
    tested[group[held.test]] = True
    free = ~tested[group]
    train = np.flatnonzero(free) if held.train is None else held.train[free[held.train]]
    if not len(held.test) or not len(train):
        side = "held out" if not len(held.test) else "left to learn from"
        raise DataError(
            f"{held.name!r}: no row is {side}. A group may reach over everything: "
            "hold out something else, or give smaller groups."
        )
    return Part(held.name, np.sort(train), np.sort(held.test))
