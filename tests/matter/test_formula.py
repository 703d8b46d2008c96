import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matloop.core.elements import SYMBOLS
from matloop.matter.formula import LONGEST, FormulaError, parse_formula


def read(text, amounts="formula"):
    return {SYMBOLS[z]: pytest.approx(n, abs=1e-9) for z, n in parse_formula(text, amounts).amounts.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("La0.7Sr0.3MnO3", {"La": 0.7, "Sr": 0.3, "Mn": 1, "O": 3}),
        ("Fe1/2Co1/2", {"Fe": 0.5, "Co": 0.5}),
        ("K4[Fe(CN)6]", {"K": 4, "Fe": 1, "C": 6, "N": 6}),
        ("{(NH4)2}SO4", {"N": 2, "H": 8, "S": 1, "O": 4}),
        ("CuSO4·5H2O", {"Cu": 1, "S": 1, "O": 9, "H": 10}),
        ("CuSO4*5H2O", {"Cu": 1, "S": 1, "O": 9, "H": 10}),
        ("CuSO4.5H2O", {"Cu": 1, "S": 1, "O": 9, "H": 10}),
        ("CaSO4.0.5H2O", {"Ca": 1, "S": 1, "O": 4.5, "H": 1}),
        ("Al2O3.2SiO2.2H2O", {"Al": 2, "Si": 2, "O": 9, "H": 4}),
        ("NiCl2.H2O", {"Ni": 1, "Cl": 2, "H": 2, "O": 1}),
        ("Na0.5H2O", {"Na": 0.5, "H": 2, "O": 1}),
        ("Fe₂O₃", {"Fe": 2, "O": 3}),
        ("La$_{0.7}$Sr$_{0.3}$MnO$_3$", {"La": 0.7, "Sr": 0.3, "Mn": 1, "O": 3}),
        ("Fe<sub>2</sub>O<sub>3</sub>", {"Fe": 2, "O": 3}),
        ("  La 0.7 Sr 0.3 Mn O 3 ", {"La": 0.7, "Sr": 0.3, "Mn": 1, "O": 3}),
        ("(La0.7,Sr0.3)MnO3", {"La": 0.7, "Sr": 0.3, "Mn": 1, "O": 3}),
        ("La1-xSrxMnO3, x = 0.3", {"La": 0.7, "Sr": 0.3, "Mn": 1, "O": 3}),
        ("La1-x-yCaxSryMnO3; x=0.2, y = 1/2", {"La": 0.3, "Ca": 0.2, "Sr": 0.5, "Mn": 1, "O": 3}),
        ("Bi2-xSbxTe3 with x = 0.5", {"Bi": 1.5, "Sb": 0.5, "Te": 3}),
        ("(Fe0.5Co0.5)(1-x)Nix (x=0.1)", {"Fe": 0.45, "Co": 0.45, "Ni": 0.1}),
        ("Ca1-2xNaxLaxO, x=.1", {"Ca": 0.8, "Na": 0.1, "La": 0.1, "O": 1}),
        ("(1-x)BaTiO3-xSrTiO3, x=0.3", {"Ba": 0.7, "Sr": 0.3, "Ti": 1, "O": 3}),
        ("0.7BaTiO3-0.3SrTiO3", {"Ba": 0.7, "Sr": 0.3, "Ti": 1, "O": 3}),
        ("70SiO2-20Na2O-10CaO", {"Si": 70, "Na": 40, "Ca": 10, "O": 170}),
        ("70SiO2·30Na2O (mol%)", {"Si": 70, "Na": 60, "O": 170}),
        ("SiO2-20Na2O-10CaO (mol%)", {"Si": 70, "Na": 40, "Ca": 10, "O": 170}),
        ("Ti-6Al-4V (at.%)", {"Ti": 90, "Al": 6, "V": 4}),
        ("NaN", {"Na": 1, "N": 1}),
        ("CO", {"C": 1, "O": 1}),
        ("Co", {"Co": 1}),
        ("NO", {"N": 1, "O": 1}),
        ("Fe2O0", {"Fe": 2}),
        ("D2O", {"H": 2, "O": 1}),
        ("2H2O", {"H": 4, "O": 2}),
        ("Fe (III)2 O3", {"Fe": 2, "O": 3}),
    ],
)
def test_what_people_write_is_read(text, expected):
    assert read(text) == expected


def test_weight_percent_becomes_atoms_by_atomic_mass():
    steel = read("Fe-18Cr-8Ni (wt%)")
    total = 74 / 55.845 + 18 / 51.9961 + 8 / 58.6934  # standard atomic masses
    share = {s: n.expected / sum(v.expected for v in steel.values()) for s, n in steel.items()}
    assert share == pytest.approx({"Fe": 74 / 55.845 / total, "Cr": 18 / 51.9961 / total, "Ni": 8 / 58.6934 / total})
    for same in ("Fe74Cr18Ni8 (wt%)", "Fe-18wt%Cr-8wt%Ni", "Fe-bal, 18Cr, 8Ni wt.%"):
        assert read(same) == steel
    assert read("Fe-18Cr-8Ni", "wt%") == steel


