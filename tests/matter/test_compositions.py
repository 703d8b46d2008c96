import re
from collections import namedtuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.elements import SYMBOLS, Z_OF
from matloop.core.errors import DataError
from matloop.matter.compositions import (
    as_compositions,
    from_amounts,
    from_formulas,
    read_compositions,
    read_formulas,
    reduced_formulas,
    to_formulas,
    to_pymatgen,
)
from matloop.matter.formula import FormulaError, parse_formula
from matloop.matter.scan import scan

symbols = st.sampled_from(SYMBOLS[1:])
decimals = st.decimals(min_value="0.001", max_value="999", places=3).map(float)


@st.composite
def groups(draw, depth=2):
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        if depth and draw(st.booleans()):
            opened, closed = draw(st.sampled_from(["()", "[]"]))
            inner = opened + draw(groups(depth=depth - 1)) + closed
        else:
            inner = draw(symbols)
        parts.append(inner + draw(st.sampled_from(["", "2", "3", "0.5", "12", "1.25"])))
    return "".join(parts)


@settings(deadline=None)
@given(st.lists(groups(), min_size=1, max_size=8))
def test_batch_reader_and_grammar_agree(texts):
    c, reasons = from_formulas(texts)
    assert not reasons
    for row, text in enumerate(texts):
        entries = slice(c.offsets[row], c.offsets[row + 1])
        one = parse_formula(text)
        assert c.elements[entries].tolist() == list(one.amounts)
        np.testing.assert_allclose(c.amounts[entries], list(one.amounts.values()), rtol=1e-12)


def spaced(text):
    return re.sub(r"(?<=[A-Za-z0-9)\]])(?=[A-Z(\[])", " ", text)


@settings(deadline=None)
@given(st.lists(groups(), min_size=1, max_size=8))
def test_spaces_between_symbols_change_nothing(texts):
    c, reasons = from_formulas([f" {spaced(text)} " for text in texts])
    assert not reasons
    together, _ = from_formulas(texts)
    assert c.elements.tolist() == together.elements.tolist()
    assert c.amounts.tolist() == together.amounts.tolist()


def test_spaced_formulas_are_read_by_the_batch():
    assert scan(["K4 Mn4 O8", "Ca3  (PO4)2", " Fe2O3 ", "[Fe (CN)6]"]).plain.all()


@pytest.mark.parametrize("text", ["SO4 2-", "Fe 2 O 3", "C o", "TiO2 (rutile)", "CuSO4 5H2O", "2 H2O", " ", "Fe2 O3 1"])
def test_spaces_that_may_mean_something_are_left_to_the_grammar(text):
    assert not scan([text]).plain.any()


def test_a_charge_after_a_space_stays_a_charge():
    c, _ = from_formulas(["K4 Mn4 O8", "SO4 2-", "Fe2 O3"])
    assert c.charges.tolist() == [0.0, -2.0, 0.0]
    assert reduced_formulas(c).tolist() == ["KMnO2", "SO4", "Fe2O3"]


@pytest.mark.parametrize("text", ["Fe(III)2O3", "Fe (III)2 O3"])
def test_an_oxidation_number_is_no_iodine(text):
    c, _, notes = read_formulas([text])
    assert reduced_formulas(c).tolist() == ["Fe2O3"]
    assert notes == {0: "'(III)' left out"}


@settings(deadline=None)
@given(st.lists(st.text(max_size=12) | st.text("FeONaIV2.()x- ", max_size=8), max_size=6))
def test_any_texts_give_a_row_each_and_the_same_answer_as_one_by_one(texts):
    c, reasons = from_formulas(texts)
    assert len(c) == len(texts)
    for row, text in enumerate(texts):
        try:
            one = parse_formula(text)
        except FormulaError as fault:
            assert reasons[row] == str(fault)
            assert c.offsets[row] == c.offsets[row + 1]
        else:
            assert row not in reasons
            assert c.elements[c.offsets[row] : c.offsets[row + 1]].tolist() == list(one.amounts)


