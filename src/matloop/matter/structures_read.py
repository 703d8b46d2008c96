"""Anything that holds structures as a batch: objects of pymatgen and ASE, texts of files, records, paths."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.errors import DataError
from matloop.matter.formats.cif import cif_blocks, from_cif
from matloop.matter.formats.objects import from_ase, from_pymatgen, is_ase, is_pymatgen
from matloop.matter.formats.part import LONGEST_TEXT, Part, StructureError, assembled
from matloop.matter.formats.poscar import from_poscar, looks_like_poscar
from matloop.matter.formats.records import from_json, from_record, parsed, records_of
from matloop.matter.formats.xyz import from_xyz, looks_like_xyz, xyz_frames
from matloop.matter.structures import Structures

_CIF = re.compile(r"^\s*(data_\S*|_cell_length_a|loop_)(\s|$)", re.MULTILINE | re.IGNORECASE)


def read_structures(X: Any) -> tuple[Structures, dict[int, str]]:
    """Anything that holds structures as a batch, and {row: reason} for rows that cannot be read.

    Parameters
    ----------
    X : Structures (rows without sites stay so, without a reason), or a sequence (list, array, Series, one-column frame)
        of pymatgen Structures or Molecules; ASE Atoms; texts of CIF, POSCAR, XYZ, extended XYZ or JSON files,
        recognised by their content; dictionaries of pymatgen (`as_dict`), OPTIMADE, JARVIS or with the keys lattice,
        elements and frac_coords; `pathlib.Path` of such a file. Each entry is one structure. A text is never taken for
        a path: what stands in a table may come from a stranger.

    Raises
    ------
    DataError : `X` is no sequence.

    Examples
    --------
    >>> structures, reasons = read_structures(["2\\ncarbon monoxide\\nC 0 0 0\\nO 0 0 1.13", "Fe2O3"])
    >>> structures.numbers.tolist(), reasons[1][:19]
    ([6, 8], "'Fe2O3' is one line")
    """
    structures, reasons, _ = read_structures_noted(X)
    return structures, reasons


def read_structures_noted(X: Any) -> tuple[Structures, dict[int, str], dict[int, str]]:
    """As `read_structures`, with {row: what was assumed or left out on the way} as a third value ("D read as H")."""
    if isinstance(X, Structures):
        return X, {}, {}
    reasons: dict[int, str] = {}
    notes: dict[int, str] = {}
    parts: list[Part | None] = []
    for row, one in enumerate(_as_list(X)):
        try:
            part = read_one(one)
        except StructureError as fault:
            reasons[row] = str(fault)
            parts.append(None)
            continue
        if part.notes:
            notes[row] = "; ".join(dict.fromkeys(part.notes))
        parts.append(part)
    return assembled(parts), reasons, notes


def from_path(path: Path | str) -> tuple[Structures, dict[int, str], dict[int, str]]:
    """All structures of one file (also .gz): blocks of a CIF, frames of an XYZ, entries of a JSON list, each a row.

    Returns
    -------
    the structures, {row: reason} and {row: notes} as from `read_structures_noted`. Rows without a name of their own
    bear that of the file, with a number where there are several.

    Raises
    ------
    DataError : there is no such file, it is too long, or no text.
    """
    place = Path(path)
    try:
        text = _text_of(place)
    except StructureError as fault:
        raise DataError(f"{place}: {fault}.") from fault
    try:
        texts = split_texts(text, name=place.name)
    except StructureError:  # the one row says what is wrong with the whole
        texts = [text]
    found, reasons, notes = read_structures_noted([_Named(place.name, one) for one in texts])
    stem = place.name.removesuffix(".gz").rsplit(".", 1)[0]
    own = [stem] if len(found) == 1 else [f"{stem}-{k + 1}" for k in range(len(found))]
    names = [name or other for name, other in zip(found.names.tolist(), own, strict=True)]
    return replace(found, names=np.array(names or [""], dtype=np.str_)[: len(found)]), reasons, notes


def split_texts(text: str, *, name: str = "") -> list[Any]:
    """The single structures of a text that may hold several: one entry each, as `read_structures` takes them.

    Blocks of a CIF that hold a structure, frames of an XYZ file, entries of a JSON list, of JSON lines, or of a
    response of OPTIMADE; any other text is one entry. `name` of the file helps to recognise it.

    Raises
    ------
    StructureError : the text is damaged where it would be parted.
    """
    kind = format_of(text, name)
    if kind == "cif":
        return cif_blocks(text) or [text]
    if kind == "xyz":
        return list(xyz_frames(text))
    if kind == "json":
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip()[:1] == "{" and line.rstrip()[-1:] == "}" for line in lines):
            return [parsed(line) for line in lines]
        return records_of(parsed(text))
    return [text]


def format_of(text: str, name: str = "") -> str:
    """What the text is: "cif", "poscar", "xyz", "json", else ""; by its content, else by the `name` of the file."""
    text = text.removeprefix("\ufeff")
    start = text[:200].lstrip()
    if start[:1] in ("{", "["):
        return "json"
    # a number may be the title of a POSCAR, but then three numbers stand where XYZ has an atom
    if looks_like_xyz(text) and not (looks_like_poscar(text) and len(text.split("\n", 3)[2].split()) == 3):
        return "xyz"
    if _CIF.search(text):
        return "cif"
    if looks_like_poscar(text):
        return "poscar"
    plain = name.lower().removesuffix(".gz")
    endings = {".cif": "cif", ".vasp": "poscar", ".xyz": "xyz", ".extxyz": "xyz", ".json": "json"}
    if re.search(r"(^|[^a-z])(poscar|contcar)", plain):
        return "poscar"
    return next((kind for ending, kind in endings.items() if plain.endswith(ending)), "")


class _Named:
    """The text of a file whose name may help to recognise it, or one of its records."""

    __slots__ = ("name", "one")

    def __init__(self, name: str, one: Any) -> None:
        self.name, self.one = name, one


def read_one(one: Any, name: str = "") -> Part:
    """One entry of a sequence as a part.

    Raises
    ------
    StructureError : it is no structure; the message says why and what to do.
    """
    if isinstance(one, _Named):
        return read_one(one.one, one.name)
    if is_pymatgen(one):
        return from_pymatgen(one)
    if is_ase(one):
        return from_ase(one)
    if isinstance(one, str):
        return _from_text(one, name)
    if isinstance(one, Mapping):
        return from_record(one)
    if isinstance(one, Path):
        return _from_text(_text_of(one), one.name)
    if isinstance(one, Structures) and len(one) == 1:
        raise StructureError("a batch of one row stands in a sequence: give the batch itself, or join them (`joined`)")
    if one is None or (isinstance(one, float) and one != one) or str(one) in ("<NA>", "NaT"):
        raise StructureError("there is no structure: the value is missing")
    raise StructureError(
        f"{type(one).__name__} is no structure: objects of pymatgen or ASE, texts of CIF, POSCAR, XYZ or JSON, and "
        "dictionaries of pymatgen or OPTIMADE are read"
    )


def _from_text(text: str, name: str = "") -> Part:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise StructureError("there is no structure: the text is empty")
    if len(text) > LONGEST_TEXT:
        raise StructureError(f"the text has {len(text):,} characters; up to {LONGEST_TEXT:,} are read")
    kind = format_of(text, name)
    if kind:
        return _by_kind(kind, text)
    start = " ".join(text[:200].split())[:60]
    if "\n" not in text.strip():
        raise StructureError(
            f"{start!r} is one line and no text of a file: give the text of a CIF, POSCAR, XYZ or JSON file, or a "
            "pathlib.Path"
        )
    raise StructureError(f"the text is none of CIF, POSCAR, XYZ, extended XYZ or JSON; it begins with {start!r}")


def _by_kind(kind: str, text: str) -> Part:
    read = {"cif": from_cif, "poscar": from_poscar, "xyz": from_xyz, "json": from_json}[kind]
    try:
        return read(text)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        if isinstance(error, StructureError):
            raise
        # a text can be damaged in more ways than are foreseen; it must not end the batch
        raise StructureError(f"this {kind.upper()} is damaged ({type(error).__name__}: {str(error)[:100]})") from error


def _text_of(path: Path) -> str:
    """The text of a file, unpacked if it is gzip, up to the longest that is read.

    Raises
    ------
    StructureError : it cannot be read or is too long.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            content = stream.read(LONGEST_TEXT + 1)
    except (OSError, EOFError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StructureError(f"{path.name} cannot be read ({said})") from error
    if len(content) > LONGEST_TEXT:
        raise StructureError(f"{path.name} is longer than {LONGEST_TEXT:,} bytes: part it")
    return content.decode("utf-8", errors="replace")


def _as_list(X: Any) -> list[Any]:
    if isinstance(X, str | bytes | Path | Mapping) or is_pymatgen(X) or is_ase(X):
        raise DataError("a sequence of structures is needed, not a single one: write [structure].")
    values = X.to_numpy(dtype=object) if hasattr(X, "to_numpy") else X
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise DataError(f"one column of structures is needed, found shape {values.shape}.")
    if not isinstance(values, Iterable):
        raise DataError(f"a sequence of structures is needed, found {type(X).__name__}.")
    return list(values)