def test_oxides_in_weight_percent_are_weighed_as_oxides():
    glass = read("60SiO2-40Na2O (wt%)")
    assert glass["Na"].expected / glass["Si"].expected == pytest.approx(2 * (40 / 61.979) / (60 / 60.083), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "charge"),
    [("Fe3+", 3), ("Fe+3", 3), ("[Fe(CN)6]4-", -4), ("SO4^2-", -2), ("SO4 2-", -2), ("SO42-", -2), ("SO₄²⁻", -2),
     ("NO3-", -1), ("NH4+", 1), ("Hg22+", 2), ("Fe^{3+}", 3), ("C60-", -1), ("Fe2O3", 0)],
)  # fmt: skip
def test_charges_are_kept(text, charge):
    assert parse_formula(text).charge == charge


def test_the_digit_of_an_ion_is_its_charge_not_an_amount():
    assert read("Fe3+") == {"Fe": 1}
    assert read("SO42-") == {"S": 1, "O": 4}


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("D2O", "D \\(deuterium\\) read as H"),
        ("YBa2Cu3O7-δ", "δ has no value: read as 0"),
        ("Ti-6Al-4V (wt%)", "Ti is the balance: 90 wt%"),
        ("TiO2 (rutile)", "rutile.* left out"),
        ("β-Ga2O3", "left out"),
        ("Fe(III)2O3", "left out"),
        ("Fe (III)2 O3", "'\\(III\\)' left out"),
    ],
)
def test_what_was_assumed_is_said(text, note):
    import re

    assert re.search(note, "; ".join(parse_formula(text).notes))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("H2O)", "never opened"),
        ("(H2O", "not closed"),
        ("(H2O]", "never opened"),
        ("Fe()", "empty"),
        ("Xx2O3", "no element 'Xx'"),
        ("FE2O3", "Did you mean 'Fe'"),
        ("fe2o3", "capital letter"),
        ("nan", "names no element"),
        ("18O", "isotope"),
        ("¹⁸O2", "isotope"),
        ("H218O", "isotope"),
        ("T2O", "isotope"),
        ("Fe0", "zero"),
        ("Fe1/0", "divided by zero"),
        ("Fe--O", "unexpected '-'"),
        ("LiFePO4/C", "'/' in 'LiFePO4/C': a composite"),
        ("Fe2O3 + 0.1 CuO", "write a mixture with its amounts"),
        ("(La,Sr)MnO3", "without amounts"),
        ("Ti-6Al-4V", "add '\\(wt%\\)' or '\\(at%\\)'"),
        ("50Fe-50Co", "add '\\(wt%\\)'"),
        ("Fe-60Cr-40Ni (wt%)", "nothing is left for 'Fe'"),
        ("Fe-Cr-8Ni (wt%)", "only one part can be the balance"),
        ("La1-xSrxMnO3", "'x' has no value"),
        ("La1-xSrxMnO3, x = 0.1-0.3", "not clear"),
        ("La1-xSrxMnO3, x = 1.3", "not between"),
        ("Fe2O3·nH2O", "'n' has no value"),
        ("Fe 2 3", "two numbers"),
        ("ZnO:Al", "unexpected ':'"),
        ("H" + "9" * 30, "not between"),
        ("(" * 50 + "Fe" + ")" * 50, "nested deeper"),
        ("Fe" * 5000, "10,000 characters"),
    ],
)
def test_what_cannot_be_read_has_a_reason(text, reason):
    with pytest.raises(FormulaError, match=reason):
        parse_formula(text)


def test_a_reason_is_short_even_for_a_long_text():
    with pytest.raises(FormulaError) as fault:
        parse_formula("(" * 20_000)
    assert len(str(fault.value)) < 200


def test_no_text_is_refused():
    with pytest.raises(FormulaError, match="is no text"):
        parse_formula(3.5)


ALPHABET = "ABCDEFHINOPSTXabcdeiloruxyzδ0123456789.()[]{}/-+*·=, %^_<>$₂²⁻\n\t wt"


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet=ALPHABET, max_size=40))
@example("(1-x)(x/")
@example("=x=1")
@example("x=1")
@example("(wt%)")
@example("1e308Fe")
def test_no_text_breaks_the_reader(text):
    for amounts in ("formula", "wt%"):
        try:
            formula = parse_formula(text, amounts)
        except FormulaError as reason:
            assert str(reason)
        else:
            assert formula.amounts
            assert all(0 < n < float("inf") for n in formula.amounts.values())


@pytest.mark.parametrize(
    "unit", ["(", "Fe(", "1-x", "x", "-1Fe", "Fe1-", "a=1,", "H2O.", "((Fe)2", "1/", "wt%", "^", "2-2x+", "<sub>"]
)
def test_time_does_not_explode(unit):
    text = (unit * LONGEST)[:LONGEST]
    start = time.perf_counter()
    with pytest.raises(FormulaError):
        parse_formula(text)
    assert time.perf_counter() - start < 1.0
