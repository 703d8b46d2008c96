"""Energies of the elements: formation energies from total energies, with references given or fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import SYMBOLS, Z_OF
from matloop.core.errors import DataError, listed
from matloop.matter.compositions import Compositions

FEWEST_ROWS = 3
"""Rows with an element before its reference is fitted; one row would be met exactly."""
_RANK = 1e-8


@dataclass(frozen=True, slots=True)
class References:
    """Energy per atom of each element that formation energies are counted from, eV per atom or the unit of the table.

    energies, errors : {symbol: energy}, {symbol: one standard deviation, NaN where it was given without}.
    rows : {symbol: rows it was fitted to}; empty where given. n_rows : that were fitted.
    rmse : of the fit; left_out : root mean square error of rows that were left out one at a time; NaN where given.
    covariance : shape (n, n) in the order of `energies`.
    """

    energies: Mapping[str, float]
    errors: Mapping[str, float]
    rows: Mapping[str, int]
    n_rows: int
    rmse: float
    left_out: float
    covariance: FloatArray


def given_references(energies: Mapping[str, float], errors: Mapping[str, float] | None = None) -> References:
    """References from a table.

    Raises
    ------
    DataError : a name is no element, or an energy is no finite number.
    """
    wrong = [f'"{name}": {value}' for name, value in energies.items() if name not in Z_OF or not np.isfinite(value)]
    if wrong:
        raise DataError(f"{len(wrong)} reference energies cannot be used:\n{listed(wrong)}")
    spread = {name: float((errors or {}).get(name, np.nan)) for name in energies}
    square = np.diag(np.nan_to_num([spread[name] for name in energies]) ** 2)
    return References(dict(energies), spread, {}, 0, np.nan, np.nan, square)


def fit_references(batch: Compositions, energies: FloatArray, formation: FloatArray | None = None) -> References:
    """Reference energies by least squares: total energy per atom = sum of fractions times references + formation.

    With measured formation energies these are fitted elemental-phase reference energies (FERE), which cancel what the
    level of theory gets wrong between elements and compounds. Without, the formation energy is what is left over: its
    mean over the table is then near zero, which is enough for learning and no thermodynamics.

    Parameters
    ----------
    energies : per atom, shape (n_rows,), NaN rows are left out. formation : measured, per atom, the same shape.

    Raises
    ------
    DataError : an element has fewer than three rows, or elements always stand in the same ratio, so that their
        references cannot be told apart; the message names them.

    References
    ----------
    Stevanovic et al., Phys. Rev. B 85 (2012) 115104. doi:10.1103/PhysRevB.85.115104

    Examples
    --------
    >>> from matloop.matter.compositions import from_formulas
    >>> batch, _ = from_formulas(["NaCl", "Na3Cl", "NaCl2", "Na2Cl3", "Na"])
    >>> total = fractions_of(batch)[0] @ np.array([-1.3, -1.8])
    >>> {name: round(value, 6) for name, value in fit_references(batch, total).energies.items()}
    {'Na': -1.3, 'Cl': -1.8}
    """
    aim = energies - (0.0 if formation is None else formation)
    kept = np.isfinite(aim) & (np.diff(batch.offsets) > 0)
    A, symbols = fractions_of(batch.take(np.flatnonzero(kept)))
    y = aim[kept]
    counts = (A > 0).sum(axis=0)
    few = [f"{name} ({n} rows)" for name, n in zip(symbols, counts.tolist(), strict=True) if n < FEWEST_ROWS]
    if few:
        raise DataError(
            f"{len(few)} elements have fewer than {FEWEST_ROWS} rows with an energy, which fit nothing: "
            f"{', '.join(few[:10])}. Add rows, leave theirs out, or give a table of references."
        )
    values, directions = np.linalg.eigh(A.T @ A)
    loose = np.abs(directions[:, values < _RANK * max(values.max(initial=1.0), 1e-300)]).max(axis=1, initial=0.0) > 1e-3
    if loose.any():
        names = ", ".join(name for name, one in zip(symbols, loose.tolist(), strict=True) if one)
        raise DataError(f"{names} stand in the same ratio in every row: their references cannot be told apart.")
    inverse = np.linalg.inv(A.T @ A)
    found = inverse @ (A.T @ y)
    off = y - A @ found
    leverage = np.einsum("ij,jk,ik->i", A, inverse, A)
    freedom = max(len(y) - len(symbols), 1)
    variance = float(off @ off) / freedom
    outside = off / np.maximum(1.0 - leverage, 1e-9)
    return References(
        dict(zip(symbols, found.tolist(), strict=True)),
        dict(zip(symbols, np.sqrt(variance * np.diag(inverse)).tolist(), strict=True)),
        dict(zip(symbols, counts.tolist(), strict=True)), len(y), float(np.sqrt(np.mean(off**2))),
        float(np.sqrt(np.mean(outside**2))), np.asarray(variance * inverse, dtype=float),
    )  # fmt: skip


def formation_energies(
    batch: Compositions, energies: FloatArray, references: References
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Energy per atom less that of the elements, and what the errors of references make of it.

    Returns
    -------
    formation, errors : shape (n_rows,), NaN where an element has no reference. lacking : those elements.
    """
    A, symbols = fractions_of(batch)
    known = [name for name in symbols if name in references.energies]
    lacking = tuple(name for name in symbols if name not in references.energies)
    gone = np.asarray((A[:, [symbols.index(name) for name in lacking]] > 0).any(axis=1), dtype=np.bool_)
    gone |= np.diff(batch.offsets) == 0
    A = A[:, [symbols.index(name) for name in known]]
    place = [list(references.energies).index(name) for name in known]
    found = energies - A @ np.array([references.energies[name] for name in known])
    spread = references.covariance[np.ix_(place, place)]
    errors = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", A, spread, A), 0.0))
    return np.where(gone, np.nan, found), np.where(gone | ~np.isfinite(energies), np.nan, errors), lacking


def fractions_of(batch: Compositions) -> tuple[FloatArray, list[str]]:
    """Atomic fractions, shape (n_rows, n_elements), and the symbols of the elements that occur."""
    present = np.unique(batch.elements)
    A = np.zeros((len(batch), len(present)))
    A[batch.rows, np.searchsorted(present, batch.elements)] = batch.fractions
    return A, [SYMBOLS[z] for z in present.tolist()]
