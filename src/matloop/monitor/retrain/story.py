"""The page of a round, made from what the home kept; made again after each decision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.files import write_text
from matloop.core.jsonable import dumps
from matloop.data.clean import clean
from matloop.data.collect import collect
from matloop.data.dataset import Dataset
from matloop.monitor.retrain import flow
from matloop.monitor.retrain.changes import (
    MOST_POINTS,
    Changes,
    DataChange,
    Points,
    TargetChange,
    counts,
    leans,
    moved_most,
)
from matloop.monitor.retrain.compare import Met
from matloop.monitor.retrain.contest import Contest, losses
from matloop.monitor.retrain.effort import effort, short_of_time
from matloop.monitor.retrain.flow import Desk
from matloop.monitor.retrain.joining import lenient
from matloop.monitor.retrain.pages.changed import write_changed
from matloop.monitor.retrain.sources import SetAside
from matloop.monitor.retrain.state import Champion, Kept, Round, State
from matloop.monitor.retrain.tables import source_of
from matloop.monitor.retrain.weigh import Weighed
from matloop.problem.question import Target

PAGE, VALUES = "what-changed.html", "what-changed.json"


def write_story(desk: Desk, state: State, now: Round, before: Champion, found: Weighed) -> tuple[Changes, Path]:
    """The page and the same as JSON, in the folder of the round.

    Raises
    ------
    RunError : the folder cannot be written.
    """
    changes = told(desk, state, now, before, found)
    place = desk.home.round(now.number)
    write_text(place / VALUES, dumps(changes) + "\n")
    write_text(place / PAGE, write_changed(changes))
    return changes, place / PAGE


def told(desk: Desk, state: State, now: Round, before: Champion, found: Weighed) -> Changes:
    """What a round changed."""
    old = _development(desk, state, before)
    new = found.ground.development
    targets = tuple(
        _target(desk, target, one, found, old, before, now)
        for target, one in zip(desk.problem.targets, found.contests, strict=True)
    )
    outcome = {"promoted": "promoted", "kept": "kept"}
    return Changes(
        name=desk.problem.name, question=desk.problem.question, home=str(desk.home.path), number=now.number,
        begun=now.begun, decided=now.decided, who=now.who, outcome=now.outcome, waits=now.waits, answer=now.answer,
        sentence=now.said, reasons=tuple((one.kind, one.said) for one in now.reasons),
        champion=f"{before.bundle} ({before.identity})", challenger=f"{now.bundle} ({now.identity})", run=now.run,
        looks=found.looks, left_out=found.ground.left_out, data=_data(desk, state, now, old, new), targets=targets,
        history=tuple((str(one.number), one.begun[:10], outcome.get(one.outcome, "waits" if one.waits else "open"),
                       one.said) for one in state.rounds), notes=_notes(found),
    )  # fmt: skip


def _notes(found: Weighed) -> tuple[str, ...]:
    n = found.ground.left_out
    said = (
        [f"{n:,} rows of the vault or later ones are left out: one of the two models has learnt from them"] if n else []
    )
    if found.looks > 1:
        said.append(
            f"the vault was looked at {found.looks} times: what it says alone is optimistic, later rows are not"
        )
    return tuple(said)


def _development(desk: Desk, state: State, champion: Champion) -> Dataset:
    """The rows that a champion learnt from, labels of the vault taken out."""
    known = flow.seen(desk, state, champion)
    table = Kept(**state.created["table"]) if champion.round == 0 else state.rounds[champion.round - 1].table
    assert table is not None
    whole = clean(collect(source_of(desk.problem, desk.home.path / table.file)), lenient(desk.problem)).dataset
    return whole.take(np.flatnonzero(known.holds(whole)))


def _data(desk: Desk, state: State, now: Round, old: Dataset, new: Dataset) -> DataChange:
    event: Any = now.joined or {}
    aside = desk.home.table(Kept(**event["aside"]))
    families, elements = counts(old, new)
    version = 1 + sum(one.table is not None for one in state.rounds[: now.number])
    return DataChange(
        version, (len(old), len(new)), families, elements, now.new.n_rows, Kept(**event["added"]).n_rows,
        tuple((str(a), str(b)) for a, b in event["corrected"]), event["vaulted"], now.later.n_rows if now.later else 0,
        tuple(SetAside(*row) for row in aside.rows),
    )  # fmt: skip


def _target(
    desk: Desk, target: Target, contest: Contest, found: Weighed, old: Dataset, before: Champion, now: Round
) -> TargetChange:
    one = found.met[target.name]
    runs = [Path(os.path.normpath(desk.home.path / folder)).parent for folder in (before.bundle, now.bundle)]
    importance, why = leans(runs[0], runs[1], target.name)
    moved = moved_most(target, one, found.ground.unseen, old, found.ground.development)
    before_it, after_it = (effort(folder, target.name) for folder in runs)
    hurried = short_of_time(before_it, after_it, desk.problem.limits.minutes) if contest.answer != "better" else ""
    models = (before_it.said if before_it else "", after_it.said if after_it else "")
    return TargetChange(
        contest, moved, importance, _points(target, one), one.rows.challenger.level, why, models, hurried
    )  # fmt: skip


def _points(target: Target, one: Met) -> Points:
    first, second = (losses(target, one.rows.y, told) for told in (one.rows.champion, one.rows.challenger))
    rows = np.arange(len(first))
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False))
    return Points(first[rows], second[rows], tuple(one.where[rows].tolist()), tuple(one.shown[rows].tolist()))
