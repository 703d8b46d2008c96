"""The tables of a page as rows of ready text: scores, candidates, confusion matrices, seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from matloop.evaluate.values import Evaluation, Evidence
from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.figures.comparison import method_scores
from matloop.report.strip import Strip, strip
from matloop.train.values import Candidate, Recipe


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A metric, and per column its value and interval in words (both empty where it was not measured)."""

    label: str
    meaning: str
    cells: tuple[tuple[str, str], ...]
    asked: bool = False


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One candidate; `settings` are pairs of name and value of each member."""

    number: int
    rank: int
    family: str
    settings: tuple[tuple[str, str], ...]
    score: str
    folds: str
    strip: Strip | None
    p_value: str
    seconds: str
    predict_ms: str
    status: str
    reason: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts by true (row) and predicted (column) class, with the share of the row."""

    label: str
    classes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str, float], ...]], ...]


def score_rows(evaluation: Evaluation) -> tuple[ScoreRow, ...]:
    """Every metric of the model on sealed rows, in cross-validation and on new clusters; the one asked for first."""
    sets = (evaluation.vault.scores, evaluation.cv.scores, evaluation.loco.scores)
    found = {name for scores in sets for name in scores}
    known = [name for name in words.METRICS if name in found]
    names = sorted([*known, *sorted(found - set(known))], key=lambda name: name != evaluation.metric)
    return tuple(_score_row(name, sets, evaluation) for name in names)


def _score_row(name: str, sets: tuple[Mapping[str, Estimate], ...], evaluation: Evaluation) -> ScoreRow:
    label = words.metric_words(name)
    cells = tuple(words.metric_estimate(name, s[name], evaluation.unit) if name in s else ("", "") for s in sets)
    return ScoreRow(label.label, label.meaning, cells, name == evaluation.metric)


def baseline_rows(evaluation: Evaluation) -> tuple[ScoreRow, ...]:
    """Model and baselines by the metric asked for."""
    hows = {baseline.name: baseline.how for baseline in evaluation.baselines}
    metric, unit = evaluation.metric, evaluation.unit
    rows = []
    for method, sets in method_scores(evaluation).items():
        cells = tuple(
            words.metric_estimate(metric, s[metric], unit) if metric in s else ("", "") for s in sets.values()
        )
        rows.append(ScoreRow(method, hows.get(method, ""), cells, method not in hows))
    return tuple(rows)


def candidate_rows(
    candidates: tuple[Candidate, ...], recipe: Recipe, metric: str, unit: str
) -> tuple[CandidateRow, ...]:
    """Ranked candidates by rank, then the others in the order tried."""
    ordered = sorted(
        candidates, key=lambda one: (one.rank if one.status == "ranked" and one.rank > 0 else 10**9, one.number)
    )
    scores = [_shown(score, metric) for one in ordered if one.status == "ranked" for score in one.fold_scores]
    finite = sorted(score for score in scores if math.isfinite(score))
    # the worst candidates (a dummy) would squeeze the others: the axis ends at twice the spread of the best three
    best = [_shown(score, metric) for one in ordered[:3] for score in one.fold_scores if math.isfinite(score)]
    low, high = (min(best), max(best)) if best else (0.0, 1.0)
    room = (high - low) or abs(high) or 1.0
    low, high = max(low - room, finite[0]) if finite else low, min(high + room, finite[-1]) if finite else high
    return tuple(_candidate_row(one, recipe, metric, unit, (low, high)) for one in ordered)


def _shown(loss: float, metric: str) -> float:
    """Search scores are losses (lower is better); scores that rise with quality come as one minus."""
    found = words.metric_words(metric)
    return (100.0 if found.share else 1.0) * (1.0 - loss if found.greater else loss)


