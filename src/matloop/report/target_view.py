"""All that the section of one target shows, worked out before the template is filled."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from matloop.evaluate.judgement import Judged
from matloop.evaluate.values import Evaluation, Evidence, Failure, SliceError
from matloop.problem.question import Target
from matloop.report import tables, words
from matloop.report.bias_view import BiasView, bias_view
from matloop.report.chemistry_view import ChemistryView, chemistry_view
from matloop.report.domain_view import DomainView, domain_view
from matloop.report.doubt_view import DoubtView, doubt_view
from matloop.report.explain_view import ExplainView, explain_view
from matloop.report.figures.comparison import comparison_figure
from matloop.report.figures.coverage import coverage_figure, width_figure
from matloop.report.figures.curves import pr_figure, roc_figure
from matloop.report.figures.dependence import dependence_figures
from matloop.report.figures.distribution import distribution_figure
from matloop.report.figures.figure import Figure
from matloop.report.figures.importance import importance_figure
from matloop.report.figures.learning import learning_figure
from matloop.report.figures.levels import level_figure
from matloop.report.figures.losses import loss_figure
from matloop.report.figures.parity import parity_figure
from matloop.report.figures.reliability import reliability_figure
from matloop.report.figures.residuals import residual_histogram, residual_scatter
from matloop.report.figures.shortlist import shortlist_figure
from matloop.report.figures.slices import slice_figure, title_of
from matloop.report.laws_view import LawsView, laws_view
from matloop.report.learning_view import LearningView, learning_view
from matloop.report.map_view import MapView, map_view
from matloop.report.periodic import PeriodicMap, coverage_map, error_map
from matloop.report.record import TargetRecord
from matloop.report.selection_view import SelectionView, selection_view
from matloop.report.split_study_view import SplitStudyView, split_study_view
from matloop.report.stability_view import StabilityView, stability_view
from matloop.report.strip import Strip

MAX_CURVES = 6


FIRST_WARNINGS = 2


@dataclass(frozen=True, slots=True)
class VerdictText:
    """The verdict in the order it is read: `grave` says why not to trust the model, `before` and `after` are warnings
    that stand before and after the answer, `reasons` are those that the sentence does not give already."""

    grave: str
    before: tuple[str, ...]
    sentence: str
    reasons: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """A large number with what it is, and a line below."""

    label: str
    value: str
    below: str


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """How the intervals do on one set of rows, in words."""

    label: str
    coverage: str
    coverage_interval: str
    thirds: tuple[str, str, str]
    width: str
    score: str
    constant: str
    gain: str


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One of the worst predictions, in words."""

    id: str
    shown: str
    measured: str
    predicted: str
    interval: str
    error: str
    in_domain: bool
    nearest: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class SliceTable:
    """Error by group, worst first, in words: name, rows, error, interval."""

    kind: str
    rows: tuple[tuple[str, str, str, str], ...]
    n_all: int

    @property
    def title(self) -> str:
        return title_of(self.kind)


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target's section."""

    key: str
    record: TargetRecord
    target: Target
    evaluation: Evaluation
    unit: str
    classification: bool
    metric: str
    tone: str
    headline: str
    search: str
    verdict: VerdictText
    key_numbers: tuple[KeyNumber, ...]
    scores: tuple[tables.ScoreRow, ...]
    baselines: tuple[tables.ScoreRow, ...]
    candidates: tuple[tables.CandidateRow, ...]
    recipe: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]
    confusions: tuple[tables.Confusion, ...]
    intervals: tuple[IntervalRow, ...]
    failures: tuple[FailureRow, ...]
    error_words: str
    seeds: tuple[Strip | None, str]
    distribution: Figure | None
    class_counts: dict[str, int]
    fit: tuple[Figure, ...]
    calibration: tuple[Figure, ...]
    comparison: Figure | None
    learning: tuple[Figure, ...]
    importance: Figure | None
    dependence: tuple[Figure, ...]
    by_group: tuple[Figure, ...]
    maps: tuple[PeriodicMap, ...]
    element_rows: tuple[tuple[str, str, str, str], ...]
    slice_tables: tuple[SliceTable, ...]
    doubt_study: DoubtView | None = None
    domain: DomainView | None = None
    splits: SplitStudyView | None = None
    map: MapView | None = None
    learning_more: LearningView | None = None
    bias: BiasView | None = None
    stability: StabilityView | None = None
    explain_more: ExplainView | None = None
    chemistry: ChemistryView | None = None
    laws: LawsView | None = None
    selection: SelectionView | None = None
    left_out: tuple[str, ...] = ()


