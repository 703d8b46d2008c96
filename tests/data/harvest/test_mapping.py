"""Databases in one schema: names, units, methods; no entry stops the others."""

import csv
from importlib.resources import files

import pytest

pytest.importorskip("httpx", reason="the extras 'harvest' and 'store' are not installed")
pytest.importorskip("sqlalchemy", reason="the extras 'harvest' and 'store' are not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matloop.core import units
from matloop.core.errors import ConfigError
from matloop.data.harvest.mapping import Facts, facts_of, known_fields, read_entries, schema_units
from matloop.data.harvest.providers import chosen_providers, known_providers, own_provider
from matloop.data.store.rows import content_of
from matloop.data.store.values import Origin

SI = {
    "chemical_formula_reduced": "Si", "lattice_vectors": [[0, 2.7, 2.7], [2.7, 0, 2.7], [2.7, 2.7, 0]],
    "cartesian_site_positions": [[0, 0, 0], [1.35, 1.35, 1.35]], "species_at_sites": ["Si", "Si"],
    "species": [{"name": "Si", "chemical_symbols": ["Si"], "concentration": [1.0]}], "dimension_types": [1, 1, 1],
}  # fmt: skip


def read(provider="mp", facts=None, **attributes):
    (one,) = chosen_providers(provider)
    found = read_entries([{"id": "x", "attributes": {**SI, **attributes}}], one, facts or Facts(), Origin())
    return found.records[0], found


def told(record):
    return {(one.name, one.method): (one.value, one.unit) for one in record.properties}


@pytest.mark.parametrize(
    ("provider", "given", "name", "method", "value", "unit"),
    [
        ("oqmd", {"_oqmd_delta_e": -0.5}, "formation_energy_per_atom", "PBE+U (OQMD)", -0.5, "eV/atom"),
        ("oqmd", {"_oqmd_band_gap": 0}, "band_gap", "PBE+U (OQMD)", 0, "eV"),
        ("alexandria.pbesol", {"_alexandria_band_gap": 1.1}, "band_gap", "PBEsol", 1.1, "eV"),
        ("alexandria.pbe", {"_alexandria_hull_distance": 0.1}, "energy_above_hull", "PBE", 0.1, "eV/atom"),
        ("jarvis", {"_jarvis_mbj_bandgap": 1.2}, "band_gap", "TB-mBJ", 1.2, "eV"),
        ("jarvis", {"_jarvis_exfoliation_energy": 80.0}, "exfoliation_energy", "optB88-vdW", 0.08, "eV/atom"),
        ("aflow", {"_aflow_Egap": 1.3}, "band_gap", "", 1.3, "eV"),
        ("odbx", {"_odbx_thermodynamics": {"hull_distance": 0.02}}, "energy_above_hull", "", 0.02, "eV/atom"),
        ("mcloud.mc3d-pbe", {"_mcloud_total_energy": -300.0}, "energy", "PBE", -300.0, "eV"),
        ("mp", {"_mp_stability": {"r2scan": {"energy_above_hull": 0}}}, "energy_above_hull", "r2SCAN", 0, "eV/atom"),
        ("cod", {"space_group_it_number": 227}, "space_group_number", "experiment", 227, ""),
    ],
)  # fmt: skip
def test_properties_of_databases_in_one_schema(provider, given, name, method, value, unit):
    record, _ = read(provider, **given)
    assert told(record)[name, method] == (pytest.approx(value), unit)


def test_units_that_the_database_states_are_believed():
    facts = Facts(units={"_jarvis_ehull": "meV/atom", "_oqmd_volume": "nm^3"})
    record, _ = read("jarvis", facts, _jarvis_ehull=20.0)
    assert told(record)["energy_above_hull", "optB88-vdW"] == (pytest.approx(0.02), "eV/atom")


def test_a_value_of_another_kind_is_kept_under_its_own_name_and_said():
    record, found = read("oqmd", Facts(units={"_oqmd_delta_e": "K"}), _oqmd_delta_e=5.0, _oqmd_band_gap="metal")
    assert told(record)["_oqmd_delta_e", "PBE+U (OQMD)"] == (5.0, "K")
    assert told(record)["_oqmd_band_gap", "PBE+U (OQMD)"][0] == "metal"
    assert len(found.partial) == 2


def test_what_the_schema_does_not_know_keeps_its_name():
    facts = Facts(units={"_mp_heat": "J/mol/K"})
    record, _ = read("mp", facts, _mp_heat=3, _mp_tag="a", _mp_list=[1, 2], _mp_deep=[{"a": 1}], _mp_none=None, other=1)
    assert told(record)["_mp_heat", ""] == (3, "J/mol/K")
    assert told(record)["_mp_list", ""][0] == (1, 2)
    assert record.metadata["_mp_deep"] == [{"a": 1}]
    assert {name for name, _ in told(record)} == {"_mp_heat", "_mp_tag", "_mp_list"}


def test_methods_of_one_quantity_stand_side_by_side():
    stability = {kind: {"energy_above_hull": value} for kind, value in (("gga_gga+u", 0.1), ("r2scan", 0.2))}
    record, _ = read("mp", _mp_stability=stability)
    assert {method: value for (_, method), (value, _) in told(record).items()} == {"PBE+U (MP)": 0.1, "r2SCAN": 0.2}


def test_numbers_as_texts_are_numbers():
    found = told(read("oqmd", _oqmd_delta_e="-0.25")[0])
    assert found["formation_energy_per_atom", "PBE+U (OQMD)"] == (-0.25, "eV/atom")


def test_what_a_database_says_of_itself():
    about = {"data": {"attributes": {"available_licenses_for_entries": ["CC0-1.0"]}}}
    structures = {"data": {"properties": {"_x_a": {"unit": "eV"}, "_x_b": {"x-optimade-unit": "inapplicable"}, "c": 1}}}
    found = facts_of(about, structures)
    assert found == Facts(frozenset({"_x_a", "_x_b", "c"}), {"_x_a": "eV"}, "CC0-1.0")
    assert facts_of(None, [1]) == facts_of({"data": []}, {"data": {"properties": []}}) == Facts()


def test_a_structure_is_read_and_the_record_cites_its_database():
    record, _ = read("mp")
    assert record.key == "mp/x"
    assert record.structure.volumes[0] == pytest.approx(2 * 2.7**3)
    assert (record.origin.licence, record.origin.doi) == ("CC-BY-4.0", "10.1063/1.4812323")


odd_text = st.text(st.characters(codec="utf-8") | st.sampled_from("\0\ud800\udfff_"), max_size=5)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 200) | st.floats() | odd_text | st.sampled_from(["Si", "X", 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_text, inner, max_size=4), max_leaves=8,
)  # fmt: skip
names = st.sampled_from([*SI, "assemblies", "nsites", "_mp_stability", "_mp_x", "last_modified", "_oqmd_delta_e"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names, json_like, max_size=4), json_like, odd_text)
def test_no_entry_however_odd_stops_the_others_or_the_store(odd, whole, called):
    (one,) = chosen_providers("mp")
    entries = [{"id": f"a{called}", "attributes": {**SI, **odd}}, whole, {"id": "b", "attributes": SI}]
    found = read_entries(entries, one, Facts(), Origin())
    assert "mp/b" in [record.key for record in found.records]
    assert len(found.records) + len(found.aside) == 3
    for record in found.records:
        assert content_of(record)


