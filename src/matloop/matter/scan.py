"""Plain formulas by the batch: all texts are read as one array of bytes, without a loop over rows.

Plain means symbols, decimal amounts and round or square brackets ("Ca3(PO4)2", "La0.7Sr0.3MnO3"), perhaps with spaces
before a symbol or an opening bracket ("K4 Mn4 O8"). Every other row is left to `matter.formula`, which knows the whole
grammar and the reasons; a space before a digit or a sign is one of them, for "SO4 2-" ends in a charge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import Z_OF

LONGEST = 500
_OTHER, _UPPER, _LOWER, _DIGIT, _DOT, _OPEN, _CLOSE, _END = range(8)
_SPACE = ord(" ")
_NOT_PLAIN = re.compile(rb"\((?:II|IV|VI)|H21[78]O")  # the start of "Fe(III)", whose numeral is no iodine; an isotope
_MOST_DIGITS = 15  # more do not fit a float exactly; such rows are read one by one


def _byte_classes() -> NDArray[np.uint8]:
    classes = np.zeros(256, dtype=np.uint8)
    for text, kind in (("([", _OPEN), (")]", _CLOSE), (".", _DOT), ("\n", _END), ("0123456789", _DIGIT)):
        classes[[ord(c) for c in text]] = kind
    classes[ord("A") : ord("Z") + 1] = _UPPER
    classes[ord("a") : ord("z") + 1] = _LOWER
    return classes


def _symbol_codes() -> NDArray[np.int64]:
    codes = np.zeros(26 * 27, dtype=np.int64)
    for symbol, z in Z_OF.items():
        codes[(ord(symbol[0]) - 65) * 27 + (ord(symbol[1]) - 96 if len(symbol) == 2 else 0)] = z
    return codes


_CLASSES = _byte_classes()
_CODES = _symbol_codes()
_TENS = 10 ** np.arange(_MOST_DIGITS + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was read: entries as written (a symbol may come twice in a row), and which rows are plain.

    rows, elements, amounts : shape (n_entries,), of plain rows only, in the order of the text.
    plain : shape (n_rows,)
    """

    rows: IntArray
    elements: IntArray
    amounts: FloatArray
    plain: BoolArray


def scan(texts: Sequence[str]) -> Scan:
    """Read every plain formula of `texts` (no text may hold a line feed)."""
    if not texts:
        none = np.zeros(0, dtype=np.int64)
        return Scan(none, none, np.zeros(0), np.zeros(0, dtype=bool))
    buffer = _joined(np.frombuffer(("\n".join(texts) + "\n").encode("utf-8", "replace"), dtype=np.uint8))
    kinds = _CLASSES[buffer]
    ends = np.flatnonzero(kinds == _END)
    lengths = np.diff(ends, prepend=-1) - 1
    plain = (lengths > 0) & (lengths <= LONGEST)
    before = np.concatenate([[np.uint8(_END)], kinds[:-1]])

    wrong = (kinds == _OTHER) | ((kinds == _LOWER) & (before != _UPPER)) | ((kinds == _CLOSE) & (before == _OPEN))
    plain[np.searchsorted(ends, np.flatnonzero(wrong))] = False
    plain[_perhaps_hydrates(buffer, kinds, ends)] = False
    others = [found.start() for found in _NOT_PLAIN.finditer(buffer.tobytes())]
    plain[np.searchsorted(ends, np.array(others, dtype=np.int64))] = False
    values = _numbers(buffer, kinds, before, ends, plain)

    heads = np.flatnonzero(kinds == _UPPER)
    long = kinds[heads + 1] == _LOWER
    second = np.where(long, buffer[heads + 1].astype(np.int64) - 96, 0)
    elements = _CODES[(buffer[heads].astype(np.int64) - 65) * 27 + second]
    rows = np.searchsorted(ends, heads)
    plain[rows[elements == 0]] = False
    amounts = values[heads + 1 + long]
    _multiply_brackets(buffer, kinds, ends, plain, values, heads, amounts)
    plain[rows[~((amounts > 0) & (amounts <= 1e9))]] = False
    kept = plain[rows]
    return Scan(rows[kept], elements[kept], amounts[kept], plain)


