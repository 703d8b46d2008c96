"""What the parts of monitoring hand to each other: rows that were seen, and what was noticed about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from matloop.core.arrays import BoolArray, FloatArray, TextArray
from matloop.doubt.prediction import Prediction

Severity = Literal["note", "warning", "alarm"]
Kind = Literal["drift", "chemistry", "domain", "width", "latency", "failures", "error", "coverage", "log"]


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows of one model: those it learnt from (a sample, kept in the bundle), or those asked in a window of the log.

    X : shape (n, p), described by the bundle's own representation; NaN where a row could not be described.
    names : of the p features. inputs : {column: (n,) numbers, or texts such as formulas}. elements : shape (n, 118),
    whether a row holds the element of that atomic number - 1; shape (n, 0) where no input is matter. predictions : by
    target. time : (n,) seconds since 1970, NaN for training rows. ms : (n,) latency of the request of the row. readable
    : (n,) whether there is a prediction. truth : {target: (n,) measured values, NaN where there is none yet}. request :
    (n,) "id/row" of each row.
    """

    X: FloatArray
    names: tuple[str, ...]
    inputs: Mapping[str, FloatArray | TextArray]
    elements: BoolArray
    predictions: Mapping[str, Prediction]
    time: FloatArray
    ms: FloatArray
    readable: BoolArray
    truth: Mapping[str, FloatArray]
    request: TextArray
    matter: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was noticed, in words, with its figures.

    kind, subject : what about ("drift" of feature "magpie mean Number"). said : a sentence that a chemist reads.
    severity : "alarm" where the test that holds its false-alarm rate fired; "warning" where it is likely; "note"
    otherwise. figures : {name: number}, such as p, effect, before, after, n. todo : what one would do about it.
    """

    kind: Kind
    subject: str
    said: str
    severity: Severity = "note"
    figures: Mapping[str, Any] = field(default_factory=dict)
    todo: str = ""
