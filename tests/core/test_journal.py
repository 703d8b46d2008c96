import json
import subprocess
import sys

import pytest

from matloop.core.errors import RunError
from matloop.core.journal import Journal


def test_events_come_back_in_order_with_their_time(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    for number in range(3):
        journal.append({"number": number})
    assert [event["number"] for event in journal.events()] == [0, 1, 2]
    assert all(event["time"].endswith("+00:00") for event in journal.events())


def test_torn_last_line_is_cut_and_said(tmp_path, caplog):
    journal = Journal(tmp_path / "log.jsonl")
    journal.append({"number": 0})
    with journal.path.open("ab") as stream:
        stream.write(b'{"number": 1, "ti')
    assert len(journal) == 1
    journal.append({"number": 2})
    assert [event["number"] for event in journal.events()] == [0, 2]
    assert "torn last line" in caplog.text


def test_an_edited_line_is_refused_by_number(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    for number in range(3):
        journal.append({"number": number})
    lines = journal.path.read_text().splitlines()
    lines[1] = lines[1].replace('"number": 1', '"number": 7')
    journal.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match="line 2"):
        journal.events()


def test_removed_line_breaks_the_chain(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    for number in range(3):
        journal.append({"number": number})
    lines = journal.path.read_text().splitlines()
    journal.path.write_text("\n".join(lines[:1] + lines[2:]) + "\n" + json.dumps({"number": 9}) + "\n")
    with pytest.raises(RunError, match="line 2"):
        journal.events()


def test_two_processes_appending_lose_nothing(tmp_path):
    code = (
        "import sys; from pathlib import Path; from matloop.core.journal import Journal\n"
        "for n in range(15): Journal(Path(sys.argv[1])).append({'who': sys.argv[2], 'n': n})"
    )
    path = tmp_path / "log.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    events = Journal(path).events()
    assert sorted((event["who"], event["n"]) for event in events) == [(w, n) for w in "ab" for n in range(15)]


def test_a_log_laid_out_anew_is_the_same_log(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    for number in range(3):
        journal.append({"number": number, "word": "Ω"})
    before = journal.events()
    lines = [json.dumps(json.loads(line), separators=(",", ":"), ensure_ascii=False) for line in journal.path.open()]
    journal.path.write_text("\r\n".join(lines) + "\r\n", "utf-8")
    assert journal.events() == before


def test_an_edited_last_line_is_no_torn_line(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    for number in range(2):
        journal.append({"number": number})
    journal.path.write_text(journal.path.read_text().replace('"number": 1', '"number": 9'))
    with pytest.raises(RunError, match="line 2"):
        journal.append({"number": 2})
    done = journal.repair()
    assert (done.kept, done.damaged_line) == (1, 2)
    assert '"number": 9' in done.aside.read_text()
    journal.append({"number": 3})
    assert [event["number"] for event in journal.events()] == [0, 3]


def test_an_event_follows_from_what_is_known(tmp_path):
    journal = Journal(tmp_path / "log.jsonl")
    for _ in range(3):
        journal.decide(lambda known: {"number": len(known)})
    assert journal.decide(lambda known: None) is None
    assert [event["number"] for event in journal.events()] == [0, 1, 2]
