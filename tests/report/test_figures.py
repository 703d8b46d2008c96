from __future__ import annotations

import json

import numpy as np
import pytest

from matloop.report.figures.curves import precision_recall, roc
from matloop.report.figures.figure import numbers, safe
from matloop.report.figures.reliability import reliability, wilson
from matloop.report.figures.shortlist import found_share
from matloop.report.formula import formula_html
from matloop.report.palette import DARK, LIGHT
from matloop.report.periodic import PLACES, coverage_map
from matloop.report.target_view import target_view
from matloop.report.thinning import ALL_UP_TO, shown_rows


def test_all_worst_points_are_drawn():
    error = np.random.default_rng(0).random(35_000)
    shown = shown_rows(error)
    assert set(np.argsort(-error)[:100]) <= set(shown.rows.tolist())
    assert len(shown.rows) == 400
    assert shown.dense


def test_small_sets_are_drawn_whole_without_rows_that_have_no_error():
    assert shown_rows(np.array([1.0, np.nan, 2.0])).rows.tolist() == [0, 2]
    assert not shown_rows(np.ones(ALL_UP_TO)).dense


def test_roc_has_the_area_that_scikit_learn_finds():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    positive, score = rng.random(300) < 0.3, rng.random(300).round(2)
    false, true = roc(score, positive)
    assert np.trapezoid(true, false) == pytest.approx(metrics.roc_auc_score(positive, score), abs=1e-12)
    recall, precision = precision_recall(score, positive)
    steps = np.diff(np.concatenate([[0.0], recall]))
    assert steps @ precision == pytest.approx(metrics.average_precision_score(positive, score), abs=1e-12)


def test_wilson_interval_of_nothing_found_in_ten():
    low, high = wilson(np.array([0.0]), np.array([10.0]))
    assert low[0] == 0.0
    assert high[0] == pytest.approx(0.2775, abs=1e-4)  # Brown, Cai & DasGupta (2001), doi:10.1214/ss/1009213286


def test_reliability_counts_every_row_once():
    proba = np.array([0.0, 0.05, 0.55, 1.0])
    line = reliability(proba, np.array([False, True, True, True]))
    assert line.n_rows.tolist() == [2, 1, 1]
    assert line.found.tolist() == [0.5, 1.0, 1.0]


def test_perfect_order_finds_the_top_first():
    y = np.array([1.0, 5.0, 3.0, 4.0])
    assert found_share(y, y, 2).tolist() == [0.5, 1.0, 1.0, 1.0]


def test_periodic_table_has_every_element_once():
    assert len(PLACES) == 118
    assert PLACES["Fe"] == (3, 7)
    assert PLACES["Au"] == (5, 10)
    assert PLACES["U"] == (8, 5)


def test_elements_without_rows_are_blank(make_record):
    cells = coverage_map(make_record("small").targets[0].evaluation.slices).cells
    assert next(cell for cell in cells if cell.symbol == "He").tone == "blank"
    assert any(cell.tone == "strong" for cell in cells)


def test_formula_gets_subscripts_and_other_text_is_escaped():
    assert formula_html("Ca(OH)2") == "Ca(OH)<sub>2</sub>"
    assert "</sub><wbr>Cr<sub>" in formula_html("Fe0.803C0.0174Mn0.00236Cr0.0779")
    assert formula_html("C1CC1C2CCC2") == "C1CC1C2CCC2"  # a SMILES: rings, not amounts
    steel = formula_html("Fe96.43460804212445C0.0023612345Si0.00001234Mn1.00000001, aged <2> h, oil", 60)
    assert steel == (
        "Fe<sub>96.4346</sub><wbr>C<sub>0.00236</sub><wbr>Si<sub>0.00001234</sub><wbr>Mn<sub>1</sub>"
        ", aged &lt;2&gt; h, oil"
    )
    assert formula_html("Fe2O3, " + "x" * 90, 20) == "Fe<sub>2</sub>O<sub>3</sub>, " + "x" * 12 + "…"
    assert formula_html("<b>Fe2O3</b>") == "&lt;b&gt;Fe2O3&lt;/b&gt;"
    assert formula_html("sample12") == "sample12"


def test_long_numbers_in_a_text_that_is_no_formula_take_no_time():
    text = "Fe97.12345678901234C1.23456789012345678; heat 7"
    assert formula_html(text) == text


def test_text_for_plotly_has_no_tags_and_no_templates():
    assert safe("<b>%{x}") == "&lt;b&gt;%\u200b{x}"


def test_numbers_are_short_and_strict():
    assert json.dumps(numbers([1.0, 0.123456789, np.nan, np.inf])) == "[1, 0.12346, null, null]"


def test_sealed_scores_come_first_among_the_choices(make_record):
    record = make_record("large")
    view = target_view(record.targets[0], record.problem.targets[0], 0)
    assert view.fit[0].variants[0].label == "Sealed rows"
    assert len(view.fit[0].variants) == 3


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [("ink", "ground"), ("muted", "ground"), ("muted", "card"), ("muted", "sunk"), ("link", "ground"), ("link", "sunk"),
     ("bad", "bad-ground"), ("unsure", "unsure-ground"), ("good", "good-ground"), ("muted", "good-ground"),
     ("muted", "bad-ground"), ("muted", "unsure-ground"), ("on-heat", "heat")],
)  # fmt: skip
def test_text_can_be_read(colours, ink, ground):
    light, dark = sorted((_luminance(colours[ink]), _luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, 1.4.3
