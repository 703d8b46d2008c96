import numpy as np
import pandas as pd
import pytest

from matloop.pipeline.draft import draft
from matloop.pipeline.orders import order_of_words
from matloop.problem.toml import parse_problem


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["high", "low", "mid"], ("low", "mid", "high")),
        (["Very High", "HIGH", "moderate"], ("moderate", "HIGH", "Very High")),
        (["poor", "good", "excellent"], ("poor", "good", "excellent")),
        (["low", "high"], ()),
        (["low", "medium", "large"], ()),
        (["mid", "medium", "low"], ()),
        (["air", "argon", "vacuum"], ()),
    ],
)
def test_known_scales_are_put_in_order_and_others_are_left_alone(words, order):
    assert order_of_words(words) == order


def test_init_writes_the_order_and_says_so():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"grade": rng.choice(["high", "low", "medium"], 60), "strength": rng.normal(size=60)})
    drafted = draft(frame, targets=["strength"])
    assert drafted.problem.inputs[0].order == ("low", "medium", "high")
    assert any("low < medium < high" in line for line in drafted.said)
    read = parse_problem(drafted.toml)
    assert read.problem.inputs[0].order == ("low", "medium", "high")
