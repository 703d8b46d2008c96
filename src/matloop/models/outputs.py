"""Everything a model says of a batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.family import ArrayModel


class Outputs(NamedTuple):
    """Value, probabilities and spread of a batch, in one pass.

    value : shape (n_rows,), target unit, or class index. proba : shape (n_rows, n_classes), (n_rows, 0) for a
    regression. spread : shape (n_rows,), one standard deviation of the value or of the largest probability.
    """

    value: FloatArray
    proba: FloatArray
    spread: FloatArray


def outputs_of(model: ArrayModel, X: FloatArray) -> Outputs:
    """The outputs of any model, in one pass where it can do so, else one by one."""
    together = getattr(model, "outputs", None)
    if together is not None:
        found: Outputs = together(X)
        return found
    value = model.predict(X)
    proba = model.predict_proba(X) if hasattr(model, "predict_proba") else np.zeros((len(value), 0))
    spread = model.spread(X) if hasattr(model, "spread") else np.zeros(len(value))
    return Outputs(value, proba, spread)
