"""A store keeps what it is given, in versions that never change: the same on SQLite and on PostgreSQL."""

from dataclasses import replace

import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.data.store.values import NotInStore, Origin, Property, Record, VersionConflict

pytest.importorskip("sqlalchemy")

from matloop.data.store.query import query
from matloop.data.store.store import open_store
from matloop.data.store.verify import verify


def gap(key, value, formula="Si"):
    return Record(key, formula, properties=(Property("band_gap", value, "eV"),))


def test_what_goes_in_comes_out(store, records):
    version = store.add("gaps", iter(records), message="first", author="me")
    assert (version.number, version.n_records, version.added, version.author) == (1, 5, 5, "me")
    assert list(store.records("gaps")) == records
    assert store.get("gaps", "alloy").structure.site_values["forces"][0, 2] == 1e-17
    assert [type(one.value) for one in store.get("gaps", "mp-149").properties] == [
        float, float, int, bool, str, type(None), float, int, tuple
    ]  # fmt: skip
    assert list(verify(store)) == []


def test_the_same_again_is_no_new_version(store, records):
    first = store.add("gaps", records)
    later = [replace(one, origin=replace(one.origin, retrieved="2027-01-01", sha256="cd" * 32)) for one in records]
    assert store.add("gaps", later) == first
    assert store.add("gaps", records, mode="whole") == first
    assert store.update("gaps", records) == first
    moved = store.update("gaps", [later[0]])
    assert (moved.number, moved.changed, moved.fingerprint) == (2, 1, first.fingerprint)


def test_a_correction_is_a_new_version_and_the_old_one_stays(store, records):
    store.add("gaps", records)
    new = records[0].corrected("band_gap", 1.17, why="at 0 K", method="experiment")
    version = store.update("gaps", [new], message="corrected")
    assert (version.number, version.changed, version.n_records) == (2, 1, 5)
    assert list(store.records("gaps", version=1)) == records
    assert list(store.records("gaps")) == [new, *records[1:]]
    difference = store.diff("gaps", 1)
    assert (difference.added, difference.changed, difference.removed) == ((), ("mp-149",), ())
    (change,) = store.changes(difference)
    assert change.lines() == [
        "band_gap (experiment, pressure 1.5, temperature 300 K): 1.12 +- 0.01 eV -> 1.17 +- 0.01 eV "
        "[was 1.12 eV: at 0 K]"
    ]
    assert store.get("gaps", "mp-149").properties[0].origin.provider == "mp"
    assert [v.number for v, _ in store.past("gaps", "mp-149")] == [1, 2]


def test_deleted_records_stay_in_the_versions_before(store):
    first = store.add("gaps", [gap("a", 1.0), gap("b", 2.0), gap("c", 3.0)])
    assert store.delete("gaps", ["b"]).n_records == 2
    assert [one.key for one in store.records("gaps")] == ["a", "c"]
    assert [one.key for one in store.records("gaps", version=1)] == ["a", "b", "c"]
    again = store.add("gaps", [gap("b", 2.0)])
    assert again.fingerprint == first.fingerprint
    assert store.diff("gaps", 1, 3).changed == ()
    assert store.diff("gaps", 1, 2).removed == store.diff("gaps", 2, 1).added == ("b",)
    with pytest.raises(NotInStore, match=r"2 keys .*\n.*  - x\n  - y"):
        store.delete("gaps", ["a", "x", "y"])
    assert store.version("gaps").number == 3


def test_a_whole_takes_out_what_is_not_given(store):
    store.add("gaps", [gap(f"r{i}", float(i)) for i in range(30)])
    version = store.add("gaps", [gap(f"r{i}", i / (1 + (i == 7))) for i in range(5, 32)], mode="whole")
    assert (version.added, version.changed, version.removed, version.n_records) == (2, 1, 5, 27)
    assert [one.key for one in store.records("gaps")] == [f"r{i}" for i in range(5, 32)]


def test_a_key_means_one_record(store):
    store.add("gaps", [gap("a", 1.0), gap("a", 1.0)])
    assert store.count("gaps") == 1
    with pytest.raises(DataError, match="a: is there already, with other content"):
        store.add("gaps", [gap("b", 1.0), gap("a", 2.0)])
    for mode in ("add", "replace", "whole"):
        with pytest.raises(DataError, match="c: stands twice"):
            store.add("gaps", [gap("c", 1.0), gap("c", 2.0)], mode=mode)
        far_apart = [gap("c", 1.0), *(gap(f"x{i}", 0.0) for i in range(6000)), gap("c", 2.0)]
        with pytest.raises(DataError, match="c: stands twice"):
            store.add("gaps", far_apart, mode=mode)
    with pytest.raises(NotInStore, match="1 keys are not in the dataset"):
        store.update("gaps", [gap("b", 1.0)])
    assert (store.version("gaps").number, store.count("gaps")) == (1, 1)


