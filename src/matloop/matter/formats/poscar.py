"""POSCAR and CONTCAR files of VASP."""

from __future__ import annotations

import re

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS, Z_OF
from matloop.matter.formats.part import (
    MOST_SITES,
    Part,
    StructureError,
    fractional,
    noted_isotopes,
    number_of,
    ordered_part,
    within_reach,
)

_ALL = np.ones(3, dtype=bool)


def looks_like_poscar(text: str) -> bool:
    """Whether the second line is a scale and the next three are vectors."""
    lines = text[:2000].splitlines()
    if len(lines) < 6:
        return False
    try:
        scale, *vectors = (_numbers(line) for line in lines[1:5])
    except ValueError:
        return False
    return len(scale) in (1, 3) and all(len(vector) >= 3 for vector in vectors)


def from_poscar(text: str) -> Part:
    """A structure from the text of a POSCAR or CONTCAR.

    Read: the scale (one, three, or a volume with a minus sign), Cartesian and direct positions, selective dynamics (as
    site value, 1 = may move). Symbols may carry the name of a potential ("Fe_pv"). Velocities and what follows are
    left out. A file of VASP 4 names no elements: they are taken from the ends of the lines of atoms or from the first
    line if they stand there, which is noted.

    Raises
    ------
    StructureError : something is missing or wrong; the message names the line and what to do.
    """
    lines = text.lstrip("\ufeff").splitlines()
    if len(lines) < 7:
        raise StructureError(f"this POSCAR ends after {len(lines)} lines: it is truncated")
    lattice = _lattice(lines)
    symbols, counts, at = _species(lines)
    total = int(counts.sum())
    if not 0 < total <= MOST_SITES:
        raise StructureError(f"line {at}: {total:,} atoms; 1 to {MOST_SITES:,} are read")
    selective = at < len(lines) and lines[at].strip()[:1].lower() == "s"
    at += selective
    if at >= len(lines):
        raise StructureError("this POSCAR ends before its positions: it is truncated")
    cartesian = lines[at].strip()[:1].lower() in ("c", "k")
    rows = [line.split() for line in lines[at + 1 : at + 1 + total]]
    positions = _positions(rows, total, at + 2)
    if cartesian:
        positions = fractional(within_reach(positions, "position") * _scales(lines, lattice), lattice)
    notes: tuple[str, ...] = ()
    if not symbols:
        symbols, notes = _older(lines[0], rows, counts, 6 if selective else 3)
    numbers = np.repeat([number_of(symbol) for symbol in symbols], counts).astype(np.int64)
    values = {"selective_dynamics": _flags(rows, at + 2)} if selective else {}
    return ordered_part(
        lattice, _ALL, positions, numbers,
        name=lines[0].strip()[:200], site_values=values, notes=(*notes, *noted_isotopes(symbols)),
    )  # fmt: skip


def _numbers(line: str) -> list[float]:
    """The numbers at the start of a line (Fortran's 1.0D+00 too); ValueError where the first word is none."""
    found = []
    for word in line.split():
        try:
            found.append(_number(word))
        except ValueError:
            if not found:
                raise
            break
    return found


def _number(word: str) -> float:
    return float(word.replace("D", "E").replace("d", "e"))


def _scales(lines: list[str], lattice: FloatArray) -> FloatArray:
    """Factors of the Cartesian axes, shape (3,)."""
    scale = _numbers(lines[1])
    if len(scale) >= 3:
        return np.array(scale[:3])
    if scale[0] > 0:
        return np.full(3, scale[0])
    raw = np.array([_numbers(line)[:3] for line in lines[2:5]])
    return np.full(3, (-scale[0] / abs(np.linalg.det(raw))) ** (1 / 3))


def _lattice(lines: list[str]) -> FloatArray:
    try:
        scale = _numbers(lines[1])
        raw = np.array([_numbers(line)[:3] for line in lines[2:5]], dtype=float)
    except ValueError as error:
        raise StructureError("lines 2 to 5 of a POSCAR hold a scale and three lattice vectors; these do not") from error
    if raw.shape != (3, 3) or not scale:
        raise StructureError("lines 3 to 5 of a POSCAR hold three numbers each; these do not")
    fine = len(scale) < 3 or min(scale[:3]) > 0
    if scale[0] == 0 or not fine or not (np.abs(scale) < 1e12).all():
        raise StructureError(f"line 2: the scale is {lines[1].strip()[:40]!r}; a positive number or -volume is needed")
    if not abs(np.linalg.det(within_reach(raw, "lattice vector"))) > 1e-9 * np.linalg.norm(raw, axis=1).prod():
        raise StructureError("the cell has no volume: its lattice vectors lie in one plane; correct lines 3 to 5")
    return within_reach(raw * _scales(lines, raw), "scaled lattice vector")


