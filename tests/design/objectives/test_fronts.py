import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matloop.design.objectives.fronts import crowding, front_ranks, is_front

TABLES = st.integers(1, 4).flatmap(
    lambda m: arrays(float, st.tuples(st.integers(1, 25), st.just(m)), elements=st.integers(-3, 3).map(float))
)


def beats(a, b):
    return (a >= b).all() and (a > b).any()


@settings(max_examples=40)
@given(TABLES)
def test_a_front_is_what_nothing_beats(values):
    plain = [not any(beats(other, row) for other in values) for row in values]
    np.testing.assert_array_equal(is_front(values), plain)


@settings(max_examples=40)
@given(TABLES)
def test_every_later_rank_is_beaten_by_the_rank_before_and_by_none_of_its_own(values):
    ranks = front_ranks(values)
    for row, rank in zip(values, ranks, strict=True):
        assert not any(beats(other, row) for other in values[ranks == rank])
        assert rank == 0 or any(beats(other, row) for other in values[ranks == rank - 1])


def test_what_misses_a_constraint_comes_last_and_what_is_not_measured_has_no_rank():
    values = np.array([[9.0, 9.0], [1.0, 1.0], [5.0, 5.0], [np.nan, 1.0]])
    np.testing.assert_array_equal(front_ranks(values, np.array([0.2, 0.0, 0.1, 0.0])), [2, 0, 1, -1])
    np.testing.assert_array_equal(is_front(values, np.array([False, True, True, True])), [False, False, True, False])


def test_sums_that_round_alike_hide_nothing():
    values = np.array([[1.0, 1.0, 1e17], [2.0, 1.0, 1e17], [0.0, 0.0, 2e17]])
    np.testing.assert_array_equal(is_front(values), [False, True, True])


def test_room_is_infinite_at_the_ends_and_smallest_in_the_crowd():
    values = np.array([[0.0, 4.0], [1.0, 3.0], [1.1, 2.9], [4.0, 0.0]])
    room = crowding(values)
    assert np.isinf(room[[0, 3]]).all()
    assert room[1] == pytest.approx(1.1 / 4 + 1.1 / 4)  # by hand


def test_no_rows_have_no_front():
    assert len(is_front(np.zeros((0, 2)))) == 0
    assert len(front_ranks(np.zeros((0, 3)))) == 0


@pytest.mark.parametrize("m", [2, 3])
def test_ranks_agree_with_pymoo(m):
    sorting = pytest.importorskip("pymoo.util.nds.non_dominated_sorting", reason="pymoo is not installed")
    values = np.round(np.random.default_rng(m).normal(size=(200, m)), 1)
    theirs = np.zeros(200, int)
    for rank, rows in enumerate(sorting.NonDominatedSorting().do(-values)):
        theirs[rows] = rank
    np.testing.assert_array_equal(front_ranks(values), theirs)
