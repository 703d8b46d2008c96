"""Reference energies of the elements: planted ones come back with their errors, what cannot be told is refused."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.data.cleaning.references import fit_references, formation_energies, fractions_of, given_references
from matloop.matter.compositions import from_formulas

FORMULAS = [
    f"{m}{a}{x}{b}" for m in ("Na", "Mg", "Al", "Fe", "Zn") for x in ("O", "S", "Cl") for a in (1, 2) for b in (1, 3)
]
TRUE = {"O": -4.9, "Na": -1.3, "Mg": -1.5, "Al": -3.7, "S": -4.1, "Cl": -1.8, "Fe": -8.3, "Zn": -1.1}


def planted(noise, seed=0):
    batch, _ = from_formulas(FORMULAS)
    A, symbols = fractions_of(batch)
    rng = np.random.default_rng(seed)
    formation = rng.uniform(-3, 0, len(batch))
    total = A @ np.array([TRUE[name] for name in symbols]) + formation + noise * rng.normal(size=len(batch))
    return batch, total, formation


def test_planted_references_are_found_with_honest_errors():
    off = []
    for seed in range(40):
        batch, total, formation = planted(0.05, seed)
        found = fit_references(batch, total, formation)
        off += [(found.energies[name] - TRUE[name]) / found.errors[name] for name in TRUE]
    assert np.std(off) == pytest.approx(1.0, abs=0.2)
    assert found.left_out > found.rmse
    assert found.left_out == pytest.approx(0.05, rel=0.4)


def test_formation_energies_by_hand():
    batch, _ = from_formulas(["Fe2O3", "NaCl", "Au"])
    given = given_references({"Fe": -8.0, "O": -5.0, "Na": -1.0, "Cl": -2.0}, {"Fe": 0.1, "O": 0.2})
    values, errors, lacking = formation_energies(batch, np.array([-8.0, -3.5, -1.0]), given)
    assert values[:2] == pytest.approx([-8.0 + 0.4 * 8 + 0.6 * 5, -3.5 + 0.5 + 1.0])
    assert errors[:2] == pytest.approx([np.hypot(0.04, 0.12), 0.0])
    assert np.isnan(values[2])
    assert lacking == ("Au",)


def test_what_cannot_be_told_apart_is_refused():
    batch, _ = from_formulas(["NaCl", "Na2Cl2", "Na3Cl3", "MgO", "Mg2O", "MgO2"])
    with pytest.raises(DataError, match="Na, Cl stand in the same ratio"):
        fit_references(batch, np.arange(6.0))
    few, _ = from_formulas(["NaCl", "Na2Cl", "NaCl2", "Na3Cl", "KCl"])
    with pytest.raises(DataError, match=r"K \(1 rows\)"):
        fit_references(few, np.arange(5.0))
    with pytest.raises(DataError, match="Xx"):
        given_references({"Xx": 1.0})
