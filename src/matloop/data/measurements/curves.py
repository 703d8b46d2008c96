"""Simple files of instruments: two or more columns of numbers behind a header that every maker writes differently."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.core.units import known as is_unit
from matloop.data.unpack import GZIP, gunzipped

_LARGEST = 512 * 2**20
_NUMBER = r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eEdD][-+]?\d+)?"
_PLAIN = re.compile(rf"^{_NUMBER}$")
_SIGNS = "#;!%*'\""
_UNIT = re.compile(r"^(?P<name>.*?)\s*[\[(/]\s*(?P<unit>[^\])]+?)\s*[\])]?\s*$")
_MARKED = ("utf-16", "utf-8-sig", "cp1252")


@dataclass(frozen=True, slots=True)
class Curve:
    """A measured curve.

    values : shape (n_points, n_columns), NaN where a cell holds no number. names, units : of the columns, "" where the
    header does not say. header : the lines before the numbers. facts : {name: value} of header lines such as
    "Wavelength: 1.5406".
    """

    values: FloatArray
    names: tuple[str, ...]
    units: tuple[str, ...]
    header: tuple[str, ...]
    facts: dict[str, str]

    @property
    def x(self) -> FloatArray:
        """The first column, shape (n_points,)."""
        return np.asarray(self.values[:, 0])

    @property
    def y(self) -> FloatArray:
        """The second column, shape (n_points,)."""
        return np.asarray(self.values[:, 1])


def read_curve(path: Path | str) -> Curve:
    """A text file of columns of numbers: CSV, TSV, XY, DAT, TXT, also gzipped; separated by commas, semicolons, tabs
    or spaces, decimal point or comma, any header.

    Raises
    ------
    DataError : no text, or no block of at least two lines with two numbers or more.

    Examples
    --------
    >>> curve = read_curve("pattern.xy")                     # doctest: +SKIP
    >>> curve.units                                          # doctest: +SKIP
    ('degree', 'counts')
    """
    path = Path(path)
    lines = _lines(path)
    widths = [_width(line) for line in lines]
    several = Counter(width for width in widths if width > 1)
    if not several or max(several.values()) < 2:
        raise DataError(
            f"{path}: no two lines with two numbers or more are in it. Files with other contents (XRDML, images, "
            "binary spectra) are attached, but not read as a curve."
        )
    width = max(several, key=lambda one: (several[one], one))
    first = next(i for i, found in enumerate(widths) if found == width and _goes_on(widths, i, width))
    delimiter = _delimiter(lines[first].strip())
    comma = delimiter != "," and any("," in cell for cell in _cells(lines[first]))
    rows = [_numbers(line, comma) for line, found in zip(lines[first:], widths[first:], strict=True) if found == width]
    header = [line for line in lines[:first] if line.strip()]
    values = np.array(rows, dtype=float)
    while width > 2 and np.isnan(values[:, width - 1]).all():  # a delimiter at the end of each line
        width -= 1
    names, units = _names(header, width, delimiter)
    return Curve(values[:, :width], names, units, tuple(header), _facts(header))


def _goes_on(widths: list[int], at: int, width: int) -> bool:
    """A line of the header may happen to hold numbers; the block has more than one."""
    later = next((found for found in widths[at + 1 :] if found >= 0), 0)
    return later == width


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: is larger than {_LARGEST >> 20} MiB, and no curve is that long.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if content.startswith(GZIP):
        content = gunzipped(content, str(path), _LARGEST)
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in content[:4096] and not utf16:
        raise DataError(f"{path}: is no text. Binary files are attached, but not read as a curve.")
    for encoding in _MARKED[0 if utf16 else 1 :]:
        try:
            return content.decode(encoding).splitlines()
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1").splitlines()


def _delimiter(text: str) -> str:
    """What separates the cells of a line, "" for spaces."""
    for sign in (";", "\t"):
        if sign in text:
            return sign
    if re.search(r",\s", text) or ("," in text and ("." in text or " " not in text)):
        return ","
    return ""


def _cells(line: str, delimiter: str | None = None) -> list[str]:
    text = line.strip(" \r\n")
    sign = _delimiter(text) if delimiter is None else delimiter
    return [cell.strip() for cell in text.split(sign)] if sign else text.split()


def _width(line: str) -> int:
    """Number of columns where all cells are numbers (or empty), 0 for other lines, -1 for empty ones and remarks."""
    text = line.strip()
    if not text or text[0] in _SIGNS:
        return -1
    cells = _cells(line)
    numbers = sum(bool(_PLAIN.match(cell)) for cell in cells)
    gaps = sum(cell.lower() in ("", "nan", "-", "--") for cell in cells)
    return len(cells) if numbers and numbers + gaps == len(cells) else 0


def _numbers(line: str, comma: bool) -> list[float]:
    found = []
    for cell in _cells(line):
        text = (cell.replace(",", ".") if comma else cell).replace("d", "e").replace("D", "E")
        found.append(float(text) if _PLAIN.match(cell) else float("nan"))
    return found


def _names(header: list[str], width: int, delimiter: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """From the last line of the header, if it has as many cells as there are columns; it may be one of units, with the
    names above it."""
    blank = ("",) * width
    worded = [line for line in header if re.search(r"[^\W\d_]", line)][-2:]
    tried = [[cell.strip(" \"'") for cell in _cells(line.lstrip(_SIGNS + " "), delimiter)] for line in reversed(worded)]
    if not tried or ":" in worded[-1] or len(tried[0]) < width:
        return blank, blank
    last = [cell.strip("[]() ") for cell in tried[0][:width]]
    if len(tried) > 1 and len(tried[1]) >= width and all(not cell or is_unit(cell) for cell in last):
        return tuple(tried[1][:width]), tuple(last)
    if len(tried[0]) > width and any(tried[0][width:]):
        return blank, blank
    parts = [_UNIT.match(cell) for cell in tried[0][:width]]
    names = [part["name"].strip() if part and part["name"].strip() else cell
             for part, cell in zip(parts, tried[0], strict=False)]  # fmt: skip
    units = [part["unit"].strip() if part and part["name"].strip() else "" for part in parts]
    return tuple(names), tuple(units)


def _facts(header: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in header:
        name, sign, value = line.lstrip(_SIGNS + " ").partition(":")
        if not sign:
            name, sign, value = line.lstrip(_SIGNS + " ").partition("=")
        name, value = name.strip(" \"'"), value.strip(" \"',;")
        if sign and name and value and len(name) <= 60:
            found.setdefault(name, value)
    return found
