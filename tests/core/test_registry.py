import sys

import pytest

from matloop.core.errors import ConfigError, MissingExtra
from matloop.core.optional import require
from matloop.core.registry import Registry


def test_listing_imports_nothing():
    names = Registry("t", wave="wave:open")
    sys.modules.pop("wave", None)
    assert list(names) == ["wave"]
    assert "wave" not in sys.modules
    assert names.load("wave").__name__ == "open"


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'magpie'"):
        Registry("t", magpie="a:b").load("magpi")


def test_a_missing_extra_says_what_to_install():
    with pytest.raises(MissingExtra, match=r"matloop\[deep\]"):
        require("no_such_library_here", extra="deep")
