"""Who may read and write: keys, names of the server, other sites, settings that are not safe."""

import logging

import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.service.keys import hashed, keys_of_environment, new_key, read_keys

ALL = "/api/v1/datasets"
RECORD = {"records": [{"key": "k", "formula": "Si", "origin": {"licence": "CC0-1.0"}}]}


@pytest.fixture
def place(tmp_path):
    """Only SQLite: the database has no part in this."""
    return str(tmp_path / "store.db")


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys.txt"
    return {scope: new_key(scope, scope, file) for scope in ("read", "write")}, read_keys(file)


def with_key(text):
    return {"authorization": f"Bearer {text}"}


def test_nobody_writes_by_default(filled, serving):
    client = serving(filled)
    assert client.get(f"{ALL}/crystals").status_code == 200
    for method in ("post", "put", "delete"):
        answer = client.request(method, f"{ALL}/crystals/records", json=RECORD)
        assert answer.status_code == 403
        assert "--writable" in answer.text


def test_keys_read_and_write(filled, serving, keys, caplog):
    text, known = keys
    client = serving(filled, keys=known)
    with caplog.at_level(logging.INFO, logger="matloop.access"):
        for path in ("/", "/v1/structures", ALL, "/api/v1/openapi.json"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers=with_key("wrong")).status_code == 401
            assert client.get(path, headers=with_key(text["read"])).status_code == 200
        assert client.get(ALL, headers={"x-api-key": text["read"]}).status_code == 200
        assert client.get(f"{ALL}?api_key={text['read']}").status_code == 401
        add = f"{ALL}/crystals/records"
        assert client.post(add, json=RECORD).status_code == 401
        assert client.post(add, json=RECORD, headers=with_key(text["read"])).status_code == 403
        answer = client.post(add, json={**RECORD, "author": "somebody else"}, headers=with_key(text["write"]))
        assert answer.json()["version"]["author"] == "write"
    own = " ".join(one.getMessage() for one in caplog.records if one.name.startswith("matloop"))
    assert not any(one in own for one in text.values())
    assert "write POST" in own


def test_everybody_reads_and_keys_write(filled, serving, keys):
    text, known = keys
    client = serving(filled, keys=known, public=True)
    assert client.get("/v1/structures").status_code == 200
    assert client.post(f"{ALL}/crystals/records", json=RECORD).status_code == 401
    assert client.post(f"{ALL}/crystals/records", json=RECORD, headers=with_key(text["write"])).status_code == 201


def test_only_hashes_are_kept(tmp_path, keys):
    text, known = keys
    file = tmp_path / "keys.txt"
    assert file.stat().st_mode & 0o077 == 0
    assert not any(one in file.read_text() for one in text.values())
    assert [(one.name, one.scope, one.hash) for one in known] == [
        (scope, scope, hashed(text[scope])) for scope in ("read", "write")
    ]
    with pytest.raises(ConfigError, match="already"):
        new_key("read", "read", file)


@pytest.mark.parametrize("line", ["anna", "anna owner " + "0" * 64, "mlk_abc", "a read xyz", "a b read " + "0" * 64])
def test_a_file_of_keys_that_is_none(tmp_path, line):
    file = tmp_path / "keys.txt"
    file.write_text(f"# ours\n\n{line}\n")
    with pytest.raises(DataError, match="line 3"):
        read_keys(file)


def test_keys_of_the_environment(monkeypatch):
    monkeypatch.setenv("MATLOOP_SERVE_KEYS", f"a read {'0' * 64}; b write {'1' * 64};")
    assert [one.name for one in keys_of_environment()] == ["a", "b"]


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8000", 200), ("[::1]:80", 200), ("localhost", 200), ("lab.example", 200), ("LAB.example:1", 200),
     ("evil.example", 421), ("evil.example.localhost.", 421), ("10.0.0.7", 421), ("[::1", 421), ("", 421)],
)  # fmt: skip
def test_a_page_cannot_reach_it_by_another_name(filled, serving, host, status):
    client = serving(filled, writable=True, names=("lab.example",))
    assert client.get("/v1/info", headers={"host": host}).status_code == status
    if status == 421:
        assert client.post(f"{ALL}/crystals/records", json=RECORD, headers={"host": host}).status_code == 421


def test_pages_of_other_sites_change_nothing(filled, serving):
    client = serving(filled, writable=True)
    add = f"{ALL}/crystals/records"
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        assert client.post(add, json=RECORD, headers={"origin": origin}).status_code == 403
    # what a page may send without being asked for leave (no preflight) has none of these media types
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert (
            client.post(add, content=b'{"records": [{"key": "k"}]}', headers={"content-type": media}).status_code == 415
        )
    asked = client.options(add, headers={"origin": "https://evil.example", "access-control-request-method": "POST"})
    assert asked.status_code == 405
    assert not [name for name in asked.headers if name.startswith("access-control")]
    assert client.post(add, json=RECORD, headers={"origin": "http://localhost"}).status_code == 201


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"host": "0.0.0.0"}, "--keys"),
        ({"host": "0.0.0.0", "public": True, "private": True}, "include-private"),
        ({"public": True, "private": True}, "include-private"),
        ({"host": "0.0.0.0", "public": True, "writable": True}, "keys"),
        ({"base_url": "https://x.org"}, "--public"),
        ({"base_url": "x.org", "public": True}, "base-url"),
        ({"base_url": "https://x.org", "private": True}, "include-private"),
        ({"port": 70_000}, "port"),
    ],
)
def test_settings_that_are_not_safe_are_refused(settings, word):
    from matloop.service.settings import Settings, checked

    with pytest.raises(ConfigError, match=word):
        checked(Settings("store.db", **settings))


def test_the_page_needs_nothing_from_elsewhere(filled, serving):
    with_script = serving(filled, base_url="https://data.lab.example/optimade", public=True)
    page = with_script.get("/", headers={"host": "data.lab.example"}).text
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "https://data.lab.example/optimade/v1/structures" in page
    assert "closed" not in page
    assert "_matloop_band_gap_pbe" in page
    following = with_script.get("/v1/structures?page_limit=1").json()["links"]["next"]
    assert following.startswith("https://data.lab.example/optimade/v1/structures?")


def test_names_in_the_page_are_harmless(place, serving):
    from matloop.data.store.store import open_store
    from matloop.data.store.values import Origin, Property, Record

    evil = '<script>alert("x")</script>'
    with open_store(place) as store:
        free = Origin(licence=evil, citation=evil)
        store.add("d", [Record("a", "Fe", properties=(Property(evil, 1.0, evil, method=evil),), origin=free)])
        store.describe("d", title=evil, about=evil, citation=evil, licence=evil)
    assert evil not in serving(place).get("/").text
