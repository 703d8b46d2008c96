"""Any SQL database as a source of tables."""

import hashlib
import os
import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="the extra store is not installed")
pytest.importorskip("psycopg", reason="the extra store is not installed")

import sqlalchemy as sa

from matloop.core.errors import ConfigError, DataError, MatloopError, MissingExtra, RunError
from matloop.data.collect import collect
from matloop.data.stream import stream
from matloop.pipeline.draft import write_draft
from matloop.pipeline.shelve import add_table, reading
from matloop.pipeline.stored import query_store
from matloop.problem.question import Source
from matloop.problem.toml import load_problem
from matloop.testing import postgres

SECRET = "geh@im/ 9x"


@pytest.fixture
def lab(tmp_path):
    """A file of SQLite with formulas, gaps, a binary column and NULL."""
    path = tmp_path / "lab.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE samples(id INTEGER, formula TEXT, gap REAL, made TEXT, picture BLOB)")
        rows = [(1, "GaAs", 1.42, "2024-01-02", b"\0\xff"), (2, "NaN", None, None, None), (3, "Si", 1.12, "", None)]
        connection.executemany("INSERT INTO samples VALUES(?, ?, ?, ?, ?)", rows)
    connection.close()
    return path


@pytest.fixture(scope="module")
def server():
    """A real PostgreSQL with one table; without one the tests are skipped, but never where CI says so."""
    if postgres.binaries() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    with postgres.server() as running:
        engine = sa.create_engine(running.url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE samples(id int, formula text, gap numeric(8, 3), made date, seen timestamptz, ok bool, "
                "doc jsonb, tags text[], picture bytea)"
            )
            connection.exec_driver_sql(
                "INSERT INTO samples VALUES(1, 'GaAs', 1.420, '2024-01-02', '2024-01-02 03:04:05Z', true, "
                "'{\"a\": [1, 2]}', ARRAY['x', 'y'], NULL), (2, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, '\\x00ff')"
            )
            connection.exec_driver_sql(
                "INSERT INTO samples(id, formula, gap) SELECT i, 'Si', i FROM generate_series(3, 25000) i"
            )
            connection.exec_driver_sql("CREATE SEQUENCE numbers")
            connection.exec_driver_sql(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
            connection.exec_driver_sql("GRANT SELECT ON samples TO reader")
        engine.dispose()
        yield running


def read(source, base):
    return collect(Source(f"sql:{source}"), base=base)


def refused(source, base):
    with pytest.raises(MatloopError) as error:
        read(source, base)
    return error.value


# ---- SQLite ----


def test_rows_of_sqlite_keep_their_types(lab):
    table = read("sqlite:///lab.db#SELECT * FROM samples ORDER BY id", lab.parent)
    assert table.names == ("id", "formula", "gap", "made")
    assert table.columns["id"].tolist() == [1, 2, 3]
    assert table.columns["formula"].tolist() == ["GaAs", "NaN", "Si"]
    np.testing.assert_array_equal(table.columns["gap"], [1.42, np.nan, 1.12])
    assert table.columns["made"].tolist() == ["2024-01-02", None, ""]
    assert table.notes == ('column "picture" is left out: 1 values are binary',)
    assert (table.provenance.source, table.provenance.query) == (
        "sql:sqlite:///lab.db",
        "SELECT * FROM samples ORDER BY id",
    )


def test_equal_rows_have_equal_hashes_and_other_rows_others(lab):
    first = read("sqlite:///lab.db#samples", lab.parent).provenance.sha256
    assert read("sqlite:///lab.db#SELECT * FROM samples", lab.parent).provenance.sha256 == first
    with sqlite3.connect(lab) as connection:
        connection.execute("UPDATE samples SET gap = 1.43 WHERE id = 1")
    connection.close()
    assert read("sqlite:///lab.db#samples", lab.parent).provenance.sha256 != first


def test_a_query_without_order_is_told(lab):
    assert "no ORDER BY" in read("sqlite:///lab.db#samples", lab.parent).notes[-1]


def test_query_in_a_file_beside_the_problem(lab):
    (lab.parent / "gaps.sql").write_text("-- gaps\nSELECT gap FROM samples\nWHERE gap > 1.2;\n")
    assert read("sqlite:///lab.db#gaps.sql", lab.parent).columns["gap"].tolist() == [1.42]


def test_words_for_missing_reach_the_table(lab):
    assert collect(Source("sql:sqlite:///lab.db#samples", missing=("k.A.",)), base=lab.parent).missing == ("k.A.",)


def test_nothing_can_be_written(lab):
    before = hashlib.sha256(lab.read_bytes()).hexdigest()
    error = refused("sqlite:///lab.db#SELECT writefile('x', 'y')", lab.parent)
    assert isinstance(error, DataError)
    assert isinstance(refused("sqlite:///lab.db#DROP TABLE samples", lab.parent), ConfigError)
    assert hashlib.sha256(lab.read_bytes()).hexdigest() == before
    assert sorted(p.name for p in lab.parent.iterdir()) == ["lab.db"]


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("sqlite:///lab.db#SELECT gapp FROM samples", DataError, "line 1, column 8: no such column: gapp"),
        ("sqlite:///lab.db#SELECT *\nFROM sampels", DataError, "line 2, column 6: no such table: sampels"),
        ("sqlite:///lab.db#SELECT gap FRM samples", DataError, 'mistake in the query: near "samples": syntax error'),
        ("sqlite:///lab.db#SELECT gap FROM samples WHERE id = 9", DataError, "no row of data"),
        ("sqlite:///lab.db#SELECT id, id FROM samples", DataError, 'duplicate column names: "id"'),
        ("sqlite:///lab.db#none.sql", ConfigError, "none.sql cannot be read"),
        ("sqlite:///lab.db", ConfigError, "there is no query"),
        ("sqlite:///lap.db#samples", DataError, "There are lab.db."),
        ("sqlite://#samples", ConfigError, "no file is named"),
        ("nonsense#samples", ConfigError, "cannot be read. Write sql:postgresql://"),
        ("nodb://host/x#samples", ConfigError, '"nodb" is no kind of database'),
        ("postgresql://me@127.0.0.1:1/x#samples", RunError, "cannot be reached"),
        ("postgresql://me:${HOME}@127.0.0.1:1/x#samples", ConfigError, "begin with MATLOOP_SQL_"),
        ("postgresql://me:${MATLOOP_SQL_NONE}@127.0.0.1:1/x#samples", ConfigError, "export MATLOOP_SQL_NONE="),
    ],
)
def test_errors_say_where_and_what_to_do(lab, source, kind, said):
    error = refused(source, lab.parent)
    assert isinstance(error, kind), error
    assert said in str(error)


