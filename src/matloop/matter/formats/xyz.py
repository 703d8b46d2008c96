"""XYZ files, plain and extended (a comment line of key=value, columns by name)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.matter.formats.part import (
    MOST_SITES,
    Part,
    StructureError,
    completed,
    fractional,
    noted_isotopes,
    number_of,
    ordered_part,
    stands_in,
)
from matloop.matter.formats.values import OURS, THEIRS, WHOLE, left_out, number_or_numbers

_ENTRY = re.compile(
    r"""([^\s=]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"|'([^']*)'|\{([^{}]*)\}|(\[[^=\n]*?\](?=\s|$))|(\S+))|(\S+)"""
)
_TRUE, _FALSE = ("T", "TRUE", "1"), ("F", "FALSE", "0")
_NAMES = {"species": "species", "element": "species", "symbols": "species", "pos": "pos", "positions": "pos"}
_CHARGES = ("charge", "total_charge")


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: str
    first: int
    width: int


def looks_like_xyz(text: str) -> bool:
    """Whether the first line is a number of atoms and nothing else."""
    first, _, rest = text.partition("\n")
    return first.strip().isdigit() and bool(rest.strip())


def from_xyz(text: str) -> Part:
    """The structure of an XYZ file with one frame.

    The comment line of extended XYZ may hold Lattice, pbc, Properties (columns of real, integer and logical numbers
    become site values under the names of pymatgen, "magmom" for ASE's "initial_magmoms") and further values of the
    whole (numbers become row values; name, charge). Where the comment has none of these, only symbols (or atomic
    numbers) and positions are read.

    Raises
    ------
    StructureError : several frames, a truncated frame, or a line that cannot be read; the message names it.
    """
    frames = xyz_frames(text)
    if len(frames) > 1:
        raise StructureError(
            f"the file holds {len(frames)} frames: give each frame as a row of its own (`split_texts` parts them)"
        )
    return _frame(frames[0])


def xyz_frames(text: str) -> list[str]:
    """The text of each frame.

    Raises
    ------
    StructureError : the file ends within a frame, or a line that should be a number of atoms is none.
    """
    lines = text.lstrip("\ufeff").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    frames, at = [], 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        if not re.fullmatch(r"\s*\d{1,9}\s*", lines[at]):
            raise StructureError(f"line {at + 1}: a number of atoms is needed, found {lines[at].strip()[:40]!r}")
        count = int(lines[at])
        if not count:
            raise StructureError(f"line {at + 1}: the structure is empty: it has no atoms")
        if at + 2 + count > len(lines):
            there = max(len(lines) - at - 2, 0)
            raise StructureError(
                f"line {at + 1}: {count} atoms are announced, lines of {there} are there: the file is truncated"
            )
        frames.append("\n".join(lines[at : at + 2 + count]))
        at += 2 + count
    if not frames:
        raise StructureError("the file holds no frame")
    return frames


def _frame(text: str) -> Part:
    lines = text.split("\n")
    count = int(lines[0])
    if not 0 < count <= MOST_SITES:
        raise StructureError(
            "the structure is empty: it has no atoms"
            if not count
            else f"{count:,} atoms; up to {MOST_SITES:,} are read"
        )
    entries = _entries(lines[1])
    extended = "Lattice" in entries or "Properties" in entries or "pbc" in entries
    rows = [line.split() for line in lines[2:]]
    columns = _columns(entries.get("Properties", "species:S:1:pos:R:3"))
    width = max(column.first + column.width for column in columns.values())
    for i, row in enumerate(rows):
        if len(row) < width:
            raise StructureError(f"line {i + 3}: {width} columns are needed, found {len(row)}: {' '.join(row)[:60]!r}")
    numbers, notes = _atoms(rows, columns)
    values, lost = _site_values(rows, columns)
    lattice, periodic = _cell(entries)
    coordinates = fractional(_block(rows, columns["pos"]), lattice)
    oxidation = values.pop("oxidation_states", np.full(count, np.nan))
    whole, charge, name, more = _whole(entries if extended else {})
    return ordered_part(
        lattice, periodic, coordinates, numbers, site_values=values, row_values=whole, charge=charge,
        name=name if extended else " ".join(lines[1].split())[:200], oxidation=oxidation,
        notes=(*notes, *left_out(lost, "columns"), *left_out(more, "values")),
    )  # fmt: skip


def comment_values(comment: str) -> dict[str, float | str]:
    """What the comment line of a frame says about the whole, as numbers and words.

    Lattice, Properties and pbc, which are the structure, and values of several numbers are left out; so are bare words
    where the line is a title and not extended XYZ.
    """
    entries = _entries(comment)
    extended = bool({"Lattice", "Properties", "pbc"} & set(entries))
    found: dict[str, float | str] = {}
    for key, text in entries.items():
        if key in ("Lattice", "Properties", "pbc") or not (extended or f"{key}=" in comment):
            continue
        value = _value(text)
        if value is None:
            found[key] = text
        elif value.ndim == 0:
            found[key] = float(value)
    return found


