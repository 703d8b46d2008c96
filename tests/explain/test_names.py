"""The names of the room are there, and asking for another says so."""

import pytest

import matloop.explain as room


def test_every_name_is_loaded_when_asked_for():
    assert all(callable(getattr(room, name)) for name in room.__all__)
    assert dir(room) == sorted(room.__all__)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        room.nothing  # noqa: B018
