"""Symmetries are exact."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.knowledge.symmetry import make

AXES = Axes(("a", "b", "angle", "x", "p", "q"), np.array([False] * 4 + [True] * 2), np.arange(6))


def natural(X: np.ndarray) -> dict[str, np.ndarray]:
    return {"a": 10 * X[:, 0], "b": 5 + 10 * X[:, 1], "angle": 720 * X[:, 2], "x": 4 * X[:, 3] - 1}


def points(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [0.5 + 0.5 * rng.random(n), 0.5 * rng.random(n), rng.random((n, 2)), rng.integers(0, 3, (n, 2))]
    )


def image(X: np.ndarray) -> np.ndarray:
    """The same experiments otherwise: a and b in exchange, one turn more, x mirrored at 1, p and q in exchange."""
    a, b = natural(X)["a"], natural(X)["b"]
    other = X.copy()
    other[:, 0], other[:, 1] = b / 10, (a - 5) / 10
    other[:, 2] = np.mod(X[:, 2] + 0.5, 1.0)
    other[:, 3] = 1.0 - X[:, 3]
    other[:, [4, 5]] = X[:, [5, 4]]
    return other


KNOWN = {"exchange": [["a", "b"], ["p", "q"]], "mirror": {"x": 1.0}, "periodic": {"angle": 360.0}, "natural": natural}


@pytest.mark.parametrize("base", ["gp", "forest"])
def test_images_have_the_same_value_to_the_last_digits(base: str) -> None:
    X, new = points(25), points(10, 1)
    y = X[:, 3] + np.sin(X[:, 0])
    belief = make(AXES, base=base, **KNOWN).fit(X, y, seed=0)
    np.testing.assert_allclose(belief.predict(image(new)), belief.predict(new), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(belief.draw(image(new), 3, 4), belief.draw(new, 3, 4), rtol=1e-5, atol=1e-6)
    other = belief.believing(image(new[:1]), np.array([9.0])).predict(new)
    np.testing.assert_allclose(other, belief.believing(new[:1], np.array([9.0])).predict(new), rtol=1e-7, atol=1e-9)
    assert "symmetric by 4 rules" in belief.words


def test_a_symmetry_saves_experiments() -> None:
    axes = Axes(("a", "b"), np.zeros(2, bool), np.arange(2))

    def value(X: np.ndarray) -> np.ndarray:
        return np.sin(9 * X[:, 0] * X[:, 1]) + np.cos(6 * (X[:, 0] + X[:, 1]))

    X, new = np.random.default_rng(0).random((20, 2)), np.random.default_rng(1).random((300, 2))
    beliefs = [make(axes, exchange=known).fit(X, value(X), seed=0) for known in ([], [["a", "b"]])]
    off = [np.mean((belief.predict(new)[0] - value(new)) ** 2) for belief in beliefs]
    assert off[1] < 0.5 * off[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"exchange": [["a"]]}, "two or more"),
        ({"exchange": [["a", "p"]]}, "all numbers or all words"),
        ({"exchange": [["a", "z"]]}, "no column 'z'"),
        ({"mirror": {"x": 9.0}}, "not inside"),
        ({"mirror": {"p": 0.5}}, "words"),
        ({"periodic": {"angle": 0.0}}, "above zero"),
        ({"mirror": {"a": 0.5}, "exchange": [["a", "b"]]}, "two symmetries"),
    ],
)
def test_options_that_cannot_be(options: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(AXES, **options)
