"""What the standard asks of a server, beside the meaning of filters."""

import pytest

from matloop.data.store.values import Origin, Property, Record

pytest.importorskip("sqlalchemy", reason="the extra 'serve' is not installed")
from matloop.data.store.store import open_store


@pytest.fixture
def client(filled, serving):
    return serving(filled, dataset="crystals")


def ask(client, path="structures", **query):
    return client.get(f"/v1/{path}", params=query)


def ids(answer):
    return [one["id"] for one in answer.json()["data"]]


def refused(answer, status, *words):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/vnd.api+json")
    (error,) = answer.json()["errors"]
    assert error["status"] == str(status)
    assert "data" not in answer.json()
    for word in words:
        assert word in error["detail"], error["detail"]


def test_pages_follow_each_other_without_loss_or_twins(client):
    whole = ids(ask(client, page_limit=1000))
    assert len(whole) == 16
    for more in ({}, {"page_offset": 0}, {"page_number": 1}, {"sort": "-nsites,id"}, {"filter": 'elements HAS "O"'}):
        answer = ask(client, page_limit=3, **more)
        found, total = ids(answer), answer.json()["meta"]["data_returned"]
        while answer.json()["links"]["next"]:
            assert answer.json()["meta"]["more_data_available"]
            answer = client.get(answer.json()["links"]["next"])
            found += ids(answer)
            if "page_number" in more:
                break
        assert len(found) == len(set(found)) == (6 if "page_number" in more else total)
    assert ids(ask(client, page_number=2, page_limit=4)) == whole[4:8]
    assert ids(ask(client, page_above=whole[2], page_limit=2)) == whole[3:5]
    empty = ask(client, page_limit=0).json()
    assert (empty["data"], empty["meta"]["data_returned"], empty["meta"]["data_available"]) == ([], 16, 16)


def test_a_harvest_goes_on_while_the_data_change(filled, client):
    first = ask(client, page_limit=5)
    with open_store(filled) as store:
        store.delete("crystals", ["mp-9"])
        last = store.get("crystals", "mp-8")
        store.update("crystals", [last.corrected("colour", "green", why="seen again")])
        store.add("crystals", [Record("late", "", last.structure, (), last.origin)])
    found, following = ids(first), first.json()["links"]["next"]
    while following:
        answer = client.get(following)
        found += ids(answer)
        following = answer.json()["links"]["next"]
    assert len(found) == len(set(found))
    assert "late" in found
    assert "mp-9" not in found
    (green,) = ask(client, filter='_matloop_colour="green"').json()["data"]
    assert green["attributes"]["immutable_id"] == "mp-8@3"


def test_sorting_puts_the_unknown_last(client):
    for sign in ("", "-"):
        answer = ask(client, sort=f"{sign}_matloop_band_gap_pbe", page_limit=1000).json()["data"]
        values = [one["attributes"].get("_matloop_band_gap_pbe") for one in answer]
        known = [one for one in values if one is not None]
        assert known == sorted(known, reverse=bool(sign))
        assert values[len(known) :] == [None] * (len(values) - len(known))
        assert known != values


def test_units_are_brought_to_one_and_methods_kept_apart(client):
    told = ask(client, "info/structures").json()["data"]["properties"]
    assert told["_matloop_band_gap_pbe"]["unit"] == "eV"
    assert told["_matloop_band_gap_pbe"]["type"] == "float"
    assert told["_matloop_count"]["type"] == "integer"
    assert (told["_matloop_stable"]["type"], told["_matloop_tags"]["type"]) == ("boolean", "list")
    assert "_matloop_closed_thing" not in told
    (one,) = ask(client, filter='id="mp-7"').json()["data"]
    assert one["attributes"]["_matloop_band_gap_hse06"] == 3590.0
    assert one["attributes"]["chemical_formula_descriptive"] == "Fe2O3 (ore)"


def test_two_units_of_one_quantity(place, serving):
    from matloop.testing.structures import sample_structures

    structure = sample_structures().take([0])
    free = Origin(licence="CC0-1.0")
    with open_store(place) as store:
        rows = [("a", 1.0, "eV"), ("b", 2000.0, "meV"), ("c", 3.0, "GPa")]
        store.add("d", [Record(k, "", structure, (Property("gap", v, u),), free) for k, v, u in rows])
    client = serving(place)
    values = {one["id"]: one["attributes"] for one in ask(client).json()["data"]}
    assert values["d:b"]["_matloop_gap"] == 2.0
    assert values["d:c"]["_matloop_gap_gpa"] == 3.0
    assert ids(ask(client, filter="_matloop_gap >= 2")) == ["d:b"]
    assert ids(ask(client, filter="_matloop_gap = 2.0 OR _matloop_gap_gpa > 1")) == ["d:b", "d:c"]


