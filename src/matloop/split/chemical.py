"""Splits by chemistry: leave out an element, a chemical system, a period or group of the table, or any column's groups.

Random folds leave a neighbour in training for almost every row (the same elements in other amounts); these ask what a
model does when the chemistry itself is new.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, TextArray
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF
from matloop.core.errors import ConfigError, DataError
from matloop.matter.compositions import Compositions
from matloop.problem.question import Task
from matloop.split.chemistry import NOBLE, chemical_systems, elements_present, group_of, read_chemistry
from matloop.split.folds import make_folds
from matloop.split.groups import group_index, joined
from matloop.split.splitter import Held, Rows, Splitter, folds_held, mask_held, n_rows

LEAST_ROWS, MOST_SHARE = 20, 0.5


class LeaveSetsOut(Splitter):
    """Named sets of rows held out one after another."""

    least_rows: int
    most_share: float

    @abstractmethod
    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        """Every set that could be held out."""

    @abstractmethod
    def _wanted(self) -> Sequence[str] | None:
        """Names of the sets to hold out; None for all that are large and small enough."""

    def _held(self, rows: Rows) -> Iterator[Held]:
        sets, wanted = dict(self._sets(rows)), self._wanted()
        if wanted is not None:
            yield from (mask_held(name, _named(sets, name)) for name in wanted)
            return
        least, most = self.least_rows, self.most_share * len(rows)
        fit = [(name, mask) for name, mask in sets.items() if least <= mask.sum() <= most]
        if not fit:
            sizes = sorted((int(mask.sum()) for mask in sets.values()), reverse=True)[:5]
            raise DataError(
                f"no set of rows to leave out has between {least} and {most:.0f} rows (the largest have "
                f"{', '.join(map(str, sizes)) or 'none'} of {len(rows)}). Set least_rows or most_share, or name sets."
            )
        yield from (mask_held(name, mask) for name, mask in fit)


def _named(sets: Mapping[str, BoolArray], name: str) -> BoolArray:
    if name not in sets or not sets[name].any():
        some = ", ".join(list(sets)[:10])
        raise DataError(f"no row belongs to {name!r}, so it cannot be left out. There are: {some}.")
    if sets[name].all():
        raise DataError(f"every row belongs to {name!r}: nothing would be left to learn from.")
    return sets[name]


class LeaveElementOut(LeaveSetsOut):
    """Each held-out set is all rows that contain one element; the model learns without any of it.

    A row of two such elements is tested twice, without the one and without the other.

    Parameters
    ----------
    elements : symbols; all that at least `least_rows` rows hold, in at most `most_share` of the rows, if None.
    compositions : as for `read_chemistry`, a row per row of X; None where X itself is such.

    Examples
    --------
    >>> splitter = LeaveElementOut(["Co", "Ni"])
    >>> [part.test.tolist() for part in splitter.parts(["CoO", "NiO", "FeO", "CoFe2O4"])]
    [[0, 3], [1]]
    """

    def __init__(
        self,
        elements: Sequence[str] | None = None,
        *,
        compositions: Any = None,
        least_rows: int = LEAST_ROWS,
        most_share: float = MOST_SHARE,
    ) -> None:
        self.elements, self.compositions = elements, compositions
        self.least_rows, self.most_share = least_rows, most_share

    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        present = elements_present(_chemistry(self.compositions, rows))
        for z in np.flatnonzero(present.any(axis=0)).tolist():
            yield SYMBOLS[z], present[:, z]

    def _wanted(self) -> Sequence[str] | None:
        for symbol in self.elements or ():
            if symbol not in Z_OF:
                raise ConfigError(f"there is no element {symbol!r}; elements are symbols such as 'Fe'.")
        return self.elements


class LeavePeriodOut(LeaveSetsOut):
    """Each held-out set is all rows that contain an element of one period of the table ("period 5").

    Parameters
    ----------
    periods : 1 to 7; all that hold enough rows if None (in oxides nearly every row is in period 2: it is left out only
        when named).
    compositions, least_rows, most_share : as for `LeaveElementOut`.
    """

    def __init__(
        self,
        periods: Sequence[int] | None = None,
        *,
        compositions: Any = None,
        least_rows: int = LEAST_ROWS,
        most_share: float = MOST_SHARE,
    ) -> None:
        self.periods, self.compositions = periods, compositions
        self.least_rows, self.most_share = least_rows, most_share

    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        present = elements_present(_chemistry(self.compositions, rows))
        for period in range(1, len(NOBLE)):
            yield f"period {period}", _any(present[:, NOBLE[period - 1] + 1 : NOBLE[period] + 1])

    def _wanted(self) -> Sequence[str] | None:
        return None if self.periods is None else [f"period {period}" for period in self.periods]


class LeaveTableGroupOut(LeaveSetsOut):
    """Each held-out set is all rows that contain an element of one group of the table ("group 13", "lanthanides").

    Parameters
    ----------
    table_groups : 1 to 18, "lanthanides" or "actinides"; all that hold enough rows if None.
    compositions, least_rows, most_share : as for `LeaveElementOut`.
    """

    def __init__(
        self,
        table_groups: Sequence[int | str] | None = None,
        *,
        compositions: Any = None,
        least_rows: int = LEAST_ROWS,
        most_share: float = MOST_SHARE,
    ) -> None:
        self.table_groups, self.compositions = table_groups, compositions
        self.least_rows, self.most_share = least_rows, most_share

    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        present = elements_present(_chemistry(self.compositions, rows))
        group = np.array(["", *(group_of(z) for z in range(1, MAX_Z + 1))])
        for name in sorted(set(group[1:].tolist()), key=lambda one: int(one) if one.isdigit() else 99):
            yield _group_name(name), _any(present[:, group == name])

    def _wanted(self) -> Sequence[str] | None:
        return None if self.table_groups is None else [_group_name(str(name)) for name in self.table_groups]


def _any(present: BoolArray) -> BoolArray:
    return np.asarray(present.any(axis=1))


def _group_name(name: str) -> str:
    return f"group {name}" if name.isdigit() else name


class LeaveChemicalSystemOut(LeaveSetsOut):
    """Each held-out set is all rows of exactly one chemical system ("Co-O": both elements and no other).

    Parameters
    ----------
    systems : element symbols joined by "-", in any order; every system of enough rows if None. With thousands of
        systems use `ChemicalSystemFolds`.
    compositions, least_rows, most_share : as for `LeaveElementOut`.
    """

    def __init__(
        self,
        systems: Sequence[str] | None = None,
        *,
        compositions: Any = None,
        least_rows: int = LEAST_ROWS,
        most_share: float = MOST_SHARE,
    ) -> None:
        self.systems, self.compositions = systems, compositions
        self.least_rows, self.most_share = least_rows, most_share

    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        names = chemical_systems(_chemistry(self.compositions, rows))
        yield from by_label(names)

    def _wanted(self) -> Sequence[str] | None:
        return None if self.systems is None else ["-".join(sorted(name.split("-"))) for name in self.systems]


class LeaveLabelOut(LeaveSetsOut):
    """Each held-out set is all rows with one value of a column: a space group, a prototype, a laboratory, a paper.

    Parameters
    ----------
    labels : shape (n,), any values; rows without one (None, NaN, "") are always trained on.
    values : those to hold out; every one of enough rows if None.

    Examples
    --------
    >>> splitter = LeaveLabelOut(["A", "B", "A", "C"], values=["A"])
    >>> [part.test.tolist() for part in splitter.parts(np.zeros((4, 1)))]
    [[0, 2]]
    """

    def __init__(
        self,
        labels: ArrayLike,
        *,
        values: Sequence[Any] | None = None,
        least_rows: int = LEAST_ROWS,
        most_share: float = MOST_SHARE,
    ) -> None:
        self.labels, self.values = labels, values
        self.least_rows, self.most_share = least_rows, most_share

    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        labels = np.asarray(self.labels, dtype=object)
        if labels.shape != (len(rows),):
            raise DataError(f"labels have shape {labels.shape}, but X has {len(rows)} rows; one per row is needed.")
        names = np.array(["" if label is None or label != label else str(label) for label in labels], dtype=np.str_)
        yield from by_label(names)

    def _wanted(self) -> Sequence[str] | None:
        return None if self.values is None else [str(value) for value in self.values]


class ChemicalSystemFolds(Splitter):
    """Folds of equal size that keep every chemical system whole, with the target spread evenly.

    Each test row's set of elements is new to the model, though each element and most pairs of them usually are not.

    Parameters
    ----------
    compositions : as for `LeaveElementOut`.

    Examples
    --------
    >>> formulas = ["CoO", "Co3O4", "NiO", "FeO", "Fe2O3", "ZnS"]
    >>> [test.tolist() for _, test in ChemicalSystemFolds(2).split(formulas, np.arange(6.0))]
    [[3, 4, 5], [0, 1, 2]]
    """

    def __init__(
        self, n_splits: int = 5, *, compositions: Any = None, seed: int = 0, task: Task = "regression"
    ) -> None:
        self.n_splits, self.compositions, self.seed, self.task = n_splits, compositions, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        systems = group_index(chemical_systems(_chemistry(self.compositions, rows)))
        whole = joined(systems, rows.group)
        yield from folds_held(
            make_folds(rows.numbers(self.task), whole, n_folds=self.n_splits, seed=self.seed, task=self.task)
        )


def _chemistry(compositions: Any, rows: Rows) -> Compositions:
    return read_chemistry(rows.X if compositions is None else compositions, n_rows(rows.X))


def by_label(names: TextArray) -> Iterator[tuple[str, BoolArray]]:
    found, place = np.unique(names, return_inverse=True)
    order = np.argsort(place.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(place.reshape(-1), minlength=len(found)))
    for i, name in enumerate(found.tolist()):
        if name:
            mask = np.zeros(len(names), dtype=bool)
            mask[order[(ends[i - 1] if i else 0) : ends[i]]] = True
            yield name, mask
