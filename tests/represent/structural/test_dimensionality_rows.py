"""Rows grown one by one and rows grown in step are the same rows."""

import numpy as np
import pytest

from matloop.matter.neighbours import Vicinity
from matloop.matter.structures_read import read_structures
from matloop.represent.structural import dimensionality

for library in ("matscipy",):
    pytest.importorskip(library, reason="the extra structures is not installed")


def some_cells(n: int, seed: int) -> list[str]:
    """Cells of a few atoms at random places, from dense to mostly empty; the last is a molecule."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(n):
        counts, (a, b, c) = rng.integers(1, 5, 3), rng.uniform(2.5, 14.0, 3)
        places = "\n".join(" ".join(map(str, place)) for place in rng.random((counts.sum(), 3)))
        cell = f"{a} 0 0\n{rng.normal() / 2} {b} 0\n0 0 {c}"
        texts.append(f"x\n1.0\n{cell}\nNa C Mo\n{' '.join(map(str, counts))}\nDirect\n{places}\n")
    return [*texts, "3\nwater\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24"]


def test_scores_are_the_same_bits_either_way(monkeypatch):
    structures, _ = read_structures(some_cells(25, seed=1))
    found = []
    for few in (0, 1000):
        monkeypatch.setattr(dimensionality, "_FEW_ROWS", few)
        found.append(dimensionality.dimension_scores(structures, Vicinity(structures)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_many_bonds_along_a_line_are_no_hang(monkeypatch):
    """A chain of 200 atoms in a wide cell has thousands of bonds to try, one by one."""
    places = "\n".join(f"0.5 0.5 {k / 200}" for k in range(200))
    structures, _ = read_structures([f"chain\n1.0\n30 0 0\n0 30 0\n0 0 60\nC\n200\nDirect\n{places}\n"])
    scores, _ = dimensionality.dimension_scores(structures, Vicinity(structures))
    assert scores[0].sum() == pytest.approx(1.0)
    assert scores[0, 1] > 0.5  # a chain