def _candidate_row(one: Candidate, recipe: Recipe, metric: str, unit: str, ends: tuple[float, float]) -> CandidateRow:
    folds = [_shown(score, metric) for score in one.fold_scores]
    finite = [score for score in folds if math.isfinite(score)]
    spread = statistics.stdev(finite) if len(finite) > 1 else math.nan
    places = max(words.decimals(spread), 0)
    listed = ", ".join(words.fixed(score, places) if math.isfinite(score) else "not run" for score in folds)
    shown_unit = words.metric_unit(metric, unit)
    score = _shown(one.score, metric)
    text = words.with_unit(words.fixed(score, places), shown_unit) if math.isfinite(score) else ""
    name = (
        words.family(one.recipe.members[0].family)
        if len(one.recipe.members) == 1
        else f"Ensemble of {len(one.recipe.members)}"
    )
    return CandidateRow(
        number=one.number,
        rank=one.rank,
        family=name,
        settings=_settings(one.recipe),
        score=text,
        folds=listed,
        strip=strip(folds, *ends, f"scores on the folds: {listed}") if len(finite) > 1 else None,
        p_value=words.p_value(one.p_value),
        seconds=words.seconds(one.seconds) if one.seconds else "",
        predict_ms=words.number(one.predict_ms, 2) if math.isfinite(one.predict_ms) else "",
        status=one.status,
        reason=one.reason,
        chosen=one.recipe == recipe,
    )


def _settings(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    if len(recipe.members) > 1:
        return tuple((words.family(m.family), f"{w:.2f}") for m, w in zip(recipe.members, recipe.weights, strict=True))
    member = recipe.members[0]
    pairs = [(name, words.setting(value)) for name, value in member.settings.items()]
    if member.columns:
        pairs.append(("features", ", ".join(member.columns)))
    return tuple(pairs)


def recipe_lines(recipe: Recipe) -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
    """The chosen model in words: per member its family, its weight (empty for a single one) and its settings."""
    several = len(recipe.members) > 1
    return tuple(
        (words.family(member.family), words.percent(weight, 0) if several else "", _settings(Recipe((member,))))
        for member, weight in zip(recipe.members, recipe.weights, strict=True)
    )


def confusions(evaluation: Evaluation) -> tuple[Confusion, ...]:
    """The confusion matrix of each set of rows that has one."""
    return tuple(
        confusion(found, evaluation.classes)
        for found in (evaluation.vault, evaluation.cv, evaluation.loco)
        if found.confusion
    )


def confusion(found: Evidence, classes: tuple[str, ...]) -> Confusion:
    rows = []
    for name, counts in zip(classes, found.confusion, strict=True):
        total = sum(counts)
        shares = [n / total if total else 0.0 for n in counts]
        rows.append(
            (name, tuple((words.count(n), words.percent(s, 0), s) for n, s in zip(counts, shares, strict=True)))
        )
    return Confusion(words.EVIDENCE[found.name][0], classes, tuple(rows))


def seeds_strip(evaluation: Evaluation) -> tuple[Strip | None, str]:
    """Scores over seeds as dots, and in words."""
    scale = 100.0 if words.metric_words(evaluation.metric).share else 1.0
    finite = [scale * score for score in evaluation.seed_scores if math.isfinite(score)]
    if not finite:
        return None, ""
    unit = words.metric_unit(evaluation.metric, evaluation.unit)
    spread = statistics.stdev(finite) if len(finite) > 1 else math.nan
    places = words.decimals(spread)
    listed = ", ".join(words.fixed(score, places) for score in finite)
    label = words.metric_words(evaluation.metric).label
    if len(finite) == 1:
        return None, f"Only one seed was run: {label} {words.with_unit(words.number(finite[0]), unit)}."
    listed = words.with_unit(listed, unit)
    text = f"{label} over {len(finite)} seeds: {listed}; standard deviation {words.number(spread, 2)}."
    room = (max(finite) - min(finite)) * 0.5 or 1.0
    return strip(finite, min(finite) - room, max(finite) + room, text), text
