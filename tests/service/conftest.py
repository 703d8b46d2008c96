"""A store of odd structures and records, and what serves it."""

import numpy as np
import pytest

from matloop.data.store.values import Origin, Property, Record
from matloop.matter.structures import from_arrays, joined
from matloop.testing.structures import sample_structures

FREE = Origin("mp", licence="CC-BY-4.0")
STRANGE = ["a/b#1", "100% sure?", 'say "no"', "c\\d & e+f", "täglich ~ µ", "."]


@pytest.fixture(scope="session", autouse=True)
def _extras():
    for name in ("sqlalchemy", "fastapi", "uvicorn", "httpx"):
        pytest.importorskip(name, reason="the extra 'serve' is not installed")


def structures():
    """Crystals, a slab, a chain, a molecule, shared and empty sites."""
    chain = from_arrays(
        np.diag([2.5, 15.0, 15.0])[None], [np.array([[0, 0, 0], [0.5, 0.1, 0]])], [[6, 1]],
        periodic=np.array([[True, False, False]]),
    )  # fmt: skip
    return joined([sample_structures(), chain])


def records():
    """What real harvests hold: several methods, units and kinds, gaps in the values, strange names, references."""
    batch, found = structures(), []
    for i in range(len(batch)):
        key = STRANGE[i] if i < len(STRANGE) else f"mp-{i}"
        values = [
            Property("band gap", round(0.37 * i, 3), "eV", 0.1, "PBE"),
            Property("colour", ["red", "Blue", "dark red"][i % 3]),
            Property("spectrum", (1.0, float(i), 2.5)),
            Property("tags", ("a", "b") if i % 2 else ("b", "c")),
            Property("count", i),
            Property("stable", i % 3 == 0),
        ]
        if i % 2:
            values.insert(1, Property("band gap", round(370.0 * i, 3) + 1000, "meV", None, "HSE06"))
        if i % 4 == 1:
            values.append(Property("band gap", 99.0, "eV", None, "PBE", {"temperature": "900 K"}))
        if i % 5 == 0:
            values = values[2:]
        origin = Origin(
            "mp" if i % 2 else "oqmd", f"x{i}", licence="CC-BY-4.0", doi="10.1063/1.4812323" if i % 3 == 0 else "",
            citation="Jain et al. (2013)" if i % 3 < 2 else "",
        )  # fmt: skip
        found.append(Record(key, "Fe2O3 (ore)" if i == 7 else "", batch.take(np.array([i])), tuple(values), origin))
    found.append(Record("formula", "Fe2O3", None, (Property("band gap", 2.0, "eV", method="PBE"),), FREE))
    return found


def hidden():
    """What must never be shown: not to be shared as a whole, by one value, and without a licence."""
    batch = structures()
    closed = Origin("icsd", "42", licence="ICSD", shareable=False)
    return [
        Record("closed", "", batch.take(np.array([0])), (Property("closed thing", 1.0),), closed),
        Record("one value", "", batch.take(np.array([1])), (Property("other thing", 1.0, origin=closed),), FREE),
        Record("unlicensed", "", batch.take(np.array([2])), (), Origin("me")),
    ]


@pytest.fixture
def filled(place):
    """A store with a dataset "crystals", and another one."""
    from matloop.data.store.store import open_store

    with open_store(place, patience=20) as store:
        store.add("crystals", [*records(), *hidden()])
        store.add("more", [Record("x", "", structures().take(np.array([3])), (), FREE)])
    return place


@pytest.fixture
def serving():
    """What makes a client of a server: `serving(place, **settings)`."""
    from fastapi.testclient import TestClient

    from matloop.service.app import make_app, make_service
    from matloop.service.settings import Settings

    opened = []

    def make(place, **settings):
        service = make_service(Settings(place, **{"patience": 20.0, **settings}))
        client = TestClient(make_app(service), base_url="http://localhost", raise_server_exceptions=False)
        opened.append(service)
        return client

    yield make
    for service in opened:
        service.store.close()
