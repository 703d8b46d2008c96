"""A campaign: ask for experiments, tell their results, look where it stands. All state is its log."""

from __future__ import annotations

import getpass
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.campaign.ask import Asked, seed_of, suggested
from matloop.campaign.earlier import earlier_reads
from matloop.campaign.home import Home
from matloop.campaign.learned import best_rows
from matloop.campaign.question import Question, framed, ready
from matloop.campaign.results import Read, read_results
from matloop.campaign.sheet import sheet, write_sheet
from matloop.campaign.standing import Standing, standing
from matloop.campaign.state import Result, State, Suggestion, replay
from matloop.campaign.stopping import affordable, after_asking, before_asking, within_cost
from matloop.campaign.tell import Manner, Told, told_event
from matloop.core.errors import ConfigError, RunError
from matloop.core.jsonable import to_jsonable
from matloop.data.collect import collect, from_frame
from matloop.data.table import RawTable
from matloop.deploy.predict import write_frame
from matloop.design.context import held
from matloop.pipeline.versions import versions
from matloop.problem.campaign import CampaignProblem
from matloop.problem.campaign_toml import dump_campaign, parse_campaign, read_campaign, settled
from matloop.problem.fault import did_you_mean, quoted
from matloop.problem.question import Source

if TYPE_CHECKING:
    import pandas as pd

_COLLISIONS = 5


