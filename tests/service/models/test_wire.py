"""Connections of strangers: slow, silent, half-closed, too many, that read nothing."""

import asyncio
import json
import resource
import select
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "bundle-0.1.0"
HEAD = b"POST /v1/models/quick/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = b'{"inputs": {"formula": "Fe2O3"}}'
GOOD = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@contextmanager
def running(tmp_path, **limits):
    """A server in a thread of this process; gives its port and front."""
    import uvicorn

    from matloop.service.models.app import make_front
    from matloop.service.models.settings import Limits, Settings
    from matloop.service.models.wire import protocol

    settings = Settings((str(GOLDEN),), limits=Limits(**limits))
    front = make_front(settings, shared=tmp_path)
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = uvicorn.Server(uvicorn.Config(
        front, log_level="error", access_log=False, ws="none", timeout_graceful_shutdown=5,
        http=protocol(settings.limits.seconds, settings.limits.connections),
    ))  # fmt: skip
    front.connections = lambda: len(server.server_state.connections)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1], front
    finally:
        server.should_exit = True
        thread.join(30)


def said(line):
    line.settimeout(60)
    found = b""
    while part := line.recv(1 << 16):
        found += part
        head, end, rest = found.partition(b"\r\n\r\n")
        if end and b"content-length: " in head:
            size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) >= size:
                break
    return found


def connected(port):
    return socket.create_connection(("127.0.0.1", port), 60)


def test_a_slow_body_and_silence_are_ended_and_others_are_answered_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr("matloop.service.models.wire.HEADERS_S", 1.5)
    with running(tmp_path, seconds=4.0) as (port, _), connected(port) as slow, connected(port) as silent:
        half = connected(port)
        slow.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        half.sendall(HEAD[:30])
        with connected(port) as good:
            good.sendall(GOOD)
            assert b"200 OK" in said(good)
        found = said(slow)
        assert b"408 Request Timeout" in found
        assert b"not whole after 4 s" in found
        assert said(silent) == b""
        assert said(half) == b""
        half.close()


def test_who_closes_its_side_still_gets_the_answer_and_who_leaves_harms_nobody(tmp_path):
    with running(tmp_path) as (port, front):
        for _ in range(20):
            with connected(port) as gone:
                gone.sendall(GOOD)
        with connected(port) as several:
            several.sendall(GOOD * 3)
            found = b""
            while found.count(b'"request_id"') < 3:
                found += several.recv(1 << 16)
            assert found.count(b"200 OK") == 3
        end = time.monotonic() + 30
        while front.line.requests and time.monotonic() < end:
            time.sleep(0.05)
        assert front.line.requests == 0


def test_headers_without_end_and_what_is_no_http(tmp_path):
    with running(tmp_path) as (port, _):
        with connected(port) as long:
            long.sendall(HEAD + b"".join(b"x-%d: %b\r\n" % (i, b"y" * 1000) for i in range(70)))
            assert b"431" in said(long)
        for junk in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", GOOD.replace(b"Content-Length: ", b"Content-Length: -")):
            with connected(port) as odd:
                odd.sendall(junk)
                odd.shutdown(socket.SHUT_WR)
                assert b" 200 " not in said(odd)
        with connected(port) as good:
            good.sendall(GOOD)
            assert b"200 OK" in said(good)


