"""Whole harvests from servers of this machine, most of which behave badly."""

import errno
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

pytest.importorskip("httpx", reason="the extras 'harvest' and 'store' are not installed")
pytest.importorskip("sqlalchemy", reason="the extras 'harvest' and 'store' are not installed")
pytest.importorskip("optimade", reason="the extras 'harvest' and 'store' are not installed")


from harvest_servers import entry

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.data.harvest.mapping import Facts
from matloop.data.harvest.pages import asked_fields
from matloop.data.harvest.providers import Provider
from matloop.data.store.store import open_store
from matloop.pipeline import harvest as commands
from matloop.pipeline.harvest import PARTIAL, Manners, rebuild, search
from matloop.testing import postgres

QUICK = Manners(rate=10_000, pause=0.001, tries=2, seconds=30, allow_local=True)


@pytest.fixture(autouse=True)
def _ten_per_page(monkeypatch):
    own = commands.chosen_providers
    monkeypatch.setattr(commands, "chosen_providers", lambda *a: tuple(replace(p, page=10) for p in own(*a)))


@pytest.fixture
def harvest(tmp_path):
    """Harvests everything from databases called a, b, ... into one dataset."""

    def go(*bases, to="m.db#oxides", filter_text='elements HAS "O"', manners=QUICK, **more):
        names = ",".join(f"{chr(97 + i)}={getattr(one, 'url', one)}" for i, one in enumerate(bases))
        return commands.harvest(filter_text, str(tmp_path / to), source=names, manners=manners, **more)

    go.store = str(tmp_path / "m.db")
    return go


def records(harvest, dataset="oxides"):
    with open_store(harvest.store, create=False) as store:
        return {one.key: one for one in store.records(dataset)}


def keys(n, name="a"):
    return {f"{name}/r-{i}" for i in range(n)}


# ---- when all goes well ----


def test_many_databases_end_in_one_dataset(harvest, database):
    done = harvest(database(25), database(12))
    assert (done.state, done.exit_code, done.records) == ("complete", 0, 37)
    found = records(harvest)
    assert set(found) == keys(25, "a") | keys(12, "b")
    one = found["a/r-3"]
    assert one.formula == "NiO"
    assert one.structure.numbers.tolist() == [28, 8]
    assert one.structure.lattices[0, 0, 0] == pytest.approx(4.003)
    gap = one.property("_exmpl_band_gap")
    assert (gap.value, gap.unit) == (0.003, "eV")


def test_every_record_says_where_it_came_from(harvest, database, tmp_path):
    base = database(25)
    harvest(base)
    origin = records(harvest)["a/r-17"].origin
    assert (origin.provider, origin.id, origin.licence, origin.place) == ("a", "r-17", "CC-BY-4.0", "page 2")
    assert origin.url == f"{base.url}/v1/structures/r-17"
    assert origin.retrieved.startswith("20")
    raw = tmp_path / "m.db.harvest" / "raw" / origin.sha256[:2] / f"{origin.sha256}.gz"
    assert "r-17" in gzip.decompress(raw.read_bytes()).decode()


def test_the_same_call_again_asks_nothing_and_changes_nothing(harvest, database):
    base = database(25)
    first, asked = harvest(base), len(base.web.log)
    again = harvest(base)
    assert len(base.web.log) == asked
    assert again.stored.version == first.stored.version
    assert not again.stored.new


def test_refresh_asks_again_and_corrects(harvest, database):
    base = database(25)
    harvest(base)
    base.entries[3]["attributes"]["_exmpl_band_gap"] = 9.0
    done = harvest(base, refresh=True)
    assert (done.stored.version.number, done.stored.version.changed) == (2, 1)
    assert records(harvest)["a/r-3"].property("_exmpl_band_gap").value == 9.0


def test_whole_takes_out_what_the_database_no_longer_has(harvest, database):
    base = database(25)
    harvest(base)
    del base.entries[20:]
    assert harvest(base, refresh=True).stored.version.n_records == 25
    assert harvest(base, whole=True).stored.version.n_records == 20


def test_a_limit_holds_for_each_database(harvest, database):
    base = database(50)
    done = harvest(base, database(5), limit=13)
    assert [one.records for one in done.told] == [13, 5]
    assert done.state == "complete"
    assert base.pages == [0, 10]


