"""Matrices of electrostatic interaction between the sites of a structure: Coulomb, sine and Ewald sum."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import CLOSEST, Vicinity
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures
from matloop.represent.structural.ewald import ewald_sums
from matloop.represent.structural.featurizer import StructureFeaturizer

MOST_ATOMS = 1000
"""Sites of a row: a matrix of 8 MB."""
MOST_COLUMNS = 40_000
FORMS = ("eigenvalues", "sorted")
SAME_NORM = 9
"""Decimals to which norms of rows are compared: equivalent sites have the same norm, and keep their order."""
ON_TOP = "two sites lie on top of each other"


class MatrixFeaturizer(StructureFeaturizer):
    """A symmetric matrix over the sites of a structure as columns; a plug-in fills in `matrices` and `citations`.

    Parameters
    ----------
    atoms : the largest structure that fits; smaller ones are filled up with zeros. A run sets it to the largest
        structure of its data (`planned`).
    form : "eigenvalues", the largest magnitude first (`atoms` columns); or "sorted", the matrix with its rows and
        columns sorted by the Euclidean norm of the rows, the largest first (`atoms` squared columns). Sites of equal
        norm keep the order in which they were written, so the sorted matrix of a symmetric structure depends on it.
    """

    invariances: ClassVar[tuple[str, ...]] = ("rotation", "translation", "permutation")
    label: ClassVar[str] = ""
    """What the columns are called."""

    def __init__(self, atoms: int = 60, form: str = "eigenvalues") -> None:
        self.atoms = atoms
        self.form = form

    @classmethod
    def planned(cls, X: Any, **options: Any) -> dict[str, int]:
        """Options that fit these structures: as many columns as the largest has sites, unless the user set `atoms`."""
        if "atoms" in options:
            return {}
        sizes = read_structures(X)[0].sizes
        return {"atoms": int(np.clip(sizes.max(initial=1), 1, MOST_ATOMS))}

    @abstractmethod
    def matrices(self, structures: Structures) -> Iterator[tuple[IntArray, FloatArray]]:
        """Rows with equally many sites, shape (m,), and their matrices, shape (m, n, n); inf where sites touch."""

    def columns(self) -> tuple[str, ...]:
        if self.form not in FORMS:
            raise ConfigError(f"form = {self.form!r}: {' or '.join(map(repr, FORMS))} is possible.")
        limit = MOST_ATOMS if self.form == "eigenvalues" else int(MOST_COLUMNS**0.5)
        if not 1 <= self.atoms <= limit:
            raise ConfigError(f"atoms = {self.atoms}: 1 to {limit} are possible with form = {self.form!r}.")
        places = range(1, self.atoms + 1)
        if self.form == "eigenvalues":
            return tuple(f"{self.label} eigenvalue {place}" for place in places)
        return tuple(f"{self.label} {row}-{column}" for row in places for column in places)

    def units(self) -> dict[str, str]:
        return dict.fromkeys(self.columns(), "e^2/angstrom")

    def refusals(self, structures: Structures) -> dict[int, str]:
        found = {
            row: f"has {structures.sizes[row]:,} sites; this {self.label} holds {self.atoms:,}"
            for row in np.flatnonzero(structures.sizes > self.atoms).tolist()
        }
        return found | super().refusals(structures)

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        features = np.zeros((len(structures), len(self.columns())))
        reasons: dict[int, str] = {}
        for rows, matrices in self.matrices(structures):
            n = matrices.shape[1]
            whole = np.isfinite(matrices).all(axis=(1, 2))
            if not whole.all():
                features[rows[~whole]] = np.nan
                reasons |= dict.fromkeys(rows[~whole].tolist(), ON_TOP)
                rows, matrices = rows[whole], matrices[whole]
            if self.form == "eigenvalues":
                features[rows, :n] = spectra(matrices)
            else:
                square = features.reshape(len(structures), self.atoms, self.atoms)
                square[rows, :n, :n] = sorted_by_norm(matrices)
        return features, reasons


def rows_by_size(structures: Structures) -> Iterator[tuple[IntArray, IntArray]]:
    """Rows with equally many sites, shape (m,), and their sites, shape (m, n)."""
    for n in np.unique(structures.sizes).tolist():
        rows = np.flatnonzero(structures.sizes == n)
        yield rows, structures.offsets[rows][:, None] + np.arange(n)


def spectra(matrices: FloatArray) -> FloatArray:
    """Eigenvalues of symmetric matrices, the largest magnitude first: shape (m, n, n) to (m, n)."""
    values = np.linalg.eigvalsh(matrices).astype(float, copy=False)
    order = np.argsort(-np.abs(values), axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1)


def sorted_by_norm(matrices: FloatArray) -> FloatArray:
    """Rows and columns by the Euclidean norm of the rows, the largest first; equal ones stay as they are."""
    norms = np.sqrt(np.square(matrices).sum(axis=2))
    size = norms.max(axis=1, initial=1e-300)[:, None]
    order = np.argsort(-np.round(norms / size, SAME_NORM), axis=1, kind="stable")
    rows = np.take_along_axis(matrices, order[:, :, None], axis=1)
    return np.take_along_axis(rows, order[:, None, :], axis=2)


def _apart(places: FloatArray) -> FloatArray:
    """From each site to each other, shape (m, n), of one component: shape (m, n, n)."""
    return places[:, None, :] - places[:, :, None]


def _length(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Of vectors by their components, which are overwritten."""
    x *= x
    y *= y
    z *= z
    x += y
    x += z
    return np.sqrt(x, out=x)


