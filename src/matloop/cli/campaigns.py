"""The commands `matloop campaign ...`: ask for experiments, tell their results, look where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show

campaign = typer.Typer(no_args_is_help=True, help="Which experiment next: ask, measure, tell, until it is enough.")

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Folder = Annotated[Path, typer.Argument(help="The folder of a campaign.", metavar="DIR")]
Who = Annotated[str, typer.Option("--who", help="Who does this (the name of the account by default).")]
_CAMPAIGN = "matloop.campaign.campaign:Campaign"


@campaign.command("new", epilog="Example: matloop campaign new dye.toml -o dye")
def new(
    problem: Annotated[Path, typer.Argument(help="The campaign file (TOML).", metavar="PROBLEM")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.", metavar="DIR")],
    json: Json = False,
) -> None:
    """Begin a campaign: checks the file, reads earlier results, starts the log of events."""
    begun = load(_CAMPAIGN).new(problem, out)
    standing = begun.status(health=False)
    lines = [f"{out}: {standing.name}: {standing.goals}", f"  {begun.size()}"]
    lines += [f"  {standing.earlier} earlier results"] if standing.earlier else []
    show([*lines, f"Next: matloop campaign ask {out}"], standing.as_json(), json)


@campaign.command("ask", epilog="Example: matloop campaign ask dye -n 5 -o next.xlsx")
def ask(
    folder: Folder,
    n: Annotated[int | None, typer.Option("--number", "-n", help="How many (the batch of the file).")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Sheet to fill in: .csv, .xlsx or .jsonl.", metavar="FILE")
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Go on although a stopping rule says it is enough.")] = False,
    repeat: Annotated[
        list[str] | None, typer.Option("--repeat", help="Make this experiment once more, by its id (repeat for more).")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--given", help="Fixed by circumstances: humidity=62 (repeat for more).")
    ] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Ask for nothing new; show (or write) what still waits for results.")
    ] = False,
    who: Who = "",
    json: Json = False,
) -> None:
    """Say which experiments to make next, each with its reason, and record that they were asked for."""
    opened = load(_CAMPAIGN).open(folder)
    fixed = load("matloop.campaign.ask:read_given")(given or ())
    asked = (
        opened.waiting(out=out)
        if pending
        else opened.ask(n, anyway=anyway, repeat=repeat or (), given=fixed, out=out, who=who)
    )
    lines = asked.lines()
    lines += (
        [f"written to {out}; fill it in, then: matloop campaign tell {folder} {out}"] if out and asked.named else []
    )
    show(lines, asked.as_json(), json)


@campaign.command("tell", epilog="Example: matloop campaign tell dye results.csv")
def tell(
    folder: Folder,
    results: Annotated[Path, typer.Argument(help="A table of results: CSV, Excel, JSON lines.", metavar="RESULTS")],
    correct: Annotated[bool, typer.Option("--correct", help="Replace results that were told before.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="The same table once more is a second measurement, not a slip.")
    ] = False,
    place: Annotated[str, typer.Option("--place", help="The laboratory, where it is not the own one.")] = "",
    why: Annotated[str, typer.Option("--why", help="Why results are corrected.")] = "",
    who: Who = "",
    json: Json = False,
) -> None:
    """Record results: all rows of the table or none. Rows that have no result yet stay open."""
    told = load(_CAMPAIGN).open(folder).tell(results, correct=correct, again=again, place=place, why=why, who=who)
    show(told.lines(), told.as_json(), json)


@campaign.command("withdraw", epilog="Example: matloop campaign withdraw dye c3-2 --why 'wrong vial'")
def withdraw(
    folder: Folder,
    names: Annotated[list[str], typer.Argument(help="Ids of results, or of suggestions.", metavar="ID...")],
    why: Annotated[str, typer.Option("--why", help="Why; the report tells it.")] = "",
    who: Who = "",
    json: Json = False,
) -> None:
    """Take back results that should not count, or suggestions that nobody will make. They stay in the log."""
    load(_CAMPAIGN).open(folder).withdraw(names, why, who=who)
    show([f"withdrawn: {', '.join(names)}"], {"withdrawn": names, "why": why}, json)


@campaign.command("note", epilog="Example: matloop campaign note dye 'new batch of precursor from today on'")
def note(
    folder: Folder,
    text: Annotated[str, typer.Argument(help="What a reader of the report should know.", metavar="TEXT")],
    who: Who = "",
    json: Json = False,
) -> None:
    """Write something into the log, with the time; the report shows it."""
    load(_CAMPAIGN).open(folder).note(text, who=who)
    show(["noted"], {"note": text}, json)


@campaign.command("status", epilog="Example: matloop campaign status dye")
def status(
    folder: Folder,
    health: Annotated[
        bool, typer.Option("--health/--no-health", help="Also check whether it is on a good way.")
    ] = True,
    json: Json = False,
) -> None:
    """Say where a campaign stands: the best, the budget, what waits, and whether it is on a good way."""
    standing = load(_CAMPAIGN).open(folder).status(health=health)
    show(standing.lines(), standing.as_json(), json)


@campaign.command("history", epilog="Example: matloop campaign history dye -o history.csv")
def history(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write: .csv, .xlsx, .jsonl or .parquet.", metavar="FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Every result that counts, with settings, errors, cost, place and flags, in the order of telling."""
    frame = load(_CAMPAIGN).open(folder).history()
    if out is not None:
        load("matloop.deploy.predict:write_frame")(out, frame)
    lines = [f"{len(frame)} results written to {out}"] if out else [frame.to_csv(index=False).rstrip("\n")]
    rows = load("json:loads")(frame.to_json(orient="records"))
    show(lines, {"out": out, "n_rows": len(frame), "rows": None if out else rows}, json)


