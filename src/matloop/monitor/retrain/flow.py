"""The steps of one round, each from what the log says to the next event in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matloop.core.errors import DataError, RunError
from matloop.core.files import write_text
from matloop.core.jsonable import dumps, to_jsonable
from matloop.core.progress import Progress
from matloop.data.collect import collect
from matloop.data.table import RawTable
from matloop.deploy.bundle import identity
from matloop.monitor.retrain import champions
from matloop.monitor.retrain.compare import Seen, seen_by
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.joining import Joined, join
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.sources import ORIGIN, TIME, Arrived, arrived, keys_of
from matloop.monitor.retrain.state import Champion, Kept, Reason, Round, State
from matloop.monitor.retrain.tables import Texts, source_of
from matloop.monitor.retrain.triggers import Facts
from matloop.monitor.retrain.weigh import Weighed, weigh
from matloop.pipeline.run import run
from matloop.problem.question import Problem, Source

NEW, LATER, ASIDE, CONTEST = "new", "later", "set-aside.csv", "contest.json"


@dataclass(frozen=True, slots=True)
class Desk:
    """What every step needs: the home, its plan, and the question."""

    home: Home
    plan: Plan
    problem: Problem

    @property
    def vaults(self) -> Path:
        """The folder of the shared vaults."""
        return self.home.vaults(self.plan, self.problem)

    def table(self, one: Kept) -> RawTable:
        """A version of the data as a run reads it."""
        self.home.table(one)
        return collect(source_of(self.problem, self.home.path / one.file))


def now_text() -> str:
    """This moment, UTC, ISO."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def arrivals(desk: Desk, state: State, told: Sequence[Texts] = ()) -> Arrived:
    """Labels that no round has taken yet."""
    known = frozenset().union(*(keys_of(desk.home.table(one.new)) for one in state.rounds))
    names = desk.home.table(state.table).names
    return arrived(desk.problem, desk.plan.labels, desk.home.path, names, known, told)


def joined(desk: Desk, state: State, new: Texts, vaults: Sequence[str] | None = None) -> Joined:
    """The next version of the data, without writing it; `vaults` are those that count (by default all there are)."""
    version = desk.home.table(state.table)
    names = (*version.names, ORIGIN, TIME)
    waiting = desk.home.table(state.later) if state.later is not None else Texts(names, ())
    return join(desk.problem, desk.plan, version, waiting.with_names(names), new, sealed=in_vaults(desk.vaults, vaults))


def vault_names(folder: Path) -> list[str]:
    """The vaults of a problem."""
    return sorted(path.parent.name for path in folder.glob("*/split.json"))


def in_vaults(folder: Path, names: Sequence[str] | None = None) -> frozenset[str]:
    """Groups and inputs of the vaults of a problem."""
    found: set[str] = set()
    for path in (folder / name / "split.json" for name in (vault_names(folder) if names is None else names)):
        split = json.loads(path.read_text("utf-8"))
        found.update(split["groups"], split["inputs"])
    return frozenset(found)


def trigger(desk: Desk, state: State, reasons: Sequence[Reason], facts: Facts, new: Arrived, who: str) -> None:
    """Keep the labels that arrived, and say in the log why a round begins."""
    number = len(state.rounds) + 1
    kept = desk.home.keep(desk.home.round(number), NEW, new.table)
    desk.home.log.append(
        {"event": "triggered", "round": number, "reasons": [asdict(one) for one in reasons], "facts": asdict(facts),
         "plan": to_jsonable(desk.plan), "new": asdict(kept), "sources": to_jsonable(new.sources),
         "repeated": len(new.aside), "notes": list(new.notes), "who": who}
    )  # fmt: skip


def join_step(desk: Desk, state: State, now: Round) -> None:
    """Write the next version of the data, the rows that wait, and those set aside."""
    vaults = vault_names(desk.vaults)
    found = joined(desk, state, desk.home.table(now.new), vaults)
    table = desk.home.keep(desk.home.path / "data", f"{state.data_version + 1:04d}", found.table)
    later = desk.home.keep(desk.home.round(now.number), LATER, found.later)
    rows = tuple((one.origin, one.shown, one.reason) for one in found.aside)
    aside = desk.home.keep(desk.home.round(now.number), "set-aside", Texts(("where", "row", "why"), rows))
    added = desk.home.keep(desk.home.round(now.number), "added", found.added)
    desk.home.log.append(
        {"event": "joined", "round": now.number, "table": asdict(table), "later": asdict(later), "aside": asdict(aside),
         "added": asdict(added), "corrected": [list(one) for one in found.corrected], "vaulted": found.vaulted,
         "vaults": vaults, "fresh": found.fresh}
    )  # fmt: skip


