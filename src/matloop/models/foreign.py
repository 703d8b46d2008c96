"""The caller's own scikit-learn estimators beside the built-in families: `matloop.run(problem, estimators={...})`.

An estimator sees the columns after `models.prepare` (imputed, encoded, scaled) and the target as it is (its logarithm
on a log scale). It is fitted in a worker like every other candidate, kept in the bundle by skops, and read back by a
fixed list of types (`models.kept`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, taken, text, under
from matloop.core.errors import BundleError, ConfigError, DataError
from matloop.models.checks import described_to_scikit_learn, matrix, read_task, row_weights, target
from matloop.models.described import Description, built, described, task_of
from matloop.models.family import FitTask, Spec, Uncertainty, of_label, only_epistemic
from matloop.models.kept import kept, read_kept, versions
from matloop.models.outputs import Outputs
from matloop.models.prepare import Preparation, Prepared, prepare
from matloop.models.table_family import BOTH
from matloop.represent.table import Columns

NAME = "foreign"
_PREPARATION = Preparation(scaling="standard")


class ForeignModel(BaseEstimator):
    """A described estimator behind the preparation of columns.

    Parameters
    ----------
    name, description : see `models.described`; None for a model from a bundle, which cannot be fitted again.
    columns : what the columns of X are. task, n_classes : as in `Family.build`. seed : of every open `random_state`.

    Attributes
    ----------
    prepared_ : the fitted preparation. estimator_ : the fitted estimator, or None where the training rows told nothing
    (one value, one class, no column that varies); then `constant_` is the answer, shape (1,) or (n_present,).
    present_ : classes that were seen.
    """

    def __init__(
        self,
        name: str,
        description: Description | None,
        columns: Columns | None,
        task: FitTask = "regression",
        n_classes: int = 0,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.description = description
        self.columns = columns
        self.task = task
        self.n_classes = n_classes
        self.seed = seed

    def fit(self, X: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Learn from rows X, shape (n_rows, n_features), and their values or class indices y.

        Raises
        ------
        DataError : as for every family. ConfigError : the fitted estimator could not be kept in a bundle.
        """
        if self.description is None or self.columns is None:
            raise DataError("this model came from a bundle and cannot be fitted again. Build one from its recipe.")
        X = matrix(X, len(self.columns.names), self.columns.names)
        classes = self.n_classes if self.task == "classification" else 0
        y = target(y, len(X), classes)
        weights = row_weights(sample_weight, len(X))
        self.n_features_in_ = X.shape[1]
        self.present_ = np.unique(y).astype(np.int64) if classes else np.zeros(0, np.int64)
        index = np.searchsorted(self.present_, y) if classes else y
        self.prepared_ = prepare(X, index.astype(np.float64), _PREPARATION, self.columns, classes=len(self.present_))
        shares = np.bincount(index, weights) / weights.sum() if classes else np.array([np.average(y, weights=weights)])
        self.constant_ = shares
        self.estimator_: Any = None
        self.bytes_ = np.zeros(0, np.uint8)
        if np.ptp(y) > 0.0 and self.prepared_.n_out:
            estimator = built(self.name, self.description, self.seed)
            even = bool(np.all(weights == weights[0]))
            how = {} if even else _weights_for(estimator, weights)
            self.estimator_ = estimator.fit(self.prepared_.transform(X), index, **how)
            self.bytes_ = kept(self.estimator_)
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """Value in the unit of the target, or class index as float; shape (n_rows,)."""
        return self.outputs(X).value

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probability of every class, shape (n_rows, n_classes)."""
        if self.task != "classification":
            raise DataError("a regression has no class probabilities. Use predict.")
        return self.outputs(X).proba

    def uncertainty(self, X: FloatArray) -> Uncertainty:
        """Nothing is known of values; of labels p (1 - p), all of it aleatoric."""
        return self.outputs(X).uncertainty

    def outputs(self, X: FloatArray) -> Outputs:
        """Value, probabilities and p (1 - p) of labels: what an estimator says of its own doubt is not asked."""
        if not hasattr(self, "prepared_"):
            raise NotFittedError("this model was not fitted yet. Call fit(X, y) first.")
        X = matrix(X, self.n_features_in_, self.columns.names if self.columns else ())
        said = self._said(X)
        if said.shape != (len(X), len(self.constant_)) or not np.isfinite(said).all():
            raise DataError(f"estimator {self.name!r} gave predictions of shape {said.shape}, or some are not finite.")
        if self.task == "regression":
            return Outputs(said[:, 0], np.zeros((len(X), 0)), only_epistemic(np.zeros(len(X))))
        proba = np.zeros((len(X), self.n_classes))
        proba[:, self.present_] = said
        return Outputs(proba.argmax(axis=1).astype(np.float64), proba, of_label(proba.max(axis=1), np.zeros(len(X))))

    def _said(self, X: FloatArray) -> FloatArray:
        """Shape (n_rows, 1) or (n_rows, n_present)."""
        if self.estimator_ is None or not len(X):
            return np.tile(self.constant_, (len(X), 1))
        Z = self.prepared_.transform(X)
        said = self.estimator_.predict_proba(Z) if self.task == "classification" else self.estimator_.predict(Z)
        return np.asarray(said, dtype=np.float64).reshape(len(X), -1)

    def to_arrays(self) -> Arrays:
        """Plain arrays; the estimator is the bytes that skops makes of it."""
        if not hasattr(self, "prepared_"):
            raise NotFittedError("this model was not fitted yet. Call fit(X, y) first.")
        return {
            "kind": np.array(NAME),
            "name": np.array(self.name),
            "task": np.array(self.task),
            "n_classes": np.array(self.n_classes),
            "present": self.present_,
            "constant": self.constant_,
            "estimator": self.bytes_,
            **versions(),
            **nested("prepared", self.prepared_.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The fitted model.

        Raises
        ------
        MissingExtra : skops is not installed. BundleError : arrays that do not fit together; see `read_kept`.
        """
        task, n_classes, present = read_task(arrays)
        model = cls(text(arrays, "name"), None, None, task, n_classes)
        model.present_, model.prepared_ = present, Prepared.from_arrays(under("prepared", arrays))
        model.n_features_in_ = model.prepared_.n_columns
        model.constant_ = taken(arrays, "constant").astype(np.float64)
        model.bytes_ = taken(arrays, "estimator", kind="u").astype(np.uint8)
        model.estimator_ = read_kept(arrays, "estimator") if len(model.bytes_) else None
        if len(model.constant_) != (len(present) or 1):
            raise BundleError("the answer of a model has another size than its classes. The bundle is not trusted.")
        _try(model)
        return model

    @property
    def classes_(self) -> IntArray:
        """Class indices, as scikit-learn's tools expect them."""
        return np.arange(self.n_classes)

    def __sklearn_tags__(self) -> Any:
        return described_to_scikit_learn(super().__sklearn_tags__(), self.task)


