"""Nearest rows of a table on the command line."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from matloop.cli.main import app
from matloop.core.errors import ConfigError, DataError
from matloop.pipeline import neighbours
from matloop.pipeline.neighbours import find_neighbours
from matloop.represent.distances import neighbours_of

FORMULAS = [f"{a}{b}{c}O{k}" for a in ("Li", "Na", "K") for b in ("Fe", "Mn") for c in ("P", "Si") for k in range(1, 9)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MATLOOP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("formula,id\n" + "\n".join(f"{text},r{k}" for k, text in enumerate(FORMULAS)) + "\nXx,bad\n")
    return str(path)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "minkowski", "earth_mover"])
def test_a_table_in_chunks_gives_what_the_whole_gives(table, metric):
    found = find_neighbours(table, ["LiFePO4", "K2O"], k=6, sets=["magpie"], metric=metric, keep=["id"])
    expected = neighbours_of(["LiFePO4", "K2O"], FORMULAS, 6, metric=metric)
    for one, own in enumerate(found.neighbours):
        assert [near.row - 1 for near in own] == expected.row[one].tolist()
        np.testing.assert_allclose([near.distance for near in own], expected.distance[one], rtol=1e-9, atol=1e-9)
        assert [near.kept for near in own] == [(f"r{near.row - 1}",) for near in own]
    assert found.n_rows == len(FORMULAS) + 1


def test_a_long_table_learns_its_scale_from_a_sample(table, monkeypatch):
    monkeypatch.setattr(neighbours, "SAMPLE_CELLS", 0)
    monkeypatch.setattr(neighbours, "_sampled", lambda blocks, most, own=neighbours._sampled: own(blocks, 30))
    found = find_neighbours(table, ["LiFePO4"], k=3, sets=["magpie"])
    assert found.neighbours[0][0].text == "LiFePO4"
    again = find_neighbours(table, ["LiFePO4"], k=3, sets=["magpie"])
    assert found == again


@pytest.mark.parametrize(
    ("more", "error", "told"),
    [
        ({"of": ["Xx"]}, DataError, "material 1"),
        ({"of": []}, ConfigError, "--of"),
        ({"metric": "euclid"}, ConfigError, "euclidean"),
        ({"column": "formulae"}, DataError, "formula"),
        ({"k": 0}, ConfigError, "one neighbour or more"),
    ],
)
def test_what_is_wrong_is_told(table, more, error, told):
    with pytest.raises(error, match=told):
        find_neighbours(table, **{"of": ["NaCl"], "sets": ["magpie"], **more})


def test_molecules_have_neighbours_too(tmp_path):
    pytest.importorskip("rdkit")
    path = tmp_path / "m.csv"
    path.write_text("smiles\nCCO\nCCCO\nc1ccccc1\nCCN\n")
    found = find_neighbours(str(path), ["CCCCO"], k=2, sets=["morgan(bits=256)"], metric="cosine")
    assert found.neighbours[0][0].text == "CCCO"
    assert find_neighbours(str(path), ["Cc1ccccc1"], k=1, metric="earth_mover").neighbours[0][0].text == "c1ccccc1"


def test_the_command_prints_lines_and_json(table):
    order = ["features", "neighbours", table, "--of", "LiFePO4", "-k", "2", "--set", "magpie", "-q"]
    told = CliRunner().invoke(app, order)
    assert "nearest to LiFePO4" in told.output
    found = json.loads(CliRunner().invoke(app, [*order, "--json"]).output)
    assert found["neighbours"][0][0]["text"] == "LiFePO4"
