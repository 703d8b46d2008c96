"""The commands `matloop retrain ...`: keep a model up to date, and let a new one replace it only if it is better."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from matloop.cli.shell import load, show

retrain = typer.Typer(no_args_is_help=True, help="Train anew when it is due; replace the model only by a better one.")

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Folder = Annotated[Path, typer.Argument(help="The folder of a retraining.", metavar="HOME")]
Who = Annotated[str, typer.Option("--who", help="Who does this (the name of the account by default).")]
Why = Annotated[str, typer.Option("--why", help="Why; it stands in the log.")]
_ROOM = "matloop.monitor.retrain.retrain"


@retrain.command("new", epilog="Example: matloop retrain new p.toml --champion runs/p/1f3a --labels new.csv -o up")
def new(
    problem: Annotated[Path, typer.Argument(help="The problem file that the model was made by.", metavar="PROBLEM")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.", metavar="HOME")],
    champion: Annotated[
        str, typer.Option("--champion", help="The run or bundle in use, or with --store its name.", metavar="BUNDLE")
    ],
    labels: Annotated[
        list[str] | None, typer.Option("--labels", help="Table of new labels, or 'results/*.csv' (repeat for more).")
    ] = None,
    log: Annotated[str, typer.Option("--log", help="Prediction log whose answers are labelled and watched.")] = "",
    time: Annotated[str, typer.Option("--time", help="Column with the moment of measurement.")] = "",
    corrections: Annotated[
        bool, typer.Option("--corrections", help="A new row with the inputs of an earlier one corrects it.")
    ] = False,
    dataset: Annotated[
        str, typer.Option("--dataset", help="STORE#NAME: rows that join also become a new version of it.")
    ] = "",
    store: Annotated[str, typer.Option("--store", help="Store whose registry knows the model.")] = "",
    runs: Annotated[str, typer.Option("--runs", help="Folder of matloop run -o (found from the bundle).")] = "",
    every: Annotated[float, typer.Option("--every", help="Days after which to train anew (0: never).")] = 0.0,
    after: Annotated[int, typer.Option("--after", help="New labels after which to train anew (0: never).")] = 50,
    automatic: Annotated[
        bool, typer.Option("--automatic", help="Promote a better model without asking a person.")
    ] = False,
    json: Json = False,
) -> None:
    """Begin to keep a model up to date: checks model and data, writes the plan HOME/retrain.toml and the log."""
    plan = load("matloop.monitor.retrain.places:from_here")(
        out, labels or (), log=log, time=time, corrections=corrections, days=every, rows=after, dataset=dataset
    )
    promote = "automatically" if automatic else "ask"
    begun = load(f"{_ROOM}:begin_retraining")(
        problem, champion, out, labels=plan.labels, when=plan.when, store=store, runs=runs, promote=promote
    )
    next_step = f"Rules are in {out / 'retrain.toml'}. Next: matloop retrain check {out}"
    show([*begun.lines(), next_step], begun.as_json(), json)


@retrain.command("check", epilog="Example: matloop retrain check up")
def check(folder: Folder, json: Json = False) -> None:
    """Say whether anything calls for training now, and which new labels cannot be used; writes nothing."""
    found = load(f"{_ROOM}:check")(folder)
    show(found.lines(), found.as_json(), json)


@retrain.command("run", epilog="Example: matloop retrain run up")
def run(
    folder: Folder,
    now: Annotated[
        str | None, typer.Option("--now", help="Train although nothing else calls for it; say why.", metavar="WHY")
    ] = None,
    who: Who = "",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train anew if it is due, compare with the model in use, promote only if better; goes on with a stopped round."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        done = load(f"{_ROOM}:retrain")(folder, now=now, who=who, progress=progress)
    show(done.lines(), done.as_json(), json)


@retrain.command("status", epilog="Example: matloop retrain status up")
def status(folder: Folder, json: Json = False) -> None:
    """Show the model in use, every round with its verdict, and what is wrong."""
    _tell(load(f"{_ROOM}:status")(folder), json)


@retrain.command("promote", epilog="Example: matloop retrain promote up --why 'looked at the page'")
def promote(folder: Folder, why: Why = "", who: Who = "", json: Json = False) -> None:
    """Put a challenger that has won into use."""
    _tell(load(f"{_ROOM}:promote")(folder, why=why, who=who), json)


@retrain.command("decline", epilog="Example: matloop retrain decline up --why 'the new labels are doubtful'")
def decline(folder: Folder, why: Why = "", who: Who = "", json: Json = False) -> None:
    """Keep the model in use although a challenger has won."""
    _tell(load(f"{_ROOM}:decline")(folder, why=why, who=who), json)


@retrain.command("rollback", epilog="Example: matloop retrain rollback up --why 'wrong for nitrides'")
def rollback(folder: Folder, why: Why = "", who: Who = "", json: Json = False) -> None:
    """Put the model before this one into use again."""
    _tell(load(f"{_ROOM}:rollback")(folder, why=why, who=who), json)


@retrain.command("replay", epilog="Example: matloop retrain replay up")
def replay(
    folder: Folder,
    train: Annotated[bool, typer.Option("--train", help="Also train every challenger again and compare.")] = False,
    json: Json = False,
) -> None:
    """Make every decision of the log again from what was kept, and compare (exit code 5: one came out otherwise)."""
    found = load("matloop.monitor.retrain.again:replay")(folder, train=train)
    show(found.lines(), found.as_json(), json)
    raise typer.Exit(5 if found.differences else 0)


def _tell(found: Any, json: bool) -> None:
    show(found.lines(), found.as_json(), json)
