"""Values of strangers, one by one: what can be read, what cannot, and why."""

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.deploy.cells import BOUNDS, Bounds, plain_columns, too_dense
from matloop.matter.structures_read import read_structures
from matloop.problem.question import Input

NUMBER = Input("T", "number", "T", unit="K")
WORD = Input("route", "category", "route")
FORMULA = Input("formula", "composition", "formula")
CRYSTAL = Input("crystal", "structure", "cif")
ALLOY = Input("alloy", "composition", columns={"Fe": "Fe", "Cr": "Cr"}, amounts="wt%")


def one(item, value, missing=(), bounds=BOUNDS):
    """The value as it is handed on, and why not."""
    name = next(iter(item.columns.values()), item.column)
    columns, faults = plain_columns([item], {name: [value]}, missing, bounds)
    return columns[name][0], faults.get(0, "")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (300, 300.0), (300.5, 300.5), ("300", 300.0), ("3e2", 300.0), ("25 degC", 298.15), ("300(5) K", 300.0),
        ("1.234,5", 1234.5), (np.float32(2.5), 2.5), (np.int64(7), 7.0), (True, 1.0),
    ],
)  # fmt: skip
def test_a_number_is_read_whatever_way_it_is_written(value, number):
    found, why = one(NUMBER, value)
    assert (found, why) == (pytest.approx(number), "")


@pytest.mark.parametrize("value", [None, float("nan"), "", "n/a", "-999", -999, -999.0])
def test_a_number_that_is_missing_is_no_fault(value):
    found, why = one(NUMBER, value, missing=("-999",))
    assert (found is None or np.isnan(found) or found == -999.0, why) == (True, "")  # -999.0 is for who reads columns


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("warm", "warm"), (10**400, "too large"), ([300], "is a list"), ({"a": 1}, "is an object"),
        ("9" * 300, "300 characters"), ("300 GPa", "GPa"), (1 + 2j, "complex"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_said(value, said):
    found, why = one(NUMBER, value)
    assert said in why
    assert 'column "T"' in why
    assert found is None or not np.isfinite(found)


def test_what_one_row_writes_does_not_change_how_another_is_read():
    alone = [one(NUMBER, value)[0] for value in ("1,234", "25 degC", "1,5", "300")]
    columns, faults = plain_columns([NUMBER], {"T": ["1,234", "25 degC", "1,5", "300"]})
    assert columns["T"].tolist() == alone
    assert faults == {}


def test_a_unit_in_the_header_holds_for_written_numbers_too():
    item = Input("T", "number", "T (degC)", unit="K")
    assert one(item, "25")[0] == pytest.approx(25.0)  # converted with its column later
    assert one(item, "298.15 K")[0] == pytest.approx(25.0)


def test_words_are_words_or_numbers_and_not_too_long():
    assert one(WORD, "cast") == ("cast", "")
    assert one(WORD, 3) == (3, "")
    assert "1,001 characters" in one(WORD, "a" * 1001)[1]
    assert "is a list" in one(WORD, ["cast"])[1]


def test_amounts_may_be_the_balance():
    assert one(ALLOY, "bal.") == ("bal.", "")
    assert one(ALLOY, "12.5") == (12.5, "")


def test_element_amounts_become_a_formula():
    assert one(FORMULA, {"Fe": 2, "O": 3}) == ('{"Fe": 2.0, "O": 3.0}', "")
    for wrong in ({}, {"Fe": -1}, {"Xx": 1}, {"Fe": "much"}, dict.fromkeys(range(200), 1)):
        assert "{element: amount}" in one(FORMULA, wrong)[1]


def test_a_structure_is_a_text_or_json():
    cell = {
        "lattice": {"matrix": np.eye(3) * 4},
        "sites": [{"species": [{"element": "Po", "occu": 1}], "abc": [0, 0, 0]}],
    }
    text, why = one(CRYSTAL, cell)
    assert why == ""
    assert read_structures([text])[0].sizes.tolist() == [1]
    assert "is a number" in one(CRYSTAL, 5)[1]
    assert "600,000 characters" in one(CRYSTAL, "x" * 600_000)[1]


def test_deep_json_is_told_without_falling_into_it():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert "deeper than 20 levels" in one(CRYSTAL, deep)[1]
    assert "cannot be written as JSON" in one(CRYSTAL, {"a": {1, 2}})[1]


def test_denser_than_any_matter_is_told():
    half = [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    places = [*half, *((x + 0.25, y + 0.25, z + 0.25) for x, y, z in half)]
    carbon = "C\n1.0\n{0} 0 0\n0 {0} 0\n0 0 {0}\nC\n8\nDirect\n" + "\n".join(f"{x} {y} {z}" for x, y, z in places)
    diamond, squeezed = carbon.format(3.567), carbon.format(0.3567)  # nanometres taken for Angstrom
    found = too_dense(read_structures([diamond, squeezed])[0], BOUNDS.density)
    assert list(found) == [1]
    assert "176 sites" in found[1]


def test_columns_of_several_lengths_are_refused():
    with pytest.raises(DataError, match="different lengths"):
        plain_columns([NUMBER, WORD], {"T": [1.0], "route": []})


def test_bounds_can_be_widened():
    assert one(WORD, "a" * 1001, bounds=Bounds(word=2000))[1] == ""
