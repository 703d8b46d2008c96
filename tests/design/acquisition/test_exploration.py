import dataclasses

import numpy as np
import pytest

from matloop.design.acquisition.choose import choose
from matloop.design.acquisition.exploration import Committee, Diversity, DOptimal, MaximumVariance, VarianceReduction
from matloop.design.contract import Axes

MIXED = Axes(("a", "b", "word"), np.array([False, False, True]), np.arange(3))


def test_variance_reduction_is_what_believing_takes_away(fixed, asking):
    X = np.random.default_rng(0).random((6, 2))
    y = X.sum(axis=1)
    belief, places = fixed(X, y, noise=0.2), np.random.default_rng(1).random((30, 2))
    new = np.random.default_rng(2).random((4, 2))
    found = np.exp(VarianceReduction(places=places).worth([belief], new, asking(X, y))) * y.var()
    before = (belief.predict(places)[1] ** 2).mean()
    after = [(belief.believing(x[None], np.zeros(1)).predict(places)[1] ** 2).mean() for x in new]
    np.testing.assert_allclose(found, before - np.array(after), rtol=1e-6)


def test_most_is_unknown_where_doubt_is_largest(told, asking):
    X = np.array([[0.0, 1.0], [9.0, 2.0], [3.0, 0.5]])
    worth = MaximumVariance().worth([told()], X, asking(np.zeros((2, 2)), np.array([0.0, 1.0])))
    np.testing.assert_allclose(worth, np.log([1.0, 2.0, 0.5]))


def test_a_batch_of_largest_variance_has_a_large_determinant(fixed, pool, asking):
    X = np.random.default_rng(0).random((4, 2))
    belief, places = fixed(X, X[:, 0]), np.random.default_rng(1).random((150, 2))
    found = choose(MaximumVariance(), [belief], asking(X, X[:, 0]), pool(X=places), 5, seed=0)
    ours = np.linalg.slogdet(belief.joint(found.X)[1])[1]
    rng = np.random.default_rng(2)
    random = [np.linalg.slogdet(belief.joint(places[rng.permutation(150)[:5]])[1])[1] for _ in range(300)]
    assert ours > max(random)


def test_a_committee_looks_where_its_members_disagree(told, asking):
    X = np.array([[1.0, 0.1, 1.0, 0.1], [1.0, 9.0, 1.2, 9.0], [0.0, 0.1, 2.0, 0.1]])
    values = np.array([0.0, 1.0])
    asked = dataclasses.replace(asking(np.zeros((2, 4)), values, values), aims=asking(X, values).aims)
    worth = Committee().worth([told(0), told(1)], X, asked)
    assert np.argmax(worth) == 2
    assert worth[1] == pytest.approx(np.log(0.1))


def test_one_belief_takes_a_forest_into_its_committee(learnt):
    belief, about = learnt
    axes = Axes(("a", "b"), np.zeros(2, bool), np.arange(2))
    ready = Committee().prepare([belief], about.known, dataclasses.replace(about, axes=axes))
    assert len(ready.members[0]) == 2


def terms(X):
    """What (1 + x.x')^2 is the kernel of: a full quadratic model, numbers from -1 to 1, words as 0 and 1."""
    words = np.eye(3)[X[:, 2].astype(int)]
    Z = np.column_stack([2 * X[:, :2] - 1, words])
    pairs = [np.sqrt(2) * Z[:, i] * Z[:, j] for i in range(5) for j in range(i)]
    return np.column_stack([np.ones(len(X)), np.sqrt(2) * Z, Z**2, *pairs])


def test_d_optimal_is_the_ratio_of_determinants(asking):
    rng = np.random.default_rng(0)
    X, new = (np.column_stack([rng.random((n, 2)), rng.integers(0, 3, n)]) for n in (7, 5))
    X = np.vstack([X, X[:2]])  # replicates
    asked = dataclasses.replace(asking(X, np.zeros(9)), axes=MIXED)

    def log_det(rows):
        F = terms(rows)
        return np.linalg.slogdet(np.eye(F.shape[1]) + F.T @ F / 1e-2)[1]

    truth = np.log([log_det(np.vstack([X, x])) - log_det(X) for x in new])
    np.testing.assert_allclose(DOptimal().worth([], new, asked), truth, rtol=1e-6)


def test_a_design_before_any_value_covers_corners_and_middle(pool, asking):
    """A quadratic model in two numbers: nine points of the 3 x 3 grid, of all 121."""
    grid = np.array([[a, b] for a in np.linspace(0, 1, 11) for b in np.linspace(0, 1, 11)])
    asked = asking(np.zeros((0, 2)), np.zeros(0), aims=(dataclasses.replace(asking(grid, np.zeros(121)).aims[0]),))
    found = choose(DOptimal(), [], dataclasses.replace(asked, values=np.zeros((0, 0))), pool(X=grid), 9, seed=0)
    assert {tuple(x) for x in np.round(2 * found.X) / 2} == {(a, b) for a in (0, 0.5, 1) for b in (0, 0.5, 1)}


def test_diversity_counts_words_as_equal_or_different(asking):
    X = np.array([[0.5, 0.5, 0.0]])
    asked = dataclasses.replace(asking(X, np.zeros(1)), axes=MIXED)
    new = np.array([[0.5, 0.5, 2.0], [0.5, 0.5, 1.0], [1.0, 0.5, 0.0], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(np.exp(Diversity().worth([], new, asked)), np.sqrt([1 / 3, 1 / 3, 0.25 / 3, 0]))
