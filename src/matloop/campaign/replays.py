"""Replays of a known table: which designs every strategy tried, seed by seed, and what that was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matloop.campaign import merits
from matloop.campaign.known import Known
from matloop.campaign.replay import Replayed
from matloop.core.arrays import FloatArray, IntArray

CHANCE = "random"
"""What the others are compared with; it is always among them."""


@dataclass(frozen=True, slots=True)
class Replays:
    """What the strategies would have found.

    source : of the table, in a word. known : the table with its answers. runs : {strategy: a run per seed, in the
    order of `seeds`}; strategies of which a run broke down are in `left_out` with the reason. n, batch : experiments of
    a run and of a batch. notes : what else to know of the table, such as rows that were left out.
    """

    source: str
    unit: str
    known: Known
    seeds: tuple[int, ...]
    n: int
    batch: int
    runs: Mapping[str, tuple[Replayed, ...]]
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(self.runs)

    def rows(self, strategy: str) -> IntArray:
        """Which design each seed tried; shape (n_seeds, n), -1 where nothing was left to try."""
        found = np.full((len(self.seeds), self.n), -1, dtype=np.int64)
        for place, run in enumerate(self.runs[strategy]):
            found[place, : len(run.rows)] = run.rows[: self.n]
        return found

    def shares(self, strategy: str) -> FloatArray:
        """Share of the best 5 % found after each experiment; shape (n_seeds, n)."""
        return merits.found_share(self.rows(strategy), self.known.is_top)

    def best(self, strategy: str) -> FloatArray:
        """The best worth so far (mean of the replicates of the design that was tried); shape (n_seeds, n). Before any
        design meets the goals it is that of the worst that does."""
        rows = self.rows(strategy)
        worth = np.where(rows >= 0, self.known.worth[rows], -np.inf)
        worst = float(self.known.worth[np.isfinite(self.known.worth)].min())
        return np.maximum(merits.best_so_far(worth), worst)

    def regret(self, strategy: str) -> FloatArray:
        """How far the best so far is from the best of all; shape (n_seeds, n)."""
        return np.asarray(self.known.worth.max() - self.best(strategy))
