"""One row and many: what is answered, and what is refused with which words."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GOLD = "/v1/models/quick"
TABLES = Path(__file__).parents[2] / "golden"


@pytest.fixture
def client(asking):
    return asking()


def test_a_formula_is_answered_as_by_the_bundle_itself(client):
    from matloop.deploy.answering import Answerer

    found = client.post(f"{GOLD}/predict", json={"inputs": {"formula": "Bi2Te3"}, "id": "mine"}).json()
    own = Answerer.open(client.app.keeper.shelf.models[0].folder).answer([{"pretty_formula": "Bi2Te3"}])
    own = own.predictions["S_n"]
    told = found["predictions"]["S_n"]
    assert (found["id"], found["model"], found["version"]) == ("mine", "quick", found["bundle"])
    assert [told["value"], told["low"], told["high"]] == [own.value[0], own.low[0], own.high[0]]
    assert (told["unit"], told["level"], told["in_domain"]) == ("uV/K", own.level, bool(own.in_domain[0]))


def test_rows_and_columns_are_the_same_question(client):
    formulas = ["Bi2Te3", "PbTe", "Qq", None, "SrTiO3"]
    by_row = client.post(f"{GOLD}/predict/batch", json={"rows": [{"formula": one} for one in formulas]}).json()
    by_column = client.post(f"{GOLD}/predict/batch", json={"columns": {"pretty_formula": formulas}}).json()
    assert by_row["predictions"] == by_column["predictions"]
    assert sorted(by_row["unreadable"]) == ["2", "3"]
    assert "Qq" in by_row["unreadable"]["2"]
    told = by_row["predictions"]["S_n"]
    assert [value is None for value in told["value"]] == [False, False, True, True, False]
    assert told["in_domain"][2] is False
    assert told["reason"][2] == by_row["unreadable"]["2"]


def test_many_rows_are_answered_in_pieces_and_in_order(client):
    formulas = [f"Fe{i + 1}O{i % 7 + 1}" for i in range(2300)]
    found = client.post(f"{GOLD}/predict/batch", json={"columns": {"formula": formulas}}).json()
    some = [0, 999, 1000, 2299]
    few = client.post(f"{GOLD}/predict/batch", json={"columns": {"formula": [formulas[i] for i in some]}}).json()
    for name in ("value", "low", "high", "std"):
        whole = np.array(found["predictions"]["S_n"][name])
        np.testing.assert_allclose(whole[some], few["predictions"]["S_n"][name], rtol=1e-9)
    assert found["n"] == 2300


def test_a_row_that_cannot_be_read_is_refused_with_its_reason(client):
    found = client.post(f"{GOLD}/predict", json={"inputs": {"formula": "Xx2O3"}})
    assert found.status_code == 422
    assert "Xx" in found.json()["error"]["detail"]
    assert found.headers["x-request-id"] == found.json()["error"]["request_id"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "no JSON"),
        (b'{"inputs": {"formula": NaN}}', 400, "no JSON"),
        (b"[" * 100_000, 400, "no JSON"),
        (b'{"inputs": {"formula": "\xff"}}', 400, "no JSON"),
        (b"[]", 422, "a list"),
        (b"{}", 422, "inputs"),
        (b'{"inputs": []}', 422, "a list"),
        (b'{"inputs": {"formula": "Fe", "pretty_formula": "Fe"}}', 422, "twice"),
        (b'{"inputs": {"formla": "Fe"}}', 422, 'Did you mean "formula"'),
        (b'{"inputs": {"formula": ["Fe"]}}', 422, "a list"),
        (b'{"inputs": {"formula": {"Fe": 1}}}', 422, "an object"),
        (b'{"inputs": {"formula": 1e999}}', (400, 422), ""),
        (b'{"inputs": {"formula": 123456789012345678901234567890}}', (400, 422), ""),
        (b'{"inputs": {"formula": "Fe"}, "id": 1}', 422, "id"),
        (b'{"inputs": {"formula": "Fe"}, "ID": "1"}', 422, '"ID"'),
    ],
)
def test_a_body_of_another_form_is_told_what_is_wrong(client, body, status, words):
    found = client.post(f"{GOLD}/predict", content=body, headers={"Content-Type": "application/json"})
    assert found.status_code in (status if isinstance(status, tuple) else (status,))
    assert words in found.json()["error"]["detail"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "rows"),
        ({"rows": [], "columns": {}}, 422, "either"),
        ({"rows": []}, 422, "no rows"),
        ({"rows": {"formula": "Fe"}}, 422, "list of objects"),
        ({"rows": [{"formula": "Fe"}, "Fe"]}, 422, "row 1"),
        ({"rows": [{"formula": "Fe"}, {"x": 1}]}, 422, "row 1"),
        ({"columns": {"formula": "Fe"}}, 422, "a list"),
        ({"columns": {"formula": ["Fe"], "pretty_formula": ["Fe"]}}, 422, "twice"),
        ({"columns": {"formula": ["Fe", [1]]}}, 422, "row 1"),
        ({"columns": {"formula": ["Fe"] * 60}}, 413, "60 rows"),
        ({"rows": [{"formula": "Fe"}], "ids": ["a", "b"]}, 422, "ids"),
    ],
)
def test_a_batch_of_another_form_is_told_what_is_wrong(asking, body, status, words):
    client = asking(limits={"rows": 50})
    found = client.post(f"{GOLD}/predict/batch", json=body)
    assert found.status_code == status
    assert words in found.json()["error"]["detail"]


def test_other_places_kinds_and_sizes(asking):
    client = asking(limits={"megabytes": 0.01})
    body = json.dumps({"inputs": {"formula": "Fe"}})
    post = client.post
    assert post("/v1/models/steel/predict", json={}).status_code == 404
    assert "only quick" in post("/v1/models/steel/predict", json={}).json()["error"]["detail"]
    assert post("/v1/models/..%2f..%2fetc%2fpasswd/predict", json={}).status_code == 404
    assert post(f"{GOLD}/guess", json={}).status_code == 404
    assert post(f"{GOLD}@ffffffffffffffff/predict", json={}).status_code == 404
    assert post(f"{GOLD}/predict", content=body, headers={"Content-Type": "text/plain"}).status_code == 415
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert post(f"{GOLD}/predict", content=body, headers=packed).status_code == 415
    assert post(f"{GOLD}/predict", json={"inputs": {"formula": "Fe" * 10_000}}).status_code == 413
    assert client.get(f"{GOLD}/predict").status_code == 405
    huge = post(f"{GOLD}/predict", content=iter([b" " * 8000] * 3), headers={"Content-Type": "application/json"})
    assert huge.status_code == 413


def test_a_formula_of_many_megabytes_gets_its_reason(client):
    found = client.post(f"{GOLD}/predict", json={"inputs": {"formula": "Fe" * 5_000_000}})
    assert found.status_code == 422
    assert len(found.content) < 10_000


PLAIN = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30)
JSON = st.recursive(PLAIN | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.text(max_size=9), one))
ELEMENTS = st.sampled_from(["Fe", "O", "H", "Xx", "(", ")", "2", "0.5", "-1", " ", "·", "é", "\x00", "{", "=", "Uuo"])
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(body=JSON)
def test_any_json_gets_an_answer_that_is_not_a_fault(client, body):
    for path in ("predict", "predict/batch"):
        found = client.post(f"{GOLD}/{path}", content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert found.status_code in (200, 400, 422), found.text
        assert "error" in found.json() or "predictions" in found.json()


@SLOW
@given(formulas=st.lists(st.lists(ELEMENTS, max_size=8).map("".join) | PLAIN, min_size=1, max_size=8))
def test_any_formula_is_predicted_or_has_a_reason(client, formulas):
    found = client.post(f"{GOLD}/predict/batch", json={"rows": [{"formula": one} for one in formulas]})
    assert found.status_code == 200, found.text
    answer = found.json()
    told = answer["predictions"]["S_n"]
    for row, value in enumerate(told["value"]):
        assert (value is None) == (str(row) in answer["unreadable"])
        assert value is None or (math.isfinite(value) and told["low"][row] <= told["high"][row])
        assert told["in_domain"][row] or told["reason"][row]


def test_every_predicted_number_of_the_golden_table_comes_through(client):
    frame = pd.read_csv(TABLES / "formulas.csv")
    told = pd.read_csv(TABLES / "bundle-0.1.0.csv", keep_default_na=False)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    found = client.post(f"{GOLD}/predict/batch", json={"rows": rows}).json()["predictions"]["S_n"]
    for name in ("low", "high"):
        np.testing.assert_allclose(found[name], told[f"S_n_{name}"].astype(float), rtol=1e-6)
