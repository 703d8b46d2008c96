"""Split conformal intervals: one half width for all, the conformal quantile of the residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, number
from matloop.core.errors import BundleError
from matloop.doubt.methods import Asked, IntervalMethod, Known
from matloop.doubt.order import conformal_quantile


@dataclass(frozen=True, slots=True)
class SplitIntervals:
    """Half width for every row, target unit."""

    half: float

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """Value minus and plus the half width."""
        return asked.value - self.half, asked.value + self.half

    def to_arrays(self) -> Arrays:
        return {"half": np.array(self.half)}


def _fit(known: Known, level: float, seed: int) -> SplitIntervals:
    del seed
    return SplitIntervals(conformal_quantile(np.abs(known.residual), level))


def _read(arrays: Arrays) -> SplitIntervals:
    half = number(arrays, "half")
    if not 0.0 <= half < np.inf:
        raise BundleError(f"a half width of {half} is not possible. The bundle is not trusted.")
    return SplitIntervals(half)


SPLIT = IntervalMethod(
    "split",
    "split conformal, one width for all",
    _fit,
    _read,
    "at least the level, for rows like the known ones",
    "Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094. doi:10.1080/01621459.2017.1307116",
    fits="one",
)