def test_records_may_go_into_a_file(harvest, database, tmp_path):
    done = harvest(database(12), to="out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert done.stored is None
    assert [json.loads(line)["key"] for line in lines] == [f"a/r-{i}" for i in range(12)]


def test_nothing_found_is_no_failure(harvest, database):
    done = harvest(database(0))
    assert (done.exit_code, done.records, done.stored) == (0, 0, None)
    assert "there is no record to store" in done.lines()


def test_search_counts_and_shows_without_storing(database, tmp_path):
    found = search("", source=f"a={database(33).url}", manners=QUICK, show=3)
    assert (found.hits[0].count, len(found.hits[0].records)) == (33, 3)
    assert found.lines()[0] == "a: 33 records"
    assert not list(tmp_path.iterdir())


def test_search_says_which_database_does_not_answer(serve, database):
    dead = serve(lambda a: a.send(b"down for maintenance", 404))
    found = search("", source=f"a={database(3).url},b={dead.url}", manners=QUICK)
    assert found.exit_code == PARTIAL
    assert "down for maintenance" in found.hits[1].why


# ---- pages and databases that fail ----


def at(offset, do, times=10**6):
    """Trouble at one page, the first `times` times."""
    left = [times]

    def trouble(asked, start, page):
        if start != offset or left[0] == 0:
            return False
        left[0] -= 1
        do(asked, page)
        return True

    return trouble


def cut(asked, page):
    content = gzip.compress(json.dumps(page).encode())[:-20]
    asked.raw(content, **{"Content-Encoding": "gzip", "Content-Length": str(len(content))})


BAD = {
    "500": lambda asked, page: asked.send(b"<html>oops", 500),
    "404": lambda asked, page: asked.send(b"gone", 404),
    "broken JSON": lambda asked, page: asked.send(json.dumps(page).encode()[:-9]),
    "no data": lambda asked, page: asked.send({"errors": [{"detail": "database is asleep"}]}),
    "not an object": lambda asked, page: asked.send([1, 2]),
    "truncated gzip": cut,
    "long failure": lambda asked, page: asked.send(b"x" * 3_000_000, 500),
    "200 MB": lambda asked, page: asked.raw(b"", **{"Content-Length": "200000000"}),
    "closed": lambda asked, page: asked.handler.connection.shutdown(socket.SHUT_RDWR),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_a_bad_page_is_skipped_and_listed_and_filled_later(harvest, database, kind):
    base = database(45, at(20, BAD[kind]))
    done = harvest(base)
    assert (done.state, done.exit_code, done.records) == ("partial", PARTIAL, 35)
    assert len(done.told[0].skipped) == 1
    assert "page_offset=20" in done.told[0].skipped[0][0]
    assert any("page_offset=20" in line for line in done.lines())
    base.trouble = None
    asked = len(base.pages)
    full = harvest(base)
    assert base.pages[asked:] == [20]
    assert (full.state, full.stored.version.n_records) == ("complete", 45)


@pytest.mark.parametrize("kind", ["500", "broken JSON", "truncated gzip", "closed"])
def test_a_page_that_fails_once_is_tried_again(harvest, database, kind):
    done = harvest(database(35, at(20, BAD[kind], times=1)))
    assert (done.state, done.records) == ("complete", 35)


def test_a_page_that_hangs_is_left_after_the_bound(harvest, database):
    base = database(35, at(10, lambda asked, page: base.web.stop.wait(30)))
    done = harvest(base, manners=replace(QUICK, seconds=0.5))
    assert (done.state, done.records) == ("partial", 25)
    assert "no whole answer within 0.5 s" in done.told[0].skipped[0][1]


def test_a_bad_last_page_ends_the_harvest(harvest, database):
    base = database(35, at(30, BAD["500"]))
    assert harvest(base).records == 30
    base.trouble = None
    assert harvest(base).stored.version.n_records == 35


def test_after_some_bad_pages_the_database_is_left_alone(harvest, database):
    def trouble(asked, start, page):
        if start >= 20 and broken:
            asked.send(b"", 500)
            return True
        return False

    broken = True
    base = database(200, trouble)
    done = harvest(base)
    assert (done.state, done.records) == ("partial", 20)
    assert max(base.pages) == 40
    broken = False
    assert harvest(base).stored.version.n_records == 200


def test_a_bad_page_behind_an_opaque_link_ends_the_chain_until_it_answers(harvest, serve):
    broken = True

    def answer(a):
        if a.path != "/v1/structures":
            return a.send({}, 404)
        cursor = int(a.params.get("page_cursor", "k0")[1:])
        if cursor == 2 and broken:
            return a.send(b"", 500)
        link = {"href": f"?page_cursor=k{cursor + 1}", "meta": {}} if cursor < 4 else None
        return a.send({"data": [entry(cursor)], "links": {"next": link}})

    web = serve(answer)
    assert harvest(web.url).records == 2
    broken = False
    done = harvest(web.url)
    assert (done.state, set(records(harvest))) == ("complete", keys(5))


def test_a_dead_database_does_not_stop_the_others(harvest, database, serve):
    dead = serve(lambda a: None)
    dead.close()
    done = harvest(dead.url, database(25))
    assert [(one.name, one.state, one.records) for one in done.told] == [("a", "partial", 0), ("b", "complete", 25)]
    assert "connection failed" in done.told[0].why
    assert done.exit_code == PARTIAL


def test_a_filter_that_is_refused_is_said_in_the_words_of_the_server(harvest, database, serve):
    said = {"errors": [{"detail": "property _x_y is not supported"}]}
    web = serve(lambda a: a.send(said, 400))
    done = harvest(web.url, database(5))
    assert done.told[0].state == "refused"
    assert "_x_y is not supported" in done.told[0].why


def test_smaller_pages_and_no_fields_where_the_server_asks_for_it(harvest, database, monkeypatch):
    def trouble(asked, start, page):
        if int(asked.params["page_limit"]) > 10:
            asked.send({"errors": [{"detail": "too large"}]}, 403)
            return True
        if "response_fields" in asked.params:
            asked.send({"errors": [{"detail": "no such field"}]}, 400)
            return True
        return False

    own = commands.chosen_providers
    monkeypatch.setattr(commands, "chosen_providers", lambda *a: tuple(replace(p, page=35) for p in own(*a)))
    assert harvest(database(25, trouble)).state == "complete"


def test_fields_are_asked_for_where_they_belong(harvest, database):
    base = database(5)
    done = harvest(base, fields="_exmpl_band_gapp")
    assert '_exmpl_band_gapp is none of its properties. Did you mean "_exmpl_band_gap"?' in done.told[0].notes
    (asked,) = (params["response_fields"].split(",") for path, _, params in base.web.log if path == "/v1/structures")
    assert {"_exmpl_band_gapp", "_exmpl_band_gap", "species"} <= set(asked)
    harvest(base, fields="all", limit=1)
    assert base.web.log[-1][2]["response_fields"] == "_exmpl_band_gap,nsites"


def test_fields_of_another_database_are_not_asked_for():
    (mp,) = commands.chosen_providers("mp")
    facts = Facts(frozenset({"_mp_stability", "_mp_other"}))
    asked = asked_fields(mp, facts, ("_mp_other", "_oqmd_delta_e"))
    assert {"_mp_stability", "_mp_other"} <= set(asked)
    assert "_oqmd_delta_e" not in asked


# ---- links that lead astray ----


def linked(database, offset, link, **more):
    def trouble(asked, start, page):
        if start == offset:
            page["links"]["next"] = link
        return False

    return database(45, trouble, **more)


@pytest.mark.parametrize("link", ["?page_offset=10&page_limit=10", "?page_offset=0&page_limit=10", ""])
def test_a_next_link_that_loops_is_caught(harvest, database, link):
    def trouble(asked, start, page):
        page["links"]["next"] = link or f"?page_offset={start}&page_limit=10&n={len(base.pages)}"
        return False

    base = database(45, trouble, returned=False)
    done = harvest(base)
    assert done.state == "partial"
    assert "in a circle" in done.told[0].why
    assert len(base.pages) <= 5


@pytest.mark.parametrize(
    "link",
    [
        "http://10.0.0.1/v1/structures?page_offset=20",
        "http://127.0.0.1:1/admin",
        "file:///etc/passwd",
        "http://[::1",
        "gopher:x",
    ],
)
def test_a_next_link_that_leads_elsewhere_is_not_followed(harvest, database, link):
    base = linked(database, 10, link)
    done = harvest(base)
    assert done.records == 45
    assert done.state == "complete"
    assert any("counted on" in note for note in done.told[0].notes)


def test_a_next_link_that_redirects_into_the_local_network_is_a_bad_page(harvest, database, serve):
    inside = serve(lambda a: a.send({"data": [entry(999)]}))
    base = database(25, at(10, lambda asked, page: asked.send(b"", 302, Location=inside.url)))
    done = harvest(base)
    assert (done.state, done.records) == ("partial", 15)
    assert "local network" in done.told[0].skipped[0][1]
    assert inside.log == []


def test_more_records_without_a_link_are_counted_on(harvest, database):
    assert harvest(linked(database, 10, None)).records == 45


def test_a_page_that_changes_between_calls_loses_and_doubles_nothing_that_was_seen(harvest, database):
    def trouble(asked, start, page):
        if start == 20 and len(base.entries) == 45:
            new = [entry(1000 + i) for i in range(3)]
            base.entries = new + base.entries  # what came before moves back by three
            base.entries[15]["attributes"]["_exmpl_band_gap"] = 7.0
            page["data"] = base.entries[20:30]
        page["meta"]["data_returned"] = None
        return False

    base = database(45, trouble)
    done = harvest(base)
    assert (done.state, done.told[0].twice) == ("complete", 3)
    found = records(harvest)
    assert set(found) == keys(45)
    assert any("came twice" in line for line in done.lines())


def test_of_an_entry_that_came_twice_the_newest_is_kept(harvest, database):
    def trouble(asked, start, page):
        if start == 10:
            page["data"] = [entry(4, _exmpl_band_gap=7.0), entry(4, _exmpl_band_gap=8.0), *page["data"][2:]]
        return False

    base = database(20, trouble, returned=False)
    harvest(base)
    assert records(harvest)["a/r-4"].property("_exmpl_band_gap").value == 8.0


def test_fewer_records_than_announced_are_partial(harvest, database):
    def trouble(asked, start, page):
        page["meta"]["data_returned"] = 47
        return False

    done = harvest(database(45, trouble))
    assert done.state == "partial"
    assert "47 records were announced, 45 came" in done.told[0].why


# ---- entries ----


def test_broken_entries_are_listed_and_the_others_kept(harvest, database):
    odd = [
        entry(0), entry(1, structure=False), {"type": "structures"}, {"id": "no-attributes"}, "a text", None,
        {"id": "empty", "attributes": {}},
        entry(7, species=[{"name": "X", "chemical_symbols": ["X"], "concentration": [1.0]}]),
        entry(8, lattice_vectors="none"),
    ]  # fmt: skip
    done = harvest(database(odd))
    told = done.told[0]
    assert (told.records, told.n_aside, told.n_partial) == (4, 5, 3)
    assert ("entry 3", "has no id") in told.aside
    found = records(harvest)
    assert found["a/r-1"].structure is None
    assert found["a/r-1"].metadata["structure"] == "no positions are given"
    assert any("kept without a structure" in line for line in done.lines())


# ---- stopped in the middle ----

KILLED = """
    import os, signal, sys
    from dataclasses import replace
    from matloop.data.harvest import dialects
    from matloop.pipeline.harvest import Manners, harvest
    url, store, at_sync, at_page = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    counts = dict(sync=0, page=0)
    sync, read = os.fsync, dialects.OPTIMADE.read_entries

    def end(what, at):
        counts[what] += 1
        if counts[what] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(handle):
        end("sync", at_sync)
        return sync(handle)

    def read_entries(*given):
        end("page", at_page)
        return read(*given)

    os.fsync, dialects.OPTIMADE = fsync, replace(dialects.OPTIMADE, read_entries=read_entries)
    harvest("", store, source=f"a={url}", manners=Manners(rate=10_000, allow_local=True))
"""


@pytest.mark.slow
def test_a_harvest_of_10000_records_that_is_killed_again_and_again_loses_and_doubles_nothing(
    harvest, database, tmp_path, monkeypatch
):
    """kill -9 at several places: while a page is kept, while the journal is written, while the store is written."""
    monkeypatch.undo()
    base = database([entry(i, structure=False) for i in range(10_000)])
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    for at_sync, at_page in ((8, 0), (160, 0), (0, 40)):
        ended = subprocess.run(
            [sys.executable, str(script), base.url, f"{harvest.store}#oxides", str(at_sync), str(at_page)],
            capture_output=True, timeout=120,
        )  # fmt: skip
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    done = harvest(base, filter_text="")
    assert (done.state, done.records) == ("complete", 10_000)
    assert len(base.pages) <= 100 + 2  # at most the page at hand is asked for again
    unbroken = harvest(base, filter_text="", to="other.db#oxides")
    assert done.stored.version.fingerprint == unbroken.stored.version.fingerprint


def test_a_full_disk_is_said_and_the_same_call_goes_on(harvest, database, monkeypatch):
    base = database(45)
    sync, left = os.fsync, [13]

    def full(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return sync(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="disk is full"):
            harvest(base)
    asked = len(base.pages)
    assert 0 < asked < 5
    done = harvest(base)
    assert (done.state, done.records) == ("complete", 45)
    assert len(base.pages) <= 5 + 1


def test_a_torn_journal_is_read_as_far_as_it_is_whole(harvest, database, tmp_path):
    base = database(45)
    harvest(base)
    (chain,) = (tmp_path / "m.db.harvest" / "chains").glob("*.jsonl")
    lines = chain.read_bytes().splitlines(keepends=True)
    chain.write_bytes(b"".join(lines[:3]) + lines[3][:50])
    done = harvest(base, to="new.db#oxides", cache=tmp_path / "m.db.harvest")
    assert (done.state, done.records) == ("complete", 45)
    assert base.pages == [0, 10, 20, 30, 40, 20, 30, 40]


def test_a_journal_that_somebody_changed_is_said(harvest, database, tmp_path):
    base = database(25)
    harvest(base)
    (chain,) = (tmp_path / "m.db.harvest" / "chains").glob("*.jsonl")
    chain.write_text('{"what": "page", "step": 1}')
    with pytest.raises(DataError, match="Remove it"):
        harvest(base)


def test_two_of_the_same_at_once_are_refused(harvest, database, tmp_path):
    from matloop.data.harvest.chains import Journal, Order
    from matloop.data.harvest.providers import own_provider

    base = database(5)
    order = Order(replace(own_provider(f"a={base.url}"), page=10), "")
    with Journal(tmp_path / "m.db.harvest", order).held(), pytest.raises(RunError, match="running already"):
        harvest(base, filter_text="")


# ---- again, without a network ----


def test_a_version_is_made_again_from_kept_answers_bit_for_bit(harvest, database, tmp_path):
    base = database(45, at(20, BAD["500"]))
    harvest(base)
    base.trouble = None
    harvest(base)
    base.web.close()
    for number, n in ((1, 35), (2, 45)):
        found = rebuild(f"{harvest.store}#oxides@{number}")
        assert (found.n_records, found.n_same, found.equal, found.exit_code) == (n, n, True, 0)
    kept = rebuild(f"{harvest.store}#oxides", out=str(tmp_path / "copy.db#again"))
    with open_store(harvest.store) as one, open_store(str(tmp_path / "copy.db")) as two:
        assert list(one.records("oxides")) == list(two.records("again"))
        assert kept.fingerprint == one.version("oxides").fingerprint


def test_a_version_of_the_first_mapping_is_made_again_as_it_was(harvest, database, tmp_path):
    """Then PBE+U of every database had one name."""

    def of_mp(asked, offset, page):
        for one in page["data"]:
            one["attributes"]["_mp_band_gap"] = 1.0

    harvest(database(3, of_mp))
    (told,) = (tmp_path / "m.db.harvest" / "versions").rglob("*.json")
    made = json.loads(told.read_text("utf-8"))
    assert made.pop("mapping") == 2
    told.write_text(json.dumps(made), "utf-8")
    rebuild(f"{harvest.store}#oxides", out=str(tmp_path / "copy.db#again"))
    methods = []
    for place, name in ((harvest.store, "oxides"), (str(tmp_path / "copy.db"), "again")):
        with open_store(place) as store:
            methods.append({one.method for record in store.records(name) for one in record.properties if one.method})
    assert methods == [{"PBE+U (MP)"}, {"PBE+U"}]


def test_a_lost_store_is_made_again(harvest, database):
    done = harvest(database(25))
    os.unlink(harvest.store)
    found = rebuild(f"{harvest.store}#oxides", out=f"{harvest.store}#oxides")
    assert found.fingerprint == done.stored.version.fingerprint
    assert len(records(harvest)) == 25


def test_a_harvest_into_postgresql_is_made_again(database, tmp_path):
    pytest.importorskip("psycopg", reason="the extra 'store' is not installed")
    if postgres.binaries() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("PostgreSQL is not installed")
    base = database(25)
    with postgres.server() as running:
        place = f"{running.url}#oxides"
        done = commands.harvest("", place, source=f"a={base.url}", manners=QUICK, cache=tmp_path / "kept")
        assert done.stored.version.n_records == 25
        assert rebuild(f"{place}@1", cache=tmp_path / "kept").equal


def test_offline_uses_only_what_is_kept(harvest, database, tmp_path):
    base = database(25)
    first = harvest(base)
    base.web.close()
    again = harvest(base, offline=True, to="other.db#oxides", cache=tmp_path / "m.db.harvest")
    assert again.stored.version.fingerprint == first.stored.version.fingerprint
    with pytest.raises(DataError, match="nothing of this filter is kept"):
        harvest(base, offline=True, filter_text="nelements=3")


def test_a_damaged_answer_is_noticed(harvest, database, tmp_path):
    harvest(database(25))
    for file in (tmp_path / "m.db.harvest" / "raw").rglob("*.gz"):
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).replace(b"MnO", b"FeO"), mtime=0))
    with pytest.raises(DataError, match="was changed"):
        rebuild(f"{harvest.store}#oxides@1")


