"""Space group and prototype of crystals, found by moyopy (extra `structures`)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import IntArray, TextArray, frozen
from matloop.core.optional import require
from matloop.matter.structures import Structures

EXTRA = "structures"
TOLERANCE = 0.01
"""Angstrom: how far an atom may lie from where a symmetry puts it, as is the custom for relaxed structures."""
MOST_SITES = 5_000
"""Sites of a row: above, the search for symmetries takes minutes."""


@dataclass(frozen=True, slots=True)
class Symmetry:
    """What symmetry the rows have.

    numbers : shape (n_rows,), space group 1 to 230; 0 where none was found.
    pearson : shape (n_rows,), Pearson symbol ("cF8"), "" where none was found.
    prototypes : shape (n_rows,), reduced anonymous formula, Pearson symbol, space group and the Wyckoff letters of each
        kind of site ("AB_cF8_225_a_b"): equal for NaCl and MgO, whatever cell, origin and order of sites. Letters are
        those of the equivalent settings that come first in the alphabet. "" where none was found.
    failed : {row: why there is none}.
    """

    numbers: IntArray
    pearson: TextArray
    prototypes: TextArray
    failed: dict[int, str]

    def __post_init__(self) -> None:
        for name in ("numbers", "pearson", "prototypes"):
            frozen(getattr(self, name))


def symmetry(structures: Structures, *, tolerance: float = TOLERANCE) -> Symmetry:
    """Space group, Pearson symbol and prototype of every row.

    A shared or partly vacant site is a kind of its own; rows that do not repeat in all directions have no space group.

    Parameters
    ----------
    tolerance : Angstrom.

    Raises
    ------
    MissingExtra : moyopy is not installed.

    References
    ----------
    Prototypes by Wyckoff positions: Mehl et al., Comput. Mater. Sci. 136 (2017) S1. doi:10.1016/j.commatsci.2017.01.017

    Examples
    --------
    >>> from matloop.matter.structures import from_arrays
    >>> salt = from_arrays(5.64 * np.ones((1, 3, 3)) / 2 * (1 - np.eye(3)), [[[0, 0, 0], [0.5, 0.5, 0.5]]], [[11, 17]])
    >>> symmetry(salt).prototypes.tolist()
    ['AB_cF8_225_a_b']
    """
    moyopy = finder()
    numbers = np.zeros(len(structures), dtype=np.int64)
    pearson, prototypes = [""] * len(structures), [""] * len(structures)
    failed: dict[int, str] = {}
    kinds = site_kinds(structures)
    for row in range(len(structures)):
        found = _one(moyopy, structures, kinds, row, tolerance)
        if isinstance(found, str):
            failed[row] = found
        else:
            numbers[row], pearson[row], prototypes[row] = found
    texts = [np.array(one or [""], dtype=np.str_)[: len(structures)] for one in (pearson, prototypes)]
    return Symmetry(numbers, texts[0], texts[1], failed)


def finder() -> Any:
    """The library moyopy, quiet: it warns at every supercell that operations of the primitive cell are not all those of
    the cell, and none of them is used here.

    Raises
    ------
    MissingExtra : it is not installed.
    """
    moyopy = require("moyopy", extra=EXTRA)
    logging.getLogger("moyo").setLevel(logging.ERROR)
    return moyopy


def site_kinds(structures: Structures) -> IntArray:
    """A number per site, shape (n_sites,), equal where the same species stand in the same shares; the atomic number of
    an ordered site."""
    counts = np.diff(structures.species_offsets)
    first = structures.species_offsets[:-1]
    plain = (counts == 1) & (structures.occupancies[np.minimum(first, max(len(structures.numbers) - 1, 0))] > 1 - 1e-8)
    kinds = np.where(plain, structures.numbers[np.minimum(first, max(len(structures.numbers) - 1, 0))], 0)
    known: dict[tuple[tuple[int, int], ...], int] = {}
    for site in np.flatnonzero(~plain).tolist():
        part = slice(structures.species_offsets[site], structures.species_offsets[site + 1])
        shares = np.rint(structures.occupancies[part] * 1e6).astype(np.int64).tolist()
        key = tuple(sorted(zip(structures.numbers[part].tolist(), shares, strict=True)))
        kinds[site] = known.setdefault(key, 200 + len(known))
    return kinds.astype(np.int64)


def _one(
    moyopy: Any, structures: Structures, kinds: IntArray, row: int, tolerance: float
) -> tuple[int, str, str] | str:
    start, end = int(structures.offsets[row]), int(structures.offsets[row + 1])
    if end == start:
        return "the structure could not be read"
    if not structures.periodic[row].all():
        return "does not repeat in all three directions: it has no space group"
    if end - start > MOST_SITES:
        return f"has {end - start:,} sites; symmetries are sought for up to {MOST_SITES:,}"
    if not (np.isfinite(structures.coordinates[start:end]).all() and np.isfinite(structures.lattices[row]).all()):
        return "a lattice vector or coordinate is no finite number"
    cell = moyopy.Cell(
        structures.lattices[row].tolist(), structures.coordinates[start:end].tolist(), kinds[start:end].tolist()
    )
    try:
        found = moyopy.MoyoDataset(cell, symprec=tolerance)
        return int(found.number), str(found.pearson_symbol), _prototype(found)
    except ValueError as error:
        return f"no symmetry was found ({error}); look for overlapping atoms or a flat cell"


def _prototype(found: Any) -> str:
    settings = found.normalizer_wyckoff_positions().coset_representatives
    numbers = found.std_cell.numbers
    labels = [_label(numbers, positions) for _, positions in settings]
    counts = np.array([count for count, _ in labels[0]])
    reduced = counts // np.gcd.reduce(counts)
    formula = "".join(f"{_letter(k)}{n if n > 1 else ''}" for k, n in enumerate(reduced.tolist()))
    letters = min("_".join(text for _, text in label) for label in labels)
    return f"{formula}_{found.pearson_symbol}_{found.number}_{letters}"


def _label(numbers: Sequence[int], positions: Sequence[Any]) -> list[tuple[int, str]]:
    """Atoms and Wyckoff letters of each kind of site, the rarer first: [(1, "a"), (3, "c")]."""
    atoms: Counter[int] = Counter(numbers)
    places = Counter((kind, one.letter, one.multiplicity) for kind, one in zip(numbers, positions, strict=True))
    texts: dict[int, str] = dict.fromkeys(atoms, "")
    for (kind, letter, multiplicity), n in sorted(places.items(), key=lambda entry: entry[0][:2]):
        orbits = n // multiplicity
        texts[kind] += f"{orbits if orbits > 1 else ''}{letter}"
    return sorted((n, texts[kind]) for kind, n in atoms.items())


def _letter(k: int) -> str:
    return chr(ord("A") + k) if k < 26 else f"({k})"
