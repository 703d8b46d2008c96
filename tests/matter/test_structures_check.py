import numpy as np
import pytest

from matloop.matter.structures import from_arrays
from matloop.matter.structures_check import densities, faults
from matloop.matter.structures_read import read_structures
from matloop.testing.structures import other_cell, sample_structures, translated

pytest.importorskip("matscipy")


def box(a: float, *atoms: str) -> str:
    return f'{len(atoms)}\nLattice="{a} 0 0 0 {a} 0 0 0 {a}"\n' + "\n".join(atoms) + "\n"


def suspicious(text: str) -> str:
    found = faults(read_structures([text])[0])
    return "; ".join(found.get(0, []))


def test_sound_structures_have_no_fault_in_whatever_cell():
    sound = sample_structures().take(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14]))
    for same in (sound, translated(sound), other_cell(sound)):
        assert faults(same) == {}


def test_the_density_of_rock_salt_is_that_of_the_handbook():
    assert densities(sample_structures())[0] == pytest.approx(2.17, abs=0.01)  # CRC Handbook, 2.17 g/cm3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (box(5, "Na 0 0 0", "Cl 0 0 0.3"), "Na (site 1) and Cl (site 2) are 0.30 Angstrom apart"),
        (box(5, "Na 0 0 0", "Cl 0 0 4.9"), "0.10 Angstrom"),
        (box(5, "Na 0 0 0", "Cl 5 0 10"), "0.00 Angstrom"),
        (box(5, "Cs 0 0 0", "Cs 0 0 1.2"), "1.20 Angstrom"),
        (box(0.4, "H 0 0 0"), "H (site 1) and H (site 1) are 0.40 Angstrom apart, and 2 more pairs"),
        (box(20, "O 0 0 0", "H 0 0 1"), "is it a molecule in a box?"),
        (box(1.5, "Os 0 0 0"), "are lengths in Angstrom?"),
        ("2\n\nH 0 0 0\nH 0 0 0.2\n", "0.20 Angstrom"),
    ],
)
def test_what_is_suspicious_is_said(text, words):
    assert words in suspicious(text)


def test_alternatives_may_overlap():
    pair = sample_structures().take(np.array([14]))
    close = from_arrays(pair.lattices, [np.array([[0, 0, 0], [0.05, 0, 0]])], [np.array([26, 26])])
    assert 0 in faults(close)
    object.__setattr__(close, "occupancies", np.array([0.6, 0.4]))
    assert faults(close) == {}


def test_a_cell_without_volume_is_said():
    flat = from_arrays(np.array([[[3.0, 0, 0], [0, 3, 0], [3, 3, 0]]]), [[[0, 0, 0]]], [[26]])
    assert "no volume" in faults(flat)[0][0]