@campaign.command("repair", epilog="Example: matloop campaign repair dye")
def repair(folder: Folder, json: Json = False) -> None:
    """Keep a log that was edited by hand up to the edit, and set the rest aside in a file."""
    done = load("matloop.campaign.campaign:repair")(folder)
    show(done.lines(), done.as_json(), json)


@campaign.command("run", epilog="Example: matloop campaign run dye --oracle 'table:measured.csv'")
def run(
    folder: Folder,
    oracle: Annotated[
        str | None,
        typer.Option("--oracle", help="What measures: 'table:FILE', 'command:PROGRAM', a folder, a person, ..."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--number", "-n", help="Experiments of a round (the batch of the file).")
    ] = None,
    rounds: Annotated[int | None, typer.Option("--rounds", help="At most so many rounds now.")] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="That one experiment may take.")] = 3600.0,
    tries: Annotated[int, typer.Option("--tries", help="How often an oracle that broke down is asked.")] = 3,
    cost: Annotated[
        float | None, typer.Option("--cost", help="Of one experiment, where the oracle does not say.")
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Learn, ask, measure, record, learn anew, until a rule says it is enough; the same call goes on after a stop."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        done = load("matloop.campaign.run:run")(
            folder, oracle, n=n, rounds=rounds, seconds=seconds, tries=tries,
            cost=float("nan") if cost is None else cost, progress=progress,
        )  # fmt: skip
    show(done.lines(), done.as_json(), json)


@campaign.command("report", epilog="Example: matloop campaign report dye -o dye.html")
def report(
    folder: Folder,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page (report.html in the folder).")] = None,
    json: Json = False,
) -> None:
    """Write the story of a campaign as one page: what was asked, what came, what was learnt, what to do."""
    done = load("matloop.campaign.report:report")(folder, out)
    show(done.lines(), done.as_json(), json)


@campaign.command(
    "simulate", epilog="Example: matloop campaign simulate measured.csv --goal 'maximise yield' -o simulation.html"
)
def simulate(
    table: Annotated[
        Path,
        typer.Argument(
            help="A table in which everything is measured; or a campaign file of such a table.", metavar="TABLE"
        ),
    ],
    goal: Annotated[
        list[str] | None,
        typer.Option("--goal", "-g", help="'maximise T', 'T >= 5', ... (repeat for more; those of a campaign file)."),
    ] = None,
    strategy: Annotated[
        str, typer.Option("--strategies", "-s", help="Names, separated by commas; random is always beside them.")
    ] = "auto,random,sobol",
    seeds: Annotated[int, typer.Option("--seeds", help="How many times, each from another start.")] = 10,
    n: Annotated[int, typer.Option("--number", "-n", help="Experiments of each run.")] = 100,
    batch: Annotated[int, typer.Option("--batch", help="Experiments at a time.")] = 5,
    parameters: Annotated[
        str, typer.Option("--parameters", help="Columns that may be chosen, separated by commas (all but the targets).")
    ] = "",
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes.")] = 1,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="File that keeps finished runs, so that a stopped call goes on.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The page to write (.html).")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Would it have paid? Replays a table of known results with several strategies side by side."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        found = load("matloop.campaign.simulate:simulate")(
            table, goal or (), strategies=_names(strategy), seeds=seeds, n=n, batch=batch,
            parameters=_names(parameters), workers=workers, cache=cache, progress=progress,
        )  # fmt: skip
    if out is not None:
        found.write(out)
    show([*found.lines(), *([f"written to {out}"] if out else [])], found.as_json(), json)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
