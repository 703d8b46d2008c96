"""What the commands do with a store: look, ask, compare, correct, take out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any, BinaryIO

import pandas as pd

from matloop.core.errors import ConfigError, DataError
from matloop.core.files import write_atomic
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.data.store.address import Address, address
from matloop.data.store.interchange import record_to_json
from matloop.data.store.query import query
from matloop.data.store.store import Store, open_store
from matloop.data.store.table import to_columns
from matloop.data.store.values import Change, DatasetCard, Property, Record, Version
from matloop.data.store.verify import verify
from matloop.deploy.predict import write_frame
from matloop.deploy.registry.registry import Registry

SHOWN = 20
"""Records that are printed when nobody says how many."""
MOST_SHOWN, LONGEST_SHOWN = 6, 60
"""Values of a record on the screen, and letters of one."""
_ENDINGS = (".jsonl", ".parquet")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: `lines` for the screen, `value` for a program."""

    said: tuple[str, ...]
    value: Any

    def lines(self) -> list[str]:
        return list(self.said)


def _opened(text: str, *, dataset: bool = True) -> tuple[Store, Address]:
    where = address(text, dataset=dataset)
    return open_store(where.place, create=False), where


# ---- asking ----


def query_store(
    text: str, asked: Mapping[str, Any], *, limit: int | None = None, out: Path | None = None, origins: bool = False,
    count: bool = False, progress: Progress = SILENT,
) -> Answer:  # fmt: skip
    """Records of "STORE#DATASET@VERSION" that fulfil what is asked: shown, counted, or written to `out`.

    Parameters
    ----------
    asked : as for `matloop.data.store.query.query`. limit : records, at most (`SHOWN` where they are shown). out : a
        file that ends in .jsonl (records with all they hold) or .parquet (a table). origins : show where each value
        comes from.

    Raises
    ------
    ConfigError, DataError : the question makes no sense, or there is nothing of that name.
    """
    if out is not None and out.suffix not in _ENDINGS:
        raise ConfigError(
            f"{out}: records are written as {' or '.join(_ENDINGS)}. For tables to share: matloop data export"
        )
    store, where = _opened(text)
    with store:
        wanted = query(**asked) if asked else where.query
        version = store.version(where.dataset, where.version)
        name = f"{where.place}#{where.dataset}@{version.number}"
        if count:
            n = store.count(where.dataset, wanted, version=version.number)
            return Answer((f"{n:,} records of {name}",), {"count": n, "version": version.number})
        found = store.records(where.dataset, wanted, version=version.number,
                              limit=limit or (None if out else SHOWN))  # fmt: skip
        if out is not None:
            n = _write(found, out, progress)
            return Answer((f"{n:,} records of {name} written to {out}",), {"records": n, "out": str(out)})
        shown = list(found)
        lines = [line for record in shown for line in _shown(record, origins=origins)]
        total = store.count(where.dataset, wanted, version=version.number)
    lines.append(f"{len(shown):,} of {total:,} records of {name}")
    value = {"records": [record_to_json(one) for one in shown], "count": total, "version": version.number}
    return Answer(tuple(lines), value)


def _write(records: Iterator[Record], out: Path, progress: Progress) -> int:
    n = 0

    def counted() -> Iterator[Record]:
        nonlocal n
        for n, record in enumerate(records, start=1):
            if n % 1000 == 0:
                progress.tell(f"{n:,} records")
            yield record

    if out.suffix == ".parquet":
        columns = to_columns(counted()).columns
        write_frame(out, pd.DataFrame(dict(columns)))
        return n

    def fill(stream: BinaryIO) -> None:
        for record in counted():
            stream.write(json.dumps(record_to_json(record), ensure_ascii=False, allow_nan=False).encode() + b"\n")

    write_atomic(out, fill)
    return n


