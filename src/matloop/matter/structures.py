"""Crystals, slabs and molecules in space as a batch of flat arrays: the whole batch, no object per atom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray, frozen
from matloop.core.optional import available
from matloop.matter.compositions import Compositions, reduced_formulas, to_formulas


@dataclass(frozen=True, slots=True)
class Structures:
    """Sites of many structures, compressed by rows (CSR), and the species of each site, compressed by sites.

    offsets : shape (n_rows + 1,); row i holds sites offsets[i]:offsets[i+1]. A row without sites could not be read.
    lattices : shape (n_rows, 3, 3), Angstrom, rows are the vectors; the unit matrix where there is no cell.
    periodic : shape (n_rows, 3), along which vectors the structure repeats.
    coordinates : shape (n_sites, 3), in lattice vectors, as written (not wrapped into the cell).
    species_offsets : shape (n_sites + 1,); site s holds species species_offsets[s]:species_offsets[s+1].
    numbers : shape (n_species,), atomic number 1..118. occupancies : shape (n_species,), in (0, 1]; those of a site sum
        to at most one, what is missing is vacant. oxidation : shape (n_species,), oxidation state, NaN where none is
        given.
    charges : shape (n_rows,), net charge in e.
    names : shape (n_rows,), what the row is called (id, file or formula), "" for none.
    site_values : further values per site by name, each of shape (n_sites,) or (n_sites, ...): magnetic moments, forces.
    row_values : further values per row by name, each of shape (n_rows,) or (n_rows, ...): energy, stress.
    """

    offsets: IntArray
    lattices: FloatArray
    periodic: BoolArray
    coordinates: FloatArray
    species_offsets: IntArray
    numbers: IntArray
    occupancies: FloatArray
    oxidation: FloatArray
    charges: FloatArray
    names: TextArray
    site_values: dict[str, FloatArray] = field(default_factory=dict)
    row_values: dict[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            for array in value.values() if isinstance(value, dict) else (value,):
                frozen(array)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> IntArray:
        """Sites of each row, shape (n_rows,)."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> IntArray:
        """The row of each site, shape (n_sites,)."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @property
    def site_of_species(self) -> IntArray:
        """The site of each species entry, shape (n_species,)."""
        return np.repeat(np.arange(len(self.coordinates)), np.diff(self.species_offsets))

    @property
    def positions(self) -> FloatArray:
        """Cartesian coordinates, shape (n_sites, 3), Angstrom."""
        return np.einsum("si,sij->sj", self.coordinates, self.lattices[self.rows])

    @property
    def volumes(self) -> FloatArray:
        """Cell volumes, shape (n_rows,), cubic Angstrom; NaN where there are no sites or not all repeats."""
        volumes: FloatArray = np.abs(np.linalg.det(self.lattices))
        return np.where(self.periodic.all(axis=1) & (self.sizes > 0), volumes, np.nan)

    @property
    def ordered(self) -> BoolArray:
        """Rows where each site holds one species, fully: shape (n_rows,)."""
        one = np.diff(self.species_offsets) == 1
        full = np.zeros(len(self.coordinates), dtype=bool)
        full[one] = np.abs(self.occupancies[self.species_offsets[:-1][one]] - 1.0) < 1e-8
        return np.bincount(self.rows[~full], minlength=len(self)) == 0

    @property
    def site_numbers(self) -> IntArray:
        """Atomic number of each site, shape (n_sites,); of a disordered site the most frequent one, first if tied."""
        sites = self.site_of_species
        order = np.lexsort((np.arange(len(sites)), -self.occupancies, sites))
        first = order[self.species_offsets[:-1]] if len(order) else order
        return self.numbers[first]

    def take(self, rows: IntArray) -> Structures:
        """The given rows, in the given order."""
        rows = np.asarray(rows, dtype=np.int64)
        offsets, sites = _picked(self.offsets, rows)
        species_offsets, species = _picked(self.species_offsets, sites)
        return Structures(
            offsets, self.lattices[rows], self.periodic[rows], self.coordinates[sites], species_offsets,
            self.numbers[species], self.occupancies[species], self.oxidation[species], self.charges[rows],
            self.names[rows], {name: values[sites] for name, values in self.site_values.items()},
            {name: values[rows] for name, values in self.row_values.items()},
        )  # fmt: skip


def _picked(offsets: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Offsets of the chosen rows, and their entries."""
    counts = np.diff(offsets)[rows]
    picked = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return picked, np.repeat(offsets[:-1][rows] - picked[:-1], counts) + np.arange(picked[-1])


