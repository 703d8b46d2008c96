"""From a candidate to atoms: a structure as it is given, a prototype, or a disordered crystal of a composition."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.elements import SYMBOLS
from matloop.core.errors import DataError
from matloop.core.optional import require
from matloop.matter.compositions import from_formulas
from matloop.matter.structures_read import read_structures
from matloop.matter.structures_write import to_ase

EXTRA = "simulate"
STRUCTURES = ("structure", "cif", "poscar")
FORMULAS = ("formula", "composition")
SITES: Mapping[str, int] = {"sc": 1, "fcc": 4, "bcc": 2, "hcp": 2, "diamond": 8}
"""Atoms of the cell that is repeated; any elements may share these sites."""
PROTOTYPES: Mapping[str, tuple[int, ...]] = {
    "rocksalt": (1, 1), "zincblende": (1, 1), "wurtzite": (1, 1), "cesiumchloride": (1, 1), "fluorite": (1, 2),
}  # fmt: skip
"""Amounts of the two elements, in the order of the formula."""


@dataclass(frozen=True, slots=True)
class Built:
    """Atoms of a candidate. fractions : {element: share} that was asked for; given : whether the cell was, too."""

    atoms: Any
    fractions: Mapping[str, float]
    given: bool


def build(candidate: Mapping[str, Any], *, lattice: str, n_atoms: int, seed: int) -> Built:
    """Atoms of a candidate.

    Parameters
    ----------
    candidate : "structure" (CIF, POSCAR or XYZ text), or "formula", or a column per element with its amount; "lattice"
        in it counts more than `lattice`. lattice : "fcc", "bcc", "hcp", "sc", "diamond", or a prototype of two
        elements.
    n_atoms : least number in the cell of a disordered crystal; elements are put on its sites by `seed`.

    Raises
    ------
    DataError : none of these, an unknown lattice, or one that does not fit the formula. MissingExtra : no ASE.
    """
    for name in STRUCTURES:
        if candidate.get(name):
            return _given(str(candidate[name]), name)
    fractions = _fractions(candidate)
    kind = str(candidate.get("lattice", lattice))
    if kind in PROTOTYPES:
        return Built(_prototype(kind, fractions), fractions, False)
    if kind not in SITES:
        raise DataError(f"the lattice {kind!r} is not known. Known: {', '.join((*SITES, *PROTOTYPES))}.")
    return Built(_disordered(kind, fractions, n_atoms, seed), fractions, False)


def _given(text: str, name: str) -> Built:
    structures, faults = read_structures([text])
    if faults:
        raise DataError(f"{name}: {faults[0]}")
    if not structures.ordered[0]:
        raise DataError(f"{name}: a site is shared by several elements; give a structure with one element on each.")
    atoms = to_ase(structures)[0]
    return Built(atoms, shares(atoms), True)


def _fractions(candidate: Mapping[str, Any]) -> dict[str, float]:
    for name in FORMULAS:
        if candidate.get(name):
            compositions, faults = from_formulas([str(candidate[name])])
            if faults:
                raise DataError(f"{name}: {faults[0]}")
            elements = [SYMBOLS[int(z)] for z in compositions.elements]
            return dict(zip(elements, map(float, compositions.fractions), strict=True))
    amounts = {name: float(one) for name, one in candidate.items() if name in SYMBOLS[1:] and float(one) > 0}
    if not amounts:
        raise DataError(
            "a calculation needs a column 'structure' or 'formula', or columns of elements with their amounts; found "
            f"{', '.join(candidate)}."
        )
    total = sum(amounts.values())
    return {name: one / total for name, one in amounts.items()}


def _prototype(kind: str, fractions: Mapping[str, float]) -> Any:
    wanted = PROTOTYPES[kind]
    shares_wanted = sorted(one / sum(wanted) for one in wanted)
    found = sorted(fractions.values())
    if len(found) != 2 or not np.allclose(found, shares_wanted, atol=1e-6):
        raise DataError(f"{kind} holds two elements as {wanted[0]} to {wanted[1]}; found {_shown(fractions)}.")
    first, second = sorted(fractions, key=lambda name: fractions[name]) if wanted == (1, 2) else list(fractions)
    volume = sum(volume_of(name) * n for name, n in zip((first, second), wanted, strict=True))
    per_cell = {"cesiumchloride": 1, "wurtzite": 2}.get(kind, 4)
    edge = (per_cell * volume) ** (1 / 3)
    if kind == "wurtzite":
        edge = (2 * volume / (math.sqrt(3) / 2 * math.sqrt(8 / 3))) ** (1 / 3)
    name = f"{first}{second}{wanted[1] if wanted[1] > 1 else ''}"
    return require("ase.build", extra=EXTRA).bulk(name, kind, a=edge)


def _disordered(kind: str, fractions: Mapping[str, float], n_atoms: int, seed: int) -> Any:
    """A crystal of one lattice with the elements on its sites by chance; the primitive cell where there is one only."""
    building = require("ase.build", extra=EXTRA)
    volume = sum(share * volume_of(name) for name, share in fractions.items())
    edge = _edge(kind, volume)
    lead = max(fractions, key=lambda name: fractions[name])
    if len(fractions) == 1:
        return building.bulk(lead, kind, a=edge, **({"c": edge * math.sqrt(8 / 3)} if kind == "hcp" else {}))
    cell = building.bulk(lead, kind, a=edge, **_shape(kind, edge))
    repeats = max(math.ceil((n_atoms / len(cell)) ** (1 / 3) - 1e-9), 1)
    atoms = cell.repeat((repeats, repeats, repeats))
    counts = _counts(fractions, len(atoms))
    symbols = [name for name, count in counts.items() for _ in range(count)]
    # by the composition too: a candidate alone gets the same atoms as in a batch
    mark = zlib.crc32(",".join(f"{name}{count}" for name, count in sorted(counts.items())).encode())
    atoms.set_chemical_symbols(list(np.random.default_rng([seed, mark]).permutation(sorted(symbols))))
    return atoms


def _shape(kind: str, edge: float) -> dict[str, Any]:
    if kind == "hcp":
        return {"c": edge * math.sqrt(8 / 3), "orthorhombic": True}
    return {"cubic": True} if kind != "sc" else {}


def _edge(kind: str, volume: float) -> float:
    """Lattice constant (Angstrom) of a crystal with this volume per atom (A^3)."""
    if kind == "hcp":
        return float((volume * 2 / (math.sqrt(3) / 2 * math.sqrt(8 / 3))) ** (1 / 3))
    return float((SITES[kind] * volume) ** (1 / 3))


def _counts(fractions: Mapping[str, float], n: int) -> dict[str, int]:
    """Whole numbers of atoms nearest to the fractions (largest remainders)."""
    exact = {name: share * n for name, share in fractions.items()}
    counts = {name: math.floor(one + 1e-9) for name, one in exact.items()}
    rest = sorted(exact, key=lambda name: (counts[name] - exact[name], name))[: n - sum(counts.values())]
    found = {name: count + (name in rest) for name, count in counts.items()}
    return {name: count for name, count in found.items() if count}


def volume_of(symbol: str) -> float:
    """Volume per atom in A^3: of the element's own crystal where it is simple, else of touching spheres."""
    data = require("ase.data", extra=EXTRA)
    number = data.atomic_numbers[symbol]
    state = data.reference_states[number] or {}
    kind, edge = state.get("symmetry", ""), state.get("a", 0.0)
    if kind == "hcp":
        return float(math.sqrt(3) / 4 * edge**3 * state["c/a"])
    if kind in ("fcc", "bcc", "diamond", "sc"):
        return float(edge**3 / SITES[kind])
    return float((2 * data.covalent_radii[number]) ** 3 / math.sqrt(2))


def shares(atoms: Any) -> dict[str, float]:
    """{element: share of the atoms}."""
    names, counts = np.unique(atoms.get_chemical_symbols(), return_counts=True)
    return {str(name): float(count / len(atoms)) for name, count in zip(names, counts, strict=True)}


def _shown(fractions: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.3g}" for name, share in fractions.items())