@pytest.mark.parametrize("word", ["closed", "one value", "unlicensed", "formula"])
def test_what_is_hidden_or_no_structure_is_no_entry(client, word):
    refused(ask(client, f"structures/{word}"), 404, word)
    for text in (f'id="{word}"', f'_matloop_key="{word}"', f'id CONTAINS "{word}"'):
        assert ids(ask(client, filter=text)) == []
    assert word not in ids(ask(client, page_limit=1000))


def test_private_rows_for_this_machine(filled, serving):
    client = serving(filled, dataset="crystals", private=True)
    assert {"closed", "one value", "unlicensed"} <= set(ids(ask(client, page_limit=1000)))


def test_a_licence_of_the_dataset_counts_for_its_rows(filled, client):
    with open_store(filled) as store:
        store.describe("crystals", licence="CC-BY-4.0", citation="All of us (2026)")
    assert "unlicensed" in ids(ask(client, page_limit=1000))
    assert "closed" not in ids(ask(client, page_limit=1000))
    assert "All of us (2026)" in ask(client, "references").text
    info = ask(client, "info").json()["data"]["attributes"]
    assert info["available_licenses"] is None  # the origins say others


def test_strange_names_can_be_asked_for(client):
    for name in ids(ask(client, page_limit=6)):
        assert not set('#%&+/?\\"') & set(name)
        assert ids(ask(client, filter=f'id="{name}"')) == [name]
        assert client.get(f"/v1/structures/{name}").json()["data"]["id"] == name
    assert ids(ask(client, filter='_matloop_key = "say \\"no\\""')) == ["say ~22no~22"]


def test_references_are_named_and_sent_along(client):
    answer = ask(client, page_limit=1)
    (one,) = answer.json()["data"]
    (named,) = one["relationships"]["references"]["data"]
    assert named["id"] == "10.1063~2F1.4812323"
    assert [entry["id"] for entry in answer.json()["included"]] == [named["id"]]
    assert answer.json()["included"][0]["attributes"]["doi"] == "10.1063/1.4812323"
    assert ask(client, page_limit=1, include="").json()["included"] == []
    assert ids(ask(client, "references", filter='doi STARTS WITH "10.1063" AND NOT note CONTAINS "x"')) == [named["id"]]
    cited = ids(ask(client, filter=f'references.id HAS ANY "{named["id"]}","x"', page_limit=1000))
    assert cited
    assert ids(ask(client, filter=f'references.id HAS ONLY "{named["id"]}"', page_limit=1000)) == cited


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"filter": "nelements ="}, 400, ["character 12", "a number"]),
        ({"filter": 'elements HAS ALL "Fe" O"'}, 400, ["character 23"]),
        ({"filter": "((((" * 30}, 400, ["brackets"]),
        ({"filter": "x" * 60_000}, 400, ["50,000"]),
        ({"filter": " OR ".join(["nsites>1"] * 500)}, 400, ["400"]),
        ({"filter": "nelement = 2"}, 400, ['"nelements"']),
        ({"filter": "_matloop_nothing = 2"}, 400, ["_matloop_nothing"]),
        ({"filter": 'nelements = "2"'}, 400, ["integer"]),
        ({"filter": "chemical_formula_reduced > 2"}, 400, ["string"]),
        ({"filter": 'elements = "Fe"'}, 400, ["HAS"]),
        ({"filter": 'last_modified > "yesterday"'}, 400, ["no time"]),
        ({"filter": "nelements.x = 2"}, 400, ["nothing inside"]),
        ({"filter": "_matloop_stable > TRUE"}, 400, ["= and !="]),
        ({"filter": 'elements:elements_ratios HAS "Fe":>0.5'}, 501, ["elements:elements_ratios"]),
        ({"filter": 'species.name HAS "Fe"'}, 501, ["species"]),
        ({"filter": 'references.doi = "x"'}, 501, ["references"]),
        ({"filter": "1 = 2"}, 501, ["constants"]),
        ({"filter": 'a\x00b = "x"'}, 400, ["character 2"]),
        ({"filter": 'id = "a\x00b"'}, 400, ["null character"]),
        ({"page_limit": 1001}, 403, ["1000"]),
        ({"page_limit": -1}, 400, ["page_limit"]),
        ({"page_offset": "x"}, 400, ["page_offset"]),
        ({"page_offset": 10**30}, 400, ["page_offset"]),
        ({"page_above": "nobody"}, 400, ["nobody"]),
        ({"page_cursor": "7"}, 400, ["links.next"]),
        ({"sort": "species"}, 400, ["species"]),
        ({"sort": "nonsense"}, 400, ["nonsense"]),
        ({"response_fields": "nonsense"}, 400, ["nonsense"]),
        ({"response_format": "xml"}, 400, ["xml"]),
        ({"include": "nonsense"}, 400, ["nonsense"]),
        ({"filters": "nelements=2"}, 400, ['"filter"']),
        ({"api_hint": "v2"}, 553, ["v2"]),
    ],
)
def test_what_cannot_be_answered(client, query, status, words):
    refused(ask(client, **query), status, *words)