def test_a_version_that_was_not_harvested_is_said(harvest, database):
    harvest(database(25))
    with open_store(harvest.store) as store:
        one = store.get("oxides", "a/r-1").corrected("_exmpl_band_gap", 1.0, why="measured again")
        store.update("oxides", [one])
    with pytest.raises(DataError, match="version 2 of 'oxides' was not harvested"):
        rebuild(f"{harvest.store}#oxides@2")
    assert rebuild(f"{harvest.store}#oxides@1").equal


# ---- questions that make no sense ----


def test_what_cannot_be_harvested_is_said_before_anything_is_asked(harvest, database, tmp_path):
    base = database(5)
    for more, said in (
        ({"filter_text": "elements HAS Mn"}, "character 14"),
        ({"whole": True, "limit": 5}, "choose one"),
        ({"to": "m.db"}, "write STORE#DATASET"),
        ({"to": "m.db#oxides@3"}, "a new version is made"),
        ({"manners": replace(QUICK, rate=-1)}, "positive"),
    ):
        with pytest.raises(ConfigError, match=said):
            harvest(base, **more)
    with pytest.raises(ConfigError, match='Did you mean "oqmd"'):
        commands.harvest("", str(tmp_path / "m.db#x"), source="oqdm")
    assert base.web.log == []
    assert not (tmp_path / "m.db").exists()


