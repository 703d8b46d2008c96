"""Symmetry operations of a space group by its symbol or number, from the tables of moyopy (extra `structures`)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, frozen
from matloop.core.optional import require
from matloop.matter.formats.symmetry_operations import Operations

EXTRA = "structures"
_CHOICES = (("hr", ":h"), ("rs", ":r"), ("h", ":h"), ("r", ":r"))
_DOUBLE_GLIDES = (39, 41, 64, 67, 68)
"""Groups whose symbols have an e since 1992; before, one of its two glide planes stood there (Cmca is Cmce)."""


@lru_cache(maxsize=512)
def settings_of(symbol: str, number: int) -> tuple[tuple[int, str], ...]:
    """Settings that a Hermann-Mauguin or Hall symbol may mean: (Hall number 1 to 530, name such as "b1", "2", "R").

    Without a known symbol: those of the group by number, the standard one first.

    Examples
    --------
    >>> settings_of("F d -3 m", 0)                                          # doctest: +SKIP
    ((526, '2'), (525, '1'))
    """
    plain, _, choice = squeezed(symbol).partition(":")
    found = [entry for entry in _settings() if plain and plain in entry[2]]
    if choice:
        found = [entry for entry in found if entry[1].lower() == choice] or found
    found = found or [entry for entry in _settings() if entry[3] == number]
    first = [(entry[0], entry[1]) for entry in found if entry[1][:1] != "1"]
    return tuple(first + [(entry[0], entry[1]) for entry in found if entry[1][:1] == "1"])


def fitting(settings: tuple[tuple[int, str], ...], lengths: FloatArray, angles: FloatArray) -> list[int]:
    """Hall numbers of those settings that agree with a cell; all if none does.

    Parameters
    ----------
    lengths : shape (3,), Angstrom. angles : shape (3,), degrees.
    """
    rhombohedral = float(np.ptp(lengths)) < 0.01 and float(np.ptp(angles)) < 0.1
    oblique = np.flatnonzero(np.abs(angles - 90.0) > 0.01).tolist()
    axis = "abc"[oblique[0]] if len(oblique) == 1 else ""
    kept = []
    for hall, name in settings:
        wrong_axis = (
            name.lstrip("-")[:1] in ("a", "b", "c")
            and len(name.lstrip("-")) <= 2
            and axis not in ("", name.lstrip("-")[0])
        )
        if not wrong_axis and not (name == "R" and not rhombohedral) and not (name == "H" and rhombohedral):
            kept.append(hall)
    return kept or [hall for hall, _ in settings]


@lru_cache(maxsize=530)
def operations_of(hall: int) -> Operations:
    """Operations of a setting by its Hall number.

    Raises
    ------
    MissingExtra : moyopy is not installed.
    """
    moyopy = require("moyopy", extra=EXTRA)
    number = moyopy.HallSymbolEntry(hall).number
    group = moyopy.operations_from_number(number, setting=moyopy.Setting.hall_number(hall))
    return frozen(np.array(group.rotations, dtype=float)), frozen(np.array(group.translations, dtype=float))


@lru_cache(maxsize=1)
def _settings() -> tuple[tuple[int, str, frozenset[str], int], ...]:
    """Hall number, setting, symbols and number of the 530 settings of the International Tables."""
    moyopy = require("moyopy", extra=EXTRA)
    entries = [moyopy.HallSymbolEntry(k) for k in range(1, 531)]
    return tuple((k, entry.setting, frozenset(_symbols(entry)), entry.number) for k, entry in enumerate(entries, 1))


def _symbols(entry: Any) -> set[str]:
    """All ways in which a setting is written, squeezed."""
    if 3 <= entry.number <= 15:  # the short symbol of the table is that of the standard setting: P21/c for P21/n
        shorts = [" ".join(word for word in entry.hm_full.split() if word != "1")]
    else:
        shorts = [entry.hm_short]
    found = {squeezed(symbol) for symbol in (*shorts, entry.hm_full)}
    if entry.number in _DOUBLE_GLIDES:
        found |= {symbol.replace("e", letter) for symbol in found for letter in "abc"}
    if entry.number >= 200:
        found |= {symbol.replace("-3", "3") for symbol in found if not symbol.startswith("r")}
    return found | {"hall" + squeezed(entry.hall_symbol)}


def squeezed(symbol: str) -> str:
    """A symbol without blanks and underscores in lower case, choices of axes and origin as ":1", ":2", ":h", ":r"."""
    text = re.sub(r"[\s_()]", "", symbol).lower()
    if ":" in text or text.startswith("hall"):
        return text
    if text.startswith("r"):
        ending = next((pair for pair in _CHOICES if text.endswith(pair[0])), None)
        return text[: -len(ending[0])] + ending[1] if ending else text
    return text[:-1] + {"z": ":2", "s": ":1"}[text[-1]] if text[-1:] in ("z", "s") else text
