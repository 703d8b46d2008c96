"""What the database refuses by itself: changes of what is only ever appended, whoever asks for them.

Triggers hold this against every program, also against ours. Who owns the database can take them away; then the chained
hashes of the deeds tell (`matloop.deploy.registry.audit`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matloop.data.store.registered import model_versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

APPENDED = ("models", "model_files", "chunks", "deeds")
"""Tables whose rows nobody changes or takes out."""
FUNCTIONS = ("refused", "only_the_stage", "follows", "give", "take")
"""What the triggers and `matloop.data.store.roles` call on PostgreSQL."""
_FIXED = tuple(column.name for column in model_versions.columns if column.name != "stage")

_READ = ("GRANT USAGE ON SCHEMA matloop TO %%I", "GRANT SELECT ON ALL TABLES IN SCHEMA matloop TO %%I")
_RUN = (
    "GRANT INSERT ON matloop.datasets, matloop.versions, matloop.origins, matloop.quantities, matloop.structures, "
    "matloop.systems, matloop.system_elements, matloop.records, matloop.properties, matloop.models, "
    "matloop.model_versions, matloop.model_files, matloop.chunks, matloop.deeds TO %%I",
    "GRANT UPDATE ON matloop.datasets TO %%I",
    "GRANT UPDATE (until) ON matloop.records TO %%I",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA matloop TO %%I",
)
_ADMIN = (
    "GRANT UPDATE (stage) ON matloop.model_versions TO %%I",
    "GRANT EXECUTE ON FUNCTION matloop.give(text, text), matloop.take(text) TO %%I",
)
_TAKEN = (
    "REVOKE ALL ON FUNCTION matloop.give(text, text), matloop.take(text) FROM %%I",
    "REVOKE ALL (stage) ON matloop.model_versions FROM %%I",
    "REVOKE ALL (until) ON matloop.records FROM %%I",
    "REVOKE ALL ON ALL SEQUENCES IN SCHEMA matloop FROM %%I",
    "REVOKE ALL ON ALL TABLES IN SCHEMA matloop FROM %%I",
    "REVOKE ALL ON SCHEMA matloop FROM %%I",
)


def _each(statements: tuple[str, ...]) -> str:
    return " ".join(f"EXECUTE format('{one}', member);" for one in statements)


_GIVING = (
    # as the owner of the tables, so that what an admin gave does not go when the admin does
    "CREATE FUNCTION matloop.take(member text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER "
    f"SET search_path = pg_catalog AS $$ BEGIN {_each(_TAKEN)} END $$",
    "CREATE FUNCTION matloop.give(member text, role text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER "
    "SET search_path = pg_catalog AS $$ BEGIN "
    "IF role IS NULL OR role NOT IN ('read', 'run', 'admin') THEN RAISE EXCEPTION 'matloop: no such role'; END IF; "
    f"PERFORM matloop.take(member); {_each(_READ)} "
    f"IF role IN ('run', 'admin') THEN {_each(_RUN)} END IF; "
    f"IF role = 'admin' THEN {_each(_ADMIN)} END IF; END $$",
    "REVOKE ALL ON FUNCTION matloop.give(text, text), matloop.take(text) FROM PUBLIC",
)


def guarded(connection: Connection) -> None:
    """Put the triggers in place; the tables are there and empty."""
    statements = _on_sqlite() if connection.dialect.name == "sqlite" else _on_postgresql()
    for statement in statements:
        connection.exec_driver_sql(statement)


def _on_sqlite() -> list[str]:
    made = []
    for table in (*APPENDED, "model_versions"):
        for deed in ("UPDATE", "DELETE"):
            if (table, deed) == ("model_versions", "UPDATE"):
                continue
            made.append(
                f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, 'matloop: {table} is only appended to'); END"
            )
    same = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _FIXED)
    made.append(
        f"CREATE TRIGGER model_versions_fixed BEFORE UPDATE ON model_versions WHEN {same} BEGIN "
        "SELECT RAISE(ABORT, 'matloop: of a model version only the stage may change'); END"
    )
    made.append(
        "CREATE TRIGGER model_versions_begin BEFORE INSERT ON model_versions WHEN NEW.stage <> 'candidate' BEGIN "
        "SELECT RAISE(ABORT, 'matloop: a model version begins as a candidate'); END"
    )
    made.append(
        "CREATE TRIGGER deeds_follow BEFORE INSERT ON deeds WHEN "
        "NEW.number <> 1 + coalesce((SELECT max(number) FROM deeds), 0) OR "
        "NEW.before <> coalesce((SELECT hash FROM deeds ORDER BY number DESC LIMIT 1), '') BEGIN "
        "SELECT RAISE(ABORT, 'matloop: a deed follows the last one'); END"
    )
    return made


def _on_postgresql() -> list[str]:
    made = [
        "CREATE FUNCTION matloop.refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'matloop: %% is only appended to', TG_TABLE_NAME; END $$",
        "ALTER TABLE matloop.chunks ADD CONSTRAINT chunks_content CHECK (sha256 = encode(sha256(data), 'hex'))",
    ]
    for table in APPENDED:
        made.append(
            f"CREATE TRIGGER {table}_appended BEFORE UPDATE OR DELETE ON matloop.{table} "
            "FOR EACH ROW EXECUTE FUNCTION matloop.refused()"
        )
    for table in (*APPENDED, "model_versions"):
        made.append(
            f"CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON matloop.{table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION matloop.refused()"
        )
    fixed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _FIXED)
    made += [
        "CREATE TRIGGER model_versions_there BEFORE DELETE ON matloop.model_versions "
        "FOR EACH ROW EXECUTE FUNCTION matloop.refused()",
        "CREATE FUNCTION matloop.only_the_stage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'INSERT' THEN IF NEW.stage <> 'candidate' THEN "
        "RAISE EXCEPTION 'matloop: a model version begins as a candidate'; END IF; "
        f"ELSIF {fixed} THEN RAISE EXCEPTION 'matloop: of a model version only the stage may change'; END IF; "
        "RETURN NEW; END $$",
        "CREATE TRIGGER model_versions_fixed BEFORE INSERT OR UPDATE ON matloop.model_versions "
        "FOR EACH ROW EXECUTE FUNCTION matloop.only_the_stage()",
        "CREATE FUNCTION matloop.follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.login <> session_user THEN "
        "RAISE EXCEPTION 'matloop: a deed is of the user that is logged in'; END IF; "
        "IF NEW.what <> 'add' AND NOT has_column_privilege('matloop.model_versions', 'stage', 'UPDATE') THEN "
        "RAISE EXCEPTION 'matloop: only an admin may %%', NEW.what USING ERRCODE = '42501'; END IF; "
        "IF NEW.number <> 1 + coalesce((SELECT max(number) FROM matloop.deeds), 0) OR "
        "NEW.before <> coalesce((SELECT hash FROM matloop.deeds ORDER BY number DESC LIMIT 1), '') THEN "
        "RAISE EXCEPTION 'matloop: a deed follows the last one'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER deeds_follow BEFORE INSERT ON matloop.deeds FOR EACH ROW EXECUTE FUNCTION matloop.follows()",
        *_GIVING,
    ]
    return made
