"""Queries find what a look at every record finds."""

import random

import pytest

from matloop.core.errors import ConfigError
from matloop.data.store.values import Origin, Property, Record

pytest.importorskip("sqlalchemy")

from matloop.data.store import search
from matloop.data.store.query import Query, Where, parse_where, query
from matloop.matter.compositions import from_formulas

ELEMENTS = ["O", "Fe", "Mn", "Li", "S", "Si", "Al", "Cu", "Zn"]


def made(n=400, seed=5):
    """Random compounds; gaps in eV or meV, some with two."""
    r = random.Random(seed)
    found = []
    for i in range(n):
        parts = r.sample(ELEMENTS, r.choice((1, 2, 2, 3, 3, 4)))
        formula = "".join(f"{e}{r.randint(1, 3)}" for e in parts)
        gaps = [Property("band_gap", r.random() * 5, "eV", method=r.choice(("PBE", "HSE")))]
        if i % 3 == 0:
            gaps.append(Property("band_gap", r.random() * 5000, "meV", method="experiment"))
        if i % 4 == 0:
            gaps.append(
                Property(
                    "lattice", r.choice(("cubic", "hexagonal")), origin=Origin("icsd", f"c{i}", shareable=i % 8 > 0)
                )
            )
        origin = Origin(r.choice(("mp", "oqmd")), f"id-{i}", licence=r.choice(("", "CC0")))
        found.append(Record(f"r{i}", formula, properties=tuple(gaps), origin=origin))
    return found


def elements(record):
    batch, _ = from_formulas([record.formula])
    return {int(z) for z in batch.elements}


def z(*symbols):
    from matloop.core.elements import Z_OF

    return {Z_OF[one] for one in symbols}


def gaps(record):
    return [p.value / (1000 if p.unit == "meV" else 1) for p in record.properties if p.name == "band_gap"]


def origins(record):
    return [record.origin_of(p) for p in record.properties] + [record.origin]


CASES = [
    ({"has_all": "Mn,O"}, lambda r: z("Mn", "O") <= elements(r)),
    ({"has_all": ["Zn"]}, lambda r: z("Zn") <= elements(r)),
    ({"has_any": "Li-S"}, lambda r: z("Li", "S") & elements(r)),
    ({"has_only": "Fe,O,Li"}, lambda r: elements(r) <= z("Fe", "O", "Li")),
    ({"has_only": ELEMENTS[:9]}, lambda r: True),
    ({"has_only": [*ELEMENTS[:7], "Ga", "As"]}, lambda r: elements(r) <= z(*ELEMENTS[:7])),
    ({"has_none": "O,Fe"}, lambda r: not z("O", "Fe") & elements(r)),
    ({"n_elements": 2}, lambda r: len(elements(r)) == 2),
    ({"n_elements": "3-"}, lambda r: len(elements(r)) >= 3),
    ({"system": "O-Fe"}, lambda r: elements(r) == z("Fe", "O")),
    ({"systems": ["Fe-O", "Mn,O"]}, lambda r: elements(r) in (z("Fe", "O"), z("Mn", "O"))),
    ({"keys": ["r3", "r9", "nobody"]}, lambda r: r.key in ("r3", "r9")),
    ({"where": "band_gap > 2.5 eV"}, lambda r: any(g > 2.5 for g in gaps(r))),
    ({"where": ["band_gap >= 1000 meV", "band_gap < 1.5 eV"]},
     lambda r: any(g >= 1 for g in gaps(r)) and any(g < 1.5 for g in gaps(r))),
    ({"where": Where("band_gap", 1.0, 2.0, unit="eV")}, lambda r: any(1 <= g <= 2 for g in gaps(r))),
    ({"where": Where("band_gap", method="HSE")}, lambda r: any(p.method == "HSE" for p in r.properties)),
    ({"where": "lattice = cubic"}, lambda r: any(p.value == "cubic" for p in r.properties)),
    ({"where": "lattice"}, lambda r: any(p.name == "lattice" for p in r.properties)),
    ({"provider": "icsd"}, lambda r: any(o.provider == "icsd" for o in origins(r))),
    ({"provider": "mp", "licence": "CC0"}, lambda r: any((o.provider, o.licence) == ("mp", "CC0") for o in origins(r))),
    ({"origin_id": "id-7"}, lambda r: r.key == "r7"),
    ({"origin_id": "c8"}, lambda r: r.key == "r8"),
    ({"shareable": True}, lambda r: all(o.shareable for o in origins(r))),
    ({"shareable": False}, lambda r: not all(o.shareable for o in origins(r))),
    ({"has_all": "O", "where": "band_gap > 4 eV", "n_elements": (None, 3), "provider": "mp"},
     lambda r: z("O") <= elements(r) and any(g > 4 for g in gaps(r)) and len(elements(r)) <= 3
     and any(o.provider == "mp" for o in origins(r))),
    ({"has_structure": True}, lambda r: False),
    ({"has_structure": False}, lambda r: True),
]  # fmt: skip


