"""Electrostatic repulsions between the sites of a crystal, in bags by classes of elements."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import Z_OF
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.matter.structures_read import read_structures
from matloop.represent.structural.element_classes import KINDS, labels, pairs, strangers
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.structural.matrices import MOST_ATOMS, ON_TOP, SineMatrixFeaturizer

Bags = tuple[tuple[str, int], ...]
LONGEST_BAG = 64
USUAL_BAGS: Bags = (
    ("metal", 8), ("metalloid", 8), ("nonmetal", 8), ("metal-metal", 24), ("metal-metalloid", 24),
    ("metal-nonmetal", 24), ("metalloid-metalloid", 24), ("metalloid-nonmetal", 24), ("nonmetal-nonmetal", 24),
)  # fmt: skip


class CrystalBagOfBondsFeaturizer(StructureFeaturizer):
    """Entries of the sine matrix in bags, one per class of elements and pair of classes, each from large to small.

    Columns "crystal bag metal 1" (0.5 Z^2.4 of each metal) and "crystal bag metal-nonmetal 1" (Z_i Z_j over the sine
    distance, e^2/Angstrom), zeros to the end; of a fuller bag the largest entries are kept. With bags by element the
    values are those of matminer's `BagofBonds`, which lists every pair twice, from small to large, in Hartree (these
    times 0.529169: its Angstrom is the "Angstrom star" of CODATA). The matrix depends on the choice and the size of the
    cell, and so does this.

    Parameters
    ----------
    bags : ((name, length), ...): of classes ("metal", "metalloid", "nonmetal") or of symbols ("Na", "Cl-Na"); rows
        with elements in no bag are refused. A run makes those of the classes as long as its data need (`planned`).
    """

    needs_cell = True
    most_sites = MOST_ATOMS
    invariances: ClassVar[tuple[str, ...]] = ("rotation", "translation", "permutation")

    def __init__(self, bags: Bags = USUAL_BAGS) -> None:
        self.bags = bags

    @classmethod
    def planned(cls, X: Any, **options: Any) -> dict[str, Bags]:
        """Bags of the classes that hold all entries of these structures, at most LONGEST_BAG each, unless the user set
        `bags`."""
        if "bags" in options:
            return {}
        structures = read_structures(X)[0]
        _, class_of = labels((), kinds=True)
        counts = np.stack(
            [
                np.bincount(structures.rows[class_of[structures.site_numbers] == k], minlength=len(structures))
                for k in range(len(KINDS))
            ]
        )
        found = [(KINDS[k], counts[k]) for k in range(len(KINDS))]
        for a, b in pairs(len(KINDS))[0]:
            both = counts[a] * (counts[a] - 1) // 2 if a == b else counts[a] * counts[b]
            found.append((f"{KINDS[a]}-{KINDS[b]}", both))
        sizes = {name: int(np.clip(many.max(initial=0), 1, LONGEST_BAG)) for name, many in found}
        return {"bags": tuple(sizes.items())}

    def columns(self) -> tuple[str, ...]:
        self._classes()
        return tuple(f"crystal bag {name} {place}" for name, size in self.bags for place in range(1, size + 1))

    def units(self) -> dict[str, str]:
        pairs_of = tuple(f"crystal bag {name} " for name, _ in self.bags if "-" in name)
        return {column: "e^2/angstrom" for column in self.columns() if column.startswith(pairs_of)}

    def _classes(self) -> tuple[tuple[str, ...], IntArray, list[tuple[int, ...]]]:
        """Names of the classes, the class of each atomic number, and the class or classes of each bag."""
        parts = [tuple(name.split("-")) for name, _ in self.bags]
        named = sorted({one for part in parts for one in part})
        known = set(KINDS) if any(one in KINDS for one in named) else set(Z_OF)
        wrong = [
            (name, size)
            for (name, size), part in zip(self.bags, parts, strict=True)
            if size < 1 or len(part) > 2 or not set(part) <= known
        ]
        keys = [tuple(sorted(part)) for part in parts]
        if wrong or not self.bags or len(set(keys)) < len(keys):
            raise ConfigError(
                f'bags: found {wrong[:3] or self.bags}; ("metal", 8), ("metal-nonmetal", 24) or ("Na", 4) '
                "were expected, none twice, lengths above 0."
            )
        names, class_of = labels((), kinds=True) if known == set(KINDS) else labels(tuple(named), kinds=True)
        return names, class_of, [tuple(sorted(names.index(one) for one in part)) for part in parts]

    def refusals(self, structures: Structures) -> dict[int, str]:
        return {**strangers(structures, self._classes()[1]), **super().refusals(structures)}

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        _, class_of, wanted = self._classes()
        sizes = [size for _, size in self.bags]
        ends = np.cumsum(sizes)
        features = np.zeros((len(structures), int(ends[-1])))
        reasons: dict[int, str] = {}
        classes = class_of[structures.site_numbers]
        for rows, matrices in SineMatrixFeaturizer().matrices(structures):
            n = matrices.shape[1]
            kinds = classes[structures.offsets[rows][:, None] + np.arange(n)]
            i, j = np.triu_indices(n, 1)
            own, between = matrices[:, np.arange(n), np.arange(n)], matrices[:, i, j]
            low, high = np.minimum(kinds[:, i], kinds[:, j]), np.maximum(kinds[:, i], kinds[:, j])
            for bag, size, end in zip(wanted, sizes, ends.tolist(), strict=True):
                entries = own if len(bag) == 1 else between
                there = kinds == bag[0] if len(bag) == 1 else (low == bag[0]) & (high == bag[1])
                ordered = -np.sort(-np.where(there, entries, 0.0), axis=1)[:, :size]
                features[rows, end - size : end - size + ordered.shape[1]] = ordered
            touching = ~np.isfinite(matrices).all(axis=(1, 2))
            features[rows[touching]] = np.nan
            reasons |= dict.fromkeys(rows[touching].tolist(), ON_TOP)
        return features, reasons

    def citations(self) -> tuple[str, ...]:
        return (
            "K. Hansen et al., Machine learning predictions of molecular properties: accurate many-body potentials and "
            "nonlocality in chemical space, J. Phys. Chem. Lett. 6 (2015) 2326, doi:10.1021/acs.jpclett.5b00831",
            "F. Faber, A. Lindmaa, O. A. von Lilienfeld, R. Armiento, Crystal structure representations for machine "
            "learning models of formation energies, Int. J. Quantum Chem. 115 (2015) 1094, doi:10.1002/qua.24917",
        )
