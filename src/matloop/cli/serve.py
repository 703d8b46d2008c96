"""The command `matloop serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show


def serve(
    bundles: Annotated[
        list[str],
        typer.Argument(help="Bundle folders, NAME=FOLDER, or NAME@champion of a registry.", metavar="BUNDLE..."),
    ],
    port: Annotated[int, typer.Option("--port", "-p", help="Port; 0 for any free one.")] = 8000,
    host: Annotated[str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets other machines in.")] = (
        "127.0.0.1"
    ),
    store: Annotated[str, typer.Option("--store", "-s", help="The store whose registry has NAME@champion.")] = "",
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes that answer.")] = 1,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="File of keys (matloop data serve-key --scope run).")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Everybody may ask.")] = False,
    names: Annotated[list[str] | None, typer.Option("--name", help="Further host name of it (repeat).")] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", help="The address from outside, where a server stands before this one.")
    ] = "",
    log: Annotated[Path | None, typer.Option("--log", help="Folder that keeps what was asked and answered.")] = None,
    certificate: Annotated[Path | None, typer.Option("--tls-cert", help="Certificate (PEM) for HTTPS.")] = None,
    private_key: Annotated[Path | None, typer.Option("--tls-key", help="Its private key (PEM).")] = None,
    rows: Annotated[int, typer.Option("--rows", help="Rows of one request, at most.")] = 20_000,
    megabytes: Annotated[float, typer.Option("--megabytes", help="Size of one request, at most.")] = 16.0,
    seconds: Annotated[float, typer.Option("--seconds", help="What one request may take.")] = 30.0,
    rate: Annotated[int, typer.Option("--rate", help="Rows per minute of a key; 0 for no limit.")] = 0,
    waiting: Annotated[
        int, typer.Option("--waiting", help="Requests that may wait in a worker; more are told to come again.")
    ] = 1_000,
    connections: Annotated[int, typer.Option("--connections", help="Connections of one worker, at most.")] = 4_000,
    watch: Annotated[float, typer.Option("--watch", help="Seconds between looks at the registry; 0 for none.")] = 10.0,
    lines: Annotated[bool, typer.Option("--lines", help="Write a line per request on stderr.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")
    ] = False,
) -> None:
    """Answer with models by HTTP: value, interval, domain, reason; only this machine may ask, until you say so."""
    limits = load("matloop.service.models.settings:Limits")(
        megabytes=megabytes, rows=rows, seconds=seconds, waiting=waiting, connections=connections, rate=rate
    )
    serving = load("matloop.service.models.run:prepared")(
        bundles, store=store, host=host, port=port, workers=workers, keys=keys, public=public, names=names or (),
        base_url=base_url, log=log, certificate=certificate, private_key=private_key, watch=watch, lines=lines,
        limits=limits,
    )  # fmt: skip
    show(serving.lines(), serving.as_json(), json)
    sys.stdout.flush()
    serving.run()


def add_to(app: typer.Typer) -> None:
    """Put the command into `matloop`."""
    app.command("serve", epilog="Example: matloop serve runs/steels/1f3a/bundle --port 8000 --log answers")(serve)
