"""The log takes every answer that the disk takes, loses none silently, and reads back what was written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from matloop.core.errors import DataError
from matloop.monitor import writer as writing
from matloop.monitor.log import PredictionLog
from matloop.monitor.writer import Writer


def test_what_was_written_is_read_back(tmp_path: Path, answered) -> None:
    log = PredictionLog(tmp_path / "log")
    asked = [answered(k, n=1 + k % 3) for k in range(50)]
    with log.writer() as writer:
        assert all(writer.write(one) for one in asked)
    reading = log.read()
    assert list(reading) == asked
    assert (reading.tally.requests, reading.tally.rows, reading.tally.damaged) == (50, sum(a.n for a in asked), {})
    counts = writer.counts()
    assert (counts.requests, counts.lost_requests, counts.waiting, counts.segments) == (50, 0, 0, 1)


def test_workers_are_read_in_order_of_time(tmp_path: Path, answered) -> None:
    log = PredictionLog(tmp_path)
    with log.writer("a") as first, log.writer("b") as second:
        for k in range(40):
            (first if k % 3 else second).write(answered(k))
    assert [one.request for one in log.read()] == [f"r{k}" for k in range(40)]


def test_window_model_and_version(tmp_path: Path, answered) -> None:
    log = PredictionLog(tmp_path)
    with log.writer() as writer:
        for k in range(10):
            writer.write(answered(k, version=k % 2, model="steel" if k < 5 else "glass"))
    assert [a.request for a in log.read(since="2026-11-21T00:00:03", until="2026-11-21T00:00:06")] == ["r3", "r4", "r5"]
    assert [a.request for a in log.read(model="glass", version=1)] == ["r5", "r7", "r9"]
    with pytest.raises(DataError, match="7d, 36h"):
        log.read(since="yesterday")


def test_segments_turn_at_size_and_day(tmp_path: Path, answered) -> None:
    with Writer(tmp_path, segment_bytes=1) as writer:
        for k, day in ((0, 21), (1, 21), (2, 22)):
            writer.write(answered(k, day=day))
            writer.flush()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    assert [name[:10] for name in names] == ["2026-11-21", "2026-11-21", "2026-11-22"]
    assert [a.request for a in PredictionLog(tmp_path).read()] == ["r0", "r1", "r2"]


def test_numbers_that_json_has_not_and_keys(tmp_path: Path, answered) -> None:
    key = "mlk_" + "x" * 43
    with PredictionLog(tmp_path).writer() as writer:
        writer.write(answered(0, targets={"y": {"value": [float("nan")], "low": [None]}}, who=key))
        writer.write(answered(1, inputs={"formula": [object()]}))
    (one,) = PredictionLog(tmp_path).read()
    assert one.targets["y"]["value"] == [None]
    assert one.who == "mlk_(hidden)"
    assert key not in next(tmp_path.iterdir()).read_text()
    assert dict(writer.counts().lost) == {"not to be written as JSON": 1}


def test_damage_is_counted_and_the_rest_is_read(tmp_path: Path, answered) -> None:
    with PredictionLog(tmp_path).writer() as writer:
        for k in range(3):
            writer.write(answered(k))
    (path,) = tmp_path.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    odd = [b"\xff\xfe\n", b"[1]\n", b'{"format": 99}\n', b'{"n": 1}\n', b"[" * 100_000 + b"\n", b"\0\0\0\n"]
    short = lines[1].replace(b'"n":1', b'"n":2')
    path.write_bytes(b"".join([lines[0], *odd, short, lines[1], lines[2][:-20]]))
    reading = PredictionLog(tmp_path).read()
    assert [a.request for a in reading] == ["r0", "r1"]
    assert reading.tally.damaged == {
        "not to be read": 2, "not an answer": 1, "written by a later release": 1, "fields are missing": 1,
        "columns of different lengths": 1, "torn": 1,
    }  # fmt: skip


def test_full_disk_delays_loses_counted_and_recovers(tmp_path: Path, answered, monkeypatch) -> None:
    full, really = [True], os.write

    def write(handle: int, content: bytes) -> int:
        if full[0] and len(content) > 100:
            really(handle, bytes(content[:50]))  # a part still fits
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(handle, content)

    monkeypatch.setattr(writing.os, "write", write)
    monkeypatch.setattr(writing, "RETRY_S", 0.02)
    writer = Writer(tmp_path, capacity=5)
    for k in range(12):
        writer.write(answered(k))
    for _ in range(500):
        if writer.counts().error:
            break
        time.sleep(0.01)
    for k in range(12, 20):
        writer.write(answered(k))
    counts = writer.counts()
    assert counts.waiting == 5
    assert counts.lost_requests == 15
    assert "No space left" in counts.error
    full[0] = False
    assert writer.flush(30.0)
    assert writer.counts().error == ""
    writer.close()
    reading = PredictionLog(tmp_path).read()
    assert [a.request for a in reading] == [f"r{k}" for k in range(5)]
    assert not reading.tally.damaged


def test_segment_deleted_under_the_writer_is_begun_anew(tmp_path: Path, answered) -> None:
    with PredictionLog(tmp_path).writer() as writer:
        writer.write(answered(0))
        writer.flush()
        next(tmp_path.iterdir()).unlink()
        writer.write(answered(1))
    assert [a.request for a in PredictionLog(tmp_path).read()] == ["r1"]


KILLED = """
import sys
sys.path.insert(0, {here!r})
from conftest import answer
from matloop.monitor.log import PredictionLog
writer = PredictionLog({folder!r}).writer("k")
for k in range(200):
    writer.write(answer(k))
writer.flush()
print("written", flush=True)
while True:
    writer.write(answer(k := k + 1))
"""


def test_kill_9_damages_nothing_that_is_there(tmp_path: Path) -> None:
    code = KILLED.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "written"
        time.sleep(0.3)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    reading = PredictionLog(tmp_path).read(until="2026-11-21T00:03:20")
    assert [a.request for a in reading] == [f"r{k}" for k in range(200)]
    assert set(reading.tally.damaged) <= {"torn"}


def test_cleaning_by_age(tmp_path: Path, answered) -> None:
    log = PredictionLog(tmp_path)
    for day in (1, 21):
        with log.writer() as writer:
            writer.write(answered(0, day=day))
    old = min(tmp_path.iterdir())
    os.utime(old, (time.time() - 40 * 86_400,) * 2)
    cleaned = log.clean("30d")
    assert (cleaned.segments, cleaned.kept) == (1, 1)
    assert not old.exists()
    assert "1 segments" in cleaned.lines()[0]


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--log"):
        list(PredictionLog(tmp_path / "none").read())
