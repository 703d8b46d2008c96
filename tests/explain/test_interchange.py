"""Which elements may stand for each other."""

import numpy as np
import pytest

from matloop.core.elements import Z_OF
from matloop.explain.interchange import interchangeable, partners, unlikeness


@pytest.mark.parametrize(
    "pair", ["Co Ni", "Ca Sr", "S Se", "Cl Br", "La Nd", "Nb Ta", "Al Ga", "Zr Hf", "Mg Zn", "Fe Mn"]
)
def test_textbook_substitutions_are_known(pair):
    a, b = pair.split()
    assert interchangeable()[Z_OF[a], Z_OF[b]]


@pytest.mark.parametrize("pair", ["Na Cl", "O Fe", "Li O", "H Li", "Ar Kr", "Fe Sn", "Pb Ru", "C Na", "Co Co"])
def test_unlike_elements_are_not(pair):
    a, b = pair.split()
    assert not interchangeable()[Z_OF[a], Z_OF[b]]


def test_tables_are_symmetric_and_read_only():
    assert (interchangeable() == interchangeable().T).all()
    assert (unlikeness() == unlikeness().T).all()
    with pytest.raises(ValueError, match="read-only"):
        interchangeable()[1, 2] = True


def test_unlikeness_is_that_of_darken_and_gurry():
    # covalent radii 128 and 102 pm, electronegativities 0.98 and 1.31 would be far apart: Li and Mg, by hand
    from matloop.core.elements import table

    a, b = Z_OF["Co"], Z_OF["Ni"]
    r, x = table("magpie").column("CovalentRadius"), table("periodic").column("X")
    expected = np.hypot((r[a] - r[b]) / (0.5 * (r[a] + r[b])) / 0.15, (x[a] - x[b]) / 0.4)
    assert unlikeness()[a, b] == pytest.approx(expected)
    assert partners("Mo")[-1] != "W"
