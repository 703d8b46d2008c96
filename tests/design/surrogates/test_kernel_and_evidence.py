"""Kernels and their evidence: gradients by differences, closed forms, scikit-learn and gpytorch as peers."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from matloop.design.contract import Axes
from matloop.design.surrogates.coupling import Alone
from matloop.design.surrogates.evidence import Evidence, likely, usual_prior, usual_starts
from matloop.design.surrogates.gp import make, usual_form
from matloop.design.surrogates.kernel import Kernel, bent, bent_and_slope
from matloop.design.surrogates.measured import merged, single

MIXED = Axes(("a", "b", "b2", "word"), np.array([False, False, False, True]), np.array([0, 1, 1, 2]))


def rows(n=14, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n, 3)), rng.integers(0, 3, n)]).astype(float)
    return X, rng.standard_normal(n), np.where(np.arange(n) % 2, 0.2, 0.0)


def evidence_of(axes, X, y, known, *, mixed="joint", shape="matern52", trend=False, merge=True):
    task, form = np.zeros(len(y), np.int64), usual_form(axes, shape, mixed, trend=trend)
    data = merged(X, y, known, task)[0] if merge else single(X, y, known, task, np.ones(len(y)))
    alone = Alone(len(form.terms))
    return Evidence(form, alone, data, usual_prior(form, alone, 1), 1)


@pytest.mark.parametrize("shape", ["matern52", "matern32", "rbf", "exponential"])
def test_slope_of_a_shape_is_its_derivative(shape):
    squared = np.array([0.01, 0.3, 2.0, 9.0])
    value, slope = bent_and_slope(shape, squared)
    assert value == pytest.approx(bent(shape, squared), rel=1e-12)
    assert slope == pytest.approx((bent(shape, squared + 1e-6) - bent(shape, squared - 1e-6)) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("mixed", ["joint", "product", "sum+product"])
@pytest.mark.parametrize("shape", ["matern52", "matern32", "rbf"])
def test_gradient_is_that_of_finite_differences(mixed, shape):
    X, y, known = rows()
    X[3] = X[2]
    evidence = evidence_of(MIXED, X, y, known, mixed=mixed, shape=shape, trend=True)
    for logs in usual_starts(evidence, 3, 0):
        _, slope = evidence(logs)
        steps = 1e-5 * np.eye(len(logs))
        other = [(evidence(logs + step)[0] - evidence(logs - step)[0]) / 2e-5 for step in steps]
        assert slope == pytest.approx(np.array(other), rel=1e-5, abs=1e-5)


def test_replicates_merged_or_not_have_the_same_likelihood_and_the_density_of_scipy():
    X, y, known = rows()
    X[3:6] = X[2]
    known[2:6] = 0.1
    one, other = (evidence_of(MIXED, X, y, known, merge=merge) for merge in (True, False))
    assert (len(one.rows), len(other.rows)) == (11, 14)
    logs = one.prior.mean + 0.3
    found = one.numbers(logs)
    task = np.zeros(14, np.int64)
    K = found.kernel(X, X, task, task) + np.diag(found.noise[0] + known**2)
    assert one.likelihood(logs)[0] == pytest.approx(-multivariate_normal.logpdf(y, np.zeros(14), K), rel=1e-9)
    assert one.likelihood(logs)[0] == pytest.approx(other.likelihood(logs)[0], rel=1e-9)
    assert one.likelihood(logs)[1] == pytest.approx(other.likelihood(logs)[1], rel=1e-7, abs=1e-9)


def test_kernel_of_numbers_is_that_of_scikit_learn():
    from sklearn.gaussian_process.kernels import Matern

    axes = Axes(("a", "b", "c"), np.zeros(3, bool), np.arange(3))
    A, B = np.random.default_rng(0).random((2, 6, 3))
    lengths, none = np.array([0.3, 1.1, 2.0]), np.zeros(6, np.int64)
    form = usual_form(axes, "matern52", "joint", trend=False)
    kernel = Kernel(form, np.array([1.7]), lengths, 0.0, np.ones((1, 1, 1)))
    assert kernel(A, B, none, none) == pytest.approx(0.25 + 1.7 * Matern(lengths, nu=2.5)(A, B), abs=1e-12)
    assert kernel.diagonal(A, none) == pytest.approx(np.full(6, 1.95))


def test_categories_are_equal_or_different_whatever_their_codes():
    form = usual_form(MIXED, "matern52", "joint", trend=False)
    kernel = Kernel(form, np.ones(1), np.array([1.0, 1.0, 0.5]), 0.0, np.ones((1, 1, 1)))
    A = np.array([[0.5, 0.5, 0.5, code] for code in (0, 1, 7, 1)])
    none = np.zeros(4, np.int64)
    K = kernel(A, A, none, none)
    assert K[0, 1] == K[0, 2] == K[1, 2] < K[1, 3] == K[0, 0]
    assert K[0, 1] == pytest.approx(0.25 + bent("matern52", np.array([4.0]))[0], rel=1e-12)


def test_draws_of_the_numbers_spread_as_the_posterior_bends():
    X, y, known = rows(30)
    evidence = evidence_of(MIXED, X, y, known)
    best, _ = evidence.best(usual_starts(evidence, 1, 0))
    drawn = np.array(likely(evidence, best, 400, 0))
    assert np.abs(drawn.mean(axis=0) - best).max() < 0.6
    # nowhere wider than the prior, and somewhere narrower
    ratio = drawn.std(axis=0) / evidence.prior.deviation
    assert ratio.max() < 1.8
    assert ratio.min() < 0.5


@pytest.mark.parametrize("shape", ["matern52", "rbf"])
def test_posterior_is_that_of_gpytorch_at_the_same_numbers(shape):
    torch = pytest.importorskip("torch", reason="the extra bo is not installed")
    gpytorch = pytest.importorskip("gpytorch", reason="the extra bo is not installed")
    axes = Axes(("a", "b", "c"), np.zeros(3, bool), np.arange(3))
    rng = np.random.default_rng(1)
    X, new = rng.random((25, 3)), rng.random((9, 3))
    y = np.sin(5 * X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(25)
    belief = make(axes, shape=shape, members=1).fit(X, y, seed=0)
    kernel, noise = belief.numbers.kernel, float(belief.numbers.noise[0])
    own = (
        gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=3)
        if shape == "matern52"
        else gpytorch.kernels.RBFKernel(ard_num_dims=3)
    )
    own = own.double()
    own.lengthscale = torch.tensor(kernel.lengths)
    A, B = torch.tensor(X), torch.tensor(new)
    with torch.no_grad():
        K, across, inner = (
            0.25 + float(kernel.amplitudes[0]) * own(a, b).to_dense() for a, b in ((A, A), (A, B), (B, B))
        )
        right = torch.cat([torch.tensor(belief.rows.y)[:, None], across], 1)
        solved = torch.linalg.solve(K + noise * torch.eye(25), right)
        mean = (across.T @ solved[:, :1])[:, 0].numpy()
        covariance = (inner - across.T @ solved[:, 1:]).numpy()
    shift, scale = belief.scale.shift[0], belief.scale.scale[0]
    found, spread = belief.joint(new)
    assert found == pytest.approx(shift + scale * mean, abs=1e-8)
    assert spread == pytest.approx(scale**2 * covariance, abs=1e-8)
    assert belief.predict(new)[1] == pytest.approx(scale * np.sqrt(np.diag(covariance)), abs=1e-8)
