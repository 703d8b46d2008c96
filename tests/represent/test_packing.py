from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.elements import SYMBOLS
from matloop.represent.packing import PackingFeaturizer
from matloop.represent.packing_search import IDEAL, best_sizes, nearest_clusters


def listed(radii, fractions, threshold):
    """Distances to the five nearest efficient clusters by listing all of them, as matminer does."""
    k, found = len(radii), []
    least, most = (int(best_sizes(np.array(r))[0]) for r in (min(radii) / max(radii), max(radii) / min(radii)))
    for size in range(least, most + 1):
        for shell in combinations_with_replacement(range(k), size):
            counts = np.bincount(shell, minlength=k)
            mean = counts @ radii / size
            for centre in range(k):
                if abs(1 - IDEAL[size - 3] / (radii[centre] / mean)) < threshold:
                    atoms = counts + (np.arange(k) == centre)
                    found.append(np.linalg.norm(atoms / (size + 1) - fractions))
    return np.sort([*found, *[np.inf] * 5])[:5]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_nearest_clusters_are_those_of_the_whole_list(data):
    k = data.draw(st.integers(2, 3))
    radii = np.array(data.draw(st.lists(st.floats(110, 190), min_size=k, max_size=k)))
    amounts = np.array(data.draw(st.lists(st.floats(0.02, 1), min_size=k, max_size=k)))
    fractions = amounts / amounts.sum() * data.draw(st.sampled_from([1.0, 0.9]))
    threshold = data.draw(st.sampled_from([0.01, 0.003, 0.05]))
    found = nearest_clusters(radii[None], fractions[None], threshold)[0]
    np.testing.assert_allclose(found, listed(radii, fractions, threshold), atol=1e-9)


@pytest.mark.parametrize(
    ("ratio", "size", "misfit"),
    [(1.0, 13, 1 - 0.976006), (0.902113, 12, 0.0), (0.1, 3, 1 - 1.54701), (5, 24, 1 - 1.65915 / 5)],
)
def test_the_best_number_of_neighbours(ratio, size, misfit):
    # Laws, Miracle, Ferry 2015: 12 neighbours pack ideally at 0.902
    found_size, found = best_sizes(np.array([ratio]))
    assert found_size.tolist() == [size]
    assert found[0] == pytest.approx(misfit, abs=1e-12)


def test_a_glass_former_is_near_efficient_clusters_and_a_pure_metal_is_not():
    glass, metal = PackingFeaturizer().transform(["Zr41Ti14Cu12Ni10Be23", "Cu"])
    assert glass[2] < 0.1
    assert metal[2:].tolist() == [1, 1, 1]


def test_many_elements_are_bounded_and_only_the_most_frequent_count():
    twenty = "".join(f"{SYMBOLS[z]}{z - 20}" for z in range(21, 41))
    X = PackingFeaturizer().transform(
        [twenty, "C6000H12000O3001N7S8P9Fe1Co1", *[f"{a}2{b}" for a in ("He", "Og", "H") for b in ("Cs", "C")]]
    )
    assert np.isfinite(X).all()
    assert (X[:, 2] <= X[:, 3] + 1e-15).all()
