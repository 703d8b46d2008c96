"""Records by REST: reading, changes as versions, conflicts, faults that are named, limits."""

import json
import threading

import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'serve' is not installed")
from matloop.data.store.store import open_store

ALL = "/api/v1/datasets"


@pytest.fixture
def client(filled, serving):
    return serving(filled, writable=True)


def one(key, gap=1.0, licence="CC0-1.0"):
    value = {"name": "gap", "value": gap, "unit": "eV", "error": 0.1}
    return {"key": key, "formula": "Fe2O3", "properties": [value], "origin": {"licence": licence}}


def made(client, *keys, name="new"):
    answer = client.post(ALL, json={"name": name, "records": [one(key) for key in keys], "message": "first"})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_records_go_in_and_come_out_the_same(client):
    told = made(client, "a", "b/c#d")
    assert (told["version"]["number"], told["hidden"]) == (1, 0)
    assert client.get(f"{ALL}/new/records/b%2Fc%23d").json() == one("b/c#d")
    assert client.get(f"{ALL}/new").json()["version"]["message"] == "first"
    whole = client.get(f"{ALL}/crystals/records/mp-9").json()
    again = {**whole, "key": "copy"}
    assert client.post(f"{ALL}/new/records", json={"records": [again]}).status_code == 201
    assert client.get(f"{ALL}/new/records/copy").json() == again


def test_pages_and_queries(client):
    found, following = [], f"{ALL}/crystals/records?limit=5"
    while following:
        answer = client.get(following).json()
        found += [each["key"] for each in answer["records"]]
        following = answer["next"]
    assert len(found) == len(set(found)) == 17
    assert "formula" in found
    assert not {"closed", "one value", "unlicensed"} & set(found)
    asked = client.get(f"{ALL}/crystals/records", params={"has_all": "O", "where": "band gap > 1.2 eV", "count": "yes"})
    assert asked.json()["count"] > 0
    assert "records" not in asked.json()
    for text in (
        "bla=1",
        "limit=5000",
        "limit=-1",
        "where=",
        "has_all=Xx",
        "n_sites=many",
        "after=x",
        "limit=1&limit=2",
    ):
        assert client.get(f"{ALL}/crystals/records?{text}").status_code == 400, text


def test_corrections_differences_and_histories(client):
    made(client, "a", "b")
    assert client.put(f"{ALL}/new/records/a", json={"record": one("a", 2.0), "base": 1}).status_code == 200
    assert client.put(f"{ALL}/new/records", json={"records": [one("b", 3.0)]}).json()["version"]["number"] == 3
    assert client.delete(f"{ALL}/new/records/b", params={"message": "wrong", "base": 3}).status_code == 200
    found = client.get(f"{ALL}/new/diff?old=1").json()
    assert (found["changed"], found["removed"], found["n_added"]) == (["a"], ["b"], 0)
    assert found["changes"]["a"] == ["gap: 1.0 +- 0.1 eV -> 2.0 +- 0.1 eV"]
    history = client.get(f"{ALL}/new/history/b").json()["history"]
    assert [each["version"] for each in history] == [1, 3, 4]
    assert client.get(f"{ALL}/new/records/b?version=1").json() == one("b")
    assert client.get(f"{ALL}/new/records/b").status_code == 404
    assert client.get(f"{ALL}/new/versions").json()["versions"][-1]["message"] == "wrong"
    assert client.put(f"{ALL}/new", json={"title": "New", "licence": "CC0-1.0"}).json()["title"] == "New"


def test_a_change_for_an_old_version_is_a_conflict(client):
    made(client, "a")
    client.put(f"{ALL}/new/records/a", json={"record": one("a", 2.0), "base": 1})
    for answer in (
        client.put(f"{ALL}/new/records/a", json={"record": one("a", 9.0), "base": 1}),
        client.delete(f"{ALL}/new/records/a?base=1"),
        client.post(f"{ALL}/new/records?base=1", json={"records": [one("z")]}),
        client.post(f"{ALL}/new/records", json={"records": [one("a", 9.0)]}),
        client.post(ALL, json={"name": "new", "records": [one("z")]}),
    ):
        assert answer.status_code == 409, answer.text
    assert client.get(f"{ALL}/new/records/a").json() == one("a", 2.0)


