"""Representations compared, as one self-contained HTML page of the same make as the report of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from matloop.evaluate.feature_values import ALPHA, ArmScore, CutoffCurve, FeatureComparison
from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.figures.feature_comparison import cost_figure, cutoff_figure, losses_figure
from matloop.report.figures.figure import Figure
from matloop.report.page import page_parts
from matloop.report.templating import environment


@dataclass(frozen=True, slots=True)
class ScoreCell:
    """Loss with one model, and whether it is worse than the best of its column."""

    value: tuple[str, str]
    p_value: str
    mark: str


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One representation in words."""

    name: str
    best: bool
    columns: str
    cost: str
    fit: str
    unread: str
    cells: tuple[ScoreCell, ...]


@dataclass(frozen=True, slots=True)
class CutoffRow:
    """One point of a curve, in words."""

    family: str
    cutoff: str
    value: tuple[str, str]
    p_value: str
    mark: str
    cost: str


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """The page, worked out before the template is filled."""

    found: FeatureComparison
    problem: str
    label: str
    meaning: str
    constant: str
    models: tuple[str, ...]
    rows: tuple[ArmRow, ...]
    figures: tuple[Figure, ...]
    curve: Figure | None
    cutoffs: tuple[CutoffRow, ...]
    any_unread: bool


def write_comparison(found: FeatureComparison, problem: str) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    template = environment().get_template("features.html.j2")
    return template.render(view=comparison_view(found, problem), **page_parts())


def comparison_view(found: FeatureComparison, problem: str) -> ComparisonView:
    """Numbers as words."""
    said = words.metric_words(found.metric)
    figures = (losses_figure("losses", found), cost_figure("cost", found))
    constant = words.metric_estimate(found.metric, Estimate(found.constant, float("nan"), float("nan")), found.unit)[0]
    if len(found.unit) > 1:
        found = replace(found, sentence=found.sentence.replace(found.unit, words.unit_text(found.unit)))
    return ComparisonView(
        found=found, problem=problem, label=said.label, meaning=said.meaning, constant=constant,
        models=tuple(words.family(model) for model in found.models),
        rows=tuple(_row(arm, found) for arm in found.arms),
        figures=tuple(figure for figure in figures if figure is not None), curve=cutoff_figure("cutoff", found),
        cutoffs=tuple(row for curve in found.curves for row in _cutoff_rows(curve, found)),
        any_unread=any(arm.n_unread for arm in found.arms),
    )  # fmt: skip


def _row(arm: ArmScore, found: FeatureComparison) -> ArmRow:
    best = min(found.arms, key=lambda one: one.with_model(found.best_model).mean.value)
    cells = []
    for score in arm.scores:
        leads = score.mean.value == min(one.with_model(score.model).mean.value for one in found.arms)
        mark = "best" if leads else "worse" if score.p_value < ALPHA else ""
        p_value = "" if leads else words.p_value(score.p_value)
        cells.append(ScoreCell(words.metric_estimate(found.metric, score.mean, found.unit), p_value, mark))
    fit = words.seconds(max(score.fit_seconds for score in arm.scores))
    return ArmRow(
        arm.name, arm.name == best.name, words.count(arm.n_columns), _cost(arm.seconds_per_row), fit,
        words.count(arm.n_unread) if arm.n_unread else "", tuple(cells),
    )  # fmt: skip


def _cutoff_rows(curve: CutoffCurve, found: FeatureComparison) -> list[CutoffRow]:
    rows = []
    for cutoff, mean, p, cost in zip(curve.cutoffs, curve.means, curve.p_values, curve.seconds_per_row, strict=True):
        leads = cutoff == curve.best
        mark = "best" if leads else "worse" if p < ALPHA else ""
        value = words.metric_estimate(found.metric, mean, found.unit)
        rows.append(CutoffRow(curve.family, f"{cutoff:g}", value, "" if leads else words.p_value(p), mark, _cost(cost)))
    return rows


def _cost(seconds: float) -> str:
    return f"{1e6 * seconds:.3g}{words.NARROW}µs" if seconds < 1e-3 else words.seconds(seconds)
