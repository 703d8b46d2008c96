"""How far the bond valences around atoms are from their formal charges."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import MAX_Z, SYMBOLS, Z_OF, table
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.charges import STATES_CITED, site_charges
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.structural.separations import separations

SOFTNESS = 0.37  # Angstrom, Brown & Altermatt 1985; O'Keeffe & Brese 1991 take the same
ANY_STATE, HARD = 9, ("O", "F", "Cl")
"""In the IUCr's table 9 stands for a state that is not given; matminer takes such a line for the states 1 to 6 of the
cation, unless the anion is one of these."""


class InstabilityFeaturizer(StructureFeaturizer):
    """Global instability index: root mean square over sites of the bond valence sum less the formal charge, in e.

    Column "global instability index". Below 0.1 of a relaxed crystal, above 0.2 strained (Salinas-Sanchez et al. 1992).
    The valence of a bond is exp((R - d) / B) for every cation and anion within the cutoff. By default R follows
    from a size and an electronegativity per element (O'Keeffe & Brese 1991, 75 elements; B = 0.37 Angstrom), so that
    every pair has one. With `parameters` R and B come from the IUCr's list by pair of ions; values then equal those of
    matminer's `GlobalInstabilityIndex`, which carries that list; of sites that are equivalent within 0.01 Angstrom it
    works out one only, so that it differs by up to 0.002. The list is free for non-profit use, so it is not carried
    here: www.iucr.org/resources/data/data-sets/bond-valence-parameters has it.

    Formal charges: the given oxidation states, else the most frequent ones that balance (`site_charges`); of a pure
    element they are zero, and so is the index. An ion that crosses the cutoff makes a jump of its valence, about 0.01.

    Parameters
    ----------
    cutoff : Angstrom, matminer's default.
    parameters : path of the IUCr's file (bvparm2020.cif), "" for the default.
    """

    def __init__(self, cutoff: float = 4.0, parameters: str = "") -> None:
        self.cutoff = cutoff
        self.parameters = parameters

    def columns(self) -> tuple[str, ...]:
        return ("global instability index",)

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        charges, refused = site_charges(structures)
        found = separations(structures, near, self.cutoff)
        refused = {**found.refused, **refused}
        ionic = np.flatnonzero(charges[found.first] * charges[found.second] < 0)
        first, second, distances = found.first[ionic], found.second[ionic], found.distances[ionic]
        cation = np.where(charges[first] > 0, first, second)
        anion = np.where(charges[first] > 0, second, first)
        length, softness = self._of_pairs(structures.site_numbers, charges, cation, anion)
        for pair in np.flatnonzero(np.isnan(length)).tolist():
            names = [_ion(structures, charges, int(site)) for site in (cation[pair], anion[pair])]
            row = int(structures.rows[cation[pair]])
            refused.setdefault(row, f"no bond valence parameters of {names[0]} with {names[1]} are known")
        valence = np.exp((length - distances) / softness)
        sums = np.bincount(cation, weights=valence, minlength=len(charges))
        sums = sums - np.bincount(anion, weights=valence, minlength=len(charges))
        squares = np.bincount(structures.rows, weights=(sums - charges) ** 2, minlength=len(structures))
        features: FloatArray = np.sqrt(squares / structures.sizes)[:, None]
        features[list(refused)] = np.nan
        return features, dict(sorted(refused.items()))

    def _of_pairs(
        self, numbers: IntArray, charges: FloatArray, cation: IntArray, anion: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """R and B of each bond, NaN where not known."""
        if not self.parameters:
            length = single_bonds()[numbers[cation], numbers[anion]]
            return length, np.full(len(length), SOFTNESS)
        ions = np.stack([numbers[cation], charges[cation], numbers[anion], charges[anion]], axis=1).round(6)
        kinds, place = np.unique(ions, axis=0, return_inverse=True)
        listed = read_parameters(self.parameters)
        values = np.array([listed.get(tuple(kind), (np.nan, 1.0)) for kind in kinds.tolist()]).reshape(-1, 2)
        return values[place.ravel(), 0], values[place.ravel(), 1]

    def citations(self) -> tuple[str, ...]:
        return (
            "A. Salinas-Sanchez et al., Structural characterization of R2BaCuO5, J. Solid State Chem. 100 (1992) 201, "
            "doi:10.1016/0022-4596(92)90094-C",
            "M. O'Keeffe, N. E. Brese, Atom sizes and bond lengths in molecules and crystals, J. Am. Chem. Soc. 113 "
            "(1991) 3226, doi:10.1021/ja00009a002",
            STATES_CITED,
        )


def _ion(structures: Structures, charges: FloatArray, site: int) -> str:
    return f"{SYMBOLS[structures.site_numbers[site]]}{charges[site]:+.3g}"


@lru_cache(maxsize=1)
def single_bonds() -> FloatArray:
    """Length of a single bond between two elements, shape (119, 119), Angstrom; NaN where one has no parameters.

    r_i + r_j - r_i r_j (sqrt(c_i) - sqrt(c_j))^2 / (c_i r_i + c_j r_j), O'Keeffe & Brese 1991, eq. 3.
    """
    listed = table("bond_valence")
    r, c = listed.column("r"), listed.column("c")
    a, b = np.meshgrid(np.arange(MAX_Z + 1), np.arange(MAX_Z + 1), indexing="ij")
    shorter = r[a] * r[b] * (np.sqrt(c[a]) - np.sqrt(c[b])) ** 2 / (c[a] * r[a] + c[b] * r[b])
    return frozen(r[a] + r[b] - shorter)


@lru_cache(maxsize=4)
def read_parameters(path: str) -> dict[tuple[float, ...], tuple[float, float]]:
    """{(Z of the cation, its charge, Z of the anion, its charge): (R, B) in Angstrom} of the IUCr's list.

    The first of several lines of a pair counts, it is said to be the most reliable.

    Raises
    ------
    ConfigError : there is no such file, or no such line in it.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"parameters = {path!r}: there is no such file. Take the IUCr's bvparm2020.cif.")
    lines = [line.split() for line in file.read_text("utf-8", errors="replace").splitlines()]
    read: dict[tuple[float, ...], tuple[float, float]] = {}
    any_state: dict[tuple[int, int], tuple[int, tuple[float, float]]] = {}
    for cell in lines:
        if len(cell) < 6 or cell[0] not in Z_OF or cell[2] not in Z_OF:
            continue
        a, b, of_a, of_b = Z_OF[cell[0]], Z_OF[cell[2]], int(cell[1]), int(cell[3])
        values = (float(cell[4].split("(")[0]), float(cell[5].split("(")[0]))
        read.setdefault((a, of_a, b, of_b), values)
        if of_a == ANY_STATE and cell[2] not in HARD:
            any_state.setdefault((a, b), (of_b, values))
    if not read:
        raise ConfigError(f"parameters = {path!r}: no line such as 'Na 1 O -2 1.803 0.37' is in it.")
    for (a, b), (of_b, values) in any_state.items():
        for state in range(1, 7):
            read.setdefault((a, state, b, of_b), values)
    return read
