"""Monte Carlo through a chain: against closed forms, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.doubt.propagation import Computed, Measured, from_interval, propagate

ROWS = 200


def given(name: str, value: float, std: float, unit: str = "", *, positive: bool = False) -> Measured:
    return Measured(name, np.full(ROWS, value), np.full(ROWS, std), unit, positive)


def test_a_sum_of_normals_has_the_known_spread_and_shares():
    out = propagate([given("a", 1.0, 3.0), given("b", 2.0, 4.0), Computed("c", "a + b")], n_rows=ROWS, n_draws=400)
    assert np.median(out.median) == pytest.approx(3.0, abs=0.05)
    assert np.median(out.std) == pytest.approx(5.0, rel=0.02)
    np.testing.assert_allclose(out.first.mean(axis=0), [9 / 25, 16 / 25, 0.0], atol=0.02)
    np.testing.assert_allclose(out.total.mean(axis=0), [9 / 25, 16 / 25, 0.0], atol=0.02)
    assert np.mean(out.high - out.low) == pytest.approx(2 * 1.645 * 5.0, rel=0.02)


def test_a_product_of_centred_quantities_is_all_interaction():
    out = propagate([given("a", 0.0, 1.0), given("b", 0.0, 1.0), Computed("c", "a*b")], n_rows=ROWS, n_draws=1000)
    np.testing.assert_allclose(out.first.mean(axis=0)[:2], 0.0, atol=0.05)
    np.testing.assert_allclose(out.total.mean(axis=0)[:2], 1.0, atol=0.05)


def test_relative_errors_of_a_product_add_in_squares():
    steps = [given("S", 200.0, 2.0, "uV/K"), given("k", 2.0, 0.04, "W/m/K"), Computed("q", "S**2/k", "")]
    with pytest.raises(ConfigError, match=r"gives .*, its unit"):
        propagate(steps, n_rows=ROWS)
    out = propagate([*steps[:2], Computed("q", "S**2/k", "uV**2/W*m/K")], n_rows=ROWS)
    assert np.median(out.std / out.median) == pytest.approx(np.hypot(2 * 0.01, 0.02), rel=0.05)


def test_units_are_converted_on_the_way():
    steps = [given("T", 26.85, 0.0, "°C"), given("f", 2.0, 0.0, "1/K"), Computed("x", "T*f")]
    assert propagate(steps, n_rows=ROWS).plain[0] == pytest.approx(600.0)


def test_a_positive_quantity_is_never_drawn_negative():
    out = propagate([given("d", 1.0, 2.0, positive=True), Computed("v", "log(d)")], n_rows=ROWS, n_draws=300)
    assert (out.failed == 0).all()
    assert (propagate([given("d", 1.0, 2.0), Computed("v", "log(d)")], n_rows=ROWS).failed > 0.1).all()


def test_the_error_of_the_formula_itself_counts():
    out = propagate([given("a", 10.0, 0.0), Computed("b", "2*a", relative_error=0.1)], n_rows=ROWS)
    assert np.median(out.std) == pytest.approx(2.0, rel=0.05)
    assert "Improve b first" in out.words()


def test_nothing_uncertain_is_said():
    out = propagate([given("a", 1.0, 0.0), Computed("b", "a")], n_rows=ROWS)
    assert np.isnan(out.total).all()
    assert out.words() == "Nothing in the chain is uncertain."


def test_draws_from_an_interval_have_its_ends_as_quantiles():
    z = np.random.default_rng(0).standard_normal((1, 200_000))
    drawn = from_interval(np.array([[10.0]]), np.array([[8.0]]), np.array([[15.0]]), z)
    np.testing.assert_allclose(np.quantile(drawn, [0.05, 0.5, 0.95]), [8.0, 10.0, 15.0], atol=0.05)


def test_same_seed_same_result():
    steps = [given("a", 1.0, 3.0), Computed("c", "a**2")]
    first, again = (propagate(steps, n_rows=ROWS, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.high, again.high)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([given("a", 1, 1), given("a", 1, 1)], "two steps are called 'a'"),
        ([Computed("c", "a + 1")], "needs 'a', which no step before it gives"),
        ([given("a", 1, 1, "furlongg")], "not a unit"),
        ([], "at least one step"),
    ],
)
def test_chains_that_cannot_be(steps, told):
    with pytest.raises(ConfigError, match=told):
        propagate(steps, n_rows=ROWS)


def test_a_level_or_too_few_draws_are_refused():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        propagate([given("a", 1, 1)], n_rows=ROWS, level=1.0)
    with pytest.raises(ConfigError, match="too few"):
        propagate([given("a", 1, 1)], n_rows=ROWS, n_draws=3)