ANSWERS = {
    "met": ("good", "✓", "Goal met"),
    "not met": ("bad", "✗", "Goal not met"),
    "cannot be judged": ("unsure", "?", "Cannot be judged"),
    "no goal": ("plain", "–", "No goal was set"),
}


def verdict_text(evaluation: Evaluation) -> VerdictText:
    """Put the verdict in order. A model that cannot be trusted has its first warning at the head of the sentence."""
    verdict = evaluation.verdict
    first = verdict.warnings[0] if verdict.warnings else ""
    grave = first if first and verdict.sentence.startswith(first) else ""
    sentence = verdict.sentence.removeprefix(grave).strip()
    others = verdict.warnings[1:] if grave else verdict.warnings
    reasons = tuple(words.sentence(one) for one in verdict.reasons if one.lower() not in sentence.lower())
    return VerdictText(grave, others[:FIRST_WARNINGS], words.sentence(sentence), reasons, others[FIRST_WARNINGS:])


def target_view(record: TargetRecord, target: Target, place: int) -> TargetView:
    """The section of `record`; `place` makes its anchors unique."""
    evaluation, key = _pretty_units(record.evaluation), f"t{place}"
    sets = (evaluation.vault, evaluation.cv, evaluation.loco)
    classification = evaluation.task == "classification"
    search = record.search_metric or evaluation.metric
    unit, log = words.unit_text(evaluation.unit), target.scale == "log"
    error_words, error_unit, scale = error_terms(classification, unit)
    groups = [one for one in evaluation.slices if one.kind != "element"]
    return TargetView(
        key=key,
        record=record,
        target=target,
        evaluation=evaluation,
        unit=unit,
        classification=classification,
        metric=words.metric_words(evaluation.metric).label,
        tone=ANSWERS[evaluation.verdict.answer][0],
        headline=ANSWERS[evaluation.verdict.answer][2],
        search=words.metric_words(search).label,
        verdict=verdict_text(evaluation),
        key_numbers=key_numbers(evaluation),
        scores=tables.score_rows(evaluation),
        baselines=tables.baseline_rows(evaluation),
        candidates=tables.candidate_rows(record.candidates, record.recipe, search, evaluation.unit),
        recipe=tables.recipe_lines(record.recipe),
        confusions=tables.confusions(evaluation),
        intervals=tuple(interval_row(found, unit) for found in sets if found.intervals),
        failures=tuple(failure_row(one, evaluation, unit) for one in evaluation.failures),
        error_words=error_words,
        seeds=tables.seeds_strip(evaluation),
        distribution=None if classification else distribution_figure(f"{key}-distribution", evaluation, log),
        class_counts=_class_counts(evaluation),
        fit=class_figures(key, sets, evaluation, target)
        if classification
        else value_figures(key, sets, evaluation, target, log),
        calibration=calibration_figures(key, sets, evaluation, target),
        comparison=comparison_figure(f"{key}-comparison", evaluation),
        learning=_there(
            learning_figure(f"{key}-learning-curve", evaluation.learning_curve, evaluation.metric, evaluation.unit),
            loss_figure(f"{key}-loss", record.loss_curves),
        ),
        importance=importance_figure(
            f"{key}-importance", record.explanation.importances, record.explanation.metric, evaluation.unit
        ),
        dependence=dependence_figures(
            f"{key}-dependence", record.explanation.dependences, evaluation.target, evaluation.unit
        ),
        by_group=group_figures(key, groups, error_words, error_unit, scale),
        maps=element_maps(evaluation, error_words, error_unit, scale),
        element_rows=slice_rows([one for one in evaluation.slices if one.kind == "element"], error_unit, scale),
        slice_tables=slice_tables(groups, error_unit, scale),
        doubt_study=doubt_view(key, record.studies.doubt),
        domain=domain_view(record.studies.domain, key),
        splits=split_study_view(record.studies.splits, key),
        map=map_view(key, record.studies.map),
        learning_more=learning_view(key, record.studies.learning, evaluation.unit),
        bias=bias_view(key, record.studies.bias),
        stability=stability_view(key, record.studies.stability, unit=evaluation.unit, classes=evaluation.classes),
        explain_more=explain_view(
            key, record.studies.explained, target=evaluation.target, unit=evaluation.unit, classes=evaluation.classes
        ),
        chemistry=chemistry_view(record.studies.chemistry, unit=evaluation.unit, classes=evaluation.classes),
        laws=laws_view(key, record.studies.laws),
        selection=selection_view(key, record.studies.selection),
        left_out=record.studies.left_out,
    )


