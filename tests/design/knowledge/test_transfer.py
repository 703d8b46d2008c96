"""A model of other data as what is expected."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.design.contract import Axes
from matloop.design.knowledge.transfer import make

AXES = Axes(("a", "b"), np.zeros(2, bool), np.arange(2))


def value(X: np.ndarray) -> np.ndarray:
    return np.sin(7 * X[:, 0]) + np.cos(9 * X[:, 1])


def error(prior, n: int = 10) -> float:  # type: ignore[no-untyped-def]
    X, new = np.random.default_rng(0).random((n, 2)), np.random.default_rng(1).random((300, 2))
    mean, _ = make(AXES, prior=prior).fit(X, value(X), seed=0).predict(new)
    return float(np.sqrt(np.mean((mean - value(new)) ** 2)))


def test_a_good_model_saves_experiments() -> None:
    good = error(lambda table: 3 + 0.9 * (np.sin(7 * table["a"]) + np.cos(9 * table["b"])))
    assert good < 0.1 * error(None)


def test_a_misleading_model_does_little_harm() -> None:
    assert error(lambda table: np.sin(20 * table["a"] * table["b"])) < 1.2 * error(None)


def test_it_sees_columns_in_their_units_and_may_say_nothing() -> None:
    seen = []

    def prior(table: dict[str, np.ndarray]) -> np.ndarray:
        seen.append(table["T"].max())
        return np.where(table["T"] > 350, np.nan, table["T"])

    X = np.random.default_rng(0).random((10, 2))
    belief = make(AXES, prior=prior, natural=lambda X: {"T": 300 + 100 * X[:, 0]}).fit(X, X[:, 0], seed=0)
    assert np.isfinite(belief.predict(X)).all()
    assert 300 < max(seen) <= 400


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="no function"):
        make(AXES, prior="bundle")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="one each"):
        make(AXES, prior=lambda table: np.zeros(3)).fit(np.zeros((4, 2)), np.arange(4.0), seed=0)