def test_a_missing_driver_is_named(lab):
    if __import__("importlib.util").util.find_spec("oracledb"):
        pytest.skip("the driver is installed")
    error = refused("oracle://me@host/x#samples", lab.parent)
    assert isinstance(error, MissingExtra)
    assert "pip install oracledb" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hidden77@host/x",
        "postgresql://me:12/hidden77@host/x",
        "postgresql://me:12#hidden77@host/x",
        "postgresql://host/x?user=me&password=hidden77",
        "mysql://a:b@hidden77@h/x",
        "postgresql://me:${MATLOOP_SQL_PASSWORD}hidden77@host/x",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(url, tmp_path):
    error = refused(f"{url}#samples", tmp_path)
    assert "${MATLOOP_SQL_PASSWORD}" in str(error)
    assert "hidden77" not in str(error)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "x.db").write_bytes(b"something else " * 100)
    assert "is no database of SQLite" in str(refused("sqlite:///x.db#samples", tmp_path))


def test_draft_check_and_a_path_seen_from_the_problem_file(lab, monkeypatch):
    monkeypatch.chdir(lab.parent)
    (lab.parent / "sub").mkdir()
    made = write_draft("sql:sqlite:///lab.db#SELECT formula, gap\nFROM samples", lab.parent / "sub" / "p.toml")
    problem = load_problem(lab.parent / "sub" / "p.toml")
    assert problem.name == "lab-gap"
    assert problem.data.source == "sql:sqlite:///../lab.db#SELECT formula, gap\nFROM samples"
    assert len(collect(problem.data, base=lab.parent / "sub")) == 3
    assert made.problem.targets[0].name == "gap"


