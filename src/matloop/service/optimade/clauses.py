"""A filter as conditions of SQL: what is unknown is NULL, so that it is never returned, whatever NOT stands before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.problem.fault import did_you_mean
from matloop.service.optimade.faults import BadRequest, NotOffered
from matloop.service.optimade.fields import COMPARISONS, Field, Fields, Item, Sql, typed
from matloop.service.optimade.filter import (
    TURNED,
    All,
    Compare,
    Either,
    Has,
    Known,
    Length,
    Name,
    Node,
    Not,
    Part,
    Scalar,
    Value,
    Zipped,
)
from matloop.service.optimade.providers import PREFIXES

if TYPE_CHECKING:
    import sqlalchemy as sa
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

MOST = 400
"""Comparisons of one filter."""
_ORDERED = ("integer", "float")


@dataclass(frozen=True, slots=True)
class Clause:
    """`checks` : that an entry fulfils it. `finds` : conditions that each lead to all such entries by an index, and
    perhaps to others."""

    checks: Sql
    finds: tuple[Sql, ...] = ()


@dataclass(slots=True)
class Compiler:
    """Filters over some fields; `prefix` is that of our own ones, `among` narrows what alternatives look through."""

    fields: Fields
    prefix: str
    dialect: str
    among: Sql | None = None
    table: Sql | None = None
    warnings: list[str] = field(default_factory=list)
    count: int = 0

    def clause(self, node: Node) -> Clause:
        """The conditions of a filter.

        Raises
        ------
        BadRequest : it asks for what there is not, or compares what cannot be compared. NotOffered : it is right, but
            not offered here.
        """
        if isinstance(node, All):
            parts = [self.clause(one) for one in node.parts]
            return Clause(sa.and_(*(one.checks for one in parts)), tuple(find for one in parts for find in one.finds))
        if isinstance(node, Either):
            return self._either(node)
        if isinstance(node, Not):
            return Clause(sa.not_(self.clause(node.part).checks))
        self.count += 1
        if self.count > MOST:
            raise BadRequest(f"the filter has more than {MOST} comparisons. Ask in several requests.")
        return self._leaf(node)

    def _either(self, node: Either) -> Clause:
        together, rest = _gathered(node.parts)
        parts = [self._among(one) for one in together] + [self.clause(one) for one in rest]
        checks = sa.or_(*(one.checks for one in parts))
        if self.table is None or not all(one.finds for one in parts):
            return Clause(checks)
        id_ = self.table.c.id
        each = [sa.select(id_).where(self.among, one.finds[0]).correlate(None) for one in parts]
        return Clause(checks, (id_.in_(sa.union(*each)),))

    def _leaf(self, node: Node) -> Clause:
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Known):
            return self._known(node)
        if isinstance(node, Part):
            return self._part(node)
        if isinstance(node, Has):
            return self._has(node)
        if isinstance(node, Length):
            return self._length(node)
        if isinstance(node, Zipped):
            names = ":".join(map(str, node.names))
            raise NotOffered(f"lists that belong together ({names}) cannot be asked for here.")
        raise AssertionError(node)

    # ---- names ----

    def field(self, name: Name) -> Field | None:
        """The field of a name; None for one of another provider, which is unknown for all entries."""
        whole = str(name)
        if whole in self.fields:
            return self.fields[whole]
        first = name.path[0]
        known = self.fields.get(first)
        if known is not None:
            if known.kind in ("dictionary", "list"):
                raise NotOffered(f'"{whole}": what is inside of "{first}" cannot be searched here.')
            raise BadRequest(f'"{whole}": "{first}" is of type {known.kind} and has nothing inside.')
        if first in ("structures", "references"):
            if name.path[1:] == ("id",):
                return Field(whole, "list", "", known=sa.null())
            raise NotOffered(f'"{whole}": ask for entries by the id of related ones ({first}.id HAS ...) only.')
        if foreign(first, self.prefix):
            if foreign_prefix(first) not in PREFIXES:
                self.warnings.append(f'"{first}" has the prefix of no known provider; it is taken as unknown.')
            return None
        raise BadRequest(f'there is no property "{whole}". {did_you_mean(whole, list(self.fields))}')

    # ---- comparisons ----

    def _compare(self, node: Compare) -> Clause:
        left, operator, right = node.left, node.operator, node.right
        if not isinstance(left, Name):
            if not isinstance(right, Name):
                raise NotOffered("two constants are compared; one side has to be a property.")
            left, operator, right = right, TURNED[operator], left
        one = self.field(left)
        if isinstance(right, Name):
            other = self.field(right)
            return Clause(sa.null() if one is None or other is None else _both(one, operator, other))
        if one is None:
            return Clause(sa.null())
        scalar, value = _scalar(one), _constant(one, right)
        if one.kind == "boolean" and operator not in ("=", "!="):
            raise BadRequest(f'"{one.name}" is true or false; it can be asked for by = and != only.')
        found = one.find(operator, value) if one.find is not None else None
        return Clause(COMPARISONS[operator](scalar, typed(value)), () if found is None else (found,))

    def _among(self, node: _Among) -> Clause:
        self.count += 1
        one = self.field(node.name)
        if one is None:
            return Clause(sa.null())
        scalar, values = _scalar(one), [_constant(one, value) for value in node.values]
        found = [one.find("=", value) for value in values] if one.find is not None else [None]
        finds = () if any(part is None for part in found) else (sa.or_(*found),)
        return Clause(scalar.in_(values), finds)

    def _known(self, node: Known) -> Clause:
        one = self.field(node.name)
        if one is None:
            known = sa.false()
        elif one.scalar is not None:
            known = one.scalar.is_not(None)
        else:
            known = sa.true() if one.known is None else sa.func.coalesce(one.known, sa.false())
        return Clause(known if node.known else sa.not_(known))

    def _part(self, node: Part) -> Clause:
        one = self.field(node.name)
        if isinstance(node.text, Name):
            raise NotOffered(f"{node.how} needs a text in double quotes; properties cannot stand there.")
        if not isinstance(node.text, str):
            raise BadRequest(f"{node.how} needs a text in double quotes, not {node.text}.")
        if one is None:
            return Clause(sa.null())
        if one.kind != "string":
            raise BadRequest(f'"{one.name}" is of type {one.kind}; {node.how} is for texts.')
        scalar, text = _scalar(one), _text(node.text)
        if text == "":
            return Clause(sa.case((scalar.is_not(None), sa.true())))
        length, wanted = len(text), typed(text)
        if node.how == "STARTS":
            return Clause(sa.func.substr(scalar, 1, length) == wanted)
        if node.how == "ENDS":
            end = sa.func.substr(scalar, -length) if self.dialect == "sqlite" else sa.func.right(scalar, length)
            return Clause(end == wanted)
        place = sa.func.instr if self.dialect == "sqlite" else sa.func.strpos
        return Clause(place(scalar, wanted) > 0)

    # ---- lists ----

    def _has(self, node: Has) -> Clause:
        one = self.field(node.name)
        if one is None:
            return Clause(sa.null())
        if one.kind != "list":
            raise BadRequest(f'"{one.name}" is of type {one.kind}; HAS is for lists.')
        if one.known is not None and one.items is None and not one.about:
            return Clause(sa.null())
        if one.items is None:
            raise NotOffered(one.why_not or f'"{one.name}" cannot be searched here.')
        items = [_item(one, operator, value) for operator, value in node.items]
        if node.how == "ONLY":
            checks = one.items.only(items)
        else:
            join = sa.or_ if node.how == "ANY" else sa.and_
            checks = join(*(one.items.has(item) for item in items))
        found = one.items.find(node.how, items)
        return Clause(_if_known(one, checks), () if found is None else (found,))

    def _length(self, node: Length) -> Clause:
        one = self.field(node.name)
        if one is None:
            return Clause(sa.null())
        if one.kind != "list":
            raise BadRequest(f'"{one.name}" is of type {one.kind}; LENGTH is for lists.')
        length = None if one.items is None else one.items.length
        if length is None:
            raise NotOffered(one.why_not or f'the length of "{one.name}" cannot be asked for here.')
        return Clause(_if_known(one, COMPARISONS[node.operator](length, typed(node.number))))


# ---- what stands in a comparison ----


@dataclass(frozen=True, slots=True)
class _Among:
    """`name = a OR name = b OR ...`."""

    name: Name
    values: tuple[Scalar, ...]


def _gathered(parts: Sequence[Node]) -> tuple[list[_Among], list[Node]]:
    """Alternatives of one property as one, and the others."""
    equal: dict[Name, list[Scalar]] = {}
    rest: list[Node] = []
    for one in parts:
        if isinstance(one, Compare) and one.operator == "=":
            left, right = (one.left, one.right) if isinstance(one.left, Name) else (one.right, one.left)
            if isinstance(left, Name) and not isinstance(right, Name):
                equal.setdefault(left, []).append(right)
                continue
        rest.append(one)
    return [_Among(name, tuple(values)) for name, values in equal.items()], rest


def _scalar(one: Field) -> Sql:
    if one.scalar is not None:
        return one.scalar
    if one.kind == "list":
        raise BadRequest(f'"{one.name}" is a list; ask for what is in it by HAS, HAS ALL, HAS ANY, HAS ONLY or LENGTH.')
    raise NotOffered(one.why_not or f'"{one.name}" cannot be searched here.')


def _constant(one: Field, value: Scalar) -> Scalar:
    """A constant of the kind of a field."""
    given = "true or false" if isinstance(value, bool) else "a text" if isinstance(value, str) else "a number"
    wanted = {"string": "a text", "timestamp": "a text", "boolean": "true or false"}.get(one.kind, "a number")
    if given != wanted:
        raise BadRequest(f'"{one.name}" is of type {one.kind} and cannot be compared with {given} ({value!r}).')
    if one.kind == "timestamp":
        return _moment(one.name, str(value))
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    if "\0" in value:
        raise BadRequest("the filter holds a null character, which no text here has.")
    return value


def _moment(name: str, text: str) -> str:
    """A time as the store writes it: in UTC, so that the order of texts is that of times."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f'"{name}": {text!r} is no time. Write it like "2026-03-01T12:00:00Z".') from error
    moment = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return moment.isoformat()


def _both(one: Field, operator: str, other: Field) -> Sql:
    left, right = _scalar(one), _scalar(other)
    if one.kind != other.kind and not (one.kind in _ORDERED and other.kind in _ORDERED):
        raise BadRequest(f'"{one.name}" ({one.kind}) and "{other.name}" ({other.kind}) cannot be compared.')
    return COMPARISONS[operator](left, right)


def _item(one: Field, operator: str, value: Value) -> Item:
    if isinstance(value, Name):
        raise NotOffered("HAS needs values; properties cannot stand there.")
    if isinstance(value, bool):
        raise BadRequest(f'"{one.name}" holds no truth values.')
    return operator, _text(value) if isinstance(value, str) else value  # type: ignore[return-value]


def _if_known(one: Field, checks: Sql) -> Sql:
    return checks if one.known is None else sa.case((one.known, checks))


# ---- other providers ----


def foreign(name: str, prefix: str) -> bool:
    """Whether a property belongs to another provider."""
    return name.startswith("_") and foreign_prefix(name) not in ("", prefix)


def foreign_prefix(name: str) -> str:
    """The prefix of "_prefix_name"."""
    return name[1:].partition("_")[0]
