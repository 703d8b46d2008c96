import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.integrate import quad
from scipy.stats import norm

from matloop.design.acquisition.confidence import UpperConfidence
from matloop.design.acquisition.improvement import (
    LogExpectedImprovement,
    LogNoisyExpectedImprovement,
    LogProbabilityOfImprovement,
)


def grid():
    return np.array([[0.0, 1.0], [1.5, 0.3], [-3.0, 0.5], [0.9, 1e-3], [-40.0, 1.0], [-4000.0, 1.0]])


def about(asking, aim, best=1.0, **more):
    return asking(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([-1.0, best]), aims=(aim(0, best=best),), **more)


def gain(y, mean, std):
    return (y - 1.0) * norm.pdf(y, mean, std)


def test_expected_improvement_is_the_integral(told, asking, aim):
    X = grid()[:4]
    found = LogExpectedImprovement().worth([told()], X, about(asking, aim))
    area = [quad(gain, 1.0, max(m, 1.0) + 12 * s, args=(m, s))[0] for m, s in X]
    np.testing.assert_allclose(np.exp(found), area, rtol=1e-7, atol=1e-200)


def test_far_in_the_tail_it_agrees_with_botorch(told, asking, aim):
    torch = pytest.importorskip("torch", reason="botorch is not installed")
    analytic = pytest.importorskip("botorch.acquisition.analytic", reason="botorch is not installed")
    X, z = grid(), torch.tensor((grid()[:, 0] - 1.0) / grid()[:, 1], dtype=torch.float64)
    helper = analytic._log_ei_helper(z).numpy() + np.log(X[:, 1])
    np.testing.assert_allclose(LogExpectedImprovement().worth([told()], X, about(asking, aim)), helper, rtol=1e-9)


def model_of(fixed, X, y):
    torch = pytest.importorskip("torch", reason="botorch is not installed")
    pytest.importorskip("botorch", reason="botorch is not installed")
    from botorch.models.model import Model
    from botorch.posteriors import GPyTorchPosterior
    from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal

    beliefs = [fixed(X, row) for row in y]

    class Exact(Model):
        num_outputs = len(beliefs)

        def posterior(self, X, **_):
            parts = []
            for belief in beliefs:
                mean, std = belief.predict(X[:, 0].numpy())
                parts.append(
                    MultivariateNormal(torch.tensor(mean)[:, None], torch.diag_embed(torch.tensor(std**2)[:, None]))
                )
            if len(parts) == 1:
                return GPyTorchPosterior(parts[0])
            return GPyTorchPosterior(MultitaskMultivariateNormal.from_independent_mvns(parts))

    return beliefs, Exact()


@pytest.mark.parametrize("name", ["LogExpectedImprovement", "LogProbabilityOfImprovement", "UpperConfidenceBound"])
def test_one_aim_agrees_with_botorch(fixed, learnt, asking, name):
    belief, asked = learnt
    _, model = model_of(fixed, belief.X, [belief.y])
    import torch
    from botorch.acquisition import analytic

    X = np.random.default_rng(3).random((50, 2))
    best = float(belief.y.max())
    ours, theirs = {
        "LogExpectedImprovement": (LogExpectedImprovement(), lambda m: analytic.LogExpectedImprovement(m, best)),
        "LogProbabilityOfImprovement": (
            LogProbabilityOfImprovement(margin=0.0),
            lambda m: analytic.LogProbabilityOfImprovement(m, best),
        ),
        "UpperConfidenceBound": (UpperConfidence(2.0), lambda m: analytic.UpperConfidenceBound(m, beta=4.0)),
    }[name]
    found = theirs(model)(torch.tensor(X)[:, None, :]).detach().numpy()
    np.testing.assert_allclose(ours.worth([belief], X, asked), found, rtol=1e-5, atol=1e-6)


def test_with_a_condition_it_agrees_with_botorch(fixed, learnt, asking, aim):
    belief, _ = learnt
    other = np.cos(4 * belief.X[:, 1])
    beliefs, model = model_of(fixed, belief.X, [belief.y, other])
    import torch
    from botorch.acquisition.analytic import LogConstrainedExpectedImprovement

    best = 0.7
    aims = (aim(0, best=best), aim(1, is_open=False, low=-0.2, high=0.5))
    asked = asking(belief.X, belief.y, other, aims=aims)
    X = np.random.default_rng(3).random((50, 2))
    theirs = LogConstrainedExpectedImprovement(model, best, 0, {1: (-0.2, 0.5)})(torch.tensor(X)[:, None, :])
    found = LogExpectedImprovement().worth(beliefs, X, asked)
    np.testing.assert_allclose(found, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_higher_mean_is_never_worth_less(told, asking, aim):
    @settings(deadline=None)
    @given(some.floats(-50, 50), some.floats(1e-6, 20), some.floats(0.001, 5), some.floats(-5, 5))
    def check(mean, std, more, best):
        X = np.array([[mean, std], [mean + more, std]])
        asked = asking(np.zeros((2, 2)), np.array([best - 1.0, best]), aims=(aim(0, best=best),))
        for acquisition in (LogExpectedImprovement(), LogProbabilityOfImprovement(), UpperConfidence()):
            low, high = acquisition.worth([told()], X, asked)
            assert high >= low - 1e-12

    check()


def test_noisy_improvement_is_that_over_the_best_value_without_noise(fixed, asking):
    X = np.random.default_rng(0).random((8, 2))
    y = np.sin(5 * X[:, 0]) + 0.4 * np.random.default_rng(1).standard_normal(8)
    belief = fixed(X, y, noise=0.4)
    asked = asking(X, y)
    new = np.random.default_rng(2).random((6, 2))
    found = LogNoisyExpectedImprovement(draws=8192).worth([belief], new, asked)
    values = belief.draw(np.vstack([X, new]), 200_000, seed=5)
    truth = np.maximum(values[:, 8:] - values[:, :8].max(axis=1, keepdims=True), 0.0).mean(axis=0)
    np.testing.assert_allclose(np.exp(found), truth, rtol=0.03, atol=1e-4)


def test_without_noise_noisy_improvement_is_the_usual_one(learnt):
    belief, asked = learnt
    X = np.random.default_rng(2).random((30, 2))
    usual = LogExpectedImprovement().worth([belief], X, asked)
    noisy = LogNoisyExpectedImprovement().worth([belief], X, asked)
    likely = usual > -8
    np.testing.assert_allclose(noisy[likely], usual[likely], atol=0.05)


def test_a_sure_value_is_worth_its_gain(told, asking, aim):
    found = LogExpectedImprovement().worth([told()], np.array([[3.0, 0.0]]), about(asking, aim))
    assert found[0] == pytest.approx(math.log(2.0))
