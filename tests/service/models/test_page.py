"""The page of a model server, as text and in a browser."""

import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GOLDEN = Path(__file__).parents[2] / "golden" / "bundle-0.1.0"


def test_it_shows_what_is_served_and_how_to_ask(asking):
    found = asking(f"mine={GOLDEN}", f"other={GOLDEN}").get("/")
    assert found.status_code == 200
    assert "pretty_formula" in found.text
    assert "curl http://localhost/v1/models/mine/predict" in found.text
    assert "script-src 'sha256-" in found.headers["content-security-policy"]
    assert "http://" not in found.text.replace("http://localhost", "")


def test_without_a_key_it_tells_nothing(asking, tmp_path):
    from matloop.service.keys import new_key

    key = new_key("anna", "run", tmp_path / "keys.txt")
    client = asking(keys_file=str(tmp_path / "keys.txt"))
    assert "pretty_formula" not in client.get("/").text
    assert 'id="key"' in client.get("/").text
    assert "pretty_formula" in client.get("/", headers={"Authorization": f"Bearer {key}"}).text


@pytest.fixture(scope="module")
def browser():
    if os.environ.get("CI") and not CHROMIUM:
        pytest.fail("CI has no chromium: install it, pages must be looked at there")
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.mark.slow
def test_a_person_can_try_a_row_in_a_browser(started, browser, tmp_path):
    from matloop.service.keys import new_key

    key = new_key("anna", "run", tmp_path / "keys.txt")
    _, url = started(GOLDEN, "--keys", tmp_path / "keys.txt")
    looked_at(browser, url, key, "light", 1200)
    looked_at(browser, url, key, "dark", 390)


def looked_at(browser, url, key, scheme, width):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((url, "data:")) else said.append(request.url))
    page.goto(url)
    page.fill("input[name=key]", key)
    page.click("text=Show the models")
    page.fill("input[name=pretty_formula]", "Bi2Te3")
    page.click("text=Predict")
    page.wait_for_selector(".told")
    assert "V/K" in page.inner_text(".told")
    assert "domain" in page.inner_text(".told")
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if folder := os.environ.get("MATLOOP_PICTURES"):
        page.screenshot(path=f"{folder}/models-{scheme}.png", full_page=True)
    page.fill("input[name=pretty_formula]", "<img src=x onerror=alert(1)>")
    page.click("text=Predict")
    page.wait_for_selector(".told.no")
    assert "<img" in page.inner_text(".told")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
