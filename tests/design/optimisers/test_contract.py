"""Every registered strategy keeps the contract, on whatever domain."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import MissingExtra
from matloop.design.goals import read_goal
from matloop.design.space.domain import open_domain
from matloop.design.strategies import STRATEGIES
from matloop.problem import space as sp
from matloop.testing.strategy_contract import GOALS, check_strategy, history_of

# what it hands over to is checked by its own name
OWN = [name for name, place in STRATEGIES.items() if ".optimisers." in place and name != "by_dimension"]
AIMS = {
    "one": (read_goal("maximise y"),),
    "two": GOALS,
    "window": (read_goal("y in -0.3..-0.1"), read_goal("minimise z")),
}


QUICK = {"turbo": {"surrogate_options": {"members": 1}, "candidates": 100}}


def checked(name, domain, goals=GOALS):
    try:
        check_strategy(name, domain, goals, QUICK.get(name))
    except MissingExtra as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", OWN)
def test_in_a_square(name, cube):
    checked(name, cube(2))


@pytest.mark.parametrize("name", OWN)
def test_on_a_small_grid_of_numbers_and_words(name, grid):
    checked(name, grid, AIMS["one"])


@pytest.mark.parametrize("name", OWN)
def test_with_a_window(name, cube):
    checked(name, cube(3), AIMS["window"])


MIXED = sp.Space(
    (
        sp.Continuous("temperature", 300, 900, unit="K", when=sp.When("route", ("melt", "solid"))),
        sp.Continuous("time", 0.1, 100, scale="log"),
        sp.Integer("cycles", 1, 8),
        sp.Categorical("route", ("melt", "solid", "solution")),
        sp.Mixture(
            "metal", (sp.Component("Ni", least=0.05), sp.Component("Co"), sp.Component("Mn", 0.1, 0.5)), at_most=2
        ),
    ),
    (sp.Linear({"Ni": 1.0, "Co": -1.0}, "<=", 0.8),),
)


@pytest.mark.parametrize("name", OWN)
def test_among_numbers_words_mixtures_and_conditions(name):
    checked(name, open_domain(MIXED))


@pytest.mark.parametrize("name", OWN)
def test_among_the_rows_of_a_table(name, tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"time": rng.integers(1, 60, 40), "heat": rng.random(40).round(3), "gas": ["Ar", "N2"] * 20})
    rows.to_csv(tmp_path / "pool.csv", index=False)
    domain = open_domain(sp.Space(candidates="pool.csv"), base=tmp_path)
    every = set(domain.keys(domain.everything()).tolist())
    checked(name, domain)
    known = history_of(domain, domain.sample(12, 0))
    try:
        found = STRATEGIES.load(name)(**QUICK.get(name, {})).suggest(domain, known, GOALS, 5, seed=1)
    except MissingExtra as missing:
        pytest.skip(str(missing))
    assert set(domain.keys(found.points).tolist()) <= every


def test_preferences_on_a_small_grid(grid):
    check_strategy("preference", grid, options={"surrogate": "gp", "surrogate_options": {"members": 1}})


def test_every_name_stands_in_the_reference():
    page = Path(__file__).parents[3] / "docs" / "reference" / "strategies.md"
    text = page.read_text("utf-8")
    assert [name for name in STRATEGIES if f"`{name}`" not in text] == []
