"""Several models and versions, the registry's champion, HTTPS."""

import json
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "bundle-0.1.0"
BODY = {"inputs": {"formula": "Fe2O3"}}


@pytest.fixture
def other(tmp_path):
    """The same model with another manifest, so that it is another bundle."""
    folder = tmp_path / "other"
    shutil.copytree(GOLDEN, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"question": "Another one?"}))
    return folder


def test_models_and_versions_stand_side_by_side(asking, other):
    client = asking(str(GOLDEN), str(other), f"third={GOLDEN}")
    told = client.get("/v1/models").json()["models"]
    assert [one["name"] for one in told] == ["quick", "quick", "third"]
    first, second = told[0]["bundle"], told[1]["bundle"]
    for name, bundle in (("quick", first), (f"quick@{first}", first), (f"quick@{second}", second),
                         (f"quick@{second[:8]}", second), ("third", first)):  # fmt: skip
        assert client.post(f"/v1/models/{name}/predict", json=BODY).json()["bundle"] == bundle
    assert client.get(f"/v1/models/quick@{second}").json()["question"] == "Another one?"
    assert client.get("/v1/models/third/card").text.startswith("# ")
    gone = client.delete(f"/v1/models/quick@{first}").json()["gone"]
    assert gone == [f"quick@{first}"]
    assert client.post("/v1/models/quick/predict", json=BODY).json()["bundle"] == second
    client.delete("/v1/models/quick")
    client.delete("/v1/models/third")
    assert client.get("/ready").status_code == 503
    assert client.delete("/v1/models/third").status_code == 404


def test_another_champion_is_served_without_a_restart(asking, other, place):
    pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")
    from matloop.deploy.registry.registry import Registry

    with Registry.open(place, create=True) as registry:
        registry.add(GOLDEN, "gaps", who="anna")
        registry.add(other, "gaps", who="anna")
        registry.promote("gaps", 1, who="anna", why="first")
        client = asking("gaps@champion", "gaps@2", store=place, watch=0.2)
        assert client.post("/v1/models/gaps/predict", json=BODY).json()["version"] == "1"
        assert client.post("/v1/models/gaps@2/predict", json=BODY).json()["version"] == "2"
        registry.promote("gaps", 2, who="bo", why="better")
        end = time.monotonic() + 30
        while time.monotonic() < end and client.get("/v1/models/gaps").json()["version"] != "2":
            time.sleep(0.1)
    found = client.post("/v1/models/gaps@champion/predict", json=BODY).json()
    assert (found["version"], client.get("/v1/models/gaps").json()["stage"]) == ("2", "champion")
    Path(place).unlink()
    time.sleep(0.5)
    assert client.post("/v1/models/gaps/predict", json=BODY).status_code == 200


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on this machine")
def test_https(started, tmp_path):
    import httpx

    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    _, url = started(GOLDEN, "--tls-cert", cert, "--tls-key", key)
    assert url.startswith("https://127.0.0.1:")
    known = ssl.create_default_context(cafile=str(cert))
    with httpx.Client(verify=known) as client:
        assert client.post(f"{url}/v1/models/quick/predict", json=BODY).status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url.replace('https', 'http')}/health")
