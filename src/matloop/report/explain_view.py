"""Checked explanations as the page shows them: figures, tables and badges, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matloop.explain.values import Check, Contributions, ExplainStudy, GlassBox, Surrogate, Term, Why, failed
from matloop.report import words
from matloop.report.figures.effects import effect_figures
from matloop.report.figures.figure import Figure
from matloop.report.figures.glass_box import price_figure
from matloop.report.figures.importance import drop_figure
from matloop.report.figures.interactions import interaction_figure, surface_figure
from matloop.report.figures.shap_values import shap_figure

_ALL_CHECKS = ("stable", "destroyed by shuffled labels")
_TERMS = 8
_RULES = 16


@dataclass(frozen=True, slots=True)
class Badge:
    """Whether an explanation may be read: `label` in a pill, `unread` greys the part, `lines` say what was checked."""

    label: str
    unread: bool
    lines: tuple[tuple[bool, str, str], ...]
    """passed, name, words"""


@dataclass(frozen=True, slots=True)
class TermRow:
    """One term of a readable model in words."""

    name: str
    size: str
    coefficient: str
    folds: str


@dataclass(frozen=True, slots=True)
class ReadableRow:
    """A glass box or a surrogate in words."""

    kind: str
    badge: Badge
    numbers: tuple[str, ...]
    said: str
    terms: tuple[TermRow, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhyRow:
    """Why one row got its prediction: parts as (name, level, signed number, bar start and width in percent, sign)."""

    shown: str
    id: str
    measured: str
    predicted: str
    base: str
    total: str
    parts: tuple[tuple[str, str, str, float, float, str], ...]


@dataclass(frozen=True, slots=True)
class ExplainView:
    """The part of a target's section about checked explanations; empty parts are not shown."""

    importance: Badge | None
    shap: Figure | None
    shap_badge: Badge
    method: str
    output: str
    reasons: tuple[WhyRow, ...]
    effects: tuple[Figure, ...]
    unread_effects: tuple[Figure, ...]
    interactions: tuple[Figure, ...]
    interaction_badge: Badge
    drops: Figure | None
    drop_badge: Badge
    price: Figure | None
    boxes: tuple[ReadableRow, ...]
    surrogates: tuple[ReadableRow, ...]
    notes: tuple[str, ...]


def explain_view(
    key: str, study: ExplainStudy | None, *, target: str, unit: str, classes: tuple[str, ...] = ()
) -> ExplainView | None:
    """The view of a study; None where there is none or nothing in it.

    Parameters
    ----------
    key : of the target's section. unit : of the target. classes : of a classification.
    """
    if study is None:
        return None
    made = study.contributions
    metric_unit = words.metric_unit(study.metric, unit)
    pairs = study.interactions
    unread = bool(failed(study.interaction_checks))
    figures = [interaction_figure(f"{key}-pairs", pairs, study.interaction_checks, study.output, unit)]
    figures += [
        surface_figure(f"{key}-pair-{i}", one, study.output, unit, unread=unread) for i, one in enumerate(pairs)
    ]
    good, bad = ([one for one in study.effects if bool(failed(one.checks)) == wrong] for wrong in (False, True))
    loss = "Brier score" if classes else words.metric_words(study.metric).label
    loss = f"1 − {loss}" if not classes and words.metric_words(study.metric).greater else loss
    view = ExplainView(
        importance=badge(study.importance_checks) if study.importance_checks else None,
        shap=shap_figure(f"{key}-shap", made, target, unit) if made else None,
        shap_badge=badge(made.checks if made else ()),
        method=_method(made),
        output=made.output if made else "",
        reasons=tuple(_why(one, unit, classes) for one in study.reasons),
        effects=effect_figures(f"{key}-effect", good, target, study.output, unit),
        unread_effects=effect_figures(f"{key}-unread", bad, target, study.output, unit),
        interactions=tuple(figure for figure in figures if figure is not None),
        interaction_badge=badge(study.interaction_checks),
        drops=drop_figure(f"{key}-drop", study.drops, study.metric, unit, unread=bool(failed(study.drop_checks))),
        drop_badge=badge(study.drop_checks),
        price=price_figure(f"{key}-price", study.glass_boxes, loss, "" if classes else metric_unit),
        boxes=tuple(_box(one, "" if classes else metric_unit, study.output, unit) for one in study.glass_boxes),
        surrogates=tuple(_surrogate(one, study.output, unit) for one in study.surrogates),
        notes=study.notes,
    )
    parts = (view.importance, view.shap, study.effects, view.interactions, view.drops, view.boxes, view.surrogates)
    return view if any(parts) or view.notes else None


