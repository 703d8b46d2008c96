"""Splits along an order: forward in time, and beyond the range of the target or of a feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.split.space import as_features
from matloop.split.splitter import Held, Rows, Splitter

End = Literal["low", "high"]


class ForwardInTime(Splitter):
    """Learn from the past, test on what came next; rows of the same time stay together.

    The rows are cut, in the order of time, into `n_splits + 1` blocks of equal size as nearly as ties allow; each but
    the first is held out once, and what came before it is learnt from.

    Parameters
    ----------
    times : shape (n,), numbers, years, datetimes; if None the rows of X are in the order of time.
    window : blocks before the held-out one that are learnt from (a rolling window); all of them if None.

    Notes
    -----
    A training row of the same group as a held-out one is left out of training: a compound measured again later is no
    new compound.

    Examples
    --------
    >>> splitter = ForwardInTime(2, times=[2001, 2003, 2002, 2003, 2001, 2002])
    >>> [(train.tolist(), test.tolist()) for train, test in splitter.split(np.zeros((6, 1)))]
    [([0, 4], [2, 5]), ([0, 2, 4, 5], [1, 3])]
    """

    def __init__(self, n_splits: int = 5, *, times: ArrayLike | None = None, window: int | None = None) -> None:
        self.n_splits, self.times, self.window = n_splits, times, window

    def _held(self, rows: Rows) -> Iterator[Held]:
        if self.n_splits < 1 or (self.window is not None and self.window < 1):
            raise ConfigError("n_splits and window are whole numbers of blocks, at least 1.")
        block = _blocks(_ordinal(self.times, len(rows)), self.n_splits + 1)
        for number in range(1, self.n_splits + 1):
            first = 0 if self.window is None else max(number - self.window, 0)
            past = np.flatnonzero((block >= first) & (block < number))
            yield Held(f"time block {number + 1}", np.flatnonzero(block == number), past)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """The number of held-out blocks."""
        return self.n_splits


class TargetExtrapolation(Splitter):
    """Learn from ordinary values of the target, test on extreme ones: is a record material found at all?

    Parameters
    ----------
    share : of the rows that is held out at each end; equal values stay on one side.
    ends : "high" holds out the largest values, "low" the smallest; one part per end.

    References
    ----------
    Xiong et al., Comput. Mater. Sci. 171 (2020) 109203 (forward cross-validation by the target).
    doi:10.1016/j.commatsci.2019.109203

    Examples
    --------
    >>> splitter = TargetExtrapolation(0.25, ends=("low", "high"))
    >>> [test.tolist() for _, test in splitter.split(np.zeros((4, 1)), [3.0, 1.0, 9.0, 2.0])]
    [[1], [2]]
    """

    def __init__(self, share: float = 0.2, *, ends: Sequence[End] = ("high",)) -> None:
        self.share, self.ends = share, ends

    def _held(self, rows: Rows) -> Iterator[Held]:
        yield from _ends(rows.numbers("regression"), self.share, self.ends, "the target")

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """The number of ends."""
        return len(self.ends)


class FeatureExtrapolation(Splitter):
    """Learn inside the range of a feature, test beyond: higher temperatures, more of an element than ever tried.

    Parameters
    ----------
    column : position in X, or the name of a column of a frame.
    share, ends : as for `TargetExtrapolation`.
    """

    def __init__(self, column: int | str = 0, share: float = 0.2, *, ends: Sequence[End] = ("high",)) -> None:
        self.column, self.share, self.ends = column, share, ends

    def _held(self, rows: Rows) -> Iterator[Held]:
        yield from _ends(_column(rows.X, self.column), self.share, self.ends, f"feature {self.column!r}")

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """The number of ends."""
        return len(self.ends)


def _ordinal(times: ArrayLike | None, n: int) -> IntArray:
    """The rank of each row's time, equal times the same; shape (n,)."""
    if times is None:
        return np.arange(n)
    values = np.asarray(times)
    if values.shape != (n,):
        raise DataError(f"times have shape {values.shape}, but X has {n} rows; one time per row is needed.")
    if values.dtype.kind in "OU":
        values = _from_objects(values)
    unknown = np.isnat(values) if values.dtype.kind in "mM" else np.isnan(values.astype(np.float64))
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise DataError(f"row {row} (and {int(unknown.sum()) - 1} more) has no time. Leave such rows out of the split.")
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _from_objects(values: np.ndarray) -> np.ndarray:
    for kind in ("float64", "datetime64[ns]"):
        try:
            return values.astype(kind)
        except (TypeError, ValueError):
            continue
    raise DataError(f"times such as {values[0]!r} are neither numbers nor dates. Convert them with pandas.to_datetime.")


def _blocks(rank: IntArray, n_blocks: int) -> IntArray:
    """The block of each row: blocks of equal size as nearly as whole ranks allow; none is empty."""
    counts = np.bincount(rank)
    if len(counts) < n_blocks:
        raise DataError(
            f"there are {len(counts)} different times, but {n_blocks} blocks in the order of time are needed. "
            f"Set n_splits to {max(len(counts) - 1, 1)} or fewer, or give finer times."
        )
    ends, cuts = np.cumsum(counts), [0]
    for number in range(1, n_blocks):
        low, high = cuts[-1] + 1, len(counts) - (n_blocks - number)
        wanted = number * len(rank) / n_blocks
        cuts.append(low + int(np.abs(ends[low - 1 : high] - wanted).argmin()))
    return np.searchsorted(cuts, rank, side="right") - 1


def _ends(values: FloatArray, share: float, ends: Sequence[End], what: str) -> Iterator[Held]:
    if not 0.0 < share < 1.0:
        raise ConfigError(f"share = {share}: a share of the rows between 0 and 1 is needed, such as 0.2.")
    if not ends or not set(ends) <= {"low", "high"}:
        raise ConfigError(f"ends = {ends!r}: 'low', 'high' or both, as a tuple.")
    for end in ends:
        beyond = _beyond(values if end == "high" else -values, share)
        if not beyond.any() or beyond.all():
            raise DataError(f"{what} has too few different values to hold out its {end} end: all rows are alike there.")
        side = "highest" if end == "high" else "lowest"
        yield Held(f"{side} {100 * beyond.mean():.0f} %", np.flatnonzero(beyond))  # ties may make it another share


def _beyond(values: FloatArray, share: float) -> BoolArray:
    """The rows of the largest values, about `share` of all; equal values on one side, never all rows."""
    levels, counts = np.unique(values, return_counts=True)
    above = np.cumsum(counts[::-1])[::-1]
    cut = 1 + int(np.abs(above[1:] - share * len(values)).argmin()) if len(levels) > 1 else 0
    return np.asarray(values >= levels[cut])


def _column(X: Any, column: int | str) -> FloatArray:
    if isinstance(column, str):
        if column not in getattr(X, "columns", ()):
            raise ConfigError(f"X has no column {column!r}; give a frame that has it, or its position.")
        values = np.asarray(X[column], dtype=np.float64)
    else:
        table = as_features(X)
        if not -table.shape[1] <= column < table.shape[1]:
            raise ConfigError(f"X has {table.shape[1]} columns, there is no column {column}.")
        values = table[:, column]
    if np.isnan(values).any():
        row = int(np.flatnonzero(np.isnan(values))[0])
        raise DataError(f"row {row} has no value in column {column!r}. Impute it, or leave such rows out.")
    return values
