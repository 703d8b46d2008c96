"""The commands of published data sets: `matloop data benchmarks` and `matloop data fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

from matloop.cli.shell import load, show

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]


def benchmarks(
    names: Annotated[list[str] | None, typer.Argument(help="All that is known of these.", metavar="[NAME]...")] = None,
    family: Annotated[str, typer.Option("--family", help="Only matbench, matminer or jarvis.")] = "",
    json: Json = False,
) -> None:
    """List the published data sets that are known by name: rows, target, licence, what to cite, whether cached."""
    found = load("matloop.data.benchmarks.catalogue:catalogue")(tuple(names or ()), family)
    show(found.lines(), {"entries": found.entries, "credit": found.credit}, json)


def fetch(
    name: Annotated[str, typer.Argument(help="Such as matbench:matbench_steels or jarvis:dft_2d.", metavar="NAME")],
    mirror: Annotated[str, typer.Option("--mirror", help="Folder that holds the files; nothing is fetched.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Json = False,
) -> None:
    """Have the file of a published data set here, kept for later, its hash compared with the published one."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        found = load("matloop.data.benchmarks.catalogue:fetch")(name, mirror=mirror, progress=progress)
    show(found.lines(), found, json)


def add_to(app: typer.Typer) -> None:
    """Put the commands into `matloop data`."""
    app.command("benchmarks", epilog="Example: matloop data benchmarks --family matbench")(benchmarks)
    app.command("fetch", epilog="Example: matloop data fetch matbench:matbench_steels --mirror /data/mirror")(fetch)
