import errno
import importlib.util
import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from matloop.campaign.campaign import Campaign, repair
from matloop.campaign.state import replay
from matloop.core.errors import RunError

ROOT = Path(__file__).parents[2]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


@pytest.fixture
def used(dye, filled):
    """A campaign with some of everything in its log."""
    dye.tell(filled(dye.ask(3), [50, 61, 40]))
    dye.ask(2)
    dye.withdraw(["c2-1"], "no time")
    dye.tell(pd.DataFrame([{"id": "c2-2", "yield": 70, "purity": 1.0}]))
    return dye


def log(campaign):
    return campaign.folder / "log.jsonl"


def test_a_log_cut_at_any_byte_is_the_state_of_some_moment(used, tmp_path):
    content = log(used).read_bytes()
    events = [json.loads(line) for line in content.splitlines()]
    moments = [replay(events[:n]) for n in range(1, len(events) + 1)]
    ends = [i + 1 for i, sign in enumerate(content) if sign == 10]
    for cut in range(ends[0], len(content), 13):
        log(used).write_bytes(content[:cut])
        whole = sum(end <= cut + 1 for end in ends)  # a line without its line feed only is whole
        assert used.state == moments[whole - 1]


def test_after_a_torn_line_the_next_event_is_whole(used, caplog):
    content = log(used).read_bytes()
    log(used).write_bytes(content[:-30])
    told = used.tell(pd.DataFrame([{"id": "c2-2", "yield": 71, "purity": 1.0}]))
    assert told.new == ("r4",)
    assert Campaign.open(used.folder).state.results["r4"].values["yield"] == 71
    assert "torn last line" in caplog.text


def test_a_missing_last_line_feed_is_not_a_lost_event(used):
    content = log(used).read_bytes()
    log(used).write_bytes(content.rstrip(b"\n"))
    used.note("saved by an editor")
    assert [json.loads(line)["event"] for line in log(used).read_text().splitlines()][-2:] == ["told", "note"]
    assert used.state.results["r4"].values["yield"] == 70


@pytest.mark.parametrize("line", [3, -1])
def test_an_edited_log_is_found_and_repaired_up_to_the_edit(used, line):
    lines = log(used).read_text().splitlines()
    number = line if line > 0 else len(lines)
    assert '"yield": ' in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace('"yield": ', '"yield": 1')
    log(used).write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match=rf"line {number}: the log is damaged or was edited.*matloop campaign repair"):
        Campaign.open(used.folder)
    mended = repair(used.folder)
    assert (mended.kept, mended.damaged_line) == (number - 1, number)
    assert mended.aside.read_text().count("\n") == len(lines) - number + 1
    campaign = Campaign.open(used.folder)
    assert "repaired" in campaign.state.notes[-1][1]
    n_known = len(campaign.state.results)
    campaign.tell(mended.results)  # what was set aside can be looked at and told again
    assert len(campaign.state.results) > n_known


def test_a_whole_log_needs_no_repair(used):
    before = log(used).read_bytes()
    assert repair(used.folder).aside is None
    assert log(used).read_bytes() == before


@pytest.mark.parametrize("step", ["write", "sync"])
def test_a_full_disk_leaves_nothing_half_written(used, filled, monkeypatch, step):
    asked = used.ask(1)
    before, state = log(used).read_bytes(), used.state

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "sync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        import matloop.core.journal as journal

        def torn(stream, end, line):
            stream.write(line[: len(line) // 2])
            stream.truncate(end)
            full()

        monkeypatch.setattr(journal, "_write_whole", torn)
    with pytest.raises(RunError, match="the disk is full"):
        used.tell(filled(asked, [50]))
    assert log(used).read_bytes() == before
    monkeypatch.undo()
    assert used.state == state
    assert used.tell(filled(asked, [50])).new == ("r5",)


def forked(work):
    """Start `work` in a process of its own, which has everything imported; the process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def ended_well(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_fork
def test_a_disk_that_is_really_full(dye):
    """A file that may not grow further, by the limit of the system for the process."""
    size = log(dye).stat().st_size

    def ask():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
        with pytest.raises(RunError, match="File too large"):
            dye.ask(3)

    assert ended_well(forked(ask))
    assert log(dye).stat().st_size == size


@needs_fork
def test_tens_of_kills_lose_nothing():
    spec = importlib.util.spec_from_file_location("kills", ROOT / "benchmarks" / "kills.py")
    kills = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kills)
    wrong = ("lost results", "lost suggestions", "repeated suggestions", "mixed up", "different after replay")
    for n_kills, most in ((32, 0.08), (8, 1.0), (4, 6.0), (4, 30.0)):
        found = kills.torture(2 if n_kills < 32 else 4, n_kills, seconds=(0.0, most), seed=5)
        assert found["kills"] == n_kills
        assert {name: found[name] for name in wrong} == dict.fromkeys(wrong, 0)
        if found["acknowledged"]:  # else the machine is too busy for anything to be done before the kills
            return
    raise AssertionError("nothing was acknowledged before any kill")


@needs_fork
def test_two_who_ask_and_tell_at_once_get_different_experiments(dye):
    def person():
        campaign = Campaign.open(dye.folder)
        for _ in range(3):
            asked = campaign.ask(2, anyway=True)
            campaign.tell(pd.DataFrame([{"id": s.id, "yield": 1.5, "purity": 1.0} for s in asked.suggestions]))

    people = [forked(person) for _ in range(2)]
    assert all(ended_well(child) for child in people)
    state = dye.state
    points = {json.dumps(dict(s.point), sort_keys=True) for s in state.suggestions.values()}
    assert (len(points), len(state.suggestions), len(state.results), len(state.pending)) == (12, 12, 12, 0)
