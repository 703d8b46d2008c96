"""The commands for databases: `matloop data providers`, `search`, `harvest`, `rebuild`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from matloop.cli.shell import load, show

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
FilterText = Annotated[
    str, typer.Argument(help="A filter of OPTIMADE: 'elements HAS ALL \"Mn\",\"O\"'; '' for all.", metavar="FILTER")
]
Source = Annotated[
    str, typer.Option("--from", help="Databases: mp,oqmd, all, or addresses (lab=https://...).", metavar="NAMES")
]
Known = Annotated[str, typer.Option("--providers", help="Another list of databases: a file, or an address of /links.")]
Rate = Annotated[float, typer.Option("--rate", help="Requests per second and server (0: what suits each).")]
Seconds = Annotated[float, typer.Option("--timeout", help="Seconds that one page may take.")]
Tries = Annotated[int, typer.Option("--tries", help="Tries per page.")]
Megabytes = Annotated[float, typer.Option("--max-mb", help="Megabytes that one answer may have.")]
Local = Annotated[bool, typer.Option("--allow-local", help="Addresses that you name may lie in the local network.")]


def _manners(**given: Any) -> Any:
    return load("matloop.pipeline.harvest:Manners")(**given)


def providers(known: Known = "", allow_local: Local = False, json: Json = False) -> None:
    """List the databases that can be searched and harvested."""
    found = load("matloop.pipeline.harvest:databases")(known, _manners(allow_local=allow_local))
    show(found.lines(), found.known, json)


def search(
    filter_text: FilterText,
    source: Source,
    number: Annotated[int, typer.Option("--limit", "-n", help="Records of each database to show.")] = 5,
    known: Known = "",
    rate: Rate = 0.0,
    seconds: Seconds = 30.0,
    tries: Tries = 2,
    megabytes: Megabytes = 100.0,
    allow_local: Local = False,
    json: Json = False,
) -> None:
    """Count what databases have, and show the first records; nothing is stored (exit 9: one did not answer)."""
    manners = _manners(rate=rate, seconds=seconds, tries=tries, megabytes=megabytes, allow_local=allow_local)
    found = load("matloop.pipeline.harvest:search")(
        filter_text, source=source, show=number, manners=manners, providers=known
    )
    show(found.lines(), found.as_json(), json)
    raise typer.Exit(found.exit_code)


def harvest(
    filter_text: FilterText,
    source: Source,
    out: Annotated[
        str, typer.Option("--out", "-o", help="STORE#DATASET to put it into, or a file that ends in .jsonl.")
    ],
    limit: Annotated[int, typer.Option("--limit", "-n", help="Records of each database, at most (0: all).")] = 0,
    fields: Annotated[
        str, typer.Option("--fields", help="Further fields of the databases, separated by commas, or 'all'.")
    ] = "",
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask for everything again.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Use only answers that are kept.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Take out records of the dataset that the databases do not have.")
    ] = False,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of kept answers (STORE.harvest by default).")
    ] = None,
    known: Known = "",
    rate: Rate = 0.0,
    seconds: Seconds = 60.0,
    tries: Tries = 5,
    megabytes: Megabytes = 100.0,
    allow_local: Local = False,
    message: Annotated[str, typer.Option("--message", "-m", help="Why there is a new version.")] = "",
    author: Annotated[str, typer.Option("--author", help="Who (the user that is logged in by default).")] = "",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Put what databases have into a store; a stopped harvest goes on with the same call (exit 9: partial)."""
    manners = _manners(rate=rate, seconds=seconds, tries=tries, megabytes=megabytes, allow_local=allow_local)
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        done = load("matloop.pipeline.harvest:harvest")(
            filter_text, out, source=source, limit=limit, fields=fields, manners=manners, refresh=refresh,
            offline=offline, whole=whole, cache=cache, providers=known, message=message, author=author,
            progress=progress,
        )  # fmt: skip
    show(done.lines(), done.as_json(), json)
    raise typer.Exit(done.exit_code)


def rebuild(
    place: Annotated[str, typer.Argument(help="STORE#DATASET[@VERSION], harvested.", metavar="ADDRESS")],
    out: Annotated[str, typer.Option("--out", "-o", help="STORE#DATASET to keep it in (only compared).")] = "",
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of kept answers (STORE.harvest by default).")
    ] = None,
    json: Json = False,
) -> None:
    """Make a harvested version again from kept answers, without a network, and compare (exit 3: it differs)."""
    found = load("matloop.pipeline.harvest:rebuild")(place, cache=cache, out=out)
    show(found.lines(), found.as_json(), json)
    raise typer.Exit(found.exit_code)


EXAMPLES: dict[Callable[..., None], str] = {
    providers: "providers",
    search: 'search \'elements HAS ALL "Mn","O" AND nelements=2\' --from mp,oqmd',
    harvest: 'harvest \'elements HAS ALL "Mn","O"\' --from mp,oqmd -o materials.db#oxides',
    rebuild: "rebuild materials.db#oxides@1",
}


def add_to(app: typer.Typer) -> None:
    """Put the commands into `matloop data`."""
    for command, example in EXAMPLES.items():
        app.command(example.partition(" ")[0], epilog=f"Example: matloop data {example}")(command)
