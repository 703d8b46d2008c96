"""The command as a user starts it: a process with a port, stopped by a signal."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "store.db")


def started(*arguments):
    command = [sys.executable, "-m", "matloop", "data", "serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})


def address(process):
    """The address out of its JSON, which is printed once the port is taken."""
    lines, text = [], ""
    for line in process.stdout:
        lines.append(line)
        text = "".join(lines)
        if line.startswith("}"):
            return json.loads(text)
    raise AssertionError(process.stderr.read())


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_it_serves_until_it_is_told_to_stop(filled):
    import httpx

    process = started(f"{filled}#crystals", "--port", "0", "--json")
    try:
        told = address(process)
        assert (told["structures"], told["without_structure"], told["hidden"]) == (16, 1, 3)
        for _ in range(100):
            try:
                answer = httpx.get(
                    f"{told['optimade']}/structures", params={"filter": "nsites>1", "api_key": "mlk_secret"}
                )
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert answer.status_code == 400  # there is no such parameter
        assert httpx.get(f"{told['optimade']}/structures").json()["meta"]["data_available"] == 16
        assert "Structures" in httpx.get(told["url"]).text
    finally:
        process.send_signal(signal.SIGTERM)
    out, log = process.communicate(timeout=60)
    assert process.returncode == 0, (out, log)
    assert "GET /v1/structures" in log
    assert "mlk_secret" not in log


def test_what_it_refuses(filled, tmp_path):
    from typer.testing import CliRunner

    from matloop.cli.main import app

    def told(*arguments):
        found = CliRunner().invoke(app, ["data", "serve", *arguments])
        return found.exit_code, found.output

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = told(filled, "--port", str(taken.getsockname()[1]))
        assert (code, "--port 0" in said) == (2, True)
    assert told(filled, "--host", "0.0.0.0", "--port", "0")[0] == 2
    assert told(f"{filled}#nothing", "--port", "0")[0] == 3
    assert told(str(tmp_path / "nothing.db"), "--port", "0")[0] == 3
    assert told(filled, "--keys", str(tmp_path / "nothing.txt"), "--port", "0")[0] == 3
    assert told(f"{filled}#crystals?has_all=O", "--port", "0")[0] == 2


def test_a_key_is_shown_once(tmp_path):
    from typer.testing import CliRunner

    from matloop.cli.main import app
    from matloop.service.keys import matching, read_keys

    file = tmp_path / "keys.txt"
    found = CliRunner().invoke(app, ["data", "serve-key", "anna", "--scope", "write", "--keys", str(file)])
    text = found.output.splitlines()[0]
    assert text.startswith("mlk_")
    assert matching(read_keys(file), text).name == "anna"
    assert CliRunner().invoke(app, ["data", "serve-key", "bo", "--scope", "all", "--keys", str(file)]).exit_code == 2