def from_arrays(
    lattices: FloatArray,
    coordinates: Sequence[FloatArray],
    numbers: Sequence[IntArray],
    *,
    periodic: BoolArray | None = None,
    names: Sequence[str] = (),
) -> Structures:
    """Ordered structures from arrays that are known to be right; files and objects are read by the other modules here.

    Parameters
    ----------
    lattices : shape (n, 3, 3), Angstrom. coordinates : n arrays of shape (sites, 3), in lattice vectors. numbers : n
        arrays of shape (sites,), atomic numbers. periodic : shape (n, 3), all True by default. names : n texts.

    Examples
    --------
    >>> salt = from_arrays(3.95 * (1 - np.eye(3))[None] / 2**0.5, [np.array([[0, 0, 0], [0.5, 0.5, 0.5]])], [[11, 17]])
    >>> to_compositions(salt).formulas.tolist()
    ['NaCl']
    """
    n = len(coordinates)
    sizes = [len(one) for one in coordinates]
    total = int(sum(sizes))
    flat = np.concatenate([np.asarray(one, dtype=float).reshape(-1, 3) for one in coordinates] or [np.empty((0, 3))])
    species = np.concatenate([np.asarray(one, dtype=np.int64) for one in numbers] or [np.empty(0, np.int64)])
    return Structures(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        lattices=np.array(lattices, dtype=float).reshape(n, 3, 3),
        periodic=np.ones((n, 3), dtype=bool) if periodic is None else np.array(periodic, dtype=bool),
        coordinates=flat,
        species_offsets=np.arange(total + 1),
        numbers=species,
        occupancies=np.ones(total),
        oxidation=np.full(total, np.nan),
        charges=np.zeros(n),
        names=np.array(list(names) or [""] * n, dtype=np.str_) if n else np.array([], dtype="<U1"),
    )


def joined(parts: Sequence[Structures]) -> Structures:
    """One batch from several, in their order. Values that not all have are NaN where they lack.

    Values of one name and different shapes (moments as numbers here, as vectors there) are kept apart: the first shape
    keeps the name, another is called "magmom(3)".
    """
    if not parts:
        return from_arrays(np.empty((0, 3, 3)), [], [])
    together = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("lattices", "periodic", "coordinates", "numbers", "occupancies", "oxidation", "charges", "names")
    }
    sizes = np.concatenate([part.sizes for part in parts])
    kinds = np.concatenate([np.diff(part.species_offsets) for part in parts])
    return Structures(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        species_offsets=np.concatenate([[0], np.cumsum(kinds)]).astype(np.int64),
        site_values=joined_values([(len(part.coordinates), part.site_values) for part in parts]),
        row_values=joined_values([(len(part), part.row_values) for part in parts]),
        **together,
    )


def joined_values(parts: Sequence[tuple[int, Mapping[str, FloatArray]]]) -> dict[str, FloatArray]:
    """Named values of several parts, each (entries, values), one after another; see `joined` for what lacks."""
    total = sum(size for size, _ in parts)
    found: dict[str, FloatArray] = {}
    start = 0
    for size, values in parts:
        for name, array in values.items():
            if name in found and found[name].shape[1:] != array.shape[1:]:
                name = f"{name}({'x'.join(map(str, array.shape[1:])) or 1})"
            if name not in found:
                found[name] = np.full((total, *array.shape[1:]), np.nan)
            found[name][start : start + size] = array
        start += size
    return found


def to_compositions(structures: Structures) -> Compositions:
    """Atoms of each cell by element (occupancies add up), with the formula of the cell; charges are kept."""
    rows = structures.rows[structures.site_of_species]
    keys, place = np.unique(rows * 128 + structures.numbers, return_inverse=True)
    amounts = np.bincount(place, weights=structures.occupancies, minlength=len(keys)).astype(float)
    counts = np.bincount(keys // 128, minlength=len(structures))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    blank: TextArray = np.full(len(structures), "", dtype="<U1")
    found = Compositions(offsets, keys % 128, amounts, structures.charges, blank)
    names = np.array(to_formulas(found), dtype=np.str_) if len(structures) else blank
    return Compositions(offsets, found.elements, found.amounts, structures.charges, names)


def shown_structures(structures: Structures) -> TextArray:
    """What a person would call each row, shape (n_rows,): its reduced formula; "" for unreadable rows."""
    return reduced_formulas(to_compositions(structures))


def structures_missing() -> str:
    """What to install before structures can be described; "" where nothing is missing."""
    lacking = [name for name in ("pymatgen", "ase", "matscipy", "moyopy") if not available(name)]
    return f"structures need {', '.join(lacking)}: pip install 'matloop[structures]'" if lacking else ""
