"""A table and a problem profiled end to end; the page; what sealed labels may tell."""

import json

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.pipeline.draft import write_draft
from matloop.pipeline.profile import profile_data

FORMULAS = ("GaAs", "SiC", "NaCl", "TiO2", "MgO", "ZnS", "LiF", "KBr", "CdTe", "InP")


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["formula,temperature (K),route,date,gap (eV)"]
    for i in range(120):
        y = "" if i % 17 == 5 else f"{1 + 0.3 * (i % 10) + 0.05 * rng.normal():.4f}"
        lines.append(f"{FORMULAS[i % 10]},{300 + 50 * (i % 3)},{'ab'[i % 2]},20{10 + i // 12}-03-01,{y}")
    file = tmp_path / "gaps.csv"
    file.write_text("\n".join([*lines, lines[1]]) + "\n", "utf-8")
    return file


def finding(found, name):
    return next(one for _, findings in found.profile.vs for one in findings if one.name == name)


def test_a_table_is_read_and_planted_truths_are_found(path, tmp_path):
    found = profile_data(path, targets=["gap (eV)"], out=tmp_path / "page.html")
    assert finding(found, "exact duplicates").value == 1
    assert finding(found, "noise, gap (eV)").value == pytest.approx(0.05, rel=0.35)
    assert finding(found, "rows per year").value > 0
    assert found.profile.elements["Ga"] == 13
    text = found.page.read_text("utf-8")
    assert "All labels were looked at" in text
    assert 'id="profile-map"' in text
    json.dumps(found.as_json(), allow_nan=False)


def test_the_same_table_gives_the_same_profile(path):
    assert profile_data(path).as_json() == profile_data(path).as_json()


def test_of_a_problem_sealed_labels_are_not_shown(path, tmp_path):
    problem = tmp_path / "problem.toml"
    write_draft(str(path), problem, targets=["gap (eV)"])
    found = profile_data(problem, folder=tmp_path / "runs")
    vaults = list((tmp_path / "runs").rglob("split.json"))
    assert len(vaults) == 1
    n_sealed = len(json.loads(vaults[0].read_text("utf-8"))["ids"])
    assert n_sealed > 0
    assert found.profile.labels_shown < 121 - n_sealed + 1
    column = next(one for one in found.profile.columns if one.part == "target")
    assert sum(column.counts) <= found.profile.labels_shown


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        ({"targets": ["gpa"]}, DataError, "there is no column"),
        ({"out": "page.pdf"}, ConfigError, "ends in .html"),
        ({"depth": "deep"}, ConfigError, "depth is 'deep'"),
    ],
)
def test_what_is_wrong_is_said(path, wanted, error, said):
    with pytest.raises(error, match=said):
        profile_data(path, **wanted)
