"""The description of a shared dataset against the words of the RO-Crate 1.1 specification (w3id.org/ro/crate/1.1)."""

import hashlib
import json
from dataclasses import replace
from urllib.parse import unquote

import pytest

pytest.importorskip("sqlalchemy", reason="the store needs SQLAlchemy")

from matloop.data.share.export import export_dataset
from matloop.data.store.store import open_store
from matloop.data.store.values import Origin, Property, Record

OPEN = Origin("lab", licence="CC-BY-4.0", citation="Doe & Ray, J. Mater. 1 (2020) 1", doi="10.1000/xyz")


@pytest.fixture
def folder(tmp_path):
    records = [
        Record("a", "Si", properties=(Property("band gap", 1.1, "eV", method="PBE"),), origin=OPEN),
        Record("b", "Ge", properties=(Property("bulk modulus", 75.0, "GPa"),), origin=replace(OPEN, licence="CC0-1.0")),
        Record("c", "C"),
    ]
    with open_store(tmp_path / "s.db") as store:
        store.add("set", records, author="Ada Lovelace", message="first")
        store.describe("set", title="Semiconductors: gaps", about="Three of them.")
    export_dataset(f"{tmp_path}/s.db#set", tmp_path / "out", creators=["Josiah Carberry <0000-0002-1825-0097>"])
    return tmp_path / "out"


@pytest.fixture
def graph(folder):
    document = json.loads((folder / "ro-crate-metadata.json").read_text())
    assert set(document) == {"@context", "@graph"}
    context = document["@context"]
    assert "https://w3id.org/ro/crate/1.1/context" in ([context] if isinstance(context, str) else context)
    return {one["@id"]: one for one in document["@graph"]}


def references(value):
    if isinstance(value, dict):
        yield value["@id"]
        assert set(value) == {"@id"}, "the graph is flat: an entity is described once and referred to by its @id"
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_the_descriptor_and_the_root_are_as_the_specification_says(graph):
    descriptor = graph["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = graph["./"]
    assert root["@type"] == "Dataset"
    for name in ("name", "description", "datePublished", "license"):  # the root data entity MUST have these
        assert root[name]
    assert root["datePublished"][:4].isdigit()
    assert graph[root["license"]["@id"]]["name"] == "Creative Commons Attribution 4.0"


def test_every_entity_has_a_type_and_every_reference_is_described(graph, folder):
    document = json.loads((folder / "ro-crate-metadata.json").read_text())
    assert len(document["@graph"]) == len(graph), "an @id stands once"
    for one in graph.values():
        assert one["@type"]
        for name, value in one.items():
            if name not in ("@id", "@type", "conformsTo"):
                for reference in references(value):
                    assert reference in graph, (one["@id"], name, reference)


def test_every_file_is_linked_from_the_root_with_its_size_and_hash(graph, folder):
    parts = {one["@id"] for one in graph["./"]["hasPart"]}
    files = {one["@id"]: one for one in graph.values() if one["@type"] == "File"}
    assert set(files) == parts
    there = {p.name for p in folder.iterdir()} - {"ro-crate-metadata.json", "manifest-sha256.txt"}
    assert {unquote(name) for name in files} == there
    for name, one in files.items():
        content = (folder / unquote(name)).read_bytes()
        assert one["contentSize"] == str(len(content))
        assert one["sha256"] == hashlib.sha256(content).hexdigest()


def test_variables_people_sources_and_citations_are_named(graph):
    root = graph["./"]
    variables = [graph[one["@id"]] for one in root["variableMeasured"]]
    gap = next(one for one in variables if one["name"] == "band gap")
    assert (gap["unitText"], gap["unitCode"], gap["ucumCode"]) == ("eV", "http://qudt.org/vocab/unit/EV", "eV")
    assert (gap["measurementTechnique"], gap["minValue"]) == ("PBE", 1.1)
    assert graph[root["creator"][0]["@id"]] == {
        "@id": "https://orcid.org/0000-0002-1825-0097", "@type": "Person", "name": "Josiah Carberry"
    }  # fmt: skip
    assert [one["@id"] for one in root["citation"]] == ["https://doi.org/10.1000/xyz"]
    assert {graph[one["@id"]]["license"]["@id"] for one in root["isBasedOn"]} == {
        "https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/publicdomain/zero/1.0/"
    }  # fmt: skip
    assert "1 records left out: its source states no licence" in root["conditionsOfAccess"]


def test_the_manifest_is_what_sha256sum_checks(folder):
    lines = (folder / "manifest-sha256.txt").read_text().splitlines()
    listed = {line[66:]: line[:64] for line in lines}
    assert set(listed) == {p.name for p in folder.iterdir()} - {"manifest-sha256.txt"}
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_citation_file_has_what_cff_asks_for(folder):
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load((folder / "CITATION.cff").read_text())
    for name in ("cff-version", "message", "title", "authors"):  # required keys of CFF 1.2.0
        assert found[name]
    assert found["cff-version"] == "1.2.0"
    assert (found["type"], found["license"]) == ("dataset", "CC-BY-4.0")
    assert found["authors"][0]["orcid"].startswith("https://orcid.org/")
    assert found["references"][0]["doi"] == "10.1000/xyz"
    assert all(one["title"] and one["authors"] and one["type"] for one in found["references"])


def test_the_columns_are_described_as_csv_on_the_web(folder):
    found = json.loads((folder / "records.csv-metadata.json").read_text())
    assert found["@context"] == "http://www.w3.org/ns/csvw"
    assert found["url"] == "records.csv"
    header = (folder / "records.csv").read_text().splitlines()[0].split(",")
    assert [one["titles"] for one in found["tableSchema"]["columns"]] == header
    assert "\\&" in (folder / "references.bib").read_text()
