"""Constants of laws."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.knowledge.constants import Said, Search, read_constants
from matloop.design.knowledge.formula import read_formula


@pytest.mark.parametrize(
    ("text", "true"),
    [("a * exp(-b / x)", (3e5, 4000.0)), ("a * x / (k + x)", (7.0, 250.0)), ("a * x ** n + c", (0.01, 1.7, 40.0)),
     ("a * exp(-Ea / (kB * x))", (1e4, 0.35))],
)  # fmt: skip
def test_planted_constants_of_any_magnitude_are_found(text: str, true: tuple[float, ...]) -> None:
    x = np.linspace(280, 600, 15)[:, None]
    law = read_formula(text, ["x"])
    y = law.values(x, np.array(true))
    found = Search(law, x, y, (Said(),) * len(true)).anywhere(seed=0)
    np.testing.assert_allclose(law.values(x, found), y, rtol=1e-3)
    np.testing.assert_allclose(found, true, rtol=0.05)


def test_limits_are_kept_and_expectations_pull() -> None:
    x, law = np.ones((4, 1)), read_formula("a * x", ["x"])
    y = np.full(4, 10.0)
    assert Search(law, x, y, (Said(high=6.0),)).anywhere(0)[0] == pytest.approx(6.0)
    # four rows of variance 1 against one expectation of variance 1/4: (4 * 10 + 4 * 2) / 8
    pulled = Search(law, x, y, (Said(expected=2.0, doubt=0.5),)).best(np.eye(4), np.array([3.0]))
    assert pulled[0] == pytest.approx(6.0)


def test_what_a_file_may_say() -> None:
    fixed, said = read_constants({"n": 2, "Ea": [0, 2], "k": {"expected": 1.0, "doubt": 0.1}})
    assert fixed == {"n": 2.0}
    assert said == {"Ea": Said(0.0, 2.0), "k": Said(expected=1.0, doubt=0.1)}


@pytest.mark.parametrize("wrong", ["2", [1, 2, 3], {"mean": 1}, [2, 1], {"expected": 1, "doubt": 0}, True])
def test_what_a_file_may_not_say(wrong: object) -> None:
    with pytest.raises(ConfigError, match="'Ea'"):
        read_constants({"Ea": wrong})
