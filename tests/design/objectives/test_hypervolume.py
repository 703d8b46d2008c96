import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matloop.core.errors import DataError
from matloop.design.objectives.hypervolume import hypervolume, reference_point, rooms_beyond

TABLES = st.integers(1, 4).flatmap(
    lambda m: arrays(float, st.tuples(st.integers(0, 7), st.just(m)), elements=st.integers(-1, 4).map(float))
)


def by_cells(values):
    """Unit cells from 0 to 4 that some row covers."""
    m = values.shape[1]
    corners = np.stack(np.meshgrid(*[np.arange(1, 5)] * m, indexing="ij"), axis=-1).reshape(-1, m)
    return sum(bool((values >= corner).all(axis=1).any()) for corner in corners)


@given(TABLES)
def test_volume_is_the_number_of_covered_cells(values):
    assert hypervolume(values, np.zeros(values.shape[1])) == by_cells(values)


@given(TABLES, st.lists(st.integers(-1, 5), min_size=4, max_size=4))
def test_boxes_tell_what_a_new_point_adds(values, new):
    m = values.shape[1]
    y, reference = np.array(new[:m], float), np.zeros(m)
    low, high = rooms_beyond(values, reference)
    added = np.prod(np.maximum(np.minimum(y, high) - low, 0.0), axis=1).sum()
    assert added == hypervolume(np.vstack([values, y]), reference) - hypervolume(values, reference)


def test_three_objectives_need_about_twice_as_many_boxes_as_points():
    values = np.abs(np.random.default_rng(0).normal(size=(40, 3)))
    values /= np.linalg.norm(values, axis=1)[:, None]
    assert len(rooms_beyond(values, np.zeros(3))[0]) <= 2 * 40 + 1


@pytest.mark.parametrize("m", [2, 3, 4])
def test_volume_agrees_with_botorch_and_pymoo(m):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    theirs = pytest.importorskip("botorch.utils.multi_objective.hypervolume", reason="botorch is not installed")
    pymoo = pytest.importorskip("pymoo.indicators.hv", reason="pymoo is not installed")
    values = np.abs(np.random.default_rng(m).normal(size=(30, m)))
    values /= np.linalg.norm(values, axis=1)[:, None]
    reference = np.full(m, -0.1)
    found = hypervolume(values, reference)
    assert found == pytest.approx(theirs.Hypervolume(torch.tensor(reference)).compute(torch.tensor(values)), rel=1e-12)
    assert found == pytest.approx(pymoo.HV(ref_point=-reference)(-values), rel=1e-12)


def test_reference_lies_a_tenth_of_the_range_below_the_front():
    values = np.array([[0.0, 2.0], [1.0, 0.0], [-5.0, -5.0], [np.nan, 9.0]])
    np.testing.assert_allclose(reference_point(values), [-0.1, -0.2])


def test_a_front_of_one_place_takes_the_range_of_all():
    np.testing.assert_allclose(reference_point(np.array([[1.0, 1.0], [0.0, -1.0]])), [0.9, 0.8])
    assert (reference_point(np.array([[3.0, 0.0]])) < [3.0, 0.0]).all()


def test_faults_are_told():
    with pytest.raises(DataError, match="one number per objective"):
        hypervolume(np.ones((2, 3)), np.zeros(2))
    with pytest.raises(DataError, match="Tell one first"):
        reference_point(np.array([[np.nan, 1.0]]))