def test_an_entry_that_is_nested_without_end_is_set_aside():
    deep = 1
    for _ in range(500):
        deep = [deep]
    (one,) = chosen_providers("mp")
    entries = [{"id": "a", "attributes": {**SI, "_mp_x": deep}}, {"id": "b", "attributes": {**SI, "species": deep}}]
    found = read_entries(entries, one, Facts(), Origin())
    assert [called for called, _ in found.aside] == ["a"]
    assert found.records[0].structure is None


# ---- tables ----


def test_the_tables_agree_with_each_other():
    rows = list(csv.DictReader(files("matloop.data.harvest").joinpath("fields.csv").read_text("utf-8").splitlines()))
    assert len({row["field"].lower() for row in rows}) == len(rows)
    for one in known_fields().values():
        assert one.name in schema_units()
        assert units.known(one.unit)
        assert units.compatible(one.unit, schema_units()[one.name])
    prefixes = {one.prefix for one in known_providers()}
    assert {name.split("_")[1] for name in known_fields() if name.startswith("_")} <= prefixes


def test_known_databases_have_addresses_with_versions_and_names_that_differ():
    known = known_providers()
    assert len({one.name for one in known}) == len({one.url for one in known}) == len(known)
    assert all(one.url.endswith("/v1") and one.rate > 0 and one.page > 0 for one in known)
    assert {"mp", "oqmd", "aflow", "jarvis", "nmd", "cod", "tcod", "odbx", "omdb"} <= {one.name for one in known}


def test_databases_are_chosen_by_name_family_address_or_all():
    assert [one.name for one in chosen_providers("mp, oqmd,mp")] == ["mp", "oqmd"]
    assert {one.prefix for one in chosen_providers("mcloud")} == {"mcloud"}
    assert chosen_providers("NOMAD")[0].name == "nmd"
    assert chosen_providers("all") == known_providers()
    assert chosen_providers("https://oqmd.org/optimade/v1/structures")[0].name == "oqmd"
    assert own_provider("lab=http://localhost:5000/").url == "http://localhost:5000/v1"
    for wrong in ("", "oqdm", "a b=https://x.org", "x=ftp://a.org"):
        with pytest.raises(ConfigError):
            chosen_providers(wrong)
    with pytest.raises(ConfigError, match="two databases"):
        chosen_providers("a=https://x.org,a=https://y.org")
