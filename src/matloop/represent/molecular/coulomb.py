"""What is made of nuclear charges and distances: the spectrum of the Coulomb matrix, and bags of bonds."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS, Z_OF
from matloop.core.errors import ConfigError
from matloop.matter.compositions import Compositions
from matloop.matter.molecules import Molecules
from matloop.represent.molecular.featurizer import MoleculeFeaturizer
from matloop.represent.molecular.geometry import EMBEDDING, MOST_ATOMS, distances, geometry

Bags = tuple[tuple[str, int], ...]
LONGEST_BAG, MOST_COLUMNS = 64, 2000
USUAL_BAGS: Bags = tuple(
    [(symbol, 32 if symbol in "HC" else 8) for symbol in ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")]
    + [("H-H", 32), ("H-C", 32), ("H-N", 16), ("H-O", 16), ("C-C", 32), ("C-N", 16), ("C-O", 16), ("N-N", 8),
       ("N-O", 8), ("O-O", 8), ("H-F", 8), ("C-F", 8), ("H-S", 8), ("C-S", 8), ("H-Cl", 8), ("C-Cl", 8), ("C-P", 8),
       ("C-Br", 8), ("C-I", 8), ("O-S", 8), ("O-P", 8)]
)  # fmt: skip


def coulomb_matrix(elements: IntArray, positions: FloatArray) -> FloatArray:
    """Nuclear repulsions Z_i Z_j / |R_i - R_j| beside 0.5 Z_i^2.4 on the diagonal, shape (n, n), e^2/Angstrom.

    Parameters
    ----------
    elements : shape (n,), atomic numbers. positions : shape (n, 3), Angstrom.

    References
    ----------
    Rupp et al., Phys. Rev. Lett. 108 (2012) 058301. doi:10.1103/PhysRevLett.108.058301

    Examples
    --------
    >>> coulomb_matrix(np.array([1, 1]), np.array([[0.0, 0, 0], [0, 0, 0.5]])).tolist()
    [[0.5, 2.0], [2.0, 0.5]]
    """
    apart = distances(positions)
    np.fill_diagonal(apart, 1.0)
    matrix = elements[:, None] * elements[None, :] / apart
    np.fill_diagonal(matrix, 0.5 * elements.astype(float) ** 2.4)
    return matrix


class CoulombMatrixFeaturizer(MoleculeFeaturizer):
    """Eigenvalues of the Coulomb matrix, the largest magnitude first, filled up with zeros: size and shape in space.

    Parameters
    ----------
    atoms : columns; a molecule with more atoms (hydrogens counted) is NaN with a reason. A run sets it to the largest
        molecule of its data.
    """

    spatial = True

    def __init__(self, atoms: int = 60) -> None:
        self.atoms = atoms

    def columns(self) -> tuple[str, ...]:
        if not 1 <= self.atoms <= MOST_ATOMS:
            raise ConfigError(f"atoms = {self.atoms}: 1 to {MOST_ATOMS} are possible.")
        return tuple(f"Coulomb eigenvalue {place}" for place in range(1, self.atoms + 1))

    def one(self, molecules: Molecules, row: int, molecule: Any) -> FloatArray | str:
        if molecules.sizes[row] > self.atoms:
            return f"has {molecules.sizes[row]} atoms; this Coulomb spectrum holds {self.atoms}"
        found = geometry(molecules, row)
        if isinstance(found, str):
            return found
        values = np.linalg.eigvalsh(coulomb_matrix(*found))
        values = values[np.argsort(-np.abs(values), kind="stable")]
        return np.concatenate([values, np.zeros(self.atoms - len(values))])

    def units(self) -> dict[str, str]:
        return dict.fromkeys(self.columns(), "e^2/angstrom")

    def citations(self) -> tuple[str, ...]:
        return (
            "M. Rupp, A. Tkatchenko, K.-R. Mueller, O. A. von Lilienfeld, Fast and accurate modeling of molecular "
            "atomization energies with machine learning, Phys. Rev. Lett. 108 (2012) 058301, "
            "doi:10.1103/PhysRevLett.108.058301",
            EMBEDDING,
        )


class BagOfBondsFeaturizer(MoleculeFeaturizer):
    """Entries of the Coulomb matrix in bags, one per pair of elements, each sorted from large to small.

    Parameters
    ----------
    bags : ((name, length), ...): "C" holds 0.5 Z^2.4 of each carbon, "C-N" the repulsions of each carbon and nitrogen;
        of a fuller bag the largest entries (the closest atoms) are kept. A run makes them from its data: `bags_for`.
    """

    spatial = True

    def __init__(self, bags: Bags = USUAL_BAGS) -> None:
        self.bags = bags

    def columns(self) -> tuple[str, ...]:
        wrong = [name for name, size in self.bags if size < 1 or any(part not in Z_OF for part in name.split("-"))]
        if wrong or not self.bags:
            raise ConfigError(f'bags: found {wrong[:3]}; pairs such as ("C", 9) or ("C-N", 12) were expected.')
        return tuple(f"bag {name} {place}" for name, size in self.bags for place in range(1, size + 1))

    def one(self, molecules: Molecules, row: int, molecule: Any) -> FloatArray | str:
        found = geometry(molecules, row)
        if isinstance(found, str):
            return found
        elements, positions = found
        known = {name for name, _ in self.bags}
        if strange := [SYMBOLS[z] for z in np.unique(elements).tolist() if SYMBOLS[z] not in known]:
            return f"contains {', '.join(strange)}, for which there is no bag"
        matrix = coulomb_matrix(elements, positions)
        parts = [_bag(matrix, elements, name, size) for name, size in self.bags]
        return np.concatenate(parts)

    def units(self) -> dict[str, str]:
        pairs = tuple(f"bag {name} " for name, _ in self.bags if "-" in name)
        return {column: "e^2/angstrom" for column in self.columns() if column.startswith(pairs)}

    def citations(self) -> tuple[str, ...]:
        return (
            "K. Hansen et al., Machine learning predictions of molecular properties: accurate many-body potentials and "
            "nonlocality in chemical space, J. Phys. Chem. Lett. 6 (2015) 2326, doi:10.1021/acs.jpclett.5b00831",
            EMBEDDING,
        )


def _bag(matrix: FloatArray, elements: IntArray, name: str, size: int) -> FloatArray:
    first, _, second = name.partition("-")
    if not second:
        values = np.diag(matrix)[elements == Z_OF[first]]
    else:
        block = matrix[np.ix_(elements == Z_OF[first], elements == Z_OF[second])]
        values = block[np.triu_indices(len(block), 1)] if first == second else block.ravel()
    values = -np.sort(-values)[:size]
    return np.concatenate([values, np.zeros(size - len(values))])


def bags_for(compositions: Compositions) -> Bags:
    """Bags long enough for all these molecules, at most 64 entries each and about 2,000 columns together.

    Elements come by atomic number; of a pair the lighter stands first.
    """
    counts = np.zeros((len(compositions), len(SYMBOLS)), dtype=np.int64)
    counts[compositions.rows, compositions.elements] = compositions.amounts.astype(np.int64)
    present = np.flatnonzero(counts.any(axis=0)).tolist()
    found: dict[str, int] = {SYMBOLS[z]: int(counts[:, z].max()) for z in present}
    for a, b in combinations_with_replacement(present, 2):
        pairs = counts[:, a] * (counts[:, a] - 1) // 2 if a == b else counts[:, a] * counts[:, b]
        if pairs.any():
            found[f"{SYMBOLS[a]}-{SYMBOLS[b]}"] = int(pairs.max())
    longest = LONGEST_BAG
    while longest > 1 and sum(min(size, longest) for size in found.values()) > MOST_COLUMNS:
        longest //= 2
    return tuple((name, min(size, longest)) for name, size in found.items())
