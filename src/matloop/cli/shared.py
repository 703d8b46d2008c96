"""The command that shares a dataset of a store: `matloop data export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show


def export(
    place: Annotated[
        str, typer.Argument(help="STORE#DATASET[@VERSION][?QUERY], such as materials.db#gaps@3", metavar="ADDRESS")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.", metavar="FOLDER")],
    form: Annotated[
        str, typer.Option("--as", help="csv, parquet, xlsx, jsonl, cif or extxyz (structures).", metavar="FORM")
    ] = "csv",
    creator: Annotated[
        list[str] | None, typer.Option("--creator", help="'Name <ORCID>' (repeat; who made the versions by default).")
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Of the whole (the least strict that is allowed).")] = "",
    unlicensed: Annotated[
        str, typer.Option("--unlicensed", help="Share records without a licence too; the reason is written down.")
    ] = "",
    private: Annotated[
        str, typer.Option("--not-shareable", help="Share what may not be shared too; the reason is written down.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON.")] = False,
) -> None:
    """Write a dataset as a folder to share: data, licence, citation, provenance (RO-Crate), checksums."""
    override = load("matloop.data.share.choose:Override")(unlicensed, private)
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        done = load("matloop.data.share.export:export_dataset")(
            place, out, form=form, creators=creator or (), licence=licence, override=override, progress=progress
        )
    show(done.lines(), done, json)


def add_to(app: typer.Typer) -> None:
    """Put the command into `matloop data`."""
    app.command("export", epilog="Example: matloop data export materials.db#gaps -o gaps --as csv")(export)
