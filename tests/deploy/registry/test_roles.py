"""Roles are privileges of PostgreSQL: what a user may not do fails whatever program is used."""

import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

import sqlalchemy as sa

from matloop.core.errors import ConfigError, MatloopError, RunError
from matloop.data.store.store import open_store
from matloop.data.store.values import Origin, Property, Record
from matloop.deploy.registry.registry import Registry
from matloop.deploy.registry.roles import grant, members, revoke

USERS = ("ada", "bo", "chris", 'odd "name"')


@pytest.fixture
def shared_place(on_server):
    """A store of which `ada` may read, `bo` run and `chris` all; and a function that gives the URL of a user."""
    import psycopg
    from sqlalchemy import make_url

    with psycopg.connect(on_server, autocommit=True) as connection:
        for user in USERS:
            name = psycopg.sql.Identifier(user)
            connection.execute(psycopg.sql.SQL("DROP ROLE IF EXISTS {}").format(name))
            connection.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN").format(name))
    with open_store(on_server) as store:
        store.add("gaps", [Record("a", "Si", properties=(Property("gap", 1.1, "eV"),))])
    with Registry.open(on_server) as registry:
        for user, role in zip(USERS, ("read", "run", "admin", "read"), strict=True):
            grant(registry, user, role)
    yield lambda user: make_url(on_server).set(username=user).render_as_string(hide_password=False)
    with psycopg.connect(on_server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS matloop CASCADE")
        for user in USERS:
            connection.execute(psycopg.sql.SQL("DROP ROLE {}").format(psycopg.sql.Identifier(user)))


def test_each_role_may_what_it_may(shared_place, regression, tmp_path):
    run = regression.result.folder
    new = [Record("b", "TiO2", properties=(Property("gap", 3.0, "eV"),), origin=Origin("mp", "mp-1"))]
    with open_store(shared_place("ada")) as store:
        assert store.count("gaps") == 1
        with pytest.raises(RunError, match="your user may not do that.*data grant"):
            store.add("gaps", new)
    with open_store(shared_place("bo")) as store:
        assert store.add("gaps", new).number == 2
        assert store.delete("gaps", ["a"], message="not wanted").n_records == 1
    with Registry.open(shared_place("ada")) as registry, pytest.raises(RunError, match="may not"):
        registry.add(run, "seebeck")
    with Registry.open(shared_place("bo")) as registry:
        version = registry.add(run, "seebeck")
        for forbidden in (
            lambda: registry.promote("seebeck", 1, why="mine"),
            lambda: grant(registry, "bo", "admin"),
            lambda: revoke(registry, "chris"),
        ):
            with pytest.raises(RunError, match="may not"):
                forbidden()
    with Registry.open(shared_place("chris")) as registry:
        assert registry.promote("seebeck", 1, why="good", who="somebody").stage == "champion"
        assert [(one.user, one.role) for one in members(registry)] == [
            ("ada", "read"), ("bo", "run"), ("chris", "admin"), ("matloop", "owner"), ('odd "name"', "read"),
        ]  # fmt: skip
        assert ("bo", "read") in [(one.user, one.role) for one in grant(registry, "bo", "read", why="left")]
        last = registry.deeds()[-1]
        assert (last.what, last.name, last.why, last.login) == ("grant", "bo", "read: left", "chris")
        assert list(registry.verify()) == []
        assert "ada" not in [one.user for one in revoke(registry, "ada")]
    with Registry.open(shared_place("bo")) as registry:
        assert registry.fetch(version, tmp_path).is_dir()
        with pytest.raises(RunError, match="may not"):
            registry.add(run, "other")
    with pytest.raises(RunError, match="your user may not do that"):
        Registry.open(shared_place("ada"))


def test_what_a_user_may_not_holds_for_every_program(shared_place, regression):
    with Registry.open(shared_place("bo")) as registry:
        registry.add(regression.result.folder, "seebeck")
        attempts = [
            "UPDATE model_versions SET stage = 'champion'", "DELETE FROM deeds", "UPDATE deeds SET who = 'ada'",
            "TRUNCATE deeds", "DELETE FROM records", "UPDATE records SET formula = 'Au'", "SELECT give('bo', 'admin')",
            "DROP TRIGGER deeds_follow ON deeds", "INSERT INTO about VALUES ('x', 'y')",
            "INSERT INTO model_versions SELECT model_id, 2, 'champion', 'x', created, who, run_id, question, "
            "data_sha256, dataset, parent, bytes, note, evidence FROM model_versions",
            "INSERT INTO deeds SELECT number + 1, time, who, login, 'promote', name, version, why, 't', hash, 'h' "
            "FROM deeds ORDER BY number DESC LIMIT 1",
            "INSERT INTO chunks VALUES (repeat('0', 64), 'x')",
        ]  # fmt: skip
        for attempt in attempts:
            with registry.database.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):
                connection.exec_driver_sql(attempt)


def test_what_cannot_be_granted(shared_place, on_server, tmp_path):
    with Registry.open(on_server) as registry:
        for user, role, said in (
            ("nobody-here", "read", "no user.*createuser"), ("pg_monitor", "read", "no user"),
            ("matloop", "read", "owns it"), ("ada", "king", "no role"),
        ):  # fmt: skip
            with pytest.raises(ConfigError, match=said):
                grant(registry, user, role)
    with Registry.open(tmp_path / "a.db", create=True) as registry:
        for forbidden in (lambda: grant(registry, "ada", "read"), lambda: members(registry)):
            with pytest.raises(MatloopError, match="a file has no users"):
                forbidden()
