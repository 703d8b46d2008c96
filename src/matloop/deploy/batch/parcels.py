"""Rows and answers as messages and arrays of numbers, as processes and clusters send them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays
from matloop.core.children import Parcel
from matloop.core.threads import one_thread_inside
from matloop.data.dataset import Provenance
from matloop.data.table import RawTable
from matloop.deploy.answering import Answerer, Answers
from matloop.deploy.predict import predict_raw
from matloop.doubt.prediction import Prediction

Values = Any


@dataclass(frozen=True, slots=True)
class Layout:
    """How values of a table are to be read: where files lie that it names, and whether a comma is a decimal sign."""

    folder: str = ""
    decimal_comma: bool = False
    missing: tuple[str, ...] = ()


def layout_of(message: Mapping[str, Any]) -> Layout:
    """The layout of a message that has its fields."""
    return Layout(message["folder"], message["decimal_comma"], tuple(message["missing"]))


def answers(answerer: Answerer, columns: Mapping[str, Values], layout: Layout) -> Answers:
    """Predictions of columns of values that were read from a table."""
    if not layout.folder and not layout.decimal_comma:
        return answerer.answer_columns(columns)
    plain = {name: _objects(values) for name, values in columns.items()}
    n = len(next(iter(plain.values())))
    raw = RawTable(
        plain, Provenance("table", "", n, len(plain)), missing=layout.missing, folder=layout.folder,
        decimal_comma=layout.decimal_comma,
    )  # fmt: skip
    with one_thread_inside():
        found = predict_raw(answerer.bundle, raw)
    return Answers(found.predictions, {row - 1: why for row, why in found.unreadable.items()})


def packed_columns(columns: Mapping[str, Values]) -> Parcel:
    """Columns of values as they are sent."""
    message: dict[str, Any] = {"names": list(columns), "lists": {}}
    arrays: Arrays = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
            arrays[f"column:{name}"] = values
        else:
            message["lists"][name] = [_plain(value) for value in values]
    return Parcel(message, arrays)


def unpacked_columns(parcel: Parcel) -> dict[str, Values]:
    """What `packed_columns` was given."""
    lists = parcel.message["lists"]
    return {n: lists[n] if n in lists else parcel.arrays[f"column:{n}"] for n in parcel.message["names"]}


def packed_answers(found: Answers) -> Parcel:
    """Answers as they are sent; reasons, which repeat, once each."""
    message: dict[str, Any] = {"unreadable": sorted(found.unreadable.items()), "targets": []}
    arrays: Arrays = {}
    for k, (name, prediction) in enumerate(found.predictions.items()):
        words, codes = np.unique(prediction.reason, return_inverse=True)
        here = [f.name for f in fields(prediction) if _is_numbers(getattr(prediction, f.name))]
        arrays |= {f"{k}:{field}": getattr(prediction, field) for field in here} | {f"{k}:codes": codes}
        message["targets"].append(
            {"name": name, "level": prediction.level, "classes": list(prediction.classes), "unit": prediction.unit,
             "reasons": words.tolist(), "fields": here}
        )  # fmt: skip
    return Parcel(message, arrays)


def unpacked_answers(parcel: Parcel) -> Answers:
    """What `packed_answers` was given."""
    predictions = {}
    for k, told in enumerate(parcel.message["targets"]):
        numbers: dict[str, NDArray] = {field: parcel.arrays[f"{k}:{field}"] for field in told["fields"]}
        reasons = np.array([*told["reasons"], ""], dtype=np.str_)[:-1]
        predictions[told["name"]] = Prediction(
            **numbers, reason=reasons[parcel.arrays[f"{k}:codes"]] if len(reasons) else reasons, level=told["level"],
            classes=tuple(told["classes"]), unit=told["unit"],
        )  # fmt: skip
    return Answers(predictions, {int(row): why for row, why in parcel.message["unreadable"]})


def _is_numbers(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"


def _objects(values: Values) -> NDArray:
    if isinstance(values, np.ndarray):
        return values
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _plain(value: Any) -> Any:
    """A value that JSON keeps as it is; dates and the like as text."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return str(value)
