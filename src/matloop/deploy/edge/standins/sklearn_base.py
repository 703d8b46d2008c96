"""What models and featurizers inherit from scikit-learn, as far as predicting asks for it."""

from __future__ import annotations

import inspect
from typing import Any


class BaseEstimator:
    """Parameters are the arguments of the constructor."""

    @classmethod
    def _get_param_names(cls) -> list[str]:
        found = inspect.signature(cls.__init__).parameters.values()
        return sorted(one.name for one in found if one.name != "self" and one.kind is not one.VAR_KEYWORD)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """{parameter: value}."""
        del deep
        return {name: getattr(self, name) for name in self._get_param_names()}


class TransformerMixin:
    """A featurizer."""


class RegressorMixin:
    """Predicts values."""


class ClassifierMixin:
    """Predicts classes."""


class MetaEstimatorMixin:
    """Holds another one."""
