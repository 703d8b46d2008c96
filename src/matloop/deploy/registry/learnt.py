"""The rows that a registered model learnt from, out of the files of its run; never a sealed one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import BundleError, DataError
from matloop.core.jsonable import from_jsonable
from matloop.data.dataset import Provenance
from matloop.data.inputs import read_inputs
from matloop.data.parquet import read_parquet
from matloop.data.table import RawTable
from matloop.deploy.bundle import Bundle
from matloop.deploy.registry import chunks
from matloop.deploy.registry.chunks import Kept
from matloop.deploy.registry.contract import Version
from matloop.deploy.registry.registry import Registry
from matloop.problem.question import Input, Source
from matloop.represent.distances import nearest, scaled, scaling
from matloop.represent.representation import represent

_PLAIN = ("composition", "molecule", "number", "category")
"""Inputs that can be described again from what the run keeps of them."""
MOST = 100_000
"""Rows that are described again; of more, the sample in the bundle is searched."""
_SCALE, _TYPICAL = 5_000, 40
"""Rows, evenly drawn, that the scale of the features and the usual distance are learnt from."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Training rows, in the order of the dataset.

    ids : (n,) names of the rows. source_rows : 1-based rows of the source table that each was made of. inputs, targets
    : {name: (n,) values; None where there is no label, then the model of that target did not see the row}. n_sealed :
    rows that were kept away from it.
    """

    provenance: Provenance
    ids: NDArray[Any]
    source_rows: tuple[tuple[int, ...], ...]
    inputs: Mapping[str, NDArray[Any]]
    targets: Mapping[str, NDArray[Any]]
    n_sealed: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Near:
    """Training rows near to one that was asked. rows : of `Learnt`, nearest first. distance : in features brought to
    standard deviation 1. typical : how far a training row usually is from its nearest other one. among : how many rows
    were compared."""

    rows: tuple[int, ...]
    distance: tuple[float, ...]
    typical: float
    among: int


def learnt(registry: Registry, version: Version) -> Learnt | None:
    """The training rows of a version, None where its run was not registered with it.

    Raises
    ------
    BundleError : what is stored is damaged.
    """
    files = {file.name: file for file in registry.files(version, "run")}
    if not {"provenance.json", "data.parquet", "split.json"} <= set(files):
        return None
    try:
        known = from_jsonable(Provenance, json.loads(_content(registry, files["provenance.json"])))
        sealed = set(map(str, json.loads(_content(registry, files["split.json"]))["sealed"]))
        table = read_parquet(_content(registry, files["data.parquet"]), Source("data.parquet"), "")
        columns = table.columns
        ids = np.array([str(one) for one in columns["id"]], dtype=object)
        rows = np.array([row for row, one in enumerate(ids) if one not in sealed], dtype=np.int64)
        sources = tuple(tuple(map(int, str(columns["source_rows"][row]).split())) for row in rows)
    except (ValueError, KeyError, TypeError, DataError) as error:
        raise BundleError(
            f"{registry.place}: the files of the run of {version.spelled} cannot be read ({error}). Add the run again "
            "under another name."
        ) from error

    def part(start: str) -> dict[str, NDArray[Any]]:
        return {name.removeprefix(start): values[rows] for name, values in columns.items() if name.startswith(start)}

    return Learnt(known, ids[rows], sources, part("input:"), part("target:"), len(ids) - len(rows))


def _content(registry: Registry, file: Kept) -> bytes:
    return b"".join(chunks.read(registry.database, file))


# ---- near to what was asked ----


def near(bundle: Bundle, known: Learnt, row: Mapping[str, Any], k: int) -> Near | None:
    """The training rows nearest to one that is asked; None where the rows cannot be described again from their run
    (structures, images, series), or are too many.

    Raises
    ------
    DataError : the row that is asked cannot be read.
    """
    inputs = bundle.manifest.inputs
    if len(known) > MOST or not all(_plain(entry) for entry in inputs):
        return None
    again = tuple(replace(entry, column=f"input:{entry.name}") for entry in inputs)
    columns = {f"input:{name}": values for name, values in known.inputs.items()}
    return found(asked_features(bundle, row), _features(bundle, columns, again), k)


def found(asked: FloatArray, X: FloatArray, k: int) -> Near:
    """The rows of `X`, shape (n, p), nearest to `asked`, shape (1, p), in features of one scale."""
    standard = scaling(X[_some(len(X), _SCALE)])
    table = scaled(X, standard)
    rows = nearest(scaled(asked, standard), table, k)
    others = nearest(table[_some(len(X), _TYPICAL)], table, 2).distance[:, -1]
    typical = float(np.nanmedian(others)) if np.isfinite(others).any() else float("nan")
    there = np.isfinite(rows.distance[0])
    return Near(tuple(rows.row[0][there].tolist()), tuple(rows.distance[0][there].tolist()), typical, len(X))


def _some(n: int, most: int) -> IntArray:
    return np.linspace(0, n - 1, min(most, n)).astype(np.int64)


def asked_features(bundle: Bundle, row: Mapping[str, Any]) -> FloatArray:
    """Features of one row that is asked, shape (1, p).

    Raises
    ------
    DataError : it lacks a column, or cannot be read.
    """
    columns = {name: _objects([value]) for name, value in row.items()}
    return _features(bundle, columns, bundle.manifest.inputs)


def _features(bundle: Bundle, columns: Mapping[str, NDArray[Any]], inputs: Sequence[Input]) -> FloatArray:
    words = {entry.name: entry.words for entry in bundle.manifest.representation.inputs if entry.words}
    n = len(next(iter(columns.values()), ()))
    raw = RawTable(dict(columns), Provenance("rows", "", n, len(columns)))
    dataset, unreadable = read_inputs(raw, inputs, words=words)
    if n == 1 and unreadable:
        raise DataError(f"the row cannot be read: {unreadable[0]}")
    return represent(dataset, bundle.manifest.representation).X


def _plain(entry: Input) -> bool:
    return entry.kind in _PLAIN and not entry.columns and entry.window is None and entry.amounts == "formula"


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