@pytest.fixture
def filled(store):
    records = made()
    store.add("other", made(50, seed=1))
    store.add("x", records[:350])
    store.add("x", records[350:])
    store.update("x", [Record("r0", "Xe")])
    return store, records


@pytest.mark.parametrize("limits", [(10_000, 100_000), (3, 3)], ids=["looked up", "walked"])
def test_queries_find_what_looking_at_each_record_finds(filled, limits, monkeypatch):
    store, records = filled
    monkeypatch.setattr("matloop.data.store.store.FEW", limits[0])
    monkeypatch.setattr("matloop.data.store.store.SOME", limits[1])
    for asked, is_meant in CASES:
        expected = [one.key for one in records if is_meant(one)]
        assert [one.key for one in store.records("x", query(**asked), version=2)] == expected, asked
        assert [one.key for one in store.records("x", query(**asked), version=2, limit=5)] == expected[:5], asked
        assert store.count("x", query(**asked), version=2) == len(expected), asked


def test_a_composition_is_found_however_it_is_written(store, salt):
    store.add("x", [Record("a", "Fe2O3"), Record("b", "O6Fe4"), Record("c", "Fe0.4O0.6"), Record("d", "FeO"),
                    Record("s", "whatever", salt)])  # fmt: skip
    assert [one.key for one in store.records("x", query(formula="Fe4O6"))] == ["a", "b", "c"]
    assert [one.key for one in store.records("x", query(anonymous="A3B2"))] == ["a", "b", "c"]
    assert [one.key for one in store.records("x", query(formula="NaCl"))] == ["s"]
    assert [one.key for one in store.records("x", query(n_sites=2))] == ["s"]


def test_a_range_without_a_unit_is_in_that_of_the_store(filled):
    store, records = filled
    expected = [r.key for r in records if any(p.value > 100 for p in r.properties if p.unit == "meV")]
    assert [one.key for one in store.records("x", query(where="band_gap > 100"), version=2)] == expected


def test_conditions():
    assert parse_where("band gap<=-1.5e3 meV") == Where("band gap", high=-1500.0, unit="meV")
    assert parse_where("n = 3") == Where("n", 3.0, 3.0)
    assert parse_where("space_group = P6_3/mmc") == Where("space_group", text="P6_3/mmc")
    assert parse_where("phase == '2H'").text == "2H"
    assert parse_where("S > 3 uV/K").unit == "uV/K"
    assert query(n_sites="-8").n_sites == (None, 8)
    assert Query().everything
    assert not query(shareable=True).everything


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"has_all": "Mn,Ox"}, "no element 'Ox'"),
        ({"formula": "Xx2"}, "no element 'Xx'"),
        ({"system": "Fe-Qq"}, "no element 'Qq'"),
        ({"element": "Fe"}, "cannot be asked for by 'element'"),
        ({"where": "band_gap > wide"}, "'wide' is none"),
        ({"where": "> 3"}, "is no condition"),
        ({"n_elements": "two"}, "write a number"),
    ],
)
def test_questions_that_make_no_sense(asked, said):
    with pytest.raises(ConfigError, match=said):
        query(**asked)


def test_properties_that_are_not_there(filled):
    store, _ = filled
    with pytest.raises(ConfigError, match='no record has a property "bandgap".*"band_gap"'):
        store.count("x", query(where="bandgap > 1"))
    with pytest.raises(ConfigError, match="cannot be converted"):
        store.count("x", query(where="band_gap > 1 GPa"))


def test_a_value_in_another_kind_of_unit_does_not_match(store):
    store.add("x", [Record("a", "Si", properties=(Property("gap", 2.0, "eV"),)),
                    Record("b", "Ge", properties=(Property("gap", "direct"),)),
                    Record("c", "Sn", properties=(Property("gap", 2.0, "mm"),))])  # fmt: skip
    assert [one.key for one in store.records("x", query(where="gap > 100 meV"))] == ["a"]
    assert [one.key for one in store.records("x", query(where="gap > 1"))] == ["a", "c"]


def test_the_limits_are_those_of_the_documentation():
    assert (search.FEW, search.SOME) == (10_000, 100_000)
