"""What is kept beside the segments changes how soon a look is done, and nothing else."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matloop.core.errors import RunError
from matloop.monitor import beside, columns
from matloop.monitor.decay.running import Run
from matloop.monitor.gather import Gathered, gather
from matloop.monitor.log import PredictionLog
from matloop.monitor.sample import Sample

OWN = "ab" * 8


@pytest.fixture(autouse=True)
def _small_segments_are_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "SMALL", 0)
    monkeypatch.setattr(beside, "GROWN", 1)


@pytest.fixture
def log(tmp_path: Path, answered) -> PredictionLog:
    """300 requests of two workers, some refused, unreadable, of others, late, damaged."""
    rng, log = random.Random(0), PredictionLog(tmp_path / "log")
    with log.writer("a") as first, log.writer("b") as second:
        for k in range(300):
            n = rng.choice((1, 1, 1, 4))
            more: dict[str, object] = {"who": f"key-{k % 3}", "ids": [f"s{k}-{row}" for row in range(n)][: k % 5]}
            if k % 7 == 0:
                more |= {"status": 429, "why": f"come again in {k} s", "inputs": {}, "targets": {}}
            if k % 11 == 0:
                more |= {"unreadable": {"0": f"'Xx{k}' is no element", "1": "no value in 'T'"}}
            if k % 13 == 0:
                more |= {"bundle": "f" * 16, "model": "glass"}
            late = k - rng.choice((0, 0, 0, 5)) if k > 10 else k
            (first if k % 3 else second).write(answered(late, n, request=f"q{k}", **more))
    spoilt = min(log.folder.glob("*.jsonl"))
    lines = spoilt.read_bytes().splitlines(keepends=True)
    spoilt.write_bytes(b"".join([*lines[:20], b"[1]\n", b"\n", *lines[20:], b'{"time": "202']))
    settled(log)
    return log


def settled(log: PredictionLog, seconds: float = 60.0) -> None:
    for path in log.folder.glob("*.jsonl"):
        os.utime(path, (time.time() - seconds,) * 2)


def samples() -> tuple[Sample, Sample]:
    return Sample(("formula",), ("y",), 40), Sample(("formula",), ("y",), 40, lasting=True)


def one_by_one(log: PredictionLog, start: float = float("-inf")) -> str:
    """What a look finds, by going through every line."""
    run, others, (window, begun) = Run(), Counter[str](), samples()
    reading = log.read()
    for at, one in reading.timed():
        if one.bundle != OWN:
            others[f"{one.model} {one.bundle}"] += at >= start
            continue
        begun.add(at, one)
        if at >= start:
            run.add(at, one)
            window.add(at, one)
    tally = replace(reading.tally, damaged=dict(sorted(reading.tally.damaged.items())))
    return repr(Gathered(run, window, begun, dict(others), tally))


def looked(log: PredictionLog, start: float = float("-inf")) -> Gathered:
    return log.look(lambda found: gather(found, OWN, start, *samples()))


def look(log: PredictionLog, start: float = float("-inf")) -> str:
    return repr(looked(log, start))  # NaN is equal to itself there


def middle(log: PredictionLog) -> float:
    return float(np.median([at for at, _ in log.read().timed()]))


def kept(log: PredictionLog) -> list[Path]:
    return sorted((log.folder / "index").glob("*.npz"))


def test_a_look_finds_what_every_line_says_with_and_without_what_is_kept(log: PredictionLog) -> None:
    for start in (float("-inf"), middle(log)):
        expected = one_by_one(log, start)
        for _ in range(2):
            assert look(log, start) == expected
    assert len(kept(log)) == 2
    found = looked(log)
    assert found.window.every >= 8
    assert found.begun.every >= 8
    assert {kind for kind, _ in found.run.causes} == {"refused", "unreadable"}
    assert found.others["glass " + "f" * 16] > 3


def test_only_lines_that_are_new_are_read(log: PredictionLog, answered, monkeypatch) -> None:
    look(log)
    parsed: list[bytes] = []
    really = beside.as_timed
    monkeypatch.setattr(beside, "as_timed", lambda line: (parsed.append(line), really(line))[1])
    look(log)
    assert parsed == []
    path = max(log.folder.glob("*.jsonl"))
    with path.open("ab") as file:
        for k in range(400, 403):
            line = json.dumps({"time": answered(k).time, "request": f"q{k}", "model": "steel", "bundle": OWN, "n": 0})
            file.write(line.encode() + b"\n")
    settled(log, 30.0)
    assert look(log) == one_by_one(log)
    assert len(parsed) == 3
    look(log)
    assert len(parsed) == 3


def damage_cut(path: Path, segment: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def damage_bit(path: Path, segment: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)


def damage_empty(path: Path, segment: Path) -> None:
    path.write_bytes(b"")


def damage_release(path: Path, segment: Path) -> None:
    arrays = beside.read_arrays(path)
    words = arrays["words"].tobytes().replace(b'"matloop": "', b'"matloop": "0')
    beside.write_arrays(path, arrays | {"words": np.frombuffer(words, dtype=np.uint8)})


def damage_columns(path: Path, segment: Path) -> None:
    arrays = beside.read_arrays(path)
    beside.write_arrays(path, arrays | {"kind": arrays["kind"] + 7})


def damage_segment(path: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes().replace(b'"ms":2.0', b'"ms":9.0'))


def damage_mixed_up(path: Path, segment: Path) -> None:
    first, second = sorted(path.parent.glob("*.npz"))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [damage_cut, damage_bit, damage_empty, damage_release, damage_columns, damage_segment, damage_mixed_up],
)
def test_what_is_kept_is_read_anew_where_it_is_damaged_or_stale(log: PredictionLog, spoil) -> None:
    look(log)
    spoil(kept(log)[0], min(log.folder.glob("*.jsonl")))
    assert look(log) == one_by_one(log)
    assert look(log) == one_by_one(log)


def test_a_segment_that_changes_during_the_look_is_read_again(log: PredictionLog, monkeypatch) -> None:
    look(log)
    path, once = min(log.folder.glob("*.jsonl")), []
    really = columns._lines

    def lines(*given):
        if not once:
            once.append(True)
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[3:]))
        return really(*given)

    monkeypatch.setattr(columns, "_lines", lines)
    assert look(log) == one_by_one(log)


def test_a_log_that_changes_all_the_time_is_refused(log: PredictionLog, monkeypatch) -> None:
    def lines(*given):
        raise columns.Stale

    monkeypatch.setattr(columns, "_lines", lines)
    with pytest.raises(RunError, match="changed while they are read"):
        look(log)


def test_a_full_disk_is_said_once_and_costs_nothing_else(log: PredictionLog, monkeypatch, caplog) -> None:
    def full(path: Path, arrays: object) -> None:
        raise RunError(f"{path}: the disk is full.")

    monkeypatch.setattr(beside, "write_arrays", full)
    for _ in range(2):
        assert look(log) == one_by_one(log)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the disk is full" in caplog.text
    assert kept(log) == []


def test_a_read_only_log_is_looked_at(log: PredictionLog, caplog) -> None:
    expected = one_by_one(log)
    (log.folder / "index").write_text("a file stands where the folder should be")
    assert look(log) == expected
    assert "not kept" in caplog.text


STOPPED = """
import sys, time
import numpy as np
from matloop.monitor import beside
from matloop.monitor.columns import columns
from pathlib import Path
beside.SMALL = 0
def half(stream, array, **options):
    stream.write(b"half")
    print("writing", flush=True)
    time.sleep(600)
