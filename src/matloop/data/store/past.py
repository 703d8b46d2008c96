"""How a dataset of a store came to be: its versions, and when its values were got."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.data.store.address import address
from matloop.data.store.store import open_store
from matloop.data.store.values import Version
from matloop.data.times import seconds_of


@dataclass(frozen=True, slots=True)
class Past:
    """Versions up to the one that is asked for, the first one first.

    retrieved : seconds since 1970 when each record was got, shape (n_records,), NaN where its origin does not say.
    values, changed : records of the first version, and those of them that are another or gone today.
    """

    versions: tuple[Version, ...]
    retrieved: FloatArray
    values: int
    changed: int


def read_past(query: str, base: Path) -> Past:
    """The past of "materials.db#gaps@3".

    Raises
    ------
    ConfigError, DataError : as `matloop.data.store.source.read_stored`.
    """
    where = address(query, dataset=True).seen_from(base)
    with open_store(where.place, create=False) as store:
        now = store.version(where.dataset, where.version)
        versions = tuple(one for one in store.history(where.dataset) if one.number <= now.number)
        times = [one.origin.retrieved for one in store.records(where.dataset, where.query, version=now.number)]
        first = next((one for one in versions if one.n_records), now)
        differs = store.diff(where.dataset, first.number, now.number) if first.number < now.number else None
    moved = 0 if differs is None else len(differs.changed) + len(differs.removed)
    return Past(versions, seconds_of(np.array(times, dtype=object)), first.n_records, moved)