def _cartesian(parts: FloatArray, lattices: FloatArray) -> FloatArray:
    """Lattice coordinates, shape (3, m, n, n), along lattices of shape (m, 3, 3), to Angstrom."""
    vectors = lattices.transpose(1, 2, 0)[:, :, :, None, None]
    return parts[0] * vectors[0] + parts[1] * vectors[1] + parts[2] * vectors[2]


def _charged(numbers: IntArray, lengths: FloatArray, touching: BoolArray) -> FloatArray:
    """Z_i Z_j over a length off the diagonal, 0.5 Z_i^2.4 on it; shapes (m, n) and (m, n, n)."""
    z = numbers.astype(float)
    found = z[:, :, None] * z[:, None, :]
    with np.errstate(divide="ignore"):
        found /= lengths
    found[touching] = np.inf
    found.reshape(len(z), -1)[:, :: z.shape[1] + 1] = 0.5 * z**2.4
    return found


class StructureCoulombFeaturizer(MatrixFeaturizer):
    """Coulomb matrix of the sites as they are written, e^2/Angstrom: for molecules and clusters.

    Off the diagonal Z_i Z_j / |R_i - R_j|, on it 0.5 Z_i^2.4. Periodic images do not count, so that of a crystal it
    depends on the cell that was chosen: the sine and Ewald matrices are meant for crystals. As `CoulombMatrix` of
    DScribe and matminer.
    """

    label = "Coulomb matrix"

    def matrices(self, structures: Structures) -> Iterator[tuple[IntArray, FloatArray]]:
        x, y, z = structures.positions.T.copy()
        for rows, sites in rows_by_size(structures):
            lengths = _length(_apart(x[sites]), _apart(y[sites]), _apart(z[sites]))
            yield rows, _charged(structures.numbers[sites], lengths, lengths < CLOSEST)

    def citations(self) -> tuple[str, ...]:
        return (
            "M. Rupp, A. Tkatchenko, K.-R. Mueller, O. A. von Lilienfeld, Fast and accurate modeling of molecular "
            "atomization energies with machine learning, Phys. Rev. Lett. 108 (2012) 058301, "
            "doi:10.1103/PhysRevLett.108.058301",
        )


class SineMatrixFeaturizer(MatrixFeaturizer):
    """Sine matrix, e^2/Angstrom: a Coulomb matrix with a distance that repeats with the cell.

    Off the diagonal Z_i Z_j / |sum_k e_k sin^2(pi f_k)|, f the difference in lattice coordinates and e_k the lattice
    vectors; on it 0.5 Z_i^2.4. It depends on the choice of the cell. As DScribe's `SineMatrix`.
    """

    label = "sine matrix"
    needs_cell = True

    def matrices(self, structures: Structures) -> Iterator[tuple[IntArray, FloatArray]]:
        for rows, sites in rows_by_size(structures):
            lattices = structures.lattices[rows]
            apart = np.stack([_apart(structures.coordinates[sites, k]) for k in range(3)])
            touching = _length(*_cartesian(apart - np.round(apart), lattices)) < CLOSEST
            lengths = _length(*_cartesian(np.square(np.sin(np.pi * apart)), lattices))
            yield rows, _charged(structures.numbers[sites], lengths, touching)

    def citations(self) -> tuple[str, ...]:
        return (FABER,)


class EwaldMatrixFeaturizer(MatrixFeaturizer):
    """Ewald sum matrix, e^2/Angstrom: the electrostatic energy of each pair of sublattices of bare nuclei.

    Entry (i, j) is the interaction of all images of i with all of j per cell, in a background that makes the cell
    neutral; on the diagonal the half of it. The sum of the diagonal and the part above it is the energy of the cell. It
    does not depend on the choice of the cell, but on its size. As DScribe's `EwaldSumMatrix`.

    Parameters
    ----------
    accuracy : what is left out of either sum is about this fraction; smaller is slower.
    """

    label = "Ewald matrix"
    needs_cell = True
    invariances = ("rotation", "translation", "permutation", "cell")

    def __init__(self, atoms: int = 60, form: str = "eigenvalues", accuracy: float = 1e-5) -> None:
        super().__init__(atoms, form)
        self.accuracy = accuracy

    def columns(self) -> tuple[str, ...]:
        if not 1e-14 <= self.accuracy <= 0.1:
            raise ConfigError(f"accuracy = {self.accuracy:g}: 1e-14 to 0.1 is possible.")
        return super().columns()

    def matrices(self, structures: Structures) -> Iterator[tuple[IntArray, FloatArray]]:
        entries = ewald_sums(structures, self.accuracy)
        starts = np.cumsum(structures.sizes**2) - structures.sizes**2
        for rows, sites in rows_by_size(structures):
            n = sites.shape[1]
            yield rows, entries[starts[rows][:, None] + np.arange(n * n)].reshape(-1, n, n)

    def citations(self) -> tuple[str, ...]:
        return (FABER,)


FABER = (
    "F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Crystal structure representations for machine learning "
    "models of formation energies, Int. J. Quantum Chem. 115 (2015) 1094, doi:10.1002/qua.24917"
)
