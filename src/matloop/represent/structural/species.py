"""Which kind of atom each site is for descriptors that keep elements apart, and which elements a run keeps apart."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from matloop.core.arrays import IntArray
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF
from matloop.core.errors import ConfigError
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures

MOST_COLUMNS = 100_000
MOST_PLANNED = 4000
"""Columns that elements kept apart may cost in a run before all atoms count as one kind."""
ANY = "any"
"""The kind of all atoms where elements are not kept apart."""


def kinds_of(species: tuple[str, ...]) -> IntArray:
    """The kind of each atomic number, shape (119,): its place among `species`, by atomic number; -1 for others.

    With no `species` all atoms are of one kind, 0.

    Raises
    ------
    ConfigError : a name is no element, or stands twice.
    """
    found = np.full(MAX_Z + 1, 0 if not species else -1, dtype=np.int64)
    if wrong := [name for name in species if name not in Z_OF]:
        raise ConfigError(f"species: {wrong[0]!r} is no symbol of an element.")
    numbers = sorted(Z_OF[name] for name in species)
    if len(set(numbers)) < len(numbers):
        raise ConfigError(f"species: {', '.join(species)}: an element stands twice.")
    found[numbers] = np.arange(len(numbers))
    return found


def kind_names(species: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the kinds, in their order."""
    kinds_of(species)
    return tuple(sorted(species, key=Z_OF.__getitem__)) if species else (ANY,)


def strangers(structures: Structures, species: tuple[str, ...]) -> dict[int, str]:
    """{row: which element of it is not among `species`}."""
    other = kinds_of(species)[structures.numbers] < 0
    rows = structures.rows[structures.site_of_species[other]]
    numbers = structures.numbers[other]
    found = {}
    for row in np.unique(rows).tolist():
        strange = ", ".join(SYMBOLS[z] for z in np.unique(numbers[rows == row]).tolist())
        found[row] = f"contains {strange}; this description keeps apart {', '.join(kind_names(species))} only"
    return found


class BySpecies:
    """What featurizers with an option `species` share: planning it, and refusing rows with other elements."""

    species: tuple[str, ...]

    @abstractmethod
    def width(self, n_kinds: int) -> int:
        """Number of columns with so many kinds of atoms."""

    @classmethod
    def planned(cls, X: Any, **options: Any) -> dict[str, Any]:
        """Options that fit these structures: all their elements, unless that made more than MOST_PLANNED columns.

        options : what the user has set; `species` among them is left alone.
        """
        if "species" in options:
            return {}
        numbers = np.unique(read_structures(X)[0].numbers).tolist()
        species = tuple(SYMBOLS[z] for z in numbers)
        made: Any = cls
        fits = made(**options, species=species).width(len(species)) <= MOST_PLANNED
        return {"species": species if fits else ()}

    def checked_width(self) -> int:
        """Number of columns.

        Raises
        ------
        ConfigError : they are more than MOST_COLUMNS.
        """
        n_columns = self.width(len(kind_names(self.species)))
        if n_columns > MOST_COLUMNS:
            raise ConfigError(
                f"{n_columns:,} columns for {len(self.species)} species; up to {MOST_COLUMNS:,} are possible. Name "
                "fewer species, or none: then all atoms count as one kind."
            )
        return n_columns
