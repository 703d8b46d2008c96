"""What others do by default, as strategies to compare with: needs the extra `bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.core.registry import Registry
from matloop.design.contract import Domain, History, Strategy, Suggestions
from matloop.design.goals import Goal
from matloop.design.strategies import STRATEGIES

if TYPE_CHECKING:
    import pandas as pd

EXTRA = "bench"
PEERS = Registry("matloop.peers", baybe="matloop.campaign.peers:Baybe")
"""Beside `STRATEGIES`: what a simulation can compare with."""
MOST = 50_000
"""Candidates that are handed over; BayBE lists them all."""


def strategy_named(name: str) -> Strategy:
    """A strategy, or a peer, with its defaults.

    Raises
    ------
    ConfigError : there is none of this name.
    """
    made: Strategy = (PEERS if name in PEERS else STRATEGIES).load(name)()
    return made


@dataclass(frozen=True, slots=True)
class Baybe:
    """The default recommender of BayBE (Gaussian process, q-log expected improvement) on the candidates of a domain.

    One goal without an end, and a domain small enough to be listed. Fitzner et al., Digital Discovery (2025),
    doi:10.1039/D5DD00050E.
    """

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        """See `Strategy`."""
        if len(goals) != 1 or not goals[0].is_open:
            raise ConfigError("baybe is compared with on one goal without an end; leave it out of this simulation.")
        points = domain.everything(MOST)
        if points is None:
            raise ConfigError(f"baybe lists all candidates; this domain has more than {MOST:,}.")
        goal, frame = goals[0], domain.frame(points)
        varied = [name for name in frame.columns if frame[name].nunique() > 1]
        values = history.values[goal.target]
        use = np.flatnonzero(np.isfinite(values))
        told = domain.frame(history.points.take(use))[varied]
        told[goal.target] = values[use]
        with require("baybe.utils.random", extra=EXTRA).temporary_seed(seed % 2**32):
            campaign = _campaign(frame[varied], goal)
            if len(told):
                campaign.add_measurements(told)
            chosen = campaign.recommend(batch_size=n)
        full = chosen[varied].reset_index(drop=True)
        for name in frame.columns:
            if name not in varied:
                full[name] = frame[name].iloc[0]
        found, _ = domain.read(full[list(frame.columns)])
        return Suggestions(found, ("chosen by BayBE's default",) * len(found), how="BayBE, its default recommender")


def _campaign(frame: pd.DataFrame, goal: Goal) -> Any:
    parameters = require("baybe.parameters", extra=EXTRA)
    made = []
    for name in frame.columns:
        if frame[name].dtype.kind in "fiu":
            made.append(
                parameters.NumericalDiscreteParameter(name, tuple(np.unique(frame[name].astype(float)).tolist()))
            )
        else:
            made.append(parameters.CategoricalParameter(name, tuple(sorted(set(frame[name].astype(str))))))
    space = require("baybe.searchspace", extra=EXTRA).SearchSpace.from_dataframe(frame, made)
    target = require("baybe.targets", extra=EXTRA).NumericalTarget(goal.target, minimize=goal.sign < 0)
    return require("baybe", extra=EXTRA).Campaign(
        space,
        require("baybe.objectives", extra=EXTRA).SingleTargetObjective(target),
        allow_recommending_already_measured=False,
    )
