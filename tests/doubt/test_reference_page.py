"""The reference page of methods against the registries."""

import re
from pathlib import Path

import pytest

from matloop.doubt import INTERVALS, SETS

TEXT = (Path(__file__).parents[2] / "docs/reference/intervals.md").read_text("utf-8")
ROWS = {line.split("|")[1].strip(" `"): line for line in TEXT.splitlines() if line.startswith("| `")}


def dois(text):
    return set(re.findall(r"10\.\d{4,}/[^\s;,|]+", text))


def test_every_name_has_a_row_and_no_other():
    assert sorted(ROWS) == sorted([*INTERVALS, *SETS])


@pytest.mark.parametrize("name", list(INTERVALS))
def test_intervals_are_as_the_page_says(name):
    method = INTERVALS.load(name)
    assert dois(ROWS[name]) == dois(method.citation)
    assert ROWS[name].split("|")[3].strip().startswith({"one": "none"}.get(method.fits, method.fits))


@pytest.mark.parametrize("name", list(SETS))
def test_sets_are_as_the_page_says(name):
    assert dois(ROWS[name]) == dois(SETS.load(name).citation)
