"""Features of one column of compositions, molecules or structures, as a table of their own, of any length."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matloop.core.errors import ConfigError, DataError
from matloop.core.progress import SILENT, Progress
from matloop.data.crystals import contents
from matloop.data.layout import ID_COLUMN, STRUCTURE_COLUMN
from matloop.data.stream import Stream, stream
from matloop.data.table import RawTable, no_column, provenance
from matloop.deploy.predict import ending_of
from matloop.pipeline.columns import look
from matloop.pipeline.parts import CELLS, Parts
from matloop.problem.fault import did_you_mean
from matloop.problem.question import InputKind, Source
from matloop.represent import FEW_MOLECULES
from matloop.represent.auto import AUTO, chosen
from matloop.represent.cache import Cache, code_version
from matloop.represent.engine import Described, Describer, Reason
from matloop.represent.spec import made

KINDS: tuple[InputKind, ...] = ("composition", "molecule", "structure")
USUAL_COLUMNS = ("formula", "composition", STRUCTURE_COLUMN, "smiles", "SMILES", "cif")
"""What the column is called where nobody says so."""
REASON = "reason"
SIDE = ("row", "featurizers", "reason")
MOST_SHOWN = 1000
"""Rows with a reason that the result itself lists; the side table lists all."""


@dataclass(frozen=True, slots=True)
class Made:
    """Features that were written: where, how many, and the rows that could not be (fully) described.

    kind : what the column was taken for. sets : featurizers, as text. why : why these, where "auto" chose them.
    n_reasons : rows with a reason. reasons : {1-based data row: why}, of the first thousand such rows.
    """

    out: str
    side: str
    n_rows: int
    n_features: int
    kind: InputKind
    sets: tuple[str, ...]
    why: str
    n_reasons: int
    reasons: Mapping[int, str]

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        yield f"{self.n_rows:,} rows, {self.n_features} features of a {self.kind}: {', '.join(self.sets)}"
        if self.why:
            yield f"  {AUTO}: {self.why}"
        yield from (f"  row {row}: {why}" for row, why in list(self.reasons.items())[:10])
        if self.n_reasons > 10:
            yield f"  and {self.n_reasons - 10:,} more rows with a reason, in {self.side}"
        yield f"written to {self.out}"


@dataclass(frozen=True, slots=True)
class Work:
    """How rows are described: processes (0: one per core), bounds of a row, and whether features are kept on disk."""

    workers: int = 1
    seconds_per_row: float | None = None
    memory_gb: float | None = None
    cache: bool = True


def make_features(
    table: str,
    *,
    sets: Sequence[str],
    out: Path,
    column: str = "",
    keep: Sequence[str] = (),
    kind: str = "",
    work: Work | None = None,
    progress: Progress = SILENT,
) -> Made:
    """Describe a column of a table of any length and write the result.

    The order of rows is kept; a row that cannot be described has empty cells and its reason in the last column; the
    side table `OUT.reasons.csv` lists row, featurizers and reason. Where the call is stopped, the same call goes on.

    Parameters
    ----------
    table : a path (also of a folder of structure files), or the name of a data set that matloop carries.
    sets : featurizers as text (`represent.spec`), or "auto".
    out : the file to write; its ending says how.
    column : compositions, SMILES, or structures: the text of files, or names of files beside the table. Without it, the
        first of `USUAL_COLUMNS` that there is.
    keep : further columns to carry over.
    kind : what the column holds; without it, what the featurizers describe, else what it looks like.

    Raises
    ------
    ConfigError : no such featurizer, option or kind, or an ending that is not known. DataError : no such table or
    column. RunError : `out` cannot be written.
    """
    work, source = work or Work(), stream(Source(table))
    ending_of(out)
    _refuse_same(out, table)
    for one in sets:
        if one != AUTO:
            made(one)
    column = column or column_of(source)
    keep = (ID_COLUMN, *keep) if source.names == (ID_COLUMN, STRUCTURE_COLUMN) else keep
    kept = [name for name in dict.fromkeys(keep) if name != column]
    told = kind_of_column(kind, sets, source, column)
    named, why = chosen(sets, told, rows_of(source, column) if told == "molecule" else None)
    side = out.with_name(f"{out.name.removesuffix(ending_of(out))}.reasons.csv")
    with Describer(
        named, kind=told, workers=work.workers, seconds_per_row=work.seconds_per_row, memory_gb=work.memory_gb,
        cache=Cache() if work.cache else None,
    ) as describer:  # fmt: skip
        columns = _columns(describer, column, kept)
        plan = json.dumps([source.hash, column, kept, told, describer.texts, code_version(), work.seconds_per_row,
                           work.memory_gb, ending_of(out)])  # fmt: skip
        with Parts(out, plan, threads=max(work.workers, 1)) as parts:
            _fill(parts, describer, source, column, kept, columns, progress)
            progress.tell("putting the parts together", 1.0)
            found = _first_reasons(parts)
            parts.finish(header=SIDE, side=side, texts=columns[1 : 1 + len(kept)])
        return Made(str(out), str(side), parts.rows, len(describer.names), told, describer.texts, why, *found)


def _fill(
    parts: Parts, describer: Describer, source: Stream, column: str, kept: Sequence[str], columns: Sequence[str],
    progress: Progress,
) -> None:  # fmt: skip
    size, most = describer.rows_at_once, max(CELLS // len(columns), describer.rows_at_once)
    tables: list[dict[str, list[Any]]] = []
    faults: list[dict[int, str]] = []

    def texts() -> Iterator[list[str]]:
        for cells in _from(source.chunks((column, *kept), size), parts.rows, size):
            rows, fault = texts_of(cells[column], describer.kind, source.folder)
            tables.append(cells)
            faults.append(fault)
            yield rows

    blocks: list[_Block] = []
    for block in describer.blocks(texts()):
        blocks.append(_Block(tables.pop(0), block, faults.pop(0)))
        rows = sum(len(one.described.X) for one in blocks)
        progress.tell(f"{parts.rows + rows:,} rows", source.done)
        if rows >= most:
            _write(parts, blocks, columns, column, kept)
            blocks = []
    if blocks or not parts.rows:
        _write(parts, blocks, columns, column, kept)


@dataclass(frozen=True, slots=True)
class _Block:
    """A chunk: the cells that are carried over, the features, and rows whose file could not be opened."""

    cells: Mapping[str, list[Any]]
    described: Described
    faults: Mapping[int, str]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        others = [one for one in self.described.reasons if one.row not in self.faults]
        return tuple(sorted([*others, *(Reason(row, (), why) for row, why in self.faults.items())], key=_row))

    @property
    def sentences(self) -> list[str | None]:
        found = Described(self.described.X, (), (), self.reasons).by_row
        return [found.get(row) for row in range(len(self.described.X))]


def _row(reason: Reason) -> int:
    return reason.row


def _write(parts: Parts, blocks: Sequence[_Block], columns: Sequence[str], column: str, kept: Sequence[str]) -> None:
    """The blocks as the next part."""
    width, n = len(columns) - len(kept) - 2, 1 + len(kept)
    X = np.concatenate([np.empty((0, width)), *(block.described.X for block in blocks)])
    carried = {
        called: _texts_of([value for block in blocks for value in block.cells[name]])
        for called, name in zip(columns[:n], (column, *kept), strict=True)
    }
    said = {columns[-1]: _texts_of([text for block in blocks for text in block.sentences])}
    frame = pd.concat([pd.DataFrame(carried), pd.DataFrame(X, columns=list(columns[n:-1])), pd.DataFrame(said)], axis=1)
    at, reasons = parts.rows, []
    for block in blocks:
        reasons += [[at + one.row + 1, ", ".join(one.featurizers), one.why, one.sentence] for one in block.reasons]
        at += len(block.described.X)
    parts.add(frame, reasons)


def _texts_of(values: Sequence[Any]) -> pd.Series:
    """Values as text; the texts of whole files are not repeated."""
    texts = [None if value is None else str(value) for value in values]
    shown = [text if text is not None and "\n" not in text else None for text in texts]
    return pd.Series(shown, dtype=object)


def _from(chunks: Iterable[dict[str, list[Any]]], start: int, size: int) -> Iterator[dict[str, list[Any]]]:
    """The chunks from row `start` on."""
    at = 0
    for cells in chunks:
        rows = len(next(iter(cells.values())))
        skip = min(max(start - at, 0), rows)
        at += rows
        if skip < rows:
            yield {name: values[skip:] for name, values in cells.items()} if skip else cells


def texts_of(values: Sequence[Any], kind: InputKind, folder: str) -> tuple[list[str], dict[int, str]]:
    """Values as the text to describe, files opened; {row: why there is none}."""
    texts = ["" if value is None else value if isinstance(value, str) else str(value) for value in values]
    if kind != "structure":
        return texts, {}
    found, faults = contents(texts, {""}, folder)
    return ["" if row in faults else text for row, text in enumerate(found)], faults


def _columns(describer: Describer, column: str, kept: Sequence[str]) -> tuple[str, ...]:
    """Names in the table that is written; what is carried over gives way where a feature is called the same."""
    features = set(describer.names)
    carried: list[str] = []
    for name in (column, *kept, REASON):
        while name in features or name in carried:
            name += "'"
        carried.append(name)
    return (*carried[:-1], *describer.names, carried[-1])


def column_of(source: Stream) -> str:
    """The column to describe where nobody says which.

    Raises
    ------
    DataError : there are several, and none of the usual ones.
    """
    found = [name for name in USUAL_COLUMNS if name in source.names]
    if not found and len(source.names) > 1:
        raise DataError(
            f"{source.source}: which column is to be described? Name it with --column. The columns are: "
            f"{', '.join(source.names[:20])}."
        )
    return found[0] if found else source.names[0]


def kind_of_column(kind: str, sets: Sequence[str], source: Stream, column: str) -> InputKind:
    """What the column holds: as told, as the featurizers need it, as it looks."""
    for known in KINDS:
        if kind == known:
            return known
    if kind:
        raise ConfigError(f"there is no kind {kind!r}. {did_you_mean(kind, KINDS)}")
    of_sets = {getattr(made(one), "kind", "composition") for one in sets if one != AUTO}
    for known in KINDS[1:]:
        if known in of_sets:
            return known
    if column not in source.names:
        raise DataError(f"{source.source}: {no_column(column, source.names)}")
    none: dict[str, list[Any]] = {column: []}
    first = next(source.chunks((column,), FEW_MOLECULES), none)[column]
    columns = {column: np.array([*first, None], dtype=object)[:-1]}
    seen = look(RawTable(columns, provenance(source.source, "", columns)))[0].kind if first else "composition"
    return next((known for known in KINDS if known == seen), "composition")


def rows_of(source: Stream, column: str) -> int:
    """Rows, up to as many as matter for the choice of featurizers."""
    return len(next(source.chunks((column,), FEW_MOLECULES), {column: []})[column])


def _first_reasons(parts: Parts) -> tuple[int, dict[int, str]]:
    """How many rows have a reason, and those of the first ones."""
    found: dict[int, list[str]] = {}
    rows, last = 0, 0
    for row, _, _, sentence in parts.reasons():
        rows, last = rows + (row != last), row
        if len(found) < MOST_SHOWN or row in found:
            found.setdefault(row, []).append(sentence)
    return rows, {row: "; ".join(whys) for row, whys in found.items()}


def _refuse_same(out: Path, table: str) -> None:
    if Path(table).exists() and out.exists() and out.samefile(table):
        raise ConfigError(f"{out} is the table itself. Name another file to write.")


def kept_features(*, clear: bool = False) -> Kept:
    """What is in the cache of features; with `clear` it is emptied first."""
    cache = Cache()
    removed = cache.clear() if clear else 0
    cards = cache.cards()
    return Kept(str(cache.folder), cache.limit_gb, removed, tuple((c.featurizer, c.rows, c.megabytes) for c in cards))


@dataclass(frozen=True, slots=True)
class Kept:
    """The cache: its folder, its limit, how many files were removed, and (featurizer, rows, MB) of what is in it."""

    folder: str
    limit_gb: float
    removed: int
    shelves: tuple[tuple[str, int, float], ...]

    def lines(self) -> Iterable[str]:
        """The same for a person."""
        total = sum(megabytes for _, _, megabytes in self.shelves)
        yield f"{self.folder}: {total:,.1f} MB of at most {self.limit_gb * 1000:,.0f} MB"
        if self.removed:
            yield f"  {self.removed} files removed"
        yield from (f"  {rows:>9,} rows {megabytes:>8,.1f} MB  {name}" for name, rows, megabytes in self.shelves)