def train_step(desk: Desk, now: Round, progress: Progress) -> None:
    """Train the challenger by the same problem; a run that was cut off goes on."""
    assert now.table is not None
    desk.home.table(now.table)
    asked = replace(desk.problem, data=Source(now.table.file, missing=desk.problem.data.missing))
    runs = desk.home.runs(desk.plan)
    result = run(asked, folder=runs, base=desk.home.path, progress=progress)
    relative = Path(os.path.relpath(result.folder, desk.home.path)).as_posix()
    desk.home.log.append(
        {"event": "trained", "round": now.number, "run": relative, "bundle": f"{relative}/bundle",
         "identity": identity(result.bundle_folder)}
    )  # fmt: skip


def weighed(desk: Desk, state: State, now: Round, before: Champion) -> Weighed:
    """Compare challenger and champion; the look at the vault is logged there, the result nowhere yet.

    Raises
    ------
    BundleError : one of the two was changed. RunError : a table or the vault was.
    """
    assert now.table is not None
    assert now.later is not None
    champion = desk.home.bundle(before.bundle, before.identity)
    challenger = desk.home.bundle(now.bundle, now.identity)
    return weigh(
        desk.home, desk.problem, desk.plan.judge, now.table, now.later, vaults=desk.vaults, champion=champion,
        challenger=challenger, known=seen(desk, state, before), name=f"{desk.home.path.name} round {now.number}",
    )  # fmt: skip


def compare_step(desk: Desk, state: State, now: Round) -> Weighed:
    """The comparison, kept in the round's folder and told in the log."""
    found = weighed(desk, state, now, state.champion)
    place = desk.home.round(now.number) / CONTEST
    write_text(place, dumps(found.contests) + "\n")
    desk.home.log.append(
        {"event": "compared", "round": now.number, "answer": found.answer, "said": found.sentence,
         "why": [list(one.why) for one in found.contests], "champion": state.champion.identity,
         "looks": found.looks, "rows": {name: len(one.ids) for name, one in found.met.items()},
         "left out": found.ground.left_out, "judge": asdict(desk.plan.judge),
         "gains": {one.target: {s.where: [s.metric.gain.value, s.metric.p_better] for s in one.sets} for one in
                   found.contests}}
    )  # fmt: skip
    return found


def decide_step(desk: Desk, state: State, now: Round, *, who: str, why: str, yes: bool) -> None:
    """Promote the challenger, or keep the champion; in the registry or by the pointer first, then in the log."""
    event: dict[str, Any] = {"round": now.number, "who": who, "why": why, "champion": state.champion.identity}
    if yes:
        desk.home.bundle(now.bundle, now.identity)
        version = champions.promote(desk.home, desk.plan, state.champion, now, who=who, why=why)
        desk.home.log.append({"event": "promoted", **event, "version": version, "challenger": now.identity})
    else:
        desk.home.log.append({"event": "kept", **event, "challenger": now.identity})


def seen(desk: Desk, state: State, champion: Champion) -> Seen:
    """What a champion learnt from: the first one as it was written down when the home began, a later one from the data
    and vault of its round."""
    if champion.round == 0:
        kept: Mapping[str, Any] = state.created["seen"]
        table = desk.home.table(Kept(**kept))
        return Seen(frozenset(table.column("group")) - {""}, frozenset(table.column("inputs")))
    made = next(one for one in state.rounds if one.number == champion.round)
    if made.table is None:
        raise RunError(f"round {made.number} has no version of the data. Restore the log from a copy.")
    try:
        return seen_by(desk.problem, desk.table(made.table), desk.vaults)[0]
    except DataError as error:
        raise RunError(f"what the champion learnt from cannot be found again: {error}") from error
