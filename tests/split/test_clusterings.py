"""Clusters that were planted are found; numbers are bounded; what cannot be clustered is said."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from matloop.core.errors import DataError
from matloop.split.clusterings import agglomerative, density, gaussian_mixture, kmeans, mixture_by_bic
from matloop.split.space import feature_space

X, TRUTH = make_blobs(400, 6, centers=4, cluster_std=0.8, random_state=1)


@pytest.mark.parametrize("cluster", [kmeans, gaussian_mixture, agglomerative])
def test_four_blobs_are_found(cluster):
    found = cluster(X, 4, seed=0)
    assert adjusted_rand_score(TRUTH, found.labels) == 1.0
    assert found.n_clusters == 4


def test_number_of_gaussians_is_the_one_of_lowest_bic():
    found = gaussian_mixture(X, seed=0)
    assert found.n_clusters == 4
    assert min(found.bic, key=lambda pair: pair[1])[0] == 4
    assert [number for number, _ in found.bic] == list(range(1, 11))
    peer = GaussianMixture(1, reg_covar=1e-3 * X.var(axis=0).mean()).fit(X).bic(X)
    assert found.bic[0][1] == pytest.approx(peer)


def test_one_cloud_is_one_gaussian_unless_a_split_needs_two():
    cloud = np.random.default_rng(0).normal(size=(500, 5))
    assert gaussian_mixture(cloud, seed=0).n_clusters == 1
    assert mixture_by_bic(cloud, 6, seed=0).n_clusters == 2  # a split needs two


def test_density_leaves_points_between_the_clusters_out():
    far = np.full((1, 6), 60.0)
    found = density(np.vstack([X, far]), smallest=20)
    assert found.n_clusters == 4
    assert found.labels[-1] == -1


def test_many_rows_are_clustered_by_a_sample_and_it_is_said():
    many, truth = make_blobs(12_000, 4, centers=3, cluster_std=0.5, random_state=2)
    for found in (agglomerative(many, 3), density(many), gaussian_mixture(many, 3, seed=0)):
        assert adjusted_rand_score(truth, found.labels) > 0.99
        assert "on 5,000 of 12,000 rows" in found.how


def test_fewer_points_than_clusters_and_lone_points():
    assert kmeans(np.zeros((5, 2)), 3, seed=0).n_clusters == 1
    assert gaussian_mixture(np.arange(3.0)[:, None], seed=0).n_clusters <= 3
    assert density(X[:3]).n_clusters == 0
    assert agglomerative(X[:1], 4).labels.tolist() == [0]


def test_fifty_rows_of_thousands_of_features():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(50, 3000)) + 4.0 * (np.arange(50) % 2)[:, None]
    space = feature_space(wide)
    assert space.points.shape[1] <= 20
    assert adjusted_rand_score(np.arange(50) % 2, gaussian_mixture(space.points, 2, seed=0).labels) == 1.0


def test_points_that_are_not_finite_are_refused_with_their_row():
    bad = X.copy()
    bad[7, 2] = np.nan
    with pytest.raises(DataError, match=r"row 7 .*Impute"):
        kmeans(bad, 2, seed=0)
    with pytest.raises(DataError, match="at least 1"):
        kmeans(X, 0, seed=0)