def _species(lines: list[str]) -> tuple[list[str], IntArray, int]:
    """Symbols ([] in a file of VASP 4), how many atoms of each, and the place of the next line."""
    words = lines[5].split()
    if words and words[0].isdigit():
        return [], _counts(lines[5], 6), 6
    symbols = [re.split(r"[_/]", word)[0] for word in words if not word.startswith(("!", "#"))]
    counts = _counts(lines[6], 7)
    if len(symbols) != len(counts):
        raise StructureError(f"lines 6 and 7: {len(symbols)} elements but {len(counts)} numbers of atoms")
    return symbols, counts, 7


def _counts(line: str, number: int) -> IntArray:
    words = re.split(r"[!#]", line)[0].split()
    if not words or not all(word.isdigit() and len(word) < 10 for word in words):
        raise StructureError(f"line {number}: numbers of atoms are needed, found {line.strip()[:40]!r}")
    return np.array([int(word) for word in words], dtype=np.int64)


def _positions(rows: list[list[str]], total: int, first: int) -> FloatArray:
    if len(rows) < total or any(len(row) < 3 for row in rows):
        there = next((i for i, row in enumerate(rows) if len(row) < 3), len(rows))
        raise StructureError(f"{total} atoms are announced, positions of {there} are there: the file is truncated")
    try:
        return np.array([row[:3] for row in rows], dtype=float)
    except ValueError:  # Fortran's 1.0D+00, or a word
        found = [_three(row, first + i) for i, row in enumerate(rows)]
    return np.array(found)


def _three(row: list[str], line: int) -> list[float]:
    try:
        return [_number(word) for word in row[:3]]
    except ValueError as error:
        raise StructureError(f"line {line}: three numbers are needed, found {' '.join(row)[:40]!r}") from error


def _flags(rows: list[list[str]], first: int) -> FloatArray:
    found = np.empty((len(rows), 3))
    for i, row in enumerate(rows):
        flags = [word.strip(".")[:1].upper() for word in row[3:6]]
        if len(flags) < 3 or not set(flags) <= {"T", "F"}:
            raise StructureError(f"line {first + i}: selective dynamics needs three flags T or F after the position")
        found[i] = [flag == "T" for flag in flags]
    return found


def _older(comment: str, rows: list[list[str]], counts: IntArray, after: int) -> tuple[list[str], tuple[str, ...]]:
    """Symbols of a file of VASP 4, from the ends of the lines or the first line, and the note that says so."""
    ends = [row[after] if len(row) > after else "" for row in rows]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).tolist()
    firsts = [ends[start] for start in starts]
    if all(s in Z_OF for s in firsts) and ends == np.repeat(firsts, counts).tolist():
        return firsts, ("no line of elements (VASP 4): taken from the ends of the lines of atoms",)
    words = comment.split()
    if len(words) == len(counts) and all(word in Z_OF for word in words):
        return words, ("no line of elements (VASP 4): taken from the first line",)
    raise StructureError(
        "no line names the elements (a POSCAR of VASP 4): put a line with their symbols before the numbers of atoms"
    )


def to_poscar(part: Part) -> str:
    """The text of a POSCAR with direct positions, in the order of the sites; all digits are written.

    Raises
    ------
    StructureError : sites are shared or partly vacant, or there is no whole cell.
    """
    if not part.ordered:
        raise StructureError("sites are shared or partly vacant, which a POSCAR cannot hold: write CIF")
    if not part.periodic.any():
        raise StructureError("there is no cell, which a POSCAR needs: write extended XYZ, or put it into a box")
    numbers = part.numbers
    starts = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    counts = np.diff(np.concatenate([starts, [len(numbers)]]))
    free = part.site_values.get("selective_dynamics")
    lines = [
        " ".join((part.name or "written by matloop").split()),
        "1.0",
        *(" ".join(map(repr, vector)) for vector in part.lattice.tolist()),
        " ".join(SYMBOLS[z] for z in numbers[starts].tolist()),
        " ".join(map(str, counts.tolist())),
        *(["Selective dynamics"] if free is not None else []),
        "Direct",
    ]
    rows = [" ".join(map(repr, row)) for row in part.coordinates.tolist()]
    if free is not None:
        rows = [
            f"{row} {' '.join('F' if f == 0 else 'T' for f in one)}"
            for row, one in zip(rows, free.tolist(), strict=True)
        ]
    return "\n".join([*lines, *rows]) + "\n"
