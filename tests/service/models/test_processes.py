"""The server as its processes: started, killed under load, changed while it runs, stopped in the middle."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "bundle-0.1.0"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
BODY = {"inputs": {"formula": "Bi2Te3"}}


def children(process):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def until(true, seconds=120.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


class Load:
    """Asks all the time from threads; counts what came back."""

    def __init__(self, url, threads=4):
        from matloop.client import Client

        self.answers, self.errors, self.ending = 0, [], False
        self.clients = [Client(url, patience=60) for _ in range(threads)]
        self.threads = [threading.Thread(target=self._ask, args=(one,), daemon=True) for one in self.clients]

    def _ask(self, client):
        while not self.ending:
            try:
                assert client.predict(BODY["inputs"], model="quick").only.low < 0
                self.answers += 1
            except Exception as error:  # noqa: BLE001  # whatever it is, the test shows it
                self.errors.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        until(lambda: self.answers > 20)
        return self

    def __exit__(self, *error):
        self.ending = True
        for thread in self.threads:
            thread.join(70)
        for client in self.clients:
            client.close()


def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_stays_unanswered(started, tmp_path):
    process, url = started(GOLDEN, "--workers", "2", "--log", tmp_path / "log")
    first = until(lambda: len(pids := children(process)) == 2 and pids)
    with Load(url) as load:
        os.kill(first[0], signal.SIGKILL)
        now = until(lambda: len(pids := children(process)) == 2 and set(pids) != set(first) and pids)
        before = load.answers
        until(lambda: load.answers > before + 50)
    assert load.errors == []
    assert first[0] not in now
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "is replaced" in said
    lines = [json.loads(line) for file in (tmp_path / "log").glob("*.jsonl") for line in file.open()]
    assert len({one["request"] for one in lines}) == len(lines) >= before


def test_a_reload_serves_the_new_bundle_and_a_damaged_one_changes_nothing(started, tmp_path):
    import httpx

    folder = tmp_path / "bundle"
    shutil.copytree(GOLDEN, folder)
    process, url = started(f"mine={folder}")
    model = f"{url}/v1/models/mine"
    first = httpx.get(model).json()["bundle"]
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"question": "Another one?"}))
    process.send_signal(signal.SIGHUP)
    until(lambda: httpx.get(model).json()["bundle"] != first)
    assert httpx.get(model).json()["question"] == "Another one?"
    content = bytearray((folder / "model-0.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model-0.npz").write_bytes(bytes(content))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    kept = httpx.post(f"{url}/v1/admin/reload", content=b"").json()["kept"]
    assert "model-0.npz" in kept[f"mine={folder}"]
    assert httpx.post(f"{model}/predict", json=BODY).status_code == 200
    workers = children(process)
    process.kill()  # workers end when what stands over them is gone
    process.wait(30)
    until(lambda: not any(is_worker(pid) for pid in workers))


def test_the_numbers_are_those_of_all_workers_and_what_runs_is_answered_when_they_are_to_stop(started):
    import httpx

    from matloop.client import Client

    process, url = started(GOLDEN, "--workers", "2")
    for _ in range(20):  # a new connection each, so that both workers get some
        with Client(url) as client:
            client.predict(BODY["inputs"], model="quick")
    text = httpx.get(f"{url}/metrics").text
    found = [line for line in text.splitlines() if line.startswith("matloop_requests_total{")]
    assert [float(line.rpartition(" ")[2]) for line in found] == [20.0], text
    assert 'matloop_request_seconds_count{kind="predict"} 20.0' in text
    assert 'matloop_model{bundle="' in text
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"columns": {"formula": [f"Fe{i}O" for i in range(1, 5001)]}}).encode()
    with socket.create_connection((host, int(port)), 60) as line:
        head = f"POST /v1/models/quick/predict/batch HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body[:-10])
        time.sleep(2.0)  # the server reads already
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        line.sendall(body[-10:])
        found = b""
        while part := line.recv(1 << 20):
            found += part
    head, _, content = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    assert json.loads(content)["n"] == 5000
    assert process.wait(60) == 0


def is_worker(pid):
    try:
        return b"models.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_worker_that_hangs_is_replaced():
    from matloop.service.models.run import prepared

    serving = prepared([str(GOLDEN)], port=0)
    supervisor = serving.supervisor
    try:
        (pid,) = supervisor.pids
        os.kill(pid, signal.SIGSTOP)
        supervisor._workers[0].heard -= 10_000  # as if it had been silent for hours
        supervisor._watch()
        until(lambda: supervisor._step(0.1, replace=True) and supervisor.pids not in ([], [pid]))
        until(lambda: supervisor._step(0.1, replace=True) and supervisor._workers[0].ready)
        assert "quick@" in serving.lines()[1]
    finally:
        serving.stop()
    assert supervisor.pids == []


def refused(*arguments):
    found = subprocess.run(
        [sys.executable, "-m", "matloop", "serve", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    return found.returncode, found.stderr


def test_what_cannot_be_served_is_told_at_once(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = refused(GOLDEN, "--port", taken.getsockname()[1])
        assert (code, "--port 0" in said) == (2, True), said
    folder = tmp_path / "bundle"
    shutil.copytree(GOLDEN, folder)
    with (folder / "problem.toml").open("a") as file:
        file.write("# changed\n")
    code, said = refused(folder, "--port", 0)
    assert (code, "problem.toml" in said, "Traceback" in said) == (4, True, False), said


def test_options_that_do_not_go_together(tmp_path):
    from matloop.core.errors import ConfigError, DataError
    from matloop.service.models.run import prepared

    for options, words in (
        ({"bundles": ["nothing"]}, "no such folder"),
        ({"bundles": ["a/b=" + str(GOLDEN)]}, "before '='"),
        ({"bundles": ["steel@champion"]}, "--store"),
        ({"port": 70000}, "65535"),
        ({"host": "no.such.host.invalid"}, "no address"),
    ):
        with pytest.raises(ConfigError, match=words):
            prepared(**{"bundles": [str(GOLDEN)], "port": 0, **options})

    from matloop.service.models.app import make_front
    from matloop.service.models.settings import Limits, Settings

    for settings, words in (
        ({"host": "0.0.0.0"}, "--keys"),
        ({"base_url": "https://x.org"}, "--public"),
        ({"certificate": "c.pem"}, "both"),
        ({"workers": 0}, "--workers"),
        ({"limits": Limits(seconds=float("nan"))}, "--seconds"),
    ):
        with pytest.raises(ConfigError, match=words):
            make_front(Settings((str(GOLDEN),), **settings), shared=tmp_path)
    with pytest.raises(DataError, match="keys"):
        make_front(Settings((str(GOLDEN),), keys_file=str(tmp_path / "none")), shared=tmp_path)