def test_a_change_made_for_an_older_version_is_refused(store):
    store.add("gaps", [gap("a", 1.0)])
    store.add("gaps", [gap("b", 1.0)], base=1)
    with pytest.raises(VersionConflict, match="at version 2 now, not at 1"):
        store.delete("gaps", ["a"], base=1)
    with pytest.raises(VersionConflict, match="at version 2 now, not at 0"):
        store.add("gaps", [gap("c", 1.0)], base=0)
    assert store.add("new", [gap("c", 1.0)], base=0).number == 1


def test_order_and_pages(store):
    n = 2500
    store.add("gaps", (gap(f"r{i}", float(i)) for i in range(n)))
    store.update("gaps", [gap("r3", -1.0)])
    keys = [f"r{i}" for i in range(n)]
    assert [one.key for one in store.records("gaps")] == keys
    assert [one.key for one in store.records("gaps", limit=1203)] == keys[:1203]
    found, after, rounds = [], 0, 0
    while after is not None:
        page = store.page("gaps", query(where="band_gap >= 0"), limit=700, after=after)
        found += [one.key for one in page.records]
        after, rounds = page.after, rounds + 1
    assert found == [key for key in keys if key != "r3"]
    assert rounds == 4


def test_a_reader_stays_in_its_version(store):
    store.add("gaps", [gap(f"r{i}", float(i)) for i in range(2200)])
    reading = store.records("gaps")
    first = next(reading)
    store.delete("gaps", [f"r{i}" for i in range(2200) if i % 2])
    assert len([first, *reading]) == 2200


def test_equal_content_has_an_equal_fingerprint_everywhere(tmp_path, store, records):
    with open_store(tmp_path / "other.db") as other:
        other.add("x", records[:2])
        other.add("x", records[2:])
        assert other.add("y", records[::-1]).fingerprint == store.add("z", records).fingerprint
        assert other.version("x").fingerprint == store.version("z").fingerprint == "12f66c086746dc2c465e0eb4bdfc44bd"


def test_datasets_are_described(store):
    store.add("gaps", [gap("a", 1.0)])
    store.add("other", [gap("a", 2.0)])
    card = store.describe("gaps", title="Band gaps", licence="CC-BY-4.0")
    assert (card.title, card.licence, card.version.n_records) == ("Band gaps", "CC-BY-4.0", 1)
    assert [one.name for one in store.datasets()] == ["gaps", "other"]
    with pytest.raises(ConfigError, match="no 'license'.*licence"):
        store.describe("gaps", license="x")
    with pytest.raises(NotInStore, match='no dataset "gap".*"gaps"'):
        store.count("gap")
    with pytest.raises(NotInStore, match="versions 1 to 1, not 4"):
        store.count("gaps", version=4)
    with pytest.raises(NotInStore, match='version 1: there is no record "q"'):
        store.get("gaps", "q")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Record("", "Si"), "key ''"),
        (Record("k" * 201, "Si"), "1 to 200 characters"),
        (Record("a\0b", "Si"), "null character"),
        (Record("a", "Si", origin=Origin(note="\0")), "null character"),
        (Record("a", "\ud800"), "is no character"),
        (Record("a", "Si", metadata={"x": "\ud800"}), "no character"),
        (Record("a", "Si", origin=Origin(url="\ud800")), "is no character"),
        (Record("a", "Si", origin=Origin(place=3)), "is int, not a text"),
        (Record("a", "Si", properties=(Property("", 1.0),)), "has no name"),
        (Record("a", "Si", properties=(Property("x", 1.0, unit=None),)), "unit and method"),
        (Record("a", "Si", metadata={"x": object()}), "metadata cannot be stored"),
        (Record("a", "Si", properties=(Property("x", 10**400),)), "whole number of 401 digits"),
    ],
)
def test_what_cannot_be_stored_is_refused_whole(store, record, said):
    with pytest.raises(DataError, match=said):
        store.add("gaps", [gap("fine", 1.0), record])
    assert store.datasets() == ()


def test_texts_that_look_odd_are_kept(store):
    odd = ["'; DROP TABLE records; --", "\\u0000", "%s ? :x", "ß\U0001f9ea", "a\tb\nc", '{"a": [1]}', "\\N", "\\."]
    made = [Record(text, "Si", properties=(Property(text, text),), metadata={text: text}) for text in odd]
    store.add("odd", made)
    assert list(store.records("odd")) == made
    assert [store.get("odd", text).key for text in odd] == odd


def test_a_formula_that_cannot_be_read_is_kept_and_said(store, caplog):
    store.add("gaps", [Record("a", "stainless"), gap("b", 1.0)])
    assert "1 records have a formula that cannot be read" in caplog.text
    assert store.get("gaps", "a").formula == "stainless"
    assert store.count("gaps", query(has_none="O")) == 1


def test_names(store):
    for name in ("", "a b", "#x", "x" * 101):
        with pytest.raises(ConfigError, match="name of a dataset"):
            store.add(name, [gap("a", 1.0)])
    with pytest.raises(DataError, match="no records to store"):
        store.add("empty", [])
    assert store.datasets() == ()
