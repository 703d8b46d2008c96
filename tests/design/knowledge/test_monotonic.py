"""Known directions are kept."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.knowledge.monotonic import make
from matloop.design.knowledge.slopes import Slopes, positive, slope_slope, slope_variance, value_slope
from matloop.design.surrogates.around import Kernel
from matloop.design.surrogates.likeness import usual_parts

AXES = Axes(("T", "x", "w"), np.array([False, False, True]), np.arange(3))


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n, 2)), rng.integers(0, 2, n)])
    return X, 1 / (1 + np.exp(-10 * (X[:, 0] - 0.6))) + 0.5 * np.sin(5 * X[:, 1]) + 0.2 * rng.normal(size=n)


def steps(belief, column: int = 0) -> np.ndarray:  # type: ignore[no-untyped-def]
    found = []
    for other in np.linspace(0, 1, 7):
        line = np.column_stack([np.full((60, 2), other), np.ones(60)])
        line[:, column] = np.linspace(0, 1, 60)
        found.append(np.diff(belief.predict(line)[0]))
    return np.concatenate(found)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_mean_rises_where_the_plain_one_falls(seed: int) -> None:
    X, y = rows(14, seed)
    assert steps(make(AXES).fit(X, y, seed=0)).min() < -0.005
    assert steps(make(AXES, rising=("T",)).fit(X, y, seed=0)).min() > -0.001  # of a value that spreads over 1.5


def test_where_less_is_better_what_rises_falls() -> None:
    X, y = rows(14, 0)
    belief = make(AXES, rising=("T",)).turned(-1.0).fit(X, -y, seed=0)
    assert steps(belief).max() < 0.001
    assert "rising with T" in belief.words


def test_slopes_are_derivatives_of_the_kernel() -> None:
    kernel = Kernel(usual_parts(AXES), np.array([0.5, 0.8, 1.0]), 1.7)
    rng = np.random.default_rng(0)
    A, B = (np.column_stack([rng.random((3, 2)), np.zeros(3)]) for _ in range(2))
    step = 1e-5
    for j in (0, 1):
        up, down = B.copy(), B.copy()
        up[:, j] += step
        down[:, j] -= step
        at = Slopes(B, np.full(3, j))
        np.testing.assert_allclose(
            value_slope(kernel, A, at), (kernel(A, up) - kernel(A, down)) / (2 * step), rtol=1e-6
        )
        for i in (0, 1):
            own = Slopes(A, np.full(3, i))
            numeric = (value_slope(kernel, up, own) - value_slope(kernel, down, own)).T / (2 * step)
            np.testing.assert_allclose(slope_slope(kernel, own, at), numeric, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(slope_variance(kernel, at), np.diag(slope_slope(kernel, at, at)))


def test_positive_samples_of_one_number_are_half_normal() -> None:
    samples = np.concatenate([positive(np.zeros(1), np.array([[4.0]]), seed)[:, 0] for seed in range(20)])
    assert samples.min() >= 0
    assert samples.mean() == pytest.approx(2 * np.sqrt(2 / np.pi), rel=0.05)
    far = positive(np.array([-30.0]), np.array([[1.0]]), 0)
    assert far.mean() == pytest.approx(1 / 30, rel=0.2)  # the tail falls off like exp(-30 x)


def test_options_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="Known: T, x"):
        make(AXES, rising=("w",))
