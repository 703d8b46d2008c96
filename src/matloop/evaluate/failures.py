"""The worst predictions, each beside the training rows that are most like it."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.doubt.prediction import Prediction
from matloop.evaluate.evidence import Rows
from matloop.evaluate.values import Failure
from matloop.represent.standard import fit_standard, nearest
from matloop.represent.table import FeatureTable
from matloop.train.values import Development

N_FAILURES = 12
N_NEAREST = 3


def error_of(y: FloatArray, prediction: Prediction) -> FloatArray:
    """How wrong each row is: |y - value| in target unit, or for classes one minus the probability of the true class."""
    if not prediction.classes:
        return np.abs(y - prediction.value)
    return 1.0 - prediction.proba[np.arange(len(y)), y.astype(np.int64)]


def worst(y: FloatArray, prediction: Prediction) -> IntArray:
    """Rows of the worst predictions, worst first; for classes only rows that were put in the wrong class."""
    error = error_of(y, prediction)
    order = np.argsort(-error, kind="stable")
    if prediction.classes:
        order = order[prediction.value[order] != y[order]]
    return order[:N_FAILURES]


def failures(
    rows: Rows,
    shown: TextArray,
    table: FeatureTable,
    prediction: Prediction,
    development: Development,
    *,
    training_ids: TextArray,
    training_shown: TextArray,
) -> tuple[Failure, ...]:
    """The worst predictions with their nearest development rows in standardised features."""
    chosen = worst(rows.y, prediction)
    standard = fit_standard(development.table.X, development.table.columns())
    found = nearest(standard.apply(development.table.X), standard.apply(table.X[chosen]), N_NEAREST)
    error = error_of(rows.y, prediction)
    return tuple(
        Failure(
            id=str(rows.ids[row]), shown=str(shown[row]), y=float(rows.y[row]), value=float(prediction.value[row]),
            low=float(prediction.low[row]), high=float(prediction.high[row]), error=float(error[row]),
            in_domain=bool(prediction.in_domain[row]),
            nearest=tuple(
                (str(training_ids[near]), str(training_shown[near]), float(development.y[near]), float(distance))
                for near, distance in zip(found.row[k], found.distance[k], strict=True)
            ),
        )
        for k, row in enumerate(chosen)
    )  # fmt: skip
