"""Which rows count: the same question asked a thousand times is one row, not a thousand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.monitor.contract import Seen


@dataclass(frozen=True, slots=True)
class Units:
    """Rows of a window that are taken as drawn independently.

    rows : the first row of every distinct question that could be read. matter : the first row of every distinct
    material among them; the same as `rows` where no input is matter. n : rows of the window, readable or not.
    """

    rows: IntArray
    matter: IntArray
    n: int

    @property
    def repeated(self) -> float:
        """Rows per distinct question."""
        return self.n / max(len(self.rows), 1)


def units(seen: Seen) -> Units:
    """Distinct questions and distinct materials of `seen`, in order; single precision decides what is the same."""
    readable = np.flatnonzero(seen.readable & ~_blank(seen))
    asked: list[NDArray] = [seen.X[readable].astype(np.float32)] if seen.X.shape[1] else []
    asked += [_coded(values[readable]) for values in seen.inputs.values()]
    rows = readable[_first(asked, len(readable))]
    matter = [_coded(seen.inputs[name][rows]) for name in seen.matter if name in seen.inputs]
    return Units(rows, rows[_first(matter, len(rows))] if matter else rows, len(seen))


def follows_matter(seen: Seen, kept: Units) -> BoolArray:
    """Which features have one value per material, shape (p,); the others depend on numbers or categories as well."""
    X = seen.X[kept.rows]
    if len(kept.matter) == len(kept.rows):
        return np.full(X.shape[1], bool(seen.matter))
    codes = np.zeros(len(kept.rows), dtype=np.int64)
    for name in seen.matter:
        codes = np.unique(np.stack([codes, _codes(seen.inputs[name][kept.rows])]), axis=1, return_inverse=True)[1]
    _, first, place = np.unique(codes.reshape(-1), return_index=True, return_inverse=True)
    same = (X[first[place]] == X) | (np.isnan(X) & np.isnan(X[first[place]]))
    return np.asarray(same.all(axis=0), dtype=bool)


def _blank(seen: Seen) -> BoolArray:
    every = np.asarray(np.isnan(seen.X).all(axis=1), dtype=bool)
    return every if seen.X.shape[1] else np.zeros(len(seen), dtype=bool)


def _codes(values: FloatArray | TextArray) -> IntArray:
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _coded(values: FloatArray | TextArray) -> NDArray:
    """A column of four-byte numbers with one value per distinct entry."""
    plain = values.astype(np.float32) if values.dtype.kind == "f" else _codes(values).astype(np.float32)
    return plain[:, None]


def _first(parts: list[NDArray], n: int) -> IntArray:
    """The first row of each distinct one, in order."""
    if not parts or n == 0:
        return np.arange(n)
    whole = np.ascontiguousarray(np.hstack(parts) + np.float32(0.0))  # no negative zeros
    lines = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).reshape(-1).tolist()
    firsts: dict[bytes, int] = {}
    for row, line in enumerate(lines):
        firsts.setdefault(bytes(line), row)
    return np.array(list(firsts.values()), dtype=np.int64)