def test_more_connections_than_allowed_are_told_to_come_again(tmp_path):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = min(400, soft // 3)
    with running(tmp_path, connections=many // 2) as (port, _):
        lines = [connected(port) for _ in range(many)]
        time.sleep(0.3)
        answers = []
        for line in lines:
            try:
                line.sendall(GOOD)
                answers.append(said(line))
            except (BrokenPipeError, ConnectionResetError):
                answers.append(b"HTTP/1.1 503 and closed before it was asked; retry-after")
        for line in lines:
            line.close()
        codes = [answer[9:12] for answer in answers]
        assert set(codes) <= {b"200", b"503"}, set(codes)
        assert codes.count(b"503") >= many // 4
        assert all(b"retry-after" in one for one in answers if one[9:12] == b"503")
        end, found = time.monotonic() + 30, b""
        while b"200 OK" not in found and time.monotonic() < end:  # those that were closed are soon forgotten
            time.sleep(0.1)
            with connected(port) as good:
                good.sendall(GOOD)
                found = said(good)
        assert b"200 OK" in found


def test_when_the_line_is_full_every_request_is_answered_and_told_when_to_come_again(tmp_path):
    with running(tmp_path, waiting=4) as (port, front):
        slow = threading.Event()
        answerer = front.keeper.shelf.models[0].answerer
        before = answerer.answer_columns

        def waits(columns):
            slow.wait(30)
            return before(columns)

        answerer.answer_columns = waits
        lines = [connected(port) for _ in range(12)]
        for line in lines:
            line.sendall(GOOD)
        refused, left, end = [], list(lines), time.monotonic() + 30
        while len(refused) < 8 and time.monotonic() < end:
            for line in select.select(left, [], [], 0.5)[0]:
                left.remove(line)
                refused.append(line.recv(4096))
        slow.set()
        assert len(refused) == 8
        assert all(b" 503 " in one and b"retry-after: 1" in one for one in refused)
        assert all(b" 200 " in said(line) for line in left)
        for line in lines:
            line.close()


def test_what_takes_too_long_is_told_so_and_the_next_is_answered(tmp_path):
    with running(tmp_path, seconds=3.0) as (port, front):
        answerer = front.keeper.shelf.models[0].answerer
        before = answerer.answer_columns
        answerer.answer_columns = lambda columns: (time.sleep(4.5), before(columns))[1]
        with connected(port) as late:
            late.sendall(GOOD)
            found = said(late)
        assert b" 504 " in found
        assert b"retry-after" in found
        answerer.answer_columns = before
        time.sleep(2.0)  # the one that is too late ends meanwhile
        with connected(port) as good:
            good.sendall(GOOD)
            assert b"200 OK" in said(good)


def test_while_a_row_hangs_others_hear_that_the_server_lives(tmp_path, monkeypatch):
    monkeypatch.setattr("matloop.service.models.line.IN_VAIN", 3)
    with running(tmp_path) as (port, front):
        answerer, hangs = front.keeper.shelf.models[0].answerer, threading.Event()
        before = answerer.answer_columns
        answerer.answer_columns = lambda columns: (hangs.wait(60), before(columns))[1]
        with connected(port) as slow:
            slow.sendall(GOOD)
            for _ in range(5):
                with connected(port) as other:
                    other.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    assert b"200 OK" in said(other)
            hangs.set()
            assert b"200 OK" in said(slow)
        answerer.answer_columns = before
        with connected(port) as several:  # after one that was waited for in vain, and once the loop stands still again
            for _ in range(8):
                several.sendall(GOOD)
                assert b"200 OK" in said(several)


def test_a_row_that_breaks_the_model_does_not_harm_those_answered_with_it(tmp_path):
    with running(tmp_path) as (port, front):
        answerer = front.keeper.shelf.models[0].answerer
        before, started = answerer.answer_columns, threading.Event()

        def breaks(columns):
            started.wait(10)
            if "Br" in columns["pretty_formula"]:
                raise ValueError("a fault of ours")
            return before(columns)

        answerer.answer_columns = breaks
        bad = GOOD.replace(b"Fe2O3", b"Br").replace(b"Length: 32", b"Length: 29")
        lines = [connected(port) for _ in range(6)]
        for number, line in enumerate(lines):
            line.sendall(bad if number == 3 else GOOD)
        time.sleep(0.3)
        started.set()
        codes = [said(line)[9:12] for line in lines]
        assert sorted(codes) == [b"200"] * 5 + [b"500"]
        for line in lines:
            line.close()


def test_the_log_may_lie_on_a_disk_that_is_full(asking, tmp_path, monkeypatch):
    import errno
    import os

    import matloop.monitor.writer as writer

    monkeypatch.setattr(writer, "RETRY_S", 0.05)
    real, full = os.write, [True]

    def write(handle, content):
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, content)

    client = asking(log=str(tmp_path / "log"))
    monkeypatch.setattr(writer.os, "write", write)
    for _ in range(5):
        assert client.post("/v1/models/quick/predict", json=json.loads(BODY)).status_code == 200
    full[0] = False
    end = time.monotonic() + 30
    found = []
    while len(found) < 5 and time.monotonic() < end:
        time.sleep(0.1)
        found = [line for file in (tmp_path / "log").glob("*.jsonl") for line in file.read_text().splitlines()]
    assert len(found) == 5
    assert json.loads(found[0])["inputs"] == {"pretty_formula": ["Fe2O3"]}


@pytest.mark.parametrize("told", [{"by": "request"}])
def test_labels_find_their_answers(asking, tmp_path, told):
    client = asking(log=str(tmp_path / "log"))
    found = client.post("/v1/models/quick/predict", json=json.loads(BODY)).json()
    end, lines = time.monotonic() + 30, []
    while time.monotonic() < end and not any("1" in line for line in lines):
        time.sleep(0.2)
        body = told | {"columns": {"request": [f"{found['request_id']}/0"], "S_n": [-100.0]}}
        lines = client.post("/v1/labels", json=body).json().get("lines", [])
    assert any("1" in line for line in lines), lines
    assert client.post("/v1/labels", json={"columns": {"x": ["a"]}}).status_code == 422