class Campaign:
    """A campaign in its folder; several processes and people may use the same one at once.

    Made by `Campaign.new` or `Campaign.open`. Nothing is kept in memory that is not in the log, so two objects of one
    folder always agree.
    """

    def __init__(self, home: Home, question: Question) -> None:
        self._home, self.question = home, question
        self._known: tuple[tuple[int, int, int], State] | None = None

    @classmethod
    def new(
        cls, problem: CampaignProblem | Path | str, folder: Path | str, *, base: Path | str | None = None
    ) -> Campaign:
        """Begin a campaign.

        Parameters
        ----------
        problem : a campaign file (TOML), or its value. folder : where it lives; made. base : what paths of tables are
        relative to: the folder of the file, or the current one.

        Raises
        ------
        ConfigError : the problem has faults, or there is a campaign already. DataError : a table of earlier results or
        of candidates cannot be read. RunError : the folder cannot be written.
        """
        place = (
            Path(base or ".") if isinstance(problem, CampaignProblem) else Path(base or Path(problem).absolute().parent)
        )
        text, asked = _text_of(problem)
        question = ready(asked, place)
        reads = earlier_reads(question, place)  # everything is read before anything is written
        home = Home(Path(folder))
        head = {"seed": asked.plan.seed, "versions": dict(versions())}
        placed = home.create(asked, text, place, head)
        campaign = cls(home, ready(placed, home.path))
        for read, manner in reads:
            campaign._record(read, manner)
        return campaign

    @classmethod
    def open(cls, folder: Path | str) -> Campaign:
        """The campaign in a folder.

        Raises
        ------
        ConfigError : there is none. RunError : its log was edited; the message names the line.
        """
        home = Home(Path(folder)).found()
        events = home.log.events()
        replay(events)
        return cls(home, ready(home.problem(events[0]), home.path))

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self._home.path

    @property
    def problem(self) -> CampaignProblem:
        """What it asks."""
        return self.question.problem

    @property
    def state(self) -> State:
        """Everything known, read from the log now (again only where the file has changed)."""
        found = self._home.log.path.stat()
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._known is None or self._known[0] != mark:
            self._known = (mark, replay(self._home.log.events()))
        return self._known[1]

    def ask(
        self, n: int | None = None, *, anyway: bool = False, repeat: Sequence[str] = (),
        given: Mapping[str, float | str] | None = None, out: Path | str | None = None, who: str = "",
    ) -> Asked:  # fmt: skip
        """The next experiments, recorded as asked for; until their results are told they are not suggested again.

        Parameters
        ----------
        n : how many different ones (the batch of the problem). anyway : also where a stopping rule says that it is
        enough. repeat : names of experiments to make again, instead of new ones. given : settings that circumstances
        fix for now ({"humidity": 62}); the others are searched. out : a sheet to fill in (.csv, .xlsx, .jsonl). who :
        asks; the user by default.

        Raises
        ------
        ConfigError : `n` is below 1, `repeat` names what is not known, or the space has nothing for what is given.
        RunError : disk full.
        """
        n = self.problem.plan.batch if n is None else n
        if n < 1:
            raise ConfigError(f"{n} suggestions were asked for; a whole number from 1 on was expected.")
        with self._home.asking():
            asked = self._repeated(repeat, who) if repeat else self._asked(n, anyway, given or {}, who)
        if out is not None and asked.suggestions:
            write_sheet(Path(out), self.sheet(asked.suggestions))
        return asked

    def waiting(self, out: Path | str | None = None) -> Asked:
        """What was asked for and has no result yet, again as a sheet to fill in; nothing is recorded."""
        pending = self.state.pending
        frame = self.sheet(pending)
        if out is not None and pending:
            write_sheet(Path(out), frame)
        return Asked(pending, notes=() if pending else ("nothing waits for a result.",), frame=frame)

    def size(self) -> str:
        """How many different experiments there are, in words."""
        size = self.question.domain.log10_size
        if math.isinf(size):
            return f"{len(self.question.names)} columns, endlessly many different experiments"
        shown = f"{10**size:,.0f}" if size < 9 else f"about 10^{size:.1f}"
        return f"{len(self.question.names)} columns, {shown} different experiments"

    def _asked(self, n: int, anyway: bool, given: Mapping[str, float | str], who: str) -> Asked:
        now = self.question if not given else replace(self.question, domain=held(self.question.domain, given))
        replicates = self.problem.plan.replicates
        for _ in range(_COLLISIONS):
            state = self.state
            stops = tuple(verdict.said for verdict in before_asking(state, self.question) if verdict.stop)
            if stops and not anyway:
                return self._stopped(stops, state)
            room = n if anyway else max(affordable(state, self.question, n * replicates) // replicates, 1)
            entries, said = suggested(state, now, min(n, room))
            stops = tuple(v.said for v in after_asking(entries, state, self.question) if v.stop)
            if not entries or (stops and not anyway):
                return self._stopped(stops, state)
            if not anyway and not (entries := [dict(entry) for entry in within_cost(entries, state, self.question)]):
                return self._stopped(("budget: what is left does not pay for any of the suggestions.",), state)
            notes = [] if len(entries) == n else [f"{len(entries)} instead of {n}: {_why_fewer(room, n)}"]
            entries = [entry for entry in entries for _ in range(replicates)]
            recorded = self._record_asked(state, entries, said.how, who)
            if recorded is not None:
                return Asked(recorded, how=said.how, notes=tuple(notes), frame=self.sheet(recorded))
        raise RunError(f"{self.folder}: others told results of the same experiments {_COLLISIONS} times. Ask again.")

    def _record_asked(
        self, seen: State, entries: list[dict[str, Any]], how: str, who: str
    ) -> tuple[Suggestion, ...] | None:
        """The suggestions as recorded; None where results were told meanwhile for one of them."""
        points, _ = self.question.points([entry["point"] for entry in entries])
        at = [entry.get("fidelity", "") for entry in entries]
        keys = set(zip(map(str, self.question.domain.keys(points)), at, strict=True))
        strategy = self.problem.plan.strategy.name

        def event(events: list[dict[str, Any]]) -> Mapping[str, Any] | None:
            now = replay(events)
            if now.told != seen.told and not any(entry.get("repeats") for entry in entries):
                fresh = [r for name, r in now.results.items() if name not in seen.results]
                if fresh and keys & self._kinds(fresh):
                    return None
            number = now.rounds + 1
            named = [{"id": f"c{number}-{k}", **entry} for k, entry in enumerate(entries, start=1)]
            return {
                "event": "asked", "round": number, "seed": seed_of(seen), "strategy": strategy, "how": how,
                "who": who or _user(), "suggestions": named,
            }  # fmt: skip

        recorded = self._home.log.decide(event)
        if recorded is None:
            return None
        known = self.state.suggestions
        return tuple(known[entry["id"]] for entry in recorded["suggestions"])

    def _kinds(self, results: Sequence[Result]) -> set[tuple[str, str]]:
        """Which experiments these are of, with their fidelity."""
        points, _ = self.question.points([result.point for result in results])
        return {(str(key), one.fidelity) for key, one in zip(self.question.domain.keys(points), results, strict=True)}

    def _repeated(self, names: Sequence[str], who: str) -> Asked:
        state = self.state
        answered = state.answered
        entries = []
        for name in names:
            found: Result | Suggestion | None = (
                answered.get(name) or state.results.get(name) or state.suggestions.get(name)
            )
            if found is None:
                known = [result.name for result in state.results.values()]
                raise ConfigError(f"there is no experiment {quoted(name)} to repeat. {did_you_mean(name, known)}")
            points, _ = self.question.points([found.point])
            level = np.array([self.problem.level(found.fidelity)], dtype=np.int64)
            cost = float(self.question.costs(points, level)[0])
            entries.append(
                {"point": dict(found.point), "reason": f"the same as {name} once more, to see how well it repeats",
                 "cost": None if math.isnan(cost) else cost, "near": [[name, 0.0]], "repeats": name,
                 **({"fidelity": found.fidelity} if found.fidelity else {})}
            )  # fmt: skip
        recorded = self._record_asked(state, entries, "repeats that were asked for", who)
        assert recorded is not None  # repeats never collide
        return Asked(recorded, how="repeats that were asked for", frame=self.sheet(recorded))

    def _stopped(self, why: tuple[str, ...], state: State) -> Asked:
        if not state.stops or state.stops[-1].why != why:
            self._home.log.append({"event": "stopped", "why": list(why), "round": state.rounds})
        return Asked((), stopped=why)

    def tell(
        self, results: pd.DataFrame | Path | str, *, correct: bool = False, again: bool = False, place: str = "",
        who: str = "", why: str = "",
    ) -> Told:  # fmt: skip
        """Record results: all rows of the table or none.

        Parameters
        ----------
        results : a table (CSV, Excel, JSON lines, Parquet), or a frame: `id` of the suggestion or the settings, and a
        column per target ("yield" or "yield [%]"); also "yield error", "failed", "cost", "place", "note", "who". Rows
        without a result yet stay open. correct : results of ids that were told before replace what was told. again :
        rows without an id that were told before in the same table are new measurements. place : the laboratory, where
        the table does not say it; empty is the own one. who : tells. why : of a correction.

        Raises
        ------
        DataError : something cannot be read, an id is not known or was told before with another result. RunError : disk
        full. Nothing is recorded then.
        """
        raw = from_frame(results) if not isinstance(results, Path | str) else collect(Source(str(results)))
        return self._record(_read(raw, self.question), Manner(who or _user(), correct, again, place, why))

    def _record(self, read: Read, manner: Manner) -> Told:
        told = Told()

        def event(events: list[dict[str, Any]]) -> Mapping[str, Any] | None:
            nonlocal told
            following, told = told_event(read, replay(events), self.question, manner)
            return following

        self._home.log.decide(event)
        return told

    def withdraw(self, names: Sequence[str], why: str = "", *, who: str = "") -> None:
        """Take back results (they count no more), or suggestions that nobody will make.

        Parameters
        ----------
        names : ids of suggestions or results; a suggestion with a result means its result.

        Raises
        ------
        ConfigError : a name is not known, or was withdrawn before.
        """

        def event(events: list[dict[str, Any]]) -> Mapping[str, Any]:
            state = replay(events)
            answered, results, suggestions = state.answered, [], []
            for name in dict.fromkeys(names):
                if name in state.results or name in answered:
                    results.append(answered[name].id if name in answered else name)
                elif name in state.suggestions and not state.suggestions[name].withdrawn:
                    suggestions.append(name)
                else:
                    known = [*answered, *state.results, *(s.id for s in state.pending)]
                    raise ConfigError(
                        f"there is nothing called {quoted(name)} to withdraw. {did_you_mean(name, known)}"
                    )
            return {"event": "withdrawn", "results": results, "suggestions": [*suggestions, *_asked_of(results, state)],
                    "why": why, "who": who or _user()}  # fmt: skip

        self._home.log.decide(event)

    def note(self, text: str, *, who: str = "") -> None:
        """Write something into the log that the report will show."""
        self._home.log.append({"event": "note", "text": text, "who": who or _user()})

    def status(self, *, health: bool = True) -> Standing:
        """Where it stands: what is known, asked, spent; the best; whether it is enough; whether it is healthy."""
        return standing(self.state, self.question, self.folder, health=health)

    def history(self) -> pd.DataFrame:
        """Every result that counts, in the order of telling: name, settings, values, errors, cost, place, flags."""
        import pandas as pd

        results = list(self.state.results.values())
        points = framed([result.point for result in results], self.question.names)
        frame = pd.DataFrame({"name": [result.name for result in results], "round": [r.round for r in results]})
        frame = pd.concat([frame, points], axis=1)
        for target in self.problem.targets:
            frame[target.name] = [result.values.get(target.name, math.nan) for result in results]
            frame[f"{target.name} error"] = [result.errors.get(target.name, math.nan) for result in results]
        if self.problem.fidelities:
            frame["fidelity"] = [result.fidelity or self.problem.fidelities[0].name for result in results]
        for name in ("failed", "cost", "place", "who"):
            frame[name] = [getattr(result, name) for result in results]
        frame["told at"] = [result.time for result in results]
        frame["flags"] = ["; ".join(result.flags) for result in results]
        return frame

    def best(self) -> pd.DataFrame:
        """The best results (the front, where several goals have no end); empty where none meets the goals."""
        rows = best_rows(tuple(self.state.results.values()), self.question)
        return self.history().iloc[rows].reset_index(drop=True)

    def sheet(self, suggestions: Sequence[Suggestion] | None = None) -> pd.DataFrame:
        """Suggestions as a table to fill in; all that are pending where none are given."""
        return sheet(self.state.pending if suggestions is None else suggestions, self.question)

    def _repr_html_(self) -> str:
        return self.status(health=False)._repr_html_()


@dataclass(frozen=True, slots=True)
class Mended:
    """What a repair kept, and where the rest is: the lines as they were, and the results in them as a table."""

    kept: int
    damaged_line: int = 0
    aside: Path | None = None
    results: Path | None = None

    def lines(self) -> list[str]:
        """For the screen."""
        if self.aside is None:
            return [f"the log is whole: {self.kept} events."]
        found = [
            f"line {self.damaged_line} was edited: the {self.kept} events before it are kept.",
            f"the lines from there on are in {self.aside}",
        ]
        if self.results is not None:
            found.append(f"the results in them are in {self.results}: look at them, then tell them again.")
        return found

    def as_json(self) -> Any:
        """For programs."""
        return to_jsonable(self)


def repair(folder: Path | str) -> Mended:
    """Keep the log of a campaign up to the first line that was edited; the rest goes into a file beside it, and the
    results that can be read in it into a table that can be told again.

    Raises
    ------
    ConfigError : there is no campaign. RunError : disk full; the log is then as it was.
    """
    home = Home(Path(folder)).found()
    done = home.log.repair()
    if done.aside is not None and done.kept:
        home.log.append(
            {"event": "note", "text": f"repaired: lines from {done.damaged_line} on are in {done.aside.name}"}
        )
    if done.aside is None:
        return Mended(done.kept)
    return Mended(done.kept, done.damaged_line, done.aside, _rescued(done.aside, home) if done.kept else None)


def _rescued(aside: Path, home: Home) -> Path | None:
    """The results in lines that were set aside, as a table; None where there are none."""
    import pandas as pd

    asked, rows = replay(home.log.events()).suggestions, []
    for line in aside.read_bytes().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the line stays in the file that was set aside
        if isinstance(event, dict) and event.get("event") == "told":
            rows += [_rescued_row(row, asked) for row in event.get("rows", ()) if isinstance(row, dict)]
    if not rows:
        return None
    table = aside.with_suffix(".csv")
    write_frame(table, pd.DataFrame(rows))
    return table


def _rescued_row(row: Mapping[str, Any], asked: Mapping[str, Suggestion]) -> dict[str, Any]:
    point, values, errors = (row.get(key) or {} for key in ("point", "values", "errors"))
    shared = {key: row[key] for key in ("cost", "place", "who") if row.get(key)}
    shared |= {"fidelity": row["fidelity"]} if row.get("fidelity") else {}
    failed = {"failed": "yes"} if row.get("failed") else {}
    noted = {"note": row.get("why") or row.get("note")} if row.get("why") or row.get("note") else {}
    told = {**values, **{f"{name} error": value for name, value in errors.items()}}
    name = row.get("suggestion", "")
    return {"id": name if name in asked else "", **point, **told, **shared, **failed, **noted}


def _text_of(problem: CampaignProblem | Path | str) -> tuple[str, CampaignProblem]:
    if not isinstance(problem, CampaignProblem):
        reading = read_campaign(Path(problem))
        return reading.text, settled(reading)
    text = dump_campaign(problem)
    return text, settled(parse_campaign(text, "the campaign"))


def _read(raw: RawTable, question: Question) -> Read:
    return read_results(raw, question)


def _asked_of(results: Sequence[str], state: State) -> list[str]:
    """The suggestions of withdrawn results: nobody waits for them again."""
    return [state.results[name].suggestion for name in results if state.results[name].suggestion]


def _why_fewer(room: int, n: int) -> str:
    return "the budget holds no more." if room < n else "there are no more, or the budget does not pay for them."


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return ""
