"""`matloop export`: a bundle made small."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from matloop.cli.shell import load, show

EXAMPLE = (
    "Example: matloop export runs/steels/1f3a/bundle -o edge   then: python edge predict candidates.csv -o out.csv"
)


def export(
    bundle: Annotated[Path, typer.Argument(help="The bundle of a run.", metavar="BUNDLE")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; a name that ends in .pyz makes one file.")],
    to: Annotated[
        str, typer.Option("--to", help="numpy: predicts with numpy alone. onnx: the estimator for ONNX Runtime.")
    ] = "numpy",
    table: Annotated[
        str, typer.Option("--table", help="Rows to compare and time with (a sample of training rows by default).")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")
    ] = False,
) -> None:
    """Make a bundle small enough to take along: code, model and tables that need numpy alone, measured and compared."""
    with load("matloop.cli.bar:listener")(quiet=quiet) as progress:
        made: Any = load("matloop.deploy.edge.export:export_bundle")(
            bundle, out, to=to, table=table or None, progress=progress
        )
    show(made.lines(), made.as_json(), json)
    raise typer.Exit(made.exit_code)
