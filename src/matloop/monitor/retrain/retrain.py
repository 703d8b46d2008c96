"""Keeping a model up to date: when to train anew, on what, whether the new one is better, and everything in a log.

    trigger -> new labels join the data -> challenger by the same problem file -> comparison on rows that neither has
    seen -> promoted, or not and why

Every step ends with an event in the log, and a step that was cut off is done again from what was written before it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from matloop.core import units
from matloop.core.errors import ConfigError, DataError, MatloopError
from matloop.core.files import write_text
from matloop.core.progress import SILENT, Progress
from matloop.core.release import release
from matloop.data.collect import collect
from matloop.data.table import RawTable
from matloop.deploy.bundle import Manifest, read_manifest
from matloop.monitor.contract import Finding
from matloop.monitor.retrain import champions, flow, watching
from matloop.monitor.retrain.compare import Seen, seen_by
from matloop.monitor.retrain.flow import Desk
from matloop.monitor.retrain.home import LOG, PLAN, PROBLEM, Home, user
from matloop.monitor.retrain.outcome import Checked, Decided, Done, Standing
from matloop.monitor.retrain.plan import NewLabels, Plan, Promote, Rules, When, parse_plan, write_plan
from matloop.monitor.retrain.shelving import shelve_step
from matloop.monitor.retrain.sources import Arrived
from matloop.monitor.retrain.state import FORMAT, Champion, Round, State
from matloop.monitor.retrain.story import PAGE, write_story
from matloop.monitor.retrain.tables import Texts, texts_of
from matloop.monitor.retrain.triggers import Facts, alarms_of, called, obstacle
from matloop.monitor.retrain.weigh import Weighed
from matloop.problem.question import Problem
from matloop.problem.toml import dump_problem, load_problem

SEALED = "the vault was not found beside the champion and was sealed anew, by the same fixed seed"


def begin_retraining(
    problem: Path | str, champion: Path | str, home: Path | str, *, labels: NewLabels, store: str = "",
    runs: Path | str = "", promote: Promote = "ask", when: When | None = None, judge: Rules | None = None,
) -> Standing:  # fmt: skip
    """Begin to keep a model up to date.

    Parameters
    ----------
    problem : the problem file that the champion was made by. champion : the folder of its bundle, or with `store` its
        name in the registry there. home : a folder to make. labels : where new labels come from; paths from the home.
        runs : the folder of `matloop run -o`; found from the bundle's place if not given.

    Raises
    ------
    ConfigError : there is a retraining already, or the champion answers another question. DataError : the data of the
    problem are not those that the champion was made from. BundleError : the champion is damaged.
    """
    place = Home(Path(home))
    if (place.path / LOG).exists():
        raise ConfigError(f"{place.path}: there is a retraining already. Choose another folder with -o.")
    asked = load_problem(problem)
    base = Path(problem).absolute().parent
    plan = _plan(asked, champion, place, store, runs, promote, labels, when or When(), judge or Rules())
    with place.alone():
        first = champions.first_champion(place.path, plan)
        manifest = read_manifest(place.path / first.bundle)
        raw = collect(asked.data, base=base)
        _refuse_other_question(asked, manifest, raw)
        desk = Desk(place, plan, asked)
        fresh = not any(desk.vaults.glob("*/split.json"))
        known, sealed = seen_by(asked, raw, desk.vaults)
        table = place.keep(place.path / "data", "0001", texts_of(raw))
        learnt = place.keep(place.path / "seen", first.identity, _seen_table(known))
        write_text(place.path / PLAN, write_plan(plan))
        text = dump_problem(asked)
        write_text(place.path / PROBLEM, "# a copy for reading; what counts is in log.jsonl\n" + text)
        place.log.append(
            {"event": "created", "format": FORMAT, "matloop": release(),
             "champion": asdict(replace(first, since=flow.now_text())), "table": asdict(table), "seen": asdict(learnt),
             "vault": sealed.vault.folder.name, "problem": text,
             "source": {"name": raw.provenance.source, "sha256": raw.provenance.sha256}, "notes": [SEALED] * fresh}
        )  # fmt: skip
        place.point(first)
    return status(place.path)


def check(home: Path | str, *, findings: Sequence[Finding] | None = None, asked: str | None = None) -> Checked:
    """Whether anything calls for training now. Nothing is written.

    Parameters
    ----------
    findings : of the monitoring, instead of looking at the prediction log of the plan. asked : why a person wants it.
    """
    desk, state = _opened(Path(home))
    return _looked(desk, state, findings, asked)[0]


def retrain(
    home: Path | str, *, now: str | None = None, findings: Sequence[Finding] | None = None, who: str = "",
    progress: Progress = SILENT,
) -> Done | Checked:  # fmt: skip
    """Go on with the round that was begun, or begin one where something calls for it, and carry it through.

    Parameters
    ----------
    now : why a person wants a round although nothing else calls for it. findings : of the monitoring, instead of
        looking at the prediction log of the plan. who : does this; the user that is logged in by default.

    Returns
    -------
    The round that went through, or, where none began, why not.

    Raises
    ------
    RunError : another process is retraining here, the disk is full, or something of the home was changed.
    BundleError : the champion was changed. ConfigError, DataError : plan, labels or data cannot be used.
    """
    who = who or user()
    place = Home(Path(home)).found()
    with place.alone():
        desk, state = _opened(place.path)
        notes: tuple[str, ...] = ()
        last = state.last
        if last is not None and last.waits and desk.plan.promote == "ask":
            raise ConfigError(
                f"{place.path}: round {last.number} has won and waits for a person. Decide first: matloop retrain "
                f"promote {place.path} --why ..., or decline."
            )
        if last is None or last.outcome:
            _mended_page(desk, state)
            progress.step("labels")
            looked, facts, new = _looked(desk, state, findings, now)
            if not looked.due:
                return looked
            _refuse_changed(desk, state)
            notes = looked.notes
            flow.trigger(desk, state, looked.reasons, facts, replace(new, notes=notes), who)
        done = _carried_through(desk, who, progress)
        return replace(done, notes=(*done.notes, *notes))


def promote(home: Path | str, *, why: str, who: str = "") -> Decided:
    """Put the challenger of the last round into use: it has won, and the plan asks a person.

    Raises
    ------
    ConfigError : no challenger waits, or no reason is given.
    """
    return _by_hand(Path(home), why, who, yes=True)


def decline(home: Path | str, *, why: str, who: str = "") -> Decided:
    """Keep the champion although the challenger has won.

    Raises
    ------
    ConfigError : no challenger waits, or no reason is given.
    """
    return _by_hand(Path(home), why, who, yes=False)


def rollback(home: Path | str, *, why: str, who: str = "") -> Decided:
    """Put the champion before this one into use again; several times goes further back.

    With a registry it is a roll back there, too; where somebody has rolled back there already, the home follows.

    Raises
    ------
    ConfigError : there was none before, or no reason is given. BundleError : its bundle was changed. NotInStore,
    VersionConflict : the registry does not go back there, or has a champion that this home does not know.
    """
    place = Home(Path(home)).found()
    with place.alone():
        desk, state = _opened(place.path)
        earlier = _before(state)
        _refuse_no_reason(why)
        back = champions.roll_back(place, desk.plan, earlier, state.champion, who=who or user(), why=why)
        place.log.append({"event": "rolled back", "champion": asdict(back), "from": state.champion.identity,
                          "who": who or user(), "why": why})  # fmt: skip
    skipped = [one.version for one in itertools.takewhile(lambda one: one.identity != back.identity, earlier)]
    more = f" (left out: version {', '.join(map(str, skipped))})" if skipped else ""
    return Decided(place.path, f"Rolled back: {why}{more}", place.state().champion)


def status(home: Path | str) -> Standing:
    """Where a retraining stands, and what is wrong with it."""
    desk, state = _opened(Path(home))
    faults = []
    try:
        desk.home.bundle(state.champion.bundle, state.champion.identity)
    except Exception as error:  # noqa: BLE001 - told, not raised: status is for looking at what is wrong
        faults.append(str(error))
    try:
        faults += [elsewhere] if (elsewhere := champions.in_use(desk.home, desk.plan, state)) else []
    except MatloopError as error:
        faults.append(f"the registry cannot be asked: {error}")
    if desk.home.pointed() != state.champion.identity:
        faults.append(
            f"champion.json does not name the model in use, {state.champion.identity}; the next command mends it"
        )
    return Standing(desk.home.path, state, tuple(faults))


def _carried_through(desk: Desk, who: str, progress: Progress) -> Done:
    """From the last event of a round to its end."""
    home, found = desk.home, None
    state = home.state()
    if (now := _last(state)).table is None:
        progress.step("join")
        flow.join_step(desk, state, now)
        state = home.state()
    if desk.plan.labels.dataset and not (now := _last(state)).stored and not now.bundle:
        progress.step("store")
        shelve_step(desk, now, who)
        state = home.state()
    if not (now := _last(state)).bundle:
        flow.train_step(desk, now, progress)
        state = home.state()
    if not (now := _last(state)).answer:
        progress.step("compare")
        _refuse_changed(desk, state)
        found = flow.compare_step(desk, state, now)
        state = home.state()
    now = _last(state)
    if now.answer != "better":
        flow.decide_step(desk, state, now, who=who, why=now.said, yes=False)
    elif desk.plan.promote == "automatically" and not now.outcome:
        flow.decide_step(desk, state, now, who=who, why=now.said, yes=True)
    progress.step("page")
    return finished(desk, home.state(), found)


def finished(desk: Desk, state: State, found: Weighed | None = None) -> Done:
    """The page of the last round, and what to say of it."""
    now = _last(state)
    before = state.opponent(now)
    found = found or flow.weighed(desk, state, now, before)
    changes, page = write_story(desk, state, now, before, found)
    head = {"promoted": "Promoted. ", "kept": "The champion stays. "}.get(now.outcome, "Waits for you. ")
    return Done(desk.home.path, now, state.champion, found.contests, page, head + now.said, changes.hurried)


def _mended_page(desk: Desk, state: State) -> None:
    """The page of the last round, where it was cut off before it was written."""
    if state.last is not None and not (desk.home.round(state.last.number) / PAGE).exists():
        finished(desk, state)


def _opened(path: Path) -> tuple[Desk, State]:
    home = Home(path).found()
    state = home.state()
    return Desk(home, home.plan(), home.problem(state)), state


def _last(state: State) -> Round:
    return state.rounds[-1]


def _looked(
    desk: Desk, state: State, findings: Sequence[Finding] | None, asked: str | None
) -> tuple[Checked, Facts, Arrived]:
    """At the log, the tables, and what follows from both."""
    log = watching.logged(desk.home, desk.plan, desk.problem, state.champion)
    new = flow.arrivals(desk, state, log.labelled)
    new = replace(new, notes=(*new.notes, *log.notes))
    return (*_checked(desk, state, new, log.findings if findings is None else findings, asked), new)


def _checked(
    desk: Desk, state: State, new: Arrived, findings: Sequence[Finding], asked: str | None
) -> tuple[Checked, Facts]:
    joined = flow.joined(desk, state, new.table) if len(new) else None
    n_new = len(new) - len(joined.aside) if joined else 0
    facts = Facts(n_new, joined.fresh if joined else 0, _days(state), alarms_of(findings), asked)
    aside = (*new.aside, *(joined.aside if joined else ()))
    reasons = called(desk.plan, facts)
    stands = obstacle(desk.plan, facts) if reasons else ""
    notes = (*(joined.notes if joined else ()), *new.notes)
    found = Checked(desk.home.path, reasons, stands, n_new, facts.fresh, aside, notes, desk.plan.judge.alpha)
    return found, facts


def _days(state: State) -> float:
    """Since the last round, or since the beginning."""
    last = state.rounds[-1].begun if state.rounds else str(state.created["time"])
    return (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds() / 86400.0


def _refuse_changed(desk: Desk, state: State) -> None:
    """Nothing is trained or promoted against a champion that was tampered with, or that is not in use any more."""
    desk.home.bundle(state.champion.bundle, state.champion.identity)
    if other := champions.in_use(desk.home, desk.plan, state):
        raise ConfigError(f"{desk.home.path}: {other}")
    if desk.home.pointed() != state.champion.identity:
        desk.home.point(state.champion)


def _by_hand(path: Path, why: str, who: str, *, yes: bool) -> Decided:
    place = Home(path).found()
    with place.alone():
        desk, state = _opened(place.path)
        if not state.rounds or not state.rounds[-1].waits:
            raise ConfigError(f"{path}: no challenger waits for a decision. See: matloop retrain status {path}")
        _refuse_no_reason(why)
        if yes:
            _refuse_changed(desk, state)
        flow.decide_step(desk, state, state.rounds[-1], who=who or user(), why=why, yes=yes)
        state = place.state()
        finished(desk, state)
    said = f"Round {len(state.rounds)}: {'promoted' if yes else 'declined, the champion stays'}: {why}"
    return Decided(place.path, said, state.champion)


def _before(state: State) -> tuple[Champion, ...]:
    """The champions before the one in use, the latest first; what was rolled back is not gone back to."""
    reigns: list[Champion] = []
    for one in state.past:
        known = [place for place, earlier in enumerate(reigns) if earlier.identity == one.identity]
        reigns = reigns[: known[0] + 1] if known else [*reigns, one]
    if len(reigns) < 2:
        raise ConfigError("there was no other champion before this one; nothing to go back to.")
    return tuple(reversed(reigns[:-1]))


def _refuse_no_reason(why: str) -> None:
    if not why.strip():
        raise ConfigError("a decision by hand needs a reason. Give it with --why")


def _plan(
    asked: Problem, champion: Path | str, place: Home, store: str, runs: Path | str, promote: Promote,
    labels: NewLabels, when: When, judge: Rules,
) -> Plan:  # fmt: skip
    """The plan with paths from the home."""
    where = str(champion) if store else _from(place, champion)
    if not runs:
        folder = Path(champion)
        folder = folder if folder.name != "bundle" else folder.parent
        beside = not store and (folder / "run.json").is_file()
        runs = folder.parent.parent if beside else place.path / "runs"
    kept = store if not store or "://" in store else _from(place, store)
    plan = Plan(PROBLEM, where, _from(place, runs), kept, promote, labels, when, judge)
    return parse_plan(write_plan(plan))


def _from(place: Home, path: Path | str) -> str:
    return Path(os.path.relpath(path, place.path)).as_posix()


def _seen_table(known: Seen) -> Texts:
    groups, inputs = sorted(known.groups), sorted(known.inputs)
    n = max(len(groups), len(inputs))
    pairs = zip(groups + [""] * (n - len(groups)), inputs + [""] * (n - len(inputs)), strict=True)
    return Texts(("group", "inputs"), tuple(pairs))


def _refuse_other_question(asked: Problem, manifest: Manifest, raw: RawTable) -> None:
    """The champion must answer this problem, and come from these data."""
    if manifest.inputs != asked.inputs or {one.target for one in manifest.models} != {t.name for t in asked.targets}:
        raise ConfigError(
            f"the champion {manifest.name!r} has other inputs or targets than the problem file. Give the file that it "
            "was made by (problem.toml of its run)."
        )
    if raw.provenance.sha256 != manifest.data_sha256:
        raise DataError(
            f"{raw.provenance.source}: these are not the data that the champion was made from (SHA-256 "
            f"{raw.provenance.sha256[:12]}, its manifest says {manifest.data_sha256[:12]}), so that nobody knows which "
            "rows it has seen. Restore the table; new labels come through [labels]."
        )
    if asked.cleaning.mixed == "correct":
        raise ConfigError('[cleaning] mixed = "correct": labels of the vault are then on another level than new ones. '
                          'Use mixed = "separate" or "columns" for a model that is retrained.')  # fmt: skip
    _refuse_hidden_units(asked, raw)
    for item in asked.inputs:
        if item.kind == "structure" and raw.folder and any(
            isinstance(cell, str) and "\n" not in cell[:200] and (Path(raw.folder) / cell[:200]).is_file()
            for cell in raw.columns.get(item.column, ())[:5]
        ):  # fmt: skip
            raise ConfigError(f'input "{item.name}": structures lie in files beside the table. For a model that is '
                              "retrained they must stand in the table (CIF text or JSON) or in a store.")  # fmt: skip


def _refuse_hidden_units(asked: Problem, raw: RawTable) -> None:
    """Units that only the source knows would be lost in a table of texts."""
    wanted = [(item.column, item.unit) for item in asked.inputs if item.kind == "number"]
    for column, unit in [*wanted, *((target.column, target.unit) for target in asked.targets)]:
        card = raw.describe.get(column)
        if card is not None and card.unit and unit and not same_unit(card.unit, unit):
            raise ConfigError(f'column "{column}" is in {card.unit} and the problem asks for {unit}. For a model that '
                              f'is retrained write unit = "{card.unit}", as new labels are in it too.')  # fmt: skip


def same_unit(one: str, other: str) -> bool:
    """Whether two spellings are one unit."""
    return units.tidy(one) == units.tidy(other)
