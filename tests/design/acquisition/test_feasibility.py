import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from matloop.core.errors import DataError
from matloop.design.acquisition.feasibility import LEAST, _evidence, _kernel, _laplace, learn_feasibility
from matloop.design.acquisition.likeness import squares
from matloop.design.contract import Axes

AXES = Axes(("a", "b", "word"), np.array([False, False, True]), np.arange(3))


def chance_of(X):
    """What works: large `a`, and every word but 1."""
    return 1 / (1 + np.exp(-(12 * (X[:, 0] - 0.4) - 4 * (X[:, 2] == 1))))


def tried(n, seed):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n, 2)), rng.integers(0, 3, n)])
    return X, rng.random(n) > chance_of(X)


def test_evidence_agrees_with_scikit_learn():
    X, failed = tried(40, 0)
    numbers = Axes(("a", "b"), np.zeros(2, bool), np.arange(2))
    kernel = ConstantKernel(3.0, "fixed") * Matern([0.4, 0.8], "fixed", nu=2.5)
    peer = GaussianProcessClassifier(kernel, optimizer=None).fit(X[:, :2], ~failed)
    K = _kernel(squares(numbers, X[:, :2], X[:, :2]), np.log([0.4, 0.8, 3.0]))[0]
    ours = _laplace(K, np.where(failed, -1.0, 1.0), 0.0)
    assert ours.value == pytest.approx(peer.log_marginal_likelihood(), abs=1e-6)


def test_the_gradient_of_the_evidence_is_its_slope():
    X, failed = tried(30, 1)
    D, sign, at = squares(AXES, X, X), np.where(failed, -1.0, 1.0), np.array([-0.4, 0.2, 0.1, 0.9])
    slope = [(_evidence(D, sign, 0.5, at + e)[0] - _evidence(D, sign, 0.5, at - e)[0]) / 2e-5 for e in 1e-5 * np.eye(4)]
    np.testing.assert_allclose(_evidence(D, sign, 0.5, at)[1], slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n", "share"), [(15, 0.95), (60, 0.75)])
def test_chances_are_better_than_one_for_all(n, share):
    """Mean square error of the chance, in parts of that of the known rate, over ten campaigns."""
    new = tried(400, 99)[0]
    ours, plain = [], []
    for seed in range(10):
        X, failed = tried(n, seed)
        ours.append(((learn_feasibility(X, failed, AXES, 0)(new) - chance_of(new)) ** 2).mean())
        plain.append((((~failed).mean() - chance_of(new)) ** 2).mean())
    assert np.mean(ours) < share * np.mean(plain)


def test_chances_are_what_they_say():
    """Of experiments that are said to work with about the same chance, that share works."""
    told, worked = [], []
    for seed in range(8):
        X, failed = tried(50, seed)
        new, broke = tried(500, 100 + seed)
        told.append(learn_feasibility(X, failed, AXES, 0)(new))
        worked.append(~broke)
    told, worked = np.concatenate(told), np.concatenate(worked)
    for low, high in ((0.1, 0.35), (0.35, 0.65), (0.65, 0.9), (0.9, 1.0)):
        some = (told >= low) & (told < high)
        assert worked[some].mean() == pytest.approx(told[some].mean(), abs=0.13)


def test_nothing_is_given_up_and_failures_are_left_behind():
    X = np.column_stack([np.linspace(0, 0.2, 8), np.linspace(0, 0.2, 8), np.zeros(8)])
    chance = learn_feasibility(X, np.ones(8, bool), AXES, 0)
    near, far = chance(X).max(), chance(np.array([[1.0, 1.0, 2.0]]))[0]
    assert LEAST < near < far
    assert learn_feasibility(X, np.zeros(8, bool), AXES, 0)(X[:2]).tolist() == [11 / 12, 11 / 12]


def test_one_failure_among_few_does_not_condemn_its_surroundings():
    X, _ = tried(5, 0)
    chance = learn_feasibility(X, np.array([True, False, False, False, False]), AXES, 0)(X)
    assert chance[0] > 0.3
    assert chance[0] == chance.min()


def test_many_rows_are_thinned_alike_each_time():
    X, failed = tried(900, 3)
    first, again = (learn_feasibility(X, failed, AXES, 1)(X[:20]) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.corrcoef(first, chance_of(X[:20]))[0, 1] > 0.9


def test_flags_and_experiments_belong_together():
    with pytest.raises(DataError, match="3 experiments, but 2 flags"):
        learn_feasibility(np.zeros((3, 3)), np.zeros(2, bool), AXES, 0)
