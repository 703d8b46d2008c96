"""The measurements of a table as one block of a page: what batches, instruments and time do to the target."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.data.measurements.values import Effect, MeasurementStudy, Shift
from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.strip import Strip, strip

VERDICTS = {"shift": "shift", "confounded": "cannot be told", "none seen": "", "not tested": ""}


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One column in words; `pill` is empty where nothing is to be done."""

    column: str
    part: str
    pill: str
    levels: str
    by: str
    share: str
    p_value: str
    said: str
    advice: str


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """One level of a column: its distance from the mean of all, with the interval, and where that lies."""

    column: str
    level: str
    n_rows: str
    shift: tuple[str, str]
    strip: Strip | None


@dataclass(frozen=True, slots=True)
class MeasuredView:
    """The block, worked out before the template is filled."""

    sentence: str
    rows: tuple[EffectRow, ...]
    shifts: tuple[ShiftRow, ...]
    drifts: tuple[str, ...]
    notes: tuple[str, ...]


def measured_view(found: MeasurementStudy | None) -> MeasuredView | None:
    """Numbers as words; None where nothing says how values were measured."""
    if found is None:
        return None
    shown = [one for one in found.effects if one.verdict in ("shift", "confounded")]
    reach = max((max(abs(s.low), abs(s.high)) for one in shown for s in one.shifts), default=0.0)
    return MeasuredView(
        sentence=_sentence(found),
        rows=tuple(_row(one) for one in found.effects),
        shifts=tuple(_shift(one, shift, reach, words.unit_text(found.unit)) for one in shown for shift in one.shifts),
        drifts=tuple(words.sentence(one.said) for one in found.drifts),
        notes=(*found.notes, *(("the columns were found by their names; a problem file names them under "
                                "[measurements]",) if found.guessed else ())),
    )  # fmt: skip


def _sentence(found: MeasurementStudy) -> str:
    shifted = [one.column for one in found.shifted] + [f"time ({one.instrument or 'all rows'})" for one in found.drifts
                                                       if one.verdict == "shift"]  # fmt: skip
    unclear = [one.column for one in found.effects if one.verdict == "confounded"]
    parts = []
    if shifted:
        parts.append(f"Values of {found.target} depend on {', '.join(shifted)}, not on the materials alone.")
    if unclear:
        parts.append(f"Of {', '.join(unclear)} an effect cannot be told apart from that of the materials.")
    return " ".join(parts) or f"No column of the measurements is seen to move {found.target}."


def _row(one: Effect) -> EffectRow:
    by = {"replicates": f"{words.count(one.n_sets)} shared samples", "materials": "model of the inputs", "": words.DASH}
    return EffectRow(
        one.column, one.part, VERDICTS[one.verdict], words.count(one.n_levels), by[one.by],
        words.percent(one.share), words.p_value(one.p_corrected), words.sentence(one.said),
        words.sentence(one.advice) if one.advice else "",
    )  # fmt: skip


def _shift(one: Effect, shift: Shift, reach: float, unit: str) -> ShiftRow:
    value = words.estimate(Estimate(shift.value, shift.low, shift.high), unit)
    drawn = strip([shift.value], -reach, reach, f"{shift.level}: {value[0]} {value[1]}") if reach > 0 else None
    return ShiftRow(one.column, shift.level, words.count(shift.n_rows), value, drawn)
