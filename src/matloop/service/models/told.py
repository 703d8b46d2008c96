"""Predictions as plain columns: what answers and the log are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.deploy.answering import Answers
from matloop.doubt.prediction import Prediction

ALWAYS = ("value", "low", "high", "std", "in_domain", "reason")


@dataclass(frozen=True, slots=True)
class Told:
    """Answers to some rows. targets : {target: {column of the answer: a value per row}}; about : {target: what is the
    same for all rows: unit, level, classes}. unreadable : {row: why}."""

    targets: Mapping[str, Mapping[str, Sequence[Any]]]
    about: Mapping[str, Mapping[str, Any]]
    unreadable: Mapping[int, str]

    def part(self, start: int, stop: int) -> Told:
        """Rows from `start` up to `stop`, counted anew."""
        targets = {
            name: {column: values[start:stop] for column, values in columns.items()}
            for name, columns in self.targets.items()
        }
        return Told(
            targets, self.about, {row - start: why for row, why in self.unreadable.items() if start <= row < stop}
        )


def told(answers: Answers) -> Told:
    """Answers as lists that JSON knows; what is not a number is None, classes go by their names."""
    return Told(
        {name: _columns(prediction) for name, prediction in answers.predictions.items()},
        {name: _about(prediction) for name, prediction in answers.predictions.items()},
        answers.unreadable,
    )


def joined(parts: Sequence[Told]) -> Told:
    """The answers to rows that were answered in several parts."""
    if len(parts) == 1:
        return parts[0]
    unreadable: dict[int, str] = {}
    start = 0
    for part in parts:
        unreadable |= {start + row: why for row, why in part.unreadable.items()}
        start += len(next(iter(next(iter(part.targets.values())).values())))
    targets = {
        name: {column: [one for part in parts for one in part.targets[name][column]] for column in columns}
        for name, columns in parts[0].targets.items()
        if all(columns.keys() == part.targets[name].keys() for part in parts)
    }
    return Told(targets, parts[0].about, unreadable)


def _columns(prediction: Prediction) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {
        "value": numbers(prediction.value), "low": numbers(prediction.low), "high": numbers(prediction.high),
        "std": numbers(prediction.std), "in_domain": prediction.in_domain.tolist(),
        "reason": prediction.reason.tolist(),
    }  # fmt: skip
    if prediction.classes:
        names = prediction.classes
        found["value"] = [None if at is None else names[int(at)] for at in found["value"]]
        found["proba"] = [
            None if row[0] is None else dict(zip(names, row, strict=True))
            for row in (numbers(one) for one in prediction.proba)
        ]
        if prediction.may_be is not None:
            found["may_be"] = [[names[k] for k in np.flatnonzero(row)] for row in prediction.may_be]
    return found


def _about(prediction: Prediction) -> dict[str, Any]:
    return {"unit": prediction.unit, "level": prediction.level, "classes": list(prediction.classes)}


def numbers(values: FloatArray) -> list[float | None]:
    """Floats, None where there is none."""
    listed = values.tolist()
    bad = ~np.isfinite(values)
    if bad.any():
        for row in np.flatnonzero(bad):
            listed[row] = None
    return listed
