"""Links and code of the pages: what a reader follows or copies works."""

import ast
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SLOW = "# a few minutes"
"""A block that begins with this is compiled only: it trains models."""
NEEDS = {
    "docs/howto/molecules.md": "rdkit",
    "docs/howto/crystals.md": "pymatgen",
    "docs/howto/keep-data-in-a-store.md": "sqlalchemy",
    "docs/howto/run-for-a-team.md": "sqlalchemy",
}
"""The library of an extra without which the blocks of a page do not run."""


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)


def headings(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ +(.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        place, _, heading = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if name_of(page) == "README.md" and place == "docs/images/report.png":
            continue  # made by the demo
        assert target.exists(), f"{name_of(page)}: {link}"
        assert not heading or heading in headings(target), f"{name_of(page)}: {link}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_python_of_a_page_compiles_and_its_quick_blocks_run(page, tmp_path, monkeypatch):
    for code in blocks(page, "python"):
        ast.parse(code)
    quick = [code for code in blocks(page, "python") if not code.startswith(SLOW) and "matloop.run(" not in code]
    if name_of(page) in NEEDS:
        pytest.importorskip(NEEDS[name_of(page)], reason="the extra of this page is not installed")
    script = tmp_path / "page.py"
    script.write_text("\n".join(quick), "utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script))
