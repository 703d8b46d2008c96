"""Each alert is told once until it is over; what cannot be told is told later; nothing secret is written."""

from __future__ import annotations

import json
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from matloop.core.errors import ConfigError
from matloop.monitor import alerts as telling
from matloop.monitor.alerts import Alert, parse_alert, parse_alerts, tell
from matloop.monitor.contract import Finding

BAD = Finding("error", "y", "The mean error of y has risen.", "alarm", {"p": 1e-4}, "Train anew.")
SLOW = Finding("latency", "milliseconds per row", "Slow.", "warning")


def test_told_once_until_it_is_over(tmp_path: Path) -> None:
    place, state = Alert("log", str(tmp_path / "alerts.jsonl")), tmp_path / "state.json"
    sent = [tell(found, [place], state, about="steel") for found in ([BAD, SLOW], [BAD], [], [BAD])]
    assert [(one.new, one.cleared) for one in sent] == [
        (("steel: error of y",), ()), ((), ()), ((), ("steel: error of y",)), (("steel: error of y",), ()),
    ]  # fmt: skip
    first, over, again = (json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines())
    assert first["text"] == "steel: The mean error of y has risen."
    assert first["findings"][0]["figures"] == {"p": 1e-4}
    assert over["cleared"] == [*again["findings"][:0], "steel: error of y"]


def test_severity_threshold_and_what_gets_worse(tmp_path: Path) -> None:
    place, state = Alert("log", str(tmp_path / "alerts.jsonl"), "warning"), tmp_path / "state.json"
    worse = Finding("latency", "milliseconds per row", "Slower.", "alarm")
    told = [len(tell([one], [place], state, about="s").new) for one in (SLOW, SLOW, worse, worse, SLOW)]
    assert told == [1, 0, 1, 0, 0]


def test_two_models_do_not_clear_each_other(tmp_path: Path) -> None:
    place, state = Alert("log", str(tmp_path / "alerts.jsonl")), tmp_path / "state.json"
    tell([BAD], [place], state, about="a")
    assert tell([BAD], [place], state, about="b").cleared == ()
    assert tell([BAD], [place], state, about="a").new == ()


def test_mail_is_a_file_that_a_mail_program_reads(tmp_path: Path) -> None:
    odd = Finding("failures", "rows", "Zeile\r\nBcc: all@example.org µV", "alarm")
    tell([odd, BAD], [Alert("mail", str(tmp_path / "mails"), to="me@lab.org")], tmp_path / "s.json", about="steel")
    (path,) = (tmp_path / "mails").iterdir()
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (path.suffix, mail["To"], mail["Bcc"]) == (".eml", "me@lab.org", None)
    assert mail["Subject"].startswith("[alarm] steel: Zeile Bcc")
    assert "Train anew." in mail.get_content()


@pytest.fixture
def hook():
    """A webhook that answers what `answers` holds, the last one for ever."""
    got, answers = [], [200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            del args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook/SECRET?t=1", got, answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_webhook_tries_again_and_gives_up_on_a_refusal(tmp_path: Path, hook, monkeypatch, caplog) -> None:
    address, got, answers = hook
    monkeypatch.setattr(telling, "PAUSE_S", 0.0)
    place, state = parse_alert(f"webhook={address}", private=True), tmp_path / "state.json"
    answers[:] = [503, 429, 204]
    assert tell([BAD], [place], state, about="steel").failed == {}
    assert [path for path, _ in got] == ["/hook/SECRET?t=1"] * 3
    assert got[0][1]["severity"] == "alarm"
    for status in (404, 302):
        answers[:] = [status]
        sent = tell([SLOW, Finding("log", str(status), "!", "alarm")], [place], state, about="steel")
        assert list(sent.failed) == ["webhook at 127.0.0.1"]
        assert f"status {status}" in sent.failed["webhook at 127.0.0.1"]
    assert "SECRET" not in state.read_text() + caplog.text + str(sent.lines())
    answers[:] = [200]
    assert "steel: log of 302" in tell([Finding("log", "302", "!", "alarm")], [place], state, about="steel").new


def test_private_addresses_only_where_allowed(tmp_path: Path, hook) -> None:
    address, got, _ = hook
    sent = tell([BAD], [parse_alert(f"webhook={address}")], tmp_path / "state.json", about="steel")
    assert "private network" in sent.failed["webhook at 127.0.0.1"]
    assert not got


@pytest.mark.parametrize("text", ["mail", "sms=1", "webhook=ftp://x.org", "webhook=", "mail=m,to=a b@c", "log="])
def test_what_is_no_alert_is_said(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_alert(text)


def test_unknown_severity() -> None:
    with pytest.raises(ConfigError, match="warning, alarm"):
        parse_alerts(["log=x"], from_="loud")


def test_damaged_state_tells_again(tmp_path: Path) -> None:
    place, state = Alert("log", str(tmp_path / "alerts.jsonl")), tmp_path / "state.json"
    tell([BAD], [place], state, about="steel")
    state.write_text("{")
    assert tell([BAD], [place], state, about="steel").new == ("steel: error of y",)
