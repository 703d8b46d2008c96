"""What all featurizers of molecules share: reading, each distinct molecule once, bounds, reasons."""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray
from matloop.core.optional import require
from matloop.core.scikit import Transformer
from matloop.matter.molecules import EXTRA, Molecules, plain_rdkit, read_molecules
from matloop.problem.question import InputKind

logger = logging.getLogger(__name__)
LARGEST = 1e9
"""Values beyond this are no description of a molecule (counts of walks overflow so); they are missing."""
FAILURES = (RuntimeError, ValueError, ArithmeticError, KeyError, IndexError)
"""What RDKit raises where a molecule is beyond one of its functions."""


class MoleculeFeaturizer(Transformer):
    """A stateless transformer from molecules to named columns; a plug-in fills in `columns`, `one` and `citations`.

    `transform` takes whatever `read_molecules` takes. A row that cannot be read or described is NaN; `reasons` says
    why. Each molecule is worked out by itself from its canonical SMILES (or its 3D coordinates), so it has the same
    bits in every batch and however it was written. Molecules are bounded in size, and so is the time of each.
    """

    kind: ClassVar[InputKind] = "molecule"
    spatial: ClassVar[bool] = False
    """Whether 3D coordinates count: then rows of one molecule may differ."""

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, unique. No library is needed for them."""

    @abstractmethod
    def one(self, molecules: Molecules, row: int, molecule: Any) -> FloatArray | str:
        """Features of one molecule, shape (n_columns,), or why there are none.

        Parameters
        ----------
        molecules, row : the batch, and which row of it.
        molecule : the same as an RDKit molecule without explicit hydrogens.
        """

    def units(self) -> dict[str, str]:
        """{column: unit, as `core.units` reads it}; the others are pure numbers, or of no unit that is known."""
        return {}

    @abstractmethod
    def citations(self) -> tuple[str, ...]:
        """What to cite when these features are used."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Nothing is learnt."""
        return self

    def transform(self, X: Any) -> FloatArray:
        """Features, shape (n_rows, n_columns).

        Raises
        ------
        DataError : `X` is no sequence of molecules. MissingExtra : rdkit is not installed.
        """
        return self.described(read_molecules(X)[0])[0]

    def reasons(self, X: Any) -> dict[int, str]:
        """{row: why it is not described}."""
        molecules, reasons = read_molecules(X)
        empty = np.flatnonzero(np.diff(molecules.offsets) == 0).tolist()
        return {**dict.fromkeys(empty, "the molecule could not be read"), **self.described(molecules)[1], **reasons}

    def described(self, molecules: Molecules) -> tuple[FloatArray, dict[int, str]]:
        """Features, shape (n_rows, n_columns), and {row: why a readable molecule is not described}."""
        features = np.full((len(molecules), len(self.columns())), np.nan)
        reasons: dict[int, str] = {}
        first: dict[str, int] = {}
        placed = molecules.placed
        for row, smiles in enumerate(molecules.smiles.tolist()):
            if not smiles:
                continue
            key = f"{row}" if self.spatial and placed[row] else smiles
            known = first.setdefault(key, row)
            if known == row:
                found = self._bounded(molecules, row, smiles)
                if isinstance(found, str):
                    reasons[row] = found
                else:
                    features[row] = found
            else:
                features[row] = features[known]
                if known in reasons:
                    reasons[row] = reasons[known]
        return features, reasons

    def _bounded(self, molecules: Molecules, row: int, smiles: str) -> FloatArray | str:
        with require("rdkit.rdBase", extra=EXTRA).BlockLogs():
            try:
                molecule = plain_rdkit(smiles)
                if molecule is None:
                    return f"RDKit cannot read back the SMILES {smiles[:60]!r}"
                found = self.one(molecules, row, molecule)
            except FAILURES as error:
                logger.info("row %d: %s", row, error)
                return (
                    f"RDKit cannot describe {smiles[:60]!r} ({str(error).strip().splitlines()[0][:120] or 'no reason'})"
                )
        if isinstance(found, str):
            return found
        values = np.asarray(found, dtype=float)
        return np.where(np.abs(values) <= LARGEST, values, np.nan)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns."""
        return np.array(self.columns(), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True