def test_huge_numbers_and_other_providers_are_no_faults(client):
    assert len(ids(ask(client, filter=f"nsites < {'9' * 400} AND nsites > -1e400"))) == 16
    assert ids(ask(client, filter="_exmpl_x > 3 OR NOT _exmpl_x > 3")) == []
    assert "warnings" not in ask(client, filter="_exmpl_x > 3").json()["meta"]
    (warning,) = ask(client, filter="_nobody_x > 3").json()["meta"]["warnings"]
    assert warning["type"] == "warning"
    assert "_nobody_x" in warning["detail"]
    told = ask(client, response_fields="nsites,_exmpl_x", page_limit=1).json()["data"][0]["attributes"]
    assert set(told) == {"nsites", "_exmpl_x"}


def test_addresses_and_versions(client):
    assert client.get("/versions").text == "version\n1\n"
    assert client.get("/versions").headers["content-type"].startswith("text/csv")
    refused(client.get("/v1/versions"), 404)
    refused(client.get("/v9/info"), 553, "v1.2")
    refused(client.get("/v1.7/info"), 553)
    for base in ("", "/v1", "/v1.2", "/v1.2.0"):
        assert client.get(f"{base}/info").json()["data"]["attributes"]["api_version"] == "1.2.0"
        assert client.get(f"{base}/structures?page_limit=1").status_code == 200
    meta = client.get("/v1/structures?filter=nelements=2").json()["meta"]
    assert meta["query"]["representation"] == "/structures?filter=nelements%3D2"
    assert meta["implementation"]["name"] == "matloop"


def test_one_version_for_ever(filled, serving):
    client = serving(filled, dataset="crystals", version=1)
    with open_store(filled) as store:
        store.delete("crystals", ["mp-9"])
    assert "mp-9" in ids(ask(client, page_limit=1000))


def test_an_empty_store(tmp_path, serving):
    place = str(tmp_path / "empty.db")
    open_store(place).close()
    client = serving(place)
    assert ask(client).json()["data"] == []
    assert client.get("/").status_code == 200
    with open_store(place) as store:
        store.add("d", [Record("a", "Fe", origin=Origin(licence="CC0-1.0"))])
    assert ask(client, "info").json()["data"]["attributes"]["entry_types_by_format"]["json"] == ["structures"]


def test_a_store_that_may_not_be_written_is_served(filled, serving, monkeypatch):
    from matloop.core.errors import RunError
    from matloop.service.optimade import facts

    def refuse(database, wanted):
        raise RunError("read only")

    monkeypatch.setattr(facts, "fill", refuse)
    client = serving(filled, dataset="crystals")
    assert len(ids(ask(client, filter="nsites > 0", page_limit=1000))) == 16
    refused(ask(client, filter="nperiodic_dimensions = 1"), 501, "may not write")


def test_a_question_that_takes_too_long_is_broken_off(filled, serving, monkeypatch):
    from matloop.service.optimade import listing

    def endless(database, *more):
        with database.engine.connect() as connection:
            connection.exec_driver_sql(
                "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT sum(x & 1) FROM c"
            ).all()

    client = serving(filled, dataset="crystals", seconds=0.2)
    monkeypatch.setattr(listing, "_page", endless)
    refused(ask(client), 504, "longer than 0.2 s")
    monkeypatch.undo()
    assert ask(client).status_code == 200