def test_a_local_database_is_refused_unless_it_is_allowed(harvest, database):
    base = database(5)
    done = harvest(base, manners=replace(QUICK, allow_local=False))
    assert "local network" in done.told[0].why
    assert base.web.log == []


def test_another_list_of_databases_is_read(serve, tmp_path):
    told = {"name": "Our laboratory", "base_url": {"href": "https://lab.example.org/optimade"}, "link_type": "child"}
    links = {"data": [{"id": "lab", "type": "links", "attributes": told}]}
    (tmp_path / "list.json").write_text(json.dumps(links))
    (one,) = commands.databases(str(tmp_path / "list.json")).known
    assert one == Provider("lab", "Our laboratory", "https://lab.example.org/optimade/v1", "lab")
    with pytest.raises(DataError, match="no list of databases"):
        commands.databases(str(tmp_path / "nowhere.json"))


def test_a_list_of_indices_leads_to_the_databases(serve):
    def answer(a):
        def link(name, url, kind):
            return {"id": name, "type": "links", "attributes": {"name": name, "base_url": url, "link_type": kind}}

        if a.path == "/v1/links":
            return a.send({"data": [link("lab", f"{web.url}/lab", "external"), link("none", None, "external")]})
        return a.send({"data": [link("x", f"{web.url}/x", "child"), link("y", f"{web.url}/y", "child")]})

    web = serve(answer)
    found = commands.databases(f"{web.url}/v1/links", Manners(allow_local=True)).known
    assert [(one.name, one.prefix) for one in found] == [("lab.x", "lab"), ("lab.y", "lab")]
