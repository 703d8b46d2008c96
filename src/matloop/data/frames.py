"""Files of one or many structures: XYZ with frames, CIF with blocks, POSCAR. A row each, read as it is needed."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matloop.core.errors import DataError
from matloop.data.layout import ID_COLUMN, STRUCTURE_COLUMN
from matloop.data.opened import UNREADABLE, Opened
from matloop.data.table import named
from matloop.data.unpack import unpacked
from matloop.matter.formats.part import LONGEST_TEXT, MOST_SITES
from matloop.matter.formats.xyz import comment_values
from matloop.problem.question import Source

_LONGEST_LINE = 1_000_000
_COUNT = re.compile(r"\s*\d{1,9}\s*")


def open_xyz(path: Path, source: Source) -> Opened:
    """An XYZ or extended XYZ file: a row per frame.

    Columns: "structure" (the text of the frame; forces and other columns of atoms are its site values), and one per
    key of the comment lines that holds a number or a word (energy, config_type, ...); keys of several numbers (stress,
    dipole) stay in the structure. A frame that is cut off is a row with that reason.

    Raises
    ------
    DataError : there is no frame, or the file is damaged.
    """
    keys: dict[str, None] = {}
    n_rows = 0
    for text in _frames(path, source):
        n_rows += 1
        if not text.startswith(UNREADABLE):
            keys |= dict.fromkeys(comment_values(text.split("\n", 2)[1]))
    own = STRUCTURE_COLUMN if STRUCTURE_COLUMN not in keys else "structure of the frame"
    names, notes = named([own, *keys], source.source)

    def read() -> Iterator[list[Any]]:
        for text in _frames(path, source):
            values = {} if text.startswith(UNREADABLE) else comment_values(text.split("\n", 2)[1])
            yield [text, *(values.get(key) for key in keys)]

    return Opened(names, n_rows, read, notes=notes)


def _frames(path: Path, source: Source) -> Iterator[str]:
    """The text of each frame, or why it is none; after a line that is no number of atoms nothing can be told apart."""
    lines = _lines(path, source)
    for number, line in lines:
        if not line.strip():
            continue
        if not _COUNT.fullmatch(line):
            yield f"{UNREADABLE}line {number}: a number of atoms is needed, found {line.strip()[:40]!r}"
            return
        count = int(line)
        if not 0 < count <= MOST_SITES:
            yield f"{UNREADABLE}line {number}: {count:,} atoms; 1 to {MOST_SITES:,} are read"
            return
        frame = [line.strip(), *(one for _, (_, one) in zip(range(count + 1), lines, strict=False))]
        if len(frame) < count + 2:
            there = max(len(frame) - 2, 0)
            yield (
                f"{UNREADABLE}line {number}: {count} atoms are announced, lines of {there} are there: the file is "
                "truncated"
            )
            return
        yield "\n".join(frame)


def open_cif(path: Path, source: Source) -> Opened:
    """A CIF file: a row per block that holds a structure, called by the name of the block.

    Raises
    ------
    DataError : the file is damaged.
    """
    n_rows, others = 0, 0
    for _, text in _blocks(path, source):
        n_rows += _has_atoms(text)
        others += not _has_atoms(text)
    every = n_rows == 0  # then the rows say what is wrong

    def read() -> Iterator[list[Any]]:
        for name, text in _blocks(path, source):
            if every or _has_atoms(text):
                yield [name, text]

    notes = (f"{others} blocks without atoms left out",) if others and not every else ()
    return Opened((ID_COLUMN, STRUCTURE_COLUMN), others if every else n_rows, read, notes=notes)


def _has_atoms(text: str) -> bool:
    lower = text.lower()
    return text.startswith(UNREADABLE) or ("_atom_site_fract_x" in lower and "_cell_length_a" in lower)


def _blocks(path: Path, source: Source) -> Iterator[tuple[str, str]]:
    """Name and text of each block; "data_" within a text field (between lines that begin with ";") begins none."""
    block: list[str] = []
    length, within = 0, False
    for _, line in _lines(path, source):
        within ^= line.startswith(";")
        if not within and line[:5].lower() == "data_":
            yield from _block(block, length)
            block, length = [], 0
        length += len(line) + 1
        if length <= LONGEST_TEXT:
            block.append(line)
    yield from _block(block, length)


def _block(lines: list[str], length: int) -> Iterator[tuple[str, str]]:
    if not any(line.strip() and not line.startswith("#") for line in lines):
        return
    name = lines[0][5:].strip() if lines[0][:5].lower() == "data_" else ""
    too_long = f"{UNREADABLE}the block has {length:,} characters; up to {LONGEST_TEXT:,} are read"
    yield name[:200], "\n".join(lines) + "\n" if length <= LONGEST_TEXT else too_long


def open_poscar(path: Path, source: Source) -> Opened:
    """A POSCAR file: one row, called by the file.

    Raises
    ------
    DataError : the file is damaged.
    """

    def read() -> Iterator[list[Any]]:
        lines = []
        for number, line in _lines(path, source):
            lines.append(line)
            if number > MOST_SITES * 3:
                raise DataError(f"{source.source}: more than {MOST_SITES * 3:,} lines are no POSCAR.")
        yield [path.name, "\n".join(lines) + "\n"]

    return Opened((ID_COLUMN, STRUCTURE_COLUMN), 1, read)


def _lines(path: Path, source: Source) -> Iterator[tuple[int, str]]:
    """The lines of a text file, also gzip, without their ends, counted from 1.

    Raises
    ------
    DataError : the gzip file is damaged, or a line is so long that this is no text.
    """
    try:
        with path.open("rb") as raw, unpacked(raw, source.source) as content:
            text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="replace")
            for number, line in enumerate(_bounded(text.readline, source), start=1):
                yield number, line.rstrip("\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{source.source}: the gzip file is damaged ({error}). Copy or download it again.") from error
    except OSError as error:
        raise DataError(f"{source.source}: cannot be read ({error.strerror}). Check its permissions.") from error


def _bounded(readline: Callable[[int], str], source: Source) -> Iterator[str]:
    while line := readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise DataError(f"{source.source}: a line has {_LONGEST_LINE:,} or more characters: this is no such file.")
        yield line