def _try(model: ForeignModel) -> None:
    """One empty row through a model from a file: what cannot predict is found when it is read."""
    try:
        model.outputs(np.full((1, model.n_features_in_), np.nan))
    except Exception as error:  # whatever a damaged estimator raises
        raise BundleError(f"the estimator of a bundle cannot predict ({error}). The bundle is damaged.") from error


def _weights_for(estimator: BaseEstimator, weights: FloatArray) -> dict[str, FloatArray]:
    """How row weights are handed to `fit`: also to the last step of a pipeline; not at all where it takes none."""
    prefix, last = "", estimator
    while isinstance(last, Pipeline):
        prefix, last = f"{prefix}{last.steps[-1][0]}__", last.steps[-1][1]
    return {f"{prefix}sample_weight": weights} if has_fit_parameter(last, "sample_weight") else {}


def candidates(estimators: Mapping[str, Description], task: FitTask) -> list[Spec]:
    """A candidate of each described estimator that is for `task`, in the caller's order."""
    return [
        Spec(NAME, {"name": name, **description})
        for name, description in estimators.items()
        if task_of(name, description) == task
    ]


def checked(estimators: Mapping[str, Any], tasks: Mapping[str, FitTask]) -> dict[str, dict[str, Any]]:
    """The caller's estimators as plain data, every one for at least one of the targets.

    Parameters
    ----------
    estimators : name -> unfitted scikit-learn estimator, or what `described` made of one.
    tasks : target -> what it is fitted as.

    Raises
    ------
    ConfigError : as `described`; a classifier where only values are asked, or the other way round.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, one in estimators.items():
        found[name] = dict(one) if isinstance(one, Mapping) else described(name, one)
        task = task_of(name, found[name])
        if task not in tasks.values():
            what, asked = ("a classifier", "values") if task == "classification" else ("a regressor", "classes")
            raise ConfigError(
                f"estimator {name!r}: {found[name]['class']} is {what}, but {', '.join(map(repr, tasks))} asks for "
                f"{asked}. Give one that fits, or change the task of the target."
            )
    return found


@dataclass(frozen=True, slots=True)
class ForeignFamily:
    """A family without settings of its own; the fields are those of every family (`models/family.py`)."""

    name: str = NAME
    label: str = "Own estimator"
    tasks: frozenset[FitTask] = BOTH
    extra: str = "foreign"
    needs: tuple[str, ...] = ("skops",)
    citation: str = ""
    max_rows: int = 1_000_000_000
    losses: frozenset[str] = frozenset()
    weighted: bool = True
    own_spread: bool = False
    cheap: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, n: int, columns: Columns, task: FitTask, rng: np.random.Generator) -> list[dict[str, Any]]:
        """An example, for the contract checks only: the search takes `candidates` of the caller's estimators."""
        kind = "GradientBoostingRegressor" if task == "regression" else "GradientBoostingClassifier"
        return [{"name": "example", "class": f"sklearn.ensemble:{kind}", "params": {"n_estimators": 20}}][:n]

    def build(
        self, settings: Mapping[str, Any], columns: Columns, task: FitTask, n_classes: int, loss: str, seed: int
    ) -> ForeignModel:
        """An unfitted model; it is fitted by its own loss, whatever `loss` says.

        Raises
        ------
        ConfigError : the settings describe no estimator for this task.
        """
        if set(settings) != {"name", "class", "params"}:
            raise ConfigError(f"an own estimator is described by name, class and params, found {sorted(settings)}.")
        description = {"class": settings["class"], "params": settings["params"]}
        name = str(settings["name"])
        if task_of(name, description) != task:
            raise ConfigError(f"estimator {name!r}: {settings['class']} is not for {task}.")
        plain = Columns(tuple(columns.names), tuple(columns.origins), dict(columns.vocabularies))
        return ForeignModel(name, description, plain, task, n_classes, seed)


FAMILY = ForeignFamily()
