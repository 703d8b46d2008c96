"""What is taken where nobody says what."""

import pytest

from matloop.represent import DEFAULT_FEATURES, FEATURIZERS, FEW_MOLECULES
from matloop.represent.auto import auto_features, chosen


@pytest.mark.parametrize("kind", ["composition", "molecule", "structure"])
def test_every_kind_has_sets_that_describe_it_and_a_reason(kind):
    choice = auto_features(kind)
    kinds = {getattr(FEATURIZERS.load(name), "kind", "composition") for name in choice.features}
    assert kinds <= {kind, "composition"}
    assert kind in choice.why


def test_few_molecules_have_no_counts_of_neighbourhoods():
    assert auto_features("molecule", FEW_MOLECULES - 1).features == ("rdkit",)
    assert auto_features("molecule", FEW_MOLECULES).features == ("rdkit", "morgan")


def test_auto_stands_for_its_sets_among_others():
    found, why = chosen(["alloy", "auto", "magpie"], "composition")
    assert found == ("alloy", *DEFAULT_FEATURES)
    assert why
    assert chosen(["alloy"], "composition") == (("alloy",), "")
