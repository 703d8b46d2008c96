"""Which featurizers to take where nobody says so: by the kind of rows and their number, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matloop.problem.question import InputKind
from matloop.represent import DEFAULT_FEATURES, FEW_MOLECULES, MOLECULE_FEATURES, STRUCTURE_FEATURES

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Choice:
    """Featurizers, and why these."""

    features: tuple[str, ...]
    why: str


def auto_features(kind: InputKind, n_rows: int | None = None) -> Choice:
    """What rows of this kind are described by where nothing else is asked for.

    Parameters
    ----------
    n_rows : how many there are; None for many.

    Examples
    --------
    >>> auto_features("molecule", 100).features
    ('rdkit',)
    """
    if kind == "molecule":
        if n_rows is not None and n_rows < FEW_MOLECULES:
            why = f"{n_rows} molecules: descriptors alone; counts of neighbourhoods help from {FEW_MOLECULES} rows on"
            return Choice(MOLECULE_FEATURES[:1], why)
        return Choice(MOLECULE_FEATURES, "molecules: descriptors, and counts of neighbourhoods of atoms")
    if kind == "structure":
        return Choice(
            STRUCTURE_FEATURES, "structures: the sets of the formula, and those of the atoms that lowered errors most"
        )
    return Choice(DEFAULT_FEATURES, "compositions: the sets that lowered errors most in our benchmarks")


def chosen(sets: Sequence[str], kind: InputKind, n_rows: int | None = None) -> tuple[tuple[str, ...], str]:
    """`sets` with "auto" replaced by what it stands for, each once; and why these ("" where nothing was replaced)."""
    choice = auto_features(kind, n_rows)
    found = [name for one in sets for name in (choice.features if one == AUTO else (one,))]
    return tuple(dict.fromkeys(found)), choice.why if AUTO in sets else ""
