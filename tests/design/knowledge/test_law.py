"""Laws that compete."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.knowledge.law import make
from matloop.design.knowledge.mixture import Competing, weights_of

AXES = Axes(("T", "x"), np.zeros(2, bool), np.arange(2))
ARRHENIUS, LINE = "a * exp(-Ea / (kB * T))", "k * T + c"


def natural(X: np.ndarray) -> dict[str, np.ndarray]:
    return {"T": 300 + 500 * X[:, 0], "x": 10 * X[:, 1]}


def value(X: np.ndarray) -> np.ndarray:
    columns = natural(X)
    return 50 * np.exp(-0.12 / (8.617333e-5 * columns["T"])) + 0.3 * np.sin(columns["x"])


def rows(n: int = 14, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.random((n, 2))
    return X, value(X) + 0.05 * rng.normal(size=n)


def test_the_planted_law_is_favoured_and_its_constants_are_found() -> None:
    belief = make(AXES, laws=[LINE, ARRHENIUS], natural=natural).fit(*rows(), seed=0)
    assert belief.words.startswith(f"law {ARRHENIUS} is favoured (100 %)")
    best = belief.beliefs[int(np.argmax(belief.weights))]
    values, doubts = best.best_constants
    assert np.abs(values - [50, 0.12]) == pytest.approx([0, 0], abs=4 * doubts.max())
    assert abs(values[1] - 0.12) < 4 * doubts[1] < 0.05


def test_a_law_halves_the_error_and_a_wrong_one_does_little_harm() -> None:
    new = np.random.default_rng(5).random((300, 2))

    def off(laws: list[str]) -> float:
        mean, _ = make(AXES, laws=laws, natural=natural).fit(*rows(), seed=0).predict(new)
        return float(np.sqrt(np.mean((mean - value(new)) ** 2)))

    plain = off([])
    assert off([ARRHENIUS]) < 0.5 * plain
    assert off(["k * sin(x * T)"]) < 1.3 * plain


def test_where_less_is_better_constants_stay_as_the_user_knows_them() -> None:
    X, y = rows()
    surrogate = make(AXES, laws=[ARRHENIUS], constants={"Ea": [0.0, 1.0]}, natural=natural)
    up, down = surrogate.fit(X, y, seed=0), surrogate.turned(-1.0).fit(X, -y, seed=0)
    np.testing.assert_allclose(down.predict(X)[0], -up.predict(X)[0], rtol=1e-4, atol=1e-4)
    assert "a = 4" in down.words or "a = 5" in down.words


def test_without_units_columns_are_as_the_surrogate_sees_them() -> None:
    X = np.random.default_rng(0).random((12, 2))
    belief = make(AXES, laws=["k * T ** 2 + c"]).fit(X, 3 * X[:, 0] ** 2 + 1, seed=0)
    assert "k = 3" in belief.words


def test_where_the_law_has_no_value_the_process_speaks() -> None:
    X, _ = rows()
    belief = make(AXES, laws=["a * log(T - 0.5)"]).fit(X, X[:, 0], seed=0)
    assert np.isfinite(belief.predict(np.array([[0.1, 0.5], [0.9, 0.5]]))).all()


def test_a_mixture_by_hand() -> None:
    class Fixed:
        noise, words = 1.0, "fixed"

        def __init__(self, at: float) -> None:
            self.at = at

        def predict(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.full(len(X), self.at), np.full(len(X), 2.0)

        def joint(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.full(len(X), self.at), 4.0 * np.eye(len(X))

        def draw(self, X: np.ndarray, n: int, seed: int) -> np.ndarray:
            return self.at + 2.0 * np.random.default_rng(seed).normal(size=(n, len(X)))

        def believing(self, X: np.ndarray, y: np.ndarray) -> Fixed:
            return self

    mixture = Competing((Fixed(0.0), Fixed(10.0)), np.array([0.75, 0.25]), "two")
    mean, std = mixture.predict(np.zeros((2, 1)))
    assert mean[0] == 2.5
    assert std[0] ** 2 == pytest.approx(4 + 0.75 * 0.25 * 100)
    draws = mixture.draw(np.zeros((2, 1)), 20_000, 0)
    np.testing.assert_allclose(np.cov(draws.T), mixture.joint(np.zeros((2, 1)))[1], rtol=0.05)


def test_weights_are_shares_of_the_evidence() -> None:
    np.testing.assert_allclose(weights_of(np.array([-1000.0, -1000.0 + np.log(3)])), [0.25, 0.75])
    assert weights_of(np.array([0.0, -50.0]))[1] == 0.0


@pytest.mark.parametrize(
    ("options", "told"),
    [({"constants": {"q": 1.0, "Q": [0, 1]}, "laws": ["a * T"]}, "'Q' is in none"), ({"laws": ["a *"]}, "read")],
)
def test_options_that_cannot_be(options: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(AXES, **options)
