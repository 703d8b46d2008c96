"""The contract of an oracle: what a campaign that goes round by itself relies on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from matloop.campaign.oracles.contract import Oracle, Outcome, Setting

if TYPE_CHECKING:
    import pandas as pd


def check_oracle(
    oracle: Oracle, setting: Setting, candidates: pd.DataFrame, hopeless: pd.DataFrame | None = None
) -> None:
    """Run the contract battery over an oracle that answers at once.

    Parameters
    ----------
    candidates : two rows or more that it can measure. hopeless : rows that it cannot.

    Raises
    ------
    AssertionError : names what the oracle does not keep.
    """
    before = candidates.copy(deep=True)
    stream = oracle.measure(candidates, seed=3)
    assert isinstance(stream, Iterator), "results must come one by one, each when it is there: yield them"
    found = list(stream)
    assert candidates.equals(before), "the candidates were changed"
    _check_outcomes(found, candidates, setting)
    assert {one.row for one in found} == set(candidates.index), "a candidate was not answered"
    for one in found:
        assert one.values, f"candidate {one.row}: no value ({one.failure})"
    _check_repeatable(oracle, candidates, found)
    assert list(oracle.measure(candidates.iloc[:0], seed=3)) == [], "an answer without a candidate"
    if hopeless is not None:
        _check_hopeless(oracle, setting, candidates, hopeless)


def _check_outcomes(found: list[Outcome], candidates: pd.DataFrame, setting: Setting) -> None:
    rows = [one.row for one in found]
    assert len(set(rows)) == len(rows), "a candidate was answered twice"
    assert set(rows) <= set(candidates.index), "an answer to what was not asked"
    for one in found:
        assert bool(one.values) != bool(one.failure), f"candidate {one.row}: a value or a failure, not both or neither"
        assert bool(one.failure) == bool(one.fault), f"candidate {one.row}: a failure says whose fault it is"
        assert set(one.values) <= set(setting.targets), f"candidate {one.row}: a value of what is no target"
        assert set(one.errors) <= set(one.values), f"candidate {one.row}: an error without its value"
        assert all(map(math.isfinite, one.values.values())), f"candidate {one.row}: a value that is not finite"
        assert all(error >= 0 for error in one.errors.values()), f"candidate {one.row}: an error below zero"
        assert not one.cost < 0, f"candidate {one.row}: a cost below zero"
        assert one.seconds >= 0, f"candidate {one.row}: a time below zero"


def _check_repeatable(oracle: Oracle, candidates: pd.DataFrame, found: list[Outcome]) -> None:
    first = {one.row: one.values for one in found}
    again = {one.row: one.values for one in oracle.measure(candidates, seed=3)}
    assert again == first, "the same candidates and seed gave other values"
    last = candidates.iloc[-1:]
    (alone,) = oracle.measure(last, seed=3)
    assert alone.values == first[alone.row], "a candidate alone has another value than in a batch"


def _check_hopeless(oracle: Oracle, setting: Setting, candidates: pd.DataFrame, hopeless: pd.DataFrame) -> None:
    """What cannot be measured is a failure with a reason, and costs the others nothing."""
    import pandas as pd

    mixed = pd.concat([hopeless, candidates])
    found = list(oracle.measure(mixed, seed=3))
    _check_outcomes(found, mixed, setting)
    for one in found:
        assert bool(one.failure) == (one.row in hopeless.index), f"candidate {one.row}: {one.failure or 'not refused'}"
