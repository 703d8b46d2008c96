"""Whether a model still is as good as it was, from the measured values that arrive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.evaluate.words import number, percent, unit_text, with_unit
from matloop.monitor.contract import Finding, Severity
from matloop.monitor.decay.betting import Test, above, band, began, upper
from matloop.monitor.decay.yardstick import FEW, OFF_BY, coverage_test, error_test, size_of
from matloop.monitor.told import Labelled
from matloop.problem.question import Never

MATTERS = 1.1
"""An error that is surely larger, but by less than this factor, is a note and no alarm."""
LIKELY = 0.2
"""p from which a change is told as likely."""
NEWEST = 200
"""Measured values by which one sees whether a change has gone again."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How good a target's predictions were when the model was made.

    errors : (n,) absolute errors of rows that the model had not seen (0 or 1 for classes: wrong); empty where the
    bundle keeps none. missed : (n,) 0 or 1, whether the truth was outside the interval; empty where there is none. mean
    : mean error where `errors` is empty, with `mean_high`, the upper end of its interval. level : of the intervals.
    where : on which rows this was found, in words.
    """

    target: str
    errors: FloatArray
    missed: FloatArray
    mean: float = math.nan
    mean_high: float = math.nan
    level: float = 0.9
    unit: str = ""
    classes: tuple[str, ...] = ()
    never: Never | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """How a mean went as labels came: (looks,) numbers of labels, running mean, and the bounds of a confidence sequence
    (with 95 % it is within all of them at once). expected, allowed : lines to compare with. at : labels after which the
    test fired. name, unit : of the quantity."""

    name: str
    unit: str
    n: IntArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    expected: float
    at: int | None


@dataclass(frozen=True, slots=True)
class Quality:
    """What the labels of one target say. n : labels used; repeated : labels of the same material and measurement, left
    out; silent : labels of answers that had no value."""

    target: str
    n: int
    repeated: int
    silent: int
    findings: tuple[Finding, ...]
    courses: tuple[Course, ...]


def quality(told: Labelled, expected: Expected, *, alpha: float = 0.05, detector: str = "betting") -> Quality:
    """Test error, coverage and unacceptable errors of one target; together they are wrong with probability `alpha` at
    most, at however many looks, where `detector` is "betting".

    Parameters
    ----------
    told : answers with measured values in the order told, from the first of this bundle on: a window that moves would
        begin the test anew with every look, and wear its promise out.
    """
    distinct = told.distinct
    usable = distinct.take(np.isfinite(distinct.truth) & np.isfinite(distinct.value))
    repeated, silent = len(told) - len(distinct), len(distinct) - len(usable)
    if not len(usable):
        return Quality(told.target, 0, repeated, silent, (), ())
    wrong = usable.truth != usable.value if told.classes else np.abs(usable.truth - usable.value)
    errors = np.asarray(wrong, dtype=np.float64)
    spanned = np.isfinite(usable.low) & np.isfinite(usable.high)
    never = expected.never
    parts = 1 + bool(spanned.any() and not told.classes) + (never is not None)
    found = [_error(usable, errors, expected, alpha / parts, detector)]
    if spanned.any() and not told.classes:
        found.append(_coverage(usable.take(spanned), expected, alpha / parts, detector))
    if never is not None:
        found.append(_never(errors, expected, never, alpha / parts))
    findings = tuple(finding for finding, _ in found)
    return Quality(
        told.target, len(usable), repeated, silent, findings, tuple(c for _, c in found if c is not None)
    )  # fmt: skip


def _error(
    told: Labelled, errors: FloatArray, expected: Expected, alpha: float, detector: str
) -> tuple[Finding, Course | None]:
    mean = float(errors.mean())
    inside = told.in_domain
    reference = expected.errors[np.isfinite(expected.errors)]
    unit = unit_text(expected.unit)
    figures: dict[str, Any] = {
        "n": len(errors), "after": mean, "inside_domain": _mean(errors[inside]),
        "outside_domain": _mean(errors[~inside]),
        "outside_share": float((~inside).mean()),
    }  # fmt: skip
    if len(reference) < FEW and not math.isfinite(expected.mean_high):
        said = f"The mean error of {told.target} is {_shown(mean, unit, told)} on {len(errors):,} measured values; the "
        said += "bundle does not say what it was before."
        return Finding("error", told.target, said, "note", figures), None
    if len(reference) >= FEW:
        before, top = float(reference.mean()), 1.0 if told.classes else size_of(reference)
        test = error_test(errors, reference, alpha, detector=detector, top=top)
    else:
        before, top = expected.mean, 10.0 * expected.mean_high
        test = above(np.minimum(errors, top) / top, expected.mean_high / top, alpha)
    x = np.minimum(errors, top) / top
    figures |= {"before": before, "p": test.p, "labels_until": test.at}
    course = _course("mean error", x, top, unit, before, test, alpha)
    began_at = began(x, test.null, test.at) if test.at else 0
    now = float(errors[began_at:].mean())
    newest = float(errors[-NEWEST:].mean())
    severity = _severity(test, material=now > MATTERS * before, gone=newest <= MATTERS * before, n=len(errors))
    figures |= {"began": began_at, "since_then": now, "newest": newest}
    said = _said_error(told, severity, test, figures, unit)
    todo = (
        ""
        if severity == "note"
        else "Look at the findings on drift; train anew with the measured values: matloop retrain."
    )
    return Finding("error", told.target, said, severity, figures, todo), course


def _said_error(told: Labelled, severity: Severity, test: Test, figures: dict[str, Any], unit: str) -> str:
    what = f"share of wrong classes of {told.target}" if told.classes else f"mean error of {told.target}"
    before, now = (_shown(figures[name], unit, told) for name in ("before", "since_then"))
    n = figures["n"]
    if severity == "note":
        so = f"The {what} is {_shown(figures['after'], unit, told)} on {n:,} measured values; it was {before} when the "
        so += "model was made"
        return so + (", a small change that is sure." if test.at else " (no sign of decay).")
    if severity == "warning" and test.at and figures["newest"] <= MATTERS * figures["before"]:
        return (
            f"The {what} had risen (found after {test.at:,} measured values), but the newest {min(NEWEST, n)} are as "
            f"before: {_shown(figures['newest'], unit, told)}, it was {before}."
        )
    start = (
        f"since about measured value {figures['began'] + 1:,} of {n:,}"
        if figures["began"]
        else f"on {n:,} measured values"
    )
    return f"The {what} has risen from {before} to {now} {start}" + (
        "." if severity == "alarm" else "; that is likely, not sure."
    )


def _coverage(told: Labelled, expected: Expected, alpha: float, detector: str) -> tuple[Finding, Course]:
    missed = ((told.truth < told.low) | (told.truth > told.high)).astype(np.float64)
    reference = expected.missed[np.isfinite(expected.missed)]
    test = coverage_test(missed, reference, expected.level, alpha, detector=detector)
    start = began(missed, test.null, test.at) if test.at else 0
    now, newest = 1.0 - float(missed[start:].mean()), 1.0 - float(missed[-NEWEST:].mean())
    level, held = expected.level, expected.level - OFF_BY
    severity = _severity(test, material=now < held, gone=newest >= held, n=len(missed))
    figures: dict[str, Any] = {
        "n": len(missed), "level": level, "after": 1.0 - float(missed.mean()), "p": test.p, "labels_until": test.at,
        "before": 1.0 - float(reference.mean()) if len(reference) else math.nan, "began": start, "since_then": now,
        "newest": newest,
    }  # fmt: skip
    name = f"The {percent(level)} intervals of {told.target}"
    said = f"{name} hold {percent(figures['after'])} of {len(missed):,} measured values (no sign of decay)."
    if severity == "alarm":
        since = (
            f" since about measured value {start + 1:,} of {len(missed):,}"
            if start
            else f" of {len(missed):,} measured values"
        )
        said = f"{name} hold only {percent(now)}{since}."
    elif severity == "warning" and test.at:
        said = f"{name} had become too narrow (found after {test.at:,} measured values); of the newest {NEWEST} they "
        said += f"hold {percent(newest)}."
    elif severity == "warning":
        said = f"{name} hold {percent(now)} of {len(missed):,} measured values; that is likely too few, not surely."
    elif test.at:
        said = f"{name} hold {percent(now)} of the measured values, surely less than promised but by little."
    todo = "" if severity == "note" else "Do not rely on the width; train anew, or calibrate with the measured values."
    course = _course("coverage", missed, 1.0, "", level, test, alpha, turned=True)
    return Finding("coverage", told.target, said, severity, figures, todo), course


def _never(errors: FloatArray, expected: Expected, never: Never, alpha: float) -> tuple[Finding, None]:
    """Errors that the problem calls unacceptable, against the share that it allows."""
    over = (errors > never.abs_error_above).astype(np.float64)
    reference = expected.errors[np.isfinite(expected.errors)]
    known = len(reference) >= FEW
    usual = upper((reference > never.abs_error_above).astype(np.float64), alpha / 2.0) if known else 0.0
    test = above(over, max(never.share_above, usual), alpha / 2.0 if known else alpha)
    share, newest = float(over.mean()), float(over[-NEWEST:].mean())
    severity = _severity(test, material=True, gone=newest <= never.share_above, n=len(over))
    limit = with_unit(never.abs_error_above, unit_text(expected.unit))
    said = (
        f"{int(over.sum()):,} of {len(over):,} errors of {expected.target} are above {limit} ({percent(share)}); "
        f"{percent(never.share_above)} may be."
    )
    figures = {"n": len(over), "count": int(over.sum()), "after": share, "allowed": never.share_above, "p": test.p,
               "labels_until": test.at}  # fmt: skip
    todo = "" if severity == "note" else "Look at these rows: are they of a new kind, or is the measurement off?"
    return Finding("failures", f"unacceptable errors of {expected.target}", said, severity, figures, todo), None


def _severity(test: Test, *, material: bool, gone: bool, n: int) -> Severity:
    if test.at is not None:
        settled = gone and n - test.at >= NEWEST
        return "note" if not material else "warning" if settled else "alarm"
    current = float(test.log_capital[-1]) if test.n else 0.0
    return "warning" if material and math.exp(-current) <= LIKELY else "note"


def _course(
    name: str, x: FloatArray, top: float, unit: str, expected: float, test: Test, alpha: float, *, turned: bool = False
) -> Course:
    found = band(x, alpha)
    mean, low, high = (one * top for one in (found.mean, found.low, found.high))
    if turned:
        mean, low, high = 1.0 - mean, 1.0 - high, 1.0 - low
    return Course(name, unit, found.n, frozen(mean), frozen(low), frozen(high), expected, test.at)


def _shown(value: float, unit: str, told: Labelled) -> str:
    return percent(value) if told.classes else with_unit(value, unit) if math.isfinite(value) else number(value)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else math.nan
