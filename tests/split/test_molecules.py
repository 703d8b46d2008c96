"""Scaffolds are rdkit's, and stay whole."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.split.molecules import ScaffoldFolds, scaffolds

pytest.importorskip("rdkit")

ASPIRIN, PHENOL, MORPHOLINE, ETHANOL = "CC(=O)Oc1ccccc1C(=O)O", "Oc1ccccc1", "C1COCCN1", "CCO"


def test_substituents_do_not_count():
    found = scaffolds([ASPIRIN, PHENOL, MORPHOLINE, ETHANOL])
    assert found.tolist() == ["c1ccccc1", "c1ccccc1", "C1COCCN1", ""]  # Bemis & Murcko 1996: rings and linkers


def test_scaffolds_stay_whole():
    smiles = [ASPIRIN, PHENOL, MORPHOLINE, ETHANOL, "CN1CCOCC1", "CC", "C1CC1C", "C1CC1"]
    names = scaffolds(smiles)
    for train, test in ScaffoldFolds(3).split(smiles, np.arange(8.0)):
        assert not set(names[train]) & set(names[test])


def test_unreadable_smiles_are_named_by_row():
    with pytest.raises(DataError, match=r"row 1: 'C1CC'"):
        scaffolds(["CC", "C1CC"])
    with pytest.raises(DataError, match="2 SMILES for 3 rows"):
        list(ScaffoldFolds(smiles=["C", "CC"]).split(np.zeros((3, 1)), np.zeros(3)))
