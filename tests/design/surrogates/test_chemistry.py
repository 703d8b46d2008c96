"""Gaussian process that knows elements and fingerprints."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import Axes
from matloop.design.surrogates.chemistry import make
from matloop.design.surrogates.likeness import Part, all_squares, tanimoto

ALLOY = Axes(("Cl", "Br", "Zr", "T"), np.zeros(4, bool), np.array([0, 0, 0, 1]))


def test_chlorine_is_nearer_to_bromine_than_to_zirconium() -> None:
    pure = np.column_stack([np.eye(3), np.full(3, 0.5)])
    part = make(ALLOY).parts(pure)[0]
    apart = part.squares(pure, pure)
    assert part.name == "composition"
    assert apart[0, 1] < apart[0, 2]
    assert apart[0, 1] < apart[1, 2]


def test_what_one_element_teaches_its_neighbour_learns() -> None:
    rng = np.random.default_rng(0)
    chlorine = rng.random(30)
    X = np.column_stack([chlorine, np.zeros(30), 1 - chlorine, rng.random(30)])  # no bromine yet
    belief = make(ALLOY).fit(X, X[:, 0], seed=0)
    bromine, zirconium = belief.predict(np.array([[0.0, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 0.5]]))[0]
    assert bromine > 0.5 > zirconium


def test_amounts_in_own_columns_are_told_by_formulas() -> None:
    axes = Axes(("x", "y", "T"), np.zeros(3, bool), np.arange(3))
    parts = make(axes, formulas={"x": "TiO2", "y": "ZrO2"}, natural=lambda X: {"x": 0.5 * X[:, 0], "y": X[:, 1]}).parts(
        np.random.default_rng(0).random((5, 3))
    )
    assert [part.name for part in parts] == ["composition", "T"]
    half = make(axes, formulas={"x": "TiO2", "y": "ZrO2"}).metric
    np.testing.assert_allclose(
        make(axes, formulas={"x": "TiO2", "y": "ZrO2"}, natural=lambda X: {"x": 0.5 * X[:, 0], "y": X[:, 1]}).metric[0],
        0.5 * half[0],
    )


def test_tanimoto_of_rdkits_example_by_hand() -> None:
    A, B = np.array([[1.0, 1, 0, 1]]), np.array([[1.0, 0, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_allclose(tanimoto(A, B), [[2 / 4, 0.0]])
    np.testing.assert_allclose(tanimoto(B[1:], B[1:]), [[1.0]])


def test_tanimoto_agrees_with_rdkit() -> None:
    data = pytest.importorskip("rdkit.DataStructs", reason="the extra molecules is not installed")
    bits = np.random.default_rng(0).random((6, 64)) < 0.3
    vectors = [data.CreateFromBitString("".join(map(str, row.astype(int)))) for row in bits]
    expected = [[data.TanimotoSimilarity(a, b) for b in vectors] for a in vectors]
    np.testing.assert_allclose(tanimoto(bits.astype(float), bits.astype(float)), expected)


def test_columns_of_bits_are_a_fingerprint() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (20, 40)).astype(float)
    axes = Axes((*(f"bit {k}" for k in range(40)), "T"), np.zeros(41, bool), np.array([0] * 40 + [1]))
    X = np.column_stack([bits, np.linspace(0, 1, 20)])
    assert [part.kind for part in make(axes).parts(X)] == ["tanimoto", "number"]
    X[0, 0] = 0.5
    assert [part.kind for part in make(axes).parts(X)] == ["number", "number"]


@pytest.mark.parametrize("kind", ["number", "word", "metric", "tanimoto"])
def test_every_distance_is_zero_to_itself_and_symmetric(kind) -> None:
    X = np.random.default_rng(0).integers(0, 3, (7, 3)).astype(float)
    part = Part("p", kind, np.array([0, 1, 2]), metric=np.eye(3)[:, :2])
    squares = part.squares(X, X)
    np.testing.assert_allclose(np.diag(squares), 0.0, atol=1e-12)
    np.testing.assert_allclose(squares, squares.T)
    assert (squares >= -1e-12).all()


def test_all_distances_at_once_are_those_part_by_part() -> None:
    rng = np.random.default_rng(0)
    A, B = (rng.integers(0, 3, (n, 6)).astype(float) for n in (5, 4))
    parts = (
        Part("n", "number", np.array([0, 1])), Part("w", "word", np.array([2])),
        Part("t", "tanimoto", np.array([3, 4])), Part("m", "metric", np.array([4, 5]), metric=rng.random((2, 3))),
    )  # fmt: skip
    lengths = np.array([0.5, 2.0, 0.7, 1.3])
    expected = sum(part.squares(A, B) / length**2 for part, length in zip(parts, lengths, strict=True))
    np.testing.assert_allclose(all_squares(parts, lengths, A, B), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"formulas": {"T": "Xx"}}, "no formula"), ({"formulas": {"Q": "Ni"}}, "'Q'"), ({"likeness": 0.0}, "above zero")],
)
def test_options_that_cannot_be(options: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make(ALLOY, **options)
