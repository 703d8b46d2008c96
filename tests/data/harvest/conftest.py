"""Servers of this machine, good and bad ones."""

import sys
from pathlib import Path

import pytest

from matloop.testing.web import Web

sys.path.insert(0, str(Path(__file__).parent))
from harvest_servers import Database, entry


@pytest.fixture
def serve():
    """Starts servers that answer by a function, and stops them at the end."""
    running = []

    def start(answer):
        running.append(Web(answer))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def database(serve):
    """Makes databases of so many entries, or of these."""
    return lambda n=30, trouble=None, **more: Database(
        serve, [entry(i) for i in range(n)] if isinstance(n, int) else n, trouble, **more
    )
