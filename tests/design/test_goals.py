"""Sentences become goals, and those that make no sense are refused with what to write."""

import math

import pytest

from matloop.core.errors import ConfigError
from matloop.design.goals import in_words, read_goal, settled

TARGETS = {"S_n": ("uV/K", ()), "gap": ("eV", ()), "phase": ("", ("bcc", "fcc")), "yield strength": ("MPa", ())}


@pytest.mark.parametrize(
    ("text", "sense", "low", "high"),
    [
        ("maximise gap", "maximise", -math.inf, math.inf),
        ("minimize S_n", "minimise", -math.inf, math.inf),
        ("max yield strength", "maximise", -math.inf, math.inf),
        ("S_n <= -0.15 mV/K", "within", -math.inf, -150.0),
        ("S_n ≥ -150", "within", -150.0, math.inf),
        ("gap > 500 meV", "within", 0.5, math.inf),
        ("gap in 1.2..1.6", "within", 1.2, 1.6),
        ("gap in 1200 .. 1600 meV", "within", 1.2, 1.6),
        ("gap = 1.4 +- 0.1 eV", "within", 1.3, 1.5),
        ("yield strength >= 1 GPa", "within", 1000.0, math.inf),
    ],
)
def test_sentences_are_understood_in_the_unit_of_the_target(text, sense, low, high):
    goal = settled([read_goal(text)], TARGETS)[0]
    assert goal.sense == sense
    assert (goal.low, goal.high) == pytest.approx((low, high))


def test_a_class_is_wished_for_by_name():
    assert settled([read_goal("phase = 'fcc'")], TARGETS)[0].word == "fcc"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gap", "cannot be read"),
        ("gap <= wide", "does not begin with a number"),
        ("gap in 2..1 eV", "there is nothing"),
        ("gap in 1..nan eV", "no finite number"),
        ("gap = 1.4", "never exactly anything"),
        ("gapp >= 1", 'Did you mean "gap"'),
        ("gap >= 1 K", "in eV, not in K"),
        ("maximise phase", 'Write "phase = bcc"'),
        ("phase = hcp", "no class 'hcp'"),
    ],
)
def test_what_makes_no_sense_is_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        settled([read_goal(text)], TARGETS)


def test_goals_are_told_in_the_unit_of_the_model():
    words = [in_words(one) for one in settled([read_goal("S_n <= -0.3 mV/K"), read_goal("gap in 1..2 eV")], TARGETS)]
    assert words == ["<= -300 uV/K", "in 1..2 eV"]
