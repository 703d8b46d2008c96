"""Columns that say how values were measured, and what a study of them finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray

Part = Literal["batch", "instrument", "operator", "laboratory", "condition"]
Verdict = Literal["shift", "confounded", "none seen", "not tested"]


@dataclass(frozen=True, slots=True)
class Factor:
    """One such column. codes : shape (n_rows,), index into `words`, -1 where nothing stands there.

    is_input : whether the problem has it as an input.
    """

    column: str
    part: Part
    codes: IntArray
    words: tuple[str, ...]
    is_input: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of the measurements of a table.

    samples : shape (n_rows,), equal for repeated measurements of one sample, -1 where nothing is known of it.
    seconds : shape (n_rows,), when each row was measured, since 1970; NaN where not known. instrument : index into
    `factors` of the column of instruments, -1 for none. guessed : the columns were found by their names.
    sample_column : the column that names samples, "" where equal inputs make them.
    """

    factors: tuple[Factor, ...]
    samples: IntArray
    seconds: FloatArray
    instrument: int = -1
    guessed: bool = False
    sample_column: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the values of one batch (instrument, ...) lie from the mean of all, with its 95 % interval."""

    level: str
    n_rows: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What one column does to the target.

    by : "replicates" (the same samples under several levels) or "materials" (what a linear model of the inputs leaves).
    share : of the variance of the target that the levels explain, corrected for their number; share_left : of what is
    left within replicates, or by the model of the inputs. p_value : by permutation; p_corrected : for all columns and
    instruments that were tested (Holm). overlap : share of the variance of the inputs that the levels explain, with its
    p-value; where they depend on each other, only replicates can tell an effect of the batch from chemistry.
    only : levels whose materials are unlike all others, in words. shifts : of each level, by replicates or model.
    """

    column: str
    part: Part
    is_input: bool
    n_rows: int
    n_levels: int
    n_sets: int
    by: Literal["replicates", "materials", ""]
    share: float
    share_left: float
    p_value: float
    p_corrected: float
    overlap: float
    p_overlap: float
    only: tuple[str, ...]
    shifts: tuple[Shift, ...]
    verdict: Verdict
    said: str
    advice: str


@dataclass(frozen=True, slots=True)
class Drift:
    """How the target moves with time on one instrument ("" for all rows): change per year with its 95 % interval."""

    instrument: str
    n_rows: int
    days: float
    per_year: float
    low: float
    high: float
    p_value: float
    p_corrected: float
    verdict: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class MeasurementStudy:
    """All that is found for one target."""

    target: str
    unit: str
    n_rows: int
    n_sets: int
    guessed: bool
    effects: tuple[Effect, ...]
    drifts: tuple[Drift, ...]
    notes: tuple[str, ...]

    @property
    def shifted(self) -> tuple[Effect, ...]:
        """Columns with an effect that is seen."""
        return tuple(one for one in self.effects if one.verdict == "shift")


NO_TIMES = np.zeros(0)
