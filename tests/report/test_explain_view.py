"""Checked explanations on the page: nothing without a study, marks where a check failed, text from data escaped."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.explain.values import (
    Check,
    Contributions,
    DropColumn,
    Effect,
    ExplainStudy,
    GlassBox,
    Interaction,
    Part,
    Surrogate,
    Term,
    Why,
)
from matloop.report.explain_view import badge, explain_view
from matloop.report.templating import environment

GOOD = (Check("stable", True, "97% shared"), Check("destroyed by shuffled labels", True, "4% left"))
BAD = (*GOOD, Check("the model knows something", False, "its error is 3% above that of a constant"))


def made_up(checks=GOOD, name="mean mass"):
    rng = np.random.default_rng(0)
    n, grid = 40, np.linspace(0, 1, 5)
    names = (f"{name} (+3 correlated)", "radius", "route")
    values = rng.normal(size=(n, 3))
    contributions = Contributions(
        "tree", "", names, np.array([2.0, 1.0, 0.1]), np.array([1.9, 0.9, 0.0]), np.array([2.1, 1.1, 0.2]),
        np.array([1.0, 1.0, 0.0]), values, rng.normal(size=(n, 3)), np.full(n, 3.0), 3.0 + values.sum(axis=1), 0.0,
        checks,
    )  # fmt: skip
    why = Why("r1", "Fe2O3", 7.0, 3.5, 3.0, 3.5, (Part(name, "55.8", 1.0), Part("radius", "1.2", -0.4)), -0.1)
    effects = (
        Effect(name, grid, grid - 0.5, grid - 0.6, grid - 0.4, np.tile(grid - 0.5, (4, 1)), np.full(5, 0.2), 0.35, (),
               checks),
        Effect("route", np.array([0.0, 1.0]), np.array([-1.0, 1.0]), np.array([-1.1, 0.9]), np.array([-0.9, 1.1]),
               np.zeros((0, 2)), np.array([0.5, 0.5]), 1.0, ("cast", "rolled"), checks),
    )  # fmt: skip
    surface = Interaction(name, "radius", 0.5, 0.4, 0.6, 0.7, grid, grid, np.outer(grid - 0.5, grid - 0.5))
    rules = (f"{name} ≤ 3: 1.2 eV (40 rows)",)
    terms = (Term(name, 2.0, 1.5, 1.0), Term("radius", 1.0, -3.0, 0.8))
    return ExplainStudy(
        "gap", "mae", "", checks, (DropColumn(names[0], (name, "a", "b", "c"), 0.5, 0.2, 0.8, 1.2),), checks,
        contributions, (why,), effects, (surface, Interaction("radius", "route", 0.1, 0.0, 0.2, 0.1)), checks,
        (
            GlassBox("shallow tree", 1.5, 1.0, 0.5, 0.2, 0.8, terms, rules, float("nan"), checks),
            GlassBox("sparse linear model", 1.0, 1.0, 0.0, -0.2, 0.2, terms, (), 1.0, checks),
        ),
        (Surrogate("shallow tree", 0.85, 0.8, 0.9, terms, rules, float("nan"), checks),),
        ("left out: something",),
    )  # fmt: skip


def page(study, *, classes=()):
    view = explain_view("t0", study, target="gap", unit="eV", classes=classes)
    source = '{% import "macros.html.j2" as m %}{% include "explain_more.html.j2" %}'
    return environment().from_string(source).render(view=SimpleNamespace(key="t0", explain_more=view))


def test_without_a_study_nothing_is_shown():
    assert explain_view("t0", None, target="gap", unit="eV") is None
    assert page(None).strip() == ""
    assert page(ExplainStudy("gap", "mae")).strip() == ""


def test_a_study_that_holds_is_shown_as_checked():
    text = page(made_up())
    assert "do not read" not in text.replace('marked "do not read"', "")
    assert text.count(">checked<") >= 5
    assert "as good within the doubt: read this one instead" in text
    assert "worse than the chosen model" in text
    assert "0.50" in text
    assert "Fe<sub>2</sub>O<sub>3</sub>" in text
    assert "left out: something".capitalize() in text


def test_what_failed_is_marked_everywhere():
    text = page(made_up(BAD))
    assert text.count(">do not read<") >= 5
    assert "read this one instead" not in text
    assert "2 effects not to be read" in text
    assert "its error is 3% above" in text
    assert text.count("opacity:.6") >= 4


@pytest.mark.parametrize(
    ("checks", "label"),
    [(GOOD, "checked"), (BAD, "do not read"), (GOOD[:1], "not fully checked"), ((), "not fully checked")],
)
def test_badge(checks, label):
    assert badge(checks).label == label


def test_text_from_data_is_escaped():
    text = page(made_up(name="<script>alert(1)</script>%{x}"))
    assert "<script>alert" not in text


def test_classes_are_named_and_judged_by_the_brier_score():
    study = replace(made_up(), reasons=(Why("r", "r", 1.0, 0.0, 0.5, 0.2, (), -0.3),), output="probability of 'metal'")
    text = page(study, classes=("insulator", "metal"))
    assert "Brier score" in text
    assert 'measured <span class="num">metal</span>' in text


def test_a_study_with_importance_checks_only_has_no_empty_parts():
    text = page(ExplainStudy("gap", "mae", importance_checks=GOOD))
    assert "figure" not in text
    assert "checked" in text
