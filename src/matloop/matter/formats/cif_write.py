"""Crystals as CIF texts."""

from __future__ import annotations

import re

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.elements import SYMBOLS
from matloop.matter.formats.part import Part, StructureError

_HEAD = """data_{name}
_symmetry_space_group_name_H-M   'P 1'
_symmetry_Int_Tables_number   1
_cell_length_a   {a!r}
_cell_length_b   {b!r}
_cell_length_c   {c!r}
_cell_angle_alpha   {alpha!r}
_cell_angle_beta   {beta!r}
_cell_angle_gamma   {gamma!r}
_cell_volume   {volume!r}
_chemical_formula_sum   '{formula}'
loop_
 _symmetry_equiv_pos_as_xyz
  'x, y, z'
"""
_SITES = """loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
"""


def to_cif(part: Part) -> str:
    """The text of a CIF with all sites of the cell (P 1); all digits are written.

    Raises
    ------
    StructureError : there is no cell.
    """
    if not part.periodic.any():
        raise StructureError("there is no cell, which a CIF needs: write extended XYZ, or put it into a box")
    # lengths and angles say nothing of handedness: a left-handed cell would come back as its mirror image
    turned = np.linalg.det(part.lattice) < 0
    coordinates = 0.0 - part.coordinates if turned else part.coordinates
    sides = np.linalg.norm(part.lattice, axis=1)
    alpha, beta, gamma = (_angle(part.lattice, i, j) for i, j in ((1, 2), (0, 2), (0, 1)))
    a, b, c = sides.tolist()
    charged = zip(part.numbers.tolist(), part.oxidation.tolist(), strict=True)
    types = {_type(z, state): repr(state) if state == state else "?" for z, state in charged}
    texts = [
        _HEAD.format(
            name=re.sub(r"[^\x21-\x7e]", "_", part.name)[:74] or "structure",
            a=a,
            b=b,
            c=c,
            alpha=alpha,
            beta=beta,
            gamma=gamma,
            volume=float(abs(np.linalg.det(part.lattice))),
            formula=_formula(part),
        )
    ]
    if set(types.values()) != {"?"}:
        rows = [f"  {name}  {state}" for name, state in sorted(types.items())]
        texts.append("loop_\n _atom_type_symbol\n _atom_type_oxidation_number\n" + "\n".join(rows) + "\n")
    lines = []
    for site, (place, held) in enumerate(zip(coordinates.tolist(), part.species, strict=True)):
        where = "  ".join(map(repr, place))
        lines += [f"  {_type(z, state)}  {SYMBOLS[z]}{site}  {where}  {share!r}" for z, share, state in held]
    return "".join([*texts, _SITES, "\n".join(lines), "\n"])


def _angle(lattice: FloatArray, i: int, j: int) -> float:
    """Degrees between two lattice vectors, exact also near 0, 90 and 180."""
    u, v = lattice[i] / np.linalg.norm(lattice[i]), lattice[j] / np.linalg.norm(lattice[j])
    return float(np.degrees(2.0 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))))


def _type(z: int, state: float) -> str:
    """A type symbol: "Fe", "Fe3+", "O2-", "Fe2.5+"."""
    if state != state:
        return SYMBOLS[z]
    return f"{SYMBOLS[z]}{abs(state):g}{'-' if state < 0 else '+'}"


def _formula(part: Part) -> str:
    amounts: dict[int, float] = {}
    for z, share in zip(part.numbers.tolist(), part.occupancies.tolist(), strict=True):
        amounts[z] = amounts.get(z, 0.0) + share
    return " ".join(f"{SYMBOLS[z]}{amount:g}" for z, amount in amounts.items())
