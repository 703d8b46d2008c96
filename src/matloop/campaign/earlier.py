"""Results from before a campaign: tables of one's own, tables of other laboratories, older campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from matloop.campaign.home import LOG, Home
from matloop.campaign.question import Question
from matloop.campaign.results import Read, read_results
from matloop.campaign.state import Result, replay
from matloop.campaign.tell import Manner
from matloop.core.errors import DataError
from matloop.data.collect import collect, from_frame
from matloop.problem.campaign_toml import parse_campaign
from matloop.problem.fault import quoted
from matloop.problem.question import Source


def earlier_reads(question: Question, base: Path) -> list[tuple[Read, Manner]]:
    """The earlier results that the problem names, read; each with the place they are from.

    Raises
    ------
    DataError : a table cannot be read, or has no result for this campaign.
    """
    earlier, found = question.problem.earlier, []
    if earlier.source is not None:
        found.append((_table(earlier.source, question, base), Manner(earlier=True)))
    for place, path in earlier.places.items():
        whole = base / Path(path).expanduser()
        read = _campaign(whole, question) if (whole / LOG).is_file() else _table(Source(path), question, base)
        found.append((read, Manner(earlier=True, place=place)))
    return found


def _table(source: Source, question: Question, base: Path) -> Read:
    read = read_results(collect(source, base=base), question)
    return _without_ids(read)


def _without_ids(read: Read) -> Read:
    """Ids in a table from before are of another campaign."""
    if nameless := [row.where for row in read.rows if row.point is None]:
        raise DataError(f"{read.source}, {nameless[0]}: the settings are missing. Earlier results need all of them.")
    return replace(read, rows=tuple(replace(row, id="") for row in read.rows))


def _campaign(folder: Path, question: Question) -> Read:
    """The results of another campaign, for the targets and settings that both have."""
    events = Home(folder).log.events()
    theirs = parse_campaign(events[0]["problem"], str(folder)).problem
    units = {target.name: target.unit for target in theirs.targets} if theirs else {}
    shared = [target.name for target in question.problem.targets if target.name in units]
    if not shared:
        wanted = ", ".join(quoted(target.name) for target in question.problem.targets)
        raise DataError(f"{folder}: this campaign has none of the targets {wanted}. Delete it from [data] places.")
    # what stand-ins said is no experiment, and their names are of that campaign
    rows = [_row(result, shared, units) for result in replay(events).results.values() if not result.fidelity]
    if not rows:
        raise DataError(f"{folder}: this campaign has no results yet. Delete it from [data] places.")
    frame = pd.DataFrame(rows)
    read = read_results(from_frame(frame.astype(object).where(frame.notna(), None)), question)
    return _without_ids(_named(read, str(folder)))


def _named(read: Read, source: str) -> Read:
    return replace(read, source=source)


def _row(result: Result, shared: Sequence[str], units: dict[str, str]) -> dict[str, Any]:
    heads = {name: f"{name} [{units[name]}]" if units[name] else name for name in shared}
    values = {heads[name]: result.values.get(name) for name in shared}
    errors = {f"{name} error": result.errors.get(name) for name in shared}
    return {**result.point, **values, **errors, "failed": "yes" if result.failed else "", "note": result.why}
