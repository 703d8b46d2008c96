"""Servers of models, in this process and in their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "bundle-0.1.0"


@pytest.fixture(scope="session", autouse=True)
def _extras():
    for name in ("fastapi", "uvicorn", "httptools", "orjson", "prometheus_client", "httpx"):
        pytest.importorskip(name, reason="the extra 'serve' is not installed")


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "store.db")


@pytest.fixture
def asking(tmp_path):
    """What makes a client of a server in this process: `asking(*bundles, **settings)`."""
    from fastapi.testclient import TestClient

    from matloop.service.models.app import make_front
    from matloop.service.models.settings import Limits, Settings

    opened = []

    def make(*bundles, base_url="http://localhost", limits=None, **settings):
        made = Settings(bundles or (str(GOLDEN),), limits=Limits(**(limits or {})), **settings)
        shared = tmp_path / f"shared{len(opened)}"
        shared.mkdir()
        client = TestClient(make_front(made, shared=shared), base_url=base_url, raise_server_exceptions=False)
        opened.append(client.__enter__())
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def started():
    """What starts `matloop serve` as a process of its own and gives (process, address): `started(*arguments)`."""
    running = []

    def start(*arguments, environment=None):
        command = [sys.executable, "-m", "matloop", "serve", *map(str, arguments), "--port", "0", "--json"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        running.append(process)
        text = ""
        for line in process.stdout:
            text += line
            if line.startswith("}"):
                return process, json.loads(text)["url"]
        raise AssertionError(text + process.stderr.read())

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()
