"""`matloop models export`: runs for other trackers of experiments."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show


class Tracker(StrEnum):
    """Trackers of experiments whose form can be written."""

    MLFLOW = "mlflow"


def export(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or folders with runs below.", metavar="RUN...")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file store of MLflow; runs in it stay.")] = Path(
        "mlruns"
    ),
    to: Annotated[Tracker, typer.Option("--to", help="Whose form.")] = Tracker.MLFLOW,
    experiment: Annotated[
        str, typer.Option("--experiment", help="Its name (that of each run's problem by default).")
    ] = "",
    json: Annotated[
        bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")
    ] = False,
) -> None:
    """Write finished runs where MLflow reads them: parameters, scores, folds, data, report and bundle."""
    done = load(f"matloop.deploy.{to.value}:export_runs")(runs, out, experiment=experiment)
    show(done.lines(), done.as_json(), json)


def add_to(models: typer.Typer) -> None:
    """Put the command into `matloop models`."""
    models.command("export", epilog="Example: matloop models export runs/steels --to mlflow -o mlruns")(export)
