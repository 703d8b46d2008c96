from __future__ import annotations

import numpy as np
import pytest

from matloop.evaluate.row_sets import by_chemistry

FAMILIES = {
    "element": "Fe Si",
    "metals only": "Ni3Al Fe0.98C0.02 CoCrFeNi",
    "oxide": "Fe2O3 SiO2 YBa2Cu3O7 TeO2 LiSbO3",
    "oxoanion salt": "LiFePO4 CaCO3 Na2SO4 Ca5P3O13F NaNO3",
    "halide": "NaCl CsPbI3",
    "chalcogenide": "Sb2Te3 As2S3 Li10GeP2S12 FeAsS",
    "pnictide": "GaAs Si3N4 BN",
    "carbide, boride, silicide or germanide": "SiC MoSi2 LaB6 LaGe2 GeC",
    "hydride": "MgH2 LiBH4",
    "organic": "CH4",
    "mixed anions": "La2O2S TaON BiOCl SbSI",
}
FORMULAS = [(formula, family) for family, line in FAMILIES.items() for formula in line.split()]


@pytest.mark.parametrize(("formula", "family"), FORMULAS)
def test_family_is_what_a_chemist_says(formula, family):
    found = [s.name for s in by_chemistry([formula, "He"]) if s.kind == "family" and s.member[0]]
    assert found == [family]


def test_blocks_and_number_of_elements():
    sets = {s.name: s.member for s in by_chemistry(["NaCl", "Fe2O3", "SmCo5", "LaAlO3"])}
    assert sets["with a transition metal"].tolist() == [False, True, True, False]
    assert sets["with an f element"].tolist() == [False, False, True, True]
    assert sets["main group only"].tolist() == [True, False, False, False]
    assert sets["3 elements"].tolist() == [False, False, False, True]
    assert sets["O"].tolist() == [False, True, False, True]


def test_what_cannot_be_read_has_no_family():
    sets = by_chemistry(["NaCl", "not a formula"])
    assert not np.any([s.member[1] for s in sets])
