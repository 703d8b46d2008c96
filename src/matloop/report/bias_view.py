"""What the section on bias shows, worked out before the template is filled."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matloop.evaluate.bias_values import BiasFinding, BiasStudy
from matloop.evaluate.bias_words import noun
from matloop.report import words
from matloop.report.figures.bias import bias_figure
from matloop.report.figures.figure import Figure

IN_TABLE = 60


@dataclass(frozen=True, slots=True)
class BiasRow:
    """One set of rows in words: `called` says what stands out."""

    name: str
    n_rows: str
    ratio: tuple[str, str]
    alike: str
    offset: tuple[str, str]
    p_value: str
    q_value: str
    called: str


@dataclass(frozen=True, slots=True)
class BiasView:
    """Sentence, figure, table, and what could not be compared."""

    sentence: str
    figure: Figure | None
    rows: tuple[BiasRow, ...]
    n_all: int
    offset_title: str
    notes: tuple[str, ...]


def bias_view(key: str, study: BiasStudy | None) -> BiasView | None:
    """The section for `study`; None where there was none."""
    if study is None:
        return None
    notes = list(study.notes)
    if study.too_few:
        shown = ", ".join(study.too_few[:4])
        more = " and others" if len(study.too_few) > 4 else ""
        notes.append(f"{words.counted(len(study.too_few), 'set')} with too few rows to compare: {shown}{more}")
    unit = {"linear": words.unit_text(study.unit), "log": "decades", "classes": "%"}[study.scale]
    about = f"Chance of {study.positive} too high by" if study.positive else "Predicted too high by"
    return BiasView(
        study.sentence, bias_figure(f"{key}-bias-sets", study),
        tuple(_row(one, study) for one in study.findings[:IN_TABLE]),
        len(study.findings), f"{about} ({unit})" if unit else about, tuple(notes),
    )  # fmt: skip


def _row(one: BiasFinding, study: BiasStudy) -> BiasRow:
    scale = 100.0 if study.scale == "classes" else 1.0
    p = [value for value in (one.p_size, one.p_offset) if math.isfinite(value)]
    q = [value for value in (one.q_size, one.q_offset) if math.isfinite(value)]
    directed = math.isfinite(one.offset.value)
    return BiasRow(
        noun(one.kind, one.name), words.count(one.n_rows), words.estimate(one.ratio),
        words.number(one.alike, 2) if math.isfinite(one.alike) else "",
        words.estimate(one.offset, scale=scale) if directed else ("", ""),
        words.p_value(min(p, default=math.nan)), words.p_value(min(q, default=math.nan)), _called(one),
    )  # fmt: skip


def _called(one: BiasFinding) -> str:
    said = [f"error {one.size}"] if one.size else []
    said += [f"too {one.direction}"] if one.direction else []
    text = ", ".join(said)
    return f"{text}; mostly the rows of {one.same_as}" if text and one.same_as else text
