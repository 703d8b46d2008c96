"""The contract of a splitter: what every name in SPLITTERS must keep, also those of plug-ins.

from matloop.testing.splitters import check_splitter
check_splitter(MySplitter(5), X, y, groups)
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from matloop.core.errors import MatloopError


def check_splitter(
    splitter: Any, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None, *, partition: bool = False
) -> None:
    """Raise AssertionError with the rule that `splitter` breaks on these rows; nothing is returned.

    Checked: pairs of ascending row numbers without repeats; train and test are disjoint and not empty; no group on
    both sides; the number of pairs is what `get_n_splits` says; the same again, from a clone, and with the rows'
    features copied; input and parameters untouched; a single row is refused with an error in words.

    Parameters
    ----------
    X, y, groups : rows it can split; `groups` with several rows each.
    partition : whether every row is tested exactly once.

    Examples
    --------
    >>> from matloop.split.splitters import RandomFolds
    >>> check_splitter(RandomFolds(3), np.zeros((12, 1)), groups=np.arange(12) // 2, partition=True)
    """
    for given in (None, groups):
        pairs = [(train, test) for train, test in splitter.split(X, y, given)]
        _check_pairs(pairs, len(X), given)
        _require(splitter.get_n_splits(X, y, given) == len(pairs), "get_n_splits says how many pairs there are")
        _check_repeatable(splitter, pairs, X, y, given)
        if partition:
            tested = np.sort(np.concatenate([test for _, test in pairs]))
            _require(np.array_equal(tested, np.arange(len(X))), "every row is tested exactly once")
    _check_errors(splitter, X, y)


def _require(truth: bool, rule: str) -> None:
    if not truth:
        raise AssertionError(rule)


def _check_pairs(pairs: list, n: int, groups: ArrayLike | None) -> None:
    _require(len(pairs) > 0, "there is a pair")
    for train, test in pairs:
        for rows in (train, test):
            _require(isinstance(rows, np.ndarray) and rows.dtype.kind == "i", "rows are integer arrays")
            _require(len(rows) > 0, "no part is empty")
            _require(bool((np.diff(rows) > 0).all()), "rows ascend without repeats")
            _require(rows[0] >= 0 and rows[-1] < n, "rows are positions in X")
        _require(not len(np.intersect1d(train, test)), "train and test are disjoint")
        if groups is not None:
            names = np.asarray(groups)
            _require(not len(np.intersect1d(names[train], names[test])), "no group is on both sides")


def _same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b) for pair, again in zip(one, other, strict=True) for a, b in zip(pair, again, strict=True)
    )


def _check_repeatable(splitter: Any, pairs: list, X: Any, y: Any, groups: Any) -> None:
    before, settings = np.array(X, copy=True), {name: id(value) for name, value in vars(splitter).items()}
    _require(_same(pairs, list(splitter.split(X, y, groups))), "the same input gives the same pairs")
    _require(_same(pairs, list(_copied(splitter).split(X, y, groups))), "a clone gives the same pairs")
    _require(settings == {name: id(value) for name, value in vars(splitter).items()}, "splitting changes no parameter")
    unchanged = before == np.asarray(X) if before.dtype.kind in "OU" else np.isclose(before, X, equal_nan=True)
    _require(bool(np.all(unchanged)), "the input is left as it was")


def _copied(splitter: Any) -> Any:
    """An unused copy; scikit-learn's own splitters are no estimators and cannot be cloned."""
    return clone(splitter) if hasattr(splitter, "get_params") else deepcopy(splitter)


def _check_errors(splitter: Any, X: Any, y: Any) -> None:
    try:
        list(splitter.split(X[:1], None if y is None else np.asarray(y)[:1]))
    except (MatloopError, ValueError) as error:
        _require(len(str(error)) > 20, "the error says what to do")
        return
    raise AssertionError("a single row is refused with an error in words")