def _pretty_units(evaluation: Evaluation) -> Evaluation:
    """The verdict's sentences with the unit as it is written elsewhere on the page."""
    unit = evaluation.unit
    if len(unit) < 2 or words.unit_text(unit) == unit:
        return evaluation
    verdict = evaluation.verdict
    mended = replace(
        verdict,
        sentence=verdict.sentence.replace(unit, words.unit_text(unit)),
        reasons=tuple(reason.replace(unit, words.unit_text(unit)) for reason in verdict.reasons),
        warnings=tuple(warning.replace(unit, words.unit_text(unit)) for warning in verdict.warnings),
    )
    return replace(evaluation, verdict=mended)


def _there(*figures: Figure | None) -> tuple[Figure, ...]:
    return tuple(figure for figure in figures if figure is not None)


def error_terms(classification: bool, unit: str) -> tuple[str, str, float]:
    return ("share of rows in the wrong class", "%", 100.0) if classification else ("mean absolute error", unit, 1.0)


def value_figures(
    key: str, sets: tuple[Evidence, ...], evaluation: Evaluation | Judged, target: Target, log: bool
) -> tuple[Figure, ...]:
    return _there(
        parity_figure(f"{key}-parity", sets, evaluation.target, evaluation.unit, log),
        residual_scatter(f"{key}-residual", sets, evaluation.target, evaluation.unit),
        residual_histogram(f"{key}-histogram", sets, evaluation.unit),
        shortlist_figure(f"{key}-shortlist", sets, target.top_k) if evaluation.task == "ranking" else None,
    )


def class_figures(
    key: str, sets: tuple[Evidence, ...], evaluation: Evaluation | Judged, target: Target
) -> tuple[Figure, ...]:
    which = curve_classes(evaluation.classes, target.positive)
    return _there(
        roc_figure(f"{key}-roc", sets, evaluation.classes, which),
        pr_figure(f"{key}-pr", sets, evaluation.classes, which),
    )


def curve_classes(classes: tuple[str, ...], positive: str) -> tuple[int, ...]:
    """Classes that get a curve: the positive one of two, else each of the first six."""
    if len(classes) == 2:
        return (classes.index(positive) if positive in classes else 1,)
    return tuple(range(min(len(classes), MAX_CURVES)))


def calibration_figures(
    key: str, sets: tuple[Evidence, ...], evaluation: Evaluation | Judged, target: Target
) -> tuple[Figure, ...]:
    if evaluation.task == "classification":
        which = curve_classes(evaluation.classes, target.positive)
        return _there(reliability_figure(f"{key}-reliability", sets, evaluation.classes, which))
    return _there(
        coverage_figure(f"{key}-coverage", sets),
        level_figure(f"{key}-levels", evaluation.reliability),
        width_figure(f"{key}-width", sets, evaluation.unit),
    )


def group_figures(key: str, groups: list[SliceError], error: str, unit: str, scale: float) -> tuple[Figure, ...]:
    kinds = list(dict.fromkeys(one.kind for one in groups))
    title = f"{error} ({unit})" if unit else error
    return _there(
        *(
            slice_figure(
                f"{key}-slice-{i}", kind, tuple(_scaled(one, scale) for one in groups if one.kind == kind), title, unit
            )
            for i, kind in enumerate(kinds)
        )
    )


def _scaled(one: SliceError, scale: float) -> SliceError:
    error = type(one.error)(scale * one.error.value, scale * one.error.low, scale * one.error.high)
    return SliceError(one.kind, one.name, one.n_rows, error)


def element_maps(evaluation: Evaluation | Judged, error: str, unit: str, scale: float) -> tuple[PeriodicMap, ...]:
    maps = (coverage_map(evaluation.slices), error_map(evaluation.slices, unit, error, scale))
    return tuple(one for one in maps if one is not None)


def slice_tables(groups: list[SliceError], unit: str, scale: float) -> tuple[SliceTable, ...]:
    kinds = list(dict.fromkeys(one.kind for one in groups))
    parts = [[one for one in groups if one.kind == kind] for kind in kinds]
    return tuple(
        SliceTable(kind, slice_rows(part, unit, scale)[:100], len(part))
        for kind, part in zip(kinds, parts, strict=True)
    )


