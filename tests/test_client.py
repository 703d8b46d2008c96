"""The client: what it asks, how long it waits, what it says."""

import json

import numpy as np
import pandas as pd
import pytest

from matloop.client import Client, plain
from matloop.core.errors import ConfigError, DataError, RunError

httpx = pytest.importorskip("httpx", reason="the extra 'serve' is not installed")

FACTS = {
    "name": "steel", "version": "3", "question": "?", "inputs": [
        {"name": "composition", "columns": ["formula"]}, {"name": "temperature", "columns": ["T"]},
    ], "targets": [{"name": "strength"}],
}  # fmt: skip
ABOUT = {"unit": "MPa", "level": 0.9, "classes": []}


def told(**more):
    return {"request_id": "r", "model": "steel", "version": "3", "bundle": "b" * 16, **more}


def row(value):
    return {**ABOUT, "value": value, "low": 1.0, "high": None, "std": 2.0, "in_domain": True, "reason": ""}


class Server:
    """Answers as a list says, then as a model whose value is the temperature."""

    def __init__(self, *first):
        self.first, self.asked = list(first), []

    def __call__(self, request):
        self.asked.append(request)
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"models": [FACTS]})
        if self.first:
            one = self.first.pop(0)
            if isinstance(one, Exception):
                raise one
            return one
        body = json.loads(request.content)
        if request.url.path.endswith("/predict"):
            return httpx.Response(200, json=told(predictions={"strength": row(body["inputs"]["T"])}))
        values = body["columns"]["T"]
        columns = {name: [row(value)[name] for value in values] for name in row(0) if name not in ABOUT}
        lost = {str(i): "no T" for i, value in enumerate(values) if value is None}
        return httpx.Response(
            200, json=told(n=len(values), predictions={"strength": {**ABOUT, **columns}}, unreadable=lost)
        )


def client(server, **more):
    return Client("http://x", transport=httpx.MockTransport(server), **more)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    found = []
    monkeypatch.setattr("matloop.client.time.sleep", found.append)
    return found


def test_one_row_is_a_typed_value():
    server = Server()
    found = client(server, key="mlk_1").predict({"formula": "Fe", "T": np.float32(300)}, model="steel")
    assert (found.value, found.only.unit, found.request) == (300.0, "MPa", "r")
    assert np.isnan(found.only.high)
    assert server.asked[0].headers["authorization"] == "Bearer mlk_1"
    assert "300" in found.lines()[0]


def test_tables_are_split_into_batches_and_put_together_in_order():
    server = Server()
    frame = pd.DataFrame({"formula": ["Fe"] * 7, "T": [*map(float, range(6)), np.nan], "note": "x"})
    found = client(server, batch=3).predict_many(frame)
    sent = [json.loads(one.content)["columns"] for one in server.asked[1:]]
    assert [len(one["T"]) for one in sent] == [3, 3, 1]
    assert set(sent[0]) == {"formula", "T"}
    assert [one.value for one in found.predictions["strength"]][:6] == [0, 1, 2, 3, 4, 5]
    assert found.unreadable == {6: "no T"}
    assert found.frame()["request"].tolist()[3:5] == ["r/0", "r/1"]
    assert server.asked[1].url.path == "/v1/models/steel@3/predict/batch"


def test_it_waits_as_long_as_the_server_says_and_asks_again(waits):
    busy = httpx.Response(503, headers={"Retry-After": "2"}, json={"error": {"detail": "full"}})
    server = Server(busy, httpx.ConnectError("refused"), httpx.Response(429, headers={"Retry-After": "1"}))
    assert client(server).predict({"T": 1.0}, model="steel").value == 1.0
    assert 2 <= waits[0] < 2.5
    assert 0.5 <= waits[1] < 0.7
    assert 1 <= waits[2] < 1.3


def test_it_gives_up_after_its_patience():
    full = [httpx.Response(503, headers={"Retry-After": "9"}, json={"error": {"detail": "full"}}) for _ in range(9)]
    with pytest.raises(RunError, match="full"):
        client(Server(*full), patience=5).predict({"T": 1.0}, model="steel")
    with pytest.raises(RunError, match="cannot be reached"):
        client(Server(httpx.ReadTimeout("")), patience=0.1).predict({"T": 1.0}, model="steel")


@pytest.mark.parametrize(
    ("status", "error"), [(401, ConfigError), (404, ConfigError), (422, DataError), (413, DataError), (500, RunError)]
)
def test_a_refusal_is_an_error_with_the_words_of_the_server(status, error, waits):
    with pytest.raises(error, match="because"):
        client(Server(httpx.Response(status, json={"error": {"detail": "because"}}))).predict({"T": 1}, model="steel")
    assert not waits


def test_what_is_no_server_of_matloop_is_told_so():
    with pytest.raises(ConfigError, match="is it a server of matloop"):
        client(Server(httpx.Response(404, text="<html>"))).predict({"T": 1}, model="steel")
    with pytest.raises(ConfigError, match="is no address"):
        Client("localhost:8000")


@pytest.mark.parametrize("rows", [{}, [], {"other": [1]}, {"T": [1], "formula": ["Fe", "Fe"]}, {"T": []}])
def test_tables_that_cannot_be_asked(rows):
    with pytest.raises(DataError):
        client(Server()).predict_many(rows)


def test_plain_values():
    assert [plain(one) for one in (np.int64(3), np.nan, pd.NA, np.str_("x"), True, None)] == [3, None, None, "x", True,
                                                                                             None]  # fmt: skip
    for odd in (float("inf"), [1], object()):
        with pytest.raises(DataError):
            plain(odd)
