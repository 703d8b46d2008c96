"""The sections on bias and stability: rendered with their figures, and nothing where there is no study."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.evaluate.bias import find_bias
from matloop.evaluate.bias_values import errors_of_classes, errors_of_values
from matloop.evaluate.label_noise import NoiseLevel, NoiseStudy
from matloop.evaluate.power import compare_models, seed_spread, spread_parts
from matloop.evaluate.row_sets import by_word
from matloop.evaluate.row_worth import Removal, ValuedRow, WorthStudy
from matloop.evaluate.sanity import SanityCheck, SanityStudy
from matloop.evaluate.slices import Slice
from matloop.evaluate.stability import RivalStudy, StabilityStudy
from matloop.metrics.estimate import Estimate
from matloop.report.bias_view import bias_view
from matloop.report.stability_view import stability_view
from matloop.report.templating import environment

PAGE = '{% import "macros.html.j2" as m %}{% include "bias.html.j2" %}{% include "stability.html.j2" %}'


def rendered(bias=None, stability=None, classification=False):
    view = SimpleNamespace(key="t0", bias=bias, stability=stability, classification=classification)
    return environment().from_string(PAGE).render(view=view)


def made_bias(scale="linear", name="F"):
    rng = np.random.default_rng(0)
    member = np.arange(400) < 120
    error = rng.normal(size=400) * np.where(member, 3.0, 1.0) + 2.0 * member
    sets = [Slice("element", name, member), *by_word("category", "route", np.tile(["cast", "rolled"], 200)),
            Slice("element", "Xe", np.arange(400) < 3)]  # fmt: skip
    if scale == "classes":
        p = np.clip(0.5 + 0.1 * error, 0.01, 0.99)
        errors = errors_of_classes(error > 1, p > 0.5, np.column_stack([1 - p, p]), classes=("soft", name))
    else:
        errors = errors_of_values(np.full(400, 50.0), 50.0 + error, scale=scale, unit="uV/K")
    return find_bias(errors, sets)


def made_stability(shown="Fe2O3", readable=True):
    row = ValuedRow("r1", shown, 1.0, -3.2, 0.0, 5.0, "far from its nearest rows", (("r2", "FeO", 0.0),))
    worth = WorthStudy(np.zeros(3), (row,), (row,), 0.4, 3, 100, 0.9, math.nan,
                       Removal(5, -0.02, 0.01, Estimate(-0.03, -0.05, -0.01)), readable, "They do harm.")  # fmt: skip
    levels = tuple(NoiseLevel(s, 10 * s, (1.0 + s, 1.02 + s), 1.0 + s, 0.3) for s in (0.0, 0.1, 0.5))
    noise = NoiseStudy(levels, "mean absolute error", "uV/K", 10.0, 1.2, 2.0, "given", 1.05, 800, "Noise matters.")
    folds = compare_models([1.0, 1.1, 0.9], [1.2, 1.3, 1.05], n_train=60, n_test=30, names=("svm", "lightgbm"))
    parts = spread_parts(np.random.default_rng(0).normal(size=(3, 40)))
    rivals = RivalStudy(("svm", "lightgbm"), ("svm()", "lightgbm()"), "mae", folds, folds, parts, 4.0)
    checks = (
        SanityCheck("shuffled labels", "fitted again", "error 40 % of the dummy's", "at least 90 %", False, 0.4, 0.9),
        SanityCheck("one row alone", "asked twice", "the same", "the same", True, 0.0, 0.0),
        SanityCheck("randomised model", "correlated", "0.7", "below 0.5", None, 0.7, 0.5),
    )
    sanity = SanityStudy(checks, "1 of 2 checks failed: shuffled labels.")
    return StabilityStudy(seed_spread([1.0, 1.1], 0.3), rivals, noise, worth, sanity, ("a note",))


def test_nothing_is_shown_without_a_study():
    assert rendered().strip() == ""
    assert bias_view("t0", None) is None
    assert stability_view("t0", None) is None


@pytest.mark.parametrize("scale", ["linear", "log", "classes"])
def test_bias_is_told_drawn_and_listed(scale):
    study = made_bias(scale)
    view = bias_view("t0", study)
    page = rendered(bias=view)
    assert "ompounds with F" in page
    assert "1 set with too few rows" in page
    labels = [variant["label"] for variant in json.loads(view.figure.json)]
    assert labels == ["Size of the error", "Direction"]
    drawn = json.loads(view.figure.json)[0]
    assert drawn["layout"]["yaxis"]["ticktext"][0] == "compounds with F (120)"
    assert [row.name for row in view.rows if row.called]


def test_a_study_without_sets_has_a_sentence_and_no_figure():
    study = find_bias(errors_of_values(np.zeros(5), np.ones(5)), [])
    page = rendered(bias=bias_view("t0", study))
    assert "too few rows" in page
    assert "<figure" not in page


def test_stability_has_all_its_parts():
    page = rendered(stability=stability_view("t0", made_stability(), unit="uV/K"))
    told = ("Sanity checks", "✗ failed", "? not judged", "Svm", "4 seeds would do", "Over 2 seeds", "Noise matters")
    listed = ("They do harm", "Fe<sub>2</sub>O<sub>3</sub>", "1.00\u202fµV/K", "A note")
    assert not [words for words in (*told, *listed) if words not in page]
    assert page.index("✗ failed") < page.index("✓ passed")


def test_values_that_are_not_to_be_read_are_folded_away():
    page = rendered(stability=stability_view("t0", made_stability(readable=False)))
    assert "(do not read)" in page
    assert "<details open" not in page
    assert "of most worth" not in page


def test_classes_are_named_in_the_list_of_rows():
    page = rendered(stability=stability_view("t0", made_stability(), classes=("soft", "hard")), classification=True)
    assert ">hard</td>" in page


def test_text_from_data_makes_no_tags(hostile_text):
    page = rendered(bias_view("t0", made_bias(name=hostile_text)), stability_view("t0", made_stability(hostile_text)))
    assert "<img" not in page
    assert "<script>alert" not in page


def test_parts_that_are_missing_are_not_shown():
    page = rendered(stability=stability_view("t0", StabilityStudy(None, None, None, None, None, ("too late",))))
    assert "Too late" in page
    assert "<h3" not in page
