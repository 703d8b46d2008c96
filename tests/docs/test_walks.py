"""Tutorial and how-to pages: what they write, and what the commands answer, is what the reader gets."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.monitor.retrain.plan import parse_plan
from matloop.problem.campaign_toml import parse_campaign
from matloop.problem.toml import parse_problem

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL = DOCS / "tutorials/first-hour.md"


def block(text, language="text"):
    """The first block of `language` in `text`."""
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)[1]


def after(page, command):
    """What the page shows after a command."""
    return block(page.read_text("utf-8").split(f"    {command}\n", 1)[1])


def answered(command):
    """Exit code and output of a command, without the lines that say which extras are not installed here."""
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    return done.exit_code, "".join(line for line in done.stdout.splitlines(True) if "pip install" not in line)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(page, folder):
    script = folder / "page.py"
    script.write_text(block(page.read_text("utf-8"), "python"), "utf-8")
    runpy.run_path(str(script))


def test_the_first_hour_up_to_the_run_is_as_the_page_shows(here):
    written(TUTORIAL, here)
    assert (here / "steels.csv").read_text("utf-8").startswith(block(TUTORIAL.read_text("utf-8")))
    init, check = "matloop init steels.csv -o problem.toml", "matloop check problem.toml"
    assert answered(init) == (0, after(TUTORIAL, init))
    assert answered(check) == (0, after(TUTORIAL, check))


def test_several_targets_are_drafted_as_the_page_shows(here):
    page = DOCS / "howto/several-targets.md"
    written(page, here)
    init = 'matloop init transport.csv -o problem.toml --target "S_n (uV/K)" --target "S_p (uV/K)"'
    assert answered(init) == (0, after(page, init))
    targets = block(page.read_text("utf-8"), "toml")
    assert all(line in (here / "problem.toml").read_text("utf-8") for line in targets.splitlines())


def campaign_of(part):
    """A campaign file around the tables that a page shows."""
    head = re.split(r"^\[", part, maxsplit=1, flags=re.M)[0]  # a method has a name, too
    top = ("" if "name =" in head else 'name = "page"\n') + ("" if "goals =" in part else 'goals = ["maximise y"]\n')
    space = "" if "[space" in part or "candidates =" in part else '[space.x]\nkind = "continuous"\nlow = 0\nhigh = 1\n'
    return top + part + space + ("" if "[targets" in part else "[targets.y]\n")


@pytest.mark.parametrize("page", sorted(DOCS.glob("howto/*.md")), ids=lambda page: page.stem)
def test_problem_files_of_how_to_pages_are_understood(page):
    for part in re.findall(r"^```toml\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        if "[[step]]" in part:
            continue  # a chain of steps, no question
        if re.search(r"^(\[(space|campaign|stop)\b|goals\b|candidates\b)", part, re.M):
            assert parse_campaign(campaign_of(part)).sentences() == ()
            continue
        if part.startswith("promote ="):
            paths = 'problem = "problem.toml"\nchampion = "bundle"\nruns = "runs"\n'
            assert parse_plan(paths + part + '[labels]\ntables = ["r.csv"]\n')
            continue
        rest = 'name = "page"\n' + ("" if "[data]" in part else '[data]\nsource = "table.csv"\n')
        inputs = "" if "[inputs]" in part else '[inputs]\nformula = { kind = "composition" }\n'
        targets = "" if "[targets" in part else '[targets.y]\ntask = "regression"\n'
        assert parse_problem(rest + inputs + part + targets).sentences() == ()
