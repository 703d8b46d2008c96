"""Neighbour lists: shells of known crystals, and the same list however it came about."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.matter.neighbours import Vicinity, neighbours
from matloop.matter.structures import from_arrays, joined

pytest.importorskip("matscipy")
FIELDS = ("offsets", "first", "second", "images", "vectors", "distances")


def cells(draw, n):
    """Oblique cells with coordinates also outside of them."""
    return joined(
        [
            from_arrays(
                (4.0 * np.eye(3) + draw.normal(0, 0.7, (3, 3)))[None], [draw.uniform(-1.5, 1.5, (k, 3))], [[14] * k]
            )
            for k in draw.integers(1, 6, n)
        ]
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(2.0, 6.0))
def test_a_list_that_was_cut_has_the_bits_of_one_that_was_counted(seed, cutoff):
    structures = cells(np.random.default_rng(seed), 4)
    counted, cut = neighbours(structures, cutoff), neighbours(structures, 9.0).within(cutoff)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(counted, name), getattr(cut, name))


def test_a_vicinity_gives_the_same_in_any_order():
    structures = cells(np.random.default_rng(3), 5)
    up, down = Vicinity(structures), Vicinity(structures)
    for cutoff in (3.0, 5.0, 8.0):
        up.within(cutoff)
    for cutoff in (8.0, 5.0, 3.0):
        np.testing.assert_array_equal(down.within(cutoff).vectors, up.within(cutoff).vectors)


def test_each_pair_is_seen_from_both_ends_with_opposite_vectors():
    found = neighbours(cells(np.random.default_rng(1), 3), 6.0)
    seen = {
        (i, j, *image): vector
        for i, j, image, vector in zip(
            found.first.tolist(), found.second.tolist(), found.images.tolist(), found.vectors, strict=True
        )
    }
    for (i, j, *image), vector in seen.items():
        np.testing.assert_array_equal(seen[(j, i, *(-k for k in image))], -vector)


def test_shells_of_a_face_centred_cubic_crystal():
    a = 4.05
    cell = a / 2 * (1 - np.eye(3))
    found = neighbours(from_arrays(cell[None], [np.zeros((1, 3))], [[13]]), 1.01 * a * np.sqrt(1.5))
    distances, counts = np.unique(found.distances.round(8), return_counts=True)
    assert counts.tolist() == [12, 6, 24]
    np.testing.assert_allclose(distances, a * np.sqrt([0.5, 1.0, 1.5]), rtol=1e-8)
