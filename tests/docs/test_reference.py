"""Reference pages against what they describe: every name, and what the code says of it."""

import re
import runpy
from pathlib import Path

import pytest

import matloop
from matloop.core import errors
from matloop.metrics import METRICS
from matloop.models import FAMILIES
from matloop.represent import DEFAULT_FEATURES, FEATURIZERS, MOLECULE_FEATURES

PAGES = Path(__file__).parents[2] / "docs/reference"


def rows(page):
    """{name: cells} of all table rows of a page that begin with a name in backticks."""
    found = {}
    for line in (PAGES / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            assert cells[0] not in found, f"{cells[0]} stands twice"
            found[cells[0].strip("`")] = cells
    return found


def dois(text):
    return set(re.findall(r"10\.\d{4,}/[^\s;,|]+", text))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("features.md", list(FEATURIZERS)),
        ("models.md", list(FAMILIES)),
        ("metrics.md", list(METRICS)),
    ],
)
def test_every_registered_name_has_a_row_and_no_other(page, names):
    assert sorted(rows(page)) == sorted(names)


def test_every_public_name_has_a_row_and_no_other():
    assert sorted([*rows("python.md"), "__version__"]) == sorted(matloop.__all__)


@pytest.mark.parametrize("name", list(FEATURIZERS))
def test_features_are_as_the_page_says(name):
    cells, featurizer = rows("features.md")[name], FEATURIZERS.load(name)()
    assert int(cells[1]) == len(featurizer.get_feature_names_out())
    assert (cells[2] == "yes") == (name in (*DEFAULT_FEATURES, *MOLECULE_FEATURES))
    assert dois(cells[-1]) == dois(" ".join(featurizer.citations()))


def test_the_number_of_default_columns_is_right():
    total = sum(len(FEATURIZERS.load(name)().get_feature_names_out()) for name in DEFAULT_FEATURES)
    assert f"{total} columns" in (PAGES / "features.md").read_text("utf-8")


@pytest.mark.parametrize("name", list(FAMILIES))
def test_models_are_as_the_page_says(name):
    _, _, tasks, losses, extra, most, own, cite = rows("models.md")[name]
    family = FAMILIES.load(name)
    assert set(tasks.split(", ")) == family.tasks
    assert set(losses.replace("-", "").split(", ")) - {""} == family.losses
    assert extra.replace("-", "") == family.extra
    assert int(most.replace(",", "")) == family.max_rows
    assert (own == "yes") == family.own_spread
    assert dois(cite) == dois(family.citation)


@pytest.mark.parametrize("name", list(METRICS))
def test_metrics_are_as_the_page_says(name):
    _, _, better, unit, _ = rows("metrics.md")[name]
    metric = METRICS.load(name)
    assert (better == "higher") == metric.greater_is_better
    assert {"unit": 1, "unit^2": 2}.get(unit, 0) == metric.unit_power


def test_exit_codes_are_as_the_page_says():
    for name, cells in rows("python.md").items():
        if hasattr(getattr(errors, name, None), "exit_code"):
            assert int(cells[-1]) == getattr(errors, name).exit_code


def test_the_page_of_representations_is_up_to_date():
    written = runpy.run_path(str(PAGES.parents[1] / "tools/representations.py"))["page"]()
    page = (PAGES / "representations.md").read_text("utf-8")
    assert page == written, "run: python tools/representations.py"
