"""The command `matloop data references`: formation energies from total energies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show

EXAMPLE = "Example: matloop data references energies.csv --energy 'energy per atom' --measured 'dHf' -o formation.csv"


def references(
    table: Annotated[str, typer.Argument(help="A table of formulas and total energies.", metavar="TABLE")],
    energy: Annotated[str, typer.Option("--energy", "-e", help="Column of total energies per atom.")],
    formula: Annotated[str, typer.Option("--formula", help="Column of formulas (found by itself).")] = "",
    measured: Annotated[
        str, typer.Option("--measured", help="Column of measured formation energies per atom, to fit against.")
    ] = "",
    use: Annotated[
        Path | None, typer.Option("--use", help="CSV of references: element, energy, error (fitted otherwise).")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The table with formation energies (.csv).")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="The references (.csv), for --use elsewhere.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result (or the error) as JSON.")] = False,
) -> None:
    """Formation energies from total energies per atom, by references of the elements that are given or fitted."""
    found = load("matloop.pipeline.references:make_references")(
        table, energy=energy, formula=formula, measured=measured, use=use, out=out, save=save
    )
    show(found.lines(), found.as_json(), json)


def add_to(app: typer.Typer) -> None:
    """Put the command into `matloop data`."""
    app.command("references", epilog=EXAMPLE)(references)