@settings(deadline=None)
@given(st.dictionaries(symbols, decimals, min_size=1, max_size=8), st.integers(-4, 4))
def test_round_trip_through_formulas(amounts, charge):
    text = "".join(f"{s}{n}" for s, n in amounts.items()) + (
        f"^{abs(charge)}{'+' if charge > 0 else '-'}" if charge else ""
    )
    first, _ = from_formulas([text])
    again, _ = from_formulas(to_formulas(first).tolist())
    assert again.elements.tolist() == sorted(Z_OF[s] for s in amounts)
    assert again.amounts.tolist() == first.amounts.tolist()
    assert again.charges.tolist() == [charge]


def test_elements_are_ascending_and_repeated_symbols_add_up():
    c, _ = from_formulas(["CH3CH2OH"])
    assert c.elements.tolist() == [1, 6, 8]
    assert c.amounts.tolist() == [6, 2, 1]


def test_an_unreadable_row_has_no_entries_and_a_reason():
    c, reasons = from_formulas(["Fe2O3", "Xx", "NaCl", None, "A" * 10_000])
    assert np.diff(c.offsets).tolist() == [2, 0, 2, 0, 0]
    assert sorted(reasons) == [1, 3, 4]
    assert "no text" in reasons[3]
    assert c.formulas.itemsize <= 4 * 500  # a long text is not kept in full


def test_notes_say_what_was_assumed():
    _, reasons, notes = read_formulas(["D2O", "Fe", "Xx"])
    assert notes == {0: "D (deuterium) read as H"}
    assert list(reasons) == [2]


def test_arrays_are_read_only():
    c, _ = from_formulas(["Fe2O3"])
    with pytest.raises(ValueError, match="read-only"):
        c.amounts[0] = 1.0


def test_nothing_and_line_feeds_are_no_trouble():
    assert len(from_formulas([])[0]) == 0
    c, reasons = from_formulas(["Fe\n", "Na\nCl", "O2"])
    assert not reasons
    assert np.diff(c.offsets).tolist() == [1, 2, 1]


def test_multiples_reduce_to_one_key():
    same = ["La0.7Sr0.3MnO3", "La7Sr3Mn10O30", "La1.4Sr.6Mn2O6", "MnO3La0.7Sr0.3"]
    assert len(set(reduced_formulas(from_formulas(same)[0]))) == 1
    assert reduced_formulas(from_formulas(["Fe0.333Co0.667", "Fe1/3Co2/3", "FeCo2"])[0]).tolist() == ["FeCo2"] * 3
    assert reduced_formulas(from_formulas(["Li0.97CoO2", "Li1.94Co2O4"])[0]).tolist() == ["Li97Co100O200"] * 2


def test_different_dopings_keep_different_keys():
    texts = [f"La{1 - x:.3f}Sr{x:.3f}MnO3" for x in np.arange(0.005, 0.5, 0.005)]
    assert len(set(reduced_formulas(from_formulas(texts)[0]))) == len(texts)


@settings(deadline=None)
@given(st.dictionaries(symbols, st.integers(1, 40), min_size=1, max_size=6), st.integers(2, 9))
def test_keys_do_not_depend_on_the_multiple(amounts, multiple):
    texts = ["".join(f"{s}{n * m}" for s, n in amounts.items()) for m in (1, multiple)]
    a, b = reduced_formulas(from_formulas(texts)[0])
    assert a == b


def test_an_unreadable_row_has_an_empty_key():
    assert reduced_formulas(from_formulas(["Fe", "?", "O2"])[0]).tolist() == ["Fe", "", "O"]


