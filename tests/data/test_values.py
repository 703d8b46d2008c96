import time

import numpy as np
import pytest
from data_tables import column
from hypothesis import given
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.data.values import read_numbers


def one(text, **options):
    read = read_numbers(column(text), **options)
    return read.values[0], read.errors[0], read.censored[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e5", 1e5),
        ("1.5E-3", 0.0015),
        ("−3.2", -3.2),
        (" 5 ", 5.0),
        ("10^3", 1000.0),
        ("10³", 1000.0),
        ("1.2×10⁻³", 0.0012),
        ("1.2 x 10^-3", 0.0012),
        ("2.5e+2", 250.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("12,345.6", 12345.6),
        ("1 234 567", 1234567.0),
        ("1'234.5", 1234.5),
        (7, 7.0),
        (np.float64(2.5), 2.5),
        (True, 1.0),
    ],
)
def test_one_number_in_many_spellings(text, value):
    assert one(text)[0] == value


@pytest.mark.parametrize(
    "text", ["", "-", "--", "–", "n.d.", "n/a", "N/A", "NaN", "nan", "none", "#N/A", None, np.nan, "not measured"]
)
def test_ways_to_say_nothing_are_missing_not_faults(text):
    read = read_numbers(column(text, "1"))
    assert np.isnan(read.values[0])
    assert not read.faults


@pytest.mark.parametrize(
    ("text", "value", "error"),
    [
        ("1.2 +- 0.1", 1.2, 0.1),
        ("1.2±0.1", 1.2, 0.1),
        ("1.2 +/- 0.1", 1.2, 0.1),
        ("1.23(4)", 1.23, 0.04),
        ("1.23(12)e5", 1.23e5, 0.12e5),
        ("300(2)", 300.0, 2.0),
        ("1.20(0.05)", 1.2, 0.05),
        ("(1.2 ± 0.1)x10^3", 1200.0, 100.0),
        ("5 ± 10%", 5.0, 0.5),
        ("1.2 +0.3/-0.1", 1.2, 0.2),
        ("3-5", 4.0, 1.0),
        ("3–5", 4.0, 1.0),
        ("-3 - -1", -2.0, 1.0),
        ("3 to 5", 4.0, 1.0),
    ],
)
def test_uncertainties_and_ranges_keep_their_width(text, value, error):
    read, width, _ = one(text)
    assert (read, width) == (pytest.approx(value), pytest.approx(error))


@pytest.mark.parametrize(
    ("text", "sign"), [("> 300", 1), (">=300", 1), ("≥ 300", 1), ("<300", -1), ("≤300", -1), ("at least 300", 1)]
)
def test_limits_keep_their_sign(text, sign):
    assert one(text)[0] == 300.0
    assert one(text)[2] == sign


def test_approximate_value_and_range_are_listed_as_repairs():
    repairs = read_numbers(column("~ 5", "3-5")).repairs
    assert repairs[0] == ("5", "an approximate value is taken as it stands")
    assert repairs[1] == ("4 ± 1", "the middle of a range, half its width as uncertainty")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "not a number"),
        ("inf", "infinite"),
        ("-inf", "infinite"),
        ("1e999", "infinite"),
        (np.inf, "infinite"),
        ("5-3", "range whose first value is the larger"),
        ("2020-05-03", "is a date"),
        ("#DIV/0!", "error of the spreadsheet"),
        ("12.3*", "not a number"),
        ("1.2.3", "not a number"),
        ("x" * 300, "longer than 200"),
    ],
)
def test_what_is_no_number_is_a_fault_with_a_reason(text, reason):
    read = read_numbers(column("1", text))
    assert reason in read.faults[1]
    assert np.isnan(read.values[1])


def test_units_beside_values_are_converted():
    read = read_numbers(column("1.2 eV", "350 meV", "1.4", "> 300 meV", "0.5 ± 0.1 eV", "3-5 eV"), unit="eV")
    np.testing.assert_allclose(read.values, [1.2, 0.35, 1.4, 0.3, 0.5, 4.0])
    np.testing.assert_allclose(read.errors[4:], [0.1, 1.0])
    assert any("without a unit are taken as eV" in note for note in read.notes)


