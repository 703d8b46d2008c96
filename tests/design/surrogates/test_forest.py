"""Forest as surrogate."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.surrogates.forest import make
from matloop.design.surrogates.members import calibrated, deviations, repeated

AXES = Axes(("a", "b", "c"), np.array([False, False, True]), np.arange(3))


def rows(n: int, seed: int = 0, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n, 2)), rng.integers(0, 3, n)])
    return X, 3.0 * X[:, 0] + np.sin(5 * X[:, 1]) + X[:, 2] + noise * rng.normal(size=n)


def test_it_covers_what_it_has_not_seen() -> None:
    X, y = rows(80)
    new, truth = rows(300, 1)
    belief = make(AXES).fit(X, y, seed=0)
    mean, std = belief.predict(new)
    inside = np.abs(truth - mean) < 1.645 * np.hypot(std, belief.noise)
    assert 0.8 < inside.mean() < 0.99  # binomial 90 % of 300 rows that share one fit
    assert np.sqrt(np.mean((truth - mean) ** 2)) < 0.5 * truth.std()


def test_draws_have_the_joint_covariance() -> None:
    X, y = rows(40)
    belief = make(AXES).fit(X, y, seed=0)
    some = rows(12, 2)[0]
    mean, covariance = belief.joint(some)
    draws = belief.draw(some, 40_000, seed=3)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * np.sqrt(covariance.max() / 40_000))
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.03 * covariance.max())
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), belief.predict(some)[1], rtol=1e-9)


def test_believing_moves_towards_the_new_value_and_is_quick() -> None:
    X, y = rows(40)
    belief = make(AXES).fit(X, y, seed=0)
    new = rows(1, 5)[0]
    before = belief.predict(new)[0][0]
    after = belief.believing(new, np.array([before + 4.0])).predict(new)[0][0]
    assert before + 0.4 < after < before + 4.0
    np.testing.assert_array_equal(belief.predict(new)[0], [before])


def test_every_draw_keeps_a_direction_that_is_known() -> None:
    X, y = rows(40, noise=1.0)
    members = make(AXES, rising=("a",)).fit(X, y, seed=0).members
    line = np.column_stack([np.linspace(0, 1, 50), np.full(50, 0.4), np.ones(50)])
    assert (np.diff(members.each(line), axis=0) >= 0).all()
    assert (np.diff(make(AXES).fit(X, y, seed=0).members.each(line), axis=0) < 0).any()


def test_replicates_tell_the_noise() -> None:
    X, y = rows(30, noise=0.0)
    X, y = np.repeat(X, 4, axis=0), np.repeat(y, 4)
    y = y + 0.2 * np.random.default_rng(1).normal(size=len(y))
    assert make(AXES).fit(X, y, seed=0).noise == pytest.approx(0.2, rel=0.2)  # 90 degrees of freedom: 7.5 %


def test_repeats_by_hand() -> None:
    assert repeated(
        np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]), np.array([1.0, 3.0, 5.0, 5.0, 8.0])
    ) == pytest.approx(np.sqrt((1 + 1 + 1 + 1 + 4) / 3))
    assert np.isnan(repeated(np.arange(4.0)[:, None], np.arange(4.0)))


def test_deviations_are_a_covariance() -> None:
    each = np.random.default_rng(0).normal(size=(3, 50))
    np.testing.assert_allclose(deviations(each)[1] @ deviations(each)[1].T, np.cov(each))


def test_calibration_finds_the_stretch_that_made_the_residuals() -> None:
    rng = np.random.default_rng(0)
    variance = rng.choice([0.0, 1.0, 4.0], 4000)
    residual = rng.normal(size=4000) * np.sqrt(1.5**2 * variance + 0.3**2)
    found = calibrated(residual, variance, 0.0)
    assert found.stretch == pytest.approx(1.5, rel=0.05)
    assert found.noise == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rising": ("c",)}, "Known: a, b"),
        ({"rising": ("a",), "falling": ("a",)}, "once"),
        ({"trees": 1}, "10 or more"),
    ],
)
def test_options_that_cannot_be(options: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(AXES, **options)


def test_where_less_is_better_what_rises_falls() -> None:
    X, y = rows(40, noise=1.0)
    members = make(AXES, rising=("a",)).turned(-1.0).fit(X, -y, seed=0).members
    line = np.column_stack([np.linspace(0, 1, 50), np.full(50, 0.4), np.ones(50)])
    assert (np.diff(members.each(line), axis=0) <= 0).all()
