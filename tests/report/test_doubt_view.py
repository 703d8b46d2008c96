"""The section on doubt says which way is best, and stands without a fault for numbers, classes and next to nothing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.evaluate.doubt_study import Doubted, compare_doubt
from matloop.evaluate.doubt_values import ClassPart, ClassScore, DoubtStudy, SetScore
from matloop.evaluate.values import Reliability
from matloop.metrics.estimate import Estimate
from matloop.metrics.uncertainty import confidence_curve
from matloop.report.doubt_view import doubt_view, number_sentence
from matloop.report.templating import environment


def part(name="cv", seed=0, order=("true", "flat", "tight"), n=1200):
    rng = np.random.default_rng(seed)
    std = rng.lognormal(0.0, 0.6, n)
    y, z = std * rng.standard_normal(n), 1.645
    flat = np.full(n, np.sqrt(np.mean(std**2)))
    widths = {"true": ("own", std), "flat": ("constant", flat), "tight": ("linear", 0.6 * std)}
    words = {"own": "this model's intervals", "constant": "the same width everywhere", "linear": "spread on a line"}
    ways = [Doubted(key, words[key], -z * s, z * s, s) for key, s in (widths[which] for which in order)]
    return compare_doubt(name, y, np.zeros(n), tuple(ways))


def numbers():
    notes = ("loco: width by the errors of similar rows was left out, the time ran out.",)
    return DoubtStudy(0.9, "GPa", (), (part(), part("loco", 1)), (), notes)


def classes(names=("metal", "insulator", "<b>odd</b>")):
    rng = np.random.default_rng(0)
    k, wrong = len(names), (rng.random(300) < 0.2).astype(float)
    nothing = Estimate(np.nan, np.nan, np.nan)
    ways = (
        ClassScore("own", "this model's probabilities", 0.31, 0.2, 0.02, nothing),
        ClassScore("identity", "as the members say", 0.35, 0.22, 0.06, Estimate(0.13, 0.05, 0.2)),
    )
    sets = tuple(
        SetScore(name, label, 0.91, np.linspace(0.85, 0.95, k), 1.2, 0.8, np.full(k + 1, 1 / (k + 1)))
        for name, label in (("by_class", "a threshold for each class"), ("threshold", "one threshold"))
    )
    line = Reliability(np.array([0.2, 0.8]), np.array([0.25, 0.75]), np.array([100.0, 200.0]))
    found = ClassPart("cv", 300, ways, "own", True, (line,) * k, sets, confidence_curve(wrong, wrong + rng.random(300)))
    return DoubtStudy(0.9, "", names, (), (found,), ())


def rendered(study):
    view = SimpleNamespace(key="t0", doubt_study=doubt_view("t0", study), classification=bool(study.classes))
    text = '{% import "macros.html.j2" as m %}{% include "doubt_study.html.j2" %}'
    return environment().from_string(text).render(view=view)


def test_nothing_is_shown_without_a_study():
    assert doubt_view("t0", None) is None
    assert doubt_view("t0", DoubtStudy(0.9, "", (), (), (), ("too few rows",))) is None


def test_numbers_have_three_figures_and_a_table_per_set_of_rows():
    page = rendered(numbers())
    assert page.count("<figure") == 3
    assert page.count("<table") == 2
    assert "Leave one cluster out: width by the errors" in page
    assert "own intervals are the best of 3 ways" in page


def test_classes_have_sets_and_hostile_names_are_escaped():
    page = rendered(classes())
    assert page.count("<figure") == 2
    assert "Prediction sets, random cross-validation" in page
    assert "<b>odd</b>" not in page
    assert "85.0" in page


def test_a_better_way_is_said():
    other = part(order=("flat", "true"))
    other = replace(other, methods=(replace(other.methods[0], name="own"), *other.methods[1:]))
    assert number_sentence(part()).startswith("The model's own intervals are the best")
    worse = part(order=("tight", "true"))
    methods = tuple(
        replace(one, name=name, label=name) for one, name in zip(worse.methods, ("own", "scaled"), strict=True)
    )
    said = number_sentence(replace(worse, methods=methods, best="scaled"))
    assert said.startswith("Another way is better: scaled scores")


@pytest.mark.parametrize("n", [25, 60])
def test_few_rows_are_survived(n):
    study = DoubtStudy(0.9, "", (), (part(n=n),), (), ())
    assert "<table" in rendered(study)
