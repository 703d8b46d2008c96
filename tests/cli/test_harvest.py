"""`matloop data providers`, `search`, `harvest`, `rebuild` on the command line."""

import json

import pytest

pytest.importorskip("httpx", reason="the extra 'harvest' is not installed")
pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")
pytest.importorskip("optimade", reason="the extra 'harvest' is not installed")

from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.testing.web import Web


@pytest.fixture
def web():
    def answer(asked):
        entries = [{"id": f"r{i}", "attributes": {"chemical_formula_reduced": "MnO"}} for i in range(3)]
        asked.send({"data": entries, "meta": {"data_returned": 3}} if asked.path == "/v1/structures" else {})

    running = Web(answer)
    yield running
    running.close()


def ran(*words):
    return CliRunner().invoke(app, ["data", *map(str, words)])


def test_harvest_search_and_rebuild(web, tmp_path):
    local = ("--from", f"lab={web.url}", "--allow-local", "--rate", "10000")
    found = ran("search", 'elements HAS "Mn"', *local)
    assert found.exit_code == 0, found.output
    assert "lab: 3 records" in found.output
    done = ran("harvest", 'elements HAS "Mn"', *local, "-o", tmp_path / "m.db#a", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["state"], told["records"], told["version"]["number"]) == ("complete", 3, 1)
    web.close()
    again = ran("rebuild", tmp_path / "m.db#a@1", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["equal"] is True


def test_a_database_that_does_not_answer_ends_with_9(web, tmp_path):
    names = f"lab={web.url},dead=http://127.0.0.1:9"
    done = ran("harvest", "", "--from", names, "--allow-local", "--tries", "1", "-o", tmp_path / "m.db#a", "-q")
    assert done.exit_code == 9
    assert "dead: partial" in done.output
    assert "3 added" in done.output


def test_a_mistake_in_the_filter_is_pointed_at(tmp_path):
    done = ran("harvest", "elements HAS Mn", "--from", "mp", "-o", tmp_path / "m.db#a")
    assert done.exit_code == 2
    assert "character 14" in done.output
    assert not list(tmp_path.iterdir())


def test_providers_are_listed():
    found = ran("providers", "--json")
    assert {"mp", "oqmd", "cod"} <= {one["name"] for one in json.loads(found.stdout)}
