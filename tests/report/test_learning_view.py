from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.evaluate.descriptors import CutPoint, DescriptorCurve
from matloop.evaluate.fidelity import CheapPoint, FidelityCurve
from matloop.evaluate.learning import LearningCurve, LearningStudy, SizePoint
from matloop.report.learning_view import learning_view
from matloop.report.templating import environment

SIZES = (100, 200, 400, 800)


def study(metric="mae", exponent=0.5, *, sizes=SIZES, full=True):
    scores = [0.9 * (n / sizes[0]) ** -exponent for n in sizes]
    if metric != "mae":
        scores = [1 - score for score in scores]
    curve = LearningCurve(metric, tuple(SizePoint(n, 0, s) for n, s in zip(sizes, scores, strict=True)))
    cut = DescriptorCurve(
        metric, tuple(CutPoint(k, 0.5, 0.5, 0.1, 0.01) for k in (1, 2, 4, 9)), 2, ("<b>mass</b>",), 300, "2 are enough."
    )
    points = tuple(CheapPoint(s, int(90 * s), 50, p, 0.5 - 0.1 * s) for s in (0.0, 1.0) for p in range(3))
    cheap = FidelityCurve(metric, "<i>DFT</i>", points, 0.2, 0.1, 0.3, "Rows of other fidelity help.")
    ahead = curve.forecast(1000)
    return LearningStudy(curve, ahead, cut if full else None, cheap if full else None, 1.0, ("one note",))


def page_of(found, unit="GPa"):
    template = '{% import "macros.html.j2" as m %}{% include "learning_more.html.j2" %}'
    view = SimpleNamespace(key="t0", learning_more=learning_view("t0", found, unit))
    return environment().from_string(template).render(view=view)


def test_all_three_curves_are_drawn_with_the_answer_first():
    view = learning_view("t0", study(), "GPa")
    assert [figure.key for figure in view.figures] == ["t0-forecast", "t0-descriptors", "t0-fidelity"]
    page = page_of(study())
    assert "To halve the error you need about" in page
    assert "one note" in page.lower()
    assert "<b>mass" not in page
    assert "<i>DFT" not in page
    for figure in view.figures:
        json.dumps([v.data for v in figure.variants], allow_nan=False)


def test_the_star_lies_at_half_the_error_and_the_axis_is_in_the_target_unit():
    found = study()
    variant = learning_view("t0", found, "GPa").figures[0].variants[0]
    star = next(trace for trace in variant.data if trace.get("name") == "half the error")
    assert star["y"][0] == pytest.approx(found.ahead.error / 2, rel=1e-3)
    assert star["x"][0] == pytest.approx(1000 + found.ahead.more, rel=1e-2)
    assert "GPa" in variant.layout["yaxis"]["title"]["text"]
    assert variant.layout["xaxis"]["ticktext"][0] == "100"


def test_higher_is_better_is_drawn_as_what_is_missing():
    variant = learning_view("t0", study("balanced_accuracy"), "").figures[0].variants[0]
    assert variant.layout["yaxis"]["title"]["text"].startswith("100 % −")
    points = next(trace for trace in variant.data if trace.get("name") == "rows not trained on")
    assert points["y"][0] == pytest.approx(90.0)


def test_a_flat_or_short_curve_has_no_star():
    flat = learning_view("t0", study(exponent=0.01), "GPa")
    assert "help little" in flat.lead
    assert all("half" not in trace.get("name", "") for trace in flat.figures[0].variants[0].data)
    short = study(sizes=(100, 200), full=False)
    assert math.isnan(short.ahead.more)
    assert "cannot be told" in page_of(short)
    assert learning_view("t0", study(sizes=(100,), full=False), "GPa").figures == ()


def test_no_study_shows_nothing():
    assert page_of(None).strip() == ""
    assert np.isfinite(study().ahead.error)
