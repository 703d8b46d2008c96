"""The command `matloop monitor`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from matloop.cli.shell import load, show

ALARM = 10
"""Exit code where something is an alarm; errors have smaller ones."""


def monitor(
    log: Annotated[Path, typer.Argument(help="Folder of the prediction log (matloop serve --log).", metavar="LOG")],
    bundle: Annotated[
        str, typer.Option("--bundle", "-b", help="The bundle that answered, or NAME@champion.", metavar="BUNDLE")
    ],
    store: Annotated[str, typer.Option("--store", "-s", help="The store whose registry has NAME@champion.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write a page.", metavar="PAGE.html")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", "-l", help="Table of measured values; told once, kept with the log.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Window: 7d, 36h, or a date; all by default.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="End of the window.")] = None,
    alert: Annotated[
        list[str] | None,
        typer.Option("--alert", help="log=FILE, webhook=https://..., mail=FOLDER[,to=NAME@HOST] (repeat for more)."),
    ] = None,
    least: Annotated[str, typer.Option("--alert-from", help="Tell from this severity on: warning or alarm.")] = "alarm",
    private: Annotated[
        bool, typer.Option("--private-webhook", help="A webhook may be on this machine or in its network.")
    ] = False,
    every: Annotated[str, typer.Option("--every", help="Look again and again: 15m, 1d; Ctrl-C ends it.")] = "",
    alpha: Annotated[float, typer.Option("--alpha", help="False alarms, at most, however often one looks.")] = 0.05,
    detector: Annotated[
        str, typer.Option("--detector", help="For errors: betting, page_hinkley or adwin.")
    ] = "betting",
    clean: Annotated[str, typer.Option("--clean", help="First remove answers older than this: 90d.")] = "",
    json: Annotated[
        bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")
    ] = False,
) -> None:
    """Can a model in use still be trusted: drift, errors and coverage as values are measured, failures, latency.

    Ends with 0 where nothing is an alarm, with 10 where something is.
    """
    room = "matloop.monitor.watch"
    whom = load("matloop.monitor.alerts:parse_alerts")(alert or (), from_=least, private=private)
    removed = load("matloop.monitor.log:PredictionLog")(log).clean(clean).lines() if clean else []
    watched_bundle = load("matloop.monitor.meant:follow")(bundle, store=store)
    options: dict[str, Any] = {
        "bundle": watched_bundle, "since": since, "until": until, "labels": labels, "alerts": whom, "alpha": alpha,
        "detector": detector,
    }  # fmt: skip
    if not every:
        raise typer.Exit(_shown(load(f"{room}:monitor")(log, **options), out, removed, json))
    seconds = load("matloop.monitor.reading:span")(every)
    for watched in load(f"{room}:watching")(seconds, log, **options):
        _shown(watched, out, removed, json)
        removed = []
        sys.stdout.flush()


def _shown(watched: Any, out: Path | None, removed: list[str], json: bool) -> int:
    lines = [*removed, *watched.lines()]
    if out is not None and hasattr(watched, "trust"):  # else it waits for the first answer
        load("matloop.monitor.pages.page:write_page")(watched, out)
        lines.append(f"page: {out}")
    show(lines, watched.as_json(), json)
    return ALARM if watched.alarm else 0


def add_to(app: typer.Typer) -> None:
    """Put the command into `matloop`."""
    app.command("monitor", epilog="Example: matloop monitor answers -b runs/steels/1f3a/bundle -o page.html")(monitor)