def _joined(buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bytes without spaces at the ends of a row, and without those that stand before a symbol or open a bracket.

    Spaces that may mean something stay, so that their rows are not plain.
    """
    spaces = np.flatnonzero(buffer == _SPACE)
    if not len(spaces):
        return buffer
    others = np.flatnonzero(buffer != _SPACE)
    place = np.searchsorted(others, spaces)  # below len(others): the last byte is a line feed
    kinds = np.append(_CLASSES[buffer[others]], np.uint8(_END))  # at -1: the start of the first row
    after = np.isin(kinds[place - 1], (_UPPER, _LOWER, _DIGIT, _CLOSE, _END))
    before = np.isin(kinds[place], (_UPPER, _OPEN, _END))
    return np.delete(buffer, spaces[after & before])


def _perhaps_hydrates(buffer: NDArray[np.uint8], kinds: NDArray[np.uint8], ends: IntArray) -> IntArray:
    """Rows with both "H2O" and a dot: the dot of "CuSO4.5H2O" is no decimal point, and only the grammar knows."""
    dots = np.flatnonzero(kinds == _DOT)
    if not len(dots):
        return dots
    water = (buffer[:-2] == ord("H")) & (buffer[1:-1] == ord("2")) & (buffer[2:] == ord("O"))
    return np.intersect1d(np.searchsorted(ends, np.flatnonzero(water)), np.searchsorted(ends, dots))


def _numbers(
    buffer: NDArray[np.uint8], kinds: NDArray[np.uint8], before: NDArray[np.uint8], ends: IntArray, plain: BoolArray
) -> FloatArray:
    """The number that starts at each byte, else 1. Rows with a number that is no plain decimal are unmarked."""
    values = np.ones(len(buffer))
    inside = (kinds == _DIGIT) | (kinds == _DOT)
    starts = np.flatnonzero(inside & (before != _DIGIT) & (before != _DOT))
    if not len(starts):
        return values
    stops = np.flatnonzero(~inside & ((before == _DIGIT) | (before == _DOT)))
    digits = np.concatenate([[0], np.cumsum(kinds == _DIGIT)])
    dots = np.flatnonzero(kinds == _DOT)
    count = digits[stops] - digits[starts]
    n_dots = stops - starts - count
    place = np.searchsorted(dots, starts)
    decimals = np.zeros(len(starts), dtype=np.int64)
    some = n_dots > 0
    decimals[some] = digits[stops[some]] - digits[dots[place[some]]]
    fine = (n_dots <= 1) & (count <= _MOST_DIGITS) & (count > decimals) & (~some | (decimals > 0))
    fine &= np.isin(before[starts], (_UPPER, _LOWER, _CLOSE))
    plain[np.searchsorted(ends, starts[~fine])] = False

    positions = np.flatnonzero(kinds == _DIGIT)
    firsts = np.searchsorted(positions, starts)
    run = np.repeat(np.arange(len(starts)), np.diff(np.append(firsts, len(positions))))
    power = np.minimum(digits[stops[run]] - digits[positions] - 1, _MOST_DIGITS)
    terms = (buffer[positions].astype(np.int64) - 48) * _TENS[power]
    whole = np.zeros(len(starts), dtype=np.int64)
    whole[count > 0] = np.add.reduceat(terms, firsts[count > 0]) if len(terms) else 0
    # both are exact integers below 2**53, so the quotient is the float nearest to the decimal text
    values[starts] = whole / _TENS[np.minimum(decimals, _MOST_DIGITS)]
    return values


def _multiply_brackets(
    buffer: NDArray[np.uint8],
    kinds: NDArray[np.uint8],
    ends: IntArray,
    plain: BoolArray,
    values: FloatArray,
    heads: IntArray,
    amounts: FloatArray,
) -> None:
    """Multiply `amounts` (of the symbols at `heads`) by the number after each bracket around them, in place."""
    places = np.flatnonzero((kinds == _OPEN) | (kinds == _CLOSE))
    if not len(places):
        return
    rows = np.searchsorted(ends, places)
    steps = np.where(kinds[places] == _OPEN, 1, -1)
    running = np.cumsum(steps)
    first = np.searchsorted(rows, rows)
    depth = running - (running - steps)[first]
    last = np.searchsorted(rows, rows, side="right") - 1
    plain[rows[(depth < 0) | (depth[last] != 0) | (depth > 8)]] = False

    good = plain[rows]
    places, steps, depth, rows = places[good], steps[good], depth[good], rows[good]
    for level in range(1, int(depth.max(initial=0)) + 1):
        opens = places[(steps == 1) & (depth == level)]
        closes = places[(steps == -1) & (depth == level - 1)]
        pairs = buffer[closes].astype(np.int64) - buffer[opens]  # ")" - "(" is 1, "]" - "[" is 2
        mixed = ((pairs == 1) != (buffer[opens] == ord("("))) | ~np.isin(pairs, (1, 2))
        plain[np.searchsorted(ends, opens[mixed])] = False
        around = np.searchsorted(opens, heads) - 1
        inside = (around >= 0) & (heads < closes[np.maximum(around, 0)])
        amounts[inside] *= values[closes[around[inside]] + 1]
