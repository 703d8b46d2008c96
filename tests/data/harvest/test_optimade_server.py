"""A harvest from the test server of optimade's own Python tools, with the real structures that it ships."""

import asyncio
import threading
import time

import numpy as np
import pytest

pytest.importorskip("httpx", reason="the extra 'harvest' is not installed")
pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")
pytest.importorskip("mongomock", reason="the server of optimade needs it")
pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from matloop.data.store.store import open_store
from matloop.pipeline.harvest import Manners, harvest, rebuild, search

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:optimade")
QUICK = Manners(rate=10_000, pause=0.01, tries=2, allow_local=True)


@pytest.fixture(scope="module")
def server():
    """Address of the running server, and the documents that are in it."""
    import optimade.server.data as data
    import uvicorn
    from optimade.server.config import ServerConfig
    from optimade.server.create_app import create_app

    formulas = dict.fromkeys(("chemical_formula_descriptive", "chemical_formula_reduced"), "pretty_formula")
    chemsys = {"name": "chemsys", "type": "string", "description": "Its elements."}
    config = ServerConfig(
        insert_test_data=False, database_backend="mongomock", page_limit=5, page_limit_max=8,
        aliases={"structures": {"id": "task_id", "chemical_formula_anonymous": "formula_anonymous", **formulas}},
        provider_fields={"structures": [chemsys]},
    )  # fmt: skip
    app = create_app(config)
    app.state.entry_collections["structures"].insert(data.structures)
    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()), daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not running.started and time.monotonic() < until:
        time.sleep(0.02)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", data.structures
    running.should_exit = True
    thread.join(30)


def test_all_structures_of_the_server_are_harvested(server, tmp_path):
    url, documents = server
    done = harvest("", str(tmp_path / "m.db#all"), source=f"t={url}", manners=QUICK)
    assert (done.state, done.records) == ("complete", len(documents)), done.lines()
    with open_store(tmp_path / "m.db") as store:
        found = {one.origin.id: one for one in store.records("all")}
    assert set(found) == {one["task_id"] for one in documents}
    for one in documents:
        record = found[one["task_id"]]
        if one["assemblies"] or "X" in str(one["species"]):
            continue
        assert record.structure is not None, record.metadata
        np.testing.assert_allclose(record.structure.positions, one["cartesian_site_positions"], atol=1e-9)
        np.testing.assert_allclose(record.structure.lattices[0], one["lattice_vectors"])
    assert rebuild(str(tmp_path / "m.db#all@1")).equal


@pytest.mark.parametrize(
    "text",
    ['elements HAS "Ac"', 'elements HAS ALL "Ac","Cu" AND nelements=2', "nsites > 20 OR nelements=1", "nelements < 0"],
)
def test_filters_find_what_the_documents_say(server, tmp_path, text):
    url, documents = server
    wanted = {
        'elements HAS "Ac"': lambda one: "Ac" in one["elements"],
        'elements HAS ALL "Ac","Cu" AND nelements=2': lambda one: set(one["elements"]) == {"Ac", "Cu"},
        "nsites > 20 OR nelements=1": lambda one: one["nsites"] > 20 or one["nelements"] == 1,
        "nelements < 0": lambda one: False,
    }[text]
    expected = {f"t/{one['task_id']}" for one in documents if wanted(one)}
    assert search(text, source=f"t={url}", manners=QUICK).hits[0].count == len(expected)
    done = harvest(text, str(tmp_path / "m.db#some"), source=f"t={url}", manners=QUICK)
    assert done.records == len(expected)
    if expected:
        with open_store(tmp_path / "m.db") as store:
            assert {one.key for one in store.records("some")} == expected


def test_a_property_that_the_server_refuses_is_said(server, tmp_path):
    done = harvest("_exmpl_nothing > 1", str(tmp_path / "m.db#none"), source=f"t={server[0]}", manners=QUICK)
    assert done.told[0].state == "refused"
    assert "_exmpl_nothing" in done.told[0].why


def test_a_property_of_the_provider_comes_along(server, tmp_path):
    harvest("", str(tmp_path / "m.db#all"), source=f"t={server[0]}", manners=QUICK)
    with open_store(tmp_path / "m.db") as store:
        named = {one.name for record in store.records("all") for one in record.properties}
    assert "_exmpl_chemsys" in named
