"""The page as a browser shows it: no complaint, no request, no sideways scrolling, figures drawn in both schemes."""

from __future__ import annotations

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NAMES = ("large", "two_classes", "several", "hostile", "bare")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    if os.environ.get("CI") and not CHROMIUM:
        pytest.fail("CI has no chromium: install it, pages must be looked at there")
    playwright = pytest.importorskip("playwright.sync_api") if not os.environ.get("CI") else _playwright()
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _playwright():
    import playwright.sync_api

    return playwright.sync_api


@pytest.fixture(scope="module")
def files(page_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name in NAMES:
        (folder / f"{name}.html").write_text(page_of(name), encoding="utf-8")
    return folder


def opened(browser, path, *, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda request: said.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None,
    )
    page.goto(path.as_uri())
    return page, said


def scroll_through(page):
    height = page.evaluate("document.documentElement.scrollHeight")
    for y in range(0, height, 700):
        page.evaluate(f"window.scrollTo(0, {y})")
        page.wait_for_timeout(40)
    page.wait_for_function("[...document.querySelectorAll('.plot')].every((box) => box.querySelector('.main-svg'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_phone_shows_all_without_complaint(browser, files, name, scheme):
    page, said = opened(browser, files / f"{name}.html", width=360, scheme=scheme)
    scroll_through(page)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_toggle_recolours_page_and_plots(browser, files):
    page, said = opened(browser, files / "large.html", width=1280, scheme="light")
    axis = "getComputedStyle(document.querySelector('#t0-distribution .xtick text, .xtick text')).fill"
    page.wait_for_selector(".xtick text")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(axis)
    page.get_by_role("button", name="Switch between light and dark").click()
    after = page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(axis)
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert said == []
    page.close()


def test_choosing_rows_changes_plot_and_description(browser, files):
    page, said = opened(browser, files / "large.html", width=1280, scheme="light")
    figure = page.locator("#t0-parity")
    figure.scroll_into_view_if_needed()
    page.wait_for_selector("#t0-parity .main-svg")
    before = figure.locator(".plot").get_attribute("aria-label")
    figure.get_by_role("button", name="Leave one cluster out").click()
    assert figure.locator(".plot").get_attribute("aria-label") != before
    assert said == []
    page.close()


def test_without_scripts_verdict_and_tables_can_be_read(browser, files):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto((files / "large.html").as_uri())
    assert page.get_by_text("Goal met").is_visible()
    assert page.get_by_text("root mean square error").is_visible()
    context.close()


def test_page_opens_within_two_seconds(browser, files):
    page, _ = opened(browser, files / "large.html", width=1280, scheme="light")
    page.wait_for_selector(".main-svg")
    assert page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") < 2000
    page.close()


def test_printing_draws_every_figure_in_light(browser, files):
    page, said = opened(browser, files / "large.html", width=360, scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('.plot')].every((box) => box.querySelector('.main-svg'))")
    assert len(page.pdf()) > 50_000
    assert said == []
    page.close()
