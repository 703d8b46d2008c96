"""Servers of this machine, good and bad ones."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from harvest_servers import Database, entry


@pytest.fixture
def database(serve):
    """Makes databases of so many entries, or of these."""
    return lambda n=30, trouble=None, **more: Database(
        serve, [entry(i) for i in range(n)] if isinstance(n, int) else n, trouble, **more
    )


def pytest_collection_modifyitems(config, items):
    """What needs the internet runs only when it is asked for: pytest -m network."""
    if "network" in (config.getoption("-m") or ""):
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("network"):
            item.add_marker(pytest.mark.skip(reason="needs the internet: pytest -m network"))
