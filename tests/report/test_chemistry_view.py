"""The chemistry of a model on the page: signed table, marks where a check failed, escaped text, units by scale."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from matloop.explain.chemistry_values import (
    Altered,
    Case,
    ChemistryStudy,
    ElementEffect,
    Evidence,
    Exchange,
    Found,
    Leaned,
    Prototype,
)
from matloop.explain.values import Check
from matloop.report.chemistry_view import chemistry_view
from matloop.report.templating import environment

GOOD = (Check("stable", True, "0.9"), Check("destroyed by shuffled labels", True, "4% left"))
BAD = (*GOOD, Check("the model knows something", False, "3% above a constant"))


def made_up(checks=GOOD, output="", shown="Fe2O3"):
    effects = (
        ElementEffect("Ni", 0.24, 0.2, 0.28, 0.1, 0.3, 40, 0.97, True),
        ElementEffect("Co", -0.19, -0.25, -0.12, -0.3, 0.0, 30, 0.9, True, True),
        ElementEffect("Fe", 0.00004, -0.1, 0.1, -0.2, 0.2, 35, 1.0, False),
    )
    exchanges = (
        Exchange("Co", "Ni", 0.12, 0.05, 0.2, -0.1, 0.4, 84, 0.71, True, 12, 0.15),
        Exchange("Fe", "Mn", 0.01, -0.1, 0.1, -0.2, 0.2, 20, 0.9, False),
    )
    near = (Leaned("r2", "Fe3O4", 1.5, 0.4, 0.2), Leaned("r3", "FeO", 2.5, 0.1, 0.6))
    altered = (
        Altered(("Fe → Co",), "Co2O3, T 900", 0.4, 2.5, 2.2, 2.8, float("nan"), 1.0, 0.4, 1.6, True),
        Altered(("Fe → Mn (half)",), "MnFeO3, T 900", 0.2, 2.1, 1.0, 3.0, float("nan"), 0.6, -0.9, 2.0, False),
    )
    wish = Found("to rise by 0.5 uV/K, a standard deviation of the data", altered, 120, 5, 20)
    none = Found("to fall by 0.5 uV/K", (), 40, 3, 7)
    evidence = Evidence("common leaves of the trees", 3.2, near, near[::-1], ("it leans on about 3 rows", "they agree"))
    cases = (
        Case("r1", shown, "worst prediction", 1.0, 1.5, 1.0, 2.0, evidence, wish),
        Case("r4", "CoO", "typical of the high values", 3.0, 2.9, 2.5, 3.3, None, none),
    )
    prototypes = (Prototype("r1", shown, "low", 1.0, 0.6), Prototype("r9", "NiO", "odd", 5.0, float("nan")))
    return ChemistryStudy(
        "S", "formula", output, effects, checks, exchanges, checks, prototypes, cases, ("left out: something",)
    )  # fmt: skip


def page(study, **words):
    view = chemistry_view(study, **{"unit": "uV/K", **words})
    source = '{% import "macros.html.j2" as m %}{% include "chemistry.html.j2" %}'
    return environment().from_string(source).render(view=SimpleNamespace(key="t0", chemistry=view))


def test_without_a_study_nothing_is_shown():
    assert chemistry_view(None) is None
    assert page(None).strip() == ""
    assert page(ChemistryStudy("S", "formula")).strip() == ""


def test_the_table_has_signs_colours_and_words():
    text = page(made_up())
    assert 'id="t0-chemistry"' in text
    nickel = re.search(r"<g class=\"cell[^>]*>(?:(?!</g>).)*>Ni<.*?</g>", text, re.S)[0]
    assert "var(--orange)" in nickel
    assert "+0.24" in nickel
    cobalt = re.search(r"<g class=\"cell[^>]*>(?:(?!</g>).)*>Co<.*?</g>", text, re.S)[0]
    assert "var(--blue)" in cobalt
    assert "in place of an alike element" in cobalt
    iron = re.search(r"<g class=\"cell[^>]*>(?:(?!</g>).)*>Fe<.*?</g>", text, re.S)[0]
    assert " few" in iron
    assert "within the noise" in iron
    assert "10⁻" not in text


def test_exchange_says_what_a_chemist_asks():
    text = page(made_up())
    assert "Co → Ni" in text
    assert "+0.12" in text
    assert "0.05 to 0.20" in text
    assert "84, 71" in text
    assert "+0.15 in 12 pairs" in text


def test_counterfactuals_are_marked_supported_or_within_the_doubt():
    text = page(made_up())
    assert text.count(">supported<") == 1
    assert text.count(">within the doubt<") == 1
    assert "Co<sub>2</sub>O<sub>3</sub>, T 900" in text
    assert "to rise by 0.5 µV/K" in text
    assert "40 feasible changes tried, 3 left out because charges cannot balance, 7 of them outside" in text
    assert "It leans on about 3 rows; they agree." in text


def test_what_failed_is_marked():
    text = page(made_up(BAD))
    assert text.count(">do not read<") == 2
    assert ">checked<" not in text
    assert "✗ the model knows something" in text


@pytest.mark.parametrize(
    ("output", "shown"), [("log10 of the value", "+32\u202f%"), ("probability of 'metal'", "+12\u202fpoints")]
)
def test_changes_are_in_the_scale_of_the_output(output, shown):
    assert shown in page(made_up(output=output))


def test_classes_have_names():
    study = made_up()
    case = replace(study.cases[0], measured=1.0, predicted=0.0, low=float("nan"), found=None)
    text = page(replace(study, cases=(case,), prototypes=()), unit="", classes=("insulator", "metal"))
    assert 'measured <span class="num">metal</span>' in text


def test_text_from_data_is_escaped():
    assert "<script>alert" not in page(made_up(shown="<script>alert(1)</script>"))
