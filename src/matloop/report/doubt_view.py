"""What the section on the model's doubt shows: a sentence, figures, and all ways to doubt in one table, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matloop.evaluate.doubt_values import OWN, ClassPart, ClassScore, DoubtPart, DoubtScore, DoubtStudy, SetScore
from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.figures.doubt_study import confidence_figure, levels_figure, promise_figure, sets_figure
from matloop.report.figures.figure import Figure


@dataclass(frozen=True, slots=True)
class WayRow:
    """One way to doubt: its name and a cell per column; `own` is the model's, `best` the one with the lowest score."""

    label: str
    cells: tuple[str, ...]
    own: bool
    best: bool


@dataclass(frozen=True, slots=True)
class WayTable:
    """Ways to doubt the same rows; `columns` are titles of the cells."""

    title: str
    sentence: str
    columns: tuple[str, ...]
    rows: tuple[WayRow, ...]


@dataclass(frozen=True, slots=True)
class DoubtView:
    """The whole section."""

    figures: tuple[Figure, ...]
    tables: tuple[WayTable, ...]
    legend: str
    notes: tuple[str, ...]


NUMBER_COLUMNS = (
    "Inside", "Mean width", "Interval score", "Against own", "CRPS", "NLL", "ENCE", "Miscal. area", "Widest fifth",
)  # fmt: skip
NUMBER_LEGEND = (
    "Lower is better but for the share inside and the widest fifth. Interval score: width plus a fine for each miss. "
    "CRPS and NLL: how far the whole predicted distribution is off. ENCE: mean relative gap between promised and found "
    "error. Miscalibration area: gap between promised and found coverage over all levels. Widest fifth: error of the "
    "fifth of rows with most doubt, in units of the error of the others."
)
CLASS_COLUMNS = ("Log loss", "Against own", "Brier score", "Calibration error")
SET_COLUMNS = ("Sets right", "Worst class", "Mean size", "Single class")
CLASS_LEGEND = (
    "Lower is better. Calibration error: gap between the probability of the said class and how often it is right; it "
    "does not tell a sharp model from a vague one, log loss and Brier score do."
)


def doubt_view(key: str, study: DoubtStudy | None) -> DoubtView | None:
    """The section for `study`; None where there was none, or nothing could be judged."""
    if study is None or not (study.parts or study.classes):
        return None
    unit = words.unit_text(study.unit)
    if study.classes:
        curves = tuple((part.name, part.confidence) for part in study.classes)
        figures: tuple[Figure | None, ...] = (
            confidence_figure(f"{key}-confidence", curves, "", classification=True),
            sets_figure(f"{key}-sets", study.classes, study.class_names, study.level),
        )
        tables = [_class_table(part) for part in study.classes if len(part.methods) > 1]
        tables += [_set_table(part, study) for part in study.classes if part.sets]
        legend = CLASS_LEGEND
    else:
        curves = tuple((part.name, part.confidence) for part in study.parts)
        figures = (
            levels_figure(f"{key}-ways-levels", study.parts),
            promise_figure(f"{key}-promise", study.parts, study.unit),
            confidence_figure(f"{key}-confidence", curves, study.unit),
        )
        tables = [_number_table(part, unit) for part in study.parts]
        legend = NUMBER_LEGEND
    return DoubtView(
        tuple(one for one in figures if one is not None), tuple(tables), legend, tuple(map(_said, study.notes))
    )


def _said(note: str) -> str:
    head, _, rest = note.partition(": ")
    return f"{words.EVIDENCE[head][0]}: {rest}" if head in words.EVIDENCE else note


