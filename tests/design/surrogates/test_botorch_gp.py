"""The peer: what BoTorch learns, and our own process beside it."""

import numpy as np
import pytest

from matloop.design.surrogates.measured import standardised
from matloop.testing.surrogate_contract import example, mixed_axes

torch = pytest.importorskip("torch", reason="the extra bo is not installed")
pytest.importorskip("botorch", reason="the extra bo is not installed")

from matloop.design.surrogates.botorch_gp import as_process, fitted_model, make  # noqa: E402
from matloop.design.surrogates.gp import make as make_gp  # noqa: E402


@pytest.mark.parametrize("error", [0.0, 0.1])
def test_posterior_is_that_of_botorch_itself(error):
    case = example(25, numbers=3, words=0)
    z, scale = standardised(case.y, np.zeros(25, np.int64))
    known = np.full(25, error)
    model = fitted_model(case.X, z, known, 0)
    found = model.posterior(torch.tensor(case.new))
    process = as_process(model, case.X, z, known, scale)
    shift, size = scale.shift[0], scale.scale[0]
    mean, covariance = process.joint(case.new)
    assert mean == pytest.approx(shift + size * found.mean.detach().numpy()[:, 0], abs=1e-8)
    other = found.distribution.covariance_matrix.detach().numpy()
    assert covariance == pytest.approx(size**2 * other, abs=1e-8)


def test_our_own_process_foresees_at_least_as_well():
    # a bent law in five dimensions, twenty rows: mean log density of 200 new rows over five samples
    gain = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.random((220, 5))
        y = np.sin(6 * X[:, 0]) * np.sin(5 * X[:, 1]) + X[:, 2] * (X[:, 3] > 0.5)
        density = []
        for maker in (make, make_gp):
            belief = maker(mixed_axes(5, 0)).fit(X[:20], y[:20], seed=0)
            mean, std = belief.predict(X[20:])
            wide = np.hypot(std, belief.noise)
            density.append(np.mean(-0.5 * ((y[20:] - mean) / wide) ** 2 - np.log(wide)))
        gain.append(density[1] - density[0])
    assert np.mean(gain) > -0.05


def test_the_same_seed_gives_the_same_numbers_and_leaves_torch_alone():
    case = example()
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again = (make(case.axes).fit(case.X, case.y, seed=1).predict(case.new) for _ in range(2))
    assert (np.array(first) == np.array(again)).all()
    assert (torch.random.get_rng_state() == before).all()
