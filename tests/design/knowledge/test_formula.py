"""Laws as they are written."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.knowledge.formula import PHYSICS, read_formula


def test_arrhenius_by_hand() -> None:
    law = read_formula("a * exp(-Ea / (kB * T))", ["T", "x"])
    assert (law.columns, law.constants) == (("T",), ("a", "Ea"))
    # 2 exp(-0.5 eV / (kB 600 K)) = 1.2620e-4
    assert law.values(np.array([[600.0]]), np.array([2.0, 0.5]))[0] == pytest.approx(1.2620e-4, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2 ^ 3 ** 1", 8.0), ("-x + +1", -2.0), ("ln(exp(x))", 3.0), ("log10(1000 * x / 3)", 3.0), ("sqrt(x + 1)", 2.0),
     ("min(x, 1) + max(x, 1)", 4.0), ("`a b (K)` * 2", 10.0), ("R", PHYSICS["R"]), ("abs(-x)", 3.0)],
)  # fmt: skip
def test_arithmetic(text: str, value: float) -> None:
    law = read_formula(text, ["x", "a b (K)"])
    columns = np.array([[{"x": 3.0, "a b (K)": 5.0}[name] for name in law.columns]])
    assert law.values(columns, np.zeros(0))[0] == pytest.approx(value)


def test_a_column_goes_before_physics_and_a_known_constant_too() -> None:
    assert read_formula("R * 2", ["R"]).columns == ("R",)
    assert read_formula("R * 2", [], {"R": 1.5}).values(np.zeros((1, 0)), np.zeros(0))[0] == 3.0


def test_slopes_are_the_derivatives() -> None:
    law = read_formula("a * exp(-b * x)", ["x"])
    x, constants = np.linspace(0, 2, 5)[:, None], np.array([2.0, 0.7])
    slopes = law.slopes(x, constants, law.values(x, constants))
    decay = np.exp(-0.7 * x[:, 0])
    np.testing.assert_allclose(slopes, np.column_stack([decay, -2 * x[:, 0] * decay]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "told"),
    [("__import__('os').system('x')", "no arithmetic"), ("x.real", "no arithmetic"), ("[x]", "no arithmetic"),
     ("(lambda: 1)()", "no arithmetic"), ("x = 2", "cannot be read"), ("exp(x, 2)", "Functions of one value"),
     ("open(x)", "Functions of one value"), ("`temp`", "Did you mean 'temp C'"), ("True", "no arithmetic"),
     ("(" * 300 + "x" + ")" * 300, "cannot be read"), ("-" * 100 + "x", "nested"), ("x+" * 1500 + "x", "signs")],
)  # fmt: skip
def test_what_is_no_law_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_formula(text, ["x", "temp C"])
