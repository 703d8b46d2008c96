"""Spaces in TOML, and what is wrong with them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from matloop.core.errors import ConfigError
from matloop.problem.fault import Fault
from matloop.problem.space import (
    Categorical,
    Component,
    Continuous,
    Expression,
    Integer,
    Linear,
    Mixture,
    Ordinal,
    Parameter,
    Rule,
    Space,
    When,
)  # fmt: skip
from matloop.problem.space_faults import faults
from matloop.problem.space_toml import read_space, space_of, write_space

WHOLE = Space(
    (
        Continuous("T", 300.0, 400.0, unit="K", step=5.0),
        Continuous("p (bar)", 1e-3, 1.0, scale="log", when=When("route", ("dry",))),
        Integer("n", 1, 9, when=When("o", (1.0, 5.0))),
        Ordinal("o", (1.0, 2.0, 5.0), unit="h"),
        Categorical("route", ("wet", "dry")),
        Categorical("base", ("CC", "CO"), kind="molecule", features=("rdkit",)),
        Categorical("gas", ("Ar", "N2"), descriptors={"Ar": (1.0, 2.0), "N2": (3.0, 4.0)}),
        Mixture(
            "alloy", (Component("Fe", 0.1, 0.5), Component("Ni", 0.0, 0.4, 0.05), Component("Co")), at_most=2,
            step=0.05, as_composition=True, features=("magpie",),
        ),
    ),
    (Linear({"Fe": 1.0, "Ni": 2.0}, ">=", 0.2), Expression("T * o <= 1200"), Expression('gas != "Ar" or T < 350')),
)  # fmt: skip


def read(text: str) -> tuple[Space, list[Fault]]:
    found: list[Fault] = []
    return read_space(tomllib.loads(text), found), found


def test_a_space_comes_back_from_its_text():
    assert read(write_space(WHOLE)) == (WHOLE, [])


def test_a_table_of_candidates_comes_back_from_its_text():
    space = Space(
        (Continuous("T", 0.0, 0.0, unit="K"), Categorical("base", (), kind="molecule")),
        (Expression("T <= 400"),),
        "t.csv",
    )
    assert read(write_space(space)) == (space, [])


def test_constraints_and_candidates_may_stand_at_the_top():
    text = 'constraints = ["x <= 0.5"]\n[space.x]\nkind = "continuous"\nlow = 0\nhigh = 1\n'
    assert read(text)[0].constraints == (Linear({"x": 1.0}, "<=", 0.5),)
    assert read('candidates = "pool.csv"\n')[0] == Space(candidates="pool.csv")
    assert read(text.replace("0.5", "q"))[1][0].path == ("constraints",)


def test_columns_of_targets_describe_no_candidate():
    text = 'candidates = "pool.csv"\n[space]\nwithout = ["batch no"]\n[targets.y]\n[targets.gap]\ncolumn = "gap (eV)"\n'
    space = read(text)[0]
    assert space.without == ("batch no", "y", "gap (eV)")
    assert read(write_space(space))[0] == space


def test_a_rule_cannot_stand_in_a_file():
    with pytest.raises(ConfigError, match='the rule "mine" is a function and cannot stand in a file'):
        write_space(Space((Continuous("x", 0, 1),), (Rule(lambda frame: frame["x"] > 0, "mine"),)))


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ('kind = "continuos"', "[space.x] kind", 'Did you mean "continuous"'),
        ('kind = "number"\nlow = 0', "[space.x] kind", 'Did you mean "continuous"'),
        ("low = 0", "[space.x] kind", "is missing"),
        ('kind = "continuous"\nlow = 0', "[space.x] high", "is missing; write for example: high = 80"),
        ('kind = "continuous"\nlow = "0"\nhigh = 1', "[space.x] low", "a number was expected, without quotes"),
        ('kind = "continuous"\nlow = 0\nhigh = 1\nstp = 1', "[space.x] stp", 'Did you mean "step"'),
        ('kind = "integer"\nlow = 0.5\nhigh = 3', "[space.x] low", "a whole number was expected"),
        ('kind = "ordinal"\nvalues = ["a"]', "[space.x] values", "a list of numbers was expected"),
        ('kind = "categorical"\nvalues = "a"', "[space.x] values", "a list of texts was expected"),
        ('kind = "categorical"\nvalues = ["a", "b"]\nwhen = "y"', "[space.x] when", "one parameter and its values"),
        ('kind = "mixture"\ncomponents = { A = 3, B = [0, 1] }', "[space.x.components] A", "write [low, high]"),
        ('kind = "mixture"\ncomponents = { A = { hgh = 1 }, B = [0, 1] }', "[space.x.components.A] hgh", '"high"'),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text, where, said):
    _, found = read(f"[space.x]\n{text}\n")
    assert found[0].where == where
    assert said in found[0].said


def test_everything_wrong_is_told_at_once():
    tables = {"a": {"kind": "continuous", "low": 3, "high": 2}, "b": {"kind": "ordinal", "values": [2, 1]}}
    with pytest.raises(ConfigError, match=r"lab.toml: the space has to be mended:\n.*\[space.a\] low.*\n.*\[space.b\]"):
        space_of(tables, where="lab.toml")


X = Continuous("x", 0, 1)


def mix(*parts: Component, **more: object) -> Mixture:
    return Mixture("m", parts, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ((), "there is nothing to vary"),
        ((Continuous("x", 3, 2),), "low = 3 is not below high = 2. Swap them"),
        ((Continuous("x", 2, 2),), "Give it room, or leave the parameter out"),
        ((Continuous("x", float("nan"), 2),), "a finite number is needed"),
        ((Continuous("x", 0, 1, scale="log"),), "low = 0 has no logarithm"),
        ((Continuous("x", 0, 10, step=3),), "do not reach 10. Write high = 9 or 12"),
        ((Continuous("x", 0, 1, step=3),), "larger than the range"),
        ((Integer("x", 5, 1),), "low = 5 is not below"),
        ((Ordinal("x", (2.0, 1.0)),), "from low to high"),
        ((Categorical("x", ("a", "a", "b")),), '"a" is given 2 times'),
        ((Categorical("x", ("a", "b"), descriptors={"a": (1.0,)}),), 'there are none for "b"'),
        ((Categorical("x", ("a", "b"), descriptors={"a": (1.0,), "b": (1.0, 2.0)}),), "all need equally many"),
        ((Categorical("x", ("a", "b"), features=("magpie",)),), "say which by matter"),
        ((X, X), 'the name "x" is used twice'),
        ((X, mix(Component("x"), Component("y"))), 'in the mixture "m"'),
        ((mix(Component("m"), Component("y")),), "a component is called like its mixture"),
        ((Continuous("a`b", 0, 1),), "no backtick"),
        ((Continuous("constraints", 0, 1),), "a meaning of its own"),
        ((mix(Component("A", 0.6), Component("B", 0.7)),), "sum to 1.3, more than one (A 0.6 + B 0.7)"),
        ((mix(Component("A", high=0.2), Component("B", high=0.3)),), "sum to 0.5, less than one"),
        ((mix(*(Component(c, high=0.4) for c in "ABC"), at_most=2),), "the 2 with the highest amounts sum to 0.8"),
        ((mix(*(Component(c, least=0.4) for c in "ABC"), at_least=3),), "3 components need 1.2 at least"),
        ((mix(*(Component(c, 0.1) for c in "ABC"), at_most=2),), "3 components are always there"),
        ((mix(Component("A"), Component("B"), at_least=2, at_most=1),), "contradict each other"),
        ((mix(Component("A"), Component("B"), at_most=3),), "from 1 to 2 of the 2 components"),
        ((mix(Component("A", 0, 50), Component("B")),), "percent are divided by 100"),
        ((mix(Component("A"), Component("B"), step=0.3),), "do not add up to one"),
        ((mix(Component("A", high=0.33), Component("B"), step=0.05),), "Write 0.3 or 0.35"),
        ((mix(Component("A"), Component("B"), features=("magpie",)),), "write as_composition = true"),
        ((X, Continuous("y", 0, 1, when=When("x", (1.0,)))), '"x" is continuous'),
        ((Integer("n", 1, 3), Continuous("y", 0, 1, when=When("n", (4.0,)))), "never 4.0; it goes from 1 to 3"),
        ((X, Continuous("y", 0, 1, when=When("z", (1.0,)))), 'there is no parameter "z"'),
        (
            (Categorical("s", ("a", "b"), when=When("t", (2.0,))), Integer("t", 1, 3, when=When("s", ("b",)))),
            "it hangs on itself (s -> t -> s)",
        ),
    ],
)  # fmt: skip
def test_contradictions_are_told(parameters: tuple[Parameter, ...], said: str):
    assert any(said in sentence for sentence in faults(Space(parameters)))


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        (Linear({"y": 1.0}, "<=", 1.0), 'names "y", which is no parameter'),
        (Linear({"s": 1.0}, "<=", 1.0), 'names "s", which is a word'),
        (Linear({"x": 0.0}, "<=", 1.0), "no coefficient other than zero"),
        (Linear({"x": 1.0}, "<", 1.0), "has the bound"),  # type: ignore[arg-type]
        (Expression("y <= 1"), "there is no parameter of this name"),
    ],
)
def test_constraints_on_what_is_not_there_are_told(constraint, said):
    assert said in faults(Space((X, Categorical("s", ("a", "b"))), (constraint,)))[0]


def test_the_spaces_of_the_page_can_be_read():
    page = (Path(__file__).parents[2] / "docs/howto/describe-a-space.md").read_text("utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    spaces = [read(block) for block in blocks]
    assert [found for _, found in spaces] == [[], [], []]
    assert [len(space.parameters) for space, _ in spaces] == [7, 0, 2]
