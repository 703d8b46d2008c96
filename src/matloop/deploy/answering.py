"""A loaded bundle that answers rows of plain values again and again, as a service does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from matloop.core.threads import one_thread_inside
from matloop.data.dataset import Dataset, Provenance
from matloop.data.inputs import needed, read_inputs
from matloop.data.table import RawTable
from matloop.data.words import Why
from matloop.deploy.bundle import Bundle, identity, load_bundle
from matloop.deploy.cells import BOUNDS, Bounds, plain_columns, too_dense
from matloop.deploy.rows import predict_dataset
from matloop.doubt.prediction import Prediction
from matloop.matter.allowed import at_most
from matloop.matter.structures import Structures


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
    bounds : the largest values that are answered.
    """

    def __init__(self, bundle: Bundle, identity: str, bounds: Bounds = BOUNDS) -> None:
        self.bundle, self.identity, self.bounds = bundle, identity, bounds

    @classmethod
    def open(cls, folder: Path | str, bounds: Bounds = BOUNDS) -> Answerer:
        """Load a bundle.

        Raises
        ------
        BundleError : it is damaged, was changed, or is of a later release.
        """
        return cls(load_bundle(folder), identity(Path(folder)), bounds)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the values that a row needs, in the order of the inputs."""
        return tuple(dict.fromkeys(name for entry in self.bundle.manifest.inputs for name in needed(entry)))

    @cached_property
    def _words(self) -> Mapping[str, tuple[str, ...]]:
        """The vocabulary of each category."""
        return {entry.name: entry.words for entry in self.bundle.manifest.representation.inputs if entry.words}

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> Answers:
        """Predictions of rows, each a mapping from the names of `columns` to a value or None.

        A formula is a text or {element: amount}; a structure the text of a CIF, POSCAR, XYZ or JSON file, a dictionary
        as pymatgen, OPTIMADE or JARVIS write it, or an object of pymatgen; a molecule a SMILES, InChI or mol block; a
        number may be a text with a unit. A row that lacks a value or cannot be read comes back with its reason; the
        others are not touched by it.
        """
        strange = {k: f"the row is {type(row).__name__}, no mapping" for k, row in enumerate(rows) if not _is_row(row)}
        given = [{} if k in strange else row for k, row in enumerate(rows)] if strange else rows
        return self._answered({name: [row.get(name) for row in given] for name in self.columns}, strange)

    def answer_columns(self, columns: Mapping[str, Sequence[Any]]) -> Answers:
        """The same for a column of values per name, all of the same length.

        Raises
        ------
        DataError : a column is missing, or they differ in length.
        """
        return self._answered(columns, {})

    def _answered(self, columns: Mapping[str, Sequence[Any]], strange: Mapping[int, str]) -> Answers:
        manifest = self.bundle.manifest
        plain, faults = plain_columns(manifest.inputs, columns, manifest.missing, self.bounds)
        with one_thread_inside(), at_most(sites=self.bounds.sites, pairs=self.bounds.pairs):
            dataset, unread = self._read(plain)
            if dense := self._without_dense(dataset, plain):
                dataset, unread = self._read(plain)
            unreadable = {**unread, **dense, **faults, **strange}
            return Answers(predict_dataset(self.bundle, dataset, unreadable), dict(sorted(unreadable.items())))

    def _read(self, columns: Mapping[str, NDArray[Any]]) -> tuple[Dataset, dict[int, str]]:
        manifest, n = self.bundle.manifest, len(next(iter(columns.values()), ()))
        raw = RawTable(columns, Provenance("rows", "", n, len(columns)), missing=manifest.missing)
        return read_inputs(raw, manifest.inputs, words=self._words)

    def _without_dense(self, dataset: Dataset, columns: dict[str, NDArray[Any]]) -> dict[int, str]:
        """{row: why} of structures that are too dense; they are taken out of `columns`."""
        found: dict[int, str] = {}
        for entry in self.bundle.manifest.inputs:
            batch = dataset.inputs.get(entry.name)
            for row, why in (too_dense(batch, self.bounds.density) if isinstance(batch, Structures) else {}).items():
                (name,) = needed(entry)
                found.setdefault(row, str(Why(name, "a structure", why)))
                columns[name][row] = None
        return found


def _is_row(row: object) -> bool:
    return isinstance(row, Mapping)
