"""Gaussian process around a mean with unknown constants."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.design.contract import Axes
from matloop.design.surrogates.around import Around, Constants, Kernel, Level, Likelihood, learnt_kernel
from matloop.design.surrogates.likeness import usual_parts

AXES = Axes(("a", "b"), np.zeros(2, bool), np.arange(2))


def around(n: int = 12) -> Around:
    rng = np.random.default_rng(0)
    X = rng.random((n, 2))
    kernel = Kernel(usual_parts(AXES), np.array([0.4, 0.7]), 2.0)
    loose = Constants(np.array([0.3]), np.zeros(1), np.zeros(1))
    return Around(AXES, kernel, Level(), loose, X, 5 + np.sin(6 * X[:, 0]), np.full(n, 0.01), 0.01)


def test_an_unknown_level_is_ordinary_kriging() -> None:
    belief, new = around(), np.random.default_rng(1).random((4, 2))
    # the level has a huge variance: Rasmussen & Williams, equation 2.41 with B to infinity
    K = belief.kernel(belief.X, belief.X) + 1e5 + 0.01 * np.eye(12)
    cross = belief.kernel(belief.X, new) + 1e5
    expected = cross.T @ np.linalg.solve(K, belief.y)
    variance = 2.0 + 1e5 - np.einsum("nm,nm->m", cross, np.linalg.solve(K, cross))
    mean, std = belief.predict(new)
    np.testing.assert_allclose(mean, expected, atol=1e-4)
    np.testing.assert_allclose(std**2, variance, rtol=1e-3)


def test_the_same_wherever_the_mean_was_made_linear() -> None:
    belief, new = around(), np.random.default_rng(1).random((4, 2))
    other = Around(**{name: getattr(belief, name) for name in belief.__dataclass_fields__ if name != "_solved"} | {
        "constants": belief.constants.given(np.array([77.0]))
    })  # fmt: skip
    np.testing.assert_allclose(other.predict(new), belief.predict(new), rtol=1e-8)
    assert other.evidence() == pytest.approx(belief.evidence())


def test_believing_is_having_measured() -> None:
    belief, new = around(), np.random.default_rng(1).random((3, 2))
    whole = around()
    after = belief.believing(new, np.array([5.0, 5.5, 6.0]))
    X, y = np.vstack([whole.X, new]), np.append(whole.y, [5.0, 5.5, 6.0])
    again = Around(AXES, whole.kernel, Level(), whole.constants, X, y, np.full(15, 0.01), 0.01)
    np.testing.assert_array_equal(after.predict(new), again.predict(new))


def test_the_gradient_of_the_likelihood_is_its_slope() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    X = np.random.default_rng(2).random((15, 2))
    noises = np.where(np.arange(15) % 3, np.nan, 0.1)
    parts = usual_parts(AXES)
    squares = np.stack([part.squares(X, X).ravel() for part in parts])
    likelihood = Likelihood(squares, np.sin(5 * X[:, 0]), noises, np.log([part.usual for part in parts]))
    at = np.array([0.2, -0.5, 0.3, -2.0])
    numeric = optimize.approx_fprime(at, lambda logs: likelihood(logs)[0], 1e-6)
    np.testing.assert_allclose(likelihood(at)[1], numeric, rtol=1e-4, atol=1e-4)


def test_noise_that_was_put_in_is_found() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((120, 2))
    rest = np.sin(6 * X[:, 0]) + 0.2 * rng.normal(size=120)
    _, variance = learnt_kernel(usual_parts(AXES), X, rest, np.full(120, np.nan), 0)
    assert np.sqrt(variance) == pytest.approx(0.2, rel=0.2)  # 120 rows: 7 % standard error
