"""What the model says of the rows: its predictions, how many are outside its domain, how wide its intervals are."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.doubt.prediction import Prediction
from matloop.monitor.contract import Seen
from matloop.monitor.drift.columns import compare_numbers, compare_words, share_p
from matloop.monitor.drift.units import Units
from matloop.monitor.drift.values import ColumnDrift, OutputDrift


def compare_outputs(reference: Seen, now: Seen, of_reference: Units, of_now: Units) -> tuple[OutputDrift, ...]:
    """Predictions of every target that both sides have, over distinct questions.

    Those of the reference are of models that had not seen the row and had learnt from somewhat fewer rows, so a few
    more of them are outside the domain and their intervals are a little wider: only a rise counts.
    """
    return tuple(
        _one(target, then.take(_known(then, of_reference.rows)), said.take(_known(said, of_now.rows)))
        for target, then in reference.predictions.items()
        if (said := now.predictions.get(target)) is not None
    )


def _known(said: Prediction, rows: IntArray) -> IntArray:
    return rows[np.isfinite(said.value[rows])]


def _one(target: str, then: Prediction, now: Prediction) -> OutputDrift:
    outside = int((~then.in_domain).sum()), int((~now.in_domain).sum())
    shares = outside[0] / max(len(then), 1), outside[1] / max(len(now), 1)
    p_outside = share_p(outside[0], len(then), outside[1], len(now), rise_only=True)
    return OutputDrift(
        target, _value(target, then, now), shares, outside, p_outside, _numbers(target, _width(then), _width(now))
    )


def _value(target: str, then: Prediction, now: Prediction) -> ColumnDrift | None:
    if not then.classes:
        return _numbers(target, then.value, now.value)
    words = np.array(then.classes, dtype=np.str_)
    a, b = (words[np.clip(side.value.astype(np.int64), 0, len(words) - 1)] for side in (then, now))
    return compare_words(a, b, target, "prediction") if len(a) and len(b) else None


def _width(said: Prediction) -> FloatArray:
    width = said.std if said.classes else said.high - said.low
    return width[np.isfinite(width)]


def _numbers(target: str, a: FloatArray, b: FloatArray) -> ColumnDrift | None:
    if len(a) == 0 or len(b) == 0:
        return None
    found = compare_numbers(a[:, None], b[:, None], (target,), "prediction")
    return found[0] if found else None
