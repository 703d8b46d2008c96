"""Predict a table of any size: in chunks, over all cores or a cluster, with flat memory; a stopped one goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.core.progress import SILENT, Progress
from matloop.core.release import release
from matloop.data.inputs import needed
from matloop.data.stream import LINES, PARQUET, TEXTS
from matloop.deploy.answering import Answers
from matloop.deploy.batch.account import account_of
from matloop.deploy.batch.crew import Job, hire
from matloop.deploy.batch.desk import Desk
from matloop.deploy.batch.parcels import Layout
from matloop.deploy.batch.parts import Parts, Plan, is_folder, table_differences
from matloop.deploy.batch.result import Batch
from matloop.deploy.batch.table import Table, is_many, open_table, refuse_commas, refuse_unknown
from matloop.deploy.bundle import Manifest, identity, read_manifest
from matloop.deploy.predict import Predicted, predict_file, prediction_columns

CHUNK = 20_000
"""Rows of a chunk where a row is a formula or numbers; what is lost when a worker is."""
CHUNK_OF_MATTER = 1_000
"""Rows of a chunk with structures or molecules, which cost a hundred times as much."""
LARGE = 16 * 2**20
"""Bytes of a file from which on a table is predicted in chunks without being asked to."""
_SECOND = 1.0  # between two tellings of how far it is


def predict_batch(
    bundle: Path | str,
    table: Path | str,
    out: Path | str,
    *,
    columns: Sequence[str] | None = None,
    workers: int = 0,
    backend: str = "processes",
    anew: bool = False,
    progress: Progress = SILENT,
) -> Batch:
    """Predict every row of a table of any size; the same call goes on with one that was stopped.

    Parameters
    ----------
    bundle : folder. table : Parquet, delimited text or JSON lines; for Parquet also a folder of files or a pattern
        ("parts/*.parquet"), in the order of their names. out : the file to write (.parquet, .csv, .csv.gz, .tsv,
        .jsonl), or a folder for parts of Parquet.
    columns : what is carried over from the table; all by default.
    workers : processes with one thread each; 0 for one per core. The values do not depend on it.
    backend : "processes", or the address of a Dask scheduler ("dask://host:8786"), whose workers need matloop and
        nothing else: bundle and rows are sent to them.
    anew : throw away what another batch has left at `out`.

    Raises
    ------
    ConfigError : an option, or an input that looks at other rows (a window). BundleError, DataError : bundle or table
        cannot be read. RunError : disk full, the parts at `out` are of another batch, or nobody is left to work.
        MissingExtra : dask is not installed.
    """
    began = time.monotonic()
    bundle, out = Path(bundle), Path(out)
    progress.step("load")
    manifest = read_manifest(bundle)
    _refuse_windows(manifest)
    source = open_table(str(table), missing=manifest.missing)
    try:
        inputs = tuple(dict.fromkeys(name for entry in manifest.inputs for name in needed(entry)))
        refuse_unknown(source, inputs, "inputs")
        carried = source.names if columns is None else tuple(dict.fromkeys(columns))
        refuse_unknown(source, carried, "columns")
        if source.n_rows == 0:
            raise DataError(f"{table}: the table has no rows. Choose a table with rows.")
        job = Job(str(bundle), identity(bundle), _layout(source, manifest))
        plan = Plan(job.identity, release(), source.prints(), carried, _size(manifest))
        with Parts(out, plan, anew=anew) as parts:
            before = parts.finished()
            if before is not None:
                return Batch.of(
                    before, out, parts.manifest, time.monotonic() - began, 0, "nobody: it was finished before"
                )
            kept = len(parts.done)
            rows_kept = sum(part.account.rows for part in parts.done.values())
            numbers = [needed(entry)[0] for entry in manifest.inputs if entry.kind == "number"]
            said = _work(source, inputs, numbers, parts, job, backend, workers, progress)
            _refuse_changed(source, plan)
            progress.step("write")
            whole = parts.finish(versions=manifest.versions)
            seconds = time.monotonic() - began
            return Batch.of(whole, out, parts.manifest, seconds, whole.account.rows - rows_kept, said, kept)
    finally:
        source.close()


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of a prediction as a command has them; those that are given ask for a batch.

    columns : names separated by commas. workers, backend, anew : as for `predict_batch`.
    """

    columns: str | None = None
    workers: int | None = None
    backend: str = ""
    anew: bool = False


