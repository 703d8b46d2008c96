"""A dataset of a store as the table of a problem file: `source = "store:materials.db#gaps@3"`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from matloop.core.errors import DataError
from matloop.core.jsonable import to_jsonable
from matloop.data.store.address import address
from matloop.data.store.query import Query
from matloop.data.store.store import open_store
from matloop.data.store.table import LICENCE, to_columns
from matloop.data.store.values import Version
from matloop.data.table import RawTable, checked_rows, provenance


def read_stored(query: str, base: Path) -> RawTable:
    """A dataset of a store: STORE#DATASET, @VERSION (else the latest), ?QUERY, such as "materials.db#gaps@3".

    The provenance names the version that was read, and its hash is that of the content, not of the file.

    Raises
    ------
    ConfigError : the address cannot be read. DataError : no such store, dataset, version, or no record is asked for.
    """
    where = address(query, dataset=True).seen_from(base)
    with open_store(where.place, create=False) as store:
        card, version = store.card(where.dataset), store.version(where.dataset, where.version)
        found = to_columns(store.records(where.dataset, where.query, version=version.number))
        source = f"store:{store.place}#{where.dataset}@{version.number}"
    asked = "" if where.query.everything else query.partition("?")[2]
    n_rows = len(next(iter(found.columns.values())))
    if n_rows == 0:
        raise DataError(f"{source}: no record fulfils {asked!r}. Ask for less.")
    checked_rows(n_rows, source, tuple(found.columns))
    sha256 = content_hash(version, where.query)
    known = provenance(
        source, sha256, found.columns, query=asked, citation=card.citation,
        licence=card.licence or _licences(found.columns.get(LICENCE)),
    )  # fmt: skip
    return RawTable(found.columns, known, describe=found.describe, notes=found.notes)


def content_hash(version: Version, query: Query) -> str:
    """What tells the content of a version, as far as a query asks for it, from every other."""
    return hashlib.sha256(json.dumps([version.fingerprint, to_jsonable(query)]).encode()).hexdigest()


def _licences(column: object) -> str:
    """The licences of the rows, where the dataset as a whole says none."""
    values = [] if column is None else column.tolist()  # type: ignore[attr-defined]
    return "; ".join(sorted({str(one) for one in values if one}))
