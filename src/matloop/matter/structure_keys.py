"""Keys of structures: equal for the same structure, so that duplicates and polymorphs can be told apart."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, TextArray
from matloop.matter.compositions import to_formulas
from matloop.matter.structures import Structures, to_compositions
from matloop.matter.symmetry import symmetry

DIGITS = 6
"""Decimals of lengths (Angstrom) and coordinates that count in `content_keys`; files seldom have more."""


def content_keys(structures: Structures) -> TextArray:
    """A key per row, equal where the same cell holds the same sites: shape (n_rows,), 32 hex digits, "" if empty.

    Rounded to `DIGITS` decimals: lengths of and products between lattice vectors (so turning in space does not count),
    coordinates (modulo one along vectors that repeat), occupancies; with elements, oxidation states, charge and which
    vectors repeat. Not counted: the order of sites and species, names, further values. Another cell, origin or setting
    of the same crystal has another key: see `polymorph_keys`.
    """
    elements = structures.site_numbers
    keys = [_content_key(structures, elements, row) for row in range(len(structures))]
    return np.array(keys or [""], dtype="<U32")[: len(structures)]


def polymorph_keys(structures: Structures) -> TextArray:
    """Reduced formula, prototype and space group of each row, such as "O2Ti AB2_tP6_136_a_f": shape (n_rows,).

    Equal for the same crystal in any cell, setting, origin, order of sites or supercell; different for polymorphs
    unless they have the same space group and the same kinds of Wyckoff positions occupied. Rows that do not repeat in
    all directions, and those without a symmetry, have the formula alone; unreadable rows "".

    Raises
    ------
    MissingExtra : moyopy is not installed.
    """
    prototypes = symmetry(structures).prototypes
    formulas = reduced_formulas(structures)
    both = [f"{f} {p}".strip() for f, p in zip(formulas.tolist(), prototypes.tolist(), strict=True)]
    return np.array(both or [""], dtype=np.str_)[: len(structures)]


def reduced_formulas(structures: Structures) -> TextArray:
    """Formulas of the smallest whole numbers of atoms, of fractions to four digits where there are none."""
    cells = to_compositions(structures)
    smallest = np.array(
        [_smallest(cells.amounts[a:b]) for a, b in zip(cells.offsets[:-1], cells.offsets[1:], strict=True)]
    )
    amounts = np.round(cells.amounts / smallest[cells.rows], 4) if len(cells.amounts) else cells.amounts
    neutral = np.zeros(len(cells))
    return to_formulas(type(cells)(cells.offsets, cells.elements, amounts, neutral, cells.formulas))


def _smallest(amounts: FloatArray) -> float:
    whole = np.round(amounts)
    if not len(amounts):
        return 1.0
    if np.abs(amounts - whole).max() < 1e-4 and whole.min() > 0:
        return float(math.gcd(*whole.astype(np.int64).tolist()))
    return float(amounts.sum())


def _content_key(structures: Structures, elements: IntArray, row: int) -> str:
    start, end = int(structures.offsets[row]), int(structures.offsets[row + 1])
    if start == end:
        return ""
    scale = 10**DIGITS
    lattice, periodic = structures.lattices[row], structures.periodic[row]
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    shape = np.concatenate([lengths, (metric / np.outer(lengths, lengths))[np.triu_indices(3, 1)]])
    places = _whole(structures.coordinates[start:end] * scale)
    places = np.where(periodic, places % scale, places)
    order = np.lexsort((elements[start:end], *places.T[::-1]))
    handed = np.sign(np.linalg.det(lattice))
    content = hashlib.blake2b(digest_size=16)
    for array in (_whole(shape * scale), periodic, places[order], _species(structures, start + order)):
        content.update(np.ascontiguousarray(array).tobytes())
    content.update(f"{handed:.0f} {round(float(structures.charges[row]), 4) + 0.0}".encode())
    return content.hexdigest()


def _species(structures: Structures, sites: IntArray) -> IntArray:
    """Species of the sites in this order, within a site in the order of elements, as whole numbers."""
    part = structures.species_offsets
    which = np.concatenate([np.arange(part[site], part[site + 1]) for site in sites.tolist()])
    home = np.repeat(np.arange(len(sites)), part[sites + 1] - part[sites])
    states = np.nan_to_num(structures.oxidation[which], nan=-99.0)
    rows = np.stack(
        [home, structures.numbers[which], _whole(states * 1000), _whole(structures.occupancies[which] * 1e4)], axis=1
    )
    return rows[np.lexsort(rows.T[::-1])]


def _whole(values: FloatArray) -> IntArray:
    """Whole numbers nearby; the edge between two lies where no decimal fraction of a file does, not at one half."""
    return np.floor(values + 0.6371).astype(np.int64)
