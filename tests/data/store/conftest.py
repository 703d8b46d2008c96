"""Structures and records that a store must hold without loss."""

import numpy as np
import pytest

from matloop.data.store.values import Origin, Property, Record
from matloop.matter.structures import Structures, from_arrays


@pytest.fixture
def store(place):
    from matloop.data.store.store import open_store

    with open_store(place, patience=20) as opened:
        yield opened


@pytest.fixture
def alloy():
    """Two atoms and a shared, partly vacant site, with oxidation states, moments and an energy."""
    return Structures(
        offsets=np.array([0, 2]), lattices=np.diag([2.9, 3.1, 4.7])[None], periodic=np.array([[True, True, False]]),
        coordinates=np.array([[0.0, 0.0, 1 / 3], [0.5, -0.25, 1.75]]), species_offsets=np.array([0, 1, 3]),
        numbers=np.array([26, 13, 29]), occupancies=np.array([1.0, 0.25, 0.5]),
        oxidation=np.array([3.0, np.nan, np.nan]), charges=np.array([1.0]), names=np.array(["half é"]),
        site_values={"magmom": np.array([2.2, np.nan]), "forces": np.array([[0.0, -0.1, 1e-17], [1.0, 2.0, 3.0]])},
        row_values={"energy": np.array([-7.123456789012345])},
    )  # fmt: skip


@pytest.fixture
def salt():
    return from_arrays(3.95 * (1 - np.eye(3))[None] / 2**0.5, [np.array([[0, 0, 0], [0.5, 0.5, 0.5]])], [[11, 17]])


@pytest.fixture
def records(alloy, salt):
    """All that a record can hold."""
    mp = Origin("mp", "mp-149", "https://mp.org/mp-149", "2026-01-02T03:04:05+00:00", "CC-BY-4.0", "ab" * 32, "page 3",
                "Jain 2013", "10.1063/1.4812323")  # fmt: skip
    icsd = Origin("icsd", "1234", shareable=False, note="read by hand")
    return [
        Record("mp-149", "Si", None, (
            Property("band_gap", 1.12, "eV", 0.01, "experiment", {"temperature": "300 K", "pressure": 1.5}),
            Property("band_gap", 0.61, "eV", method="PBE", origin=icsd), Property("atoms", 2), Property("metal", False),
            Property("system", "cubic µ"), Property("missing", None), Property("limit", float("inf"), "K"),
            Property("big", 2**70), Property("tensor", ((1.5, None), (2, "x"))),
        ), mp, {"remarks": ["a", {"b": None, "c": 1.5}], "größe": "Å"}),
        Record("Fe4O6", "Fe4O6", properties=(Property("band_gap", 2200.0, "meV", method="PBE"),)),
        Record("salt", "", salt, (Property("band_gap", 8.5, "eV"),), icsd),
        Record("alloy", "", alloy),
        Record("no formula at all", metadata={"who": "me"}),
    ]  # fmt: skip
