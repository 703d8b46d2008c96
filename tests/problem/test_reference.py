from dataclasses import fields
from pathlib import Path

import pytest

from matloop.metrics import METRICS
from matloop.problem import question
from matloop.problem.toml import parse_problem

PAGE = (Path(__file__).parents[2] / "docs/reference/problem.md").read_text("utf-8")


@pytest.mark.parametrize(
    "kind", ["Source", "Input", "Target", "Success", "Never", "Roles", "Limits", "Protocol", "Training", "Cleaning"]
)
def test_every_key_stands_in_the_reference(kind):
    for field in fields(getattr(question, kind)):
        assert f"`{field.name}`" in PAGE or f"{field.name} =" in PAGE or field.name in ("name", "success"), field.name


def test_every_metric_stands_in_the_reference():
    assert [name for name in METRICS if name not in PAGE] == []


def test_the_example_of_the_reference_is_sound():
    reading = parse_problem(PAGE.split("```toml")[1].split("```")[0])
    assert reading.sentences() == ()
