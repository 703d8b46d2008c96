"""Asking again where an oracle broke down; what is finished is passed on at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from matloop.campaign.oracles.contract import Oracle, Outcome, Setting

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Patient:
    """An oracle that is asked up to `setting.tries` times, with pauses that double.

    Only rows where the oracle itself broke down are asked again; a failed experiment is an answer. Costs and times of
    all tries of a row are added up.
    """

    oracle: Oracle
    setting: Setting
    sleep: Callable[[float], None] = time.sleep

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """See `Oracle`."""
        spent: dict[Any, Outcome] = {}
        for attempt in range(1, self.setting.tries + 1):
            broken: dict[Any, Outcome] = {}
            for found in self._answers(candidates, seed, broken):
                outcome = _with(found, spent.get(found.row))
                if found.fault == "oracle" and attempt < self.setting.tries:
                    broken[found.row] = outcome
                    spent[found.row] = outcome
                else:
                    yield _counted(outcome, attempt)
            if not broken:
                return
            self.sleep(self.setting.pause * 2.0 ** (attempt - 1))
            candidates = candidates.loc[[row for row in candidates.index if row in broken]]

    def _answers(self, candidates: pd.DataFrame, seed: int, broken: dict[Any, Outcome]) -> Iterator[Outcome]:
        """What the oracle answers; if it raises on the way, the rows it still owes count as broken."""
        seen: set[Any] = set()
        try:
            for found in self.oracle.measure(candidates, seed=seed):
                seen.add(found.row)
                yield found
        except (OSError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            for row in candidates.index:
                if row not in seen:
                    why = f"the oracle broke down: {type(error).__name__}: {error}"[:500]
                    yield Outcome(row, failure=why, fault="oracle")


def _with(outcome: Outcome, before: Outcome | None) -> Outcome:
    """An outcome with what the tries before it took."""
    if before is None:
        return outcome
    costs = [one for one in (outcome.cost, before.cost) if not math.isnan(one)]
    return replace(outcome, cost=sum(costs) if costs else math.nan, seconds=outcome.seconds + before.seconds)


def _counted(outcome: Outcome, attempts: int) -> Outcome:
    if outcome.fault != "oracle" or attempts == 1:
        return outcome
    return replace(outcome, failure=f"{outcome.failure} (tried {attempts} times)")
