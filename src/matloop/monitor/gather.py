"""One look at the log, gathered from columns: what is counted of every request, and the rows that are compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, IntArray
from matloop.monitor.columns import Columns
from matloop.monitor.decay.running import CAUSES, NUMBERS, WHO, Cause, Run, causes_of
from matloop.monitor.reading import Tally
from matloop.monitor.sample import Sample


@dataclass(frozen=True, slots=True)
class Gathered:
    """run : requests of the window. window, begun : rows of the window, and since the start. others : {model and
    bundle: requests} in the window that others answered. read : what the reading met."""

    run: Run
    window: Sample
    begun: Sample
    others: dict[str, int]
    read: Tally


def gather(columns: Columns, own: str, start: float, window: Sample, begun: Sample) -> Gathered:
    """What is needed to judge the bundle `own` in the window from `start` (seconds since 1970) on.

    Raises
    ------
    Stale : the log was changed meanwhile.
    """
    mine = columns.of({kind: kind.bundle == own for kind in columns.kinds})
    recent = columns.time >= start
    run, examples = run_of(columns, mine & recent)
    rows: dict[int, list[tuple[Sample, int]]] = defaultdict(list)
    for sample, among in ((window, mine & recent), (begun, mine)):
        drawn = sample.draw(columns, among)
        for place, row in zip(drawn.place.tolist(), drawn.row.tolist(), strict=True):
            rows[place].append((sample, row))
    for place, time, answered in columns.answers(np.array(sorted({*rows, *examples}), dtype=np.int64)):
        for sample, row in rows.get(place, ()):
            sample.take(time, answered, row)
        for key, nth in examples.get(place, ()):
            _, _, why, row_of = list(causes_of(answered))[nth]
            known = run.causes[key]
            run.causes[key] = Cause(
                known.said, known.count, known.kind, why[:300], answered.request + row_of, known.first, known.last
            )
    others = Counter[str]()
    away = np.flatnonzero(~mine & recent)
    found, first, counts = np.unique(columns.kind[away], return_index=True, return_counts=True)
    for k in np.argsort(first).tolist():
        kind = columns.kinds[found[k]]
        others[f"{kind.model} {kind.bundle}"[:80]] += int(counts[k])
    return Gathered(run, window, begun, dict(others.most_common(20)), columns.tally)


Examples = dict[int, list[tuple[tuple[str, str], int]]]
"""{place of a request: (cause, which of its reasons is the example)}."""


def run_of(columns: Columns, among: BoolArray) -> tuple[Run, Examples]:
    """What `Run.add` counts of the requests `among` (m,), but for the examples of causes."""
    run, places = Run(), np.flatnonzero(among)
    run.time.frombytes(columns.time[places].tobytes())
    for name in NUMBERS:
        run_column = getattr(run, name)
        run_column.frombytes(columns.column(name)[places].astype(run_column.typecode).tobytes())
    tables = [one.words.who for _, one in columns.parts]
    names = list(dict.fromkeys(name for table in tables for name in table))
    found, first, counts = np.unique(
        columns.through("who", names, tables)[places], return_index=True, return_counts=True
    )
    for k in np.argsort(first)[:WHO].tolist():
        run.who[names[found[k]]] = int(counts[k])
    return run, _causes(columns, places, run)


def _causes(columns: Columns, places: IntArray, run: Run) -> Examples:
    """Reasons with how often, first and last they were given; what is beyond `CAUSES` is counted as others."""
    place, nth, said, keys = _events(columns, places)
    found, first, counts = np.unique(said, return_index=True, return_counts=True)
    last = len(said) - 1 - np.unique(said[::-1], return_index=True)[1]
    examples: Examples = defaultdict(list)
    for rank, k in enumerate(np.argsort(first).tolist()):
        key, count = keys[found[k]], int(counts[k])
        if rank >= CAUSES:
            run.others[key[0]] += count
            continue
        begin, end = (float(columns.time[place[at]]) for at in (first[k], last[k]))
        run.causes[key] = Cause(key[1], count, key[0], "", "", begin, end)
        examples[int(place[first[k]])].append((key, int(nth[first[k]])))
    return examples


def _events(columns: Columns, places: IntArray) -> tuple[IntArray, IntArray, IntArray, list[tuple[str, str]]]:
    """Reasons of the requests at `places`, in their order: place, which reason of the request, and what (into keys)."""
    keys = list(dict.fromkeys(key for _, one in columns.parts for key in one.words.said))
    number = {key: k for k, key in enumerate(keys)}
    turn = np.full(sum(len(one) for _, one in columns.parts), -1, dtype=np.int64)
    turn[columns.order[places]] = places
    parts = [
        (
            turn[one.event + base], one.place,
            np.array([number[key] for key in one.words.said], dtype=np.int64)[one.said],
        )
        for base, (_, one) in zip(columns.bases.tolist(), columns.parts, strict=True)
    ]  # fmt: skip
    nothing = (np.zeros(0, np.int64),)
    place, nth, said = (np.concatenate([*(part[k] for part in parts), *nothing]) for k in range(3))
    order = np.argsort(place, kind="stable")
    order = order[place[order] >= 0]
    return place[order], nth[order], said[order], keys
