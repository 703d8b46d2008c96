"""The commands of a store: `matloop data add`, `query`, `history`, `diff`, `correct`, `remove`, ..."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show

Json = Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Place = Annotated[
    str, typer.Argument(help="STORE#DATASET[@VERSION]; the store is a file or postgresql://...", metavar="ADDRESS")
]
Why = Annotated[str, typer.Option("--why", help="The reason; it stays with the change.")]
Base = Annotated[
    int | None, typer.Option("--base", help="The version the change was made for; refused if there is a later one.")
]
Author = Annotated[str, typer.Option("--author", help="Who (the user that is logged in by default).")]


def add(
    table: Annotated[
        str, typer.Argument(help="A table, records as JSON lines, or store:STORE#DATASET.", metavar="TABLE")
    ],
    store: Annotated[str, typer.Option("--store", "-s", help="STORE#DATASET to put it into.", metavar="ADDRESS")],
    key: Annotated[str, typer.Option("--key", help="Column that names the record (one called id, if there is).")] = "",
    formula: Annotated[str, typer.Option("--formula", help="Column of formulas (found by itself).")] = "",
    structure: Annotated[str, typer.Option("--structure", help="Column of structures (found by itself).")] = "",
    columns: Annotated[str, typer.Option("--columns", help="Columns to keep, separated by commas (all).")] = "",
    unit: Annotated[list[str] | None, typer.Option("--unit", help="COLUMN=UNIT (repeat for more).")] = None,
    condition: Annotated[
        list[str] | None, typer.Option("--condition", help="Column that says what the others hold for (repeat).")
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", help="Column that says how it was measured (repeat).")
    ] = None,
    files: Annotated[str, typer.Option("--files", help="Files of instruments: 'spectra/{sample}.csv'.")] = "",
    method: Annotated[str, typer.Option("--method", help="Level of theory or experiment, of all numbers.")] = "",
    provider: Annotated[str, typer.Option("--provider", help="Who made the data (mp, icsd, our laboratory).")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Licence of the rows, such as CC-BY-4.0.")] = "",
    citation: Annotated[str, typer.Option("--citation", help="What to cite.")] = "",
    doi: Annotated[str, typer.Option("--doi", help="DOI of that.")] = "",
    private: Annotated[bool, typer.Option("--not-shareable", help="The rows may not be shown or exported.")] = False,
    mode: Annotated[
        str, typer.Option("--mode", help="What to do with keys that are there: add (refuse), replace, update, whole.")
    ] = "add",
    base: Base = None,
    message: Annotated[str, typer.Option("--message", "-m", help="Why there is a new version.")] = "",
    author: Author = "",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Put a table into a store as a new version of a dataset; a kill leaves the version before."""
    reading = load("matloop.pipeline.shelve:reading")(
        key=key, formula=formula, structure=structure, columns=columns, unit=unit or (), condition=condition or (),
        metadata=metadata or (), files=files,
        method=method, provider=provider, licence=licence, citation=citation, doi=doi, shareable=not private,
    )  # fmt: skip
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        done = load("matloop.pipeline.shelve:add_table")(
            table, store, reading, mode=mode, base=base, message=message, author=author, progress=progress
        )
    show(done.lines(), done, json)


