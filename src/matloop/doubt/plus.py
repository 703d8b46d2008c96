"""CV+, jackknife+ and jackknife+-after-bootstrap: intervals from what every fold's model says of the new row.

All three are one computation. A known row i was predicted by some of the members (those that did not see it) and missed
by r_i. The same members say mu_i of a new row. The interval goes from a low quantile of mu_i - r_i to a high one of
mu_i + r_i, so that it is wide also where the members disagree about the new row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, number, taken
from matloop.core.errors import BundleError, DataError
from matloop.doubt.methods import Asked, IntervalMethod, Known, around

BLOCK = 4_000_000
"""Pairs of new and known rows held at once (32 MB)."""


@dataclass(frozen=True, slots=True)
class PlusIntervals:
    """Sizes of the residuals (n,), and the share of each member in what was said of a known row (n, n_members)."""

    size: FloatArray
    speaks: FloatArray
    level: float

    def ends(self, asked: Asked) -> tuple[FloatArray, FloatArray]:
        """See the head of this file."""
        if asked.members.shape != (len(asked), self.speaks.shape[1]):
            raise DataError(
                f"{len(asked)} rows and predictions of members of shape {asked.members.shape}; "
                f"{self.speaks.shape[1]} members were kept."
            )
        n = len(self.size)
        place = min(int(np.ceil((n + 1) * self.level - 1e-9)), n) - 1
        low, high = np.empty(len(asked)), np.empty(len(asked))
        step = max(1, BLOCK // n)
        for start in range(0, len(asked), step):
            said = asked.members[start : start + step] @ self.speaks.T
            high[start : start + step] = np.partition(said + self.size, place, axis=1)[:, place]
            low[start : start + step] = -np.partition(self.size - said, place, axis=1)[:, place]
        return around(asked.value, low, high)

    def to_arrays(self) -> Arrays:
        return {"size": self.size, "speaks": self.speaks, "level": np.array(self.level)}


def _fit(known: Known, level: float, seed: int) -> PlusIntervals:
    del seed
    if known.speaks.shape != (len(known), known.speaks.shape[1]) or not np.allclose(known.speaks.sum(axis=1), 1.0):
        raise DataError(f"members' shares of shape {known.speaks.shape} do not sum to one for {len(known)} known rows.")
    return PlusIntervals(np.abs(known.residual), known.speaks, level)


def _read(arrays: Arrays) -> PlusIntervals:
    size, speaks = taken(arrays, "size").astype(np.float64), taken(arrays, "speaks", ndim=2).astype(np.float64)
    level = number(arrays, "level")
    if len(size) != len(speaks) or not len(size) or (size < 0).any() or not 0.0 < level < 1.0:
        raise BundleError("residuals and members of the intervals do not fit each other. The bundle is not trusted.")
    return PlusIntervals(size, speaks, level)


_BARBER = "Barber, Candes, Ramdas & Tibshirani, Ann. Stat. 49 (2021) 486. doi:10.1214/20-AOS1965"
CV_PLUS = IntervalMethod(
    "cv+",
    "CV+, from the models of the folds",
    _fit,
    _read,
    "at least 2 level - 1 for any model, in practice about the level",
    _BARBER,
)
JACKKNIFE_PLUS = IntervalMethod(
    "jackknife+",
    "jackknife+, a fit per row or group",
    _fit,
    _read,
    "at least 2 level - 1 for any model, in practice about the level",
    _BARBER,
    fits="rows",
)
AFTER_BOOTSTRAP = IntervalMethod(
    "jackknife+ab",
    "jackknife+ after bootstrap",
    _fit,
    _read,
    "at least 2 level - 1 for any model, in practice about the level",
    "Kim, Xu & Barber (2020). doi:10.48550/arXiv.2002.09025",
    fits="bootstrap",
)
