"""Rows of any kind as batches: reading, cutting, sending to another process, and a hash of each row's content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, under
from matloop.core.errors import ConfigError
from matloop.matter import molecules, structures
from matloop.matter.compositions import Compositions, read_compositions
from matloop.matter.molecules import Molecules, read_molecules
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures
from matloop.problem.question import InputKind
from matloop.represent.structural.featurizer import Parts

Batch = Compositions | Molecules | Structures
Rows = Batch | Sequence[str]
"""Rows that were read, or texts that have yet to be."""
ROWS_AT_ONCE: dict[str, int] = {"composition": 8192, "molecule": 256, "structure": 256}
"""Rows per chunk: few enough for flat memory, enough for the cost per chunk not to count."""
_BATCHES: dict[str, type] = {"composition": Compositions, "molecule": Molecules, "structure": Structures}
KEY_BYTES = 16


def kind_of(batch: Any) -> InputKind | None:
    """What a batch holds, None for anything else."""
    for kind, one in _BATCHES.items():
        if isinstance(batch, one):
            return kind  # type: ignore[return-value]
    return None


def read(kind: InputKind, rows: Any) -> tuple[Batch, dict[int, str]]:
    """Rows as a batch of `kind`, and {row: why it could not be read}; every row without content has a reason.

    Raises
    ------
    ConfigError : the kind is none of composition, molecule, structure.
    """
    if kind == "composition":
        batch: Batch
        batch, reasons = read_compositions(rows)
    elif kind == "molecule":
        batch, reasons = read_molecules(rows)
    elif kind == "structure":
        batch, reasons = read_structures(rows)
    else:
        raise ConfigError(f"a {kind} is not described by featurizers.")
    empty = np.diff(batch.offsets) == 0
    unread = {row: f"could not be read as a {kind}" for row in np.flatnonzero(empty).tolist() if row not in reasons}
    return batch, {**reasons, **unread}


def cut(rows: Rows, start: int, stop: int) -> Rows:
    """Rows start to stop."""
    if isinstance(rows, Compositions | Molecules | Structures):
        return taken(rows, start, stop)
    return rows[start:stop]


def taken(batch: Batch, start: int, stop: int) -> Batch:
    """Rows start to stop of a batch."""
    return batch.take(np.arange(start, stop))


def picked(rows: Rows, which: IntArray) -> Rows:
    """The given rows, in the given order."""
    if isinstance(rows, Compositions | Molecules | Structures):
        return rows.take(which)
    return [rows[row] for row in which.tolist()]


class View:
    """A batch as what each featurizer wants to see: molecules and structures also by the amounts of their atoms."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._atoms: Compositions | None = None
        self._parts = Parts(batch) if isinstance(batch, Structures) else None

    def described(self, featurizer: Any) -> tuple[FloatArray, dict[int, str]]:
        """Features of all rows, and {row: why it is not (fully) described}; unreadable rows need none.

        Raises
        ------
        whatever the featurizer raises.
        """
        if getattr(featurizer, "kind", "composition") == "composition" or not hasattr(featurizer, "described"):
            rows = self.atoms if getattr(featurizer, "kind", "composition") == "composition" else self.batch
            given = featurizer.limits(rows) if hasattr(featurizer, "limits") else featurizer.reasons(rows)
            return np.asarray(featurizer.transform(rows), dtype=float), given
        if self._parts is not None:
            found: tuple[FloatArray, dict[int, str]] = featurizer.described(self.batch, self._parts)
            return found
        found = featurizer.described(self.batch)
        return found

    @property
    def atoms(self) -> Compositions:
        """The rows as compositions."""
        if self._atoms is None:
            batch = self.batch
            if isinstance(batch, Molecules):
                batch = molecules.to_compositions(batch)
            elif isinstance(batch, Structures):
                batch = structures.to_compositions(batch)
            self._atoms = batch
        return self._atoms


