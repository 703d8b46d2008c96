"""Any model of the pipeline as surrogate."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.surrogates.families import make, row_weights

AXES = Axes(("a", "b", "c"), np.array([False, False, True]), np.arange(3))


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n, 2)), rng.integers(0, 3, n)])
    return X, 3.0 * X[:, 0] - X[:, 1] + X[:, 2] + 0.2 * rng.normal(size=n)


@pytest.mark.parametrize("family", ["ridge", "Nearest neighbour", "gaussian_process"])
def test_any_family_covers_what_it_has_not_seen(family: str) -> None:
    X, y = rows(60)
    new, truth = rows(300, 1)
    belief = make(AXES, family=family, parts=3, repeats=3).fit(X, y, seed=0)
    mean, std = belief.predict(new)
    assert 0.8 < (np.abs(truth - mean) < 1.645 * np.hypot(std, belief.noise)).mean() <= 1.0
    assert (std > 0).all()


def test_noise_of_a_linear_law_is_found() -> None:
    X, y = rows(90)
    assert make(AXES, family="ridge").fit(X, y, seed=0).noise == pytest.approx(0.2, rel=0.3)


def test_new_rows_are_seen_without_new_settings() -> None:
    X, y = rows(30)
    belief = make(AXES, family="ridge").fit(X, y, seed=0)
    new = rows(1, 4)[0]
    before = belief.predict(new)[0][0]
    after = belief.believing(new, np.array([before + 5.0]))
    assert after.predict(new)[0][0] > before + 0.1
    assert after.noise == belief.noise


def test_rows_with_larger_errors_weigh_less() -> None:
    np.testing.assert_allclose(row_weights(np.array([1.0, 4.0, np.nan, 1.0])), [1.0, 0.25, 1.0, 1.0])
    assert row_weights(np.full(3, np.nan)) is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"family": "logistic"}, "classes"),
        ({"family": "rigde"}, "ridge"),
        ({"settings": {"no_such": 1}}, "no_such"),
        ({"parts": 1}, "2 parts"),
    ],
)
def test_options_that_cannot_be(options: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(AXES, **options)
