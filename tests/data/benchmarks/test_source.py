"""Published data sets by name: from a mirror, from the cache, from a server; never with a wrong hash."""

import gzip
import hashlib
import json
import time
from dataclasses import replace

import pytest

from matloop.core.errors import ConfigError, DataError, RunError
from matloop.data.benchmarks import cards, obtain
from matloop.data.benchmarks.cards import benchmark, benchmarks
from matloop.data.benchmarks.catalogue import catalogue, fetch
from matloop.data.benchmarks.folds import official_folds
from matloop.data.benchmarks.obtain import SUMS
from matloop.data.benchmarks.source import moved, read_matbench
from matloop.data.collect import collect
from matloop.problem.question import Source

N = 312


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATLOOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MATLOOP_MIRROR", raising=False)


@pytest.fixture
def steels(tmp_path, frame_file, monkeypatch):
    """A mirror with a file that stands for that of matbench_steels, its hash on the card."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    rows = [[f"Fe{90 - k % 20}Ni{10 + k % 20}", 1000.0 + k] for k in range(N)]
    path = frame_file(mirror / "matbench_steels.json.gz", ["composition", "yield strength"], rows)
    known(monkeypatch, "matbench_steels", sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def known(monkeypatch, name, **changes):
    """Another card for a data set."""
    changed = tuple(replace(card, **changes) if card.name == name else card for card in cards.benchmarks())
    monkeypatch.setattr(cards, "benchmarks", lambda: changed)
    return next(card for card in changed if card.name == name)


# ---- the list ----


def test_all_tasks_of_matbench_and_sets_of_matminer_are_known_with_their_hash():
    families = [card.family for card in benchmarks()]
    assert (families.count("matbench"), families.count("matminer")) == (13, 32)
    for card in benchmarks():
        assert card.url.startswith("https://"), card.name
        assert card.citation, card.name
        assert len(card.sha256) == (0 if card.family == "jarvis" else 64), card.name
        assert card.target in ("", *card.columns)
        assert card.rows > 0


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("steels", "matbench:matbench_steels"),
        ("matbench:steels", "matbench:matbench_steels"),
        ("matminer:matbench_steels", "matbench:matbench_steels"),
        ("expt_gap", "matminer:expt_gap"),
        ("matbench:expt_gap", "matbench:matbench_expt_gap"),
        ("jarvis:dft_2d", "jarvis:dft_2d"),
    ],
)
def test_names_may_be_short(name, source):
    assert benchmark(name).source == source


def test_a_wrong_name_gives_the_nearest():
    with pytest.raises(ConfigError, match='Did you mean "matbench:matbench_steels"'):
        benchmark("matbench:stels")
    with pytest.raises(ConfigError, match="family 'matbensh'"):
        catalogue(family="matbensh")


def test_the_list_says_what_is_cached(steels):
    before = "\n".join(catalogue(family="matbench").lines())
    assert "yield strength (MPa)" in before
    assert not any(entry.cached for entry in catalogue().entries)
    (obtain.cache_folder() / "benchmarks").mkdir(parents=True)
    (obtain.cache_folder() / "benchmarks" / steels.name).write_bytes(b"")
    assert [entry.source for entry in catalogue().entries if entry.cached] == ["matbench:matbench_steels"]
    assert any("Dunn" in line for line in catalogue(["steels"]).lines())


# ---- a mirror ----


def test_a_set_from_a_mirror_is_a_table_with_units_and_names(steels):
    table = collect(Source("matbench:steels?mirror=mirror"), base=steels.parents[1])
    assert table.names == ("mbid", "composition", "yield strength")
    assert table.columns["mbid"][0] == "mb-steels-001"
    assert table.describe["yield strength"].unit == "MPa"
    assert table.provenance.source == "matbench:matbench_steels"
    assert table.provenance.sha256 == hashlib.sha256(steels.read_bytes()).hexdigest()
    assert "doi:10.1038/s41524-020-00406-3" in table.provenance.citation


def test_official_folds_on_request(steels):
    table = read_matbench(f"steels?folds&mirror={steels.parent}", steels.parent)
    assert table.columns["fold"].tolist() == official_folds([0.0] * N, classes=False).tolist()
    with pytest.raises(ConfigError, match="there is no option 'fold'"):
        read_matbench(f"steels?fold&mirror={steels.parent}", steels.parent)


def test_the_environment_names_a_mirror_too(steels, monkeypatch):
    monkeypatch.setenv("MATLOOP_MIRROR", str(steels.parent))
    assert fetch("steels").rows == N


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b half", None])
def test_another_file_is_refused_before_it_is_read(steels, content):
    steels.write_bytes(steels.read_bytes()[:-3] if content is None else content)
    with pytest.raises(DataError, match="is not the published file of matbench:matbench_steels"):
        fetch("steels", mirror=str(steels.parent))


def test_what_is_not_in_a_mirror_is_never_fetched(steels):
    with pytest.raises(DataError, match=r"matbench_glass.json.gz is not in .*Get it from https://ml.materialsproject"):
        fetch("glass", mirror=str(steels.parent))
    with pytest.raises(DataError, match="there is no such folder"):
        fetch("glass", mirror=str(steels.parent / "none"))


def converted(mirror, fold, *, listed=True):
    text = "mbid,composition,target,fold\n"
    text += "".join(f"mb-steels-{k + 1:03d},Fe{90 - k % 20}Ni{10 + k % 20},{1000 + k},{fold[k]}\n" for k in range(N))
    (mirror / "matbench_steels.csv").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if listed:
        (mirror / SUMS).write_text(f"{digest}  matbench_steels.csv\n")


def test_a_table_made_of_a_set_is_taken_where_its_mirror_states_the_hash(tmp_path):
    converted(tmp_path, official_folds([0.0] * N, classes=False), listed=False)
    with pytest.raises(DataError, match="matbench_steels.csv: a table made of it is taken where SHA256SUMS"):
        read_matbench(f"steels?mirror={tmp_path}", tmp_path)
    converted(tmp_path, official_folds([0.0] * N, classes=False))
    table = read_matbench(f"steels?mirror={tmp_path}", tmp_path)
    assert table.names == ("mbid", "composition", "yield strength")
    assert table.columns["yield strength"].tolist() == [1000.0 + k for k in range(N)]
    assert "a table that the mirror states to be" in table.notes[0]


def test_classes_of_a_converted_table_are_truth_values(tmp_path):
    text = "composition,target\n" + "".join(f"Fe{k}O{k + 1},{k % 3 == 0}\n" for k in range(1, 5681))
    (tmp_path / "matbench_glass.csv").write_text(text)
    (tmp_path / SUMS).write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  matbench_glass.csv\n")
    assert read_matbench(f"glass?mirror={tmp_path}", tmp_path).columns["gfa"].tolist()[:3] == [False, False, True]


def test_a_table_with_other_folds_or_another_hash_is_refused(tmp_path):
    converted(tmp_path, [k % 5 for k in range(N)])
    with pytest.raises(DataError, match="does not hold the official folds"):
        read_matbench(f"steels?mirror={tmp_path}", tmp_path)
    (tmp_path / "matbench_steels.csv").write_text("other")
    with pytest.raises(DataError, match="SHA256SUMS beside it says"):
        read_matbench(f"steels?mirror={tmp_path}", tmp_path)


def test_a_mirror_in_a_source_is_seen_from_the_problem_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert moved("matbench:steels?mirror=data/m&folds", tmp_path / "sub") == "matbench:steels?mirror=../data/m&folds"
    assert moved("matbench:steels?mirror=/m", tmp_path / "sub") == "matbench:steels?mirror=/m"
    assert moved("matbench:steels", tmp_path / "sub") == "matbench:steels"


# ---- a server ----


@pytest.fixture
def quick():
    pytest.importorskip("httpx", reason="the extra harvest is not installed")
    from matloop.data.harvest.fetch import Policy

    return Policy(rate=0, seconds=20, tries=2, pause=0.01, allow_local=True)


def test_a_fetched_file_is_kept_and_not_asked_for_again(steels, serve, monkeypatch, quick):
    content = steels.read_bytes()
    web = serve(lambda asked: asked.send(content, Content_Type="application/gzip"))
    card = known(monkeypatch, "matbench_steels", url=f"{web.url}/matbench_steels.json.gz")
    first = obtain.obtain(card, policy=quick)
    again = obtain.obtain(card, policy=quick)
    assert first.path.read_bytes() == content
    assert (first.sha256, first.by) == (again.sha256, "its publisher")
    assert web.paths() == ["/matbench_steels.json.gz"]
    assert fetch("steels").rows == N  # without a network


def test_a_damaged_file_in_the_cache_is_fetched_again(steels, serve, monkeypatch, quick):
    content = steels.read_bytes()
    web = serve(lambda asked: asked.send(content))
    card = known(monkeypatch, "matbench_steels", url=f"{web.url}/x")
    path = obtain.obtain(card, policy=quick).path
    path.write_bytes(content[:-1])
    assert obtain.obtain(card, policy=quick).path.read_bytes() == content
    assert len(web.paths()) == 2


def test_half_a_download_is_asked_for_again_and_never_kept(steels, serve, monkeypatch, quick):
    content = steels.read_bytes()

    def answer(asked):
        if asked.number == 0:
            asked.raw(content[: len(content) // 2], Content_Length=str(len(content)))
            asked.handler.close_connection = True
        else:
            asked.send(content)

    card = known(monkeypatch, "matbench_steels", url=f"{serve(answer).url}/x")
    assert obtain.obtain(card, policy=quick).path.read_bytes() == content
    card = known(monkeypatch, "matbench_steels", url=f"{serve(answer).url}/x", file="other.json.gz")
    with pytest.raises(RunError, match="cannot be fetched"):
        obtain.obtain(card, policy=replace(quick, tries=1))
    assert not list((obtain.cache_folder() / "benchmarks").glob("other*"))


def test_a_later_call_goes_on_with_a_broken_download_and_the_hash_decides(steels, serve, monkeypatch, quick):
    content = steels.read_bytes()
    half = len(content) // 2
    rest = {"now": content[half:]}
    seen = []

    def answer(asked):
        seen.append(asked.headers.get("Range", ""))
        if seen[-1]:
            where = f"bytes {half}-{len(content) - 1}/{len(content)}"
            asked.send(rest["now"], 206, Content_Range=where)
        else:
            asked.raw(content[:half], Content_Length=str(len(content)), ETag='"1"')
            asked.handler.close_connection = True

    card = known(monkeypatch, "matbench_steels", url=f"{serve(answer).url}/x")
    parts = obtain.cache_folder() / obtain.PARTS
    with pytest.raises(RunError, match="cannot be fetched"):
        obtain.obtain(card, policy=replace(quick, tries=1))
    assert (parts / card.file).stat().st_size == half
    rest["now"] = bytes(len(content) - half)
    with pytest.raises(DataError, match="is not the published file"):
        obtain.obtain(card, policy=quick)
    assert not (parts / card.file).exists()
    with pytest.raises(RunError):
        obtain.obtain(card, policy=replace(quick, tries=1))
    rest["now"] = content[half:]
    assert obtain.obtain(card, policy=quick).path.read_bytes() == content
    assert seen == ["", f"bytes={half}-", "", f"bytes={half}-"]
    assert [path.name for path in parts.iterdir()] == [f"{card.file}.lock"]


def test_two_downloads_of_one_file_do_not_share_its_part(steels, serve, monkeypatch, quick):
    content = steels.read_bytes()
    found = []

    def answer(asked):
        if asked.number == 0:
            found.append(obtain.obtain(card, policy=quick).path.read_bytes())
        asked.send(content, ETag='"1"')

    card = known(monkeypatch, "matbench_steels", url=f"{serve(answer).url}/x")
    found.append(obtain.obtain(card, policy=quick).path.read_bytes())
    assert found == [content, content]


def test_another_file_from_the_server_is_refused(steels, serve, monkeypatch, quick):
    web = serve(lambda asked: asked.send(gzip.compress(b"{}")))
    card = known(monkeypatch, "matbench_steels", url=f"{web.url}/x")
    with pytest.raises(DataError, match="is not the published file: its hash is"):
        obtain.obtain(card, policy=quick)
    assert not (obtain.cache_folder() / "benchmarks").exists()


def test_without_a_network_the_mirror_is_offered(steels, serve, monkeypatch, quick):
    web = serve(lambda asked: asked.send(b"gone", 404))
    web.close()
    card = known(monkeypatch, "matbench_steels", url=f"{web.url}/x")
    started = time.monotonic()
    with pytest.raises(RunError, match=r"copy matbench_steels.json.gz from .* --mirror FOLDER"):
        obtain.obtain(card, policy=quick)
    assert time.monotonic() - started < 15


# ---- JARVIS ----


def test_jarvis_is_compared_with_the_md5_of_figshare(zip_file, atoms, tmp_path, serve, monkeypatch, quick):
    content = zip_file(tmp_path / "x.zip", [{"jid": "JVASP-1", "optb88vdw_bandgap": "na", "atoms": atoms}]).read_bytes()
    stated = {"md5": hashlib.md5(content).hexdigest()}

    def answer(asked):
        if asked.path.startswith("/articles/"):
            files = [{"id": 7, "computed_md5": stated["md5"]}]
            asked.send({"files": files, "license": {"name": "CC BY 4.0"}})
        else:
            asked.send(content)

    web = serve(answer)
    from matloop.data.benchmarks import download

    monkeypatch.setattr(download, "FIGSHARE", web.url)
    card = known(monkeypatch, "dft_2d", url=f"{web.url}/files/7")
    got = obtain.obtain(card, policy=quick)
    assert (got.by, got.licence) == ("figshare (MD5)", "CC BY 4.0")
    table = collect(Source("jarvis:dft_2d"))
    assert table.names == ("jid", "optb88vdw_bandgap", "structure")
    assert (table.provenance.licence, table.describe["optb88vdw_bandgap"].unit) == ("CC BY 4.0", "eV")
    assert "na" in table.missing
    got.path.unlink()
    stated["md5"] = "0" * 32
    with pytest.raises(DataError, match="is not the published file"):
        obtain.obtain(card, policy=quick)


def test_a_set_without_a_published_hash_says_so(zip_file, tmp_path):
    card = benchmark("jarvis:mlearn")
    zip_file(tmp_path / card.file, [{"jid": "1", "energy": 1.0}])
    assert "nobody states a hash" in collect(Source(f"jarvis:mlearn?mirror={tmp_path}")).notes[0]
    digest = hashlib.sha256((tmp_path / card.file).read_bytes()).hexdigest()
    (tmp_path / SUMS).write_text(f"{digest} *{card.file}\n")
    assert not collect(Source(f"jarvis:mlearn?mirror={tmp_path}")).notes
    (tmp_path / SUMS).write_text(f"{'0' * 64}  {card.file}\n")
    with pytest.raises(DataError, match="is not the published file"):
        collect(Source(f"jarvis:mlearn?mirror={tmp_path}"))


def test_what_the_command_says_can_be_read_by_a_program(steels):
    from matloop.core.jsonable import dumps

    found = json.loads(dumps(fetch("steels", mirror=str(steels.parent))))
    assert found["rows"] == N
    assert found["columns"] == ["mbid", "composition", "yield strength"]
