"""Fingerprints of molecules: counts of atom neighbourhoods, and the keys of a published list."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.matter.molecules import EXTRA, Molecules
from matloop.represent.molecular.featurizer import MoleculeFeaturizer


class MorganFeaturizer(MoleculeFeaturizer):
    """How often each circular neighbourhood of atoms occurs: Morgan (ECFP) counts, folded to a fixed length.

    Parameters
    ----------
    radius : bonds from the centre, 0 or more; 2 is ECFP4. bits : columns, a power of two as a rule; neighbourhoods that
        fall on one column are counted together.
    """

    def __init__(self, radius: int = 2, bits: int = 1024) -> None:
        self.radius, self.bits = radius, bits

    def columns(self) -> tuple[str, ...]:
        if not (0 <= self.radius <= 10 and 1 <= self.bits <= 65536):
            raise ConfigError(
                f"radius = {self.radius}, bits = {self.bits}: a radius of 0 to 10 and 1 to 65536 bits are possible."
            )
        return tuple(f"Morgan{self.radius}-{self.bits} {bit}" for bit in range(self.bits))

    def one(self, molecules: Molecules, row: int, molecule: Any) -> FloatArray | str:
        counts = _morgan(self.radius, self.bits).GetCountFingerprintAsNumPy(molecule)
        return np.asarray(counts, dtype=float)

    def citations(self) -> tuple[str, ...]:
        return (
            "D. Rogers, M. Hahn, Extended-connectivity fingerprints, J. Chem. Inf. Model. 50 (2010) 742, "
            "doi:10.1021/ci100050t",
        )


class Morgan2048Featurizer(MorganFeaturizer):
    """Morgan (ECFP4) counts folded to 2048 columns: fewer neighbourhoods share one, for large and varied sets."""

    def __init__(self, radius: int = 2, bits: int = 2048) -> None:
        super().__init__(radius, bits)


@lru_cache(maxsize=8)
def _morgan(radius: int, bits: int) -> Any:
    generators = require("rdkit.Chem.rdFingerprintGenerator", extra=EXTRA)
    return generators.GetMorganGenerator(radius=radius, fpSize=bits, includeChirality=False)


class MaccsFeaturizer(MoleculeFeaturizer):
    """The 166 public MACCS keys: whether each of a fixed list of substructures is there (0 or 1).

    Key 1 (isotopes) of the original list counts nothing in RDKit and is kept for the numbering.
    """

    def columns(self) -> tuple[str, ...]:
        return tuple(f"MACCS {key}" for key in range(1, 167))

    def one(self, molecules: Molecules, row: int, molecule: Any) -> FloatArray | str:
        keys = require("rdkit.Chem.MACCSkeys", extra=EXTRA).GenMACCSKeys(molecule)
        return np.array(list(keys), dtype=float)[1:]

    def citations(self) -> tuple[str, ...]:
        return (
            "J. L. Durant, B. A. Leland, D. R. Henry, J. G. Nourse, Reoptimization of MDL keys for use in drug "
            "discovery, J. Chem. Inf. Comput. Sci. 42 (2002) 1273, doi:10.1021/ci010132r",
        )
