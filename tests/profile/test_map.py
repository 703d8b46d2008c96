from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.profile import MAPS
from matloop.profile.landmarks import beside_neighbours, landmarks
from matloop.profile.map import fit_map, make_map, map_stability
from matloop.profile.quality import agreement, continuity, trustworthiness
from matloop.profile.space import fit_space
from matloop.represent.table import Columns, FeatureTable

LIBRARIES = {"umap": "umap", "autoencoder": "torch"}


def blobs(n=60, width=6, seed=0, gap=9.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    X[n // 2 :] += gap
    return X


def bent_sheet(n=500, seed=0):
    rng = np.random.default_rng(seed)
    angle, height = rng.uniform(0, np.pi, n), rng.uniform(-1, 1, n)
    return np.column_stack([np.cos(angle), np.sin(angle), height]) * [2.0, 2.0, 1.0]


@pytest.fixture(params=sorted(MAPS))
def method(request):
    if request.param in LIBRARIES:
        pytest.importorskip(LIBRARIES[request.param])
    return request.param


def test_every_map_is_the_same_again_and_keeps_far_groups_apart(method):
    X = blobs()
    one, again = make_map(X, method=method, seed=3), make_map(X.copy(), method=method, seed=3)
    np.testing.assert_array_equal(one.xy, again.xy)
    near = np.linalg.norm(one.xy[:, None] - one.xy[None], axis=2) + 1e9 * np.eye(60)
    assert ((near.argmin(axis=1) < 30) == (np.arange(60) < 30)).all()
    assert one.trustworthiness > 0.8
    assert one.continuity > 0.8


@pytest.mark.parametrize("shape", [(1, 4), (2, 3), (4, 2), (10, 3), (12, 1), (5, 0), (20, 90)])
def test_maps_of_hardly_anything_are_still_maps(method, shape):
    found = make_map(np.random.default_rng(0).normal(size=shape), method=method)
    assert found.xy.shape == (shape[0], 2)
    assert np.isfinite(found.xy).all()


def test_constant_and_equal_rows_lie_on_one_spot(method):
    found = fit_map(np.full((15, 3), 7.0), method=method)
    assert np.ptp(found.map.xy, axis=0).tolist() == [0.0, 0.0]
    assert "no feature varies" in found.map.how
    assert found.place(np.full((2, 3), 8.0)).shape == (2, 2)


def test_rows_that_are_equal_are_drawn_on_each_other(method):
    X = np.repeat(blobs(40), 2, axis=0)
    xy = make_map(X, method=method).xy
    np.testing.assert_allclose(xy[::2], xy[1::2], atol=1e-9)


def test_rows_placed_anew_lie_where_they_were_or_near_their_own(method):
    X = blobs(120)
    found = fit_map(X[::2], method=method)
    np.testing.assert_allclose(found.place(X[::2]), found.map.xy, atol=1e-8)
    new = found.place(X[1::2])
    own = found.map.xy[np.linalg.norm(found.map.xy[None] - new[:, None], axis=2).argmin(axis=1)]
    assert ((own[:, None] == found.map.xy[None, :30]).all(axis=2).any(axis=1) == (np.arange(60) < 30)).all()
    assert found.map.new_rows == ("exactly" if method in ("pca", "autoencoder") else "by neighbours")


def test_principal_axes_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    X = np.random.default_rng(0).normal(size=(300, 6)) @ np.random.default_rng(1).normal(size=(6, 6))
    found, standard = make_map(X, method="pca"), StandardScaler().fit_transform(X)
    peer = PCA(2).fit(standard)
    assert found.explained == pytest.approx(peer.explained_variance_ratio_)
    assert np.abs(found.xy) == pytest.approx(np.abs(peer.transform(standard)))


def test_autoencoder_reads_a_bent_sheet_back_better_than_two_straight_axes():
    pytest.importorskip("torch")
    X = bent_sheet()
    bent, straight = fit_map(X, method="autoencoder").mapper, make_map(X, method="pca")
    assert bent.read_back_ > straight.explained.sum() + 0.05


def test_categories_count_as_words_not_as_numbers():
    route = np.tile([0.0, 1.0, 2.0], 20)
    table = FeatureTable(route[:, None], ("route",), ("route:category",), {"route": ("a", "b", "c")}, {})
    xy = make_map(table).xy
    gaps = [np.linalg.norm(xy[i] - xy[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    assert gaps == pytest.approx([gaps[0]] * 3)
    as_array = make_map(table.X, Columns(table.names, table.origins, table.vocabularies))
    np.testing.assert_array_equal(as_array.xy, xy)


def test_missing_values_and_empty_columns_do_no_harm():
    X = blobs()
    X[3, 2] = np.nan
    more = np.column_stack([X, np.full(60, np.nan)])
    np.testing.assert_allclose(make_map(more).xy, make_map(X).xy)


def test_many_rows_are_laid_beside_a_drawn_part():
    X = blobs(400)
    from matloop.profile.tsne import NeighbourEmbedding

    made = NeighbourEmbedding(limit=80).fit(X)
    assert "of 80 rows" in made.how_
    assert trustworthiness(X, made.embedding_) > 0.7


def test_new_points_lie_at_the_median_of_their_neighbours():
    known, xy = np.arange(30.0)[:, None], np.column_stack([np.arange(30.0), np.zeros(30)])
    assert beside_neighbours(known, xy, np.array([[14.5], [7.0]])).tolist() == [[14.5, 0.0], [7.0, 0.0]]


def test_landmarks_are_different_points_and_every_row_knows_its_own():
    points = np.repeat(np.arange(10.0), 3)[:, None]
    rows, place = landmarks(points, 4, seed=0)
    assert len(np.unique(points[rows])) == 4
    assert (points[rows[place[place >= 0]], 0] == points[place >= 0, 0]).all()
    assert (place >= 0).sum() == 12


def test_a_true_map_is_trustworthy_and_a_shuffled_one_is_not():
    X = np.random.default_rng(0).normal(size=(400, 2))
    shuffled = X[np.random.default_rng(1).permutation(400)]
    assert (trustworthiness(X, X), continuity(X, X)) == (1.0, 1.0)
    assert trustworthiness(X, shuffled) == pytest.approx(0.5, abs=0.05)
    assert np.isnan(trustworthiness(X[:3], X[:3]))


def test_a_line_folded_onto_itself_loses_trust_but_not_continuity():
    line = np.linspace(-1, 1, 300)[:, None]
    assert continuity(line, np.abs(line)) > trustworthiness(line, np.abs(line)) + 0.02


def test_turned_mirrored_and_scaled_maps_agree():
    X = np.random.default_rng(0).normal(size=(50, 2))
    turned = 3.0 * X @ np.array([[0.6, -0.8], [-0.8, -0.6]]) + 5.0
    assert agreement(X, turned) == pytest.approx(1.0)
    assert agreement(X, np.random.default_rng(1).normal(size=(50, 2))) < 0.2
    assert np.isnan(agreement(X, np.zeros((50, 2))))


def test_principal_axes_of_two_groups_are_stable():
    assert map_stability(blobs(200, gap=3.0), method="pca") > 0.75


def test_axes_of_more_features_than_rows_are_those_of_the_rows():
    X = np.random.default_rng(0).normal(size=(12, 400))
    space = fit_space(X)
    assert len(space.shares) == 11
    assert space.shares.sum() == pytest.approx(1.0)
    assert np.abs(space.axes.T @ space.axes - np.eye(11)).max() < 1e-10


@pytest.mark.parametrize(
    ("X", "advice"),
    [([["Fe", "Co"]], "Represent the rows first"), (np.ones(3), r"shape \(3,\)"), (np.ones((0, 2)), "no rows")],
)
def test_what_is_no_table_of_numbers_is_refused(X, advice):
    with pytest.raises(DataError, match=advice):
        make_map(X)


def test_unknown_methods_and_foreign_columns_are_refused():
    with pytest.raises(ConfigError, match="tsne"):
        make_map(blobs(), method="t-sne")
    with pytest.raises(DataError, match="3 columns"):
        fit_map(blobs()).place(blobs()[:, :3])


def test_every_map_stands_in_the_explanation():
    page = (Path(__file__).parents[2] / "docs/explanation/maps-and-clusters.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == list(MAPS)
