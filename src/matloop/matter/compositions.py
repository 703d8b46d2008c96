"""Compositions as a batch of flat arrays, and what they are read from and written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray, frozen
from matloop.core.elements import ATOMIC_MASS, SYMBOLS, Z_OF, table
from matloop.core.errors import DataError, all_faults
from matloop.core.optional import require
from matloop.matter.formula import LARGEST, LONGEST, Amounts, Formula, FormulaError, parse_formula, shown
from matloop.matter.scan import scan

LARGEST_MULTIPLE = 12


@dataclass(frozen=True, slots=True)
class Compositions:
    """Amounts of elements, compressed by rows (CSR).

    offsets : shape (n_rows + 1,); row i holds entries offsets[i]:offsets[i+1]. A row without entries could not be read.
    elements : shape (n_entries,), atomic number 1..118, ascending within a row.
    amounts : shape (n_entries,), atoms per formula as written, > 0.
    charges : shape (n_rows,), net charge in e as written (0 if none).
    formulas : shape (n_rows,), the original strings.
    """

    offsets: IntArray
    elements: IntArray
    amounts: FloatArray
    charges: FloatArray
    formulas: TextArray

    def __post_init__(self) -> None:
        for array in (self.offsets, self.elements, self.amounts, self.charges, self.formulas):
            frozen(array)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> IntArray:
        """The row of each entry, shape (n_entries,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def fractions(self) -> FloatArray:
        """Atomic fractions, shape (n_entries,); they sum to one within each row."""
        totals = np.bincount(self.rows, weights=self.amounts, minlength=len(self))
        return self.amounts / totals[self.rows]

    def take(self, rows: IntArray) -> Compositions:
        """The given rows, in the given order."""
        counts = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        entries = np.repeat(self.offsets[:-1][rows] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Compositions(
            offsets, self.elements[entries], self.amounts[entries], self.charges[rows], self.formulas[rows]
        )


def from_formulas(texts: Sequence[str], amounts: Amounts = "formula") -> tuple[Compositions, dict[int, str]]:
    """Read formulas as people write them (the grammar of `matter.formula`), the whole batch at once.

    Parameters
    ----------
    texts : formulas; anything that is no text is refused with a reason.
    amounts : what the numbers mean where a text does not say so itself.

    Returns
    -------
    the compositions, and {row: reason} for every row that could not be read (it has no entries).

    Examples
    --------
    >>> compositions, reasons = from_formulas(["Fe2O3", "Xx2O3"])
    >>> compositions.amounts
    array([3., 2.])
    >>> reasons
    {1: "there is no element 'Xx' in 'Xx2O3'."}
    """
    compositions, reasons, _ = read_formulas(texts, amounts)
    return compositions, reasons


def read_formulas(
    texts: Sequence[str], amounts: Amounts = "formula"
) -> tuple[Compositions, dict[int, str], dict[int, str]]:
    """As `from_formulas`, with {row: what was changed or assumed on the way} as a third value ("D read as H")."""
    rows_of_text: list[object] = list(texts)
    found = scan([t if isinstance(t, str) and len(t) <= LONGEST and "\n" not in t else "?" for t in rows_of_text])
    rows, elements, values = [found.rows], [found.elements], [found.amounts]
    if amounts == "wt%":
        values = [found.amounts / ATOMIC_MASS[found.elements]]
    charges = np.zeros(len(texts))
    reasons: dict[int, str] = {}
    notes: dict[int, str] = {}
    known: dict[str, Formula | str] = {}
    for row in np.flatnonzero(~found.plain).tolist():
        formula = _read_one(rows_of_text[row], amounts, known)
        if isinstance(formula, str):
            reasons[row] = formula
            continue
        charges[row] = formula.charge
        if formula.notes:
            notes[row] = "; ".join(formula.notes)
        rows.append(np.full(len(formula.amounts), row))
        elements.append(np.array(list(formula.amounts), dtype=np.int64))
        values.append(np.array(list(formula.amounts.values())))
    shorter = [t if isinstance(t, str) and len(t) <= LONGEST else shown(str(t)) for t in rows_of_text]
    entries = np.concatenate(rows), np.concatenate(elements), np.concatenate(values)
    return _assembled(*entries, charges, shorter), reasons, notes


def _read_one(text: object, amounts: Amounts, known: dict[str, Formula | str]) -> Formula | str:
    """One formula, or the reason; each distinct text is read once."""
    if not isinstance(text, str):
        return f"{text!r} is no text: a formula such as 'Fe2O3' is needed"
    if text not in known:
        try:
            known[text] = parse_formula(text, amounts)
        except FormulaError as fault:
            known[text] = str(fault)
    return known[text]


def _assembled(
    rows: IntArray, elements: IntArray, amounts: FloatArray, charges: FloatArray, formulas: Sequence[str]
) -> Compositions:
    """Entries in any order, a symbol perhaps twice in a row -> rows of ascending atomic numbers."""
    keys = rows.astype(np.int64) * 128 + elements
    if not (np.diff(keys) > 0).all():
        order = np.argsort(keys, kind="stable")
        keys, first = np.unique(keys[order], return_index=True)
        amounts = np.add.reduceat(amounts[order], first) if len(keys) else amounts
    counts = np.bincount(keys // 128, minlength=len(formulas))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    names = np.array(formulas, dtype=np.str_) if len(formulas) else np.array([], dtype="<U1")
    return Compositions(offsets, keys % 128, np.asarray(amounts, dtype=float), charges, names)


def from_amounts(
    matrix: FloatArray, elements: Sequence[str], amounts: Amounts = "at%"
) -> tuple[Compositions, dict[int, str]]:
    """Compositions from one column per element.

    Parameters
    ----------
    matrix : shape (n, k), what `amounts` says; NaN counts as none.
    elements : symbols of the k columns (D counts as H).
    amounts : "wt%" (any mass unit: only ratios count), or "at%", "mol%", "formula" (all three: numbers of atoms).

    Returns
    -------
    the compositions, and {row: reason}. `amounts` of a percent row sum to 100 atoms.

    Raises
    ------
    DataError : a column is no element, or the shapes do not fit.
    """
    values = np.array(matrix, dtype=float)
    numbers = np.array([1 if e == "D" else Z_OF.get(e, 0) for e in elements], dtype=np.int64)
    if (numbers == 0).any():
        unknown = [e for e, z in zip(elements, numbers, strict=True) if z == 0]
        raise DataError(
            f"no element is called {', '.join(map(repr, unknown))}. Correct the names of the element columns."
        )
    if values.ndim != 2 or values.shape[1] != len(numbers):
        raise DataError(f"a table of shape {values.shape} does not fit {len(numbers)} element columns.")
    values[np.isnan(values)] = 0.0
    reasons = _amount_faults(values, elements)
    values[list(reasons)] = 0.0
    if amounts == "wt%":
        values /= ATOMIC_MASS[numbers]
    if amounts != "formula":
        sums = values.sum(axis=1, keepdims=True)
        values *= 100.0 / np.where(sums > 0, sums, 1.0)
    rows, columns = np.nonzero(values)
    found = _assembled(rows, numbers[columns], values[rows, columns], np.zeros(len(values)), [""] * len(values))
    return Compositions(found.offsets, found.elements, found.amounts, found.charges, to_formulas(found)), reasons


def _amount_faults(values: FloatArray, elements: Sequence[str]) -> dict[int, str]:
    reasons: dict[int, str] = {}
    wrong = ~np.isfinite(values) | (values < 0) | (values > LARGEST)
    for row, column in np.argwhere(wrong).tolist():
        reasons.setdefault(
            row, f"the amount of {elements[column]} is {values[row, column]:g}; it must be 0 to {LARGEST:g}"
        )
    for row in np.flatnonzero(~wrong.any(axis=1) & ~(values > 0).any(axis=1)).tolist():
        reasons[row] = "all amounts are zero or missing"
    return reasons


def as_compositions(X: Any) -> Compositions:
    """Anything that names compositions as a batch; every row must be readable.

    Parameters
    ----------
    X : as for `read_compositions`.

    Raises
    ------
    DataError : rows that cannot be read, each with its reason, up to ten and a count.
    """
    compositions, reasons = read_compositions(X)
    if reasons:
        faults = [f"row {row}: {why}" for row, why in sorted(reasons.items())]
        raise DataError(all_faults("compositions cannot be read; correct or drop these rows:", faults))
    return compositions


def read_compositions(X: Any) -> tuple[Compositions, dict[int, str]]:
    """Anything that names compositions as a batch, and {row: reason} for rows that cannot be read.

    Parameters
    ----------
    X : Compositions (rows without entries stay so, without a reason), or a sequence (list, array, Series, one-column
        frame) of formulas, of mappings element -> amount, or of pymatgen Composition objects (also anything with a
        `.composition`, such as Structure).

    Raises
    ------
    DataError : `X` is no sequence.
    """
    if isinstance(X, Compositions):
        return X, {}
    rows = _as_list(X)
    if all(isinstance(row, str) for row in rows):
        return from_formulas(rows)
    return _from_mixed(rows)


def _as_list(X: Any) -> list[Any]:
    if isinstance(X, str | Mapping) or hasattr(X, "get_el_amt_dict"):
        raise DataError("a sequence of compositions is needed, not a single one: write [formula].")
    values = X.to_numpy(dtype=object) if hasattr(X, "to_numpy") else X
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise DataError(f"one column of compositions is needed, found shape {values.shape}.")
        return values.tolist()
    if not isinstance(values, Iterable):
        raise DataError(f"a sequence of compositions is needed, found {type(X).__name__}.")
    return list(values)


def _from_mixed(rows: list[Any]) -> tuple[Compositions, dict[int, str]]:
    """Rows of texts, mappings and pymatgen objects."""
    texts, reasons = from_formulas([row if isinstance(row, str) else "" for row in rows])
    names = texts.formulas.astype(object)
    charges = texts.charges.copy()
    entries: list[tuple[int, int, float]] = []
    for i, row in enumerate(rows):
        if isinstance(row, str):
            continue
        composition = getattr(row, "composition", row)
        try:
            amounts = _amounts_of(composition)
        except FormulaError as fault:
            reasons[i] = str(fault)
            continue
        del reasons[i]
        entries += [(i, z, n) for z, n in amounts.items()]
        charges[i] = _charge_of(composition)
        names[i] = "".join(SYMBOLS[z] + _digits(n) for z, n in amounts.items())[:LONGEST]
    more = np.array(entries, dtype=float).reshape(-1, 3)
    places = np.concatenate([texts.rows, more[:, 0].astype(np.int64)])
    elements = np.concatenate([texts.elements, more[:, 1].astype(np.int64)])
    return _assembled(places, elements, np.concatenate([texts.amounts, more[:, 2]]), charges, names.tolist()), reasons


def _charge_of(composition: Any) -> float:
    """Net charge from the oxidation states of pymatgen's species; 0 where not every one has one."""
    if not hasattr(composition, "get_el_amt_dict") or not hasattr(composition, "items"):
        return 0.0
    states = [(getattr(species, "oxi_state", None), amount) for species, amount in composition.items()]
    return float(sum(s * n for s, n in states if s is not None)) if all(s is not None for s, _ in states) else 0.0


def _amounts_of(composition: Any) -> dict[int, float]:
    """Amounts of a mapping element -> amount; keys are symbols, or objects with one such as pymatgen's Species."""
    given = composition.get_el_amt_dict() if hasattr(composition, "get_el_amt_dict") else composition
    if str(given) in ("None", "nan", "NaN", "<NA>", "NaT"):
        raise FormulaError("there is no formula: the value is missing")
    if not isinstance(given, Mapping):
        raise FormulaError(f"{shown(repr(composition))} is no formula, mapping or pymatgen composition")
    amounts: dict[int, float] = {}
    for element, amount in given.items():
        symbol = str(getattr(element, "symbol", element))
        z = 1 if symbol == "D" else Z_OF.get(symbol, 0)
        if not z:
            raise FormulaError(f"there is no element {shown(symbol)}")
        try:
            number = float(amount)
        except (TypeError, ValueError) as error:
            raise FormulaError(f"the amount of {symbol} is {shown(repr(amount))}, a number is needed") from error
        if not 0 <= number <= LARGEST:
            raise FormulaError(f"the amount of {symbol} is {number:g}; it must be 0 to {LARGEST:g}")
        if number > 0:
            amounts[z] = amounts.get(z, 0.0) + number
    if not amounts:
        raise FormulaError("all amounts are zero or missing")
    return amounts


def _digits(amount: float) -> str:
    return "" if amount == 1 else np.format_float_positional(amount, trim="-")


def to_formulas(c: Compositions) -> TextArray:
    """A formula per row from which `from_formulas` reads the same amounts and charge; "" for unreadable rows.

    Symbols stand in the order of electronegativity, as usual for inorganic compounds.
    """
    order = np.lexsort((_RANK[c.elements], c.rows))
    words = [
        SYMBOLS[z] + _digits(n) for z, n in zip(c.elements[order].tolist(), c.amounts[order].tolist(), strict=True)
    ]
    bounds = c.offsets.tolist()
    texts = ["".join(words[a:b]) for a, b in pairwise(bounds)]
    for row in np.flatnonzero(c.charges).tolist():
        charge = float(c.charges[row])
        if texts[row]:
            texts[row] += f"^{_digits(abs(charge))}{'+' if charge > 0 else '-'}"
    return np.array(texts, dtype=np.str_) if texts else np.array([], dtype="<U1")


def _ranks() -> IntArray:
    """Place of each element by Pauling electronegativity (unknown ones last), then atomic number."""
    electronegativity = np.nan_to_num(table("periodic").column("X"), nan=9.0)
    ranks = np.empty(len(electronegativity), dtype=np.int64)
    ranks[np.lexsort((np.arange(len(ranks)), electronegativity))] = np.arange(len(ranks))
    return ranks


_RANK = _ranks()


def reduced_formulas(c: Compositions) -> TextArray:
    """The smallest whole-number formula of each row: equal for all multiples of a composition, "" for unreadable rows.

    Ratios to the rarest element that are small whole numbers within 0.2 % count as such (0.333 is meant as a third);
    else decimals are taken as written, up to four places; else ratios are rounded to thousandths of the rarest element.

    Examples
    --------
    >>> reduced_formulas(from_formulas(["La0.7Sr0.3MnO3", "La7Sr3Mn10O30", "Fe0.333Co0.667"])[0]).tolist()
    ['Sr3La7Mn10O30', 'Sr3La7Mn10O30', 'FeCo2']
    """
    whole = whole_amounts(c.offsets, c.amounts)
    texts = to_formulas(Compositions(c.offsets, c.elements, whole.astype(float), np.zeros(len(c)), c.formulas))
    return texts


def whole_amounts(offsets: IntArray, amounts: FloatArray) -> IntArray:
    """Whole numbers of atoms in the reduced formula, shape (n_entries,), by the rule of `reduced_formulas`.

    Parameters
    ----------
    offsets, amounts : as in `Compositions`
    """
    filled = np.flatnonzero(np.diff(offsets) > 0)
    if not len(filled):
        return np.zeros(0, dtype=np.int64)
    starts = offsets[:-1][filled]
    row = np.repeat(np.arange(len(filled)), np.diff(offsets)[filled])
    ratios = amounts / np.minimum.reduceat(amounts, starts)[row]
    whole = np.zeros(len(ratios), dtype=np.int64)
    open_rows = np.ones(len(filled), dtype=bool)
    for multiple in range(1, LARGEST_MULTIPLE + 1):
        tolerance = np.minimum(2e-3 * ratios * multiple, 0.05)
        _settle(ratios * multiple, tolerance, row, starts, open_rows, whole)
    for scale in (1.0, 10.0, 100.0, 1e3, 1e4):
        _settle(amounts * scale, 1e-6 * amounts * scale, row, starts, open_rows, whole)
    left = open_rows[row]
    whole[left] = np.rint(np.minimum(ratios[left] * 1000, 1e15)).astype(np.int64)
    return whole // np.gcd.reduceat(whole, starts)[row]


def _settle(
    values: FloatArray, tolerance: FloatArray, row: IntArray, starts: IntArray, open_rows: BoolArray, whole: IntArray
) -> None:
    """Take the rounded `values` for every open row in which all are whole numbers within `tolerance`."""
    if not open_rows.any():
        return
    rounded = np.rint(values)
    fits = (np.abs(values - rounded) <= tolerance) & (rounded >= 1)
    settled = open_rows & np.logical_and.reduceat(fits, starts)
    chosen = settled[row]
    whole[chosen] = np.minimum(rounded[chosen], 1e15).astype(np.int64)
    open_rows &= ~settled


def to_pymatgen(c: Compositions) -> list[Any]:
    """pymatgen Composition objects; None for unreadable rows. pymatgen has no place for a net charge: it is left out.

    Raises
    ------
    MissingExtra : pymatgen is not installed.
    """
    core = require("pymatgen.core", extra="bench")
    composed: list[Any] = []
    for row in range(len(c)):
        entries = slice(c.offsets[row], c.offsets[row + 1])
        amounts = {
            SYMBOLS[z]: n for z, n in zip(c.elements[entries].tolist(), c.amounts[entries].tolist(), strict=True)
        }
        composed.append(core.Composition(amounts) if amounts else None)
    return composed
