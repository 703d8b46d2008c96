"""Unfitted scikit-learn estimators as plain data, and back: what may be tried, kept in a recipe and fitted elsewhere.

An estimator is `{"class": "sklearn.svm:SVR", "params": {...}}` with the parameters that differ from their defaults;
tuples, arrays and numbers that JSON does not have are marked objects. Only classes of scikit-learn itself are named and
imported: a fitted model must come back from a bundle that a stranger may have written.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor

from matloop.core.errors import ConfigError
from matloop.models.family import FitTask

Description = Mapping[str, Any]
_PLAIN = (str, bool, int, float, type(None))
_PLUGIN = "Other packages plug in a family of their own: see docs/reference/models.md, 'A new one'."


def described(name: str, estimator: Any) -> dict[str, Any]:
    """`estimator`, unfitted, as plain data; `name` is what it is called in messages.

    Raises
    ------
    ConfigError : it is no estimator of scikit-learn for values or classes, or a parameter has no JSON form.

    Examples
    --------
    >>> from sklearn.svm import SVR
    >>> described("svr", SVR(C=3.0))
    {'class': 'sklearn.svm:SVR', 'params': {'C': 3.0}}
    """
    where = f"estimator {name!r}"
    if isinstance(estimator, type):
        raise ConfigError(f"{where} is the class {estimator.__name__}. Give an object: {estimator.__name__}(...).")
    if not isinstance(estimator, BaseEstimator):
        raise ConfigError(f"{where} is a {type(estimator).__name__}, not a scikit-learn estimator. {_PLUGIN}")
    found = _object(where, estimator)
    task_of(name, found)
    return found


def built(name: str, description: Description, seed: int = 0) -> BaseEstimator:
    """The unfitted estimator that `described` took apart.

    Parameters
    ----------
    seed : of every `random_state` that was left open; `n_jobs` is one everywhere: the search runs fits side by side.

    Raises
    ------
    ConfigError : the description names no estimator of the installed scikit-learn, or parameters that it does not have.
    """
    estimator = _value(f"estimator {name!r}", description)
    if not isinstance(estimator, BaseEstimator):
        raise ConfigError(f"estimator {name!r}: {type(estimator).__name__} is not a scikit-learn estimator.")
    params = estimator.get_params()
    last = {key: key.rpartition("__")[2] for key in params}
    estimator.set_params(**{key: seed for key in params if last[key] == "random_state" and params[key] is None})
    estimator.set_params(**{key: None for key in params if last[key] == "n_jobs"})
    return estimator


def task_of(name: str, description: Description) -> FitTask:
    """What a described estimator is for.

    Raises
    ------
    ConfigError : as `built`; neither for values nor for classes; a classifier without probabilities.
    """
    estimator = built(name, description)
    if is_regressor(estimator):
        return "regression"
    if not is_classifier(estimator):
        raise ConfigError(f"estimator {name!r}: {_called(estimator)} predicts neither values nor classes.")
    if not hasattr(estimator, "predict_proba"):
        raise ConfigError(
            f"estimator {name!r}: {_called(estimator)} gives no probabilities (predict_proba). Put it into "
            "sklearn.calibration.CalibratedClassifierCV, set its option for probabilities, or name its final_estimator."
        )
    return "classification"


def _called(estimator: object) -> str:
    return type(estimator).__name__


# --- to plain data ---------------------------------------------------------------------------------------------------


def _object(where: str, thing: Any) -> dict[str, Any]:
    """An estimator (or a kernel of a Gaussian process) with the parameters that differ from their defaults."""
    path = _path(where, type(thing))
    defaults = {key: p.default for key, p in inspect.signature(type(thing).__init__).parameters.items()}
    params = thing.get_params(deep=False)
    changed = {key: value for key, value in params.items() if not _same(value, defaults.get(key, inspect._empty))}
    return {"class": path, "params": {key: _plain(f"{where}, parameter {key!r}", v) for key, v in changed.items()}}


def _path(where: str, kind: type) -> str:
    """`package:Class` by the shortest public path."""
    parts = kind.__module__.split(".")
    if parts[0] != "sklearn":
        raise ConfigError(
            f"{where}: {kind.__module__}.{kind.__qualname__} is not part of scikit-learn, so a bundle could not keep "
            f"it without trusting its code. {_PLUGIN}"
        )
    for n in range(2, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:n]))
        if getattr(module, kind.__qualname__, None) is kind:
            return f"{'.'.join(parts[:n])}:{kind.__qualname__}"
    raise ConfigError(f"{where}: {kind.__qualname__} cannot be imported from {kind.__module__}.")


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and repr(value) == repr(default))


def _plain(where: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_plain(where, item) for item in value]}
    if isinstance(value, list):
        return [_plain(where, item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        return {"array": [_plain(where, item) for item in value.tolist()], "dtype": value.dtype.str}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _plain(where, item) for key, item in value.items()}}
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _object(where, value)
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise ConfigError(
        f"{where}: {shown} has no JSON form, so the run could not be repeated from its files. Numbers, texts, lists, "
        "arrays and other scikit-learn estimators do."
    )


# --- and back --------------------------------------------------------------------------------------------------------


def _value(where: str, data: Any) -> Any:
    if isinstance(data, list):
        return [_value(where, item) for item in data]
    if not isinstance(data, Mapping):
        return data
    if set(data) == {"class", "params"}:
        return _made(where, data)
    if set(data) == {"float"} and data["float"] in ("nan", "inf", "-inf"):
        return float(data["float"])
    if set(data) == {"tuple"} and isinstance(data["tuple"], list):
        return tuple(_value(where, item) for item in data["tuple"])
    if set(data) == {"array", "dtype"} and np.dtype(data["dtype"]).kind in "biufU":
        return np.array(_value(where, data["array"]), dtype=data["dtype"])
    if set(data) == {"dict"} and isinstance(data["dict"], Mapping):
        return {key: _value(where, item) for key, item in data["dict"].items()}
    raise ConfigError(f"{where}: {sorted(data)} describes no value. Give the estimator itself to matloop.run.")


def _made(where: str, data: Description) -> Any:
    kind = _class(where, str(data["class"]))
    params = {key: _value(where, item) for key, item in data["params"].items()}
    known = [key for key in inspect.signature(kind.__init__).parameters if key != "self"]  # type: ignore[misc]
    for key in params:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=3, cutoff=0.5) or known
            raise ConfigError(f"{where}: {kind.__name__} has no parameter {key!r}. Did you mean {' or '.join(near)}?")
    return kind(**params)


def _class(where: str, path: str) -> type:
    """The class, imported; nothing outside scikit-learn ever is."""
    module, _, name = path.partition(":")
    if module.split(".")[0] != "sklearn":
        raise ConfigError(f"{where}: {path!r} is not part of scikit-learn, so it is not imported. {_PLUGIN}")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{where}: the installed scikit-learn has no {path!r} ({error}).") from error
    if not (isinstance(kind, type) and hasattr(kind, "get_params")):
        raise ConfigError(f"{where}: {path!r} is not an estimator.")
    return kind
