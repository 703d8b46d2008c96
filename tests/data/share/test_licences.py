"""Licences: what a text names, and under which licence several can be passed on together."""

import pytest

from matloop.core.errors import DataError
from matloop.data.share.licences import combined, licence


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
        ("Creative Commons Attribution 4.0 International License", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/3.0/", "CC-BY-NC-ND-3.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("ODbL", "ODbL-1.0"),
        ("house rules", "house rules"),
    ],
)
def test_texts_are_understood(text, name):
    assert licence(text).name == name


@pytest.mark.parametrize(
    ("parts", "result"),
    [
        (["CC0-1.0", "CC-BY-4.0"], "CC-BY-4.0"),
        (["CC-BY-3.0", "CC BY 4.0"], "CC-BY-4.0"),
        (["CC-BY-4.0", "CC-BY-NC-4.0"], "CC-BY-NC-4.0"),
        (["CC-BY-4.0", "ODbL-1.0"], "ODbL-1.0"),
        (["CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"], "CC-BY-NC-SA-4.0"),
        (["CC-BY-ND-4.0"], "CC-BY-ND-4.0"),
        (["house rules"], "house rules"),
    ],
)
def test_the_strictest_holds_for_the_whole(parts, result):
    assert combined(dict.fromkeys(parts, 1), providers=len(parts)).licence.name == result


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["CC-BY-4.0", "CC-BY-NC-4.0", "ODbL-1.0"], "ODbL forbids further conditions"),
        (["CC-BY-SA-4.0", "ODbL-1.0"], "each ask that the whole"),
        (["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"], "each ask that the whole"),
        (["CC-BY-ND-4.0", "CC0-1.0"], "allows no combination"),
        (["house rules", "MIT"], "does not know what 'house rules'"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(parts, said):
    with pytest.raises(DataError, match=said) as error:
        combined(dict.fromkeys(parts, 3), providers=len(parts))
    assert "3 rows" in str(error.value)
    assert "Export them apart" in str(error.value)


def test_nd_from_two_providers_is_a_combination():
    with pytest.raises(DataError, match="no combination"):
        combined({"CC-BY-ND-4.0": 5}, providers=2)


@pytest.mark.parametrize(("have", "wish"), [("CC-BY-4.0", "CC0-1.0"), ("CC-BY-NC-4.0", "CC-BY-4.0"),
                                            ("ODbL-1.0", "CC-BY-4.0"), ("CC-BY-ND-4.0", "CC-BY-4.0")])  # fmt: skip
def test_a_looser_licence_is_refused(have, wish):
    with pytest.raises(DataError, match="cannot be passed on under"):
        combined({have: 1}, wish=wish)


@pytest.mark.parametrize(("have", "wish"), [("CC0-1.0", "CC-BY-4.0"), ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0")])
def test_a_stricter_licence_may_be_wished_for(have, wish):
    assert combined({have: 1}, wish=wish).licence.name == wish
