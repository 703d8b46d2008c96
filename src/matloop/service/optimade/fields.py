"""What can be asked of an entry: each field with its type, description, and what it is in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, Protocol

from matloop.core.elements import SYMBOLS, Z_OF
from matloop.core.optional import require
from matloop.data.store import schema
from matloop.service.optimade.filter import Operator, Scalar

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)
    postgresql = require("sqlalchemy.dialects.postgresql", extra=schema.EXTRA)

Kind = Literal["string", "integer", "float", "boolean", "timestamp", "list", "dictionary"]
Sql = Any
"""An expression of SQLAlchemy."""
Item = tuple[Operator, Scalar]
Find = Callable[[Operator, Scalar], Sql | None]
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


class Items(Protocol):
    """The entries of a list."""

    @property
    def length(self) -> Sql | None:
        """How many there are, None where that cannot be asked."""

    def has(self, item: Item) -> Sql:
        """That one entry is such."""

    def only(self, items: Sequence[Item]) -> Sql:
        """That each entry fulfils one of these, and there is an entry."""

    def find(self, how: str, items: Sequence[Item]) -> Sql | None:
        """A condition that leads to the records by an index and leaves none out, None where there is none."""


@dataclass(frozen=True, slots=True)
class Field:
    """A property of entries.

    about : for /info. unit : of its values. scalar : what it is in SQL, NULL where it is unknown; None for lists.
    items : its entries, for lists that can be searched. known : that a list is known; None if it always is.
    find : for scalars: a condition that leads to `field operator value` by an index, or None. why_not : why it cannot
    be searched at all.
    """

    name: str
    kind: Kind
    about: str
    unit: str | None = None
    scalar: Sql | None = None
    items: Items | None = None
    known: Sql | None = None
    find: Find | None = None
    why_not: str = ""

    @property
    def sortable(self) -> bool:
        return self.scalar is not None

    @property
    def info(self) -> dict[str, Any]:
        """As /info tells it."""
        unit = {"unit": self.unit} if self.unit else {}
        return {"description": self.about, "type": self.kind, "sortable": self.sortable, **unit}


Fields = Mapping[str, Field]


# ---- lists ----


@dataclass(frozen=True, slots=True)
class JsonItems:
    """A list that stands as JSON text in `text`."""

    text: Sql
    dialect: str
    length: Sql | None = None

    def _each(self) -> Sql:
        """The entries as a table."""
        if self.dialect == "sqlite":
            return sa.func.json_each(self.text).table_valued("value", "type")
        rows = sa.func.jsonb_array_elements(sa.cast(self.text, postgresql.JSONB))
        return rows.table_valued(sa.column("value", postgresql.JSONB))

    def _fits(self, each: Sql, item: Item) -> Sql:
        """That an entry fulfils `item`; NULL where it is of another kind."""
        operator, wanted = item
        is_text = isinstance(wanted, str)
        if self.dialect == "sqlite":
            kinds = ("text",) if is_text else ("integer", "real")
            value = sa.case((each.c.type.in_(kinds), each.c.value))
        else:
            plain = each.c.value.op("#>>", return_type=sa.Text())(sa.literal_column("'{}'"))
            value = plain.collate("C") if is_text else sa.cast(plain, sa.Double)
            value = sa.case((sa.func.jsonb_typeof(each.c.value) == ("string" if is_text else "number"), value))
        return COMPARISONS[operator](value, typed(wanted))

    def has(self, item: Item) -> Sql:
        each = self._each()
        return sa.exists(sa.select(sa.literal(1)).select_from(each).where(self._fits(each, item)))

    def only(self, items: Sequence[Item]) -> Sql:
        each, any_ = self._each(), self._each()
        fits = [sa.func.coalesce(self._fits(each, item), sa.false()) for item in items]
        other = sa.exists(sa.select(sa.literal(1)).select_from(each).where(sa.not_(sa.or_(*fits))))
        return sa.and_(sa.exists(sa.select(sa.literal(1)).select_from(any_)), sa.not_(other))

    def find(self, how: str, items: Sequence[Item]) -> Sql | None:
        del how, items
        return None


MOST_SUBSETS = 8
_FREQUENT = tuple(Z_OF[symbol] for symbol in ("O", "H", "S", "Se", "F", "N", "Si", "P", "Cl", "C", "Te", "Fe"))


@dataclass(frozen=True, slots=True)
class ElementItems:
    """The elements of a record, by its chemical system."""

    @property
    def length(self) -> Sql:
        return schema.records.c.n_elements

    def has(self, item: Item) -> Sql:
        one = schema.system_elements.alias()
        return sa.exists().where(one.c.element.in_(_numbers(item)), one.c.system == schema.records.c.system)

    def only(self, items: Sequence[Item]) -> Sql:
        one = schema.system_elements.alias()
        allowed = sorted({z for item in items for z in _numbers(item)})
        inside = sa.select(sa.func.count()).where(one.c.system == schema.records.c.system, one.c.element.in_(allowed))
        return schema.records.c.n_elements == inside.scalar_subquery()

    def find(self, how: str, items: Sequence[Item]) -> Sql | None:
        table = schema.system_elements
        sets = [_numbers(item) for item in items]
        if how == "ONLY":
            return _subsets({z for one in sets for z in one})
        if how == "ANY":
            wanted = sorted({z for one in sets for z in one})
            return schema.records.c.system.in_(sa.select(table.c.system).where(table.c.element.in_(wanted)))
        first, *others = sorted(sets, key=lambda one: (len(one), _rank(one)))
        chosen = sa.select(table.c.system).where(table.c.element.in_(first))
        for numbers in others:
            one = table.alias()
            chosen = chosen.where(sa.exists().where(one.c.system == table.c.system, one.c.element.in_(numbers)))
        return schema.records.c.system.in_(chosen)


def _subsets(numbers: set[int]) -> Sql | None:
    """All systems of no other elements, by their names."""
    if len(numbers) > MOST_SUBSETS:
        return None
    symbols = sorted(SYMBOLS[z] for z in numbers)
    names = ["-".join(some) for k in range(1, len(symbols) + 1) for some in combinations(symbols, k)]
    return schema.records.c.system.in_(names)


def _rank(numbers: Sequence[int]) -> int:
    """Frequent elements last: the rarest one narrows most."""
    return len(_FREQUENT) - _FREQUENT.index(numbers[0]) if len(numbers) == 1 and numbers[0] in _FREQUENT else 0


def _numbers(item: Item) -> list[int]:
    """Atomic numbers of the symbols that fulfil it."""
    operator, wanted = item
    if operator == "=":
        return [Z_OF[str(wanted)]] if wanted in Z_OF else []
    return sorted(z for symbol, z in Z_OF.items() if COMPARISONS[operator](symbol, wanted))


@dataclass(frozen=True, slots=True)
class NoItems:
    """A list that nobody has."""

    length: Sql | None = None

    def has(self, item: Item) -> Sql:
        del item
        return sa.false()

    def only(self, items: Sequence[Item]) -> Sql:
        del items
        return sa.false()

    def find(self, how: str, items: Sequence[Item]) -> Sql | None:
        del how, items
        return None


def typed(value: Scalar) -> Sql:
    """A constant as a parameter of its own kind: large whole numbers as floats, which every database compares."""
    if isinstance(value, bool):
        return sa.literal(value, sa.Boolean)
    if isinstance(value, int):
        return sa.literal(value, sa.BigInteger)
    if isinstance(value, float):
        return sa.literal(value, sa.Double)
    return sa.literal(value, sa.Text)
