"""Every registered strategy keeps the contract, on whatever domain."""

import pytest

from matloop.core.errors import MissingExtra
from matloop.design.goals import read_goal
from matloop.design.strategies import STRATEGIES
from matloop.testing.strategy_contract import GOALS, check_strategy

OWN = [name for name, place in STRATEGIES.items() if ".optimisers." in place]
AIMS = {
    "one": (read_goal("maximise y"),),
    "two": GOALS,
    "window": (read_goal("y in -0.3..-0.1"), read_goal("minimise z")),
}


def checked(name, domain, goals=GOALS):
    try:
        check_strategy(name, domain, goals)
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
