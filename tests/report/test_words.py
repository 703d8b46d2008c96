from __future__ import annotations

import math

import pytest

from matloop.metrics.estimate import Estimate
from matloop.report import words
from matloop.report.tally import tally


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("uV/K", "µV/K"), ("W/(m*K)", "W/(m·K)"), ("S/cm", "S/cm"), ("m**2", "m²"), ("cm^-3", "cm⁻³"), ("GPa", "GPa")],
)
def test_units_are_written_as_in_print(unit, shown):
    assert words.unit_text(unit) == shown


def test_estimate_is_rounded_to_its_uncertainty():
    # half-width 3.15 keeps two digits, 0.55 one (Particle Data Group rounding)
    assert words.estimate(Estimate(112.3456, 109.1, 115.4), "K") == ("112.3\u202fK", "109.1 to 115.4")
    assert words.estimate(Estimate(85.231, 84.68, 85.80)) == ("85.2", "84.7 to 85.8")


def test_estimate_without_interval_says_none():
    assert words.estimate(Estimate(0.123456, math.nan, math.nan)) == ("0.123", "")


def test_shares_come_in_percent():
    assert words.metric_estimate("accuracy", Estimate(0.912, 0.893, 0.93), "")[0] == "91.2\u202f%"


def test_unit_follows_the_power_of_the_metric():
    assert words.metric_unit("mse", "uV/K") == "(µV/K)²"
    assert words.metric_unit("r2", "uV/K") == ""


@pytest.mark.parametrize(("value", "shown"), [(34631, "34,631"), (-0.00004, "−4.00·10⁻⁵"), (0.0, "0"), (math.nan, "–")])
def test_numbers_are_plain_where_they_can_be(value, shown):
    assert words.number(value) == shown


def test_negative_zero_loses_its_sign():
    assert words.fixed(-0.001, 1) == "0.0"


def test_text_is_cut_and_direction_marks_are_taken_out():
    assert words.short("a\u202eb\n  c" + "d" * 99, 8) == "ab cddd…"


@pytest.mark.parametrize(("value", "shown"), [(0.0004, "< 0.001"), (0.0441, "0.044"), (0.6, "0.60"), (math.nan, "")])
def test_p_values(value, shown):
    assert words.p_value(value) == shown


def test_reasons_that_differ_in_numbers_only_are_put_together():
    reasons = {f"median of rows {i}, {i + 7}, {2 * i}, which spread by {i / 7:.3g} uV/K": 1 for i in range(1, 500)}
    assert tally({**reasons, "no value": 7}) == {"median of rows …, which spread by … uV/K": 499, "no value": 7}


def test_few_reasons_stay_as_they_are():
    assert tally({"row 3": 1, "row 4": 2}) == {"row 4": 2, "row 3": 1}