def test_two_writers_of_one_version(client):
    made(client, "a")
    codes = []

    def write(gap):
        answer = client.put(f"{ALL}/new/records/a", json={"record": one("a", gap), "base": 1})
        codes.append(answer.status_code)

    writers = [threading.Thread(target=write, args=(float(i),)) for i in range(2, 6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(codes) == [200, 409, 409, 409]
    assert client.get(f"{ALL}/new").json()["version"]["number"] == 2


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"formula": "Si"}, "key"),
        ({"key": ""}, "key"),
        ({"key": "x" * 300}, "key"),
        ({"key": "x", "colour": 1}, "colour"),
        ({"key": "x", "formula": 3}, "formula"),
        ({"key": "x", "properties": [{"name": "g", "value": 1}, {"name": "g"}]}, "properties.1"),
        ({"key": "x", "properties": [{"name": "g", "value": {"a": 1}}]}, "properties.0"),
        ({"key": "x", "properties": {"name": "g"}}, "properties"),
        ({"key": "x", "structure": {"lattices": [1]}}, "structure"),
        ({"key": "x", "origin": {"licence": 3}}, "origin"),
        ({"key": "x", "metadata": [1]}, "metadata"),
        ({"key": "x", "formula": "a\0b"}, "formula"),
        ("text", ""),
    ],
)
def test_wrong_records_are_named_with_their_field(client, record, field):
    made(client, "a")
    answer = client.post(f"{ALL}/new/records", json={"records": [one("good"), record]})
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    assert fault["source"]["record"] == 1
    assert fault["source"].get("field", "") == field
    assert client.get(f"{ALL}/new/records/good").status_code == 404


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"records": [{"key": "x", "metadata": {"a": NaN}}]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"records": []}', "application/json", 422),
        (b'{"records": 3}', "application/json", 400),
        (b'{"record": []}', "application/json", 400),
        (b'{"records": [{"key": "x"}], "base": "1"}', "application/json", 400),
        (b'{"records": [{"key": "x"}], "mode": "smash"}', "application/json", 400),
        (b'{"records": [{"key": "x"}]}', "text/plain", 415),
        (b'{"key": "x"}\n{"key": ', "application/x-ndjson", 400),
        (b"\xff\xfe", "application/json", 400),
    ],
)
def test_bodies_that_are_none(client, body, media, status):
    made(client, "a")
    answer = client.post(f"{ALL}/new/records", content=body, headers={"content-type": media})
    assert answer.status_code == status, answer.text
    assert client.get(f"{ALL}/new").json()["version"]["number"] == 1


def test_json_lines(client):
    made(client, "a")
    lines = "\n".join(json.dumps(one(f"r{i}")) for i in range(300))
    headers = {"content-type": "application/x-ndjson"}
    answer = client.post(f"{ALL}/new/records", content=lines, headers=headers, params={"message": "many"})
    assert answer.json()["version"]["n_records"] == 301


def test_a_body_that_is_too_large(filled, serving):
    client = serving(filled, writable=True, megabytes=0.01)

    def parts():
        for _ in range(100):
            yield b" " * 1000

    for body in (b" " * 20_000, parts()):
        answer = client.post(f"{ALL}/crystals/records", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 413


def test_hidden_records_are_hidden_everywhere(filled, client):
    with open_store(filled) as store:
        store.update("crystals", [store.get("crystals", "closed").corrected("closed thing", 2.0, why="x")])
        store.delete("crystals", ["one value"])
    for path in ("records/closed", "history/closed", "records/closed?version=1", "history/one%20value"):
        assert client.get(f"{ALL}/crystals/{path}").status_code == 404
    found = client.get(f"{ALL}/crystals/diff?old=1").json()
    assert (found["n_changed"], found["n_removed"], found["changes"]) == (0, 0, {})
    assert client.get(f"{ALL}/crystals/records?provider=icsd").json()["records"] == []
    told = client.post(f"{ALL}/crystals/records", json={"records": [one("mine", licence="")]}).json()
    assert told["hidden"] == 1
    assert "licence" in told["note"]


def test_only_what_is_served(filled, serving):
    client = serving(filled, dataset="crystals", version=1, writable=True)
    assert [each["name"] for each in client.get(ALL).json()["datasets"]] == ["crystals"]
    assert client.get(f"{ALL}/more").status_code == 404
    assert client.post(ALL, json={"name": "n", "records": [one("a")]}).status_code == 403
    assert client.post(f"{ALL}/crystals/records", json={"records": [one("a")]}).status_code == 403
    assert client.get(f"{ALL}/crystals/records?version=2").status_code == 404


def test_what_there_is_not(client):
    assert client.get("/api/v1/nothing").status_code == 404
    assert client.get(f"{ALL}/nothing").status_code == 404
    assert client.patch(f"{ALL}/crystals", json={}).status_code == 405
    assert client.put(f"{ALL}/crystals/records/nobody", json={"record": one("nobody")}).status_code == 404
    assert client.delete(f"{ALL}/crystals/records/nobody").status_code == 404
    assert client.delete(f"{ALL}/crystals/records").status_code == 422
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths[f"{ALL}/{{name}}/records"]) == {"get", "post", "put", "delete"}
    assert client.get("/docs").status_code == 404  # no page that fetches scripts from elsewhere


def test_a_database_that_is_away_comes_back(postgres, serving):
    from matloop.data.store.values import Origin, Record

    with open_store(postgres.url, patience=20) as store:
        store.add("away", [Record("a", "Fe", origin=Origin(licence="CC0-1.0"))], mode="replace")
    client = serving(postgres.url, dataset="away", writable=True, patience=0.2)
    assert client.get(f"{ALL}/away/records/a").status_code == 200
    postgres.stop("fast")
    try:
        for answer in (
            client.get(f"{ALL}/away/records/a"),
            client.get("/v1/structures?filter=nsites>1"),
            client.post(f"{ALL}/away/records", json={"records": [one("b")]}),
            client.get("/"),
        ):
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert "postgres" not in answer.text
    finally:
        postgres.start()
    assert client.get(f"{ALL}/away/records/a").status_code == 200
    assert client.post(f"{ALL}/away/records", json={"records": [one("b")]}).status_code == 201
    assert client.get("/v1/structures").status_code == 200