def test_rows_go_into_a_store(lab, monkeypatch):
    monkeypatch.chdir(lab.parent)
    done = add_table("sql:sqlite:///lab.db#samples", "s.db#gaps", reading(key="id", unit=["gap=eV"]))
    assert done.version.n_records == 3
    found = query_store("s.db#gaps", {"formulas": ["GaAs"]}, origins=True)
    assert "sql:sqlite:///lab.db" in "\n".join(found.lines())


def test_a_stream_gives_the_rows_in_pieces(lab):
    rows = stream(Source("sql:sqlite:///lab.db#samples"), base=lab.parent)
    assert rows.names == ("id", "formula", "gap", "made", "picture")
    assert [chunk["formula"] for chunk in rows.chunks(("formula", "picture"), 2)] == [["GaAs", "NaN"], ["Si"]]


def test_duckdb_reads_its_file_and_no_other(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "l.duckdb")) as connection:
        connection.execute("CREATE TABLE s AS SELECT 1 AS a, 1.5::DECIMAL(4, 2) AS b, DATE '2024-01-02' AS c")
    (tmp_path / "other.csv").write_text("a\n1\n")
    table = read("duckdb:///l.duckdb#s", tmp_path)
    assert [table.columns[name].tolist() for name in "abc"] == [[1], [Decimal("1.50")], [date(2024, 1, 2)]]
    error = refused(f"duckdb:///l.duckdb#SELECT * FROM read_csv('{tmp_path}/other.csv')", tmp_path)
    assert "disabled by configuration" in str(error)


# ---- PostgreSQL ----


def test_rows_of_postgresql_keep_their_types(server, tmp_path):
    query = "SELECT * FROM samples WHERE formula LIKE '%a%' ORDER BY id"
    table = read(f"{server.url}#{query}", tmp_path)
    assert table.columns["gap"].tolist() == [Decimal("1.420"), None]
    assert table.columns["made"].tolist() == [date(2024, 1, 2), None]
    assert table.columns["seen"].tolist()[0] == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert table.columns["ok"].tolist() == [True, None]
    assert table.columns["doc"].tolist() == ['{"a": [1, 2]}', None]
    assert table.columns["tags"].tolist() == ['["x", "y"]', None]
    assert "picture" not in table.columns
    assert table.columns["formula"].tolist() == ["GaAs", "NaN"]


def test_many_rows_come_by_a_cursor_of_the_server(server, tmp_path):
    table = read(f"{server.url}#SELECT id, gap FROM samples ORDER BY id", tmp_path)
    assert len(table) == 25_000
    assert table.columns["id"].tolist() == list(range(1, 25_001))


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("SELECT gapp\n FROM samples", DataError, 'line 1, column 8: column "gapp" does not exist'),
        ("SELECT *\nFROM sampels", DataError, 'line 2, column 6: relation "sampels" does not exist'),
        ("SELECT gap FROM samples WHERE", DataError, "mistake in the query"),
        ("SELECT 1 / 0 AS a", DataError, "the database refuses: division by zero"),
        ("SELECT nextval('numbers')", ConfigError, "would change the database"),
    ],
)
def test_postgresql_points_at_the_mistake_and_changes_nothing(server, tmp_path, query, kind, said):
    error = refused(f"{server.url}#{query}", tmp_path)
    assert isinstance(error, kind), error
    assert said in str(error)


def test_the_password_is_taken_from_the_environment_and_never_shown(server, tmp_path, monkeypatch):
    with_password = server.url.replace("matloop@", "reader:${MATLOOP_SQL_PASSWORD}@")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATLOOP_SQL_PASSWORD", SECRET)
    source = f"sql:{with_password}#SELECT id, formula, gap FROM samples WHERE gap IS NOT NULL ORDER BY id LIMIT 80"
    add_table(source, "s.db#gaps", reading(key="id"))
    write_draft(source, tmp_path / "p.toml")
    refusals = [refused(f"{with_password}#SELECT secret FROM samples", tmp_path)]
    refusals.append(refused(f"{with_password.replace('/postgres', '/none')}#samples", tmp_path))
    said = "\n".join(repr(one) + str(one) + str(one.__cause__) + str(one.__context__) for one in refusals)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for form in (SECRET, "geh%40im%2F%209x"):
        assert form not in said
        assert form.encode() not in written
