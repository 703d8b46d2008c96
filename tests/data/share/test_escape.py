"""Cells that a spreadsheet would run: disarmed, and exactly restored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matloop.data.share.escape import disarmed, is_formula, restored

EVIL = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "@SUM(A1)",
    "+1+cmd",
    "-1+cmd|x",
    "\t=1",
    "\r=1",
    " =1",
    "＝1+1",
    "\n=HYPERLINK(1)",
]
PLAIN = ["-3.5", "+4", "-1e-5", "Fe-O", "1=2", "", "a'b", "5", ".5", "-.5"]


@pytest.mark.parametrize("number", range(len(EVIL)))
def test_what_a_spreadsheet_runs_is_disarmed(number):
    text = EVIL[number]
    assert is_formula(text)
    assert disarmed(text) == "'" + text


@pytest.mark.parametrize("text", PLAIN)
def test_numbers_and_plain_texts_are_untouched(text):
    assert disarmed(text) == text


def test_a_text_that_begins_with_the_mark_is_not_mistaken():
    assert [restored(disarmed(text)) for text in ("'=1", "''", "'")] == ["'=1", "''", "'"]
    assert len({disarmed("=1"), disarmed("'=1"), disarmed("''=1")}) == 3


@given(st.text())
def test_every_text_comes_back(text):
    assert restored(disarmed(text)) == text
    assert not is_formula(disarmed(text))
