"""The section "does the domain flag help", worked out in words before the template is filled."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matloop.evaluate.domain_study import DomainStudy, LimitGain, MeasureResult, Side
from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.figures.domain_study import domain_error_figure, measure_figure
from matloop.report.figures.figure import Figure

NOT_PROMISED = (
    "a row inside can still be wrong: the flag knows the features, not the noise of a measurement nor the structure or "
    "making behind a formula",
    "a row outside can still be right: it says that nobody checked there",
    "a kind of novelty that the features do not show is not seen",
)
"""What the flag does not say, whatever the numbers."""


@dataclass(frozen=True, slots=True)
class SideRow:
    """Rows on one side of the flag in words; pairs are (value, interval)."""

    where: str
    side: str
    rows: str
    error: tuple[str, str]
    coverage: tuple[str, str]


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A limit in words."""

    limit: str
    flagged_cv: str
    flagged_loco: str
    error: tuple[str, str]
    coverage: tuple[str, str]
    in_use: bool


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A measure in words."""

    label: str
    auroc: str
    worst: str
    found: str
    in_use: bool


@dataclass(frozen=True, slots=True)
class DomainView:
    """Sentence, figures and tables. error : heading of the errors; level : promise of the intervals, or empty."""

    sentence: str
    figures: tuple[Figure, ...]
    sides: tuple[SideRow, ...]
    limits: tuple[LimitRow, ...]
    measures: tuple[MeasureRow, ...]
    false_flags: str
    error: str
    level: str
    not_promised: tuple[str, ...]
    notes: tuple[str, ...]


def domain_view(study: DomainStudy | None, key: str) -> DomainView | None:
    """The section of `study`; None where there was none."""
    if study is None:
        return None
    figures = (domain_error_figure(f"{key}-domain-error", study), measure_figure(f"{key}-domain-measures", study))
    measures = [one for one in study.measures if math.isfinite(one.auroc)]
    return DomainView(
        domain_sentence(study),
        tuple(figure for figure in figures if figure is not None),
        tuple(_side(one, study) for one in study.sides),
        tuple(_limit(one, study) for one in study.limits),
        tuple(_measure(one) for one in measures),
        words.percent(study.flagged_cv.value),
        "In the wrong class" if study.classification else "Mean absolute error",
        "" if study.classification else words.percent(study.level, 0),
        NOT_PROMISED,
        study.notes,
    )


def domain_sentence(study: DomainStudy) -> str:
    """What to see: how many are flagged, what it buys on new chemistry, and what remains."""
    said = f"The flag marks {words.percent(study.flagged_cv.value)} of rows like the training rows"
    if not math.isfinite(study.flagged_loco.value):
        return said + "; it could not be tried on new chemistry."
    said += (
        f" and {words.percent(study.flagged_loco.value, 0)} of rows of a cluster that was left out"
        f" (AUROC {words.fixed(study.measures[0].auroc, 2)})."
    )
    return said + _worth(study) + _remains(study)


def _worth(study: DomainStudy) -> str:
    inside, outside = study.side("loco", inside=True), study.side("loco", inside=False)
    if inside is None or outside is None or not inside.error.value > 0:
        return ""
    ratio = outside.error.value / inside.error.value
    apart = _apart(inside.error, outside.error)
    if apart and ratio >= 1.05:
        text = f" On new clusters, flagged rows are {_times(ratio, study)} as rows that are not"
    elif apart and ratio <= 0.95:
        text = (
            " On new clusters, flagged rows are no worse than those that are not: here distance does not point to error"
        )
    else:
        text = " On new clusters, errors of flagged rows and of others cannot be told apart"
    if math.isfinite(inside.coverage.value) and math.isfinite(outside.coverage.value):
        text += (
            f"; their intervals hold {words.percent(outside.coverage.value, 0)} of the measured values, those of the "
            f"others {words.percent(inside.coverage.value, 0)}"
        )
    return text + "."


def _times(ratio: float, study: DomainStudy) -> str:
    often = "as often in the wrong class" if study.classification else "as wrong"
    return f"{words.fixed(ratio, 1)} times {often}"


def _remains(study: DomainStudy) -> str:
    """That a row inside of a new cluster is not as good as one in random folds."""
    new, usual = study.side("loco", inside=True), study.side("cv", inside=True)
    if new is None or usual is None or not usual.error.value > 0:
        return ""
    ratio = new.error.value / usual.error.value
    if ratio < 1.1 or not _apart(usual.error, new.error):
        return ""
    return (
        f" A row that is not flagged but of a new cluster is still {_times(ratio, study)} as one in random "
        "cross-validation."
    )


def _apart(one: Estimate, other: Estimate) -> bool:
    ends = (one.low, one.high, other.low, other.high)
    return all(math.isfinite(end) for end in ends) and (one.high < other.low or other.high < one.low)


def _error(found: Estimate, study: DomainStudy) -> tuple[str, str]:
    if study.classification:
        return words.estimate(found, "%", scale=100.0)
    return words.estimate(found, words.unit_text(study.unit))


def _coverage(found: Estimate) -> tuple[str, str]:
    return words.estimate(found, "%", scale=100.0) if math.isfinite(found.value) else ("", "")


def _side(one: Side, study: DomainStudy) -> SideRow:
    side = "inside the domain" if one.inside else "flagged"
    return SideRow(
        words.EVIDENCE[one.where][0], side, words.count(one.n_rows), _error(one.error, study), _coverage(one.coverage)
    )  # fmt: skip


def _limit(one: LimitGain, study: DomainStudy) -> LimitRow:
    return LimitRow(
        f"{words.fixed(one.limit, 2)}×", words.percent(one.flagged_cv), words.percent(one.flagged_loco),
        _error(one.error, study), _coverage(one.coverage), one.in_use,
    )  # fmt: skip


def _measure(one: MeasureResult) -> MeasureRow:
    label = f"{one.label} and the checks" if one.in_use else one.label
    worst = min(one.by_cluster, default=math.nan)
    return MeasureRow(
        label, words.fixed(one.auroc, 2), words.fixed(worst, 2), words.percent(one.found, 0), one.in_use
    )  # fmt: skip
