"""A loaded bundle that answers rows of plain values again and again, as a service does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from matloop.data.collect import from_frame
from matloop.data.inputs import needed
from matloop.deploy.bundle import Bundle, identity, load_bundle
from matloop.deploy.predict import predict_raw
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

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> Answers:
        """Predictions of rows, each a mapping from the names of `columns` to text, numbers or None.

        A row that lacks a value or cannot be read comes back with its reason; the others are not touched by it.
        """
        return self.answer_columns({name: [row.get(name) for row in rows] for name in self.columns})

    def answer_columns(self, columns: Mapping[str, Sequence[Any]]) -> Answers:
        """The same for a column of values per name, all of the same length."""
        found = predict_raw(self.bundle, from_frame(pd.DataFrame(dict(columns), dtype=object)))
        return Answers(found.predictions, {row - 1: why for row, why in found.unreadable.items()})
