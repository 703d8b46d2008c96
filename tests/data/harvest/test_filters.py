"""Filters: a mistake is shown where it stands."""

import pytest

pytest.importorskip("optimade", reason="the extra 'harvest' is not installed")
pytest.importorskip("httpx", reason="the extra 'harvest' is not installed")

import contextlib

from matloop.data.harvest.filters import FilterError, checked_filter, foreign, pointed


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("elements HAS Mn", 13, 'double quotes: "Mn"'),
        ("elements HAS 'Mn'", 13, 'double quotes: "Mn"'),
        ('elements has "O"', 9, "capital letters: HAS"),
        ('elements HASS "O"', 9, "Did you mean HAS"),
        ('nsites=2 and elements HAS "O"', 9, "capital letters: AND"),
        ("nelements==2", 10, "single ="),
        ("nelements<>2", 9, "!="),
        ("nelements=2 & nsites=1", 12, "AND"),
        ("nelements=2 nsites=1", 12, "AND or OR"),
        ("nelements=2 AND", 15, "missing after AND"),
        ("(nelements=2", 0, "not closed"),
        ("nelements=2)", 11, "bracket too many"),
        ('elements HAS "Mn', 13, "double quote is missing"),
        ('elements HAS ALL "Mn""O"', 21, "comma is missing"),
        ('elements HAS "Mn","O"', 17, "HAS ALL"),
        ('elements HAS ANY ("O","N")', 17, "without brackets"),
        ("elements HAS ALL", 16, "value is missing"),
        ("band gap > 1", 5, "no spaces"),
        ("BandGap > 1", 0, "small letters"),
        ('"O" IN elements', 4, "property first"),
        ("elements", 8, "comparison is missing"),
        ("%", 0, "expected"),
    ],
)
def test_a_mistake_is_shown_where_it_stands(text, position, said):
    with pytest.raises(FilterError) as error:
        checked_filter(text)
    assert error.value.position == position
    assert said in str(error.value)
    _, line, caret, _ = str(error.value).split("\n", 3)
    assert caret.index("^") - 2 == position
    assert line.strip() == text


def test_the_caret_stands_in_its_line_and_long_lines_are_cut():
    assert pointed("a=1 AND\nb==2", 10) == "  b==2\n    ^"
    long = "nelements=2 OR " * 20 + "x"
    line, caret = pointed(long, 300).split("\n")
    assert line[caret.index("^")] == "x"
    assert len(line) < 130


@pytest.mark.parametrize(
    "text",
    ['elements HAS ALL "Mn","O"', "_mp_stability.gga_gga+u > 1"[:13] + " > 1", "NOT (nelements=2 OR nsites<5)", "",
     'elements:elements_ratios HAS "O":>0.5', "last_modified IS KNOWN", 'chemical_formula_reduced STARTS WITH "Fe"',
     "1 < nelements", "elements LENGTH 3", 'id="a\\"b"'],
)  # fmt: skip
def test_what_the_grammar_allows_passes(text):
    assert checked_filter(text).text == text


def test_properties_are_named_in_their_order():
    found = checked_filter('elements HAS "O" AND (_mp_stability.x>1 OR nsites=3) AND elements HAS "Fe"')
    assert found.properties == ("elements", "_mp_stability.x", "nsites")
    assert foreign(found.properties, "oqmd") == ("_mp_stability.x",)
    assert foreign(found.properties, "mp") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nelement=2", 'Did you mean "nelements"'),
        ('elements HAS ANY "mn","O"', '"mn" is no element. Did you mean "Mn"?'),
        ('chemical_formula_reduced="TiO2"', '"O2Ti", not "TiO2"'),
    ],
)
def test_what_finds_nothing_is_said(text, said):
    (told,) = checked_filter(text).said
    assert said in told


def test_a_very_deep_filter_is_no_crash():
    text = "(" * 400 + "nsites=1" + ")" * 400
    with contextlib.suppress(FilterError):
        checked_filter(text)
