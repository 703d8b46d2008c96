"""The fields of structures: those of the standard, and where each stands in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matloop.core.optional import require
from matloop.data.store import schema
from matloop.service.optimade import facts
from matloop.service.optimade.fields import COMPARISONS, ElementItems, Field, Find, JsonItems, Sql
from matloop.service.optimade.filter import Operator, Scalar
from matloop.service.optimade.names import escaped_sql, unescaped

if TYPE_CHECKING:
    import sqlalchemy as sa
else:
    sa = require("sqlalchemy", extra=schema.EXTRA)

R, F = schema.records.c, facts.table.c
_NO_FACTS = "the server may not write into this store, so this property cannot be searched."


def structure_id(key: Sql, *, several: bool, plain: bool) -> Sql:
    """The id of an entry in SQL: its key, behind the name of its dataset where several are served."""
    own = key if plain else escaped_sql(key)
    return together(_dataset(), ":", own) if several else own


def together(first: Sql, *others: Sql | str) -> Sql:
    """Texts one after another."""
    found = sa.type_coerce(first, sa.Text)
    for one in others:
        found = found.concat(sa.type_coerce(one, sa.Text))
    return found


def _dataset() -> Sql:
    table = schema.datasets.alias()
    return sa.select(table.c.name).where(table.c.id == R.dataset_id).scalar_subquery()


def _fact(column: Sql) -> Sql:
    return sa.select(column).where(F.hash == R.structure).correlate(schema.records).scalar_subquery()


def _modified() -> Sql:
    table = schema.versions.alias()
    return (
        sa.select(table.c.created)
        .where(table.c.dataset_id == R.dataset_id, table.c.number == R.since)
        .scalar_subquery()
    )


def standard_fields(dialect: str, *, several: bool, plain: bool, with_facts: bool) -> list[Field]:
    """The fields of the standard that a store can fill.

    Parameters
    ----------
    several : whether datasets are told apart in ids. plain : whether keys stand in ids as they are. with_facts :
        whether `matloop.service.optimade.facts` are there.
    """
    id_ = structure_id(R.key, several=several, plain=plain)
    identity, elements = _Identity(several), ElementItems()
    descriptive = sa.case((R.formula != "", R.formula), else_=R.reduced)
    no = "" if with_facts else _NO_FACTS

    def listed(column: Sql, length: Sql) -> JsonItems | None:
        return JsonItems(_fact(column), dialect, length) if with_facts else None

    return [
        Field("id", "string", "What the entry is called here.", scalar=id_, find=identity.id),
        Field("type", "string", 'The type of the entry: "structures".', scalar=sa.literal("structures", sa.Text)),
        Field("immutable_id", "string", "The entry in this very state: its id, and the version that brought it.",
              scalar=together(id_, "@", sa.cast(R.since, sa.Text)), find=identity.immutable),
        Field("last_modified", "timestamp", "When the entry was stored or last corrected.", scalar=_modified()),
        Field("elements", "list", "Symbols of the elements, by the alphabet.", items=elements),
        Field("nelements", "integer", "How many different elements there are.", scalar=R.n_elements, find=_n_elements),
        Field("elements_ratios", "list", "The share of each element among the atoms, in the order of elements.",
              items=listed(F.ratios, R.n_elements), why_not=no),
        Field("chemical_formula_descriptive", "string", "The formula as it was given.", scalar=descriptive),
        Field("chemical_formula_reduced", "string", "The formula with the smallest whole numbers, symbols by the "
              "alphabet.", scalar=R.reduced, find=_equal(R.reduced)),
        Field("chemical_formula_anonymous", "string", "The formula with letters for elements, the most frequent first.",
              scalar=R.anonymous, find=_equal(R.anonymous)),
        Field("dimension_types", "list", "1 for each lattice vector along which the structure repeats, else 0.",
              items=listed(F.dimension_types, sa.literal(3)), why_not=no),
        Field("nperiodic_dimensions", "integer", "Along how many directions the structure repeats.",
              scalar=_fact(F.dimensions) if with_facts else None, why_not=no),
        Field("lattice_vectors", "list", "The three lattice vectors; null where there is none.", "Ao",
              items=_OnlyLength(sa.literal(3)), why_not="positions and vectors cannot be searched here."),
        Field("cartesian_site_positions", "list", "Cartesian coordinates of the sites.", "Ao",
              items=_OnlyLength(R.n_sites), why_not="positions and vectors cannot be searched here."),
        Field("nsites", "integer", "How many sites there are.", scalar=R.n_sites),
        Field("species", "list", "What sites hold: elements with their shares, vacancies among them.",
              items=_OnlyLength(_fact(F.n_species)) if with_facts else None,
              why_not=no or "what is inside of species cannot be searched here; ask for species_at_sites."),
        Field("species_at_sites", "list", "The name of the species at each site.", items=listed(F.species, R.n_sites),
              why_not=no),
        Field("structure_features", "list", 'What is special: "disorder" where sites are shared or partly empty.',
              items=listed(F.features, _fact(F.n_features)), why_not=no),
    ]  # fmt: skip


class _OnlyLength:
    """A list of lists or objects: its length is known, and nothing in it is a text or number."""

    def __init__(self, length: Sql) -> None:
        self.length = length

    def has(self, item: object) -> Sql:
        del item
        return sa.false()

    def only(self, items: object) -> Sql:
        del items
        return sa.false()

    def find(self, how: str, items: object) -> Sql | None:
        del how, items
        return None


class _Identity:
    """Ids to conditions that the index of keys answers."""

    def __init__(self, several: bool) -> None:
        self.several = several

    def id(self, operator: Operator, value: Scalar) -> Sql | None:
        return self._of(str(value)) if operator == "=" else None

    def immutable(self, operator: Operator, value: Scalar) -> Sql | None:
        return self._of(str(value).rpartition("@")[0]) if operator == "=" else None

    def _of(self, text: str) -> Sql:
        if not self.several:
            return R.key == unescaped(text)
        dataset, _, key = text.partition(":")
        own = sa.select(schema.datasets.c.id).where(schema.datasets.c.name == dataset).scalar_subquery()
        return sa.and_(R.dataset_id == own, R.key == unescaped(key))


def _equal(column: Sql) -> Find:
    return lambda operator, value: column == value if operator == "=" else None


def _n_elements(operator: Operator, value: Scalar) -> Sql | None:
    if operator == "!=":
        return None
    table = schema.systems.c
    return R.system.in_(sa.select(table.name).where(COMPARISONS[operator](table.n_elements, value)))
