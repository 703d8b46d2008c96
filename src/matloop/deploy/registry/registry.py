"""The registry: bundles under names, in versions and stages, kept in the store, and who did what to them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from matloop.core.errors import BundleError, ConfigError
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.connect import PATIENCE, Database, connect
from matloop.data.store.registered import model_files, model_versions, models
from matloop.data.store.values import NotInStore, VersionConflict
from matloop.data.store.write import now, user
from matloop.deploy.registry import audit, chunks
from matloop.deploy.registry.chunks import Kept
from matloop.deploy.registry.contract import Deed, Version
from matloop.deploy.registry.copies import copied
from matloop.deploy.registry.gathered import Gathered, gathered
from matloop.deploy.registry.rows import file_row, kept_file, version_of, version_row
from matloop.problem.fault import did_you_mean

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Registry:
    """Which model is in use. Every change is a deed in the log: whole, or not there at all."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, place: str | Path, *, create: bool = False, patience: float = PATIENCE) -> Registry:
        """The registry of the store at a path (SQLite) or URL (`postgresql://user@host/database`).

        Parameters
        ----------
        create : make an empty store where there is none. patience : seconds to wait for another writer, or for a
            database that is being restarted.

        Raises
        ------
        MissingExtra : SQLAlchemy (or psycopg) is not installed. ConfigError, DataError, RunError : it cannot be
        opened; see `matloop.data.store.connect.connect`.
        """
        return cls(connect(place, create=create, patience=patience))

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return self.database.place

    def close(self) -> None:
        """Let go of all connections."""
        self.database.engine.dispose()

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- looking ----

    def names(self) -> tuple[str, ...]:
        """All names, by alphabet."""
        return self.reading(lambda connection: tuple(connection.execute(sa.select(models.c.name).order_by(
            models.c.name)).scalars()))  # fmt: skip

    def versions(self, name: str) -> tuple[Version, ...]:
        """All versions of a name, the first one first.

        Raises
        ------
        NotInStore : there is no such name; the message gives the nearest ones.
        """

        def look(connection: Connection) -> tuple[Version, ...]:
            found = sa.select(model_versions).where(model_versions.c.model_id == _model(connection, self.place, name))
            return tuple(version_of(row, name) for row in connection.execute(found.order_by(model_versions.c.number)))

        return self.reading(look)

    def champion(self, name: str) -> Version | None:
        """The version in use, None where none was promoted yet."""
        return next((version for version in self.versions(name) if version.stage == "champion"), None)

    def get(self, asked: str) -> Version:
        """One version: "thermopower@3", "thermopower@latest", or "thermopower@champion", which "thermopower" means too.

        Raises
        ------
        NotInStore : there is none such. ConfigError : it is spelled in another way.
        """
        name, which = spelled(asked)
        known = self.versions(name)
        if which == "latest":
            return known[-1]
        if which == "champion":
            found = [version for version in known if version.stage == "champion"]
            advice = f"Ask for {name}@{known[-1].number}, or promote one: matloop models promote {self.place} " \
                     f"{name}@{known[-1].number} --why ..."  # fmt: skip
            if not found:
                raise NotInStore(f'{self.place}: "{name}" has no champion. {advice}')
            return found[0]
        found = [version for version in known if version.number == int(which)]
        if not found:
            raise NotInStore(f'{self.place}: "{name}" has the versions 1 to {known[-1].number}, not {which}.')
        return found[0]

    def deeds(self, name: str = "") -> tuple[Deed, ...]:
        """All that was done, or what was done to one name, the first deed first."""
        return self.reading(lambda connection: audit.told(connection, name))

    def verify(self) -> Iterator[str]:
        """What is wrong with the log of deeds, or with stored files, a line each; nothing if all is whole."""
        yield from self.reading(lambda connection: list(audit.faults(connection)))
        for name in self.names():
            for version in self.versions(name):
                for file in self.files(version):
                    try:
                        for _ in chunks.read(self.database, file):
                            pass
                    except BundleError as error:
                        yield f"{version.spelled}: {error}"

    def files(self, version: Version, kind: str = "") -> tuple[Kept, ...]:
        """The files of a version, of its bundle ("bundle"), of its run ("run"), or all."""

        def look(connection: Connection) -> tuple[Kept, ...]:
            t = model_files.c
            where = (t.model_id == _model(connection, self.place, version.name), t.number == version.number)
            more = (t.kind == kind,) if kind else ()
            rows = connection.execute(sa.select(model_files).where(*where, *more).order_by(t.kind, t.name))
            return tuple(kept_file(row) for row in rows)

        return self.reading(look)

    # ---- changes ----

    def add(
        self, folder: Path | str, name: str = "", *, who: str = "", note: str = "", parent: int = 0, why: str = ""
    ) -> Version:  # fmt: skip
        """Keep a bundle as the next version of a name, a candidate. What is there already is returned as it is.

        Parameters
        ----------
        folder : of a run (RUN), which also keeps what it learnt from, or of a bundle (RUN/bundle, or any copy).
        name : that of the problem by default. who : the user that is logged in by default. note : what it is, for
            people. parent : number of the champion that it was trained to replace. why : for the log.

        Raises
        ------
        BundleError : it is no bundle, damaged or was changed. ConfigError : the name cannot be used.
        RunError : the disk is full, the database cannot be reached; nothing was registered.
        """
        found = gathered(Path(folder))
        name = checked_name(name or found.manifest.name)
        for path, file in found.files:
            chunks.sent(self.database, path, file)

        def work(connection: Connection, token: str) -> None:
            made = _made(connection, name)
            t = model_versions.c
            there = sa.select(t.number).where(t.model_id == made, t.bundle == found.bundle)
            if connection.execute(there).first() is None:
                number = 1 + (connection.execute(sa.select(sa.func.max(t.number)).where(t.model_id == made)).scalar()
                              or 0)  # fmt: skip
                _insert(connection, made, number, self._version(found, name, number, who, note, parent), found)
                audit.written(connection, who=who or user(), what="add", name=name, version=number,
                              why=why or note, token=token)  # fmt: skip

        self.writing(work)
        return next(version for version in self.versions(name) if version.bundle == found.bundle)

    def promote(self, name: str, number: int, *, who: str = "", why: str, instead_of: int | None = None) -> Version:
        """Make a version the champion; the one before is retired.

        Parameters
        ----------
        instead_of : number of the champion that it was compared with (0: that there is none); if another one is in use
            by now, nothing is done.

        Raises
        ------
        NotInStore : there is no such version. VersionConflict : see `instead_of`. ConfigError : no reason is given.
        RunError : the database cannot be reached, or refuses; nothing was changed.
        """
        return self._staged(name, "promote", who, why, lambda known, past: number, instead_of)

    def rollback(
        self, name: str, *, who: str = "", why: str, to: int | None = None, instead_of: int | None = None
    ) -> Version:  # fmt: skip
        """Go back to the champion before this one, which is retired; several times goes further back.

        Parameters
        ----------
        to : number of an earlier champion to go back to at once; those after it are left behind, as by so many single
            steps. instead_of : as `promote`.

        Raises
        ------
        NotInStore : there was none before, or `to` is none of them. VersionConflict : see `instead_of`.
        ConfigError : no reason is given. RunError : as `promote`.
        """

        def before(known: tuple[Version, ...], past: list[int]) -> int:
            if len(past) < 2:
                raise NotInStore(f'"{name}": there was no other champion before. Promote one: matloop models promote')
            if to is not None and to not in past[:-1]:
                raise NotInStore(
                    f'"{name}": version {to} is no champion to go back to; there are: '
                    f"{', '.join(map(str, reversed(past[:-1])))}. Promote it if it is right: matloop models promote"
                )
            return past[-2] if to is None else to

        return self._staged(name, "rollback", who, why, before, instead_of)

    def reigns(self, name: str) -> tuple[int, ...]:
        """Numbers of the champions that one could go back to, the present one last; none that was retired by hand.

        Raises
        ------
        NotInStore : there is no such name.
        """

        def look(connection: Connection) -> tuple[int, ...]:
            _model(connection, self.place, name)
            return tuple(audit.reigns(audit.told(connection, name)))

        return self.reading(look)

    def retire(self, name: str, number: int, *, who: str = "", why: str) -> Version:
        """Say of a version that it is not to be used; it stays where it is.

        Raises
        ------
        ConfigError : it is the champion, or no reason is given. NotInStore : there is no such version.
        """
        return self._staged(name, "retire", who, why, lambda known, past: number, None)

    def fetch(self, version: Version, cache: Path | str) -> Path:
        """A folder below `cache` with the bundle of a version, every file checked; it is used again when asked again.

        Raises
        ------
        BundleError : what is stored was damaged or changed. RunError : the disk is full, or the database cannot be
            reached and the bundle is not there yet.
        """
        return copied(self.database, version, lambda: self.files(version, "bundle"), Path(cache))

    # ---- shared ----

    def _staged(
        self, name: str, what: str, who: str, why: str, choose: Callable[[tuple[Version, ...], list[int]], int],
        instead_of: int | None,
    ) -> Version:  # fmt: skip
        if not why.strip():
            raise ConfigError(f"to {what} a model needs a reason. Give it with --why")
        chosen = 0

        def work(connection: Connection, token: str) -> None:
            nonlocal chosen
            made = _model(connection, self.place, name)
            rows = connection.execute(sa.select(model_versions).where(model_versions.c.model_id == made))
            known = tuple(sorted((version_of(row, name) for row in rows), key=lambda one: one.number))
            past = audit.reigns(audit.told(connection, name))
            number = choose(known, past)
            if number not in {version.number for version in known}:
                raise NotInStore(f'{self.place}: "{name}" has the versions 1 to {known[-1].number}, not {number}.')
            now_champion = next((version.number for version in known if version.stage == "champion"), 0)
            if instead_of is not None and instead_of != now_champion:
                raise VersionConflict(
                    f'"{name}": {f"version {now_champion}" if now_champion else "none"} is the champion now, not '
                    f"{instead_of or 'none'}: somebody has decided meanwhile. Compare with that one and repeat."
                )
            _set_stages(connection, made, name, what, number, now_champion)
            audit.written(
                connection, who=who or user(), what=what, name=name, version=number, why=why.strip(), token=token
            )
            chosen = number

        self.writing(work)
        return self.get(f"{name}@{chosen}")

    def _version(self, found: Gathered, name: str, number: int, who: str, note: str, parent: int) -> Version:
        manifest = found.manifest
        return Version(
            name, number, "candidate", found.bundle, now(), who or user(), manifest.run_id, manifest.question,
            manifest.data_sha256, found.dataset, parent, sum(file.bytes for _, file in found.files), note,
            manifest.evidence,
        )  # fmt: skip

    def reading(self, work: Callable[[Connection], T]) -> T:
        """What `work` finds; looked for again while the database is being restarted."""

        def look() -> T:
            with self.database.engine.connect() as connection:
                return work(connection)

        return self.database.repeated(look, again=True)

    def writing(self, work: Callable[[Connection, str], None]) -> None:
        """`work` in one transaction, once: what went through although the answer was lost is not done again."""
        token = secrets.token_hex(16)

        def attempt() -> None:
            with self.database.writing() as connection:
                audit.alone(connection)
                if not audit.done(connection, token):
                    work(connection, token)

        self.database.repeated(attempt, again=True)


