"""One structure on its way into a batch or out of it, and the reason why something is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import SYMBOLS, Z_OF
from matloop.matter.allowed import USUAL, allowed
from matloop.matter.structures import Structures, joined_values

LONGEST_TEXT = 30_000_000
"""Characters of one file, at most: about 300,000 atoms."""
MOST_SITES = USUAL.sites
"""Sites of one structure, at most."""
LARGEST = 1e6
"""Angstrom, or lattice vectors: no length, position or coordinate is larger."""
FULL = 1.002
"""Occupancies of a site may sum to this by rounding (three thirds written as 0.334); they are then scaled to one."""
_LEFT_OVER = 0.05
"""e: a net charge of oxidation states that is smaller comes from rounded occupancies."""
ISOTOPES = ("D", "T")

Species = tuple[int, float, float]
"""Atomic number, occupancy, oxidation state (NaN where none is given)."""


class StructureError(ValueError):
    """Why something is no structure: what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """One structure as arrays; the fields are those of `Structures` for one row.

    lattice : shape (3, 3). periodic : shape (3,). coordinates : shape (n, 3). kinds : shape (n,), species of each site.
    numbers, occupancies, oxidation : shape (n_species,), the species of all sites one after another.
    notes : what was assumed or left out on the way.
    """

    lattice: FloatArray
    periodic: BoolArray
    coordinates: FloatArray
    kinds: IntArray
    numbers: IntArray
    occupancies: FloatArray
    oxidation: FloatArray
    charge: float = 0.0
    name: str = ""
    site_values: Mapping[str, FloatArray] = field(default_factory=dict)
    row_values: Mapping[str, FloatArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.coordinates)

    @property
    def positions(self) -> FloatArray:
        """Cartesian coordinates, shape (n, 3), Angstrom."""
        return np.einsum("si,ij->sj", self.coordinates, self.lattice)

    @property
    def ordered(self) -> bool:
        """Whether each site holds one species, fully."""
        return bool((self.kinds == 1).all() and (np.abs(self.occupancies - 1.0) < 1e-8).all())

    @property
    def implied_charge(self) -> float:
        """The net charge by the oxidation states, 0 where not every species has one."""
        return _charge(None, self.occupancies, self.oxidation)

    @property
    def species(self) -> list[list[Species]]:
        """The species of each site."""
        flat = list(zip(self.numbers.tolist(), self.occupancies.tolist(), self.oxidation.tolist(), strict=True))
        ends = np.cumsum(self.kinds).tolist()
        return [flat[end - kind : end] for end, kind in zip(ends, self.kinds.tolist(), strict=True)]


def ordered_part(
    lattice: FloatArray, periodic: BoolArray, coordinates: FloatArray, numbers: IntArray, **more: object
) -> Part:
    """A structure with one species on each site; `more` are the further fields of `Part`.

    Raises
    ------
    StructureError : no sites, too many, or a number that is not finite.
    """
    n = len(numbers)
    fields = {"oxidation": np.full(n, np.nan), **more}
    fields["charge"] = _charge(more.get("charge"), np.ones(n), np.asarray(fields["oxidation"], dtype=float))
    return checked(
        Part(lattice, periodic, coordinates, np.ones(n, np.int64), numbers, np.ones(n), **fields)  # type: ignore[arg-type]
    )


