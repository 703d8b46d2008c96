"""Rows of the store as entries of OPTIMADE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.data.store.connect import Database
from matloop.data.store.interchange import origin_to_json, record_to_json
from matloop.data.store.read import by_ids
from matloop.data.store.search import among
from matloop.data.store.values import Origin, Record
from matloop.matter.structures_write import to_optimade
from matloop.service.optimade.names import escaped
from matloop.service.optimade.state import State

if TYPE_CHECKING:
    import sqlalchemy as sa
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

R, V = schema.records.c, schema.versions.c
_OF_STRUCTURE = frozenset((
    "elements", "nelements", "elements_ratios", "dimension_types", "nperiodic_dimensions", "lattice_vectors",
    "cartesian_site_positions", "nsites", "species", "species_at_sites", "structure_features",
))  # fmt: skip
_BESIDE = frozenset(("id", "type", "relationships", "links", "meta"))


def structure_entries(
    database: Database, state: State, ids: Sequence[int], wanted: frozenset[str] | None, prefix: str
) -> list[dict[str, Any]]:
    """Entries for ids of rows, in this order, with the wanted fields (all if None)."""
    if not ids:
        return []

    def read() -> tuple[list[tuple[int, Record]], dict[int, Any]]:
        joined = schema.records.join(schema.versions, sa.and_(V.dataset_id == R.dataset_id, V.number == R.since))
        with database.engine.connect() as connection:
            columns = (R.id, R.dataset_id, R.since, R.reduced, R.anonymous, V.created)
            rows = connection.execute(sa.select(*columns).select_from(joined).where(among(connection, R.id, ids)))
            beside = {row.id: row for row in rows}
            return by_ids(connection, [one for one in ids if one in beside]), beside

    records, beside = database.repeated(read, again=True)
    found = [one for one in ids if one in beside]
    return [_entry(state, record, beside[number], wanted, prefix)
            for number, (_, record) in zip(found, records, strict=True)]  # fmt: skip


def _entry(state: State, record: Record, row: Any, wanted: frozenset[str] | None, prefix: str) -> dict[str, Any]:
    dataset = state.name(row.dataset_id)
    name = f"{dataset}:{escaped(record.key)}" if state.several else escaped(record.key)
    attributes: dict[str, Any] = {
        "immutable_id": f"{name}@{row.since}",
        "last_modified": moment(row.created),
        "chemical_formula_descriptive": record.formula or row.reduced,
        "chemical_formula_reduced": row.reduced,
        "chemical_formula_anonymous": row.anonymous,
    }
    more = {f"_{prefix}_site_values", f"_{prefix}_charge"}
    if wanted is None or wanted & (_OF_STRUCTURE | more):
        attributes |= _structure(record, prefix)
    attributes[f"_{prefix}_dataset"], attributes[f"_{prefix}_key"] = dataset, record.key
    attributes[f"_{prefix}_provider"] = record.origin.provider
    if _asked(wanted, f"_{prefix}_origin"):
        attributes[f"_{prefix}_origin"] = public_origin(record.origin)
    if _asked(wanted, f"_{prefix}_values"):
        attributes[f"_{prefix}_values"] = _values(record)
    for label, own in state.own.items():
        if _asked(wanted, label):
            attributes[label] = own.value(record)
    cites = [{"type": "references", "id": one} for one in state.references.of(record, row.dataset_id)]
    entry: dict[str, Any] = {"id": name, "type": "structures", "attributes": only(attributes, wanted)}
    return entry | ({"relationships": {"references": {"data": cites}}} if cites else {})


def _asked(wanted: frozenset[str] | None, name: str) -> bool:
    return wanted is None or name in wanted


def _structure(record: Record, prefix: str) -> dict[str, Any]:
    assert record.structure is not None
    (found,) = to_optimade(record.structure)
    kept = ("_matloop_site_values", "_matloop_charge")
    own: dict[str, Any] = {
        name: value for name, value in found["attributes"].items() if name[:1] != "_" or name in kept
    }
    if prefix != "matloop":
        own["species"] = [_renamed(one, prefix) for one in own["species"]]
        own = _renamed(own, prefix)
    return own


def _renamed(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {f"_{prefix}_{name.removeprefix('_matloop_')}" if name.startswith("_matloop_") else name: value
            for name, value in values.items()}  # fmt: skip


def _values(record: Record) -> list[Any]:
    found: list[Any] = record_to_json(record).get("properties", [])
    for one, given in zip(found, record.properties, strict=True):
        if given.origin is not None:
            one["origin"] = public_origin(given.origin)
    return found


def public_origin(origin: Origin) -> dict[str, Any]:
    """Where something came from, without addresses that only mean something on the machine it was read on."""
    found = origin_to_json(origin)
    if not origin.url.startswith(("http://", "https://")):
        found.pop("url", None)
    return found


def only(attributes: Mapping[str, Any], wanted: Iterable[str] | None) -> dict[str, Any]:
    """The wanted attributes; null for what the entry does not have."""
    if wanted is None:
        return {name: value for name, value in attributes.items() if value is not None or name[:1] != "_"}
    return {name: attributes.get(name) for name in sorted(set(wanted) - _BESIDE)}


def small_entry(kind: str, row: Mapping[str, Any], wanted: frozenset[str] | None) -> dict[str, Any]:
    """A reference or link."""
    inside = {name: value for name, value in row.items() if name != "id"}
    inside["last_modified"] = moment(inside["last_modified"]) if inside.get("last_modified") else None
    return {"id": row["id"], "type": kind, "attributes": only(inside, wanted)}


def moment(text: str) -> str:
    """A time of the store (UTC) as the standard writes it."""
    return text.replace("+00:00", "Z")