def _shown(record: Record, *, origins: bool) -> list[str]:
    matter = record.formula or (f"{len(record.structure.coordinates)} sites" if record.structure is not None else "")
    head = "  ".join(filter(None, [record.key, matter]))
    values = [shorten(_value(one), LONGEST_SHOWN, placeholder=" ...") for one in record.properties]
    if not origins:
        more = [f"{len(values) - MOST_SHOWN} more"] if len(values) > MOST_SHOWN else []
        return [" | ".join([head, *values[:MOST_SHOWN], *more])]
    lines = [" | ".join([head, *values])]
    lines += [f"    record: {line}" for line in record.origin.lines()]
    for one in record.properties:
        if one.origin is not None:
            lines += [f"    {one.name}: {line}" for line in one.origin.lines()]
    return lines


def _value(one: Property) -> str:
    value = f"{one.value:.6g}" if isinstance(one.value, float) else "none" if one.value is None else str(one.value)
    error = f" +- {one.error:.2g}" if one.error is not None else ""
    beside = [*filter(None, [one.method]), *(f"{name} {value}" for name, value in one.conditions.items())]
    told = [f"{one.name} {value}{error}", one.unit, f"({', '.join(beside)})" if beside else ""]
    return " ".join(filter(None, told))


# ---- looking back ----


def history(text: str, key: str = "") -> Answer:
    """The datasets of a store, the versions of "STORE#DATASET", or with `key` all that happened to one record."""
    store, where = _opened(text, dataset=bool(key))
    with store:
        if not where.dataset:
            facts, cards = store.facts(), store.datasets()
            said = [line for card in cards for line in _card(card)]
            size = f"{facts['place']}: {facts['kind']}, {facts['bytes'] / 1e6:.1f} MB, {len(cards)} datasets"
            return Answer((size, *said), {**facts, "datasets": to_jsonable(cards)})
        if key:
            past = list(store.past(where.dataset, key))
            lines = [
                f"{_version(version)}\n" + "\n".join(f"    {line}" for line in change.lines())
                for version, change in past
            ]
            if not past:
                raise DataError(f'"{where.dataset}" never had a record "{key}".')
            return Answer(tuple(lines), [{"version": to_jsonable(v), "changes": c.lines()} for v, c in past])
        versions = store.history(where.dataset)
        card = store.card(where.dataset)
    return Answer(
        (*_card(card), *map(_version, versions)), {"card": to_jsonable(card), "versions": to_jsonable(versions)}
    )


def _card(card: DatasetCard) -> list[str]:
    latest = card.version
    state = f"{latest.n_records:,} records, version {latest.number}" if latest else "empty"
    lines = [f"{card.name}: {', '.join(filter(None, [card.title, state, card.licence]))}"]
    return lines + [f"    {text}" for text in (card.about, card.citation) if text]


def _version(one: Version) -> str:
    counts = f"{one.n_records:,} records (+{one.added:,} ~{one.changed:,} -{one.removed:,})"
    return "  ".join(filter(None, [f"@{one.number}", one.created, one.author, counts, one.message]))


def diff(text: str, old: int, new: int = 0, *, limit: int = SHOWN) -> Answer:
    """What differs between two versions of "STORE#DATASET"; the first `limit` records of each kind in full."""
    store, where = _opened(text)
    with store:
        found = store.diff(where.dataset, old, new or where.version)
        some = replace(found, added=found.added[:limit], changed=found.changed[:limit], removed=found.removed[:limit])
        changes = list(store.changes(some))
    counts = f"{len(found.added):,} added, {len(found.changed):,} changed, {len(found.removed):,} removed"
    lines = [f"{where.dataset}: {found.old} -> {found.new}: {counts}"]
    lines += [line for change in changes for line in _change(change)]
    value = {**to_jsonable(found), "changes": {one.key: one.lines() for one in changes}}
    return Answer(tuple(lines), value)