def query(
    place: Place,
    formula: Annotated[
        list[str] | None, typer.Option("--formula", help="Composition (repeat for any of them).")
    ] = None,
    system: Annotated[list[str] | None, typer.Option("--system", help="These elements and no others: Fe-O.")] = None,
    has_all: Annotated[str, typer.Option("--has-all", help="Elements that are all in it: Mn,O.")] = "",
    has_any: Annotated[str, typer.Option("--has-any", help="Elements of which one is in it.")] = "",
    has_only: Annotated[str, typer.Option("--has-only", help="Elements beside which there are no others.")] = "",
    has_none: Annotated[str, typer.Option("--has-none", help="Elements that are not in it.")] = "",
    n_elements: Annotated[str, typer.Option("--elements", help="How many elements: 2, 2-4, 3-.")] = "",
    n_sites: Annotated[str, typer.Option("--sites", help="How many sites: 8, 1-20.")] = "",
    anonymous: Annotated[str, typer.Option("--anonymous", help="Formula without elements: AB2.")] = "",
    where: Annotated[list[str] | None, typer.Option("--where", help="'band_gap > 1 eV' (repeat for more).")] = None,
    key: Annotated[list[str] | None, typer.Option("--key", help="Keys of records (repeat for more).")] = None,
    provider: Annotated[str, typer.Option("--provider", help="Provider of the record or of a value.")] = "",
    origin_id: Annotated[str, typer.Option("--id", help="What the provider calls it.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Licence of the record or of a value.")] = "",
    origins: Annotated[bool, typer.Option("--origins", help="Show where each value comes from.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only count them.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", help="Records, at most (20 on the screen).")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write: .jsonl or .parquet.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Find records of a dataset by composition, properties and origin."""
    asked = load("matloop.pipeline.stored:given")(
        formulas=formula, systems=system, has_all=has_all, has_any=has_any, has_only=has_only, has_none=has_none,
        n_elements=n_elements, n_sites=n_sites, anonymous=anonymous, where=where, keys=key, provider=provider,
        origin_id=origin_id, licence=licence,
    )  # fmt: skip
    with load("matloop.cli.bar:listener")(quiet=quiet or out is None) as progress:
        found = load("matloop.pipeline.stored:query_store")(
            place, asked, limit=limit, out=out, origins=origins, count=count, progress=progress
        )
    show(found.lines(), found.value, json)


def history(
    place: Annotated[str, typer.Argument(help="STORE or STORE#DATASET.", metavar="ADDRESS")],
    key: Annotated[str, typer.Option("--key", help="All that happened to this record.")] = "",
    json: Json = False,
) -> None:
    """List the datasets of a store, the versions of a dataset, or what happened to a record."""
    found = load("matloop.pipeline.stored:history")(place, key)
    show(found.lines(), found.value, json)


def diff(
    place: Place,
    old: Annotated[int, typer.Argument(help="A version.", metavar="OLD")],
    new: Annotated[int, typer.Argument(help="Another one (the latest by default).", metavar="NEW")] = 0,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Records of each kind to show.")] = 20,
    json: Json = False,
) -> None:
    """Say what differs between two versions of a dataset, value by value."""
    found = load("matloop.pipeline.stored:diff")(place, old, new, limit=limit)
    show(found.lines(), found.value, json)


def correct(
    place: Place,
    key: Annotated[str, typer.Argument(help="Key of the record.", metavar="KEY")],
    changes: Annotated[list[str], typer.Argument(help="What it should be: band_gap=1.12", metavar="NAME=VALUE...")],
    why: Why,
    method: Annotated[str, typer.Option("--method", help="Which one, where there are several of a name.")] = "",
    base: Base = None,
    author: Author = "",
    json: Json = False,
) -> None:
    """Correct values of a record in a new version; the old value and the reason stay with the new one."""
    found = load("matloop.pipeline.stored:correct")(
        place, key, changes, why=why, method=method, base=base, author=author
    )
    show(found.lines(), found.value, json)


def remove(
    place: Place,
    keys: Annotated[list[str], typer.Argument(help="Keys of records.", metavar="KEY...")],
    why: Why,
    base: Base = None,
    author: Author = "",
    json: Json = False,
) -> None:
    """Take records out of a dataset in a new version; earlier versions keep them."""
    found = load("matloop.pipeline.stored:remove")(place, keys, why=why, base=base, author=author)
    show(found.lines(), found.value, json)


def describe(
    place: Place,
    title: Annotated[str, typer.Option("--title", help="A short title.")] = "",
    about: Annotated[str, typer.Option("--about", help="What it holds.")] = "",
    licence: Annotated[str, typer.Option("--licence", help="Licence of the dataset as a whole.")] = "",
    citation: Annotated[str, typer.Option("--citation", help="What to cite.")] = "",
    json: Json = False,
) -> None:
    """Say what a dataset is: title, licence, citation."""
    found = load("matloop.pipeline.stored:describe")(
        place, title=title, about=about, licence=licence, citation=citation
    )
    show(found.lines(), found.value, json)


def verify(place: Annotated[str, typer.Argument(help="The store.", metavar="STORE")], json: Json = False) -> None:
    """Count and hash everything in a store again (exit 3: something is damaged)."""
    found = load("matloop.pipeline.stored:verify_store")(place)
    show(found.lines(), found.value, json)


def upgrade(place: Annotated[str, typer.Argument(help="The store.", metavar="STORE")], json: Json = False) -> None:
    """Bring a store that an earlier release made up to date; all versions stay."""
    said = load("matloop.data.store.upgrade:upgrade")(place)
    show([said], {"said": said}, json)


EXAMPLES: dict[Callable[..., None], str] = {
    add: "add gaps.csv --store materials.db#gaps --key id --unit gap=eV --method PBE --licence CC-BY-4.0",
    query: "query materials.db#gaps --has-all Mn,O --where 'band_gap > 1 eV' --origins",
    history: "history materials.db#gaps",
    diff: "diff materials.db#gaps 1 2",
    correct: "correct materials.db#gaps mp-149 band_gap=1.12 --why 'digits were swapped'",
    remove: "remove materials.db#gaps mp-149 --why 'not a crystal'",
    describe: "describe materials.db#gaps --title 'Band gaps' --licence CC-BY-4.0",
    verify: "verify materials.db",
    upgrade: "upgrade materials.db",
}


def add_to(app: typer.Typer) -> None:
    """Put the commands into `matloop data`."""
    for command, example in EXAMPLES.items():
        app.command(example.partition(" ")[0], epilog=f"Example: matloop data {example}")(command)
