"""Formulas as data: values, units, and what may not stand in one."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.arithmetic import read_formula
from matloop.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 + 2*3", 7.0), ("-x**2", -4.0), ("(x + y)/2", 2.5), ("sqrt(x*8)", 4.0), ("x^3", 8.0), ("exp(log(y))", 3.0)],
)
def test_values(text, value):
    known = {"x": np.array(2.0), "y": np.array(3.0)}
    assert float(read_formula(text).value(known)) == pytest.approx(value)


def test_constants_are_known_unless_a_quantity_hides_them():
    assert float(read_formula("k_B").value({})) == pytest.approx(1.380649e-23)
    assert float(read_formula("R").value({"R": np.array(5.0)})) == 5.0


def test_dimension_of_the_figure_of_merit_is_none():
    units = {"S": "uV/K", "sigma": "S/cm", "T": "K", "kappa": "W/m/K"}
    assert read_formula("S**2 * sigma * T / kappa").dimension(units) == ()


def test_the_diffusion_length_is_a_length():
    assert read_formula("sqrt(D*t)").dimension({"D": "cm^2/s", "t": "s"}) == (("[length]", 1.0),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("T + p", "different quantities"),
        ("exp(T)", "needs a pure number"),
        ("2**T", "exponent T has a dimension"),
        ("T**n", "must be a number"),
    ],
)
def test_nonsense_of_units_is_told(text, told):
    with pytest.raises(ConfigError, match=told):
        read_formula(text).dimension({"T": "K", "p": "Pa", "n": ""})


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.y",
        "a[0]",
        "lambda: 1",
        "1 if x else 2",
        "f(x)",
        "'a'",
        "x and y",
        "[1]",
        "x(",
        "",
        "True",
    ],
)
def test_only_arithmetic_is_read(text):
    with pytest.raises(ConfigError):
        read_formula(text)


def test_an_unknown_name_is_told():
    with pytest.raises(ConfigError, match="no value for 'q'"):
        read_formula("q").value({})
    with pytest.raises(ConfigError, match="no quantity 'q'"):
        read_formula("q").dimension({})


def test_a_bottomless_formula_is_refused():
    with pytest.raises(ConfigError):
        read_formula("-" * 400 + "x")