def test_temperature_moves_its_zero_but_not_its_error():
    read = read_numbers(column("25 °C", "300 K", "20.0 ± 0.5 °C"), unit="K")
    np.testing.assert_allclose(read.values, [298.15, 300.0, 293.15])
    assert read.errors[2] == pytest.approx(0.5)


def test_power_in_a_unit_is_no_range():
    read = read_numbers(column("7.5 x 10^19 cm^-3", "2e20 cm⁻³", "7 cm-3"), unit="cm^-3")
    np.testing.assert_allclose(read.values, [7.5e19, 2e20, 7.0])


def test_mixed_units_without_a_wanted_one_name_the_rows():
    with pytest.raises(
        DataError, match=r'(?s)column "gap" mixes units.*unit = "eV".*eV: row 1.*meV: rows 2, 4.*no unit: row 3'
    ):
        read_numbers(column("1.2 eV", "350 meV", "1.4", "20 meV"), name="gap")


def test_one_unit_throughout_becomes_the_unit_of_the_column():
    assert read_numbers(column("1.2 eV", "", "1.5 eV")).unit == "eV"
    assert read_numbers(column("12 %", "15%")).unit == "%"


def test_unknown_and_incompatible_units_are_faults_of_their_row():
    faults = read_numbers(column("5 kg", "12 foo", "300 K"), unit="K").faults
    assert faults[0] == "is in 'kg', which cannot be converted to 'K'"
    assert faults[1] == "has the unit 'foo', which is not known"
    assert 2 not in faults


def test_number_without_unit_among_another_unit_is_refused():
    assert read_numbers(column("300 meV", "250"), unit="eV").faults == {
        1: "has no unit, while other values of the column are in meV"
    }


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,5", "2"], [1.5, 2.0]),
        (["1,5", "1.234,5", "1.234"], [1.5, 1234.5, 1234.0]),
        (["1,5", "2.5", "1,234"], [1.5, 2.5, 1.234]),
        (["1,234", "950"], [1234.0, 950.0]),
        (["1,234", "0,950"], [1.234, 0.95]),
        (["1,234", "2,345,678"], [1234.0, 2345678.0]),
        (["-1,5", "3,25 ± 0,05"], [-1.5, 3.25]),
    ],
)
def test_commas_are_settled_once_per_column(texts, values):
    np.testing.assert_allclose(read_numbers(column(*texts)).values, values)


def test_semicolon_tables_have_decimal_commas():
    np.testing.assert_allclose(read_numbers(column("1,234", "2,345"), decimal_comma=True).values, [1.234, 2.345])


def test_numbers_that_fit_two_readings_are_refused():
    assert "two ways" in read_numbers(column("1,5", "2", "1.234")).faults[2]
    assert "two ways" in read_numbers(column("1,5", "1,234,567", "1,234")).faults[2]


def test_further_spellings_of_no_value():
    read = read_numbers(column("-999", "-999.0", "x", "3"), missing=("-999", "x"))
    assert np.isnan(read.values[:3]).all()
    assert not read.faults
    assert np.isnan(read_numbers(np.array([-999.0, 3.0]), missing=("-999",)).values[0])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_numbers_survive_being_written_to_the_last_bit(numbers):
    read = read_numbers(column(*map(repr, numbers)))
    assert read.values.tolist() == numbers


@given(st.text(max_size=30))
def test_any_text_is_a_number_nothing_or_a_fault(text):
    read = read_numbers(column(text), unit="K")
    assert np.isfinite(read.values[0]) or np.isnan(read.values[0])
    assert not (np.isfinite(read.values[0]) and 0 in read.faults)


def test_a_million_plain_numbers_in_two_seconds():
    texts = np.array([repr(x) for x in np.random.default_rng(0).random(1_000_000).tolist()], dtype=object)
    start = time.process_time()
    read_numbers(texts)
    assert time.process_time() - start < 2.0


def test_a_value_in_another_unit_than_the_rest_is_listed_and_a_whole_column_is_not():
    read = read_numbers(np.array(["1.5 eV", "1200 meV", "2.0 eV"], dtype=object), unit="eV")
    assert read.repairs == {1: ("1.2", "converted from meV to eV, most of the column is in eV")}
    assert read_numbers(np.array(["1500 meV", "1200 meV"], dtype=object), unit="eV").repairs == {}
