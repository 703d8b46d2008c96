"""A Python function that measures one candidate."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.campaign.oracles.contract import Outcome, Setting, answer, as_record, failed
from matloop.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FunctionOracle:
    """`function({parameter: value})` returns a number, or {target: number}, or {"failed": "why"}.

    An exception is a fault of the oracle (it is asked again, and told as failed if it goes on); to say that the
    experiment itself failed, return {"failed": "why"}. A function cannot be stopped: one that takes longer than allowed
    is left behind in its thread.
    """

    function: Callable[[Mapping[str, Any]], object]
    setting: Setting

    def measure(self, candidates: pd.DataFrame, *, seed: int) -> Iterator[Outcome]:
        """See `Oracle`."""
        del seed
        for place, row in enumerate(candidates.index):
            yield self._one(row, as_record(candidates, place))

    def _one(self, row: Any, candidate: dict[str, Any]) -> Outcome:
        start = time.monotonic()
        done: queue.SimpleQueue[object] = queue.SimpleQueue()
        threading.Thread(target=_run, args=(self.function, candidate, done), daemon=True).start()
        try:
            said = done.get(timeout=self.setting.seconds)
        except queue.Empty:
            why = f"the function took longer than the {self.setting.seconds:g} s allowed"
            return failed(row, why, seconds=time.monotonic() - start, fault="oracle")
        seconds = time.monotonic() - start
        if isinstance(said, Exception):
            return failed(
                row, f"the function raised {type(said).__name__}: {said}"[:500], seconds=seconds, fault="oracle"
            )
        try:
            return answer(row, said, self.setting, seconds=seconds, who="the function")
        except DataError as error:
            return failed(row, str(error), seconds=seconds, fault="oracle")


def _run(function: Callable[[Mapping[str, Any]], object], candidate: dict[str, Any], done: Any) -> None:
    try:
        done.put(function(candidate))
    except Exception as error:  # noqa: BLE001 - whatever a function of the user raises becomes the reason of this row
        done.put(error)
