"""What the commands do with registered models: keep, look, decide, fetch, trace back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError, RunError
from matloop.core.jsonable import to_jsonable
from matloop.data.store.roles import ROLES, Member
from matloop.deploy.registry.contract import Deed, Version
from matloop.deploy.registry.lineage import Lineage, lineage, write_rows
from matloop.deploy.registry.registry import Registry, spelled
from matloop.deploy.registry.roles import grant, members, revoke
from matloop.pipeline.stored import Answer

_CHAMPION = "*"


def add_model(
    place: str, folder: Path, *, name: str = "", note: str = "", parent: int = 0, who: str = ""
) -> Answer:  # fmt: skip
    """Register a run or a bundle as the next version of a name."""
    with Registry.open(place, create=True) as registry:
        version = registry.add(folder, name, who=who, note=note, parent=parent)
        run = registry.files(version, "run")
    said = [f"{version.spelled}: {version.stage}, bundle {version.bundle}, {version.bytes / 1e6:.1f} MB"]
    if not run:
        said.append("note: without its run, the rows that it learnt from are not known; give the folder of the run")
    if version.stage == "candidate":
        said.append(f"To use it: matloop models promote {place} {version.spelled} --why ...")
    return Answer(tuple(said), to_jsonable(version))


def list_models(place: str) -> Answer:
    """All registered models with their versions."""
    with Registry.open(place) as registry:
        known = {name: registry.versions(name) for name in registry.names()}
    lines = [line for versions in known.values() for line in map(_version, versions)]
    return Answer(tuple(lines or [f"{place}: no model is registered yet: matloop models add --help"]),
                  to_jsonable(known))  # fmt: skip


def show_model(place: str, asked: str) -> Answer:
    """One version with its evidence, or all versions of a name."""
    with Registry.open(place) as registry:
        if "@" not in asked:
            versions = registry.versions(spelled(asked)[0])
            return Answer(tuple(map(_version, versions)), to_jsonable(versions))
        version = registry.get(asked)
        files = registry.files(version)
    said = [_version(version), f"  {version.question or 'no question'}", f"  run {version.run_id}, data "
            f"{version.dataset or 'unknown'} ({version.data_sha256[:16]})"]  # fmt: skip
    said += [f"  trained to replace {version.name}@{version.parent}"] if version.parent else []
    for target, evidence in version.evidence.items():
        said.append(f"  {target}: " + ", ".join(f"{name} {value}" for name, value in evidence.items()))
    said += [f"  {file.kind}/{file.name}  {file.bytes:,} bytes  {file.sha256[:16]}" for file in files]
    value = {**to_jsonable(version), "files": to_jsonable(files)}
    return Answer(tuple(said), value)


def promote_model(place: str, asked: str, *, why: str, who: str = "", instead_of: int | None = None) -> Answer:
    """Make NAME@NUMBER the champion."""
    with Registry.open(place) as registry:
        version = registry.get(_numbered(asked, "promote"))
        done = registry.promote(version.name, version.number, why=why, who=who, instead_of=instead_of)
    return Answer((f"{done.spelled}: {done.stage}",), to_jsonable(done))


def rollback_model(place: str, name: str, *, why: str, who: str = "") -> Answer:
    """Go back to the champion before."""
    if "@" in name:
        raise ConfigError(f"{name}: a roll back goes to the champion before; name no version, or promote {name}.")
    with Registry.open(place) as registry:
        done = registry.rollback(name, why=why, who=who)
    return Answer((f"{done.spelled}: {done.stage} again",), to_jsonable(done))


def retire_model(place: str, asked: str, *, why: str, who: str = "") -> Answer:
    """Say of NAME@NUMBER that it is not to be used."""
    with Registry.open(place) as registry:
        version = registry.get(_numbered(asked, "retire"))
        done = registry.retire(version.name, version.number, why=why, who=who)
    return Answer((f"{done.spelled}: {done.stage}",), to_jsonable(done))


def fetch_model(place: str, asked: str, out: Path) -> Answer:
    """A checked copy of a bundle in a folder below `out`."""
    with Registry.open(place) as registry:
        version = registry.get(asked)
        folder = registry.fetch(version, out)
    return Answer((str(folder),), {"bundle": str(folder), "version": to_jsonable(version)})


def model_history(place: str, name: str = "", *, check: bool = False) -> Answer:
    """The log of deeds, of one model or of all; with `check`, whether log and files are whole.

    Raises
    ------
    RunError : with `check`, something was changed, taken out or damaged; each is named.
    """
    with Registry.open(place) as registry:
        if name:
            registry.versions(name)  # says that there is none of that name
        known = registry.deeds(name)
        last = registry.deeds()[-1:] if check else ()
        wrong = list(registry.verify()) if check else []
    if wrong:
        raise RunError(f"{place}: the registry is not whole:\n" + "\n".join(f"  - {line}" for line in wrong))
    said = list(map(_deed, known)) or [f"{place}: nothing was done to models yet"]
    if last:
        said.append(f"whole: {last[0].place} deeds, the last hash is {last[0].hash}; keep it elsewhere to notice more")
    value = {"deeds": to_jsonable(known), **({"last": last[0].hash} if last else {})}
    return Answer(tuple(said), value)


def model_lineage(
    place: str, asked: str, *, row: str = "", limit: int = 10, out: Path | None = None
) -> Lineage | Answer:  # fmt: skip
    """What a version learnt from; with a `row` (JSON) the rows nearest to it; with `out` all rows as CSV."""
    with Registry.open(place) as registry:
        if out is not None:
            if row:
                raise ConfigError("all rows are written with --out; the nearest ones to --row are shown. Give one.")
            done = write_rows(registry, asked, out)
            return Answer(tuple(done.lines()), to_jsonable(done))
        return lineage(registry, asked, read_row(row) if row else None, limit=limit)


def read_row(text: str) -> Mapping[str, Any]:
    """A row as JSON: an object of values by column.

    Raises
    ------
    ConfigError : it is none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'the row is no JSON ({error}). Write it as \'{{"formula": "Fe2O3", "T": 300}}\'') from error
    if not isinstance(found, dict):
        raise ConfigError('a row is an object of values by column, such as \'{"formula": "Fe2O3"}\'')
    return found