def number_sentence(part: DoubtPart) -> str:
    """Whether the own doubt is the best, by how much, and whether it finds the large errors."""
    own, others = part.methods[0], part.methods[1:]
    best = next(one for one in part.methods if one.name == part.best)
    constant = next((one for one in part.methods if one.name == "constant"), None)
    if not others:
        said = "No other way to doubt these predictions was judged."
    elif part.best == OWN:
        said = f"The model's own intervals are the best of {len(part.methods)} ways to doubt these predictions"
        worse = _beyond(constant.beyond) if constant is not None else ""
        said += f"; the same width everywhere scores {worse} worse." if worse else "."
    elif part.within_noise:
        said = f"The model's own intervals are within noise of the best way, {best.label}."
    else:
        said = f"Another way is better: {best.label} scores {_beyond(best.beyond)} lower on the same predictions."
    if math.isfinite(own.widest_ratio):
        verb = "errs" if own.widest_ratio >= 2.0 else "errs only"
        said += (
            f" The fifth of rows with most doubt {verb} {words.number(own.widest_ratio, 2)} times as much as the rest."
        )
    return said


def _beyond(found: Estimate) -> str:
    if not math.isfinite(found.value):
        return ""
    low, high = sorted((abs(found.low), abs(found.high)))
    span = f" ({words.percent(low, 0)} to {words.percent(high, 0)})" if math.isfinite(found.low) else ""
    return words.percent(abs(found.value), 0) + span


def _against(found: Estimate) -> str:
    if not math.isfinite(found.value):
        return words.DASH
    sign = "+" if found.value >= 0 else words.MINUS
    return sign + words.percent(abs(found.value), 1 if abs(found.value) < 0.1 else 0)


def _number_table(part: DoubtPart, unit: str) -> WayTable:
    def cells(one: DoubtScore) -> tuple[str, ...]:
        return (
            words.percent(one.coverage),
            words.with_unit(words.number(one.mean_width), unit),
            words.number(one.score),
            _against(one.beyond),
            words.number(one.crps),
            words.number(one.nll),
            words.percent(one.ence, 0),
            words.number(one.miscalibration, 2),
            words.number(one.widest_ratio, 2),
        )

    rows = tuple(
        WayRow(words.sentence(one.label), cells(one), one.name == OWN, one.name == part.best) for one in part.methods
    )
    title = f"{words.EVIDENCE[part.name][0]}, {words.counted(part.n_rows, 'row')}"
    return WayTable(title, number_sentence(part), NUMBER_COLUMNS, rows)


def class_sentence(part: ClassPart) -> str:
    """Whether the own probabilities are the best calibrated, and by how much."""
    best = next(one for one in part.methods if one.name == part.best)
    if part.best == OWN:
        return f"The model's own probabilities have the lowest log loss of {len(part.methods)} calibrations."
    if part.within_noise:
        return f"The model's own probabilities are within noise of the best calibration, {best.label}."
    return f"Another calibration is better: {best.label} has a log loss {_beyond(best.beyond)} lower."


def _class_table(part: ClassPart) -> WayTable:
    def cells(one: ClassScore) -> tuple[str, ...]:
        return (
            words.number(one.log_loss), _against(one.beyond), words.number(one.brier), words.percent(one.ece),
        )  # fmt: skip

    rows = tuple(
        WayRow(words.sentence(one.label), cells(one), one.name == OWN, one.name == part.best) for one in part.methods
    )
    title = f"Probabilities, {words.EVIDENCE[part.name][0].lower()}, {words.counted(part.n_rows, 'row')}"
    return WayTable(title, class_sentence(part), CLASS_COLUMNS, rows)


def _set_table(part: ClassPart, study: DoubtStudy) -> WayTable:
    def cells(one: SetScore) -> tuple[str, ...]:
        known = [(share, name) for share, name in zip(one.by_class, study.class_names, strict=True) if share == share]
        worst = min(known) if known else (math.nan, "")
        return (
            words.percent(one.coverage),
            f"{words.percent(float(worst[0]))} {words.short(worst[1], 24)}",
            words.number(one.mean_size, 3),
            words.percent(one.single, 0),
        )

    rows = tuple(WayRow(words.sentence(one.label), cells(one), one.name == "by_class", False) for one in part.sets)
    sentence = f"Of the sets {words.percent(study.level, 0)} should hold the true class, of every class alike."
    title = f"Prediction sets, {words.EVIDENCE[part.name][0].lower()}"
    return WayTable(title, sentence, SET_COLUMNS, rows)