def mixed_part(
    lattice: FloatArray, periodic: BoolArray, coordinates: FloatArray, species: Sequence[Sequence[Species]],
    site_values: Mapping[str, FloatArray] | None = None, charge: float | None = None, **more: object,
) -> Part:  # fmt: skip
    """A structure whose sites may be shared or partly vacant; sites that hold nothing are left out, and noted.

    Without a `charge`, it is what the oxidation states sum to, if every species has one (as for compositions).

    Raises
    ------
    StructureError : occupancies of a site sum to more than one; no sites, too many, or a number that is not finite.
    """
    kinds = np.array([len(one) for one in species], dtype=np.int64)
    flat = [entry for one in species for entry in one]
    numbers, occupancies, oxidation = (np.array([entry[k] for entry in flat]) for k in range(3))
    part = Part(
        lattice, periodic, coordinates, kinds, numbers.astype(np.int64), occupancies.astype(float),
        oxidation.astype(float), _charge(charge, occupancies, oxidation), site_values=site_values or {},
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return checked(_filled(part))


def _charge(given: object, occupancies: FloatArray, oxidation: FloatArray) -> float:
    """The charge as given, else by the oxidation states; what rounded occupancies leave over counts as none."""
    if given is not None:
        return float(given)  # type: ignore[arg-type]
    total = float(np.dot(occupancies, oxidation)) if len(oxidation) else 0.0
    return total if abs(total) > _LEFT_OVER else 0.0


def _filled(part: Part) -> Part:
    """Without species of occupancy zero and sites that hold nothing; sums just above one by rounding made one."""
    sites = np.repeat(np.arange(len(part.kinds)), part.kinds)
    odd = ~((part.occupancies >= 0) & np.isfinite(part.occupancies))
    if odd.any():
        wrong = int(np.flatnonzero(odd)[0])
        raise StructureError(
            f"site {sites[wrong] + 1} ({SYMBOLS[part.numbers[wrong]]}) has the occupancy {part.occupancies[wrong]:g}; "
            "it must be above 0 and at most 1"
        )
    sums = np.bincount(sites, weights=part.occupancies, minlength=len(part.kinds))
    if len(sums) and sums.max() > FULL:
        site = int(sums.argmax())
        names = " + ".join(f"{occupancy:g} {SYMBOLS[z]}" for z, occupancy, _ in part.species[site])
        raise StructureError(
            f"the occupancies of site {site + 1} sum to {sums[site]:g} ({names}), more than one: correct them"
        )
    occupancies = part.occupancies / np.where(sums > 1.0 + 1e-12, sums, 1.0)[sites]
    keep = occupancies > 0
    kinds = np.bincount(sites[keep], minlength=len(part.kinds))
    there = kinds > 0
    vacant = int((~there).sum())
    return replace(
        part,
        coordinates=part.coordinates[there], kinds=kinds[there], numbers=part.numbers[keep],
        occupancies=occupancies[keep], oxidation=part.oxidation[keep],
        site_values={name: values[there] for name, values in part.site_values.items()},
        notes=(*part.notes, f"{vacant} wholly vacant site(s) left out") if vacant else part.notes,
    )  # fmt: skip


def checked(part: Part) -> Part:
    """The part itself.

    Raises
    ------
    StructureError : no sites, too many, or a number that is not finite.
    """
    n = len(part.kinds)
    if n == 0:
        raise StructureError("the structure is empty: it has no atoms")
    if n > allowed().sites:
        raise StructureError(f"{n:,} sites; structures of up to {allowed().sites:,} sites are read")
    if part.coordinates.shape != (n, 3):
        raise StructureError(f"{n} atoms, but coordinates of shape {part.coordinates.shape}: each atom needs three")
    within_reach(part.lattice, "lattice vector")
    within_reach(part.coordinates, "coordinate")
    return part


def within_reach(values: FloatArray, what: str) -> FloatArray:
    """The values themselves, one row per site or vector.

    Raises
    ------
    StructureError : one is no finite number, or larger than `LARGEST`; the message names `what` and which.
    """
    fine = np.abs(values) <= LARGEST
    if not fine.all():
        row = int(np.flatnonzero(~fine.all(axis=1))[0])
        wrong = float(values[row][~fine[row]][0])
        said = f"is {wrong:g}, more than {LARGEST:g}" if np.isfinite(wrong) else f"is {wrong}, no finite number"
        raise StructureError(f"{what} {row + 1} {said}: correct it")
    return values


def number_of(symbol: str) -> int:
    """Atomic number of a symbol; isotopes count as their element.

    Raises
    ------
    StructureError : it is no element.
    """
    if symbol in ISOTOPES:
        return 1
    number = Z_OF.get(symbol, 0)
    if not number:
        if re.match(r"(M|Q|Du|X|Xx)(?![a-z])", symbol) or symbol.lower().startswith(("vac", "dummy")):
            raise StructureError(
                f"{symbol[:30]!r} is a dummy species, no element: put an element there, or leave the site out"
            )
        raise StructureError(f"there is no element {symbol[:30]!r}: correct the species")
    return number


def noted_isotopes(symbols: Sequence[str]) -> tuple[str, ...]:
    """What to say where isotopes are among the symbols."""
    found = sorted(set(symbols) & set(ISOTOPES))
    return tuple(f"{symbol} read as H" for symbol in found)


# ---- cells ----


def completed(lattice: FloatArray, periodic: BoolArray) -> FloatArray:
    """The lattice with vectors of length one, at right angles to the others, in place of those that are zero.

    Raises
    ------
    StructureError : a vector along which the structure repeats is zero.
    """
    lengths = np.linalg.norm(within_reach(lattice, "lattice vector"), axis=1)
    lacking = lengths == 0
    if (lacking & periodic).any():
        raise StructureError("a lattice vector along which the structure repeats has no length: correct the cell")
    if not lacking.any():
        return lattice
    if lacking.all():
        return np.eye(3)
    whole = lattice.copy()
    _, _, right = np.linalg.svd(lattice[~lacking])
    whole[lacking] = right[-int(lacking.sum()) :]
    if np.linalg.det(whole) < 0:
        whole[np.flatnonzero(lacking)[-1]] *= -1.0
    return whole


def stands_in(lattice: FloatArray, periodic: BoolArray) -> BoolArray:
    """Vectors that `completed` put there, shape (3,): nothing repeats along them, length one, at right angles."""
    lengths = np.linalg.norm(lattice, axis=1)
    products = np.abs(lattice @ lattice.T) - np.diag(lengths**2)
    square = products.max(axis=1) < 1e-9 * max(1.0, float(lengths.max()) ** 2)
    return ~periodic & (np.abs(lengths - 1.0) < 1e-9) & square


def fractional(positions: FloatArray, lattice: FloatArray) -> FloatArray:
    """Coordinates in lattice vectors from Cartesian ones, shape (n, 3).

    Raises
    ------
    StructureError : the lattice vectors lie in one plane.
    """
    within_reach(positions, "position")
    if np.array_equal(within_reach(lattice, "lattice vector"), np.eye(3)):
        return positions
    volume = abs(np.linalg.det(lattice))
    if not volume > 1e-9 * np.linalg.norm(lattice, axis=1).prod():
        raise StructureError("the cell has no volume: its lattice vectors lie in one plane; correct the cell")
    return np.asarray(np.linalg.solve(lattice.T, positions.T).T, dtype=float)


# ---- batches ----


def assembled(parts: Sequence[Part | None]) -> Structures:
    """A batch of the parts, a row each; None is a row without sites."""
    there = [part for part in parts if part is not None]
    sizes = np.array([0 if part is None else len(part) for part in parts], dtype=np.int64)
    blank: list[tuple[int, dict[str, FloatArray]]] = []
    rows = [(1, {n: v[None] for n, v in part.row_values.items()}) if part else (1, {}) for part in parts]
    sites = [(len(part), part.site_values) for part in there]
    names = [part.name if part else "" for part in parts]
    return Structures(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        lattices=np.array([part.lattice if part else np.eye(3) for part in parts], dtype=float).reshape(-1, 3, 3),
        periodic=np.array([part.periodic if part else [True] * 3 for part in parts], dtype=bool).reshape(-1, 3),
        coordinates=_flat([part.coordinates for part in there], np.empty((0, 3))),
        species_offsets=np.concatenate([[0], np.cumsum(_flat([p.kinds for p in there], _NONE))]).astype(np.int64),
        numbers=_flat([part.numbers for part in there], _NONE),
        occupancies=_flat([part.occupancies for part in there], np.empty(0)),
        oxidation=_flat([part.oxidation for part in there], np.empty(0)),
        charges=np.array([part.charge if part else 0.0 for part in parts], dtype=float),
        names=np.array(names, dtype=np.str_) if names else np.array([], dtype="<U1"),
        site_values=joined_values(sites or blank),
        row_values=joined_values(rows or blank),
    )


_NONE: IntArray = np.empty(0, np.int64)


def _flat(arrays: list[Any], none: Any) -> Any:
    return np.concatenate(arrays) if arrays else none


def parts_of(structures: Structures) -> Iterator[Part | None]:
    """The rows one by one; None for a row without sites. Values that are NaN for the whole row are left out."""
    offsets, species = structures.offsets.tolist(), structures.species_offsets
    for row, (first, last) in enumerate(pairwise(offsets)):
        if first == last:
            yield None
            continue
        low, high = int(species[first]), int(species[last])
        sites = {name: values[first:last] for name, values in structures.site_values.items()}
        whole = {name: values[row] for name, values in structures.row_values.items()}
        yield Part(
            structures.lattices[row], structures.periodic[row], structures.coordinates[first:last],
            np.diff(species[first : last + 1]), structures.numbers[low:high], structures.occupancies[low:high],
            structures.oxidation[low:high], float(structures.charges[row]), str(structures.names[row]),
            {name: values for name, values in sites.items() if not np.isnan(values).all()},
            {name: values for name, values in whole.items() if not np.isnan(values).all()},
        )  # fmt: skip
