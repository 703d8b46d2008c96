"""Beside botorch's qLogNEHVI, for the same beliefs."""

import numpy as np
import pytest

from matloop.design.contract import About, Aim
from matloop.design.objectives.improvement import HypervolumeImprovement
from matloop.testing.acquisition_contract import Fixed

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("botorch", reason="botorch is not installed")

from botorch.acquisition.multi_objective import logei  # noqa: E402
from botorch.models.model import Model  # noqa: E402
from botorch.posteriors.gpytorch import GPyTorchPosterior  # noqa: E402
from botorch.sampling import SobolQMCNormalSampler  # noqa: E402
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal  # noqa: E402


@pytest.fixture(autouse=True)
def _nothing_is_compiled(monkeypatch):
    """botorch would compile a faster kernel, and wait for ever where a killed process left the lock of its compiler."""
    monkeypatch.setattr(logei, "_load_attempted", True, raising=False)


class Beliefs(Model):
    """Beliefs as botorch sees a model."""

    def __init__(self, beliefs):
        super().__init__()
        self.beliefs = beliefs

    num_outputs = 2
    batch_shape = torch.Size([])

    def posterior(self, X, **_):
        rows = X.reshape(-1, *X.shape[-2:])
        parts = []
        for belief in self.beliefs:
            found = [belief.joint(row.numpy()) for row in rows]
            mean = torch.tensor(np.array([m for m, _ in found])).reshape(X.shape[:-1])
            covariance = torch.tensor(np.array([c for _, c in found])).reshape(*X.shape[:-1], X.shape[-2])
            parts.append(MultivariateNormal(mean, covariance + 1e-8 * torch.eye(X.shape[-2])))
        return GPyTorchPosterior(MultitaskMultivariateNormal.from_independent_mvns(parts))


def test_agrees_with_botorch():
    rng = np.random.default_rng(0)
    X, asked = rng.random((12, 2)), rng.random((30, 2))
    Y = np.array([-((X - 0.2) ** 2).sum(axis=1), -((X - 0.8) ** 2).sum(axis=1)])
    beliefs = [Fixed(X, y, length=0.6, noise=0.1) for y in Y]
    about = About((Aim(0), Aim(1)), X, Y, np.zeros((0, 2)))
    ours = HypervolumeImprovement((-1.2, -1.2), draws=256).worth(beliefs, asked, about)
    with torch.no_grad():
        theirs = logei.qLogNoisyExpectedHypervolumeImprovement(
            Beliefs(beliefs),
            [-1.2, -1.2],
            torch.tensor(X),
            sampler=SobolQMCNormalSampler(torch.Size([1024]), seed=0),
            cache_root=False,
        )(torch.tensor(asked)[:, None, :]).numpy()
    worth = theirs > theirs.max() - 2.5  # further down few draws tell
    np.testing.assert_allclose(ours[worth], theirs[worth], atol=0.1)
    assert ours.argmax() == theirs.argmax()
