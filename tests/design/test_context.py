"""Settings given by circumstances stay, all else is searched."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.context import held
from matloop.design.contract import History
from matloop.design.goals import read_goal
from matloop.design.space.domain import open_domain
from matloop.design.strategies import STRATEGIES
from matloop.problem.space import Categorical, Continuous, Expression, Integer, Space

SPACE = Space(
    (Continuous("temperature", 20.0, 200.0), Continuous("humidity", 0.0, 100.0), Categorical("gas", ("air", "argon"))),
    (Expression("temperature + humidity <= 220"),),
)
DOMAIN = open_domain(SPACE)


def test_samples_and_moves_keep_what_is_given():
    domain = held(DOMAIN, {"humidity": 60.0, "gas": "argon"})
    points = domain.sample(40, 0)
    assert len(points) == 40
    near = domain.near(points, 5, 1)
    assert len(near) == 200
    for found in (points, near):
        frame = domain.frame(found)
        assert set(frame["gas"]) == {"argon"}
        assert frame["humidity"].astype(float).to_numpy() == pytest.approx(60.0)
        assert (domain.why_not(found) == "").all()
        assert frame["temperature"].astype(float).max() <= 160.0
    assert frame["temperature"].nunique() > 30


def test_other_circumstances_are_told_and_encoded_alike():
    domain, other = held(DOMAIN, {"humidity": 60.0}), held(DOMAIN, {"humidity": 10.0})
    points = other.sample(3, 0)
    assert "humidity" in domain.why_not(points)[0]
    assert (domain.encode(points) == DOMAIN.encode(points)).all()


def test_everything_of_a_small_space_under_circumstances():
    small = open_domain(Space((Integer("a", 1, 4), Categorical("b", ("x", "y", "z")))))
    found = held(small, {"b": "y"}).everything()
    assert len(found) == 4
    assert set(small.frame(found)["b"]) == {"y"}
    assert len(held(small, {"b": "y"}).sample(10, 0)) == 4


def test_a_strategy_searches_the_rest():
    points = DOMAIN.sample(12, 3)
    temperature = DOMAIN.frame(points)["temperature"].astype(float).to_numpy()
    history = History(points, {"yield": -((temperature - 120.0) ** 2)}, np.zeros(12, bool), pending=points.take([]))
    strategy = STRATEGIES.load("auto")()
    domain = held(DOMAIN, {"humidity": 30.0})
    found = strategy.suggest(domain, history, [read_goal("maximise yield")], 3, seed=0)
    frame = domain.frame(found.points)
    assert frame["humidity"].astype(float).to_numpy() == pytest.approx(30.0)
    assert np.abs(frame["temperature"].astype(float).to_numpy() - 120.0).min() < 40.0


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="no column 'pressure'"):
        held(DOMAIN, {"pressure": 1.0})
    with pytest.raises(ConfigError, match="gas cannot be held at 'xenon'"):
        held(DOMAIN, {"gas": "xenon"})
    with pytest.raises(ConfigError, match="nothing in the space is allowed with humidity = 300"):
        held(DOMAIN, {"humidity": 300.0})
