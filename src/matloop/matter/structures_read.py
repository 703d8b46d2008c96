"""Anything that holds structures as a batch: pymatgen and ASE objects, file texts, OPTIMADE records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.errors import DataError
from matloop.matter.formats.cif import from_cif
from matloop.matter.formats.objects import from_ase, from_pymatgen, is_ase, is_pymatgen
from matloop.matter.formats.part import LONGEST_TEXT, Part, StructureError, assembled
from matloop.matter.formats.poscar import from_poscar, looks_like_poscar
from matloop.matter.structures import Structures


def read_structures(X: Any) -> tuple[Structures, dict[int, str]]:
    """Anything that holds structures as a batch, and {row: reason} for rows that cannot be read.

    Parameters
    ----------
    X : Structures (rows without sites stay so, without a reason), or a sequence (list, array, Series, one-column frame)
        of pymatgen Structures or Molecules, ASE Atoms, texts of files.

    Raises
    ------
    DataError : `X` is no sequence.
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
            part = _one(one)
        except StructureError as fault:
            reasons[row] = str(fault)
            parts.append(None)
            continue
        if part.notes:
            notes[row] = "; ".join(dict.fromkeys(part.notes))
        parts.append(part)
    return assembled(parts), reasons, notes


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


def _one(one: Any) -> Part:
    if is_pymatgen(one):
        return from_pymatgen(one)
    if is_ase(one):
        return from_ase(one)
    if isinstance(one, str):
        return from_text(one)
    raise StructureError(f"{type(one).__name__} is no structure")


def from_text(text: str) -> Part:
    if len(text) > LONGEST_TEXT:
        raise StructureError(f"the text has {len(text):,} characters; up to {LONGEST_TEXT:,} are read")
    if "_cell_length_a" in text:
        return from_cif(text)
    if looks_like_poscar(text):
        return from_poscar(text)
    raise StructureError(f"no known format: the text starts with {text[:40]!r}")


def looks_like_structure(text: str) -> bool:
    """Whether a text seems to be that of a structure file: CIF, POSCAR, XYZ with a lattice, JSON with one."""
    head = text[:20_000]
    return (
        "_cell_length_a" in head
        or "Lattice=" in head
        or (text.startswith("{") and ('"lattice"' in head or '"lattice_vectors"' in head))
        or looks_like_poscar(text)
    )
