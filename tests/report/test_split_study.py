"""The section on kinds of novelty says what the study found, and nothing where there is none."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from matloop.evaluate.split_study import NoveltyScore, PartScore, SplitStudy
from matloop.metrics.estimate import Estimate
from matloop.report.split_study_view import novelty_sentence, split_study_view
from matloop.report.templating import environment
from matloop.split.describe import FoldReport, SplitReport

NONE = Estimate(math.nan, math.nan, math.nan)


def score(key, name, model, usual, dummy=2.0, nearest=1.0, unseen=0.0, parts=()):
    report = SplitReport(
        name, 100, (FoldReport("a", 80, 20, distance=0.4, spacing=0.2, unseen_element_rows=unseen),), 1.0
    )
    plain = [
        NONE if value is None else Estimate(value, value - 0.1, value + 0.1) for value in (model, usual, dummy, nearest)
    ]
    return NoveltyScore(key, name, "what is new", 1, 1234, plain[0], plain[1], plain[2], plain[3], report, parts)


STUDY = SplitStudy(
    "mae", "eV",
    (
        score("random", "random cross-validation", 0.5, 0.5),
        score(
            "element", "left-out elements", 1.0, 0.4, nearest=1.3, unseen=1.0, parts=(PartScore("Co", 30, 1.2, 0.4),)
        ),
        score("high", "highest values of the target", 1.1, 0.9, nearest=0.9),
    ),
    ("near twins: the time ran out",),
)  # fmt: skip


def rendered(study):
    text = '{% import "macros.html.j2" as m %}{% include "split_study.html.j2" %}'
    return environment().from_string(text).render(view=SimpleNamespace(key="t0", splits=split_study_view(study, "t0")))


def test_the_costliest_novelty_and_the_beaten_model_are_named():
    said = novelty_sentence(STUDY)
    assert "Novelty costs most for left-out elements" in said
    assert "2.5 times that of the same rows" in said
    assert "No better than a dumb method: highest values of the target" in said
    calm = replace(STUDY, scores=(STUDY.scores[0], score("system", "left-out systems", 0.52, 0.5)))
    assert "No kind of novelty that was tried" in novelty_sentence(calm)


def test_a_score_loses_points_instead_of_being_multiplied():
    scores = (
        score("random", "random", 0.9, 0.9, 0.5, 0.8),
        score("element", "left-out elements", 0.7, 0.88, 0.5, 0.75),
    )
    said = novelty_sentence(SplitStudy("balanced_accuracy", "", scores))
    assert "−18\u202fpoints on the same rows" in said
    assert "No better than a dumb method: left-out elements" in said


def test_table_figure_and_parts_are_on_the_page():
    page = rendered(STUDY)
    for text in ("no better than the nearest neighbour", "1,234", "2.0×", "100\u202f% new element", "Co", "3.0×"):
        assert text in page
    assert "Near twins: the time ran out" in page
    view = split_study_view(STUDY, "t0")
    assert view.figure.variants[0].layout["yaxis"]["ticktext"] == ["random folds", "new element", "higher values"]
    model = next(trace for trace in view.figure.variants[0].data if trace["name"] == "this model")
    assert model["x"] == [0.5, 1, 1.1]
    assert model["error_x"]["array"] == pytest.approx([0.1, 0.1, 0.1])


def test_nothing_is_shown_without_a_study_or_anything_to_compare():
    assert rendered(None).strip() == ""
    assert rendered(replace(STUDY, scores=STUDY.scores[:1])).strip() == ""


def test_missing_numbers_leave_gaps_and_names_from_data_are_harmless():
    bad = score(
        "element", "<b>x</b>", 1.0, None, None, None, unseen=math.nan, parts=(PartScore("<script>", 3, math.nan, 1.0),)
    )
    page = rendered(replace(STUDY, scores=(STUDY.scores[0], bad)))
    assert "&lt;script&gt;" in page
    assert "<b>x</b>" not in page
    assert "nan" not in page.lower().replace("nanm", "")
