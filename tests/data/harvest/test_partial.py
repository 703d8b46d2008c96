"""Large files from servers that break off, ignore what was asked, or change the file meanwhile."""

import hashlib
import re

import pytest

pytest.importorskip("httpx", reason="the extra 'harvest' is not installed")

from dataclasses import replace

from matloop.data.harvest import fetch
from matloop.data.harvest.fetch import Policy, fetch_file_now
from matloop.data.harvest.partial import version_of
from matloop.data.harvest.responses import FetchError

QUICK = Policy(rate=0, pause=0.01, tries=3, seconds=20, allow_local=True)
CONTENT = hashlib.sha256(b"seed").digest() * 1000
OTHER = hashlib.sha256(b"other").digest() * 900


class Files:
    """A server of one file; `cuts` says how many bytes of each answer come (None: all)."""

    def __init__(self, serve, *, cuts=(), ranges=True, tag='"v1"', content=CONTENT):
        self.cuts, self.ranges, self.tag, self.content = list(cuts), ranges, tag, content
        self.asked = []
        self.url = f"{serve(self.answer).url}/file"

    def answer(self, asked):
        headers = {key.lower(): value for key, value in asked.headers.items()}
        self.asked.append(headers.get("range", ""))
        found = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        start = int(found[1]) if found and self.ranges and headers.get("if-range") == self.tag else 0
        told = {"Content_Length": str(len(self.content) - start), **({"ETag": self.tag} if self.tag else {})}
        if start:
            told["Content_Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        cut = self.cuts.pop(0) if self.cuts else None
        body = self.content[start:]
        asked.raw(body if cut is None else body[:cut], status=206 if start else 200, **told)
        asked.handler.close_connection = True


def test_only_the_rest_is_asked_for_after_a_break(serve, tmp_path):
    web = Files(serve, cuts=(10_000, 5_000))
    got = fetch_file_now(web.url, tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert got.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert web.asked == ["", "bytes=10000-", "bytes=15000-"]


def test_a_later_call_goes_on_where_an_earlier_one_ended(serve, tmp_path):
    web = Files(serve, cuts=(10_000, 0))
    with pytest.raises(FetchError):
        fetch_file_now(web.url, tmp_path / "f", replace(QUICK, tries=1))
    assert (tmp_path / "f").stat().st_size == 10_000
    with pytest.raises(FetchError):
        fetch_file_now(web.url, tmp_path / "f", replace(QUICK, tries=1))
    fetch_file_now(web.url, tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert web.asked == ["", "bytes=10000-", "bytes=10000-"]


def test_a_finished_part_costs_one_byte(serve, tmp_path):
    web = Files(serve)
    fetch_file_now(web.url, tmp_path / "f", QUICK)
    fetch_file_now(web.url, tmp_path / "f", QUICK)
    assert web.asked == ["", f"bytes={len(CONTENT) - 1}-"]
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("tag", ['"v1"', 'W/"v1"', ""])
def test_a_server_without_ranges_or_versions_sends_all_again(serve, tmp_path, tag):
    web = Files(serve, cuts=(10_000,), ranges=False, tag=tag)
    fetch_file_now(web.url, tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert web.asked == ["", "bytes=10000-" if tag == '"v1"' else ""]


def test_a_file_that_changed_meanwhile_is_fetched_whole(serve, tmp_path):
    web = Files(serve, cuts=(10_000,))
    with pytest.raises(FetchError):
        fetch_file_now(web.url, tmp_path / "f", replace(QUICK, tries=1))
    web.content, web.tag = OTHER, '"v2"'
    fetch_file_now(web.url, tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == OTHER


@pytest.mark.parametrize(
    "wrong",
    [
        {"Content_Range": "bytes 9999-31999/32000"}, {"Content_Range": "bytes 10000-31999/40000"},
        {"Content_Range": "rest"}, {"ETag": '"v2"'},
    ],
)  # fmt: skip
def test_another_part_than_the_rest_is_never_joined(serve, tmp_path, wrong):
    """A server that does not heed `If-Range`, or counts wrongly."""
    seen = []

    def answer(asked):
        seen.append(asked.headers.get("Range", ""))
        if seen[-1]:
            told = {"Content_Range": "bytes 10000-31999/32000", "ETag": '"v1"', **wrong}
            asked.raw(OTHER[: len(CONTENT) - 10_000], status=206, Content_Length="22000", **told)
        else:
            body = CONTENT[:10_000] if len(seen) == 1 else CONTENT
            asked.raw(body, Content_Length=str(len(CONTENT)), ETag='"v1"')
        asked.handler.close_connection = True

    fetch_file_now(f"{serve(answer).url}/file", tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert seen == ["", "bytes=10000-", ""]


def test_a_part_longer_than_the_file_begins_anew(serve, tmp_path):
    seen = []

    def answer(asked):
        seen.append(asked.headers.get("Range", ""))
        if seen[-1]:
            asked.raw(b"", status=416, Content_Length="0", Content_Range="bytes */5")
        else:
            body = CONTENT[:10_000] if len(seen) == 1 else b"short"
            asked.raw(body, Content_Length=str(len(CONTENT) if len(seen) == 1 else 5), ETag='"v1"')
        asked.handler.close_connection = True

    fetch_file_now(f"{serve(answer).url}/file", tmp_path / "f", QUICK)
    assert (tmp_path / "f").read_bytes() == b"short"


def test_tries_that_bring_much_are_not_counted(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_GAIN", 1_000)
    web = Files(serve, cuts=[2_000] * 12)
    fetch_file_now(web.url, tmp_path / "f", replace(QUICK, tries=2))
    assert (tmp_path / "f").read_bytes() == CONTENT
    endless = Files(serve, cuts=[2_000] * 50, ranges=False)
    with pytest.raises(FetchError):
        fetch_file_now(endless.url, tmp_path / "g", replace(QUICK, tries=2))
    assert len(endless.asked) < 5


def test_a_part_of_another_address_is_not_gone_on_with(serve, tmp_path):
    one, two = Files(serve, cuts=(10_000,)), Files(serve, content=OTHER)
    with pytest.raises(FetchError):
        fetch_file_now(one.url, tmp_path / "f", replace(QUICK, tries=1))
    fetch_file_now(two.url, tmp_path / "f", QUICK)
    assert two.asked == [""]
    assert (tmp_path / "f").read_bytes() == OTHER


def test_a_file_above_the_limit_is_refused(serve, tmp_path):
    web = Files(serve)
    with pytest.raises(FetchError, match="larger than"):
        fetch_file_now(web.url, tmp_path / "f", replace(QUICK, most_bytes=20_000))


def test_a_time_of_change_names_a_version_only_long_after_it():
    changed = "Tue, 02 Jan 2024 00:00:00 GMT"
    assert version_of({"last-modified": changed, "date": "Tue, 02 Jan 2024 00:02:00 GMT"}) == changed
    assert version_of({"last-modified": changed, "date": "Tue, 02 Jan 2024 00:00:30 GMT"}) == ""
    assert version_of({"last-modified": "yesterday", "date": "today"}) == ""
