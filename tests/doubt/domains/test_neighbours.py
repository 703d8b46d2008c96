"""The nearest landmarks, against looking at all of them."""

import numpy as np
import pytest

from matloop.doubt.domains.neighbours import nearest_places, smallest_entries


@pytest.mark.parametrize(("n", "n_landmarks"), [(1, 2000), (300, 2000), (40, 777), (50, 6), (9, 3)])
def test_they_are_those_of_a_search_among_all(n, n_landmarks):
    rng = np.random.default_rng(n)
    rows, landmarks = (rng.normal(size=(count, 7)).astype(np.float32) for count in (n, n_landmarks))
    distance, index = nearest_places(rows, landmarks, 5)
    far = np.sqrt(((rows[:, None].astype(float) - landmarks[None]) ** 2).sum(axis=2))
    k = min(5, n_landmarks)
    assert np.allclose(np.sort(distance, axis=1), np.sort(far, axis=1)[:, :k], rtol=1e-12)
    assert np.allclose(np.take_along_axis(far, index, axis=1), distance, rtol=1e-12)


@pytest.mark.parametrize("step", [1e-6, 1.0, 1e6])
def test_equal_entries_are_counted_as_often_as_asked_for(step):
    away = (np.round(np.random.default_rng(0).normal(size=(60, 1203)) / step) * step).astype(np.float32)
    found = smallest_entries(away, 5)
    assert all(len(set(row)) == 5 for row in found.tolist())
    assert np.array_equal(
        np.sort(np.take_along_axis(away, found, axis=1), axis=1), np.sort(away, axis=1)[:, :5], equal_nan=True
    )


def test_rows_without_numbers_do_not_disturb_others():
    away = np.random.default_rng(1).normal(size=(20, 900)).astype(np.float32)
    away[3], away[7] = np.nan, np.inf
    found = smallest_entries(away, 5)
    assert found.shape == (20, 5)
    good = np.setdiff1d(np.arange(20), [3])
    assert np.array_equal(
        np.sort(np.take_along_axis(away, found, axis=1), axis=1)[good], np.sort(away, axis=1)[good, :5]
    )