def _change(change: Change) -> list[str]:
    sign = "+" if change.old is None else "-" if change.new is None else "~"
    record = change.new or change.old
    if sign != "~" and record is not None:
        return [f"{sign} {_shown(record, origins=False)[0]}"]
    return [f"~ {change.key}", *(f"    {line}" for line in change.lines())]


# ---- changing ----


def correct(
    text: str,
    key: str,
    changes: Sequence[str],
    *,
    why: str,
    method: str = "",
    base: int | None = None,
    author: str = "",
) -> Answer:
    """Correct values of one record: "NAME=VALUE" or "NAME=VALUE UNIT"; the old value and the reason stay with the new.

    Raises
    ------
    ConfigError : no reason is given, or a change cannot be read. DataError : no such record or property.
    """
    if not why.strip():
        raise ConfigError("a correction needs a reason. Give it with --why")
    if not changes:
        raise ConfigError("nothing is to be corrected. Write NAME=VALUE, such as band_gap=1.12")
    store, where = _opened(text)
    with store:
        number = store.version(where.dataset).number if base is None else base
        old = new = store.get(where.dataset, key, version=number)
        for change in changes:
            name, value, more = _parsed(new, change, method)
            new = new.corrected(name, value, why=why, method=method or None, **more)
        version = store.update(where.dataset, [new], base=number, message=f"{key}: {why}", author=author)
    return Answer((*_change(Change(key, old, new)), _version(version)), to_jsonable(version))


def _parsed(record: Record, change: str, method: str) -> tuple[str, Any, dict[str, Any]]:
    name, equals, text = change.partition("=")
    name, text = name.strip(), text.strip()
    if not equals or not name:
        raise ConfigError(f"{change!r} is no correction. Write NAME=VALUE, such as band_gap=1.12 or 'band_gap=1.12 eV'")
    old = record.property(name, method or None)
    if old is None or isinstance(old.value, str):
        return name, text, {}
    if isinstance(old.value, bool):
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{name} is true or false, not {text!r}.")
        return name, text.lower() == "true", {}
    number, _, unit = text.partition(" ")
    try:
        value = int(number) if isinstance(old.value, int) and number.lstrip("+-").isdigit() else float(number)
    except ValueError as error:
        raise ConfigError(f"{name} is a number, and {text!r} is none.") from error
    return name, value, {"unit": unit.strip()} if unit.strip() else {}


def remove(text: str, keys: Sequence[str], *, why: str, base: int | None = None, author: str = "") -> Answer:
    """A new version without these records; earlier versions keep them."""
    if not why.strip():
        raise ConfigError("taking out records needs a reason. Give it with --why")
    store, where = _opened(text)
    with store:
        version = store.delete(where.dataset, keys, base=base, message=why, author=author)
    return Answer((_version(version),), to_jsonable(version))


def describe(text: str, **facts: str) -> Answer:
    """Set title, about, licence or citation of a dataset, and show what it is."""
    store, where = _opened(text)
    with store:
        card = store.describe(where.dataset, **{name: value for name, value in facts.items() if value})
    return Answer(tuple(_card(card)), to_jsonable(card))


def verify_store(text: str) -> Answer:
    """Count, hash and follow everything in a store.

    Raises
    ------
    DataError : it is damaged; the message lists what is.
    """
    store, _ = _opened(text, dataset=False)
    with store:
        faults = [*verify(store), *Registry(store.database).verify()]
        cards = store.datasets()
        n_versions = sum(card.version.number for card in cards if card.version)
    if faults:
        more = f"\n  ... and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise DataError(f"{store.place}: is damaged. Restore a copy.\n  - " + "\n  - ".join(faults[:SHOWN]) + more)
    said = f"{store.place}: {len(cards)} datasets, {n_versions} versions: whole"
    return Answer((said,), {"datasets": len(cards), "versions": n_versions, "faults": []})


def given(**options: Any) -> dict[str, Any]:
    """The options of a command that were given."""
    return {name: value for name, value in options.items() if value not in (None, "", [], ())}
