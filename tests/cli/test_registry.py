"""The commands of registered models, one after another, as a person would."""

import json

import pytest
from typer.testing import CliRunner

from matloop.cli.main import app

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_a_walk_through_the_registry(call, regression, tmp_path):
    run = str(regression.result.folder)
    assert "ridge" in call("models", "list")
    assert "there is no such store" in call("models", "list", "m.db", code=3)
    said = call("models", "add", "m.db", run, "--name", "s", "--note", "first", "--who", "ada")
    assert "s@1: candidate" in said
    assert "matloop models promote m.db s@1" in said
    assert "  s@1  candidate" in call("models", "list", "m.db")
    assert "no champion" in call("models", "fetch", "m.db", "s", code=3)
    assert "say which version" in call("models", "promote", "m.db", "s", "--why", "x", code=2)
    assert "s@1: champion" in call("models", "promote", "m.db", "s@latest", "--why", "good", "--instead-of", "0")
    assert "somebody has decided" in call(
        "models", "promote", "m.db", "s@1", "--why", "x", "--instead-of", "0", code=5
    )  # fmt: skip
    assert call("models", "list", "m.db").startswith("* s@1  champion")
    shown = call("models", "show", "m.db", "s@1")
    assert "bundle/manifest.json" in shown
    assert "run/data.parquet" in shown
    folder = json.loads(call("models", "fetch", "m.db", "s", "-o", "b", "--json"))["bundle"]
    assert (tmp_path / folder / "manifest.json").is_file()
    assert "no other champion before" in call("models", "rollback", "m.db", "s", "--why", "x", code=3)
    assert "name no version" in call("models", "rollback", "m.db", "s@1", "--why", "x", code=2)
    assert "is the champion" in call("models", "retire", "m.db", "s@1", "--why", "x", code=2)
    history = call("models", "history", "m.db", "s", "--check")
    assert "ada  add  s@1  first" in history
    assert "whole: 2 deeds" in history
    assert "whole" in call("data", "verify", "m.db")
    assert "nearest" in call("models", "lineage", "m.db", "s", "--row", '{"formula": "Bi2Te3"}', "-n", "2")
    assert "lines written" in call("models", "lineage", "m.db", "s@1", "-o", "rows.csv")
    assert "no JSON" in call("models", "lineage", "m.db", "s", "--row", "{x}", code=2)
    assert "Give both" in call("models", "lineage", "m.db", "--request", "x", code=2)
    assert "a file has no users" in call("data", "grant", "m.db", "ada", "--role", "read", code=2)
    assert "no role" in call("data", "grant", "m.db", "ada", "--role", "king", code=2)


def test_a_changed_registry_ends_with_5(call, regression):
    import sqlite3

    call("models", "add", "m.db", str(regression.result.folder), "--name", "s")
    connection = sqlite3.connect("m.db")
    connection.executescript("DROP TRIGGER deeds_no_update; UPDATE deeds SET who = 'somebody else';")
    connection.close()
    assert "was changed" in call("models", "history", "m.db", "--check", code=5)
    assert "was changed" in call("data", "verify", "m.db", code=3)
