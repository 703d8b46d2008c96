"""A model of other data as what is expected: where it was right it saves experiments, where it was not it is dropped.

The value is offset + factor * model + process. Factor, offset and their doubt are learnt, and "no model" competes by
its evidence, so that a misleading model does not hurt for long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Axes
from matloop.design.knowledge.constants import Said
from matloop.design.knowledge.formula import read_formula
from matloop.design.knowledge.law import Law
from matloop.design.knowledge.view import Natural, View

Prior = Callable[[Mapping[str, FloatArray]], FloatArray]
"""{column: values in the user's unit} to what the model says, shape (n,), in the user's unit"""
_COLUMN = "model"


def make(axes: Axes, *, prior: Prior | None = None, natural: Natural | None = None) -> Law:
    """A surrogate that expects what a model says.

    Parameters
    ----------
    prior : what a trained model says of experiments; NaN where it says nothing. Without one it is a Gaussian process
        around an unknown level. natural : encoded points to {column: values in its unit}.

    Raises
    ------
    ConfigError : `prior` is no function.
    """
    if prior is None:
        return Law(axes, (), (), View(axes, natural))
    if not callable(prior):
        raise ConfigError(f"prior = {prior!r} is no function of a table. In a campaign file write bundle = 'PATH'.")
    law = read_formula(f"offset + factor * {_COLUMN}", (_COLUMN,))
    # a model of the same quantity is about right: its factor is near one until the rows say otherwise
    said = (("factor", Said(expected=1.0, doubt=0.5)),)
    return Law(axes, (law,), said, View(axes, _Told(axes, prior, natural)))


@dataclass(frozen=True, slots=True)
class _Told:
    """The columns, and beside them what the model says."""

    axes: Axes
    prior: Prior
    natural: Natural | None

    def __call__(self, X: FloatArray) -> Mapping[str, FloatArray]:
        columns = dict(self.natural(X)) if self.natural else dict(zip(self.axes.names, X.T, strict=True))
        said = np.asarray(self.prior(columns), np.float64)
        if said.shape != (len(X),):
            raise DataError(
                f"the model says values of shape {said.shape} for {len(X)} experiments; one each is needed."
            )
        return {_COLUMN: said}
