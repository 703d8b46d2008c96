"""A table and a problem profiled end to end; the page; what sealed labels may tell."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import dumps
from matloop.data.clean import clean
from matloop.data.collect import collect
from matloop.pipeline import steps
from matloop.pipeline.draft import write_draft
from matloop.pipeline.folder import RunFolder
from matloop.pipeline.profile import profile_data, read_development
from matloop.problem.question import Problem, Source
from matloop.problem.toml import load_problem
from matloop.profile.five import profile_table
from matloop.report.profile_page import write_profile
from matloop.split.vault import seal

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


def changed_in_the_vault(problem, raw, development, dataset):
    """The table with other labels, and other words beside them, in the sealed rows."""
    hidden = np.ones(len(raw), dtype=bool)
    hidden[[row - 1 for i in development.tolist() for row in dataset.source_rows[i]]] = False
    columns = {name: np.array(column, dtype=object) for name, column in raw.columns.items()}
    columns["gap (eV)"][hidden] = "7.7"
    columns["route"][hidden] = "a secret"
    return replace(raw, columns=columns), int(hidden.sum())


def test_sealed_labels_change_nothing_in_the_profile(path, tmp_path):
    file = tmp_path / "problem.toml"
    write_draft(str(path), file, targets=["gap (eV)"])
    problem = load_problem(file)
    # a column that is no input may say the target in other words
    problem = replace(problem, inputs=tuple(one for one in problem.inputs if one.name != "route"))
    raw = collect(problem.data, base=tmp_path)
    dataset = clean(raw, problem).dataset
    development = seal(dataset, problem, tmp_path / "vault").development
    other, n_hidden = changed_in_the_vault(problem, raw, development, dataset)
    assert n_hidden > 10
    pages = []
    for table in (raw, other):
        found = profile_table(read_development(problem, table, dataset, development, seed=0))
        pages.append(write_profile(found))
        assert "secret" not in dumps(found)
    assert pages[0] == pages[1]
    shown = changed_in_the_vault(problem, raw, np.zeros(0, np.int64), dataset)[0]
    assert write_profile(profile_table(read_development(problem, shown, dataset, development, seed=0))) != pages[0]


def test_the_report_of_a_run_shows_the_profile_without_sealed_labels(regression):
    record, folder = regression.result.record, regression.result.folder
    assert [one.name for one in record.profile.sections] == ["Volume", "Velocity", "Veracity", "Validity", "Volatility"]
    assert record.profile.labels_shown < record.provenance.n_rows
    text = (folder / "report.html").read_text("utf-8")
    assert 'id="profile"' in text
    assert 'href="profile.html"' in text
    assert "are sealed, or not used" in (folder / "profile.html").read_text("utf-8")
    sealed = len(json.loads((folder / "split.json").read_text("utf-8"))["sealed"])
    assert json.loads((folder / "profile.json").read_text("utf-8"))["labels_shown"] <= record.provenance.n_rows - sealed


def test_a_table_that_cannot_be_profiled_does_not_stop_a_run(path, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ValueError("planted")

    monkeypatch.setattr(steps, "read_development", broken)
    where = RunFolder(tmp_path / "run", "0")
    (tmp_path / "run").mkdir()
    problem = Problem("p", Source("x"), (), ())
    assert (
        steps.profiled(problem, None, SimpleNamespace(dataset=None, development=None), None, where).left_out
        == "planted"
    )


@pytest.mark.slow
def test_a_thorough_profile_has_every_map_whose_library_is_there(path):
    pytest.importorskip("umap", reason="UMAP needs the extra")
    found = profile_data(path, targets=["gap (eV)"], depth="thorough")
    methods = [one.method for one in found.profile.map.maps]
    assert {"pca", "tsne", "umap"} <= set(methods)
    drawn = found.profile.map.maps[methods.index("umap")]
    assert np.isfinite(drawn.xy).all()
    assert drawn.trustworthiness > 0.9
    assert "UMAP" in write_profile(found.profile)