def badge(checks: Sequence[Check]) -> Badge:
    """What a reader is told before reading: "checked", "do not read", or "not fully checked"."""
    wrong = failed(checks)
    complete = all(name in {check.name for check in checks} for name in _ALL_CHECKS)
    label = "do not read" if wrong else "checked" if complete else "not fully checked"
    lines = tuple((check.passed, check.name, check.words) for check in checks)
    return Badge(label, bool(wrong), lines)


def _method(made: Contributions | None) -> str:
    if made is None:
        return ""
    if made.method == "sampled":
        return "Shapley values of groups of features, sampled"
    how = {"tree": "of the trees", "linear": "of the linear model", "network": "of the network (rescale rule)"}
    parts = [how.get(part, part) for part in made.method.split(" + ") if part != "constant"]
    return f"exact SHAP values {' and '.join(parts)}" if parts else "a constant"


def _why(one: Why, unit: str, classes: tuple[str, ...]) -> WhyRow:
    biggest = max((abs(part.value) for part in one.parts), default=0.0) or 1.0
    parts = [(_brief(part.name), part.level, part.value) for part in one.parts]
    if abs(one.rest) > 0:
        parts.append(("all other features", "", one.rest))
    return WhyRow(
        one.shown, one.id, _value(one.measured, unit, classes), _value(one.predicted, unit, classes),
        words.number(one.base), words.number(one.prediction),
        tuple((name, level, _signed(value), *_bar(value, biggest)) for name, level, value in parts),
    )  # fmt: skip


def _brief(name: str) -> str:
    """`"mean mass (+3 correlated)"` as `"mean mass +3"`."""
    first, _, rest = name.partition(" (+")
    return f"{words.short(first, 34)} +{rest.split()[0]}" if rest else name


def _bar(value: float, biggest: float) -> tuple[float, float, str]:
    """Start and width in percent of a box with zero in its middle, and the side."""
    width = round(50.0 * min(abs(value) / biggest, 1.0), 1)
    return (50.0, width, "up") if value >= 0 else (round(50.0 - width, 1), width, "down")


def _signed(value: float) -> str:
    return f"+{words.number(value)}" if value > 0 else words.number(value)


def _value(value: float, unit: str, classes: tuple[str, ...]) -> str:
    if classes:
        place = int(value) if math.isfinite(value) else -1
        return words.short(classes[place], 40) if 0 <= place < len(classes) else words.number(value)
    return words.with_unit(words.number(value), words.unit_text(unit))


def _terms(found: Sequence[Term], output: str, unit: str, *, tree: bool) -> tuple[TermRow, ...]:
    shown = "" if output else words.unit_text(unit)
    return tuple(
        TermRow(
            one.name,
            words.percent(one.size, 0) if tree else words.with_unit(words.number(one.size, 2), shown),
            words.with_unit(_signed(one.coefficient), shown) if math.isfinite(one.coefficient) else "",
            words.percent(one.folds, 0) if math.isfinite(one.folds) else "",
        )
        for one in found[:_TERMS]
        if one.size > 0
    )


def _box(one: GlassBox, metric_unit: str, output: str, unit: str) -> ReadableRow:
    scale = 100.0 if metric_unit == "%" else 1.0
    loss, rival = (words.with_unit(words.number(scale * each), metric_unit) for each in (one.loss, one.model_loss))
    places = words.decimals(scale * (one.high - one.low) / 2) if math.isfinite(one.low) else 2
    price = words.with_unit(words.fixed(scale * one.price, places), metric_unit)
    interval = (
        f"{words.fixed(scale * one.low, places)} to {words.fixed(scale * one.high, places)}"
        if math.isfinite(one.low)
        else ""
    )
    said = "as good within the doubt: read this one instead"
    if one.low > 0:
        said = "worse than the chosen model"
    elif one.high < 0:
        said = "better than the chosen model: use it"
    elif not math.isfinite(one.low):
        said = ""
    mark = badge(one.checks)
    return ReadableRow(
        one.kind, mark, (loss, rival, price, interval), "" if mark.unread else said,
        _terms(one.terms, output, unit, tree=one.kind == "shallow tree"), one.rules[:_RULES],
    )  # fmt: skip


def _surrogate(one: Surrogate, output: str, unit: str) -> ReadableRow:
    numbers = (words.fixed(one.fidelity, 2), f"{words.fixed(one.low, 2)} to {words.fixed(one.high, 2)}")
    return ReadableRow(
        one.kind, badge(one.checks), numbers, "", _terms(one.terms, output, unit, tree=one.kind == "shallow tree"),
        one.rules[:_RULES],
    )  # fmt: skip
