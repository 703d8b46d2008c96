"""Would it have paid? A known table replayed with many seeds, strategies side by side."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.campaign.findings import Findings, as_json, findings, lines
from matloop.campaign.known import Known
from matloop.campaign.of_file import of_campaign
from matloop.campaign.oracles.files import read_frame
from matloop.campaign.pages.simulation import write_simulation
from matloop.campaign.peers import strategy_named
from matloop.campaign.replay import Replayed
from matloop.campaign.replays import CHANCE, Replays
from matloop.campaign.stand_ins import COLUMN, WITH, StandIns, one_replay
from matloop.campaign.workers import Job, opened, replay_all
from matloop.core.errors import ConfigError, DataError, MatloopError
from matloop.core.files import write_text
from matloop.core.jsonable import dumps
from matloop.core.progress import SILENT, Progress
from matloop.core.release import release
from matloop.core.threads import one_thread
from matloop.design.contract import Strategy
from matloop.design.goals import Goal, read_goal
from matloop.problem.campaign import Fidelity
from matloop.problem.space import Space
from matloop.problem.space_toml import write_space

if TYPE_CHECKING:
    import pandas as pd

STRATEGIES_SHOWN = ("auto", "random", "sobol")


@dataclass(frozen=True, slots=True)
class Simulation:
    """The answer to "would it have paid": the replays, and what they show."""

    replays: Replays
    findings: Findings

    def lines(self) -> list[str]:
        """For the screen."""
        return lines(self.replays, self.findings)

    def as_json(self) -> Any:
        """For programs: every number of the page."""
        return as_json(self.replays, self.findings)

    def page(self) -> str:
        """One self-contained HTML page."""
        return write_simulation(self.replays, self.findings)

    def write(self, path: Path | str) -> None:
        """The page at `path` (.html), and its numbers beside it (.json).

        Raises
        ------
        RunError : disk full or folder not writable.
        """
        write_text(Path(path).with_suffix(".html"), self.page())
        write_text(Path(path).with_suffix(".json"), dumps(self.as_json()) + "\n")

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{html.escape(one)}</li>" for one in self.findings.further)
        return f"<p><b>{html.escape(self.findings.sentence)}</b></p>" + (f"<ul>{said}</ul>" if said else "")


def simulate(
    table: str | Path | pd.DataFrame,
    goals: Sequence[str | Goal] = (),
    *,
    strategies: Sequence[str] | Mapping[str, Strategy] = STRATEGIES_SHOWN,
    seeds: int | Sequence[int] = 10,
    n: int = 100,
    batch: int = 5,
    parameters: Sequence[str] = (),
    workers: int = 1,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> Simulation:
    """Replay a table of measured results as if nobody knew them.

    All strategies of a seed begin with the same batch, drawn at random, and see the same measurement of a
    design: where it has replicates, one of them. What is found is judged by the mean of the replicates.

    Parameters
    ----------
    table : a column per parameter and target, a row per measurement; an empty target means that the experiment failed.
        Also a campaign file whose table of candidates holds the results; its goals, space and limits count then. With
        [fidelities] the table has a column "fidelity"; stand-ins are then asked by the strategy "fidelities", and all
        strategies spend the same.
    goals : sentences, as "maximise yield" or "purity >= 0.95"; those of the campaign file where none are given.
    strategies : names of `STRATEGIES` or `PEERS` (random is added), or {name: Strategy} to run your own ones here.
    seeds : how many, or which. n : experiments of each run, at most those of the table. batch : experiments of a batch.
    parameters : columns that may be chosen; by default all but the targets.
    workers : processes, each with one thread. The result does not depend on it.
    cache : file of JSON lines with finished runs; what is in it is not run again, so a broken simulation goes on.

    Raises
    ------
    ConfigError : a goal cannot be read, no such strategy, numbers that make no sense. DataError : see `known_of`.
    """
    if n < 1 or batch < 1 or workers < 1:
        raise ConfigError(f"n = {n}, batch = {batch}, workers = {workers}: each must be one or more.")
    which = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not which or len(set(which)) < len(which):
        raise ConfigError("at least one seed is needed, and each only once.")
    asked = tuple(read_goal(one) if isinstance(one, str) else one for one in goals)
    space: Space | None = None
    notes: tuple[str, ...] = ()
    fidelities: tuple[Fidelity, ...] = ()
    if isinstance(table, str | Path) and Path(table).suffix == ".toml":
        source, frame, asked, space, notes, fidelities = of_campaign(Path(table), asked)
        given = {*(g.target for g in asked), *([COLUMN] if fidelities else [])}
        parameters = tuple(parameters) or tuple(name for name in frame.columns if name not in given)
    elif asked:
        source, frame = _table(table, asked)
    if not asked:
        raise ConfigError("no goal is given. Write 'maximise T', or 'T >= 5' with one.")
    names = tuple(dict.fromkeys((*([WITH] if fidelities else []), *strategies, CHANCE)))
    for name in names:
        if not isinstance(strategies, Mapping) and not (fidelities and name == WITH):
            strategy_named(name)
    job = Job(frame, asked, tuple(parameters), n, batch, space, fidelities)
    known, stand_ins = opened(job)
    job = replace(job, n=min(n, len(known)))
    notes = (*notes, *_counted(fidelities))
    runs = _runs(known, stand_ins, job, names, strategies, which, workers, cache, progress)
    left_out = {
        name: next(r.failure for r in runs[name] if r.failure) for name in names if any(r.failure for r in runs[name])
    }
    if CHANCE in left_out:
        raise DataError(f"random choice failed on this table: {left_out[CHANCE]}")
    kept = {name: runs[name] for name in names if name not in left_out}
    replays = Replays(source, _unit(asked), known, which, job.n, batch, kept, left_out, notes)
    return Simulation(replays, findings(replays))


def _counted(fidelities: Sequence[Fidelity]) -> tuple[str, ...]:
    if not fidelities:
        return ()
    first, *others = fidelities
    prices = ", ".join(f"{one.name} {one.cost / first.cost:.3g}" for one in others)
    return (
        f"Experiments are counted by what they cost: {first.name} 1, {prices}. {WITH} asks all of them and spends as "
        f"much as the other strategies, which ask {first.name} only.",
    )


def _table(table: str | Path | pd.DataFrame, goals: Sequence[Goal]) -> tuple[str, pd.DataFrame]:
    if isinstance(table, str | Path):
        return "/".join(Path(table).parts[-2:]), read_frame(Path(table), {goal.target: goal.unit for goal in goals})
    return "a table", table


def _unit(goals: Sequence[Goal]) -> str:
    wanted = [goal for goal in goals if goal.is_open]
    return wanted[0].unit if len(wanted) == 1 else ""


def _runs(
    known: Known, stand_ins: StandIns | None, job: Job, names: tuple[str, ...],
    strategies: Sequence[str] | Mapping[str, Strategy], seeds: tuple[int, ...], workers: int, cache: Path | None,
    progress: Progress,
) -> dict[str, tuple[Replayed, ...]]:  # fmt: skip
    """All runs, those of the cache first; seed by seed, so that a simulation that is broken off has complete pairs."""
    kept = _Cache(cache, known.digest + _digest(stand_ins), job)
    done = {(name, seed): run for name in names for seed in seeds if (run := kept.get(name, seed)) is not None}
    missing = [(name, seed) for seed in seeds for name in names if (name, seed) not in done]
    own = strategies if isinstance(strategies, Mapping) else {}
    if own or workers == 1 or len(missing) == 1:
        found = _here(known, stand_ins, job, missing, own)
    else:
        found = replay_all(job, missing, workers)
    total = len(names) * len(seeds)
    for run in found:
        done[run.strategy, run.seed] = run
        if not run.failure and run.strategy not in own:
            kept.add(run)
        progress.tell(f"{run.strategy}, seed {run.seed}", len(done) / total)
    return {name: tuple(done[name, seed] for seed in seeds) for name in names}


def _digest(stand_ins: StandIns | None) -> str:
    """Of what stand-ins say and cost; empty where there are none."""
    if stand_ins is None:
        return ""
    found = hashlib.sha256(f"{stand_ins.names} {stand_ins.costs}".encode())
    for level in stand_ins.values:
        for values in level.values():
            found.update(values.tobytes())
    return found.hexdigest()[:16]


def _here(
    known: Known, stand_ins: StandIns | None, job: Job, missing: Sequence[tuple[str, int]], own: Mapping[str, Strategy]
) -> Any:
    with one_thread():
        for name, seed in missing:
            try:
                yield one_replay(known, own.get(name), stand_ins, name=name, seed=seed, n=job.n, batch=job.batch)
            except MatloopError as error:
                yield Replayed(name, seed, (), (), failure=str(error))


class _Cache:
    """Finished runs in a file of JSON lines. A run serves any shorter one, because no strategy knows how long it is."""

    def __init__(self, path: Path | None, digest: str, job: Job) -> None:
        self._path = path
        space = "" if job.space is None else write_space(job.space)
        head = [digest, str(job.batch), ",".join(job.parameters), release(), space]
        self._key = hashlib.sha256("\n".join(head).encode()).hexdigest()[:16]
        self._n = job.n
        self._found: dict[tuple[str, int], Replayed] = {}
        if path is not None and path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._read(line)

    def get(self, name: str, seed: int) -> Replayed | None:
        return self._found.get((name, seed))

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
            if (
                entry["key"] != self._key
                or len(entry["rows"]) < min(self._n, entry["asked"])
                or entry["asked"] < self._n
            ):
                return
            run = Replayed(
                entry["strategy"], entry["seed"], tuple(entry["rows"][: self._n]), tuple(entry["seconds"]), entry["how"]
            )
        except (ValueError, KeyError, TypeError):
            return  # a torn line: the run is made again
        self._found[run.strategy, run.seed] = run

    def add(self, run: Replayed) -> None:
        if self._path is None:
            return
        entry = {
            "key": self._key, "strategy": run.strategy, "seed": run.seed, "asked": self._n, "rows": list(run.rows),
            "seconds": [round(one, 4) for one in run.seconds], "how": run.how,
        }  # fmt: skip
        self._path.parent.mkdir(parents=True, exist_ok=True)
        torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n") and self._path.stat().st_size > 0
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(("\n" if torn else "") + json.dumps(entry) + "\n")
