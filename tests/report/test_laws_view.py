"""The report part on laws: what is shown for a law, for none, and for hostile names."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from matloop.explain.laws.values import Constant, Law, LawSearch, LawStudy, Variable
from matloop.report.laws_view import laws_view
from matloop.report.templating import environment

HOSTILE = "<script>alert('x')</script>\"'& very long name"


def law(name="T", classes=()):
    return Law(
        expression=f"2.5 * [{name}]^2",
        latex="2.5 T^2",
        python="def law(T):\n    return 2.5 * T ** 2\n",
        unit="" if classes else "uV/K",
        program=("x0", "c0", "-") if classes else ("c0", "x0", "#2.0", "^", "*"),
        constants=(Constant(2.5, 0.1, "uV/K**3"),),
        variables=(Variable(name, "K", 0),),
        complexity=4,
        train_error=0.1,
        error=0.12,
        refit_error=0.11,
        target="S",
        classes=classes,
    )


def study(best, finding="law", task="regression"):
    found = LawSearch(
        target="S", unit="uV/K", task=task, finding=finding, verdict="s follows a formula.", front=(best or law(),),
        best=best, explained=0.9, low=0.8, high=0.95, null=(0.0, 0.02), error=0.12, constant_error=0.5,
        black_box_error=0.2, same_form=2 / 3, n_repeats=3, beyond=None, n_rows=100, n_inputs=4, n_terms=10,
    )  # fmt: skip
    return LawStudy(found, ("T",), "ridge", 0.15)


def rendered(given):
    template = environment().from_string('{% import "macros.html.j2" as m %}{% include "laws.html.j2" %}')
    return template.render(view=SimpleNamespace(key="t0", laws=laws_view("t0", given)))


def test_a_law_is_typeset_with_units_and_its_price():
    page = rendered(study(law()))
    assert "<msup><mrow><mi>T</mi></mrow><mn>2</mn></msup>" in page
    assert "µV/K³" in page
    assert "2 of 3 times" in page
    assert "0.150" in page


def test_no_law_is_said_and_no_formula_shown():
    page = rendered(study(None, "none"))
    assert "no law" in page
    assert "<math" not in page


def test_a_rule_is_a_condition():
    page = rendered(study(law(classes=("gap", "metal")), task="classification"))
    assert "Says metal where" in page
    assert "<mi>T</mi><mo>&gt;</mo><mn>2.5</mn>" in page


def test_conditions_are_joined_by_words():
    two = replace(law(classes=("gap", "metal")), program=("x0", "c0", "-", "c0", "x0", "-", "min"))
    page = rendered(study(two, task="classification"))
    assert "and" in page
    assert "<mo>&lt;</mo><mn>2.5</mn>" in page


def test_hostile_names_stay_text():
    page = rendered(study(law(HOSTILE)))
    assert "<script>alert" not in page
    assert "x1" in laws_view("t0", study(law(HOSTILE))).formula or "<msub>" in page


def test_nothing_is_shown_without_a_study():
    assert laws_view("t0", None) is None
    assert laws_view("t0", LawStudy(None, (), "ridge", float("nan"), ("no time",))) is None
    assert rendered(None).strip() == ""


def test_the_figure_is_strict_json_and_marks_the_chosen_law():
    figure = laws_view("t0", study(law())).figure
    traces = json.loads(str(figure.json))[0]["data"]
    assert [t["name"] for t in traces if t["name"] == "chosen"] == ["chosen"]
    assert pytest.approx(0.15) in traces[-1]["y"]
