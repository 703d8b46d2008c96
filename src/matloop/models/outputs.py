"""Everything a model says of a batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.family import ArrayModel, Uncertainty, of_label, only_epistemic


class Outputs(NamedTuple):
    """Value, probabilities and uncertainty of a batch, in one pass.

    value : shape (n_rows,), target unit, or class index. proba : shape (n_rows, n_classes), (n_rows, 0) for a
    regression. uncertainty : epistemic and aleatoric, of the value or of the label.
    """

    value: FloatArray
    proba: FloatArray
    uncertainty: Uncertainty

    @property
    def spread(self) -> FloatArray:
        """One standard deviation of the value or of the largest probability, shape (n_rows,)."""
        return self.uncertainty.epistemic if self.proba.shape[1] else self.uncertainty.total


def outputs_of(model: ArrayModel, X: FloatArray) -> Outputs:
    """The outputs of any model, in one pass where it can do so, else one by one."""
    together = getattr(model, "outputs", None)
    if together is not None:
        found: Outputs = together(X)
        return found
    value = model.predict(X)
    proba = model.predict_proba(X) if hasattr(model, "predict_proba") else np.zeros((len(value), 0))
    spread = model.spread(X) if hasattr(model, "spread") else np.zeros(len(value))
    known = of_label(proba.max(axis=1), spread) if proba.shape[1] else only_epistemic(spread)
    return Outputs(value, proba, model.uncertainty(X) if hasattr(model, "uncertainty") else known)
