from __future__ import annotations

import numpy as np
import pytest

from matloop.evaluate.map import project


def test_map_equals_scikit_learn():
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    X = np.random.default_rng(0).normal(size=(300, 6)) @ np.random.default_rng(1).normal(size=(6, 6))
    xy, explained = project(X, 0)
    peer = PCA(2).fit(StandardScaler().fit_transform(X))
    assert explained == pytest.approx(peer.explained_variance_ratio_)
    assert np.abs(xy) == pytest.approx(np.abs(peer.transform(StandardScaler().fit_transform(X))))


@pytest.mark.parametrize("shape", [(1, 4), (5, 0), (6, 1)])
def test_map_of_hardly_anything_is_still_a_map(shape):
    xy, explained = project(np.random.default_rng(0).normal(size=shape), 0)
    assert xy.shape == (shape[0], 2)
    assert np.isfinite(xy).all()
    assert np.isfinite(explained).all()


def test_missing_and_constant_columns_do_not_matter():
    X = np.random.default_rng(0).normal(size=(50, 3))
    more = np.column_stack([X, np.full(50, np.nan), np.full(50, 7.0)])
    assert project(more, 0)[0] == pytest.approx(project(X, 0)[0])