def _entries(comment: str) -> dict[str, str]:
    """The key=value entries; a word alone is true."""
    found: dict[str, str] = {}
    for key, quoted, single, braced, listed, plain, alone in _ENTRY.findall(comment[:1_000_000]):
        if alone:
            found.setdefault(alone, "T")
        else:
            found[key] = re.sub(r"\\(.)", r"\1", quoted) if quoted else single or braced or listed or plain
    lower = {key.lower(): key for key in found}
    for name in ("Lattice", "Properties", "pbc"):
        if name not in found and name.lower() in lower:
            found[name] = found.pop(lower[name.lower()])
    return found


def _columns(properties: str) -> dict[str, _Column]:
    parts = properties.split(":")
    at, found = 0, {}
    for name, kind, width in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if kind not in ("S", "R", "I", "L") or not width.isdigit() or not 0 < int(width) < 1000:
            raise StructureError(f"Properties: {name}:{kind}:{width} is no column; name:S|R|I|L:width is needed")
        known = _NAMES.get(name, name)
        found[known] = _Column(known, kind, at, int(width))
        at += int(width)
    if len(parts) % 3 or "pos" not in found or found["pos"].width != 3:
        raise StructureError(f"Properties={properties[:80]!r} has no column pos:R:3: the positions are missing")
    if "species" not in found and "Z" not in found and "numbers" not in found:
        raise StructureError(f"Properties={properties[:80]!r} has no column species:S:1: the elements are missing")
    return found


def _block(rows: list[list[str]], column: _Column) -> FloatArray:
    """The numbers of a column, shape (n, width)."""
    first, last = column.first, column.first + column.width
    try:
        return np.array([row[first:last] for row in rows], dtype=float)
    except ValueError:
        pass
    for i, row in enumerate(rows):
        for word in row[first:last]:
            try:
                float(word.replace("D", "E"))
            except ValueError as error:
                raise StructureError(f"line {i + 3}: {column.name} is {word[:30]!r}, a number is needed") from error
    return np.array([[word.replace("D", "E") for word in row[first:last]] for row in rows], dtype=float)


def _atoms(rows: list[list[str]], columns: Mapping[str, _Column]) -> tuple[IntArray, tuple[str, ...]]:
    """Atomic numbers, and what was assumed."""
    column = columns.get("species") or columns.get("Z") or columns["numbers"]
    words = [row[column.first] for row in rows]
    known: dict[str, int] = {}
    for i, word in enumerate(words):
        if word not in known:
            try:
                known[word] = int(word) if word.isdigit() and 0 < int(word) < len(SYMBOLS) else number_of(_symbol(word))
            except StructureError as fault:
                raise StructureError(f"line {i + 3}: {fault}") from fault
    return np.array([known[word] for word in words], dtype=np.int64), noted_isotopes(list(known))


def _symbol(word: str) -> str:
    """A symbol as written, in any case ("FE"), or a label such as "Fe1"."""
    letters = re.match(r"[A-Za-z]*", word)
    return (letters[0] if letters else "").capitalize() or word


def _site_values(rows: list[list[str]], columns: Mapping[str, _Column]) -> tuple[dict[str, FloatArray], list[str]]:
    found, lost = {}, []
    for column in columns.values():
        if column.name in ("species", "pos", "Z", "numbers"):
            continue
        if column.kind == "S":
            lost.append(column.name)
            continue
        values = _logical(rows, column) if column.kind == "L" else _block(rows, column)
        found[OURS.get(column.name, column.name)] = values[:, 0] if column.width == 1 else values
    return found, lost


def _logical(rows: list[list[str]], column: _Column) -> FloatArray:
    words = [[word.upper() for word in row[column.first : column.first + column.width]] for row in rows]
    for i, row in enumerate(words):
        if not set(row) <= {*_TRUE, *_FALSE}:
            raise StructureError(f"line {i + 3}: {column.name} is {' '.join(row)[:30]!r}, T or F is needed")
    return np.array([[word in _TRUE for word in row] for row in words], dtype=float)


def _cell(entries: Mapping[str, str]) -> tuple[FloatArray, BoolArray]:
    flags = re.split(r"[\s,]+", entries.get("pbc", "").strip(' []"')) if "pbc" in entries else []
    if flags and (len(flags) != 3 or not {flag.upper() for flag in flags} <= {*_TRUE, *_FALSE}):
        raise StructureError(f"pbc is {entries['pbc'][:40]!r}; three of T or F are needed")
    periodic = np.array([flag.upper() in _TRUE for flag in flags] or [("Lattice" in entries)] * 3)
    words = re.split(r"[\s,]+", entries.get("Lattice", "0 0 0 0 0 0 0 0 0").strip(" []"))
    try:
        lattice = np.array(words, dtype=float)
    except ValueError as error:
        raise StructureError(f"Lattice is {entries['Lattice'][:60]!r}; nine numbers are needed") from error
    if lattice.shape != (9,) or not np.isfinite(lattice).all():
        raise StructureError(f"Lattice has {len(words)} numbers; nine finite ones are needed (three vectors)")
    return completed(lattice.reshape(3, 3), periodic), periodic


