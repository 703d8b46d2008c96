"""Who may ask, how much, and under which name."""

import time
from datetime import UTC, datetime, timedelta

import pytest

GOLD = "/v1/models/quick"
BODY = {"inputs": {"formula": "Fe2O3"}}


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keys(tmp_path):
    """A file of keys, and the keys by scope."""
    from matloop.service.keys import new_key

    file = tmp_path / "keys.txt"
    made = {scope: new_key(scope, scope, file) for scope in ("read", "write", "run", "admin")}
    made["slow"] = new_key("slow", "run", file, rate=10, until="90d")
    return file, made


def test_each_scope_may_do_what_it_is_for(asking, keys):
    file, made = keys
    client = asking(keys_file=str(file))
    may = {
        scope: [
            client.get("/v1/models", headers=bearer(made[scope])).status_code,
            client.post(f"{GOLD}/predict", json=BODY, headers=bearer(made[scope])).status_code,
            client.post("/v1/admin/reload", headers=bearer(made[scope])).status_code,
        ]
        for scope in ("read", "write", "run", "admin")
    }
    assert may == {"read": [200, 403, 403], "write": [200, 403, 403], "run": [200, 200, 403], "admin": [200, 200, 200]}
    assert client.post(f"{GOLD}/predict", json=BODY).status_code == 401
    assert client.get("/metrics").status_code == 401
    assert client.post(f"{GOLD}/predict", json=BODY, headers={"X-API-Key": made["run"]}).status_code == 200
    assert client.post(f"{GOLD}/predict", json=BODY, headers=bearer("mlk_" + "x" * 43)).status_code == 401
    assert [client.get(path).status_code for path in ("/health", "/ready")] == [200, 200]


def test_lines_tell_who_was_refused(asking, keys, caplog):
    file, made = keys
    client = asking(keys_file=str(file), lines=True)
    with caplog.at_level("INFO", logger="matloop.access"):
        assert client.post(f"{GOLD}/predict", json={"inputs": {"formula": "Xx"}}, headers=bearer(made["run"])).is_error
    assert " run POST /v1/models/quick/predict 422 " in caplog.text
    assert made["run"] not in caplog.text


def test_an_expired_key_and_one_that_was_taken_away(asking, keys):
    file, made = keys
    lines = file.read_text().splitlines()
    past = (datetime.now(UTC) - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    file.write_text("\n".join(f"{line} until={past}" if line.startswith("run ") else line for line in lines))
    client = asking(keys_file=str(file))
    found = client.post(f"{GOLD}/predict", json=BODY, headers=bearer(made["run"]))
    assert (found.status_code, "expired" in found.json()["error"]["detail"]) == (401, True)
    file.write_text("\n".join(line for line in lines if not line.startswith("slow ")))
    assert client.post(f"{GOLD}/predict", json=BODY, headers=bearer(made["slow"])).status_code == 200
    client.post("/v1/admin/reload", headers=bearer(made["admin"]))
    assert client.post(f"{GOLD}/predict", json=BODY, headers=bearer(made["slow"])).status_code == 401
    assert client.post(f"{GOLD}/predict", json=BODY, headers=bearer(made["run"])).status_code == 200


def test_a_key_asks_as_many_rows_a_minute_as_it_may(asking, keys):
    file, made = keys
    client = asking(keys_file=str(file))
    rows = {"columns": {"formula": ["Fe2O3"] * 9}}
    assert client.post(f"{GOLD}/predict/batch", json=rows, headers=bearer(made["slow"])).status_code == 200
    found = client.post(f"{GOLD}/predict/batch", json=rows, headers=bearer(made["slow"]))
    assert found.status_code == 429
    assert 1 <= int(found.headers["retry-after"]) <= 60
    assert client.post(f"{GOLD}/predict/batch", json=rows, headers=bearer(made["run"])).status_code == 200
    more = {"columns": {"formula": ["Fe2O3"] * 11}}
    found = client.post(f"{GOLD}/predict/batch", json=more, headers=bearer(made["slow"]))
    assert (found.status_code, "11 rows at once" in found.json()["error"]["detail"]) == (429, True)


def test_shares_are_counted_over_processes_and_come_back(tmp_path, monkeypatch):
    from matloop.service.models.rates import Rates
    from matloop.service.models.refused import Refused

    now = time.time()
    monkeypatch.setattr("matloop.service.models.rates.time.time", lambda: now)
    one, other = Rates(tmp_path / "rates"), Rates(tmp_path / "rates")
    for rates in (one, other) * 5:
        rates.take("ab" * 32, 10, 100)
    with pytest.raises(Refused) as no:
        other.take("ab" * 32, 20, 100)
    assert no.value.after == pytest.approx(12.0)  # 20 of 100 rows come back in 12 s
    one.take("cd" * 32, 100, 100)
    now += 12.01
    other.take("ab" * 32, 20, 100)
    one.close()
    other.close()


def test_other_names_and_other_sites_are_refused(asking):
    client = asking(names=("models.our-lab.org",))
    post = client.post
    assert post(f"{GOLD}/predict", json=BODY, headers={"Host": "evil.org"}).status_code == 421
    assert post(f"{GOLD}/predict", json=BODY, headers={"Host": "models.our-lab.org:99"}).status_code == 200
    assert post(f"{GOLD}/predict", json=BODY, headers={"Origin": "https://evil.org"}).status_code == 403
    assert post(f"{GOLD}/predict", json=BODY, headers={"Origin": "http://localhost"}).status_code == 200
    assert client.post("/v1/admin/reload", headers={"Origin": "https://evil.org"}).status_code == 403
    assert client.get("/health", headers={"Host": "evil.org"}).status_code == 200


def test_nobody_without_a_key_changes_what_others_reach(asking):
    client = asking(host="0.0.0.0", public=True)
    assert client.post(f"{GOLD}/predict", json=BODY).status_code == 200
    assert client.post("/v1/admin/reload").status_code == 403
    assert client.delete(GOLD).status_code == 403