def _numbered(asked: str, what: str) -> str:
    name, which = spelled(asked)
    if "@" not in asked or which == "champion":
        raise ConfigError(f"{asked}: say which version to {what}, such as {name}@2 or {name}@latest")
    return asked


def _version(version: Version) -> str:
    mark = _CHAMPION if version.stage == "champion" else " "
    scores = ", ".join(filter(None, (_score(target, said) for target, said in version.evidence.items())))
    parts = (version.stage, version.bundle, version.created, version.who, scores, version.note)
    return f"{mark} {version.spelled}  " + "  ".join(filter(None, parts))


def _score(target: str, evidence: Mapping[str, str]) -> str:
    """The first number that is known on sealed rows."""
    return next(
        (f"{target} {name} {value}" for name, value in evidence.items() if name not in ("verdict", "model")), ""
    )


def _deed(deed: Deed) -> str:
    who = f"{deed.who} (as {deed.login})" if deed.login and deed.login != deed.who else deed.who
    name = f"{deed.name}@{deed.number}" if deed.number else deed.name
    return "  ".join(filter(None, (deed.time, who, deed.what, name, deed.why)))


# ---- roles ----


def grant_role(place: str, user: str, role: str, *, why: str = "", who: str = "") -> Answer:
    """Give a user of the database the role "read", "run" or "admin"."""
    if role not in ROLES:
        raise ConfigError(f"{role!r} is no role: --role read, --role run or --role admin")
    with Registry.open(place) as registry:
        return _members(grant(registry, user, role, why=why, who=who))


def revoke_role(place: str, user: str, *, why: str = "", who: str = "") -> Answer:
    """Take the role of a user away."""
    with Registry.open(place) as registry:
        return _members(revoke(registry, user, why=why, who=who))


def list_roles(place: str) -> Answer:
    """All users who may do anything with a store."""
    with Registry.open(place) as registry:
        return _members(members(registry))


def _members(found: tuple[Member, ...]) -> Answer:
    width = max((len(one.user) for one in found), default=0)
    return Answer(tuple(f"{one.user.ljust(width)}  {one.role}" for one in found), to_jsonable(found))
