"""The Materials Project by its own interface, against answers written by hand after its documented schema."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("httpx", reason="the extra harvest is not installed")
pytest.importorskip("keyring", reason="the extra harvest is not installed")
pytest.importorskip("optimade", reason="the extra harvest is not installed")
pytest.importorskip("sqlalchemy", reason="the extra store is not installed")

from matloop.core.errors import ConfigError
from matloop.data.harvest import keys
from matloop.data.harvest.filters import FilterError
from matloop.data.harvest.mp_filter import parameters
from matloop.data.store.query import Query
from matloop.data.store.store import open_store
from matloop.pipeline.harvest import Manners, databases, harvest, rebuild, search
from matloop.testing.web import Web

KEY = "Abcd1234Efgh5678Ijkl9012Mnop3456"  # made up, of the right length
SILICON = {
    "@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0,
    "lattice": {"matrix": [[0.0, 2.73, 2.73], [2.73, 0.0, 2.73], [2.73, 2.73, 0.0]], "pbc": [True, True, True]},
    "sites": [
        {"species": [{"element": "Si", "occu": 1}], "abc": [0.0, 0.0, 0.0], "label": "Si", "properties": {}},
        {"species": [{"element": "Si", "occu": 1}], "abc": [0.25, 0.25, 0.25], "label": "Si", "properties": {}},
    ],
}  # fmt: skip


def summary(number, **more):
    """A summary as the interface gives it."""
    return {
        "builder_meta": {"license": "BY-C", "database_version": "2025.09.25"}, "nsites": 2, "elements": ["Si"],
        "volume": 40.3, "density": 2.31, "symmetry": {"crystal_system": "Cubic", "symbol": "Fd-3m", "number": 227},
        "material_id": f"mp-{number}", "deprecated": False, "last_updated": "2024-11-13T00:00:00Z",
        "origins": [
            {"name": "structure", "task_id": f"mp-{number}1", "last_updated": "2020-05-02T00:00:00Z"},
            {"name": "energy", "task_id": f"mp-{number}2", "last_updated": "2020-05-02T00:00:00Z"},
            {"name": "electronic_structure", "task_id": f"mp-{number}1", "last_updated": "2020-05-02T00:00:00Z"},
        ],
        "formula_pretty": "Si", "structure": SILICON, "energy_per_atom": -5.42, "uncorrected_energy_per_atom": -5.41,
        "formation_energy_per_atom": 0.0, "energy_above_hull": 0.0, "is_stable": True, "band_gap": 0.61,
        "is_gap_direct": False, "bulk_modulus": {"voigt": 83.0, "reuss": 83.0, "vrh": 83.0}, "cbm": None,
        "theoretical": False, "database_IDs": {"icsd": ["icsd-51688"]}, **more,
    }  # fmt: skip


class Project:
    """A server that answers as the Materials Project does."""

    def __init__(self, documents, *, refuse=None, broken=()):
        self.documents, self.refuse, self.broken = documents, refuse, broken

    def __call__(self, asked):
        if asked.headers.get("X-API-KEY", asked.headers.get("X-Api-Key", "")) != KEY:
            return asked.send({"message": "Invalid authentication credentials"}, 401)
        if self.refuse is not None:
            return asked.send({"message": self.refuse[1]}, self.refuse[0])
        if asked.path == "/v1/materials/core/":
            wanted = asked.params["material_ids"].split(",")
            data = [{"material_id": one, "run_types": {f"{one}1": "GGA", f"{one}2": "R2SCAN"}} for one in wanted]
            return asked.send({"data": data, "meta": {"total_doc": len(data)}})
        skip, limit = int(asked.params["_skip"]), int(asked.params["_limit"])
        if skip in self.broken:
            return asked.send({"detail": "busy"}, 500)
        found = self.documents[skip : skip + limit]
        return asked.send({"data": found, "meta": {"total_doc": len(self.documents)}})


@pytest.fixture
def ring(monkeypatch):
    """A keyring in memory."""
    import keyring
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):
        priority = 1

        def __init__(self):
            super().__init__()
            self.held = {}

        def get_password(self, service, username):
            return self.held.get((service, username))

        def set_password(self, service, username, password):
            self.held[service, username] = password

        def delete_password(self, service, username):
            del self.held[service, username]

    before, memory = keyring.get_keyring(), Memory()
    keyring.set_keyring(memory)
    monkeypatch.delenv("MP_API_KEY", raising=False)
    yield memory
    keyring.set_keyring(before)


@pytest.fixture
def project():
    """Starts a server, and gives what `--from` takes."""
    running = []

    def start(*documents, **more):
        web = Web(Project(list(documents), **more))
        running.append(web)
        return web, f"mp-api={web.url}"

    yield start
    for one in running:
        one.close()


@pytest.fixture
def key(monkeypatch, ring):
    monkeypatch.setenv("MP_API_KEY", KEY)


QUICK = Manners(rate=10_000, tries=2, pause=0.01, allow_local=True)


def records_of(place):
    path, _, dataset = str(place).partition("#")
    with open_store(path) as store:
        return {record.key: record for record in store.records(dataset, Query())}


# ---- records ----


def test_summaries_become_records_with_units_methods_and_licence(project, key, tmp_path):
    web, source = project(summary(149), summary(2, builder_meta={"license": "BY-NC"}, formula_pretty="Si"))
    done = harvest('elements HAS "Si"', f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert (done.state, done.records) == ("complete", 2)
    found = records_of(f"{tmp_path}/s.db#si")
    silicon = found["mp-api/mp-149"]
    values = {(one.name, one.method): (one.value, one.unit) for one in silicon.properties}
    assert values["band_gap", "PBE"] == (0.61, "eV")
    assert values["energy_per_atom", "r2SCAN"] == (-5.41, "eV/atom")
    assert values["energy_corrected_per_atom", "r2SCAN"] == (-5.42, "eV/atom")
    assert values["energy_above_hull", "PBE+U and r2SCAN"] == (0.0, "eV/atom")
    assert values["bulk_modulus", ""] == (83.0, "GPa")
    assert values["space_group_number", "PBE"] == (227, "")
    assert ("cbm", "PBE") not in values
    assert (silicon.origin.provider, silicon.origin.id, silicon.origin.licence) == ("mp", "mp-149", "CC-BY-4.0")
    assert silicon.origin.doi == "" or "10.1063/1.4812323" in silicon.origin.doi
    assert found["mp-api/mp-2"].origin.licence == "CC-BY-NC-4.0"
    assert silicon.structure is not None
    assert silicon.structure.numbers.tolist() == [14, 14]
    assert silicon.metadata["database_IDs"] == {"icsd": ["icsd-51688"]}
    asked = web.log[0][2]
    assert (asked["elements"], asked["_sort_fields"], asked["_skip"]) == ("Si", "material_id", "0")
    assert "structure" in asked["_fields"].split(",")


def test_a_record_without_a_structure_is_kept_and_told(project, key, tmp_path):
    _, source = project(summary(1, structure=None), summary(2, structure={"sites": [{"abc": [0]}], "lattice": {}}))
    done = harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert len(records_of(f"{tmp_path}/s.db#si")) == 2
    assert any("2 records are not whole" in line for line in done.lines())


def test_pages_follow_each_other_and_nothing_is_lost_or_doubled(project, key, tmp_path):
    web, source = project(*(summary(i) for i in range(1, 701)))
    done = harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert done.records == 700
    skips = [params["_skip"] for path, _, params in web.log if path.endswith("summary/")]
    assert len(skips) == len(set(skips))
    assert len(records_of(f"{tmp_path}/s.db#si")) == 700


def test_a_stopped_harvest_goes_on_and_a_version_is_made_again_without_a_key(project, key, tmp_path, monkeypatch):
    web, source = project(*(summary(i) for i in range(1, 301)))
    harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    before = len(web.log)
    harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert len(web.log) == before
    monkeypatch.delenv("MP_API_KEY")
    web.close()
    assert rebuild(f"{tmp_path}/s.db#si").equal
    again = harvest("", f"{tmp_path}/t.db#si", source=source, offline=True, cache=Path(f"{tmp_path}/s.db.harvest"))
    assert again.records == 300


def test_a_page_that_fails_is_leapt_over_and_filled_by_the_next_call(project, key, tmp_path):
    broken = {200}  # a page of an address of one's own has 100 records
    _, source = project(*(summary(i) for i in range(1, 701)), broken=broken)
    first = harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert (first.state, first.records) == ("partial", 600)
    broken.clear()
    second = harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert (second.state, second.records) == ("complete", 700)
    assert len(records_of(f"{tmp_path}/s.db#si")) == 700


def test_search_counts_without_storing(project, key):
    _, source = project(summary(1), summary(2), summary(3))
    hits = search("", source=source, show=2, manners=QUICK).hits[0]
    assert (hits.count, len(hits.records)) == (3, 2)


def test_it_is_listed_and_not_among_all():
    from matloop.data.harvest.providers import chosen_providers

    assert "mp-api" in [one.name for one in databases().known]
    assert "mp-api" not in [one.name for one in chosen_providers("all")]
    assert chosen_providers("mp-api")[0].url == "https://api.materialsproject.org"


# ---- filters ----


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", {}),
        ('elements HAS ALL "Mn","O" AND nelements=3', {"elements": "Mn,O", "nelements_min": "3", "nelements_max": "3"}),
        ('elements HAS "Mn" AND elements HAS "O"', {"elements": "Mn,O"}),
        ('NOT elements HAS ANY "Pb","Cd"', {"exclude_elements": "Pb,Cd"}),
        ('elements HAS ONLY "O","Mn"', {"chemsys": "Mn,O,Mn-O"}),
        ("_mp_band_gap >= 1.5 AND _mp_band_gap <= 3", {"band_gap_min": "1.5", "band_gap_max": "3.0"}),
        ("_mp_band_gap > 1.5", {"band_gap_min": "1.5000000000000002"}),
        ("3 < nelements AND nsites < 10", {"nelements_min": "4", "nsites_max": "9"}),
        ('chemical_formula_reduced = "Fe2O3"', {"formula": "Fe2O3"}),
        ('id = "mp-149" AND _mp_is_stable = TRUE', {"material_ids": "mp-149", "is_stable": "true"}),
        ("_mp_theoretical=FALSE", {"theoretical": "false"}),
        ("(_mp_density > 1 AND _mp_density > 2)", {"density_min": "2.0000000000000004"}),
        ("space_group_it_number = 227", {"spacegroup_number": "227"}),
    ],
)
def test_filters_become_parameters(text, asked):
    assert parameters(text) == asked


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ('elements HAS "O" OR nsites<5', 20),
        ('NOT chemical_formula_reduced = "Si"', 4),
        ("_mp_thing = 3", 0),
        ("_mp_band_gap IS KNOWN", 0),
        ('elements HAS ANY "O","S"', 0),
        ('_mp_band_gap = "wide"', 0),
        ("elements HAS ALL Mn", 17),
    ],
)
def test_what_it_cannot_be_asked_is_shown_with_its_place(text, position, key):
    with pytest.raises(FilterError) as error:
        parameters(text)
    assert error.value.position == position


def test_a_filter_is_refused_before_anything_is_asked(project, key, tmp_path):
    web, source = project(summary(1))
    with pytest.raises(FilterError, match="cannot be asked this"):
        harvest('elements HAS "O" OR nsites<5', f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert web.log == []


# ---- keys ----


def test_a_missing_key_is_told_before_anything_is_asked(project, ring, tmp_path):
    web, source = project(summary(1))
    with pytest.raises(ConfigError, match="wants a key. Get yours at https://next-gen.materialsproject.org/api"):
        harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    assert web.log == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["Abcd1234Efgh5678", "two words are no key", "short"])
def test_what_cannot_be_a_key_is_told_and_not_repeated(monkeypatch, ring, value):
    monkeypatch.setenv("MP_API_KEY", value)
    with pytest.raises(ConfigError) as error:
        keys.key_of("mp")
    assert value not in str(error.value)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ((401, "Unauthorized"), "is not known there, or has expired (status 401)"),
        ((403, "Forbidden"), "is refused (status 403)"),
        ((403, "Your key has expired"), "has expired (status 403)"),
    ],
)
def test_a_refused_key_is_one_clear_line(project, key, tmp_path, refusal, said):
    _, source = project(summary(1), refuse=refusal)
    done = harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    lines = [line for line in done.lines() if "the key for Materials Project" in line]
    assert (done.state, len(lines)) == ("partial", 1)
    assert said in lines[0]
    assert "matloop data key set mp" in lines[0]
    assert KEY not in "\n".join(done.lines())


def test_keys_are_kept_listed_and_removed(ring, project, tmp_path):
    keys.set_key("mp", f" {KEY}\n")
    assert [one.found for one in keys.key_states()] == ["keyring"]
    _, source = project(summary(1))
    assert harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK).records == 1
    assert keys.remove_key("mp")
    assert not keys.remove_key("mp")
    assert [one.found for one in keys.key_states()] == [""]
    with pytest.raises(ConfigError, match="no database 'oqmd' takes a key"):
        keys.set_key("oqmd", KEY)


def test_a_machine_without_a_keyring_is_told(monkeypatch):
    import keyring
    from keyring.backends import fail

    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    monkeypatch.delenv("MP_API_KEY", raising=False)
    try:
        assert [one.found for one in keys.key_states()] == [""]
        with pytest.raises(ConfigError, match=r"no keyring that can be used .*Set MP_API_KEY"):
            keys.set_key("mp", KEY)
    finally:
        keyring.set_keyring(before)


def test_a_key_goes_by_https_only(project, key, tmp_path):
    web, _ = project(summary(1))
    done = harvest("", f"{tmp_path}/s.db#si", source="mp-api=http://example.org", manners=Manners(tries=1, seconds=5))
    assert any("a key is sent by https only" in line for line in done.lines())
    assert web.log == []


def test_the_key_is_in_nothing_that_is_written_or_said(project, key, tmp_path, caplog):
    """Every file of the store, the cache and the journal, every log line, every repr and message is searched."""
    caplog.set_level(logging.DEBUG)
    _, source = project(*(summary(i) for i in range(1, 20)))
    done = harvest("", f"{tmp_path}/s.db#si", source=source, manners=QUICK)
    _, refusing = project(summary(1), refuse=(403, f"the key {KEY} is not allowed"))
    refused = harvest("", f"{tmp_path}/s.db#si", source=refusing, manners=QUICK)
    said = "\n".join(
        [*done.lines(), *refused.lines(), json.dumps(done.as_json()), repr(done), repr(refused), caplog.text]
    )
    assert KEY not in said
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path


def test_the_key_is_not_in_a_traceback_either(tmp_path):
    code = (
        "import sys; sys.argv = ['matloop', '--debug', 'data', 'harvest', '', '--from', 'mp-api=http://127.0.0.1:9', "
        f"'--allow-local', '--tries', '1', '-o', {str(tmp_path / 's.db#a')!r}]\n"
        "from matloop.cli.main import main\nmain()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "MP_API_KEY": KEY}, check=False
    )
    assert "the connection failed" in ended.stdout + ended.stderr
    assert KEY not in ended.stdout + ended.stderr
