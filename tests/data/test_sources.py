import pytest

from matloop.data.sources import FORMATS, SOURCES
from matloop.testing.sources import check_source


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_keeps_the_contract(name):
    check_source(name)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_there(name):
    assert callable(FORMATS.load(name))
