"""RDKit's descriptors: sizes, charges, surface areas, connectivity indices, counts of groups."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import MissingExtra
from matloop.core.optional import require
from matloop.matter.molecules import EXTRA, Molecules
from matloop.represent.molecular.featurizer import FAILURES, MoleculeFeaturizer
from matloop.represent.molecular.names import DESCRIPTORS

MOST_ATOMS = 300
"""Heavy atoms; above, the indices of paths and walks take many seconds and mean little."""


class DescriptorsFeaturizer(MoleculeFeaturizer):
    """The 216 two-dimensional descriptors of RDKit: size, polarity, charge, surface area, connectivity, groups.

    RDKit's own names, after "RDKit ". Its `Ipc` is left out: it grows past 1e60 with the size, `AvgIpc` says the same.
    A descriptor without a value (partial charges of a metal) is NaN; above 300 heavy atoms all are, with a reason.
    """

    def columns(self) -> tuple[str, ...]:
        return tuple(f"RDKit {name}" for name in DESCRIPTORS)

    def one(self, molecules: Molecules, row: int, molecule: Any) -> FloatArray | str:
        if molecule.GetNumHeavyAtoms() > MOST_ATOMS:
            return f"has {molecule.GetNumHeavyAtoms()} heavy atoms; descriptors are worked out for up to {MOST_ATOMS}"
        return np.array([_value(function, molecule) for function in _functions()])

    def units(self) -> dict[str, str]:
        areas = ("LabuteASA", "TPSA", "PEOE_VSA", "SMR_VSA", "SlogP_VSA", "EState_VSA")
        ends = {"MolWt": "amu", "PartialCharge": "e"}  # HeavyAtomMolWt, MaxPartialCharge, ...
        found = {name: unit for name in DESCRIPTORS for end, unit in ends.items() if name.endswith(end)}
        found |= {name: "angstrom^2" for name in DESCRIPTORS if name.startswith(areas)}
        return {f"RDKit {name}": unit for name, unit in found.items()}

    def citations(self) -> tuple[str, ...]:
        return (RDKIT,)


RDKIT = "RDKit: open-source cheminformatics, doi:10.5281/zenodo.591637"


def _value(function: Callable[[Any], float], molecule: Any) -> float:
    try:
        return float(function(molecule))
    except FAILURES:  # one descriptor without a value must not cost the others
        return float("nan")


@lru_cache(maxsize=1)
def _functions() -> tuple[Callable[[Any], float], ...]:
    """The functions behind the names; MissingExtra where this release of RDKit lacks one."""
    known = dict(require("rdkit.Chem.Descriptors", extra=EXTRA).descList)
    more = require("rdkit.Chem.rdMolDescriptors", extra=EXTRA)
    found = {name: known.get(name) or getattr(more, f"Calc{name}", None) for name in DESCRIPTORS}
    if absent := [name for name, function in found.items() if function is None]:
        raise MissingExtra(
            f"this release of rdkit has no descriptor {', '.join(absent[:5])}. Install a later one: "
            f"pip install -U 'matloop[{EXTRA}]'"
        )
    return tuple(function for function in found.values() if function is not None)
