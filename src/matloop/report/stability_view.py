"""What the section on stability shows: seeds, rivals, label noise, single rows and sanity checks, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matloop.evaluate.row_worth import ValuedRow, WorthStudy
from matloop.evaluate.sanity import SanityCheck
from matloop.evaluate.stability import RivalStudy, StabilityStudy
from matloop.report import words
from matloop.report.figures.figure import Figure
from matloop.report.figures.stability import noise_figure


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One sanity check: `mark` and `tone` of its outcome."""

    mark: str
    tone: str
    outcome: str
    name: str
    did: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class WorthRow:
    """A training row of great or negative worth, in words."""

    id: str
    shown: str
    label: str
    around: str
    worth: str
    why: str
    nearest: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WorthView:
    """Rows that hurt and rows that help, and whether to read them."""

    sentence: str
    readable: bool
    harmful: tuple[WorthRow, ...]
    helpful: tuple[WorthRow, ...]
    checked: str


@dataclass(frozen=True, slots=True)
class StabilityView:
    """The whole section; empty parts are not shown."""

    seeds: str
    rivals: tuple[str, ...]
    noise: str
    noise_figure: Figure | None
    worth: WorthView | None
    sanity: str
    checks: tuple[CheckRow, ...]
    notes: tuple[str, ...]


_OUTCOMES = {True: ("✓", "good", "passed"), False: ("✗", "bad", "failed"), None: ("?", "unsure", "not judged")}


def stability_view(
    key: str, study: StabilityStudy | None, *, unit: str = "", classes: tuple[str, ...] = ()
) -> StabilityView | None:
    """The section for `study`; None where there was none.

    Parameters
    ----------
    unit, classes : of the target.
    """
    if study is None:
        return None
    notes = list(study.notes)
    for part in (study.noise, study.worth, study.sanity):
        notes += part.notes if part is not None else ()
    return StabilityView(
        study.seeds.words if study.seeds else "", _rivals(study.rivals), study.noise.sentence if study.noise else "",
        noise_figure(f"{key}-label-noise", study.noise) if study.noise else None,
        _worth(study.worth, unit, classes), study.sanity.sentence if study.sanity else "",
        tuple(_check(one) for one in study.sanity.checks) if study.sanity else (), tuple(notes),
    )  # fmt: skip


def _rivals(study: RivalStudy | None) -> tuple[str, ...]:
    if study is None:
        return ()
    metric = words.metric_words(study.metric).label
    said = [f"{study.folds.words} Compared by {metric} on the folds of the search, which are kind to the best of many."]
    if study.repeated is not None:
        said.append(f"With other seeds and folds: {study.repeated.words}")
    if study.parts is not None:
        seeds = "no number of seeds is enough" if math.isinf(study.seeds) else words.counted(int(study.seeds), "seed")
        said.append(
            f"Of the doubt about their difference seeds make {words.number(study.parts.seeds, 2)} and the rows "
            f"{words.number(study.parts.rows, 2)} (standard deviations): "
            f"{seeds}{'' if math.isinf(study.seeds) else ' would do'}."
        )
    return tuple(said)


def _worth(study: WorthStudy | None, unit: str, classes: tuple[str, ...]) -> WorthView | None:
    if study is None:
        return None
    checked = (
        f"Checks of the list: a row in it would be low by other held-out rows, too, with a chance of "
        f"{words.percent(study.reliability, 0)}"
    )
    if math.isfinite(study.agreement):
        checked += f", by a second method (kernel ridge) with {words.percent(study.agreement, 0)}"
    return WorthView(
        study.sentence, study.readable, tuple(_row(one, unit, classes) for one in study.harmful),
        tuple(_row(one, unit, classes) for one in study.helpful), f"{checked}; 50 % is guessing.",
    )  # fmt: skip


def _row(one: ValuedRow, unit: str, classes: tuple[str, ...]) -> WorthRow:
    def said(value: float) -> str:
        if classes:
            place = int(value) if np.isfinite(value) else -1
            return words.short(classes[place], 40) if 0 <= place < len(classes) else words.DASH
        return words.with_unit(words.number(value), words.unit_text(unit))

    near = tuple((shown, said(value)) for _, shown, value in one.nearest)
    return WorthRow(one.id, one.shown, said(one.y), said(one.around), words.number(one.worth, 2), one.why, near)


def _check(one: SanityCheck) -> CheckRow:
    mark, tone, outcome = _OUTCOMES[one.passed]
    return CheckRow(mark, tone, outcome, one.name, one.did, one.found, one.expected)
