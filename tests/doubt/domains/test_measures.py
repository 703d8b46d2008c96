"""Every measure of foreignness: one contract, and its own numbers against a peer or a closed form."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from matloop.core.errors import BundleError, ConfigError, DataError
from matloop.doubt.domains import DOMAINS
from matloop.doubt.domains.density import KernelDensity, fit_kernel_density
from matloop.doubt.domains.gaussian_process import NOISE, fit_gp_deviation
from matloop.doubt.domains.isolation import fit_isolation_forest
from matloop.doubt.domains.leverage import fit_leverage
from matloop.doubt.domains.method import Foreignness, fit_foreignness, method_of
from matloop.doubt.domains.neighbours import fit_local_outlier, fit_nearest_neighbours, fit_relative_distance
from matloop.doubt.domains.ranges import fit_ranges
from matloop.testing.domains import check_domain

NAMES = list(DOMAINS)


def known(n=400, width=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width))


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_keeps_the_contract(name):
    check_domain(name)


def test_an_unknown_measure_in_a_bundle_is_refused():
    arrays = fit_leverage(known()).to_arrays()
    with pytest.raises(BundleError, match="not known here"):
        Foreignness.from_arrays(arrays | {"method": np.array("horoscope")}, 4)


def test_every_measure_stands_in_the_explanation_with_what_to_cite():
    page = (Path(__file__).parents[3] / "docs/explanation/what-the-domain-flag-promises.md").read_text("utf-8")
    for name in NAMES:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
        cited = re.findall(r"10\.\d{4,}/[^\s;,|]+", row)
        assert all(doi in method_of(name).citation for doi in cited)
        assert cited or name == "relative_distance"


def test_wrong_input_is_said():
    with pytest.raises(ConfigError, match="kernel_density"):
        fit_foreignness("kernel_densty", known())
    with pytest.raises(DataError, match="one row or more"):
        fit_foreignness("leverage", np.empty((0, 3)))
    with pytest.raises(DataError, match="learnt from 4"):
        fit_leverage(known()).score(np.ones((2, 5)))


def places(found, X):
    return found.space.project(X).astype(float)


def test_neighbour_distances_are_those_of_scikit_learn():
    neighbours = pytest.importorskip("sklearn.neighbors")
    X, asked = known(), known(50, seed=1)
    found = fit_nearest_neighbours(X)
    peer = neighbours.NearestNeighbors(n_neighbors=5).fit(places(found, X))
    expected = peer.kneighbors(places(found, asked))[0].mean(axis=1)
    np.testing.assert_allclose(found.score(asked), expected, rtol=1e-5)


def test_relative_distance_lies_between_distance_and_outlier_factor():
    X, asked = known(), known(50, seed=1)
    plain, relative, factor = (
        fit(X).score(asked) for fit in (fit_nearest_neighbours, fit_relative_distance, fit_local_outlier)
    )
    np.testing.assert_allclose(relative, np.sqrt(plain * factor), rtol=1e-6)


def test_outlier_factor_orders_rows_like_the_one_of_scikit_learn():
    neighbours = pytest.importorskip("sklearn.neighbors")
    X, asked = known(), 2.0 * known(200, seed=1)
    found = fit_local_outlier(X)
    peer = neighbours.LocalOutlierFactor(n_neighbors=5, novelty=True).fit(places(found, X))
    expected = -peer.score_samples(places(found, asked))
    assert np.corrcoef(np.argsort(np.argsort(expected)), np.argsort(np.argsort(found.score(asked))))[0, 1] > 0.95


def test_kernel_density_is_that_of_scikit_learn():
    neighbours = pytest.importorskip("sklearn.neighbors")
    X, asked = known(), known(50, seed=1)
    found = fit_kernel_density(X)
    h = found.measure.bandwidth
    log_density = neighbours.KernelDensity(bandwidth=h).fit(places(found, X)).score_samples(places(found, asked))
    norm = places(found, X).shape[1] * np.log(h * np.sqrt(2 * np.pi))  # at the middle of a single kernel
    np.testing.assert_allclose(found.score(asked), h * np.sqrt(-2 * (log_density + norm)), rtol=1e-5)


def test_kernel_density_is_a_distance_to_a_single_row_and_a_wide_bandwidth_is_found_for_a_smooth_cloud():
    one = KernelDensity(np.zeros((1, 2), dtype=np.float32), 0.3)
    assert one.score(np.array([[3.0, 4.0]], dtype=np.float32))[0] == pytest.approx(5.0)
    tight = np.repeat(10.0 * known(40), 10, axis=0) + 0.01 * known(400, seed=2)
    share = [
        fit_kernel_density(X).measure.bandwidth / np.sqrt(places(fit_kernel_density(X), X).var(axis=0).mean())
        for X in (known(), tight)
    ]
    assert share[0] > 3 * share[1]


def test_gp_deviation_is_that_of_scikit_learn():
    process = pytest.importorskip("sklearn.gaussian_process")
    X, asked = known(), known(50, seed=1)
    found = fit_gp_deviation(X)
    kernel = process.kernels.RBF(found.measure.length, "fixed")
    peer = process.GaussianProcessRegressor(kernel, alpha=NOISE, optimizer=None).fit(places(found, X), np.zeros(400))
    expected = peer.predict(places(found, asked), return_std=True)[1]
    np.testing.assert_allclose(found.score(asked), expected, rtol=1e-4)


def test_isolation_is_that_of_scikit_learn():
    ensemble = pytest.importorskip("sklearn.ensemble")
    X, asked = known(), 2.0 * known(50, seed=1)
    found = fit_isolation_forest(X, seed=5)
    peer = ensemble.IsolationForest(n_estimators=100, max_samples=256, random_state=5).fit(found.space.project(X))
    np.testing.assert_allclose(found.score(asked), -peer.score_samples(found.space.project(asked)), rtol=1e-5)


def test_leverage_is_the_hat_value_over_williams_limit():
    X = known(60)
    found = fit_leverage(X)
    design = np.column_stack([np.ones(60), places(found, X)])
    hat = np.diag(design @ np.linalg.inv(design.T @ design) @ design.T)
    np.testing.assert_allclose(found.score(X), hat / (3 * 5 / 60), rtol=5e-3)  # a ridge of a thousandth
    assert hat.sum() == pytest.approx(5.0)


def test_ranges_are_zero_inside_and_count_each_axis_outside():
    X = known()
    found = fit_ranges(X)
    assert (found.score(X) < 1e-6).all()
    inside = places(found, X)
    outside = inside.max(axis=0) + np.ptp(inside, axis=0)
    assert found.measure.score(outside[None].astype(np.float32))[0] == pytest.approx(4.0, rel=1e-5)


def test_landmarks_are_a_sample_and_distances_hold_the_variance():
    X = known(3000, 60)
    found = fit_foreignness("nearest_neighbours", X)
    assert found.measure.landmarks.shape == (2000, 20)
    flat = np.column_stack([X[:, :2], np.ones(3000), X[:, 0]])
    space = fit_foreignness("nearest_neighbours", flat).space
    assert space.n_axes == 2
    assert space.columns.tolist() == [0, 1, 3]
    a, b = space.project(flat[:20]), space.standard(flat[:20])
    np.testing.assert_allclose(cdist(a, a), cdist(b, b), atol=0.3)