def slice_rows(slices: list[SliceError], unit: str, scale: float) -> tuple[tuple[str, str, str, str], ...]:
    ordered = sorted(slices, key=lambda one: -one.error.value if math.isfinite(one.error.value) else math.inf)
    return tuple((one.name, words.count(one.n_rows), *words.estimate(one.error, unit, scale=scale)) for one in ordered)


def key_numbers(evaluation: Evaluation) -> tuple[KeyNumber, ...]:
    """The few numbers that a hurried reader should see: model on sealed rows and on new clusters, dummy, coverage."""
    metric, unit = evaluation.metric, evaluation.unit
    label = words.metric_words(metric).label
    found = []
    for evidence, name in ((evaluation.vault, "on sealed rows"), (evaluation.loco, "on new clusters")):
        if metric in evidence.scores:
            value, interval = words.metric_estimate(metric, evidence.scores[metric], unit)
            found.append(KeyNumber(f"{label} {name}", value, f"95 % interval {interval}" if interval else ""))
    if evaluation.baselines and metric in evaluation.baselines[0].vault:
        dummy = evaluation.baselines[0]
        value, interval = words.metric_estimate(metric, dummy.vault[metric], unit)
        found.append(KeyNumber(f"{label} of {_article(dummy.name)}", value, dummy.how))
    extra = _second(evaluation)
    return tuple([*found, extra] if extra else found)


def _article(name: str) -> str:
    return f"the {words.short(name.replace('_', ' '), 24)}"


def _second(evaluation: Evaluation) -> KeyNumber | None:
    vault = evaluation.vault
    if vault.intervals is not None:
        value, interval = words.estimate(vault.intervals.coverage, "%", scale=100.0)
        promise = words.percent(vault.intervals.level, 0)
        return KeyNumber(
            "Measured inside the interval",
            value,
            f"promised {promise}" + (f"; 95 % interval {interval}" if interval else ""),
        )
    others = [
        name for name in ("roc_auc", "mcc", "r2", "spearman") if name in vault.scores and name != evaluation.metric
    ]
    if not others:
        return None
    value, interval = words.metric_estimate(others[0], vault.scores[others[0]], evaluation.unit)
    return KeyNumber(
        f"{words.metric_words(others[0]).label} on sealed rows", value, f"95 % interval {interval}" if interval else ""
    )


def interval_row(found: Evidence, unit: str) -> IntervalRow:
    kept = found.intervals
    if kept is None:
        raise ValueError("no intervals to describe")
    coverage, interval = words.estimate(kept.coverage, "%", scale=100.0)
    narrow, middle, wide = (words.percent(share) for share in kept.thirds)
    return IntervalRow(
        words.EVIDENCE[found.name][0],
        coverage,
        interval,
        (narrow, middle, wide),
        words.with_unit(words.number(kept.mean_width), unit),
        words.with_unit(words.number(kept.score), unit),
        words.with_unit(words.number(kept.constant_score), unit),
        words.percent(kept.gain, 0),
    )


def failure_row(one: Failure, evaluation: Evaluation | Judged, unit: str) -> FailureRow:
    def said(value: float) -> str:
        return (
            _class_name(value, evaluation.classes) if evaluation.classes else words.with_unit(words.number(value), unit)
        )

    interval = (
        f"{words.number(one.low)} to {words.number(one.high)}"
        if math.isfinite(one.low) and math.isfinite(one.high)
        else ""
    )
    nearest = tuple((row, shown, said(value), words.number(distance, 2)) for row, shown, value, distance in one.nearest)
    error = words.number(one.error) if evaluation.classes else words.with_unit(words.number(one.error), unit)
    return FailureRow(one.id, one.shown, said(one.y), said(one.value), interval, error, one.in_domain, nearest)


def _class_counts(evaluation: Evaluation) -> dict[str, int]:
    """Rows of each class, development and sealed together; empty without classes."""
    if not evaluation.classes:
        return {}
    y = np.concatenate([evaluation.cv.points.y, evaluation.vault.points.y])
    found = np.bincount(y[np.isfinite(y)].astype(np.int64), minlength=len(evaluation.classes)).tolist()
    return dict(zip(evaluation.classes, found, strict=False)) if sum(found) else {}


def _class_name(value: float, classes: tuple[str, ...]) -> str:
    place = int(value) if np.isfinite(value) else -1
    return words.short(classes[place], 40) if 0 <= place < len(classes) else words.number(value)
