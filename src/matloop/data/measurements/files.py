"""Files of instruments beside the rows of a table: found by a pattern, hashed, missing and left-over ones listed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from matloop.core.errors import DataError, all_faults
from matloop.core.files import sha256
from matloop.data.table import RawTable, no_column
from matloop.data.words import texts

_HOLE = re.compile(r"\{([^{}]*)\}")
_MOST_ORPHANS = 100_000
SHOWN = 10


@dataclass(frozen=True, slots=True)
class InstrumentFile:
    """One file: path from the folder of the table, bytes, SHA-256, and the 1-based rows it belongs to."""

    path: str
    size: int
    sha256: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Attached:
    """Files of rows. paths : one per row, "" where there is none. missing : (1-based row, path that is not there).

    orphans : files of the pattern that no row names. blank : 1-based rows with nothing in a column of the pattern.
    """

    paths: tuple[str, ...]
    files: tuple[InstrumentFile, ...]
    missing: tuple[tuple[int, str], ...]
    orphans: tuple[str, ...]
    blank: tuple[int, ...]

    def lines(self) -> list[str]:
        """For the screen and the notes of a run."""
        size = sum(one.size for one in self.files)
        said = [f"files of instruments: {len(self.files):,} ({size / 1e6:.1f} MB) beside {self._n():,} rows"]
        if self.missing:
            shown = ", ".join(f"row {row}: {path}" for row, path in self.missing[:SHOWN])
            said.append(f"files that are not there: {len(self.missing):,} ({shown}{_more(self.missing)})")
        if self.orphans:
            shown = ", ".join(self.orphans[:SHOWN])
            said.append(f"files that belong to no row: {len(self.orphans):,} ({shown}{_more(self.orphans)})")
        if self.blank:
            said.append(f"rows that name no file: {len(self.blank):,}")
        return said

    def _n(self) -> int:
        return sum(bool(path) for path in self.paths)


def _more(some: Sequence[object]) -> str:
    return ", ..." if len(some) > SHOWN else ""


def attach(raw: RawTable, pattern: str, *, base: Path | None = None) -> Attached:
    """The files that rows name: "spectra/{sample}.csv", where {sample} is what stands in the column "sample"; "*" and
    "?" stand for any signs ("{sample}_*.xy"), and {sample}.* for any ending.

    Parameters
    ----------
    base : the folder that paths start from; that of the table by default.

    Raises
    ------
    DataError : a column of the pattern does not exist; a path leads out of the folder, also by a link; a pattern with
        "*" fits several files of one row; each names the row.
    """
    home = Path(raw.folder or ".") if base is None else base
    if pattern.startswith(("/", "~")) or ".." in PurePosixPath(pattern.replace("\\", "/")).parts:
        raise DataError(f"{pattern!r} leads out of the folder {home}. Files lie beside the table or below it.")
    columns = {name: texts(raw.column(name)) for name in _columns(raw, pattern)}
    # one walk through the folders: a row is then looked up, not searched for
    there = _files(home, pattern)
    paths: list[str] = []
    missing, blank, faults = [], [], []
    found: dict[str, list[int]] = {}
    for row in range(len(raw)):
        values = {name: str(column[row]) for name, column in columns.items()}
        if not all(values.values()):
            blank.append(row + 1)
            paths.append("")
            continue
        wanted = _filled(pattern, values)
        plain = _filled(pattern, {name: _literal(value) for name, value in values.items()})
        fault, path = _path(home, wanted, plain, there)
        if fault:
            faults.append(f"{raw.where(row + 1)}: {fault}")
        elif path:
            found.setdefault(path, []).append(row + 1)
        else:
            missing.append((row + 1, wanted))
        paths.append(path)
    if faults:
        raise DataError(all_faults(f"{raw.provenance.source}: files of instruments ({pattern}):", faults))
    files = tuple(InstrumentFile(path, (home / path).stat().st_size, sha256(home / path), tuple(rows))
                  for path, rows in sorted(found.items()))  # fmt: skip
    orphans = tuple(sorted(set(there) - set(found)))
    return Attached(tuple(paths), files, tuple(missing), orphans, tuple(blank))


def columns_in(pattern: str) -> list[str]:
    """The columns that a pattern names, each once.

    Examples
    --------
    >>> columns_in("{batch}/{sample}_{batch}.xy")
    ['batch', 'sample']
    """
    return list(dict.fromkeys(_HOLE.findall(pattern)))


def _columns(raw: RawTable, pattern: str) -> list[str]:
    names = columns_in(pattern)
    for name in names:
        if name not in raw.columns:
            raise DataError(f"{raw.provenance.source}: [measurements] files: {no_column(name, raw.names)}")
    return names


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: values[hole[1]], pattern)


def _literal(text: str) -> str:
    """A value in a pattern: its own stars are no wild cards."""
    return re.sub(r"([*?\[\]])", r"[\1]", text)


def _files(home: Path, pattern: str) -> dict[str, bool]:
    """Files that a pattern with any values may mean, by path from the folder; True where a link leads out of it."""
    wild = re.sub(r"\*\*+", "*", _HOLE.sub("*", pattern))
    root = home.resolve()
    found: dict[str, bool] = {}
    for path in home.glob(wild) if home.is_dir() else ():
        if path.is_file():
            found[path.relative_to(home).as_posix()] = not path.resolve().is_relative_to(root)
            if len(found) > _MOST_ORPHANS * 10:
                raise DataError(f"{home}: more than {_MOST_ORPHANS * 10:,} files fit {pattern!r}.")
    return found


def _path(home: Path, wanted: str, escaped: str, there: dict[str, bool]) -> tuple[str, str]:
    """(fault, path): the path is "" where there is no such file."""
    parts = PurePosixPath(wanted.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or re.match(r"^[A-Za-z]:", wanted) or "\0" in wanted:
        return f"{wanted!r} leads out of the folder {home}. Files lie beside the table or below it.", ""
    name = parts.as_posix()
    if name not in there and re.search(r"(?<!\[)[*?]", escaped):
        fits = [path for path in there if PurePosixPath(path).match(escaped)]
        if len(fits) > 1:
            return f"{wanted!r} fits {len(fits)} files ({', '.join(sorted(fits)[:3])}); say which.", ""
        name = fits[0] if fits else ""
    if name not in there and name and "/" in wanted and (home / name).is_file():
        there[name] = not (home / name).resolve().is_relative_to(home.resolve())
    if name not in there:
        return "", ""
    if there[name]:
        return f"{name!r} is a link that leads out of the folder {home}.", ""
    return "", name


def file_hashes(attached: Attached) -> np.ndarray:
    """SHA-256 of the file of each row, shape (n_rows,), "" where there is none."""
    known = {one.path: one.sha256 for one in attached.files}
    return np.array([known.get(path, "") for path in attached.paths], dtype=np.str_)
