"""Splits of crystals: without a space group, without a prototype, nearly identical structures together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, TextArray
from matloop.core.errors import DataError, all_faults
from matloop.matter.alike import NEARLY, nearly_identical
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures
from matloop.matter.symmetry import TOLERANCE, symmetry
from matloop.problem.question import Task
from matloop.split.chemical import LEAST_ROWS, MOST_SHARE, LeaveSetsOut, by_label
from matloop.split.folds import make_folds
from matloop.split.groups import joined
from matloop.split.splitter import Held, Rows, Splitter, folds_held


class LeaveSpaceGroupOut(LeaveSetsOut):
    """Each held-out set is all rows of one space group ("space group 225"). Rows without one are always trained on.

    Parameters
    ----------
    space_groups : 1 to 230; every one of enough rows if None.
    structures : whatever `read_structures` takes, a row per row of X; None where X itself is such.
    tolerance : Angstrom, of the search for symmetry.
    """

    def __init__(
        self,
        space_groups: Sequence[int] | None = None,
        *,
        structures: Any = None,
        tolerance: float = TOLERANCE,
        least_rows: int = LEAST_ROWS,
        most_share: float = MOST_SHARE,
    ) -> None:
        self.space_groups, self.structures, self.tolerance = space_groups, structures, tolerance
        self.least_rows, self.most_share = least_rows, most_share

    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        found = symmetry(_structures(self.structures, rows), tolerance=self.tolerance).numbers
        yield from by_label(_named("space group", found.astype(np.str_), found > 0))

    def _wanted(self) -> Sequence[str] | None:
        return None if self.space_groups is None else [f"space group {number}" for number in self.space_groups]


class LeavePrototypeOut(LeaveSetsOut):
    """Each held-out set is all rows of one prototype: the same Wyckoff positions of the same space group, whatever the
    elements. Rows without one are always trained on.

    Parameters
    ----------
    prototypes : labels as `matter.symmetry.symmetry` gives them ("AB_cF8_225_a_b"); every one of enough rows if None.
    structures, tolerance : as for `LeaveSpaceGroupOut`.
    """

    def __init__(
        self,
        prototypes: Sequence[str] | None = None,
        *,
        structures: Any = None,
        tolerance: float = TOLERANCE,
        least_rows: int = LEAST_ROWS,
        most_share: float = MOST_SHARE,
    ) -> None:
        self.prototypes, self.structures, self.tolerance = prototypes, structures, tolerance
        self.least_rows, self.most_share = least_rows, most_share

    def _sets(self, rows: Rows) -> Iterator[tuple[str, BoolArray]]:
        yield from by_label(symmetry(_structures(self.structures, rows), tolerance=self.tolerance).prototypes)

    def _wanted(self) -> Sequence[str] | None:
        return self.prototypes


class NearlyIdenticalFolds(Splitter):
    """Folds of equal size that keep nearly identical structures together, with the target spread evenly.

    Two settings or two relaxations of one crystal never stand on both sides; polymorphs may.

    Parameters
    ----------
    within : cosine distance of fingerprints, see `matter.alike.nearly_identical`.
    structures : as for `LeaveSpaceGroupOut`.
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        structures: Any = None,
        within: float = NEARLY,
        seed: int = 0,
        task: Task = "regression",
    ) -> None:
        self.n_splits, self.structures, self.within, self.seed, self.task = n_splits, structures, within, seed, task

    def _held(self, rows: Rows) -> Iterator[Held]:
        alike = nearly_identical(_structures(self.structures, rows), within=self.within)
        whole = joined(alike, rows.group)
        yield from folds_held(
            make_folds(rows.numbers(self.task), whole, n_folds=self.n_splits, seed=self.seed, task=self.task)
        )


def _structures(given: Any, rows: Rows) -> Structures:
    """The structures of all rows; DataError names those that cannot be read."""
    found, reasons = read_structures(rows.X if given is None else given)
    if len(found) != len(rows):
        raise DataError(f"there are {len(found)} structures for {len(rows)} rows; one per row is needed.")
    if reasons:
        faults = [f"row {row}: {why}" for row, why in sorted(reasons.items())]
        raise DataError(all_faults("structures that cannot be read; correct or drop these rows:", faults))
    return found


def _named(what: str, labels: TextArray, known: BoolArray) -> TextArray:
    return np.array([f"{what} {label}" if k else "" for label, k in zip(labels, known, strict=True)], dtype=np.str_)
