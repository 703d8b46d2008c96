"""The section "how wrong under which kind of novelty", worked out in words before the template is filled."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matloop.evaluate.split_study import NoveltyScore, SplitStudy
from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.figures.figure import Figure
from matloop.report.figures.split_study import split_study_figure

WORSE, LOST = 1.2, 0.02
"""Novelty that multiplies the error of the same rows by this, or takes this from their score, is worth a sentence."""


@dataclass(frozen=True, slots=True)
class NoveltyRow:
    """One kind of novelty in words; `model` is (value, interval), `change` what novelty does to these rows."""

    name: str
    asks: str
    rows: str
    model: tuple[str, str]
    usual: str
    change: str
    dummy: str
    nearest: str
    distance: tuple[str, str]
    warning: str


@dataclass(frozen=True, slots=True)
class NoveltyPart:
    """One left-out part in words, worst first."""

    kind: str
    name: str
    rows: str
    model: str
    usual: str
    change: str


@dataclass(frozen=True, slots=True)
class SplitStudyView:
    """The section of a target."""

    metric: str
    sentence: str
    figure: Figure | None
    rows: tuple[NoveltyRow, ...]
    parts: tuple[NoveltyPart, ...]
    notes: tuple[str, ...]


def split_study_view(study: SplitStudy | None, key: str) -> SplitStudyView | None:
    """The section of `study`; None where there is nothing to compare."""
    if study is None or len(study.scores) < 2:
        return None
    return SplitStudyView(
        words.metric_words(study.metric).label,
        novelty_sentence(study),
        split_study_figure(f"{key}-novelty-figure", study),
        tuple(_row(one, study) for one in study.scores),
        _parts(study),
        study.notes,
    )


def novelty_sentence(study: SplitStudy) -> str:
    """What to see: the usual error, the costliest novelty, and where a dumb method is as good."""
    first, others = study.scores[0], [one for one in study.scores[1:] if math.isfinite(one.model.value)]
    label = words.metric_words(study.metric).label
    text = f"On rows like those in training {label} is {_value(first.model, study)}."
    if not others:
        return text
    worst = max(others, key=lambda one: _cost(one, study))
    if _cost(worst, study) > (math.log(WORSE) if _is_loss(study) else LOST):
        text += f" Novelty costs most for {worst.name}: {_value(worst.model, study)}, {_change(worst, study)}"
        text += " of the same rows in random folds." if _is_loss(study) else " on the same rows."
    else:
        text += " No kind of novelty that was tried makes it much worse."
    failed = [one.name for one in others if _warning(one, study)]
    return text + (f" No better than a dumb method: {', '.join(failed)}." if failed else "")


def _is_loss(study: SplitStudy) -> bool:
    return not words.metric_words(study.metric).greater


def _cost(one: NoveltyScore, study: SplitStudy) -> float:
    """What novelty costs on the same rows: the log of the factor for errors, the loss for scores; -inf if unknown."""
    model, usual = one.model.value, one.usual.value
    if not (math.isfinite(model) and math.isfinite(usual)):
        return -math.inf
    if not _is_loss(study):
        return usual - model
    return math.log(model / usual) if model > 0 and usual > 0 else -math.inf


def _change(one: NoveltyScore, study: SplitStudy) -> str:
    return _changed(one.model.value, one.usual.value, study)


def _changed(model: float, usual: float, study: SplitStudy) -> str:
    if not (math.isfinite(model) and math.isfinite(usual)):
        return ""
    if _is_loss(study):
        return f"{words.fixed(model / usual, 1)} times that" if usual > 0 else ""
    share = words.metric_words(study.metric).share
    off = (model - usual) * (100.0 if share else 1.0)
    sign = words.MINUS if off < 0 else "+"
    return f"{sign}{words.number(abs(off), 2)}{words.NARROW + 'points' if share else ''}"


def _warning(one: NoveltyScore, study: SplitStudy) -> str:
    """The dumb method that is as good, if any."""
    sign = 1.0 if _is_loss(study) else -1.0
    beaten = [
        name
        for name, other in (("the dummy", one.dummy), ("the nearest neighbour", one.nearest))
        if math.isfinite(other.value) and sign * one.model.value >= sign * other.value
    ]
    return f"no better than {' and '.join(beaten)}" if beaten else ""


def _value(found: Estimate, study: SplitStudy) -> str:
    """The value alone, to three digits."""
    if not math.isfinite(found.value):
        return ""
    return words.metric_estimate(study.metric, Estimate(found.value, math.nan, math.nan), study.unit)[0]


def _row(one: NoveltyScore, study: SplitStudy) -> NoveltyRow:
    known = one.key == "random"
    return NoveltyRow(
        one.name, one.asks, words.count(one.n_rows), words.metric_estimate(study.metric, one.model, study.unit),
        "" if known else _value(one.usual, study), "" if known else _change(one, study).replace(" times that", "×"),
        _value(one.dummy, study), _value(one.nearest, study), _distance(one), _warning(one, study),
    )  # fmt: skip


def _distance(one: NoveltyScore) -> tuple[str, str]:
    """How far the rows are, and how many of them hold an element that is new."""
    if one.report is None:
        return "", ""
    novelty, unseen = one.report.mean("novelty"), one.report.mean("unseen_element_rows")
    new = f"{words.percent(unseen, 0)} new element" if unseen >= 0.005 else ""
    return (f"{words.fixed(novelty, 1)}×" if math.isfinite(novelty) else words.DASH if new else ""), new


def _parts(study: SplitStudy) -> tuple[NoveltyPart, ...]:
    """Parts of the kinds whose parts have names of their own: elements, and clusters of unequal difficulty."""
    kinds = [one for one in study.scores if one.key in ("element", "cluster", "ward", "time")]
    found = []
    for kind in kinds:
        for part in kind.parts:
            model, usual = (Estimate(value, math.nan, math.nan) for value in (part.model, part.usual))
            change = _changed(part.model, part.usual, study).replace(" times that", "×")
            found.append(
                NoveltyPart(
                    kind.name, part.name, words.count(part.n_rows), _value(model, study), _value(usual, study), change
                )
            )
    return tuple(found)