def refuse_other_kinds(featurizers: Mapping[str, Any], kind: InputKind) -> None:
    """ConfigError if one of the featurizers ({how it is called: it}) does not describe rows of this kind."""
    for name, featurizer in featurizers.items():
        own = getattr(featurizer, "kind", "composition")
        if own not in (kind, "composition"):
            raise ConfigError(f"{name!r} describes a {own}; these rows are of kind {kind!r}.")


def packed(rows: Rows) -> tuple[dict[str, Any], Arrays]:
    """Rows as plain values and arrays of numbers; `unpacked` makes the same of them."""
    if not isinstance(rows, Compositions | Molecules | Structures):
        return {"kind": "", "texts": {"": [_text(row) for row in rows]}}, {}
    texts: dict[str, list[str]] = {}
    arrays: Arrays = {}
    for field in fields(rows):
        value = getattr(rows, field.name)
        if isinstance(value, Mapping):
            arrays |= {f"{field.name}/{name}": array for name, array in value.items()}
        elif value.dtype.kind in "biuf":
            arrays[field.name] = value
        else:
            texts[field.name] = [str(text) for text in value.tolist()]
    return {"kind": kind_of(rows), "texts": texts}, arrays


def unpacked(message: Mapping[str, Any], arrays: Arrays) -> Rows:
    """The inverse of `packed`."""
    if not message["kind"]:
        return list(message["texts"][""])
    whole = _BATCHES[message["kind"]]
    given: dict[str, Any] = {}
    for field in fields(whole):
        if field.name in message["texts"]:
            texts = message["texts"][field.name]
            as_objects = "object" in str(field.type)
            given[field.name] = np.array(texts, dtype=object if as_objects else np.str_) if texts else _none(as_objects)
        elif field.name in arrays:
            given[field.name] = arrays[field.name]
        else:
            given[field.name] = under(field.name, arrays)
    batch: Batch = whole(**given)
    return batch


def _none(as_objects: bool) -> Any:
    return np.array([], dtype=object if as_objects else "<U1")


def _text(row: Any) -> str:
    return row if isinstance(row, str) else ""


def row_keys(rows: Rows) -> list[bytes]:
    """A hash of each row's content, KEY_BYTES long: equal for equal content, whatever stands beside it."""
    if isinstance(rows, Compositions):
        return _hashes("c", rows.formulas, [(rows.offsets, [rows.elements, rows.amounts])])
    if isinstance(rows, Molecules):
        atoms = [rows.elements, rows.charges, rows.hydrogens, rows.positions]
        return _hashes("m", rows.smiles, [(rows.offsets, atoms), (rows.bond_offsets, [rows.bonds, rows.orders])])
    if isinstance(rows, Structures):
        return _structure_keys(rows)
    return [hashlib.blake2b(b"t" + _text(row).encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
            for row in rows]  # fmt: skip


def _hashes(kind: str, texts: Any, parts: Sequence[tuple[IntArray, Sequence[Any]]]) -> list[bytes]:
    keys = []
    spans = [(offsets.tolist(), arrays) for offsets, arrays in parts]
    for row, text in enumerate(texts.tolist()):
        digest = hashlib.blake2b(f"{kind}{text}".encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES)
        for bounds, arrays in spans:
            for array in arrays:
                digest.update(array[bounds[row] : bounds[row + 1]].tobytes())
        keys.append(digest.digest())
    return keys


def _structure_keys(rows: Structures) -> list[bytes]:
    """Names of rows do not count."""
    whole = np.column_stack([rows.lattices.reshape(len(rows), 9), rows.periodic, rows.charges])
    titles = np.array(["|".join(sorted(rows.site_values))] * len(rows), dtype=object)
    values = [rows.site_values[name] for name in sorted(rows.site_values)]
    sites = [rows.coordinates, np.diff(rows.species_offsets), *values]
    species = rows.species_offsets[rows.offsets]
    each = np.arange(len(rows) + 1)
    return _hashes("s", titles, [(each, [whole]), (rows.offsets, sites),
                                 (species, [rows.numbers, rows.occupancies, rows.oxidation])])  # fmt: skip
