"""The section on the domain says what the study found in words, and nothing where there is none."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from matloop.evaluate.domain_study import DistanceBin, DomainStudy, LimitGain, MeasureResult, Side
from matloop.metrics.estimate import Estimate
from matloop.report.domain_view import domain_sentence, domain_view
from matloop.report.templating import environment

NONE = Estimate(math.nan, math.nan, math.nan)


def about(value, off=0.05):
    return Estimate(value, value - off, value + off)


def side(where, inside, error, coverage):
    return Side(where, inside, 1234, about(error), about(coverage, 0.01))


STUDY = DomainStudy(
    "uV/K", False, 0.9,
    (
        MeasureResult("relative_distance", "Relative distance", 0.93, (0.95, 0.85), 0.7, in_use=True),
        MeasureResult("leverage", "Leverage <b>", 0.7, (0.6, 0.8), 0.2),
    ),
    about(0.06, 0.01), about(0.7),
    (
        side("cv", True, 1.0, 0.91), side("cv", False, 1.8, 0.86), side("loco", True, 1.4, 0.9),
        side("loco", False, 2.8, 0.8),
    ),
    tuple(
        DistanceBin(where, score, 50, about(error), 0.9)
        for where in ("cv", "loco")
        for score, error in ((0.0, 1.0), (1.4, 2.0))
    ),
    (LimitGain(0.8, 0.2, 0.9, about(1.2), about(0.9)), LimitGain(1.0, 0.06, 0.7, about(1.4), about(0.9), in_use=True)),
    ("not compared, the time ran out: Ranges",),
)  # fmt: skip


def rendered(study):
    text = '{% import "macros.html.j2" as m %}{% include "domain_study.html.j2" %}'
    return environment().from_string(text).render(view=SimpleNamespace(key="t0", domain=domain_view(study, "t0")))


def test_the_sentence_says_what_is_flagged_what_it_buys_and_what_remains():
    said = domain_sentence(STUDY)
    assert "marks 6.0" in said
    assert "70\u202f% of rows of a cluster that was left out (AUROC 0.93)" in said
    assert "flagged rows are 2.0 times as wrong" in said
    assert "hold 80\u202f% of the measured values, those of the others 90" in said
    assert "still 1.4 times as wrong as one in random" in said


@pytest.mark.parametrize(
    ("outside", "words"), [(about(1.42), "cannot be told apart"), (about(0.7), "distance does not point to error")]
)
def test_a_flag_that_does_not_point_to_error_is_said_to_be_so(outside, words):
    sides = (*STUDY.sides[:3], Side("loco", False, 99, outside, about(0.8)))
    assert words in domain_sentence(replace(STUDY, sides=sides))


def test_without_left_out_clusters_no_worth_is_claimed():
    alone = replace(
        STUDY, flagged_loco=NONE, sides=STUDY.sides[:2], limits=(), bins=STUDY.bins[:2],
        measures=(MeasureResult("leverage", "Leverage", math.nan, (), math.nan, in_use=True),),
    )  # fmt: skip
    assert domain_sentence(alone).endswith("it could not be tried on new chemistry.")
    page = rendered(alone)
    assert "What another limit" not in page
    assert "Each measure" not in page


def test_the_page_shows_tables_figures_and_notes_and_escapes():
    page = rendered(STUDY)
    assert page.count("<figure") == 2
    assert "1,234" in page
    assert "µV/K" in page
    assert "does not promise" in page
    assert "Leverage &lt;b&gt;" in page
    assert "<b>Leverage <b>" not in page
    assert "Not compared, the time ran out: Ranges" in page


def test_classes_are_shares_without_intervals():
    sides = tuple(replace(one, coverage=NONE, error=about(0.2)) for one in STUDY.sides)
    page = rendered(replace(STUDY, classification=True, sides=sides, unit=""))
    assert "In the wrong class" in page
    assert "20" in page
    assert "interval</th>" not in page


def test_nothing_is_shown_without_a_study():
    assert rendered(None).strip() == ""
