"""Crystals from and to CIF (Crystallographic Information File), read without any other library."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import Z_OF
from matloop.matter.formats.cif_symmetry import expanded
from matloop.matter.formats.cif_values import formula_amounts, lattice_of, number
from matloop.matter.formats.part import (
    ISOTOPES,
    Part,
    Species,
    StructureError,
    mixed_part,
    noted_isotopes,
    number_of,
    within_reach,
)
from matloop.matter.formats.star import Block, blocks_of

_ALL = np.ones(3, dtype=bool)
_CHARGED = re.compile(r"([A-Za-z]+)\d*?(?:(\d*)([+-])|([+-])(\d+))$")
_SHARES = re.compile(r"([\d.]+)\s*([A-Z][a-z]?)")
_WATER = {"OW": "O", "HW": "H"}
_UNKNOWN = ("?", ".", "")
_AXES = ("x", "y", "z")


def from_cif(text: str) -> Part:
    """The structure of a CIF.

    Coordinates stand in the order of the file, each site followed by its symmetry images; the first image of a site has
    the coordinates as written. Sites of different species at one place (within 0.01 Angstrom) become one shared site.
    Oxidation states come from `_atom_type_oxidation_number` or the type symbol ("Fe3+"). What else differs from
    pymatgen's reader: sites are not sorted, images are merged within 0.05 Angstrom and then put onto the special
    position, 0.3333 is 1/3 only there, and nothing unreadable is left out silently.

    Raises
    ------
    StructureError : there is no structure or are several; something is missing, unknown or truncated.
    """
    blocks = blocks_of(text)
    there = [block for block in blocks if _has_sites(block)]
    if not there:
        raise StructureError(_why_none(blocks))
    if len(there) > 1:
        names = ", ".join(repr(block.name) for block in there[:6])
        raise StructureError(
            f"the CIF holds {len(there)} structures ({names}{', ...' if len(there) > 6 else ''}): give each block as a "
            "row of its own (`split_texts` parts them)"
        )
    others = len(blocks) - 1
    notes = (f"{others} other block(s) without a structure left out",) if others else ()
    return _structure(there[0], notes)


def cif_blocks(text: str) -> list[str]:
    """The text of each block that holds a structure."""
    parts = re.split(r"^(?=data_)", text, flags=re.MULTILINE | re.IGNORECASE)
    return [part for part in parts if any(_has_sites(block) for block in blocks_of(part))]


def _has_sites(block: Block) -> bool:
    return bool(block.column("_atom_site_fract_x")) and bool(block.value("_cell_length_a"))


def _why_none(blocks: list[Block]) -> str:
    if not blocks:
        return "the CIF has no data block (a line such as 'data_name'): it is truncated or no CIF"
    cells = [block for block in blocks if block.value("_cell_length_a")]
    if any(block.column("_atom_site_fract_x") for block in blocks):
        return "the CIF has atoms but no cell (_cell_length_a ...): write its lengths and angles"
    if any(block.column("_atom_site_cartn_x") for block in blocks):
        return "the CIF has Cartesian coordinates only; fractional ones (_atom_site_fract_x) are needed"
    if cells:
        return "the CIF has a cell and no atoms (_atom_site_fract_x ...): it is truncated, or holds symmetry only"
    return "the CIF has neither a cell nor atoms: it holds no structure"


def _structure(block: Block, notes: tuple[str, ...]) -> Part:
    _whole(block)
    lengths, angles, assumed = _cell(block)
    lattice = lattice_of(lengths, angles)
    coordinates, kept, unplaced = _coordinates(block)
    species, symbols, more = _species(block, kept)
    labels = _labels(block, len(block.column("_atom_site_fract_x") or []))
    found = expanded(block, lattice, lengths, angles, coordinates, species, kept, [labels[i] for i in kept])
    return mixed_part(
        lattice, _ALL, found.coordinates, found.species, name=block.name[:200],
        notes=(*notes, *assumed, *unplaced, *more, *found.notes, *noted_isotopes(symbols)),
    )  # fmt: skip


def _whole(block: Block) -> None:
    """StructureError where a loop that is needed is not filled up."""
    for name in ("_atom_site_fract_x", "_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz"):
        if name in block.broken:
            columns, values = block.broken[name]
            raise StructureError(
                f"the loop of {name} has {columns} columns but {values} values: the CIF is truncated, or a value with "
                "blanks lacks quotes"
            )


# ---- cell ----


def _cell(block: Block) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    lengths = [block.value(f"_cell_length_{axis}") for axis in "abc"]
    angles = [block.value(f"_cell_angle_{name}") for name in ("alpha", "beta", "gamma")]
    if "" in lengths:
        raise StructureError(f"the CIF lacks _cell_length_{'abc'[lengths.index('')]}: write all three lengths")
    notes = ("angles that are not written taken as 90 degrees",) if "" in angles else ()
    given = [number(text, "cell length") for text in lengths]
    turned = [number(text or "90", "cell angle") for text in angles]
    if min(given) <= 0:
        raise StructureError(f"a cell length is {min(given):g} Angstrom; it must be above zero")
    if not all(0.0 < angle < 180.0 for angle in turned):
        raise StructureError(f"the cell angles are {turned}; each must lie between 0 and 180 degrees")
    within_reach(np.array(given)[:, None], "cell length")
    return np.array(given), np.array(turned), notes


# ---- sites ----


def _coordinates(block: Block) -> tuple[FloatArray, list[int], tuple[str, ...]]:
    """Coordinates of the sites, their places in the file, and what was left out."""
    columns = [block.column(f"_atom_site_fract_{axis}") for axis in _AXES]
    if any(column is None for column in columns):
        raise StructureError("the CIF lacks one of _atom_site_fract_x, _y, _z")
    texts = list(zip(*[column for column in columns if column is not None], strict=False))
    flags = block.column("_atom_site_calc_flag") or []
    dummies = {i for i, flag in enumerate(flags) if flag == "dum"}
    kept = [i for i in range(len(texts)) if i not in dummies]
    labels = _labels(block, len(texts))
    for i in kept:
        if any(text in _UNKNOWN for text in texts[i]):
            raise StructureError(
                f"site {labels[i]!r} has no coordinates ({', '.join(texts[i])}): write them, or leave the site out"
            )
    try:
        found = np.array([texts[i] for i in kept], dtype=float).reshape(-1, 3)
    except ValueError:
        found = np.array([[number(t, f"coordinate of site {labels[i]!r}") for t in texts[i]] for i in kept])
    within_reach(found, "coordinate of site")
    return found, kept, (f"{len(dummies)} site(s) marked as dummies left out",) if dummies else ()


def _labels(block: Block, n: int) -> list[str]:
    labels = block.column("_atom_site_label", "_atom_site_type_symbol") or []
    return labels if len(labels) == n else [str(i + 1) for i in range(n)]


def _species(block: Block, kept: Sequence[int]) -> tuple[list[list[Species]], list[str], tuple[str, ...]]:
    """Species of each site, the symbols found, and what was assumed."""
    n = len(block.column("_atom_site_fract_x") or [])
    types = block.column("_atom_site_type_symbol")
    labels = _labels(block, n)
    typed = types if types is not None and len(types) == n else labels
    names = [label if name in _UNKNOWN else name for name, label in zip(typed, labels, strict=True)]
    shares = block.column("_atom_site_occupancy") or []
    states = _oxidation(block)
    known = _formula_elements(block)
    species, symbols, notes = [], set[str](), dict[str, None]()
    read: dict[str, tuple[str, float, str]] = {}
    for i in kept:
        share = number(shares[i], "occupancy") if i < len(shares) and shares[i] not in _UNKNOWN else 1.0
        if " + " in names[i]:
            species.append([(number_of(s), float(x), np.nan) for x, s in _SHARES.findall(names[i])])
            continue
        if names[i] not in read:
            read[names[i]] = _symbol(names[i], known, types is not None)
        symbol, charge, note = read[names[i]]
        species.append([(number_of(symbol), share, states.get(names[i], states.get(symbol, charge)))])
        symbols.add(symbol)
        if note:
            notes[note] = None
    return species, sorted(symbols), (*notes, *_hydrogens(block), *_groups(block, shares))


def _symbol(name: str, known: frozenset[str], typed: bool) -> tuple[str, float, str]:
    """Symbol, oxidation state (NaN if none is written) and what was assumed, from a type symbol or label.

    `known` are the elements of the formula that the file gives; they decide between Ho and an H called HO1.
    """
    if re.search(r"[,/&]\s*[A-Z]", name):
        raise StructureError(
            f"site {name[:30]!r} names several elements without their shares: a line for each is needed"
        )
    letters = re.match(r"[A-Za-z]*", name.strip())
    word = letters[0] if letters else ""
    charged = _CHARGED.match(name.strip())
    charge = np.nan
    if charged and (typed or charged[3] or charged[4]):
        sign = charged[3] or charged[4]
        charge = float((charged[2] or charged[5] or "1") + "") * (1.0 if sign == "+" else -1.0)
    if word in Z_OF or word == "D" or (word in ISOTOPES and (typed or word in known)):  # T1 is a tetrahedral site
        return word, charge, ""
    if word.upper()[:2] in _WATER and (not known or word[:2].title() not in known):
        symbol = _WATER[word.upper()[:2]]
        return symbol, charge, f"{name!r} read as {symbol} of water"
    either = [s for s in (word[:2].title(), word[:1].upper()) if s in Z_OF or s == "D"]
    agreed = [s for s in either if s in known] or either
    if not agreed or word.lower().startswith(("vac", "dum", "wat", "xx")):
        raise StructureError(
            f"site {name[:30]!r} names no element (a group, a dummy or a vacancy): write its atoms, or leave it out"
        )
    proper = word[:2] == agreed[0] and not typed
    return agreed[0], charge, "" if proper or word.title() == agreed[0] else f"{name!r} read as {agreed[0]}"


def _oxidation(block: Block) -> dict[str, float]:
    symbols, states = block.column("_atom_type_symbol"), block.column("_atom_type_oxidation_number")
    if symbols is None or states is None or len(symbols) != len(states):
        return {}
    listed = {
        symbol: np.nan if state in _UNKNOWN else number(state, "oxidation number")
        for symbol, state in zip(symbols, states, strict=True)
    }
    # the site may say Fe where the list has Fe3+; with Fe2+ beside it nothing is known
    bare: dict[str, list[float]] = {}
    for symbol, state in listed.items():
        bare.setdefault(re.sub(r"\d*[+-]\d*$", "", symbol), []).append(state)
    return {**{symbol: found[0] for symbol, found in bare.items() if len(found) == 1}, **listed}


def _formula_elements(block: Block) -> frozenset[str]:
    return frozenset(formula_amounts(block))


def _hydrogens(block: Block) -> tuple[str, ...]:
    attached = block.column("_atom_site_attached_hydrogens") or []
    sites = sum(text not in (*_UNKNOWN, "0") for text in attached)
    return (f"hydrogen that is said to be attached to {sites} site(s) without positions left out",) if sites else ()


def _groups(block: Block, shares: Sequence[str]) -> tuple[str, ...]:
    groups = block.column("_atom_site_disorder_group") or []
    marked = sum(text not in _UNKNOWN for text in groups)
    if not marked:
        return ()
    full = "" if shares else ", but no occupancies are written: alternatives overlap"
    return (f"{marked} site(s) belong to disorder groups: all are kept with their occupancies{full}",)
