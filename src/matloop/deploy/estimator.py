"""A bundle as a scikit-learn estimator: fitted once and for all, so it can predict, be scored and be inspected."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Never, TypeAlias, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from matloop.core.arrays import FloatArray, TextArray
from matloop.core.errors import ConfigError, DataError, listed
from matloop.data.collect import from_frame
from matloop.data.inputs import needed
from matloop.deploy.bundle import Bundle, load_bundle
from matloop.deploy.predict import predict_raw
from matloop.doubt.prediction import Prediction
from matloop.models.family import FitTask
from matloop.train.model import Model

Rows: TypeAlias = pd.DataFrame | pd.Series | NDArray[Any] | Sequence[Any]
"""A data frame with the columns of the bundle's inputs; or, for one input, a Series or list (formulas, as a rule); or
an array with a column per input, in their order."""


class _BundleEstimator(BaseEstimator):
    """What both kinds share; abstract. Nothing is read before the first prediction, and a bundle is read once."""

    _task: FitTask

    def __init__(self, bundle: str | Path, target: str = "") -> None:
        self.bundle = bundle
        self.target = target

    def fit(self, X: Rows, y: object = None) -> Never:
        """Refused: a bundle is fitted already, and scores of rows that it has learnt from would mean nothing.

        Raises
        ------
        ConfigError : always; it says what to do instead.
        """
        raise ConfigError(
            f"{type(self).__name__} is the finished model of a bundle and is not fitted again: call predict. Where a "
            "tool insists on fitting, wrap it: sklearn.frozen.FrozenEstimator(...). For another fit run matloop.run."
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.input_tags.one_d_array = True
        return tags

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Columns that a data frame must have, in the order of the inputs; further ones are ignored."""
        inputs = _loaded(self).manifest.inputs
        return np.array(list(dict.fromkeys(name for entry in inputs for name in needed(entry))), dtype=object)

    @property
    def n_features_in_(self) -> int:
        """Number of input columns."""
        return len(self.feature_names_in_)

    def in_domain(self, X: Rows) -> NDArray[np.bool_]:
        """Whether each row is like the training rows, shape (n_rows,); elsewhere intervals do not hold."""
        return self._prediction(X).in_domain

    def _prediction(self, X: Rows) -> Prediction:
        """Predictions of all rows.

        Raises
        ------
        DataError : a row has no prediction; the message lists rows and reasons.
        """
        bundle = _loaded(self)
        model = self._model(bundle)
        frame = _frame(X, [str(name) for name in self.feature_names_in_])
        found = predict_raw(bundle, from_frame(frame)).predictions[model.target]
        unknown = np.flatnonzero(np.isnan(found.value))
        if len(unknown):
            faults = [f"row {row}: {found.reason[row]}" for row in unknown.tolist()]
            raise DataError(
                "some rows have no prediction. Correct them or leave them out; matloop.predict_frame gives every row "
                f"back with its reason:\n{listed(faults)}"
            )
        return found

    def _model(self, bundle: Bundle) -> Model:
        models = {model.target: model for model in bundle.models}
        if not self.target and len(models) > 1:
            raise ConfigError(f"{self.bundle} predicts {', '.join(map(repr, models))}. Say which: target=...")
        if self.target and self.target not in models:
            raise ConfigError(f"{self.bundle} has no target {self.target!r}, only {', '.join(map(repr, models))}.")
        model = models[self.target] if self.target else bundle.models[0]
        if model.task != self._task:
            other = "BundleClassifier" if model.task == "classification" else "BundleRegressor"
            raise ConfigError(f"{model.target!r} is for {model.task}: use matloop.{other}.")
        return model


class BundleRegressor(RegressorMixin, _BundleEstimator):
    """The model of one target of a bundle, as a fitted scikit-learn regressor.

    Parameters
    ----------
    bundle : the folder RUN/bundle.
    target : which target, where the bundle has several.

    Examples
    --------
    >>> model = BundleRegressor("runs/thermopower/3f1c/bundle")                  # doctest: +SKIP
    >>> model.predict(["SrTiO3", "La0.9Sr0.1CoO3"])                              # doctest: +SKIP
    array([-251.4,  -87.9])
    """

    _task: FitTask = "regression"

    @overload
    def predict(self, X: Rows, return_std: Literal[False] = False) -> FloatArray: ...
    @overload
    def predict(self, X: Rows, return_std: Literal[True]) -> tuple[FloatArray, FloatArray]: ...
    def predict(self, X: Rows, return_std: bool = False) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Value of each row in the unit of the target, shape (n_rows,); with `return_std` also its standard deviation.

        Raises
        ------
        BundleError : there is no readable bundle. ConfigError : no such target, or of another task.
        DataError : columns are missing, or a row cannot be read.
        """
        found = self._prediction(X)
        return (found.value, found.std) if return_std else found.value

    def predict_interval(self, X: Rows) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of the interval that holds nine of ten such values, each of shape (n_rows,)."""
        found = self._prediction(X)
        return found.low, found.high


class BundleClassifier(ClassifierMixin, _BundleEstimator):
    """The model of one target of a bundle, as a fitted scikit-learn classifier.

    Parameters
    ----------
    bundle : the folder RUN/bundle.
    target : which target, where the bundle has several.
    """

    _task: FitTask = "classification"

    @property
    def classes_(self) -> TextArray:
        """Names of the classes, as text, in the order of the columns of `predict_proba`."""
        return np.array(self._model(_loaded(self)).classes, dtype=np.str_)

    def predict(self, X: Rows) -> TextArray:
        """Name of the class of each row, shape (n_rows,), at the threshold that the run chose.

        Raises
        ------
        BundleError, ConfigError, DataError : as for `BundleRegressor.predict`.
        """
        names: TextArray = self.classes_[self._prediction(X).value.astype(np.int64)]
        return names

    def predict_proba(self, X: Rows) -> FloatArray:
        """Calibrated probability of every class, shape (n_rows, n_classes)."""
        return self._prediction(X).proba


def _loaded(estimator: _BundleEstimator) -> Bundle:
    folder = Path(estimator.bundle).absolute()
    manifest = folder / "manifest.json"
    return _read(folder, manifest.stat().st_mtime_ns if manifest.is_file() else 0)


@lru_cache(maxsize=8)
def _read(folder: Path, written: int) -> Bundle:
    """A bundle is read again only when its manifest was written anew."""
    return load_bundle(folder)


def _frame(X: Rows, names: list[str]) -> pd.DataFrame:
    """The rows as a data frame with the columns of the inputs."""
    if isinstance(X, pd.DataFrame):
        return X
    values = X.to_numpy(dtype=object) if isinstance(X, pd.Series) else np.asarray(X, dtype=object)
    if values.ndim == 1 and len(names) == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != len(names):
        raise DataError(
            f"the rows have shape {values.shape}, the bundle needs {len(names)} columns: {', '.join(names)}. Give a "
            "data frame with these columns."
        )
    return pd.DataFrame({name: values[:, k] for k, name in enumerate(names)})
