"""Conditions in words of arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.design.space.conditions import truth
from matloop.design.space.layout import layout_of
from matloop.problem.condition import linear_text, linears, names_in, read_condition
from matloop.problem.space import Categorical, Continuous, Linear

KNOWN = {"T": None, "time": None, "T (K)": None, "solvent": ("water", "DMF"), "wash": ("DMF", "none")}
LAYOUT = layout_of(
    (
        Continuous("T", -10, 500), Continuous("time", 0, 10), Continuous("T (K)", 0, 500),
        Categorical("solvent", ("water", "DMF")), Categorical("wash", ("DMF", "none")),
    )
)  # fmt: skip


def holds(
    text: str, T: float = 0.0, time: float = 0.0, kelvin: float = 0.0, solvent: float = 0, wash: float = 0
) -> float:
    row = np.array([[T, time, kelvin, solvent, wash]])
    return float(truth(read_condition(text, KNOWN), row, LAYOUT)[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T * time <= 12", 1), ("T * time < 12", 0), ("T*time = 12", 1), ("T ** 2 + 1 >= 10", 1), ("-T > 0", 0),
        ("2 < T < 5", 1), ("2 < T < 3", 0), ("T != 3", 0), ("not T = 3", 0), ("sqrt(time) == 2", 1),
        ("min(T, time, 1) = 1", 1), ("log10(100) + exp(0) = T", 1), ("`T (K)` ≥ 300", 1), ("T in [1, 2, 3]", 1),
        ("T not in (1, 2)", 1), ('solvent = "DMF"', 1), ("solvent in ['water']", 0), ("solvent = wash", 1),
        ('solvent != "DMF" or T < 5 and time > 3', 1), ("0.1 + 0.2 = 0.3", 1), ("T / 0 <= 1", 0), ("sqrt(-T) <= 1", 0),
    ],
)  # fmt: skip
def test_conditions_say_what_they_say(text, expected):
    assert holds(text, T=3.0, time=4.0, kelvin=300.0, solvent=1.0) == expected


def test_a_part_that_does_not_apply_leaves_the_others_to_decide():
    assert holds("T > 1", T=np.nan) == 0.5
    assert holds("T > 1 and time > 1", T=np.nan) == 0
    assert holds("T > 1 or time < 1", T=np.nan) == 1
    assert holds("not T > 1", T=np.nan) == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tmie <= 3", 'at "tmie".*Did you mean "time"'),
        ("solvent = water", 'words stand in quotes: "water"'),
        ('solvent = "wter"', 'never "wter". Did you mean "water"'),
        ("solvent <= 3", '"solvent" is a word'),
        ('solvent < "water"', "words are equal or not"),
        ("T + 1", "neither true nor false"),
        ("T <= ", "cannot be read"),
        ("(T <= 3", "1 brackets are opened and 0 closed"),
        ('solvent = "water', "quote or a backtick is not closed"),
        ("T K <= 3", "between backticks"),
        ("tan(T) < 1", "there is no such function. Known: sqrt"),
        ("sqrt(T, 2) < 1", "sqrt takes 1 value"),
        ("T & time", 'write "and"'),
        ("T in 3", "stands a list"),
        ("solvent in [3]", "a word is compared with a number"),
        ("T is 3", "is not known here"),
        ('T + "a" <= 3', "arithmetic is for numbers"),
        ("(lambda: 1)() < 2", "no such function"),
        ("__import__('os').system('ls') = 1", "no such function"),
        ("T.real <= 1", "nothing else"),
        ("[x for x in (1,)] = T", "nothing else"),
        ("T if time else 3", "neither true nor false"),
        ("T <= True", "neither a number nor a word"),
        ("T <= 1" + " and T <= 1" * 300, "more than 2000 are not read"),
        ("-" * 100 + "T <= 1", "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text, said):
    with pytest.raises(ConfigError, match=said):
        read_condition(text, KNOWN)


def test_linear_conditions_are_recognised_and_others_are_not():
    def found(text: str) -> tuple[tuple[Linear, ...], bool]:
        return linears(read_condition(text, KNOWN))

    assert found("2 * (T - time) / 4 + 1 <= 3 - time") == ((Linear({"T": 0.5, "time": 0.5}, "<=", 2.0),), True)
    assert found("1 >= T") == ((Linear({"T": -1.0}, ">=", -1.0),), True)
    assert found("T < 3") == ((Linear({"T": 1.0}, "<=", 3.0),), False)
    assert len(found('0 <= T <= 3 and solvent = "DMF"')[0]) == 2
    assert found("T * time <= 3") == ((), False)
    assert found("T <= 3 or time <= 3") == ((), False)
    assert found("T - T <= 3") == ((), False)


@given(
    st.dictionaries(st.sampled_from(["T", "time", "T (K)"]), st.floats(-1e3, 1e3).filter(bool), min_size=1),
    st.sampled_from(["<=", ">=", "="]), st.floats(-1e3, 1e3),
)  # fmt: skip
def test_linear_conditions_as_text_come_back(coefficients, bound, limit):
    line = Linear(coefficients, bound, limit)
    (read,), whole = linears(read_condition(linear_text(line), KNOWN))
    assert whole
    assert read.bound == bound
    assert read.limit == limit
    assert dict(read.coefficients) == coefficients


def test_names_are_listed_once():
    assert names_in(read_condition("T * `T (K)` <= max(T, time)", KNOWN)) == ("T", "T (K)", "time")
