"""A loaded bundle that answers rows of plain values again and again, as a service does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.data.dataset import Provenance
from matloop.data.inputs import needed, read_inputs
from matloop.data.table import RawTable
from matloop.deploy.bundle import Bundle, identity, load_bundle
from matloop.deploy.rows import predict_dataset
from matloop.doubt.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions of rows, in the order asked.

    predictions : by target; an entry per row. unreadable : {0-based row: why it has no prediction}; such a row is NaN,
    not in the domain, and has the same text as its reason.
    """

    predictions: Mapping[str, Prediction]
    unreadable: Mapping[int, str]


class Answerer:
    """What answers with one bundle. Safe to use from several threads; it keeps nothing of what it was asked.

    Parameters
    ----------
    bundle : loaded and checked. identity : that of its folder, see `matloop.deploy.bundle.identity`.
    """

    def __init__(self, bundle: Bundle, identity: str) -> None:
        self.bundle, self.identity = bundle, identity

    @classmethod
    def open(cls, folder: Path | str) -> Answerer:
        """Load a bundle.

        Raises
        ------
        BundleError : it is damaged, was changed, or is of a later release.
        """
        return cls(load_bundle(folder), identity(Path(folder)))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the values that a row needs, in the order of the inputs."""
        return tuple(dict.fromkeys(name for entry in self.bundle.manifest.inputs for name in needed(entry)))

    @cached_property
    def _words(self) -> Mapping[str, tuple[str, ...]]:
        """The vocabulary of each category."""
        return {entry.name: entry.words for entry in self.bundle.manifest.representation.inputs if entry.words}

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> Answers:
        """Predictions of rows, each a mapping from the names of `columns` to text, numbers or None.

        A row that lacks a value or cannot be read comes back with its reason; the others are not touched by it.
        """
        return self.answer_columns({name: [row.get(name) for row in rows] for name in self.columns})

    def answer_columns(self, columns: Mapping[str, Sequence[Any]]) -> Answers:
        """The same for a column of values per name, all of the same length."""
        plain = {name: _objects(values) for name, values in columns.items()}
        n = len(next(iter(plain.values()), ()))
        raw = RawTable(plain, Provenance("rows", "", n, len(plain)))
        dataset, unreadable = read_inputs(raw, self.bundle.manifest.inputs, words=self._words)
        return Answers(predict_dataset(self.bundle, dataset, unreadable), unreadable)


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    """Values as they are, in an array of objects; what is not a number counts as missing."""
    column = np.empty(len(values), dtype=object)
    column[:] = [None if isinstance(value, float) and value != value else value for value in values]
    return column
