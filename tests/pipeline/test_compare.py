"""`features compare` from a problem: sealed rows stay sealed, sets are read, the page is whole."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.core.errors import ConfigError
from matloop.data.clean import clean
from matloop.data.collect import from_frame
from matloop.pipeline.compare import compare_features, cutoffs_told, sets_told
from matloop.problem.make import problem_from
from matloop.problem.question import Input, Problem, Protocol
from matloop.problem.toml import dump_problem

FORMULAS = [
    f"{a}{i}{b}{j}" for a in ("Fe", "Co", "Ni") for b in ("O", "S", "Se") for i in range(1, 5) for j in range(1, 5)
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    heavy = np.array([len(f) + 3 * ("O" in f) for f in FORMULAS], float)
    temperature = rng.choice([300.0, 500.0, 700.0], len(FORMULAS))
    return pd.DataFrame({"formula": FORMULAS, "T": temperature, "y": heavy + 0.002 * temperature})


@pytest.fixture(scope="module")
def problem(table) -> Problem:
    made = problem_from(table, inputs={"formula": "composition", "T": "number"}, target="y", name="made-up")
    return replace(made, protocol=Protocol(folds=3))


def test_sets_are_compared_on_development_rows_with_a_page(table, problem, tmp_path):
    page = tmp_path / "page.html"
    found = compare_features(
        problem, ["fractions", "stoichiometry,valence", "auto"], models=("ridge",), minutes=1, data=table, out=page,
        folder=tmp_path / "runs",
    )  # fmt: skip
    (split,) = (tmp_path / "runs/made-up/vault").glob("*/split.json")
    sealed = json.loads(split.read_text("utf-8"))["ids"]
    assert not (split.parent / "looks.jsonl").exists()
    assert len(sealed) > 20
    assert found.found.n_rows == len(clean(from_frame(table), problem).dataset) - len(sealed)
    assert {arm.name for arm in found.found.arms} == {"fractions", "stoichiometry, valence", "auto"}
    fractions = next(arm for arm in found.found.arms if arm.name == "fractions")
    assert fractions.n_columns == 119  # the other input stands beside
    assert all(arm.seconds_per_row > 0 for arm in found.found.arms)
    text = page.read_text("utf-8")
    assert "Which description of the rows is best?" in text
    assert "http" not in text.split("<main>")[1].split("</main>")[0].replace("https://doi.org", "").replace(
        "http-equiv", ""
    )
    assert found.as_json()["best_model"] == "ridge"
    assert any("development rows" in line.lower() for line in found.lines())


def test_what_is_wrong_with_sets_is_told(table, problem):
    asked = {"data": table, "minutes": 1}
    with pytest.raises(ConfigError, match="Did you mean"):
        compare_features(problem, ["magpi", "auto"], **asked)
    with pytest.raises(ConfigError, match="two or more"):
        compare_features(problem, ["magpie", " magpie "], **asked)
    with pytest.raises(ConfigError, match="describes a structure"):
        compare_features(problem, ["rdf", "magpie"], **asked)
    with pytest.raises(ConfigError, match="none of the sets has a cutoff"):
        compare_features(problem, ["fractions", "magpie"], cutoffs=(3.0,), **asked)
    with pytest.raises(ConfigError, match="no target"):
        compare_features(problem, target="z", **asked)
    with pytest.raises(ConfigError, match="minutes"):
        compare_features(problem, data=table, minutes=0)
    with pytest.raises(ConfigError, match="HTML"):
        compare_features(problem, out="page.pdf", **asked)
    numbers = replace(problem, inputs=(Input("T", "number", "T"),))
    with pytest.raises(ConfigError, match="one way only"):
        compare_features(numbers, **asked)


def test_sets_and_cutoffs_are_read_as_typed():
    assert sets_told("magpie; rdf(cutoff=8.0, bins=10),density ;auto;") == (
        "magpie", "rdf(cutoff=8.0, bins=10),density", "auto",
    )  # fmt: skip
    assert cutoffs_told("5,3, 4.5,3") == (3.0, 4.5, 5.0)
    with pytest.raises(ConfigError, match="no number"):
        cutoffs_told("3;4")
    with pytest.raises(ConfigError, match="above 0"):
        cutoffs_told("0")


def test_the_command_prints_a_table_and_json(table, problem, tmp_path):
    table.to_csv(tmp_path / "t.csv", index=False)
    asked = replace(problem, data=replace(problem.data, source="t.csv"))
    file = tmp_path / "p.toml"
    file.write_text(dump_problem(asked))
    options = ["--sets", "fractions;stoichiometry", "--model", "ridge", "--minutes", "1", "-q", "--runs", str(tmp_path)]
    told = CliRunner().invoke(app, ["features", "compare", str(file), *options])
    assert told.exit_code == 0, told.output
    assert "ms/row" in told.output
    raw = CliRunner().invoke(app, ["features", "compare", str(file), *options, "--json"])
    assert json.loads(raw.output)["arms"][0]["n_columns"] > 0
