"""Picks differ, the best comes first, and nothing is picked twice."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.design.spread import coordinates, length_of, spread_picks

LINE = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.0]])
SCORE = np.log([1.0, 0.99, 0.98, 0.5, 0.49, 0.2])


def test_without_diversity_the_order_is_that_of_merit():
    assert spread_picks(SCORE, LINE, 6, strength=0.0).tolist() == [0, 1, 2, 3, 4, 5]


def test_with_diversity_each_neighbourhood_is_visited_first():
    assert set(spread_picks(SCORE, LINE, 3).tolist()) == {0, 3, 5}


def test_equal_candidates_are_picked_once_even_without_diversity():
    points = np.array([[1.0], [1.0], [2.0]])
    assert spread_picks(np.zeros(3), points, 3, strength=0.0).tolist() == [0, 2]


def test_what_has_no_merit_is_never_picked():
    assert spread_picks(np.array([-np.inf, 0.0]), np.array([[0.0], [1.0]]), 2).tolist() == [1]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.floats(0, 3), st.integers(0, 10))
def test_picks_are_distinct_and_begin_with_the_best(n, m, strength, seed):
    rng = np.random.default_rng(seed)
    score, points = rng.normal(size=m), rng.normal(size=(m, 3))
    found = spread_picks(score, points, n, strength=strength)
    assert len(set(found.tolist())) == len(found) == min(n, m)
    assert found[0] == np.argmax(score)


def test_points_do_not_depend_on_units_and_survive_gaps_and_constants():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[3, 1] = np.nan
    X = np.column_stack([X, np.ones(40), np.full(40, np.nan)])
    a, b = coordinates(X), coordinates(X * np.array([1e-6, 1.0, 1e9, 5.0, 1.0]))
    np.testing.assert_allclose(
        np.linalg.norm(a[:, None] - a, axis=2), np.linalg.norm(b[:, None] - b, axis=2), atol=1e-8
    )
    assert coordinates(np.ones((4, 2))).shape == (4, 1)
    assert length_of(np.zeros((3, 2))) == 1.0
