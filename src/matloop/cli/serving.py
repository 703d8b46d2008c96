"""The commands of a server: `matloop data serve`, `matloop data serve-key`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]


def serve(
    store: Annotated[str, typer.Argument(help="STORE, STORE#DATASET or STORE#DATASET@VERSION.", metavar="STORE")],
    port: Annotated[int, typer.Option("--port", "-p", help="Port; 0 for any free one.")] = 8000,
    host: Annotated[str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets other machines in.")] = (
        "127.0.0.1"
    ),
    keys: Annotated[
        Path | None, typer.Option("--keys", help="File of keys (matloop data serve-key); then only they may read.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Everybody may read.")] = False,
    writable: Annotated[bool, typer.Option("--writable", help="This machine may write without a key.")] = False,
    private: Annotated[
        bool, typer.Option("--include-private", help="Also show what may not be shared; this machine only.")
    ] = False,
    prefix: Annotated[str, typer.Option("--prefix", help="Prefix of your properties: _PREFIX_band_gap.")] = "matloop",
    name: Annotated[str, typer.Option("--provider", help="Who offers the data.")] = "",
    email: Annotated[str, typer.Option("--contact", help="Address for questions; it is shown.")] = "",
    base_url: Annotated[
        str, typer.Option("--base-url", help="The address from outside, where a server stands before this one.")
    ] = "",
    names: Annotated[list[str] | None, typer.Option("--name", help="Further host name of it (repeat).")] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="What a question may take.")] = 30.0,
    megabytes: Annotated[float, typer.Option("--megabytes", help="Size of one change, at most.")] = 64.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Write no line per request.")] = False,
    json: Json = False,
) -> None:
    """Offer a store to every OPTIMADE client and by REST; only this machine can read, until you say otherwise."""
    running = load("matloop.service.run:prepared")(
        store, host=host, port=port, base_url=base_url, names=names or (), keys=keys, public=public, writable=writable,
        private=private, prefix=prefix, name=name, email=email, seconds=seconds, megabytes=megabytes, quiet=quiet,
    )  # fmt: skip
    show(running.lines(), running.as_json(), json)
    sys.stdout.flush()
    running.run()


def serve_key(
    name: Annotated[str, typer.Argument(help="Whose key it is; stands in the log and with changes.", metavar="NAME")],
    file: Annotated[Path, typer.Option("--keys", help="The file of keys to add it to.")],
    scope: Annotated[
        str, typer.Option("--scope", help="read, write (data), run (ask models) or admin (change what is served).")
    ] = "read",
    until: Annotated[str, typer.Option("--until", help="When it ends: 2027-01-31, or 90d. For ever by default.")] = "",
    rate: Annotated[
        int, typer.Option("--rate", help="Rows per minute that it may ask of models; 0: no own limit.")
    ] = 0,
    json: Json = False,
) -> None:
    """Make a key for a server of your data or models; it is shown once, and only its hash is kept."""
    made = load("matloop.service.run:make_key")(name, scope, file, until=until, rate=rate)
    show(made.lines(), made, json)


def add_to(app: typer.Typer) -> None:
    """Put the commands into `matloop data`."""
    app.command("serve", epilog="Example: matloop data serve materials.db#gaps --port 8000")(serve)
    app.command("serve-key", epilog="Example: matloop data serve-key anna --scope write --keys keys.txt")(serve_key)
