"""Rows as monitoring looks at them: those that a bundle learnt from, and those that it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, TextArray, frozen
from matloop.core.errors import DataError
from matloop.data.dataset import Provenance
from matloop.data.inputs import needed, read_inputs
from matloop.data.table import RawTable
from matloop.deploy.bundle import Bundle
from matloop.deploy.reference import Reference, elements_of, plain_inputs
from matloop.deploy.rows import joined
from matloop.doubt.prediction import Prediction
from matloop.monitor.contract import Seen
from matloop.represent.representation import represent

MATTER = ("composition", "structure", "molecule")


def seen_in_training(reference: Reference, bundle: Bundle) -> Seen:
    """The rows that a bundle keeps of its training, with predictions of models that had not seen them."""
    n = len(reference)
    predictions = {
        model.target: Prediction(
            reference.value[model.target], reference.low[model.target], reference.high[model.target],
            reference.std[model.target], np.full((n, len(model.classes)), np.nan),
            reference.in_domain[model.target] != 0.0, np.full(n, "", dtype="<U1"), model.level, model.classes,
            model.unit,
        )
        for model in bundle.models
    }  # fmt: skip
    return Seen(
        reference.X, reference.names, reference.inputs, reference.elements, predictions, np.full(n, np.nan),
        np.full(n, np.nan), np.ones(n, dtype=bool), reference.truth, reference.ids, matter_of(bundle),
    )  # fmt: skip


def seen_in_columns(
    bundle: Bundle,
    columns: Mapping[str, Sequence[Any]],
    *,
    predictions: Mapping[str, Prediction] | None = None,
    time: FloatArray | None = None,
    ms: FloatArray | None = None,
    truth: Mapping[str, FloatArray] | None = None,
    request: TextArray | None = None,
) -> Seen:
    """Rows as they were asked, described by the bundle's own representation.

    Parameters
    ----------
    columns : {column of the table that a row is read from: (n,) texts, numbers or None}; others are not looked at.
    predictions : by target, as they were answered; asked of the bundle again where they are left out.
    time, ms, truth, request : see `Seen`; unknown (NaN) and "row-1", "row-2", ... where they are left out.

    Raises
    ------
    DataError : a column that an input needs is missing, or lengths differ.
    """
    wanted = list(dict.fromkeys(name for item in bundle.manifest.inputs for name in needed(item)))
    lengths = {name: len(columns[name]) for name in wanted if name in columns}
    n = max(lengths.values(), default=0)
    if uneven := [name for name, length in lengths.items() if length != n]:
        raise DataError(f"column {uneven[0]!r} has {lengths[uneven[0]]} values, others have {n}. Give one per row.")
    raw = RawTable({name: _objects(columns[name]) for name in lengths}, Provenance("the log", "", n, len(lengths)))
    words = {entry.name: entry.words for entry in bundle.manifest.representation.inputs if entry.words}
    dataset, unreadable = read_inputs(raw, bundle.manifest.inputs, words=words)
    table = represent(dataset, bundle.manifest.representation)
    X = table.X.copy()
    X[list(unreadable)] = np.nan
    if predictions is None:
        predictions = {model.target: joined([model.predict_table(table)], unreadable) for model in bundle.models}
    nothing = np.full(n, np.nan)
    return Seen(
        frozen(X), table.names, plain_inputs(dataset), elements_of(dataset), predictions,
        nothing if time is None else time, nothing if ms is None else ms,
        _readable(n, unreadable), truth or {}, dataset.ids if request is None else request, matter_of(bundle),
    )  # fmt: skip


def matter_of(bundle: Bundle) -> tuple[str, ...]:
    """Names of the inputs that are compositions, structures or molecules."""
    return tuple(item.name for item in bundle.manifest.inputs if item.kind in MATTER)


def _readable(n: int, unreadable: Mapping[int, str]) -> BoolArray:
    readable = np.ones(n, dtype=bool)
    readable[list(unreadable)] = False
    return readable


def _objects(values: Sequence[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = [None if isinstance(value, float) and value != value else value for value in values]
    return column
