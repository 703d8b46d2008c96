"""Servers of this machine, good and bad ones."""

import pytest

from matloop.testing.web import Web


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