def test_columns_of_weight_percent_become_atoms():
    c, reasons = from_amounts(np.array([[74.0, 18, 8], [100, np.nan, 0]]), ["Fe", "Cr", "Ni"], "wt%")
    assert not reasons
    same, _ = from_formulas(["Fe-18Cr-8Ni (wt%)"])
    np.testing.assert_allclose(c.fractions[:3], same.fractions)
    assert np.diff(c.offsets).tolist() == [3, 1]
    assert reduced_formulas(c)[1] == "Fe"


@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_an_impossible_amount_names_the_element(bad):
    c, reasons = from_amounts(np.array([[1.0, bad], [0.0, 0.0], [1.0, 1.0]]), ["Fe", "Cr"], "at%")
    assert "Cr" in reasons[0]
    assert "zero or missing" in reasons[1]
    assert np.diff(c.offsets).tolist() == [0, 0, 2]
    assert c.amounts.tolist() == [50, 50]


def test_a_column_that_is_no_element_is_named():
    with pytest.raises(DataError, match="'Xx'"):
        from_amounts(np.ones((1, 2)), ["Fe", "Xx"], "at%")


@pytest.mark.parametrize(
    "rows",
    [
        ["Fe2O3", "NaCl"],
        np.array(["Fe2O3", "NaCl"]),
        np.array(["Fe2O3", "NaCl"], dtype=object),
        pd.Series(["Fe2O3", "NaCl"]),
        pd.DataFrame({"f": ["Fe2O3", "NaCl"]}),
        [{"Fe": 2, "O": 3}, {"Na": 1.0, "Cl": 1}],
        ["Fe2O3", {"Na": 1.0, "Cl": 1}],
    ],
)
def test_many_kinds_of_rows_are_compositions(rows):
    assert reduced_formulas(as_compositions(rows)).tolist() == ["Fe2O3", "NaCl"]


def test_a_mapping_may_have_many_elements_with_many_digits():
    c = as_compositions([{s: 1 / (3 + z) for z, s in enumerate(SYMBOLS[1:60])}, {"Fe": 0.0, "O": 1}])
    assert np.diff(c.offsets).tolist() == [59, 1]
    assert c.amounts[0] == 1 / 3


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_missing_value_is_called_missing(missing):
    c, reasons = read_compositions(["Fe", missing])
    assert reasons == {1: "there is no formula: the value is missing"}
    assert len(c) == 2


def test_bad_rows_are_named_up_to_ten():
    with pytest.raises(DataError, match=r"(?s)row 1: .*Xx.*row 2: .*and 5 more"):
        as_compositions(["Fe", "Xx", {"Fe": -1}, *["?"] * 13])


def test_a_single_formula_is_no_sequence():
    with pytest.raises(DataError, match=r"write \[formula\]"):
        as_compositions("Fe2O3")


class Duck:
    """What a pymatgen Composition looks like from outside."""

    def items(self):
        return [(self.Species("Cu", 2), 1.0), (self.Species("O", -2), 0.5)]

    Species = namedtuple("Species", ["symbol", "oxi_state"])

    def get_el_amt_dict(self):
        return {"Cu": 1.0, "O": 0.5}


def test_anything_shaped_like_a_pymatgen_composition_is_read():
    c = as_compositions([Duck()])
    assert (c.elements.tolist(), c.amounts.tolist(), c.charges.tolist()) == ([8, 29], [0.5, 1.0], [1])


def test_pymatgen_both_ways():
    core = pytest.importorskip("pymatgen.core")
    c = as_compositions([core.Composition("La0.7Sr0.3MnO3"), core.Composition({"Fe3+": 2, "O2-": 3})])
    assert [x.reduced_formula for x in to_pymatgen(c)][1] == "Fe2O3"
    assert to_pymatgen(c)[0] == core.Composition("La0.7Sr0.3MnO3")


def test_taking_rows_keeps_their_entries():
    c, _ = from_formulas(["Fe2O3", "NaCl", "C"])
    assert to_formulas(c.take(np.array([2, 0, 2]))).tolist() == ["C", "Fe2O3", "C"]
