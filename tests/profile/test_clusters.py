from __future__ import annotations

import time

import numpy as np
import pytest

from matloop.core.errors import DataError
from matloop.profile.clusters import METHODS, cluster_stability, find_clusters, silhouette, valleys
from matloop.split.clusterings import kmeans

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.866]])


def heaps(n, gap, seed=0, width=2):
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, n)
    points = rng.normal(size=(n, width))
    points[:, :2] += gap * CORNERS[which]
    return points, which


@pytest.mark.parametrize("gap", [4.5, 8.0])
def test_planted_heaps_are_found(gap):
    points, which = heaps(300, gap)
    found = find_clusters(points)
    assert (found.answer, found.n_clusters) == ("clear", 3)
    from sklearn.metrics import adjusted_rand_score

    assert adjusted_rand_score(which, found.labels) > 0.9
    assert found.stability.min() > 0.9
    assert (np.diff(np.bincount(found.labels)) <= 0).all()


CLOUDS = {
    "one Gaussian": lambda rng: rng.normal(size=(300, 3)),
    "long and wide": lambda rng: rng.normal(size=(300, 20)) * np.linspace(3, 0.3, 20),
    "even square": lambda rng: rng.random((300, 2)),
    "even triangle": lambda rng: rng.dirichlet([1, 1, 1], 300) @ CORNERS,
    "line": lambda rng: rng.random((200, 1)),
    "heavy tails": lambda rng: rng.standard_t(3, size=(300, 4)),
    "skewed": lambda rng: np.exp(rng.normal(size=(300, 3))),
    "more dimensions than rows": lambda rng: rng.normal(size=(40, 60)),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_cloud_has_no_clusters_worth_the_name(cloud, seed):
    found = find_clusters(CLOUDS[cloud](np.random.default_rng(seed)), seed=seed)
    assert found.answer == "none"
    assert "no clusters worth the name" in found.sentence


@pytest.mark.parametrize("n", [1, 3, 10])
def test_tiny_data_say_that_they_cannot_show_clusters(n):
    found = find_clusters(np.random.default_rng(0).normal(size=(n, 4)))
    assert found.answer == "none"
    assert len(found.labels) == n


def test_equal_rows_and_no_columns_are_one_cluster():
    for points in (np.ones((30, 2)), np.zeros((30, 0)), np.repeat(np.eye(3), 10, axis=0)):
        found = find_clusters(points)
        assert (found.answer, found.n_clusters, set(found.labels.tolist())) == ("none", 1, {0})


def test_a_few_outlying_rows_are_no_cluster():
    points = np.concatenate([np.random.default_rng(0).normal(size=(300, 2)), np.full((3, 2), 40.0)])
    assert find_clusters(points).answer == "none"


def test_clusters_of_many_rows_are_found_in_a_sample_and_told_of_all():
    points, which = heaps(8000, 9.0)
    found = find_clusters(points)
    assert found.n_clusters == 3
    assert len(found.labels) == 8000
    assert "3,000 of 8,000 rows" in found.how
    assert min(np.bincount(which[found.labels == k]).max() / (found.labels == k).sum() for k in range(3)) > 0.99


def test_no_time_gives_one_cluster_and_names_what_was_left_out():
    found = find_clusters(heaps(100, 8.0)[0], deadline=time.monotonic())
    assert found.n_clusters == 1
    assert "the time ran out" in found.sentence


def test_silhouette_is_that_of_scikit_learn_and_noise_counts_as_nothing():
    from sklearn.metrics import silhouette_score

    points, which = heaps(90, 5.0)
    assert silhouette(points, which) == pytest.approx(silhouette_score(points, which))
    half = np.where(np.arange(90) < 45, which, -1)
    assert silhouette(points, half) == pytest.approx(0.5 * silhouette_score(points[:45], which[:45]))


def test_the_valley_between_far_heaps_is_empty_and_a_cut_has_none():
    rng = np.random.default_rng(0)
    far = np.concatenate([rng.normal(-6, 1, 200), rng.normal(6, 1, 200)])[:, None]
    assert valleys(far, np.repeat([0, 1], 200)).max() < 0.05
    one = np.sort(rng.normal(size=400))[:, None]
    assert valleys(one, np.repeat([0, 1], 200)).min() == 1.0


def test_stability_is_one_for_true_heaps_and_lower_for_invented_ones():
    points, _ = heaps(240, 9.0)
    true = kmeans(points, 3, seed=0)
    assert cluster_stability(points, true, method="kmeans").jaccard.min() > 0.99
    assert cluster_stability(points, true, method="kmeans").rand > 0.99
    invented = kmeans(points, 7, seed=0)
    assert cluster_stability(points, invented, method="kmeans").jaccard.min() < 0.85


def test_every_method_runs_and_thorough_measures_all():
    found = find_clusters(heaps(150, 7.0)[0], thorough=True)
    assert {one.method for one in found.tried if np.isfinite(one.stability)} == set(METHODS)
    assert [one.n_clusters for one in found.tried if np.isfinite(one.bic)].count(3) == 1


def test_points_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match="row 2 .*Impute"):
        find_clusters(np.array([[0.0], [1.0], [np.nan]]))
