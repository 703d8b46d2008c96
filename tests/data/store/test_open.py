"""What can be opened as a store, and what is said of the rest."""

import sqlite3

import pytest

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.data.store.values import Record

pytest.importorskip("sqlalchemy")

import sqlalchemy as sa

from matloop.data.store import guards, registered, schema, upgrade
from matloop.data.store.connect import connect
from matloop.data.store.interchange import expanded, record_from_json, record_to_json, unpack_structure
from matloop.data.store.store import open_store
from matloop.data.store.verify import verify


def set_layout(place, number):
    with connect(place, current=False).engine.connect() as connection:
        connection.execute(sa.update(schema.about).where(schema.about.c.name == "schema").values(value=str(number)))
        connection.commit()


def models_taken_out(place):
    """What layout 1 did not have."""
    database = connect(place, current=False)
    with database.writing() as connection:
        for table in reversed(registered.TABLES):
            cascade = "" if database.is_sqlite else " CASCADE"
            connection.exec_driver_sql(f"DROP TABLE {table.name}{cascade}")
        if not database.is_sqlite:
            for name in guards.FUNCTIONS:
                connection.exec_driver_sql(f"DROP FUNCTION {name} CASCADE")


def test_a_store_of_a_later_release_is_refused(place):
    open_store(place).close()
    set_layout(place, 99)
    with pytest.raises(DataError, match=r"layout 99.*Install a newer one: pip install -U matloop"):
        open_store(place)
    with pytest.raises(DataError, match="cannot read"):
        upgrade.upgrade(place)


def test_a_store_of_an_earlier_release_is_brought_up_to_date(place, monkeypatch, tmp_path):
    with open_store(place) as store:
        store.add("x", [Record("a", "Si")])
    assert "is up to date" in upgrade.upgrade(place)
    models_taken_out(place)
    set_layout(place, 0)
    with pytest.raises(DataError, match="matloop data upgrade"):
        open_store(place)
    with pytest.raises(DataError, match="layout 0"):
        upgrade.upgrade(place)
    monkeypatch.setitem(
        upgrade.STEPS, 0, lambda connection: connection.execute(sa.text("CREATE TABLE more (x INTEGER)"))
    )
    assert "layout 0 is now layout 2" in upgrade.upgrade(place)
    with open_store(place) as store:
        assert store.get("x", "a").formula == "Si"
    if place.endswith(".db"):
        assert (tmp_path / "store.db.layout-0").exists()
        set_layout(place, 0)
        with pytest.raises(RunError, match="is in the way"):
            upgrade.upgrade(place)


def test_layout_1_becomes_layout_2_with_models(place):
    with open_store(place) as store:
        store.add("x", [Record("a", "Si")])
    models_taken_out(place)
    set_layout(place, 1)
    with pytest.raises(DataError, match="layout 1, now 2.*matloop data upgrade"):
        open_store(place)
    assert "layout 1 is now layout 2" in upgrade.upgrade(place)
    with open_store(place) as store:
        assert store.get("x", "a").formula == "Si"
        with pytest.raises(sa.exc.DBAPIError), store.database.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO deeds VALUES (7, 't', 'w', 'l', 'add', 'm', 1, '', 'token', '', 'hash')"
            )


def test_other_files_are_told(tmp_path):
    foreign = tmp_path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="database of another program"):
        open_store(foreign)
    (tmp_path / "text.db").write_text("a,b\n" * 1000)
    with pytest.raises(DataError, match="is no store, or damaged"):
        open_store(tmp_path / "text.db")
    with pytest.raises(DataError, match="is a folder"):
        open_store(tmp_path)
    with pytest.raises(DataError, match="there is no such store"):
        open_store(tmp_path / "new.db", create=False)
    with pytest.raises(DataError, match="does not exist"):
        open_store(tmp_path / "no" / "new.db")
    for url in ("mysql://me@host/db", "sqlite://", "nonsense://"):
        with pytest.raises(ConfigError, match="a store cannot be kept in"):
            open_store(url)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign.db", "text.db"]


def test_no_password_is_shown(on_server):
    url = on_server.replace("matloop@", "matloop:hunter2@")
    with open_store(url) as store:
        assert "hunter2" not in store.place
        assert "hunter2" not in str(store.facts())
        with pytest.raises(DataError) as caught:
            store.count("nothing")
    assert "hunter2" not in str(caught.value)
    with pytest.raises((ConfigError, DataError)) as caught:
        open_store(url.rpartition("/")[0] + "/nowhere")
    assert "hunter2" not in str(caught.value)
    assert "nowhere" in str(caught.value)


def test_damage_is_found(store, records):
    store.add("x", records)
    with store.database.engine.connect() as connection:
        connection.execute(sa.text("UPDATE properties SET number = 9.5 WHERE number = 1.12"))
        connection.commit()
    assert list(verify(store)) == ['"x", record "mp-149": what is stored is not what was once written']
    with store.database.engine.connect() as connection:
        connection.execute(sa.text("DELETE FROM records WHERE key = 'alloy'"))
        connection.execute(sa.text("DELETE FROM origins WHERE provider = 'icsd'"))
        connection.commit()
    said = "\n".join(verify_references(store))
    assert "holds 4 records, not 5" in said
    assert "1 records refer by origin_id to what is not there" in said


def verify_references(store):
    found = []
    try:
        for line in verify(store):
            found.append(line)
    except (DataError, KeyError):
        return found
    return found


def test_records_as_json_come_back(records):
    for record in records:
        assert record_from_json(record_to_json(record)) == record


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "a record must be an object"),
        ({"formula": "Si"}, 'needs a "key"'),
        ({"key": "a", "colour": "red"}, "unknown fields: colour"),
        ({"key": "a", "properties": {"gap": 1}}, "must be a list"),
        ({"key": "a", "properties": [{"name": "gap"}]}, 'has no "value"'),
        ({"key": "a", "properties": [{"value": 1}]}, 'needs a "name"'),
        ({"key": "a", "properties": [{"name": "gap", "value": 1, "error": "x"}]}, "a number is needed"),
        ({"key": "a", "properties": [{"name": "gap", "value": {"x": 1}}]}, "is no value of a property"),
        ({"key": "a", "structure": {"lattices": []}}, "a structure cannot be read"),
        ({"key": "a", "origin": {"url": 3}}, "a text is needed"),
    ],
)
def test_json_that_is_no_record(data, said):
    with pytest.raises(DataError, match=said):
        record_from_json(data)


def test_damaged_bytes_are_no_structure():
    import zlib

    for content in (b"", b"\0" * 10, b"\x05\0\0\0abcde", b'\x20\0\0\0["x",[["coordinates",[999999999,3]]]]   '):
        with pytest.raises(DataError, match="damaged"):
            unpack_structure(content)
    with pytest.raises(DataError, match="damaged"):
        expanded(b"no zlib")
    bomb = zlib.compress(b"\0" * (300 * 2**20), 9)
    with pytest.raises(DataError, match="larger than 256 MiB"):
        expanded(bomb)
