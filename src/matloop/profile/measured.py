"""The measurements of a table in its profile: batch effects of the first target, as figures and findings."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import SYMBOLS
from matloop.data.measurements.study import study_measurements
from matloop.data.measurements.values import Drift, Effect, MeasurementStudy
from matloop.profile.five_values import Finding, TableRead


def measured_study(table: TableRead, *, seed: int = 0) -> MeasurementStudy | None:
    """What the columns of the measurements do to the first target that is a number; None where there are none."""
    target = next((one for one in table.of("target") if one.is_number), None)
    if table.measured is None or target is None:
        return None
    y = np.where(table.labels, target.values, np.nan)
    return study_measurements(
        y, table.measured, materials(table), compositions=table.compositions, target=target.name, unit=target.unit,
        seed=seed,
    )  # fmt: skip


def materials(table: TableRead) -> FloatArray:
    """What the rows are, shape (n_rows, n_columns): atomic fractions of elements, and inputs that are numbers."""
    parts = [one.values[:, None] for one in table.of("input") if one.is_number]
    if table.compositions is not None:
        batch = table.compositions
        fractions = np.zeros((len(table), len(SYMBOLS) + 1))
        fractions[np.repeat(np.arange(len(table)), np.diff(batch.offsets)), batch.elements] = batch.fractions
        parts.append(fractions)
    return np.hstack(parts) if parts else np.zeros((len(table), 0))


def measured_findings(found: MeasurementStudy | None) -> tuple[Finding, ...]:
    """A figure for each column that was tested, and for each drift that is seen."""
    if found is None:
        return ()
    effects = [_effect(one, found) for one in found.effects if one.by]
    return (*effects, *(_drift(one, found) for one in found.drifts if one.verdict == "shift"))


def _effect(one: Effect, found: MeasurementStudy) -> Finding:
    shown = f"{one.share:.0%} of the variance of {found.target}" if one.share == one.share else "not known"
    advice = f" {one.advice[:1].upper()}{one.advice[1:]}." if one.advice else ""
    meaning = f"{one.said.rstrip('.')}.{advice}"
    level = {"shift": "look" if one.is_input else "bad", "confounded": "look"}.get(one.verdict, "good")
    return Finding(f"{one.part} {one.column}" if one.part != one.column.lower() else one.column, one.share, shown,
                   meaning, level)  # type: ignore[arg-type]  # fmt: skip


def _drift(one: Drift, found: MeasurementStudy) -> Finding:
    shown = f"{one.per_year:.3g} {found.unit} per year".replace("  ", " ")
    return Finding(f"drift {one.instrument}".strip(), one.per_year, shown,
                   f"{one.said}. Give the time as an input, calibrate anew, or judge by time.", "look")  # fmt: skip
