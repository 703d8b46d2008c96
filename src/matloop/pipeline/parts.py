"""A table that is written in parts beside its final place.

Memory stays flat, no half file ever bears the final name, and a call that was stopped goes on after its last part.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pandas as pd

from matloop.core.errors import RunError
from matloop.core.files import said, write_atomic, write_bytes, write_text
from matloop.core.locks import locked
from matloop.deploy.predict import ending_of, write_frame

CELLS = 4_000_000
"""Cells of a part, and of a row group of the finished file (32 MB of numbers)."""
_EXCEL_ROWS = 1_048_575
_WAYS = {
    ".csv": "FORMAT csv, HEADER", ".csv.gz": "FORMAT csv, HEADER, COMPRESSION gzip",
    ".tsv": "FORMAT csv, HEADER, DELIMITER '\t'", ".jsonl": "FORMAT json", ".parquet": "FORMAT parquet",
}  # fmt: skip


class Parts:
    """The parts of one table, kept in the hidden folder `.NAME.parts` beside it.

    Parameters
    ----------
    out : the final file; its ending says how it is written. plan : what the table is made of; parts that were made by
        another plan are thrown away. threads : of the last step.

    Raises
    ------
    RunError : another process is writing the same table; the folder cannot be written.
    """

    def __init__(self, out: Path, plan: str, *, threads: int = 1) -> None:
        self.out, self.ending, self.threads = out, ending_of(out), threads
        self.folder = out.absolute().with_name(f".{out.name}.parts")
        self._plan = plan
        self._held = ExitStack()
        self.rows = 0
        self._n = 0

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self._held.enter_context((self.folder / "lock").open("ab"))
        except OSError as error:
            raise RunError(said(self.folder, error)) from error
        busy = f"{self.out} is being written by another process. Wait for it, or choose another file with -o."
        self._held.enter_context(locked(lock, patience=0.0, busy=busy))
        plan = self.folder / "plan.txt"
        if not plan.is_file() or plan.read_text("utf-8") != self._plan:
            for path in [plan, *self.folder.glob("*.parquet"), *self.folder.glob("*.json")]:
                path.unlink(missing_ok=True)
            write_text(plan, self._plan)
        for marker in iter(lambda: self._marker(self._n), None):
            if not marker.is_file() or not marker.with_suffix(".parquet").is_file():
                break
            self.rows += json.loads(marker.read_text("utf-8"))["rows"]
            self._n += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def add(self, frame: pd.DataFrame, reasons: Sequence[Sequence[Any]]) -> None:
        """Write the next rows, and what is to be said of them; an entry may be longer than the side table is wide."""
        marker = self._marker(self._n)
        unfinished = self.folder / "unfinished"
        # without a sample of its values every column of objects is text, also where all are missing
        with duckdb.connect(config={"threads": 1, "pandas_analyze_sample": 0}) as connection:
            connection.register("frame", frame)
            _copied(connection, "frame", unfinished, "FORMAT parquet")
        unfinished.replace(marker.with_suffix(".parquet"))
        write_bytes(marker, json.dumps({"rows": len(frame), "reasons": list(reasons)}).encode())
        self.rows += len(frame)
        self._n += 1

    def finish(self, *, header: Sequence[str], side: Path, texts: Sequence[str] = ()) -> None:
        """Put the parts together into the final file, and the reasons into `side`; then the parts are removed.

        texts : columns of text that become numbers if all their values are, where the format of the file has numbers.
        """
        write_atomic(side, lambda stream: self._write_side(io.TextIOWrapper(stream, "utf-8", newline=""), header))
        self._join(() if self.ending.startswith((".csv", ".tsv")) else texts)
        self._held.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def reasons(self) -> Iterator[list[Any]]:
        """What was said of rows so far."""
        for number in range(self._n):
            yield from json.loads(self._marker(number).read_text("utf-8"))["reasons"]

    def _marker(self, number: int) -> Path:
        """It is written after its part: a part without it does not count."""
        return self.folder / f"{number:06d}.json"

    def _files(self) -> list[str]:
        return [str(self._marker(number).with_suffix(".parquet")) for number in range(self._n)]

    def _write_side(self, stream: io.TextIOWrapper, header: Sequence[str]) -> None:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(header)
        table.writerows(entry[: len(header)] for entry in self.reasons())
        stream.flush()
        stream.detach()

    def _join(self, texts: Sequence[str]) -> None:
        ending = ".parquet" if self.ending == ".xlsx" else self.ending
        whole = self.folder / f"whole{ending}"
        settings = {"threads": self.threads, "preserve_insertion_order": True,
                    "temp_directory": str(self.folder / "spill")}  # fmt: skip
        with duckdb.connect(config=settings) as connection:
            parts = connection.read_parquet(self._files())
            types = {name: _number_type(parts, name) for name in texts}
            shown = [f"TRY_CAST(trim({_quoted(n)}) AS {types[n]}) AS {_quoted(n)}" if types.get(n) else _quoted(n)
                     for n in parts.columns]  # fmt: skip
            rows = max(CELLS // max(len(shown), 1), 2048)
            # without a limit the buffers of DuckDB grow with the number of parts
            megabytes = max(256, 6 * self.threads * rows * len(shown) * 8 // 10**6)
            connection.execute(f"SET memory_limit = '{megabytes}MB'")
            way = _WAYS[ending] + (f", ROW_GROUP_SIZE {rows}" if ending == ".parquet" else "")
            parts.create_view("parts")
            _copied(connection, f"(SELECT {', '.join(shown)} FROM parts)", whole, way)
        if self.ending == ".xlsx":
            self._write_workbook(whole)
            return
        try:
            whole.replace(self.out)
        except OSError as error:
            raise RunError(said(self.out, error)) from error

    def _write_workbook(self, whole: Path) -> None:
        if self.rows > _EXCEL_ROWS:
            raise RunError(f"{self.out}: an Excel sheet has {_EXCEL_ROWS:,} rows at most; write .parquet or .csv.")
        with duckdb.connect() as connection:
            write_frame(self.out, connection.read_parquet(str(whole)).df())


def _copied(connection: duckdb.DuckDBPyConnection, what: str, path: Path, way: str) -> None:
    try:
        connection.execute(f"COPY {what} TO '{str(path).replace(chr(39), chr(39) * 2)}' ({way})")
    except duckdb.Error as error:
        raise RunError(f"{path.parent}: cannot be written ({str(error).splitlines()[0]}). Free some space.") from error


def _number_type(parts: duckdb.DuckDBPyRelation, name: str) -> str:
    """BIGINT or DOUBLE if every value of a text column is such a number and none a code such as "007"; else ""."""
    column = f"trim({_quoted(name)})"
    odd = f"regexp_matches({column}, '^[+-]?0[0-9]') OR regexp_matches(lower({column}), '[a-df-z]')"
    counts = ", ".join(f"count(*) FILTER (WHERE {odd} OR TRY_CAST({column} AS {kind}) IS NULL)"
                       for kind in ("DOUBLE", "BIGINT"))  # fmt: skip
    points = f"count(*) FILTER (WHERE regexp_matches({column}, '[.eE]'))"
    (found,) = parts.filter(f"{column} <> ''").aggregate(f"count(*), {counts}, {points}").fetchall()
    if not found[0] or found[1]:
        return ""
    return "DOUBLE" if found[2] or found[3] else "BIGINT"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
