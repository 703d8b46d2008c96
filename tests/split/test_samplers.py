"""Samplers choose what they promise, and cover more than chance does."""

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.split.coverage import coverage
from matloop.split.samplers import DirectSampling, KennardStone, direct, kennard_stone, representatives
from matloop.split.space import feature_space

RNG = np.random.default_rng(3)
# a dense heart and a thin far halo, as in most tables of materials
X = np.vstack([RNG.normal(size=(900, 8)), RNG.normal(0, 5, (100, 8))])


def naive_kennard_stone(points, n):
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    chosen = list(np.unravel_index(apart.argmax(), apart.shape))
    while len(chosen) < n:
        left = np.setdiff1d(np.arange(len(points)), chosen)
        chosen.append(left[apart[np.ix_(left, chosen)].min(axis=1).argmax()])
    return [int(row) for row in chosen]


def test_kennard_stone_is_the_algorithm_of_the_paper():
    points = RNG.normal(size=(80, 4))
    assert kennard_stone(points, 25).tolist() == naive_kennard_stone(points, 25)


@pytest.mark.parametrize("n_select", [1, 7, 400, 999, 1000])
def test_samplers_give_as_many_different_rows_as_asked(n_select):
    for rows in (representatives(X, n_select), direct(X, n_select), kennard_stone(X, max(n_select, 2))):
        assert len(np.unique(rows)) == max(n_select, 2) if len(rows) == 2 else n_select
    np.testing.assert_array_equal(direct(X, n_select), direct(X, n_select))


def test_chosen_rows_cover_more_of_the_space_than_random_ones():
    points = feature_space(X).points
    spread = coverage(X, kennard_stone(points, 100))
    strata = coverage(X, direct(X, 100))
    assert spread.chosen.largest_distance < 0.6 * spread.random.largest_distance
    assert spread.chosen.bins > spread.random.bins + 0.2
    assert strata.chosen.bins > strata.random.bins + 0.1
    everything = coverage(X, np.ones(len(X), dtype=bool))
    assert (everything.chosen.bins, everything.chosen.largest_distance) == (1.0, 0.0)


def test_equal_rows_and_wide_tables():
    equal = np.ones((30, 4))
    assert len(set(kennard_stone(equal, 10).tolist())) == 10
    assert len(set(representatives(equal, 10).tolist())) == 10
    assert len(set(direct(equal, 10).tolist())) == 10
    wide = RNG.normal(size=(50, 3000))
    assert len(direct(wide, 10)) == len(representatives(wide, 10)) == 10


def test_splitters_choose_whole_groups():
    groups = np.arange(1000) // 4
    for splitter in (KennardStone(0.5), DirectSampling(0.5)):
        train, test = next(splitter.split(X, None, groups))
        assert len(train) == len(test) == 500
        assert not set(groups[train]) & set(groups[test])


def test_errors_say_what_to_do():
    with pytest.raises(ConfigError, match="between 2 and the number of rows, 1000"):
        kennard_stone(X, 1)
    with pytest.raises(DataError, match="row 0 is not finite"):
        representatives(np.full((3, 1), np.nan), 1)
    with pytest.raises(ConfigError, match="train_fraction = 1.2"):
        list(KennardStone(1.2).split(X))
    with pytest.raises(DataError, match="positions from 0 to 999"):
        coverage(X, [1000])
