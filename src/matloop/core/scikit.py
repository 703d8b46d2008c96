"""What estimators owe to scikit-learn, without loading it: a process that only predicts starts in half the time.

A class that inherits from here has parameters, can be cloned, stands in a `Pipeline` and shows itself as one that
inherits from `sklearn.base` does. Whatever needs scikit-learn itself loads it when it is asked for.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Self

from matloop.core.errors import ConfigError

_CONTAINER = "_sklearn_output_config"
"""The attribute in which scikit-learn keeps what `set_output` was told; `clone` carries it over."""


class Estimator:
    """Parameters are the arguments of the constructor, kept under their names."""

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Names of the arguments of the constructor, sorted; scikit-learn asks for them by this name."""
        kind: Any = cls
        return list(_parameters(kind))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """{parameter: value}; with `deep` also the parameters of parameters, as "outer__inner"."""
        found: dict[str, Any] = {}
        for name in self._get_param_names():
            value = found[name] = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found |= {f"{name}__{inner}": one for inner, one in value.get_params().items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Change parameters; "outer__inner" changes one of a parameter.

        Raises
        ------
        ConfigError : there is no such parameter.
        """
        known = self._get_param_names()
        inner: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if name not in known:
                raise ConfigError(
                    f"{type(self).__name__} has no parameter {name!r}. It has: {', '.join(known) or 'none'}."
                )
            if rest:
                inner.setdefault(name, {})[rest] = value
            else:
                setattr(self, name, value)
        for name, some in inner.items():
            getattr(self, name).set_params(**some)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = {name: value for name, value in self.get_params(deep=False).items()
                   if repr(value) != repr(defaults[name].default)}  # fmt: skip
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def _repr_html_(self) -> str:
        from sklearn.utils import estimator_html_repr

        return str(estimator_html_repr(self))

    def __sklearn_tags__(self) -> Any:
        return _likeness()[0]().__sklearn_tags__()


class Transformer(Estimator):
    """An estimator that turns rows into columns; `transform` of a subclass obeys `set_output`."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if "transform" in cls.__dict__:
            cls.transform = _contained(cls.__dict__["transform"])  # type: ignore[attr-defined]

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """`fit`, then `transform`."""
        fitted: Any = self
        return fitted.fit(X, y, **fit_params).transform(X)

    def set_output(self, *, transform: str | None = None) -> Self:
        """What `transform` returns: "default" (an array), "pandas" or "polars"; None changes nothing."""
        if transform is not None:
            setattr(self, _CONTAINER, {"transform": transform})
        return self

    def __sklearn_tags__(self) -> Any:
        return _likeness()[1]().__sklearn_tags__()


def _contained(transform: Callable[..., Any]) -> Callable[..., Any]:
    """The method, with its array put into what `set_output` or scikit-learn's configuration asks for."""

    @functools.wraps(transform)
    def wrapped(self: Any, X: Any, *more: Any, **named: Any) -> Any:
        found: Any = transform(self, X, *more, **named)
        kind = getattr(self, _CONTAINER, {}).get("transform")
        if kind is None and "sklearn" in sys.modules:
            from sklearn import get_config

            kind = get_config()["transform_output"]
        if kind in (None, "default") or not isinstance(found, _array()):
            return found
        container = _likeness()[1](tuple(map(str, self.get_feature_names_out()))).set_output(transform=kind)
        return container.transform(X, found)

    return wrapped


def _array() -> type:
    from numpy import ndarray

    return ndarray


@cache
def _parameters(kind: Any) -> tuple[str, ...]:
    """Names of the arguments of the constructor, sorted."""
    if kind.__init__ is object.__init__:
        return ()
    own = [*inspect.signature(kind.__init__).parameters.values()][1:]
    return tuple(sorted(one.name for one in own if one.kind is not one.VAR_KEYWORD))


@cache
def _likeness() -> tuple[Any, Any]:
    """Two classes that do inherit from scikit-learn: an estimator; a transformer that hands out what it is given."""
    from sklearn.base import BaseEstimator, TransformerMixin

    class Like(BaseEstimator):
        """An estimator."""

    class Given(TransformerMixin, BaseEstimator):
        """Columns that are known, in the container that was asked for."""

        def __init__(self, names: tuple[str, ...] = ()) -> None:
            self.names = names

        def transform(self, X: Any, columns: Any) -> Any:
            return columns

        def get_feature_names_out(self, input_features: Any = None) -> Any:
            import numpy as np

            return np.array(self.names, dtype=object)

    return Like, Given
