"""Which elements may stand for each other in a compound or alloy, by rules that every chemist knows.

References
----------
Goldschmidt, Naturwissenschaften 14 (1926) 477 (15 % of the radius). doi:10.1007/BF01507527
Darken & Gurry, Physical Chemistry of Metals, McGraw-Hill (1953) (radius and electronegativity together).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, frozen
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF, oxidation_states, table

MOST_RADIUS, MOST_ELECTRONEGATIVITY = 0.15, 0.4
_NOBLE = tuple(Z_OF[symbol] for symbol in ("He", "Ne", "Ar", "Kr", "Xe", "Rn"))
_LANTHANIDES = range(Z_OF["La"], Z_OF["Lu"] + 1)
_ACTINIDES = range(Z_OF["Ac"], Z_OF["Lr"] + 1)


@cache
def unlikeness() -> FloatArray:
    """How unlike two elements are, shape (119, 119), symmetric: 0 for the same, 1 at the edge of the 15 % rule alone.

    The distance of Darken and Gurry: relative difference of the covalent radius over 0.15, difference of the Pauling
    electronegativity over 0.4, squared and added; infinite where a value is not known.
    """
    radius, electronegativity = table("magpie").column("CovalentRadius"), table("periodic").column("X")
    mean = 0.5 * (radius[:, None] + radius[None, :])
    size = (radius[:, None] - radius[None, :]) / mean / MOST_RADIUS
    pull = (electronegativity[:, None] - electronegativity[None, :]) / MOST_ELECTRONEGATIVITY
    return frozen(np.where(np.isfinite(size + pull), np.sqrt(size**2 + pull**2), np.inf))


@cache
def interchangeable() -> BoolArray:
    """Whether one element may take the place of another, shape (119, 119), symmetric, False on the diagonal.

    Two elements of the same nature (metals, or non-metals; metalloids with both) are alike where they are neighbours in
    a group, neighbours in a row of the d-block, both lanthanides or both actinides (up to curium). Metals of
    neighbouring rows (no metalloids, none right of group 13) are also alike where they share a common oxidation state,
    their radii differ by at most 15 % and their electronegativities by at most 0.4; of two transition metals they stand
    at most two groups apart, or both in the first row.

    Examples
    --------
    >>> bool(interchangeable()[Z_OF["Co"], Z_OF["Ni"]]), bool(interchangeable()[Z_OF["Na"], Z_OF["Cl"]])
    (True, False)
    """
    found = _same_nature() & (_neighbours() | (_shared_state() & _within_limits() & _metals_nearby()))
    nobody = [0, *_NOBLE, *range(Z_OF["Cm"] + 1, MAX_Z + 1)]
    found[nobody] = found[:, nobody] = False
    np.fill_diagonal(found, False)
    return frozen(found)


def partners(symbol: str) -> tuple[str, ...]:
    """Elements that may take the place of `symbol`, the most alike first.

    Examples
    --------
    >>> partners("Zr")[:2]
    ('Hf', 'Y')
    """
    z = Z_OF[symbol]
    others = np.flatnonzero(interchangeable()[z])
    return tuple(SYMBOLS[other] for other in others[np.argsort(unlikeness()[z, others], kind="stable")])


def _same_nature() -> BoolArray:
    magpie = table("magpie")
    metal, between, other = (
        np.nan_to_num(magpie.column(name)) > 0 for name in ("IsMetal", "IsMetalloid", "IsNonmetal")
    )
    metallic, plain = metal | between, other | between
    return np.asarray((metallic[:, None] & metallic) | (plain[:, None] & plain))


def _neighbours() -> BoolArray:
    magpie = table("magpie")
    group, row, block = (magpie.column(name) for name in ("Column", "Row", "IsDBlock"))
    inner = np.zeros(MAX_Z + 1, dtype=bool)
    inner[[z for z in (*_LANTHANIDES, *_ACTINIDES) if z not in (Z_OF["La"], Z_OF["Lu"])]] = True
    outer = ~inner[:, None] & ~inner
    apart = np.abs(row[:, None] - row)
    found = outer & (group[:, None] == group) & (apart <= 1)
    transition = np.nan_to_num(block) > 0
    found |= outer & transition[:, None] & transition & (apart == 0) & (np.abs(group[:, None] - group) <= 1)
    for series in (_LANTHANIDES, _ACTINIDES):
        found[np.ix_(list(series), list(series))] = True
    return np.asarray(found)


def _metals_nearby() -> BoolArray:
    magpie = table("magpie")
    group, row = magpie.column("Column"), magpie.column("Row")
    metal = (np.nan_to_num(magpie.column("IsMetal")) > 0) & (np.nan_to_num(magpie.column("IsMetalloid")) == 0)
    metal &= np.nan_to_num(group, nan=99.0) <= 13
    transition = (np.nan_to_num(magpie.column("IsDBlock")) > 0) & (group < 12)
    first = transition & (row == 4)
    far = transition[:, None] & transition & (np.abs(group[:, None] - group) > 2) & ~(first[:, None] & first)
    return np.asarray(metal[:, None] & metal & (np.abs(row[:, None] - row) <= 1) & ~far)


def _within_limits() -> BoolArray:
    radius, electronegativity = table("magpie").column("CovalentRadius"), table("periodic").column("X")
    mean = 0.5 * (radius[:, None] + radius[None, :])
    with np.errstate(invalid="ignore"):
        near = np.abs(radius[:, None] - radius) <= MOST_RADIUS * mean
        return np.asarray(near & (np.abs(electronegativity[:, None] - electronegativity) <= MOST_ELECTRONEGATIVITY))


def _shared_state() -> BoolArray:
    states = [set(one) - {0} for one in oxidation_states("common")]
    found = np.zeros((MAX_Z + 1, MAX_Z + 1), dtype=bool)
    for a in range(1, MAX_Z + 1):
        for b in range(a + 1, MAX_Z + 1):
            found[a, b] = found[b, a] = bool(states[a] & states[b])
    return found
