"""From the asymmetric unit of a CIF to all sites of the cell: operations, orbits, shared sites, what does not fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.core.optional import available
from matloop.matter.formats.cif_values import formula_amounts
from matloop.matter.formats.coincident import coincident
from matloop.matter.formats.part import FULL, Species, StructureError
from matloop.matter.formats.space_groups import fitting, operations_of, settings_of
from matloop.matter.formats.star import Block
from matloop.matter.formats.symmetry_operations import Operations, operations, orbits

SHARED = 0.01
"""Angstrom: sites of different species that lie closer are one shared site."""

_OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop.operation_xyz")
_SYMBOLS = (
    "_symmetry_space_group_name_h-m", "_space_group_name_h-m_alt", "_space_group_name_h-m_ref",
    "_space_group_name_h-m_full", "_symmetry_space_group_name_h_m", "_space_group_name_h-m",
)  # fmt: skip
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_MAGNETIC = (
    "_space_group_symop_magn_operation.xyz",
    "_space_group_symop_magn_operation_xyz",
    "_space_group_magn.number_bns",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """All sites of a cell: coordinates, shape (n, 3), their species, and what was assumed."""

    coordinates: FloatArray
    species: list[list[Species]]
    notes: tuple[str, ...]


def expanded(
    block: Block, lattice: FloatArray, lengths: FloatArray, angles: FloatArray, coordinates: FloatArray,
    species: list[list[Species]], kept: list[int], labels: list[str],
) -> Cell:  # fmt: skip
    """The sites of the cell from those of the asymmetric unit; `kept` are their places in the file, `labels` all names.

    Raises
    ------
    StructureError : the symmetry cannot be read, or makes too many sites.
    """
    if any(block.column(name) for name in _MAGNETIC):
        raise StructureError("this CIF describes a magnetic structure: read it with pymatgen and give its object")
    groups, notes = _groups(block, lengths, angles)
    written = _multiplicities(block, kept)
    tried = [orbits(coordinates, lattice, group, written) for group in groups]
    faults = [_faults(block, found[1], species, written) for found in tried]
    best = min(range(len(tried)), key=lambda k: len(faults[k]))
    sites, homes, moved = tried[best]
    if moved > 1e-3:
        notes = (*notes, f"sites moved by up to {moved:.2g} Angstrom onto special positions")
    sites, held = _merged(sites, homes, species, lattice, labels)
    return Cell(sites, held, (*notes, *faults[best]))


def _groups(block: Block, lengths: FloatArray, angles: FloatArray) -> tuple[list[Operations], tuple[str, ...]]:
    """The operations; more than one choice where the file does not say which origin."""
    number = block.value(*_NUMBERS).strip()
    symbol = block.value(*_SYMBOLS) or ("hall" + block.value(*_HALL) if block.value(*_HALL) else "")
    trivial = symbol.replace(" ", "").upper() in ("P1", "HALLP1") or (not symbol and number == "1")
    written = [text for text in block.column(*_OPERATIONS) or [] if text not in ("?", ".", "")]
    if written:
        group = operations(tuple(written))
        alone = len(written) == 1 and not trivial and (symbol or number)
        return [group], (f"only the identity is listed, although the group is {symbol or number}",) if alone else ()
    if trivial:
        return [operations(("x,y,z",))], ()
    if not symbol and not number:
        return [operations(("x,y,z",))], ("no symmetry is written: taken as P 1",)
    if not available("moyopy"):
        raise StructureError(
            f"no symmetry operations are listed, only the space group {symbol or number!r}; to look it up install "
            "moyopy: pip install 'matloop[structures]'"
        )
    settings = settings_of(symbol, int(number) if number.isdigit() and len(number) < 4 else 0)
    if not settings:
        raise StructureError(
            f"no symmetry operations are listed, and the space group {symbol or number!r} is not known: write the "
            "operations (_space_group_symop_operation_xyz)"
        )
    halls = fitting(settings, lengths, angles)[:6]
    unsure = f" ({len(halls)} settings fit; the one that agrees with the file is taken)" if len(halls) > 1 else ""
    note = f"operations taken from the space group {symbol.removeprefix('hall') or number}{unsure}"
    return [operations_of(hall) for hall in halls], (note,)


def _multiplicities(block: Block, kept: list[int]) -> IntArray:
    """Images of each site as written, 0 where the file does not say."""
    texts = block.column("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity") or []
    if not kept or len(texts) <= max(kept) or not all(text.isdigit() and len(text) < 4 for text in texts):
        return np.zeros(len(kept), dtype=np.int64)
    return np.array([int(texts[i]) for i in kept], dtype=np.int64)


def _faults(block: Block, homes: IntArray, species: list[list[Species]], written: IntArray) -> tuple[str, ...]:
    """Where what the file says about itself (multiplicities, formula) does not fit the sites found."""
    counts = np.bincount(homes, minlength=len(species))
    differ = int(((written > 0) & (written != counts)).sum())
    found = (
        f"the multiplicities of {differ} site(s) are other than written: is the symmetry complete?" if differ else ""
    )
    return tuple(note for note in (found, _formula_fault(block, counts, species)) if note)


def _formula_fault(block: Block, counts: IntArray, species: list[list[Species]]) -> str:
    written = formula_amounts(block)
    if not written:
        return ""
    amounts: dict[str, float] = {}
    for count, held in zip(counts.tolist(), species, strict=True):
        for z, share, _ in held:
            amounts[SYMBOLS[z]] = amounts.get(SYMBOLS[z], 0.0) + count * share
    if set(written) - {"D"} - set(amounts):
        return f"the formula has {', '.join(sorted(set(written) - set(amounts)))}, the sites have none of it"
    total, said = sum(amounts.values()), sum(written.values())
    if not total * said > 0:
        return ""
    apart = max(abs(amounts[s] / total - written.get(s, 0.0) / said) for s in amounts)
    return "the composition is not that of _chemical_formula_sum" if apart > 0.01 and "D" not in written else ""


# ---- shared sites ----


def _merged(
    sites: FloatArray, homes: IntArray, species: list[list[Species]], lattice: FloatArray, labels: list[str]
) -> tuple[FloatArray, list[list[Species]]]:
    """Sites at one place as one, with the species of all; each species list in the order of the file."""
    pairs = coincident(sites, lattice, np.ones(3, dtype=bool), SHARED)
    pairs = pairs[homes[pairs[:, 0]] != homes[pairs[:, 1]]]
    if not len(pairs):
        return sites, [species[home] for home in homes.tolist()]
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(sites)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, first, group = np.unique(connected_components(links, directed=False)[1], return_index=True, return_inverse=True)
    order = np.argsort(first)
    held: list[list[Species]] = [[] for _ in first]
    homes_of: list[list[int]] = [[] for _ in first]
    for home, place in zip(homes.tolist(), np.argsort(order)[group].tolist(), strict=True):
        held[place].extend(species[home])
        homes_of[place].append(home)
    _not_overfull(held, homes_of, labels)
    return sites[first[order]], held


def _not_overfull(held: list[list[Species]], homes: list[list[int]], labels: list[str]) -> None:
    """StructureError where the sites of the file that share a place hold more than one atom together."""
    for species, from_sites in zip(held, homes, strict=True):
        total = sum(share for _, share, _ in species)
        if total > FULL and len(from_sites) > 1:
            names = " and ".join(dict.fromkeys(labels[home] for home in from_sites))
            raise StructureError(
                f"sites {names} are at one place and hold {total:g} atoms together: correct their occupancies, or "
                "leave out what symmetry makes of another site"
            )
