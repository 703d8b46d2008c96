"""The elements: symbols, atomic masses, and tables of properties read from `core/tables/*.csv` when first asked for."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, FloatArray, frozen, taken
from matloop.core.errors import BundleError, ConfigError

# fmt: off
SYMBOLS: tuple[str, ...] = ("",
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ar", "K",
    "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb",
    "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I", "Xe", "Cs",
    "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta",
    "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa",
    "U", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt",
    "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og",
)
# fmt: on
"""Symbol by atomic number; SYMBOLS[0] is empty."""

Z_OF: dict[str, int] = {symbol: z for z, symbol in enumerate(SYMBOLS) if z}
"""Atomic number by symbol, 1..118."""

MAX_Z = 118
HARTREE = 27.211386245988  # eV, CODATA 2018


@dataclass(frozen=True, slots=True, eq=False)
class ElementTable:
    """Properties of the elements.

    columns : names of the properties.
    values : shape (119, n_columns), indexed by atomic number; NaN where the source has no value. Row 0 is no
        element (NaN; in megnet the dummy atom of that network).
    """

    columns: tuple[str, ...]
    values: FloatArray

    def column(self, name: str) -> FloatArray:
        """One property, shape (119,).

        Raises
        ------
        ConfigError : the table has no such property.
        """
        if name not in self.columns:
            raise ConfigError(f"the element table has no property {name!r}. It has: {', '.join(self.columns)}.")
        return self.values[:, self.columns.index(name)]

    def pick(self, names: tuple[str, ...]) -> ElementTable:
        """The table with the properties `names` only, in that order."""
        return ElementTable(names, frozen(np.column_stack([self.column(name) for name in names])))

    def filled(self) -> ElementTable:
        """The table with the mean over the known elements wherever a value is missing.

        This is a constant of the table, not something learnt from rows: the rule of matminer 0.10 (`impute_nan=True`).
        """
        means = np.nanmean(self.values, axis=0)
        return ElementTable(self.columns, frozen(np.where(np.isnan(self.values), means, self.values)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ElementTable) and self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    @property
    def content_hash(self) -> str:
        """SHA-256 of names and values: the same for the same content, wherever it was read from."""
        names = "\n".join(self.columns).encode()
        return hashlib.sha256(names + b"\0" + np.ascontiguousarray(self.values, dtype="<f8").tobytes()).hexdigest()

    def to_arrays(self) -> Arrays:
        """Plain arrays, for a bundle; `from_arrays` gives the same table."""
        return {"columns": np.array(self.columns, dtype=np.str_), "values": self.values}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> ElementTable:
        """The table that `to_arrays` was called on.

        Raises
        ------
        BundleError : the arrays are not such a table.
        """
        columns = tuple(taken(arrays, "columns", kind="U").tolist())
        values = taken(arrays, "values", ndim=2, finite=False)
        if values.shape != (MAX_Z + 1, len(columns)) or not columns or len(set(columns)) < len(columns):
            raise BundleError(
                f"arrays of shape {values.shape} with {len(columns)} names are no element table of {MAX_Z + 1} rows. "
                "The bundle is not trusted."
            )
        if np.isinf(values).any():
            raise BundleError("an element table holds infinite values. The bundle is not trusted.")
        return cls(columns, frozen(values.astype(np.float64)))


_SINGLE_PRECISION = ("matscholar",)
"""Tables of 32-bit numbers, written with the fewest digits that give the same 32 bits."""


def _lines(name: str) -> list[list[str]]:
    place = files("matloop.core").joinpath("tables", f"{name}.csv")
    if not place.is_file():
        known = sorted(
            p.name[:-4] for p in files("matloop.core").joinpath("tables").iterdir() if p.name.endswith(".csv")
        )
        raise ConfigError(f"there is no element table {name!r}. Known: {', '.join(known)}.")
    return list(csv.reader(place.read_text(encoding="utf-8").splitlines()))


@cache
def table(name: str) -> ElementTable:
    """The element table `core/tables/<name>.csv`.

    Names: magpie, bond_valence, covalent, deml, periodic, miedema, matscholar, megnet, optical, scattering, supply,
    transport.
    Sources and licences are in `core/tables/README.md`.

    Raises
    ------
    ConfigError : no such table; the message lists the known ones.

    Examples
    --------
    >>> table("magpie").column("Electronegativity")[Z_OF["O"]]
    3.44
    """
    header, *lines = _lines(name)
    if header[:2] != ["Z", "symbol"]:
        raise ConfigError(f"{name!r} does not list a value per element; it has a function of its own in core.elements.")
    values = np.full((MAX_Z + 1, len(header) - 2), np.nan)
    for line in lines:
        values[int(line[0])] = [float(cell) if cell else np.nan for cell in line[2:]]
    if name in _SINGLE_PRECISION:
        values = values.astype(np.float32).astype(np.float64)
    return ElementTable(tuple(header[2:]), frozen(values))


@cache
def filled_table(name: str, columns: tuple[str, ...] = ()) -> ElementTable:
    """`table(name).filled()`, kept for the next call; `columns` picks properties (all if empty)."""
    filled = table(name).filled()
    return filled.pick(columns) if columns else filled


@cache
def property_units(name: str) -> dict[str, str]:
    """{property: unit} of the element table `name`, as `core.units` reads units; what is a pure number is not in it,
    nor what the source gives no unit for.

    Examples
    --------
    >>> property_units("magpie")["MeltingT"]
    'K'
    """
    return {column: unit for source, column, unit in _lines("units")[1:] if source == name}


@cache
def oxidation_states(kind: str = "common") -> tuple[tuple[int, ...], ...]:
    """Oxidation states by atomic number (119 entries, ascending; empty where none is listed).

    Parameters
    ----------
    kind : "common", "icsd" (seen in the ICSD more than rarely) or "all", as listed by pymatgen.
    """
    header, *lines = _lines("oxidation_states")
    if kind not in header[2:]:
        raise ConfigError(f"there is no list {kind!r} of oxidation states. Known: {', '.join(header[2:])}.")
    states: list[tuple[int, ...]] = [()] * (MAX_Z + 1)
    for line in lines:
        states[int(line[0])] = tuple(sorted(int(state) for state in line[header.index(kind)].split()))
    return tuple(states)


@cache
def ionic_radii() -> dict[tuple[int, int], float]:
    """{(atomic number, oxidation state): radius of the ion in Angstrom}, as listed by pymatgen."""
    return {(int(z), int(state)): float(radius) for z, state, radius in _lines("ionic_radii")[1:]}


@cache
def oxidation_occurrence() -> dict[tuple[int, int], int]:
    """{(atomic number, oxidation state): number of sites in the ICSD}, as counted by pymatgen."""
    return {(int(z), int(state)): int(sites) for z, state, sites in _lines("oxidation_occurrence")[1:]}


@cache
def ion_table() -> dict[str, FloatArray]:
    """Properties of ions by Deml et al.: {name: shape (119, n_charges), column q for charge q}; NaN: not known.

    `ionization_en` is the energy of the step that leads to the charge (J/mol); `xtal_field_split`, `magn_moment` (Bohr
    magnetons), `so_coupling` and `sat_magn` are as there. Phys. Rev. B 93 (2016) 085142, doi:10.1103/PhysRevB.93.085142
    """
    header, *lines = _lines("deml_ions")
    widest = max(int(line[1]) for line in lines) + 1
    found = {name: np.full((MAX_Z + 1, widest), np.nan) for name in header[2:]}
    for z, charge, *cells in lines:
        for name, cell in zip(header[2:], cells, strict=True):
            found[name][int(z), int(charge)] = float(cell) if cell else np.nan
    return {name: frozen(values) for name, values in found.items()}


@cache
def configurations() -> tuple[tuple[tuple[int, str, int], ...], ...]:
    """Occupied shells of the neutral atoms by atomic number: (principal number, letter, electrons), inner ones first.

    119 entries; empty above Z = 104, where none is known.

    Examples
    --------
    >>> configurations()[Z_OF["C"]]
    ((1, 's', 2), (2, 's', 2), (2, 'p', 2))
    """
    found: list[tuple[tuple[int, str, int], ...]] = [()] * (MAX_Z + 1)
    for z, _, shells in _lines("configurations")[1:]:
        found[int(z)] = tuple((int(shell[0]), shell[1], int(shell[2:])) for shell in shells.split())
    return tuple(found)


@cache
def mixing_enthalpies() -> FloatArray:
    """Mixing enthalpy of liquid binary alloys at equal amounts, shape (119, 119), symmetric, kJ/mol; NaN: not known.

    Takeuchi & Inoue, Mater. Trans. 46 (2005) 2817, doi:10.2320/matertrans.46.2817 (Miedema's model).
    """
    matrix = np.full((MAX_Z + 1, MAX_Z + 1), np.nan)
    for a, b, value in _lines("mixing_enthalpy")[1:]:
        matrix[int(a), int(b)] = matrix[int(b), int(a)] = float(value)
    return frozen(matrix)


@cache
def orbital_energies() -> tuple[tuple[tuple[str, float], ...], ...]:
    """Energies of the orbitals of neutral atoms by atomic number, ascending: (("1s", eV), ...); empty above uranium.

    Local-density calculations of Kotochigova et al., Phys. Rev. A 55 (1997) 191, doi:10.1103/PhysRevA.55.191.
    """
    found: list[list[tuple[str, float]]] = [[] for _ in range(MAX_Z + 1)]
    for z, name, energy in _lines("orbitals")[1:]:
        found[int(z)].append((name, float(energy) * HARTREE))
    return tuple(tuple(orbitals) for orbitals in found)


def _masses() -> FloatArray:
    masses = table("periodic").column("atomic_mass").copy()
    masses[0] = 0.0
    return frozen(masses)


ATOMIC_MASS: FloatArray = _masses()
"""Standard atomic mass in u by atomic number, shape (119,); ATOMIC_MASS[0] is 0."""
