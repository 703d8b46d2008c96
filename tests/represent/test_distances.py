"""Distances against scipy and the peer for compositions; neighbours against trying all pairs at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from matloop.core.errors import ConfigError, DataError
from matloop.represent.distances import METRICS, distances, earth_mover, heights, nearest, neighbours_of
from matloop.represent.spec import made

# ElMD 0.5.15, metric "mod_petti"
ELMD = {
    ("CaTiO3", "SrTiO3"): 0.2, ("CaTiO3", "LiFePO4"): 10.0, ("CaTiO3", "NaCl"): 19.6, ("NaCl", "GaAs"): 39.5,
    ("SrTiO3", "Ba0.5Sr0.5TiO3"): 0.1, ("Ba0.5Sr0.5TiO3", "UO2"): 9.366666667, ("UO2", "CuSO4"): 15.333333333,
    ("LiFePO4", "Zr41Ti14Cu12Ni10Be23"): 30.571428571, ("Al2O3", "GaAs"): 5.7, ("Al2O3", "CuSO4"): 5.933333333,
}  # fmt: skip
FORMULAS = ["NaCl", "KCl", "LiF", "Fe2O3", "Al2O3", "LiFePO4", "NaFePO4", "GaAs", "InP", "UO2", "CoCrFeMnNi", "He"]


@pytest.mark.parametrize(("pair", "value"), ELMD.items())
def test_the_earth_movers_distance_is_that_of_the_peer(pair, value):
    assert earth_mover([pair[0]], [pair[1]])[0, 0] == pytest.approx(value, abs=1e-9)
    assert earth_mover([pair[1]], [pair[0]])[0, 0] == pytest.approx(value, abs=1e-9)


def test_the_atomic_scale_moves_atoms_by_atomic_number():
    assert earth_mover(["NaCl"], ["KCl"], "atomic")[0, 0] == pytest.approx(4.0)  # half the atoms by 19 - 11
    shares = np.array([0.2, 0.2, 0.6]), np.array([0.2, 0.2, 0.6])
    expected = wasserstein_distance([20, 22, 8], [38, 22, 8], *shares)
    assert earth_mover(["CaTiO3"], ["SrTiO3"], "atomic")[0, 0] == pytest.approx(expected)


@given(st.lists(st.sampled_from(FORMULAS), min_size=3, max_size=3))
def test_the_earth_movers_distance_is_a_metric(rows):
    d = earth_mover(rows, rows)
    np.testing.assert_allclose(d, d.T)
    assert d[0, 2] <= d[0, 1] + d[1, 2] + 1e-12
    assert (np.diag(d) == 0).all()


def test_rows_without_a_place_on_the_scale_say_so():
    found, reasons = heights(["NaCl", "Og", "Xx", "Fe6O9"])
    assert np.isnan(found[1:3]).all()
    assert "Og has no place" in reasons[1]
    np.testing.assert_allclose(found[3], heights(["Fe2O3"])[0][0])
    assert np.isfinite(heights(["OgCl"], "atomic")[0]).all()
    assert np.isnan(earth_mover(["Xx"], ["NaCl"])).all()


@pytest.mark.parametrize("metric", METRICS)
def test_distances_are_those_of_scipy(metric):
    a, b = np.random.default_rng(0).normal(size=(2, 20, 7))
    name = {"manhattan": "cityblock"}.get(metric, metric)
    more = {"p": 4.0} if metric == "minkowski" else {}
    np.testing.assert_allclose(distances(a, b, metric, **more), cdist(a, b, name, **more), rtol=1e-12)


def test_the_cosine_of_nearly_equal_rows_is_not_lost_in_rounding():
    a = np.array([[1.0, 0.0]])
    b = np.array([[1.0, 1e-9]])
    assert distances(a, b, "cosine")[0, 0] == pytest.approx(0.5e-18)
    assert np.isnan(distances(a, np.zeros((1, 2)), "cosine")[0, 0])


@pytest.mark.parametrize(("metric", "p", "told"), [("cosin", 2.0, "cosine"), ("minkowski", 0.5, "p of 1 or more")])
def test_no_such_distance(metric, p, told):
    with pytest.raises(ConfigError, match=told):
        distances(np.ones((1, 2)), np.ones((1, 2)), metric, p=p)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_neighbours_are_those_of_all_pairs_whatever_the_blocks(metric, block, monkeypatch):
    monkeypatch.setattr("matloop.represent.distances.BLOCK", 3 * block)
    rng = np.random.default_rng(1)
    table, asked = rng.integers(0, 4, (60, 3)).astype(float) + 1.0, rng.integers(0, 4, (3, 3)).astype(float) + 1.0
    d = distances(asked, table, metric)
    order = np.argsort(d, axis=1, kind="stable")[:, :9]
    found = nearest(asked, (table[i : i + 13] for i in range(0, 60, 13)), 9, metric=metric)
    np.testing.assert_array_equal(found.row, order)
    np.testing.assert_array_equal(found.distance, np.take_along_axis(d, order, axis=1))


def test_fewer_rows_than_asked_for_and_rows_without_features():
    table = np.array([[1.0], [np.nan], [3.0]])
    found = nearest(np.array([[2.9]]), table, 5)
    assert found.row.tolist() == [[2, 0, -1, -1, -1]]
    assert np.isnan(found.distance[0, 2:]).all()


def test_neighbours_by_features_are_on_one_scale():
    found = neighbours_of(["LiFePO4"], [*FORMULAS, "Xx"], 3)
    assert found.row[0, :2].tolist() == [5, 6]
    X = made("magpie").transform(FORMULAS)
    z = (X - X.mean(axis=0))[:, X.std(axis=0) > 1e-9] / X.std(axis=0)[X.std(axis=0) > 1e-9]
    expected = np.sqrt(((z - z[5]) ** 2).sum(axis=1))
    np.testing.assert_allclose(found.distance[0], expected[found.row[0]], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "earth_mover"])
def test_what_is_asked_for_has_to_be_readable(metric):
    with pytest.raises(DataError, match="material 2 of those asked for"):
        neighbours_of(["NaCl", "Xx"], FORMULAS, metric=metric)
