"""What holds for the package as a whole."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import matloop

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "scipy", "pandas", "sklearn", "lightgbm", "duckdb", "plotly", "torch", "rich", "pint", "jinja2")
# written in two halves, so that this file holds none of them
FORBIDDEN = tuple(
    a + b
    for a, b in (
        ("pickle", ".load"),
        ("pickle", ".dump"),
        ("joblib", ".load"),
        ("joblib", ".dump"),
        ("/wo", "rk/"),
        ("/tmp/", "bash_jobs"),
        ("/tmp/", "w/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("raise NotImplemented", "Error"),
    )
)
CODE_ONLY = tuple(
    a + b for a, b in ((" eval", "("), ("=eval", "("), ("(eval", "("), (" exec", "("), ("allow_pickle=", "True"))
)
TEXT = (".py", ".md", ".toml", ".txt", ".j2", ".css", ".js", ".json", ".cff", ".yml", ".yaml")


def test_importing_matloop_loads_no_heavy_library():
    code = f"import sys, matloop; dir(matloop); print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", matloop.__all__)
def test_public_name_resolves(name):
    assert getattr(matloop, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        matloop.runn  # noqa: B018


def test_public_names_are_sorted_and_listed_once():
    assert matloop.__all__ == sorted(set(matloop.__all__))
    assert dir(matloop) == matloop.__all__


def pinned(name):
    lines = (ROOT / name).read_text().lower().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def bounds(extra=""):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = project["optional-dependencies"][extra] if extra else project["dependencies"]
    parts = [re.fullmatch(r"([\w-]+)(?:\[.*\])?>=([\d.]+)(?:;.*)?", bound) for bound in found if "matloop" not in bound]
    return [part.groups() for part in parts]


def is_pinned(name, lowest, pins):
    return re.fullmatch(rf"{re.escape(lowest)}(\.0)*", pins[name])


@pytest.mark.parametrize("constraints", ["constraints-lowest.txt", "constraints-lowest-extras.txt"])
def test_every_lower_bound_is_the_one_that_is_tested(constraints):
    pins = pinned(constraints)
    assert [bound for bound in bounds() if not is_pinned(*bound, pins)] == []


def test_every_lower_bound_of_an_extra_is_the_one_that_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = pinned("constraints-lowest-extras.txt") | {"torch": "2.4"}  # said in pyproject.toml: not tested lower
    pins = {name.replace("_", "-"): version for name, version in pins.items()}
    extras = set(project["optional-dependencies"]) - {"chgnet", "bench", "dev"}
    found = {bound for extra in extras for bound in bounds(extra)}
    assert len(found) > 30
    assert [bound for bound in sorted(found) if not is_pinned(*bound, pins)] == []


def files():
    folders = [ROOT / name for name in ("src", "docs", "tests", "benchmarks", "examples", "tools")]
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXT]
    found += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT]
    return [path for path in sorted(found) if "__pycache__" not in path.parts]


def test_no_file_unpacks_foreign_objects_or_names_a_machine():
    found = []
    for path in files():
        text = path.read_text("utf-8")
        words = FORBIDDEN + (CODE_ONLY if path.suffix == ".py" else ())
        found += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]
    assert found == []
