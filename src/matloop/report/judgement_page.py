"""A model judged on new rows as one self-contained HTML page, of the same make as the report of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matloop.evaluate.judgement import Judged
from matloop.metrics.estimate import Estimate
from matloop.problem.question import Target
from matloop.report import tables, words
from matloop.report.figures.figure import Figure
from matloop.report.page import page_parts
from matloop.report.periodic import PeriodicMap
from matloop.report.target_view import (
    ANSWERS,
    FailureRow,
    IntervalRow,
    KeyNumber,
    SliceTable,
    calibration_figures,
    class_figures,
    element_maps,
    error_terms,
    failure_row,
    group_figures,
    interval_row,
    slice_rows,
    slice_tables,
    value_figures,
)
from matloop.report.templating import environment

MEASURES: Mapping[str, tuple[str, str]] = {
    "nll": ("Negative log-likelihood", "of a normal distribution with the stated standard deviation; lower is better"),
    "crps": ("CRPS", "mean distance of the stated distribution from what was measured, in the unit; lower is better"),
    "ence": ("ENCE", "how far the errors of rows with alike standard deviations are from it; 0 is perfect"),
    "miscalibration_area": ("Miscalibration area", "between promised and found coverage over all levels; 0 is perfect"),
    "error_rank_correlation": ("Rank correlation of error and doubt", "1: the surest predictions are the best"),
    "widest_fifth_ratio": (
        "Error of the most doubtful fifth",
        "over the error of the rest; 1: doubt is blind",
    ),
}


@dataclass(frozen=True, slots=True)
class JudgedView:
    """One target of the page, worked out before the template is filled."""

    key: str
    judged: Judged
    tone: str
    mark: str
    headline: str
    classification: bool
    unit: str
    error_words: str
    key_numbers: tuple[KeyNumber, ...]
    scores: tuple[tables.ScoreRow, ...]
    measures: tuple[tuple[str, str, str], ...]
    confusions: tuple[tables.Confusion, ...]
    intervals: tuple[IntervalRow, ...]
    failures: tuple[FailureRow, ...]
    fit: tuple[Figure, ...]
    calibration: tuple[Figure, ...]
    by_group: tuple[Figure, ...]
    maps: tuple[PeriodicMap, ...]
    element_rows: tuple[tuple[str, str, str, str], ...]
    slice_tables: tuple[SliceTable, ...]


def write_judgement(judged: tuple[Judged, ...]) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    views = tuple(judged_view(one, place) for place, one in enumerate(judged))
    template = environment().get_template("judgement.html.j2")
    return template.render(views=views, several=len(views) > 1, **page_parts())


def judged_view(one: Judged, place: int) -> JudgedView:
    """The section of one target; `place` makes its anchors unique."""
    key, classification = f"t{place}", one.task == "classification"
    target = Target(one.target, one.target, one.unit, task=one.task)  # type: ignore[arg-type]
    unit = words.unit_text(one.unit)
    error_words, error_unit, scale = error_terms(classification, unit)
    groups = [part for part in one.slices if part.kind != "element"]
    curves = bool(one.new.points.proba.shape[1])
    figures = (class_figures(key, (one.new,), one, target) if curves else ()) if classification else ()
    tone, mark, headline = ANSWERS[one.answer]
    return JudgedView(
        key=key, judged=one, tone=tone, mark=mark, headline=headline, classification=classification, unit=unit,
        error_words=error_words, key_numbers=_key_numbers(one), scores=_scores(one),
        measures=tuple((*MEASURES[name], words.number(value)) for name, value in one.measures),
        confusions=_confusions(one), intervals=(interval_row(one.new, unit),) if one.new.intervals else (),
        failures=tuple(failure_row(found, one, unit) for found in one.failures),
        fit=figures if classification else value_figures(key, (one.new,), one, target, False),
        calibration=calibration_figures(key, (one.new,), one, target) if curves or not classification else (),
        by_group=group_figures(key, groups, error_words, error_unit, scale),
        maps=element_maps(one, error_words, error_unit, scale),
        element_rows=slice_rows([part for part in one.slices if part.kind == "element"], error_unit, scale),
        slice_tables=slice_tables(groups, error_unit, scale),
    )  # fmt: skip


def _key_numbers(one: Judged) -> tuple[KeyNumber, ...]:
    label = words.metric_words(one.metric).label
    found = []
    for name, score in ((f"{label} on new rows", one.new.scores), (f"{label} of the best constant", one.constant)):
        value, interval = words.metric_estimate(one.metric, score[one.metric], one.unit)
        found.append(KeyNumber(name, value, f"95 % interval {interval}" if interval else ""))
    if one.new.intervals is not None:
        value, interval = words.estimate(one.new.intervals.coverage, "%", scale=100.0)
        below = f"promised {words.percent(one.new.intervals.level, 0)}"
        found.append(
            KeyNumber(
                "Measured inside the interval", value, below + (f"; 95 % interval {interval}" if interval else "")
            )
        )
    found.append(KeyNumber("Rows judged", words.count(one.new.n_rows), ""))
    return tuple(found)


def _scores(one: Judged) -> tuple[tables.ScoreRow, ...]:
    rows = []
    for name, score in one.new.scores.items():
        said = words.metric_words(name)
        both = (score, one.constant.get(name, Estimate(math.nan, math.nan, math.nan)))
        cells = tuple(
            words.metric_estimate(name, each, one.unit) if math.isfinite(each.value) else ("", "") for each in both
        )
        rows.append(tables.ScoreRow(said.label, said.meaning, cells, name == one.metric))
    return tuple(rows)


def _confusions(one: Judged) -> tuple[tables.Confusion, ...]:
    return (tables.confusion(one.new, one.classes),) if one.new.confusion else ()
