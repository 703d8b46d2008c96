"""Rows that joined, as a new version of a dataset in a store: each with its unit and where it comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from matloop.core.errors import RunError
from matloop.monitor.retrain.flow import Desk
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.sources import ORIGIN
from matloop.monitor.retrain.state import Kept, Round
from matloop.monitor.retrain.tables import Texts
from matloop.problem.question import Problem

KEY = "key"


def shelve_step(desk: Desk, now: Round, who: str) -> None:
    """Store the rows that joined in this round, once, and say in the log which version they made.

    A record is called by the id that the problem's roles name; where they name none, by the round and where the row
    stood. A row that corrects an earlier one of the same id corrects the record.

    Raises
    ------
    RunError : the store cannot be reached or written. DataError : it holds other things under that name.
    """
    from matloop.data.store.store import open_store
    from matloop.data.store.values import Origin
    from matloop.pipeline.shelve import Reading, add_table

    if now.joined is None:
        raise RunError(f"round {now.number}: no rows have joined yet. Run the retraining again.")
    place, dataset = place_of(desk.plan, desk.home.path)
    added = Kept(**now.joined["added"])
    message = f"{desk.home.path.name}, round {now.number} of retraining ({added.sha256[:12]})"
    with open_store(place) as store:
        known = store.history(dataset) if dataset in {card.name for card in store.datasets()} else ()
    made = next((one for one in known if one.message == message), None)
    rows = desk.home.table(added)
    if made is None and len(rows):
        table = desk.home.keep(desk.home.round(now.number), "stored", keyed(rows, desk.problem, now.number))
        how = Reading(**columns_of(desk.problem, rows), origin=Origin("retraining", note=message))
        to = f"{place}#{dataset}"
        path = str(desk.home.path / table.file)
        made = add_table(path, to, how, mode="replace", message=message, author=who).version
    number = made.number if made is not None else max((one.number for one in known), default=0)
    spelled = f"{desk.plan.labels.dataset}@{number}"
    desk.home.log.append({"event": "stored", "round": now.number, "dataset": spelled, "rows": len(rows), "who": who})


def place_of(plan: Plan, home: Path) -> tuple[str, str]:
    """The store and the dataset of a plan, from the current folder."""
    place, _, dataset = plan.labels.dataset.rpartition("#")
    return (place if "://" in place else os.path.normpath(home / place)), dataset


def keyed(rows: Texts, problem: Problem, number: int) -> Texts:
    """The rows with a column that names each record."""
    if problem.roles.id in rows.names:
        return rows
    keys = [f"round {number}, {origin}" for origin in rows.column(ORIGIN)]
    return Texts((KEY, *rows.names), tuple((key, *row) for key, row in zip(keys, rows.rows, strict=True)))


def columns_of(problem: Problem, rows: Texts) -> dict[str, Any]:
    """Which column is what: see `matloop.pipeline.shelve.Reading`."""
    matter = {item.kind: item.column for item in reversed(problem.inputs) if item.column in rows.names}
    settings = [item.column for item in problem.inputs if item.kind in ("number", "category")]
    targets = [target for target in problem.targets if target.column in rows.names]
    return {
        "key": problem.roles.id if problem.roles.id in rows.names else KEY,
        "formula": matter.get("composition", ""),
        "structure": matter.get("structure", ""),
        "conditions": tuple(name for name in dict.fromkeys(settings) if name in rows.names),
        "units": {target.column: target.unit for target in targets if target.unit},
        "columns": tuple(target.column for target in targets),
        "metadata": (ORIGIN,),
    }
