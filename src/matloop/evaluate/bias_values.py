"""Errors row by row, and what is known of the sets of rows on which a model errs more or in one direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.metrics.estimate import Estimate

Scale = Literal["linear", "log", "classes"]


@dataclass(frozen=True, slots=True)
class Errors:
    """How wrong each row is, and in which direction.

    size : shape (n,), absolute error (target unit; decades on a log scale), or 1 for a wrong class and 0 for a right.
    offset : shape (n,), predicted minus measured in the same unit, or probability of the positive class minus truth;
        None where there is no direction (three classes or more).
    positive : name of the class that `offset` is about.
    """

    size: FloatArray
    offset: FloatArray | None
    scale: Scale = "linear"
    unit: str = ""
    positive: str = ""


@dataclass(frozen=True, slots=True)
class BiasFinding:
    """One set of rows against all other rows.

    error : mean size of the error inside; rest: outside; ratio: inside over outside.
    alike : the ratio against rows outside that are predicted alike (same fifth of the predictions): what is left when
        the predicted value does not explain it; NaN where it cannot be known.
    offset, offset_rest : mean signed error inside and outside; NaN where no direction was tested.
    p_size, p_offset : by permutation, family-wise over all sets and both quantities; NaN where not tested. q_size,
        q_offset: the same with the false discovery rate (Benjamini & Hochberg).
    size, direction : what is called, else empty.
    same_as : a stronger finding that has mostly the same rows, or empty.
    """

    kind: str
    name: str
    n_rows: int
    n_groups: int
    error: Estimate
    rest: float
    ratio: Estimate
    alike: float
    offset: Estimate
    offset_rest: float
    p_size: float
    p_offset: float
    q_size: float
    q_offset: float
    size: Literal["larger", "smaller", ""]
    direction: Literal["high", "low", ""]
    same_as: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BiasStudy:
    """Error by every set of rows that could be compared, called ones first, the strongest first.

    error, offset : of all rows together. too_few : names of sets with too few rows or groups to be compared.
    """

    findings: tuple[BiasFinding, ...]
    n_rows: int
    n_permutations: int
    false_alarm: float
    error: Estimate
    offset: Estimate
    scale: Scale
    unit: str
    positive: str
    too_few: tuple[str, ...]
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def called(self) -> tuple[BiasFinding, ...]:
        """Findings that are more than luck and large enough to matter."""
        return tuple(one for one in self.findings if one.size or one.direction)


def errors_of_values(
    y: ArrayLike, value: ArrayLike, *, scale: Literal["linear", "log"] = "linear", unit: str = ""
) -> Errors:
    """Errors of predicted numbers, both shape (n,); on a log scale in decades (y and value > 0).

    Raises
    ------
    DataError : lengths differ, or a value is not positive on a log scale.
    """
    truth, said = np.asarray(y, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if truth.shape != said.shape:
        raise DataError(f"{len(truth)} true values, but {len(said)} predictions. Give one prediction per row.")
    if scale == "log":
        if (truth <= 0).any() or (said <= 0).any():
            raise DataError("a log scale needs values > 0; use scale='linear', or leave such rows out.")
        truth, said = np.log10(truth), np.log10(said)
    return Errors(np.abs(said - truth), said - truth, scale, unit)


def errors_of_classes(
    y: ArrayLike, value: ArrayLike, proba: ArrayLike | None = None, *, classes: Sequence[str] = (), positive: int = 1
) -> Errors:
    """Errors of predicted classes: class indices (n,), and probabilities (n, 2) where a direction is wanted.

    Raises
    ------
    DataError : lengths differ.
    """
    truth, said = np.asarray(y, dtype=np.float64), np.asarray(value, dtype=np.float64)
    chances = np.zeros((len(truth), 0)) if proba is None else np.asarray(proba, dtype=np.float64)
    if not len(truth) == len(said) == len(chances):
        raise DataError(f"{len(truth)} true classes, {len(said)} predictions, {len(chances)} rows of probabilities.")
    offset = chances[:, positive] - (truth == positive) if chances.shape[1] == 2 else None
    name = str(classes[positive]) if len(classes) > positive else f"class {positive}"
    return Errors((truth != said).astype(np.float64), offset, "classes", "", name if offset is not None else "")


def left_unexplained(one: BiasFinding) -> float:
    """Which part of the ratio, as a logarithm, is left beside rows that are predicted alike; one where not known."""
    if not (math.isfinite(one.alike) and one.ratio.value > 0) or one.ratio.value == 1.0:
        return 1.0
    return math.log(max(one.alike, 1e-9)) / math.log(one.ratio.value)
