"""Featurizers as text: what is read, what is refused, and that nothing is ever run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.represent import FEATURIZERS
from matloop.represent.spec import canonical, made, options_of, read_spec, split


@pytest.mark.parametrize("name", list(FEATURIZERS))
def test_a_registered_name_is_its_own_canonical_text(name):
    assert canonical(name) == canonical(f" {name}( ) ") == name


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("morgan(radius=2, bits=512)", "morgan(bits=512)"),
        ("morgan(bits=512,radius=3)", "morgan(bits=512, radius=3)"),
        ("bag_of_bonds(bags=[['H', 2], ('C', 1)])", "bag_of_bonds(bags=(('H', 2), ('C', 1)))"),
    ],
)
def test_the_same_options_have_one_text(text, same):
    assert canonical(text) == same
    assert canonical(same) == same


def test_options_reach_the_featurizer():
    assert len(made("morgan(bits=64)").get_feature_names_out()) == 64
    assert made("morgan(bits=64)").get_params() == {"radius": 2, "bits": 64}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("magpi", 'Did you mean "magpie"'),
        ("magpie(x=1)", "no options"),
        ("morgan(bit=64)", 'Did you mean "bits".*radius=2, bits=1024'),
        ("morgan(bits=64.5)", "a whole number is needed"),
        ("morgan(bits=True)", "a whole number is needed"),
        ("morgan(bits='64')", "a whole number is needed"),
        ("bag_of_bonds(bags='H')", "a list"),
        ("morgan(64)", "'64' needs its name"),
        ("morgan(bits=64", "cannot be read"),
        ("morgan(bits=)", "cannot be read at character 13"),
        ("morgan(bits=64, bits=32)", "bits stands there twice"),
        ("morgan(bits=64) + magpie", "more than one"),
        ("morgan(bits=1e999)", "no plain value"),
        ("morgan(bits=__import__('os').getpid())", "no plain value"),
        ("morgan(bits=2**10)", "no plain value"),
        ("morgan(**{'bits': 3})", "for nothing"),
        ("morgan(bits={1: 2})", "no plain value"),
        ("", "names no featurizer"),
        ("morgan(bits=" + "(" * 3000, "cannot be read"),
        ("morgan(bits=-1)", "morgan.*1 to 65536"),
    ],
)
def test_a_fault_is_told_with_what_would_be_right(text, told):
    with pytest.raises(ConfigError, match=told):
        made(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_reason(text):
    for shape in (text, f"morgan({text})", f"morgan(bits={text})"):
        try:
            read_spec(shape)
        except ConfigError as error:
            assert str(error)


def test_commas_in_brackets_and_quotes_do_not_split():
    text = "magpie, rdf(cutoff=8,bins=20),elements(table='a,b.csv', statistics=['mean', 'std']),"
    assert split(text) == (
        "magpie", "rdf(cutoff=8,bins=20)", "elements(table='a,b.csv', statistics=['mean', 'std'])",
    )  # fmt: skip
    assert split(" , ") == ()


def test_options_are_those_of_the_constructor():
    assert options_of(FEATURIZERS.load("morgan")) == {"radius": 2, "bits": 1024}
    assert options_of(FEATURIZERS.load("magpie")) == {}
