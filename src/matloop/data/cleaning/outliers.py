"""Values that do not fit to those of similar materials, told with the reason. Development rows only; nothing goes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.matter.compositions import Compositions

NEIGHBOURS = 8
FAR = 8.0
"""Robust standard deviations of the differences to neighbours beyond which a value is flagged."""
FEWEST = 50
_REFERENCES = 5_000
_MOST_SLIPS = 0.01
_CHUNK = 1_000
_SLIPS = {
    1000.0: "thousand (milli, kilo)", 1e-3: "thousandth (milli, kilo)", 1e6: "million", 1e-6: "millionth",
    100.0: "hundred (percent, centi)", 0.01: "hundredth (percent, centi)",
    96.485: "96.5 (eV in kJ/mol)", 1 / 96.485: "1/96.5 (kJ/mol in eV)", 27.2114: "27.2 (hartree in eV)",
    1 / 27.2114: "1/27.2 (eV in hartree)", 13.6057: "13.6 (rydberg in eV)", 23.0605: "23.1 (eV in kcal/mol)",
}  # fmt: skip
"""Factor: what it is called."""


def around(compositions: Compositions, values: FloatArray) -> FloatArray:
    """Median value of the nearest other compositions, shape (n_rows,); values must be finite.

    Nearness is the sum of differences of atomic fractions; neighbours are sought among at most 5,000 rows, evenly
    spaced.
    """
    points = _dense(compositions)
    n = len(values)
    references = np.unique(np.linspace(0, n - 1, min(n, _REFERENCES)).astype(np.int64))
    squares = (points[references] ** 2).sum(axis=1)
    found = np.empty(n)
    for start in range(0, n, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, n))
        apart = squares - 2.0 * points[rows] @ points[references].T
        apart[rows[:, None] == references[None, :]] = np.inf
        nearest = np.argpartition(apart, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        found[rows] = np.median(values[references[nearest]], axis=1)
    return found


def misfits(compositions: Compositions, values: FloatArray) -> tuple[FloatArray, dict[int, str]]:
    """How far each value lies from those of similar compositions, and {row: the factor it seems to be off by}.

    Returns
    -------
    distances : robust standard deviations of the difference to `around`, shape (n_rows,). slips : for positive values
        only, whose ratio to similar materials is far off, and by as much as a known factor of units; none where that
        would be said of more than one value in a hundred, which is a wide distribution.
    """
    difference = values - around(compositions, values)
    distances = np.abs(difference) / _spread(difference)
    if (values <= 0).any():
        return distances, {}
    log = np.log10(values)
    ratio = log - around(compositions, log)
    spread = _spread(ratio)
    factors = np.log10(np.array(list(_SLIPS)))
    names = list(_SLIPS.values())
    slips = {}
    for row in np.flatnonzero(np.abs(ratio) > max(FAR / 2 * spread, 0.8)).tolist():
        nearest = int(np.abs(ratio[row] - factors).argmin())
        if abs(ratio[row] - factors[nearest]) < 2.0 * spread:
            slips[row] = names[nearest]
    return distances, slips if len(slips) <= _MOST_SLIPS * len(values) else {}


def _spread(values: FloatArray) -> float:
    """1.4826 times the median absolute deviation; of the values that are not zero where most are."""
    size = np.abs(values - np.median(values))
    middle = float(np.median(size)) or float(np.median(size[size > 0])) if (size > 0).any() else 0.0
    return 1.4826 * middle or np.inf


def _dense(batch: Compositions) -> NDArray[np.float32]:
    points = np.zeros((len(batch), len(SYMBOLS) + 1), dtype=np.float32)
    points[batch.rows, batch.elements] = batch.fractions
    return points[:, (points > 0).any(axis=0)]


def shifts(
    formulas: np.ndarray, methods: np.ndarray, values: FloatArray, fewest: int = 5
) -> list[tuple[str, str, float, float, int]]:
    """What lies between two methods, measured on the compositions that both have.

    Returns
    -------
    (method, other method, mean difference, its standard error, number of common compositions), most common first.
    """
    keys, which = np.unique(formulas, return_inverse=True)
    words, level = np.unique(methods, return_inverse=True)
    total, count = np.zeros((len(words), len(keys))), np.zeros((len(words), len(keys)))
    np.add.at(total, (level, which), values)
    np.add.at(count, (level, which), 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    found = []
    for a, b in _pairs(len(words)):
        apart = (mean[b] - mean[a])[(count[a] > 0) & (count[b] > 0)]
        if words[a] and words[b] and len(apart) >= fewest:
            error = float(apart.std(ddof=1) / np.sqrt(len(apart)))
            found.append((str(words[b]), str(words[a]), float(apart.mean()), error, len(apart)))
    return sorted(found, key=lambda one: -one[4])


def _pairs(n: int) -> list[tuple[int, int]]:
    first, second = np.triu_indices(n, 1)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def flagged(distances: FloatArray, slips: dict[int, str]) -> IntArray:
    """Rows that are far or seem off by a factor, most extreme first."""
    rows = np.union1d(np.flatnonzero(distances > FAR), np.array(list(slips), dtype=np.int64))
    return rows[np.argsort(-distances[rows], kind="stable")].astype(np.int64)