def spelled(asked: str) -> tuple[str, str]:
    """Name, and "champion", "latest" or a number.

    Raises
    ------
    ConfigError : it is spelled in another way.

    Examples
    --------
    >>> spelled("thermopower@3"), spelled("thermopower")
    (('thermopower', '3'), ('thermopower', 'champion'))
    """
    name, at, which = asked.partition("@")
    checked_name(name)
    if not at or which in ("champion", "latest"):
        return name, which or "champion"
    if not (which.isascii() and which.isdigit() and 0 < len(which) < 10 and int(which)):
        raise ConfigError(f"{asked[:120]!r}: a version is a number, 'champion' or 'latest', such as {name}@3")
    return name, which


def checked_name(name: str) -> str:
    """A name that a model may have.

    Raises
    ------
    ConfigError : it is empty, too long, or has other signs than letters, digits, "_", "." and "-".
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:120]!r} cannot be the name of a model: use up to 100 letters, digits, '_', '.' and '-', a letter "
            "or digit first."
        )
    return name


def _model(connection: Connection, place: str, name: str) -> int:
    found: int | None = connection.execute(sa.select(models.c.id).where(models.c.name == name)).scalar()
    if found is None:
        known = list(connection.execute(sa.select(models.c.name)).scalars())
        hint = did_you_mean(name, known, otherwise="There are") if known else "None is registered: matloop models add"
        raise NotInStore(f'{place}: there is no model "{name}". {hint}')
    return found


def _made(connection: Connection, name: str) -> int:
    wanted = sa.select(models.c.id).where(models.c.name == name)
    found: int | None = connection.execute(wanted).scalar()
    if found is None:
        connection.execute(sa.insert(models), {"name": name, "created": now()})
        found = connection.execute(wanted).scalar_one()
    return found


def _insert(connection: Connection, model_id: int, number: int, version: Version, found: Gathered) -> None:
    connection.execute(sa.insert(model_versions), {"model_id": model_id, **version_row(version)})
    rows = [{"model_id": model_id, "number": number, **file_row(file)} for _, file in found.files]
    connection.execute(sa.insert(model_files), rows)


def _set_stages(connection: Connection, model_id: int, name: str, what: str, number: int, champion: int) -> None:
    if what == "retire" and number == champion:
        raise ConfigError(f"{name}@{number} is the champion. Promote another one first, or roll back.")
    t = model_versions.c

    def set_to(stage: str, which: int) -> None:
        where = (t.model_id == model_id, t.number == which)
        connection.execute(sa.update(model_versions).where(*where).values(stage=stage))

    if what == "retire":
        set_to("retired", number)
        return
    if champion and champion != number:
        set_to("retired", champion)
    set_to("champion", number)