np.lib.format.write_array = half
columns(Path(sys.argv[1]), since=float("-inf"), until=float("inf"))
"""


def test_kill_9_while_it_is_written_loses_nothing(log: PredictionLog) -> None:
    child = subprocess.Popen([sys.executable, "-c", STOPPED, str(log.folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "writing"
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    (left,) = (log.folder / "index").iterdir()
    assert look(log) == one_by_one(log)
    os.utime(left, (time.time() - 2 * beside.LEFT_S,) * 2)
    log.clean("365d")
    assert not left.exists()
    assert len(kept(log)) == 2


def test_cleaning_takes_what_is_kept_along(log: PredictionLog) -> None:
    look(log)
    gone = min(log.folder.glob("*.jsonl"))
    os.utime(gone, (time.time() - 40 * 86_400,) * 2)
    log.clean("30d")
    assert [path.stem for path in kept(log)] == [path.name for path in log.folder.glob("*.jsonl")]


@pytest.mark.parametrize("by", ["request", "id"])
def test_labels_are_joined_as_by_going_through_every_line(log: PredictionLog, tmp_path: Path, by: str) -> None:
    from matloop.monitor.labels import as_table, match
    from matloop.monitor.told import read_book

    said = {"request": [*(f"q{k}" for k in range(90)), "none"], "id": [*(f"s{k}-0" for k in range(90)), "none"]}
    table = as_table({by: said[by], "y": [1.0] * 91})
    timed = log.read().timed()
    _, expected = match(table, timed, read_book(log.folder), by=by, formulas=frozenset())
    told = log.label({by: said[by], "y": [1.0] * 91})
    assert (told.taken, told.rows, told.left, told.examples) == (
        expected.taken, expected.rows, expected.left, expected.examples,
    )  # fmt: skip
    assert told.taken > 20


def test_requests_are_found_by_their_ids(log: PredictionLog) -> None:
    every = list(log.read())
    wanted = {every[5].request, every[200].request, "none"}
    assert log.find(wanted) == [one for one in every if one.request in wanted]


def test_numbers_that_are_none_are_damage(log: PredictionLog) -> None:
    path = max(log.folder.glob("*.jsonl"))
    odd = [{"ms": "fast"}, {"status": None}, {"version": 2**70}, {"ms": 10**400}, {"n": 2**62}]
    values = {"low": [0], "high": [10**400]}
    odd += [{"n": 1, "inputs": {"formula": ["Fe"]}, "targets": {"y": values}}]
    base = {"time": "2026-11-21T01:00:00+00:00", "request": "odd", "model": "steel", "bundle": OWN, "n": 0}
    with path.open("a") as file:
        for one in odd:
            file.write(json.dumps(base | one) + "\n")
    found = looked(log)
    assert found.read.damaged["not an answer"] == 1 + 5
    assert found.read.damaged["not to be read"] == 1
