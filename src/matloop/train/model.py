"""The final model of one target: a fitted recipe, what it doubts, and where it may be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import Arrays, BoolArray, FloatArray, nested, taken, text, under
from matloop.core.errors import BundleError
from matloop.doubt.conformal import Doubt
from matloop.doubt.domain import Domain
from matloop.doubt.prediction import Prediction
from matloop.models.family import Uncertainty
from matloop.represent.table import Columns, FeatureTable
from matloop.train.recipe_model import RecipeModel


@dataclass(frozen=True, slots=True)
class Model:
    """Estimator + `Doubt` + `Domain`: features in, values with intervals, domain flags and reasons out.

    columns : the feature columns it was trained on; a table with others is refused.
    unit, classes : of the target (unit of values; class names in the order of their indices).
    """

    target: str
    task: Literal["regression", "classification"]
    unit: str
    classes: tuple[str, ...]
    columns: Columns
    estimator: RecipeModel
    doubt: Doubt
    domain: Domain
    level: float = 0.9

    def predict_table(self, table: FeatureTable) -> Prediction:
        """Predict every row of a feature table; rows that could not be described come back as NaN with the reason."""
        if table.names != self.columns.names:
            raise BundleError(
                f"the table has {len(table.names)} feature columns, the model of {self.target!r} was trained on "
                f"{len(self.columns.names)} others. Describe the rows with the bundle's own representation."
            )
        readable = ~np.all(np.isnan(table.X), axis=1) if table.X.shape[1] else np.ones(len(table), dtype=bool)
        return self._predict(table, readable)

    def _predict(self, table: FeatureTable, readable: BoolArray) -> Prediction:
        n, rows = len(table), np.flatnonzero(readable)
        value, low, high, std, epistemic, aleatoric = (np.full(n, np.nan) for _ in range(6))
        proba = np.full((n, len(self.classes)), np.nan)
        may_be = np.zeros((n, len(self.classes)), dtype=bool) if self.doubt.sets is not None else None
        inside, reason = np.zeros(n, dtype=bool), np.full(n, "could not be read", dtype=object)
        for row, why in table.reasons.items():
            reason[row] = why
        if len(rows):
            part = table if len(rows) == n else table.take(rows)
            said = self.estimator.output(part.X)
            value[rows] = said.value
            low[rows], high[rows], std[rows], proba[rows] = self.doubt.apply(
                said.value, said.spread, said.proba, part.X
            )
            epistemic[rows], aleatoric[rows] = _apart(said.uncertainty, std[rows])
            if may_be is not None and (sets := self.doubt.prediction_sets(proba[rows], self.classes)) is not None:
                may_be[rows] = sets.contains
            inside[rows], reason[rows] = self.domain.judge(part)
        return Prediction(
            value, low, high, std, proba, inside, reason.astype(str), self.level, self.classes, self.unit, epistemic,
            aleatoric, may_be,
        )  # fmt: skip

    def to_arrays(self) -> Arrays:
        """Everything as plain arrays."""
        return {
            "target": np.array(self.target),
            "task": np.array(self.task),
            "unit": np.array(self.unit),
            "classes": np.array(self.classes, dtype=np.str_),
            "level": np.array(self.level),
            **nested("estimator", self.estimator.to_arrays()),
            **nested("doubt", self.doubt.to_arrays()),
            **nested("domain", self.domain.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, columns: Columns) -> Model:
        """Rebuild a model; every part checks its own arrays.

        Raises
        ------
        BundleError : something is missing, out of range or of the wrong shape.
        """
        task = text(arrays, "task")
        if task not in ("regression", "classification"):
            raise BundleError(f"unknown task {task!r}. The bundle is of a later release, or not trusted.")
        classes = tuple(str(name) for name in taken(arrays, "classes", kind="U"))
        if bool(classes) != (task == "classification"):
            raise BundleError(f"{len(classes)} classes do not fit the task {task!r}. The bundle is not trusted.")
        estimator = RecipeModel.from_arrays(under("estimator", arrays))
        if estimator.n_features != len(columns.names):
            raise BundleError(
                f"the model is of {estimator.n_features} columns, the representation has {len(columns.names)}. The "
                "bundle is not trusted."
            )
        return cls(
            target=text(arrays, "target"), task="classification" if classes else "regression",
            unit=text(arrays, "unit"), classes=classes, columns=columns, estimator=estimator,
            doubt=Doubt.from_arrays(under("doubt", arrays)),
            domain=Domain.from_arrays(under("domain", arrays)), level=float(taken(arrays, "level", ndim=0)),
        )  # fmt: skip


def _apart(found: Uncertainty | None, std: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The calibrated standard deviation in the proportion that the model gives to its two parts; NaN where it knows
    only one of them."""
    if found is None:
        return np.full(len(std), np.nan), np.full(len(std), np.nan)
    both = (found.epistemic > 0) & (found.aleatoric > 0)
    scale = np.where(both, std / np.where(both, found.total, 1.0), np.nan)
    return found.epistemic * scale, found.aleatoric * scale