def _whole(entries: Mapping[str, str]) -> tuple[dict[str, FloatArray], float | None, str, list[str]]:
    """Values of the whole, net charge, name, and what is no number."""
    found, name, lost = dict[str, FloatArray](), "", list[str]()
    charge: float | None = None
    for key, text in entries.items():
        if key in ("Lattice", "Properties", "pbc"):
            continue
        value = _value(text)
        if key == "name":
            name = text[:200]
        elif key in _CHARGES and value is not None and value.ndim == 0 and math.isfinite(float(value)):
            charge = float(value)
        elif value is None:
            lost.append(key)
        else:
            found[key] = _tensor(key, value)
    return found, charge, name, lost


def _tensor(key: str, value: FloatArray) -> FloatArray:
    """Nine numbers of a stress as six (xx yy zz yz xz xy), of a virial as a matrix, written by columns: as in ASE."""
    if key not in ("stress", "virial", "virials") or value.shape not in ((9,), (3, 3)):
        return value
    matrix = value.reshape(3, 3, order="F")
    if key != "stress":
        return matrix
    return ((matrix + matrix.T) / 2.0)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]


def _value(text: str) -> FloatArray | None:
    """A number, several, or a list as JSON; None if it is none of these."""
    text = text.strip().removeprefix("_JSON").strip()
    if text[:1] == "[":
        try:
            return number_or_numbers(json.loads(text))
        except (ValueError, RecursionError):
            return None
    words = re.split(r"[\s,]+", text)
    if all(word.upper() in (*_TRUE[:2], *_FALSE[:2]) for word in words):
        words = ["1" if word.upper() in _TRUE else "0" for word in words]
    try:
        return number_or_numbers([float(word) for word in words] if len(words) > 1 else float(words[0]))
    except ValueError:
        return None


# ---- writing ----


def to_extxyz(part: Part) -> str:
    """One frame of extended XYZ, with site values as columns and values of the whole in the comment line.

    Raises
    ------
    StructureError : sites are shared or partly vacant.
    """
    if not part.ordered:
        raise StructureError("sites are shared or partly vacant, which XYZ cannot hold: write CIF or OPTIMADE JSON")
    values = dict(part.site_values)
    if not np.isnan(part.oxidation).all():
        values["oxidation_states"] = part.oxidation
    heads, columns = ["species:S:1:pos:R:3"], [[" ".join(map(repr, row)) for row in part.positions.tolist()]]
    for name, array in values.items():
        flat = array.reshape(len(part), -1)
        kind = (
            {"tags": "I", "spacegroup_kinds": "I", "selective_dynamics": "L"}.get(name, "R") if name in WHOLE else "R"
        )
        heads.append(f"{_key(THEIRS.get(name, name))}:{kind}:{flat.shape[1]}")
        columns.append([" ".join(_word(value, kind) for value in row) for row in flat.tolist()])
    symbols = [SYMBOLS[z] for z in part.numbers.tolist()]
    rows = [" ".join(words) for words in zip(symbols, *columns, strict=True)]
    return "\n".join([str(len(part)), " ".join([*_comment(part), f"Properties={':'.join(heads)}"]), *rows]) + "\n"


def _comment(part: Part) -> list[str]:
    none = stands_in(part.lattice, part.periodic)
    cell = np.where(none[:, None], 0.0, part.lattice).ravel().tolist()
    words = [] if none.all() else [f'Lattice="{" ".join(map(repr, cell))}"']
    words.append(f'pbc="{" ".join("T" if flag else "F" for flag in part.periodic.tolist())}"')
    if part.name:
        words.append(f"name={json.dumps(' '.join(part.name.split()), ensure_ascii=False)}")
    if part.charge != part.implied_charge:
        words.append(f"charge={part.charge!r}")
    return [*words, *(f"{_key(name)}={_text(name, array)}" for name, array in part.row_values.items())]


def _text(name: str, array: FloatArray) -> str:
    """A value of the whole: a number, several in quotes, tensors as JSON but for those that ASE knows."""
    if name == "stress" and array.shape == (6,):
        array = array[[0, 5, 4, 5, 1, 3, 4, 3, 2]]
    elif name in ("virial", "virials") and array.shape == (3, 3):
        array = array.ravel(order="F")
    if array.ndim == 0:
        return repr(float(array))
    plain = array.ndim == 1 and array.size > 1
    return '"' + (" ".join(map(repr, array.tolist())) if plain else f"_JSON {json.dumps(array.tolist())}") + '"'


def _key(name: str) -> str:
    return re.sub(r"[\s=:\"{}]", "_", name) or "_"


def _word(value: float, kind: str) -> str:
    if kind == "L":
        return "T" if value else "F"
    return str(int(value)) if kind == "I" and value == value else repr(value)
