"""The commands of published data sets and of keys."""

import hashlib
import json

import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.data.benchmarks.folds import official_folds

KEY = "Abcd1234Efgh5678Ijkl9012Mnop3456"  # made up


def run(*words, **more):
    return CliRunner().invoke(app, list(words), **more)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror with a table that stands for matbench_steels."""
    monkeypatch.setenv("MATLOOP_CACHE", str(tmp_path / "cache"))
    fold = official_folds([0.0] * 312, classes=False)
    text = "composition,target,fold\n"
    text += "".join(f"Fe{300 - k}Ni{k + 1},{1000 + k % 97},{fold[k]}\n" for k in range(312))
    (tmp_path / "matbench_steels.csv").write_text(text)
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  matbench_steels.csv\n")
    return tmp_path


def test_the_list_is_for_people_and_for_programs(mirror):
    shown = run("data", "benchmarks", "--family", "matbench")
    assert shown.exit_code == 0
    assert "matbench:matbench_steels" in shown.output
    found = json.loads(run("data", "benchmarks", "steels", "--json").output)
    assert found["entries"][0]["rows"] == 312
    assert "matminer 0.10.1" in found["credit"]


def test_a_set_is_fetched_from_a_mirror_and_drafted(mirror, monkeypatch):
    monkeypatch.chdir(mirror)
    done = run("data", "fetch", "steels", "--mirror", str(mirror), "-q")
    assert (done.exit_code, "312 rows: mbid, composition, yield strength" in done.output) == (0, True)
    assert run("init", "matbench:steels?mirror=.&folds", "-o", "sub/p.toml").exit_code == 0
    text = (mirror / "sub" / "p.toml").read_text()
    assert 'source = "matbench:steels?mirror=..&folds"' in text
    assert "fold" not in text.split("[inputs]")[1].split("# not a feature")[0]
    assert run("check", "sub/p.toml").exit_code == 0


def test_a_set_that_is_not_in_the_mirror_ends_with_3(mirror):
    done = run("data", "fetch", "glass", "--mirror", str(mirror), "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["error"]["type"] == "DataError"
    assert run("data", "fetch", "stels").exit_code == 2


def test_keys_are_set_from_a_pipe_listed_and_removed(monkeypatch):
    keyring = pytest.importorskip("keyring", reason="the extra harvest is not installed")
    held = {}
    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.setattr(keyring, "get_password", lambda service, name: held.get((service, name)))
    monkeypatch.setattr(keyring, "set_password", lambda service, name, key: held.update({(service, name): key}))
    monkeypatch.setattr(keyring, "delete_password", lambda service, name: held.pop((service, name)))
    done = run("data", "key", "set", "mp", input=f"{KEY}\n")
    assert done.exit_code == 0
    assert held == {("matloop", "mp"): KEY}
    listed = run("data", "key", "list")
    assert "in the keyring" in listed.output
    removed = run("data", "key", "remove", "mp", "--json")
    assert json.loads(removed.output) == {"name": "mp", "removed": True}
    assert KEY not in done.output + listed.output + removed.output
    assert held == {}
    wrong = run("data", "key", "set", "mp", input="no key at all\n")
    assert wrong.exit_code == 2
    assert "no key at all" not in wrong.output
