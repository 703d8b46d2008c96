import numpy as np
import pytest

from matloop.matter.compositions import from_formulas
from matloop.monitor.drift.families import FAMILIES, families


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("Fe", "element"), ("Fe0.7Cr0.2Ni0.1", "alloy or intermetallic"), ("Fe2O3", "oxide"),
        ("LiFePO4", "phosphate"), ("CaCO3", "carbonate or oxycarbide"), ("Ca(OH)2", "hydroxide or hydrate"),
        ("BiOCl", "oxyhalide"), ("CsPbI3", "halide"), ("LiF", "fluoride"), ("CdTe", "chalcogenide"),
        ("Bi2Te3", "chalcogenide"), ("GaN", "nitride"), ("WC", "carbide"), ("TiB2", "boride"), ("MgH2", "hydride"),
        ("InP", "phosphide"), ("GaAs", "arsenide or antimonide"), ("Mg2Si", "silicide or germanide"),
        ("C8H10N4O2", "organic"), ("CaSO4", "sulfate or sulfite"), ("Mg2SiO4", "silicate"),
    ],
)  # fmt: skip
def test_a_compound_is_in_the_family_that_a_chemist_says(formula, family):
    batch, _ = from_formulas([formula])
    elements = np.zeros((1, 118), dtype=bool)
    elements[0, batch.elements - 1] = True
    assert FAMILIES[families(elements)[0]] == family


def test_every_material_has_a_family():
    rng = np.random.default_rng(0)
    found = families(rng.random((500, 118)) < 0.03)
    assert found.min() >= 0
    assert found.max() < len(FAMILIES)