def predict_table(
    bundle: Path, table: str, out: Path | None, asked: Asked, *, progress: Progress = SILENT
) -> Predicted | Batch:
    """Predict a table as one, or in chunks: where an option asks for it, several files are read, the file is large, or
    the result is a folder.

    Raises
    ------
    ConfigError : options of a batch without a place to write to. Others as `predict_batch` and `predict_file`.
    """
    as_one = not is_many(table) and any(entry.window is not None for entry in read_manifest(bundle).inputs)
    if asked == Asked() and (as_one or not _goes_in_chunks(table, out)):
        return predict_file(bundle, table, out, progress=progress)
    if out is None:
        raise ConfigError("Such a table is predicted in chunks, which are written as they come: give a file or folder "
                          "with -o.")  # fmt: skip
    columns = None if asked.columns is None else [name.strip() for name in asked.columns.split(",") if name.strip()]
    return predict_batch(
        bundle, table, out, columns=columns, workers=asked.workers or 0, backend=asked.backend or "processes",
        anew=asked.anew, progress=progress,
    )  # fmt: skip


def _goes_in_chunks(table: str, out: Path | None) -> bool:
    path = Path(table).expanduser()
    if is_many(table):
        return True
    if out is None or out.suffix.lower() == ".xlsx":
        return False
    return is_folder(out) or (path.is_file() and path.stat().st_size >= LARGE and _is_streamed(path))


def _is_streamed(path: Path) -> bool:
    return any(ending.lstrip(".").lower() in (*PARQUET, *TEXTS, *LINES) for ending in path.suffixes[-2:])


def _work(
    table: Table,
    inputs: Sequence[str],
    numbers: Sequence[str],
    parts: Parts,
    job: Job,
    backend: str,
    workers: int,
    progress: Progress,
) -> str:
    """Answer and write every chunk that is not there yet; returns who worked."""
    size, begun, told, rows = parts.plan.size, time.monotonic(), 0.0, 0
    if table.n_rows is not None and -(-table.n_rows // size) == len(parts.done):
        return "nobody: all parts were there"
    progress.step("start")
    crew = hire(job, backend=backend, workers=workers)
    try:
        desk = Desk(crew)
        progress.step("predict")
        chunks = table.chunks(inputs, parts.plan.carried, size, set(parts.done))
        more = True
        while more or len(desk):
            while more and desk.room():
                chunk = next(chunks, None)
                more = chunk is not None
                if chunk is not None:
                    refuse_commas(table, chunk, numbers)
                    desk.give(chunk)
            if not len(desk):
                break
            chunk, found = desk.take()
            parts.add(chunk, table, _frame(found, parts.plan.carried), account_of(found, chunk.start))
            rows += chunk.n_rows
            if time.monotonic() - told > _SECOND or not more:
                told = time.monotonic()
                progress.tell(*_told(table, parts, rows, told - begun))
    finally:
        crew.close()
    return crew.said


def _told(table: Table, parts: Parts, rows: int, seconds: float) -> tuple[str, float]:
    done = sum(part.account.rows for part in parts.done.values())
    of = f" of {table.n_rows:,}" if table.n_rows else ""
    return (
        f"{done:,}{of} rows, {rows / max(seconds, 1e-9):,.0f}/s",
        done / table.n_rows if table.n_rows else table.done(),
    )


def _frame(found: Answers, carried: Sequence[str]) -> pd.DataFrame:
    columns: dict[str, object] = dict.fromkeys(carried)
    for name, prediction in found.predictions.items():
        taken = dict.fromkeys(columns)  # names alone: what is given there lives until the next round of the collector
        columns |= prediction_columns(name, prediction, taken, every=True)
    return pd.DataFrame({name: values for name, values in columns.items() if name not in carried})


def _size(manifest: Manifest) -> int:
    matter = any(entry.kind in ("structure", "molecule") for entry in manifest.inputs)
    return CHUNK_OF_MATTER if matter else CHUNK


def _layout(table: Table, manifest: Manifest) -> Layout:
    structures = any(entry.kind == "structure" for entry in manifest.inputs)
    return Layout(table.folder if structures else "", table.decimal_comma, manifest.missing)


def _refuse_windows(manifest: Manifest) -> None:
    wrong = [entry.name for entry in manifest.inputs if entry.window is not None]
    if wrong:
        raise ConfigError(
            f"input {wrong[0]!r} looks at the rows before each row, so the table cannot be predicted in chunks. "
            "Predict it as one (at most some hundred thousand rows, without --workers, --backend and --columns)."
        )


def _refuse_changed(table: Table, plan: Plan) -> None:
    changed = list(table_differences(plan.table, table.prints()))
    if changed:
        raise RunError(f"{table.source}: {'; '.join(changed)} while it was read. Run the same command with --anew.")
