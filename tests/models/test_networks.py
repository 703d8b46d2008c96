"""Networks that know their doubt: what numpy predicts against torch, against sampling, and against closed forms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from matloop.core.errors import BundleError
from matloop.models import FAMILIES
from matloop.models.bayesian_head import BayesianHead, Head, prior_precision, with_posterior
from matloop.models.family import Uncertainty
from matloop.models.held_back import held_back
from matloop.models.network import Network, value_and_noise, with_noise_times
from matloop.models.quantile_boosting import LEVELS, QuantileTrees
from matloop.models.sampled_network import Sampled, SampledNetwork
from matloop.models.training import Rows, stretch
from matloop.represent.table import Columns

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(40, 3))
Y = Z[:, 0] + 0.2 * RNG.normal(size=40)
COLUMNS = Columns(tuple("abc"), ("f:m",) * 3, {})


def layers(*widths):
    return tuple(
        (RNG.normal(size=(a, b)).astype(np.float32), RNG.normal(size=b).astype(np.float32)) for a, b in pairwise(widths)
    )


def test_members_mix_by_the_law_of_total_variance():
    network = Network((layers(3, 4, 2), layers(3, 4, 2)), "silu", "identity", noisy=True)
    each = [Network((one,), "silu", "identity", noisy=True).values_and_uncertainty(Z) for one in network.members]
    values, found = network.values_and_uncertainty(Z)
    means, noises = [v[:, 0] for v, _ in each], [u.aleatoric**2 for _, u in each]
    np.testing.assert_allclose(values[:, 0], np.mean(means, axis=0))
    np.testing.assert_allclose(found.total**2, np.mean(noises, axis=0) + np.var(means, axis=0))


def test_noise_times_four_doubles_the_deviation():
    one = layers(3, 4, 2)
    small, large = (
        Network((net,), "relu", "identity", noisy=True).values_and_uncertainty(0.1 * Z)[1].aleatoric
        for net in (one, with_noise_times(one, 4.0))
    )
    inside = (small > 0.02) & (large < 4.0)
    np.testing.assert_allclose(large[inside], 2.0 * small[inside], rtol=1e-6)


def test_stretch_takes_what_is_epistemic_off():
    unsure = Uncertainty(np.full(2_000, 0.3), np.full(2_000, 0.2))
    residual = 0.5 * np.random.default_rng(0).normal(size=2_000)
    assert stretch(residual, unsure, np.ones(2_000)) == pytest.approx((0.25 - 0.09) / 0.04, rel=0.1)
    assert stretch(residual[:0], unsure.take(np.zeros(0, int)), np.zeros(0)) == 1.0


def test_shifted_sums_are_distributed_as_those_of_drawn_weights():
    means, loose = layers(3, 1), tuple((np.abs(w), np.abs(b)) for w, b in layers(3, 1))
    shifts = (RNG.normal(size=(40_000, 1)).astype(np.float32),)
    found = Sampled(means, loose, shifts).raw(Z[:5], "relu")[:, :, 0]
    w = means[0][0] + loose[0][0] * RNG.normal(size=(40_000, 3, 1))
    b = means[0][1] + loose[0][1] * RNG.normal(size=(40_000, 1))
    drawn = (Z[:5] @ w)[:, :, 0] + b
    np.testing.assert_allclose(found.mean(axis=0), drawn.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(found.std(axis=0), drawn.std(axis=0), rtol=0.03)


def test_masked_draw_equals_torch_with_these_units_left_out():
    torch = pytest.importorskip("torch")
    one = layers(3, 5, 1)
    mask = np.array([[0.0, 2.0, 2.0, 0.0, 2.0]], np.float32)
    at = torch.tensor(Z) @ torch.tensor(one[0][0]).double() + torch.tensor(one[0][1]).double()
    peer = torch.nn.functional.silu(at) * torch.tensor(mask[0]) @ torch.tensor(one[1][0]).double() + one[1][1][0]
    np.testing.assert_allclose(Sampled(one, masks=(mask,)).raw(Z, "silu")[0], peer.numpy(), atol=1e-9)


def test_draws_that_do_not_fit_are_refused():
    network = SampledNetwork(
        (Sampled(layers(3, 5, 2), masks=(np.ones((4, 5), np.float32),)),), "relu", "identity", True
    )
    arrays = network.to_arrays()
    np.testing.assert_array_equal(SampledNetwork.from_arrays(arrays).values(Z), network.values(Z))
    with pytest.raises(BundleError, match="draws"):
        SampledNetwork.from_arrays(arrays | {"0/mask0": np.ones((4, 6), np.float32)})


def test_posterior_of_the_last_layer_is_that_of_a_linear_model():
    plain = (np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    rows, phi = Rows(Z, Y, RNG.uniform(0.5, 2.0, 40), 0), np.c_[Z, np.ones(40)]
    slopes = np.linalg.lstsq(phi, Y, rcond=None)[0]
    head = Head((plain,), True, None, slopes[:, None], noise=np.r_[np.zeros(3), np.log(0.04)])
    factor = with_posterior(head, "relu", rows, np.zeros(40, bool)).factor[0].astype(float)
    prior = np.linalg.inv(factor @ factor.T) - (phi * (rows.weights / 0.04)[:, None]).T @ phi
    size = prior_precision(np.linalg.eigvalsh((phi * (rows.weights / 0.04)[:, None]).T @ phi), slopes)
    np.testing.assert_allclose(prior, size * np.eye(4), atol=0.01)


def test_prior_precision_is_where_the_evidence_is_largest():
    curvatures, weights = np.array([50.0, 5.0, 0.1]), np.array([1.0, -0.5, 0.2])
    grid = np.exp(np.linspace(np.log(1e-3), np.log(1e3), 4_000))
    evidence = [3 * np.log(p) - np.log(curvatures + p).sum() - p * (weights**2).sum() for p in grid]
    assert prior_precision(curvatures, weights) == pytest.approx(grid[np.argmax(evidence)], rel=0.01)


def test_far_away_a_process_on_waves_goes_back_to_its_prior():
    entry = (np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    waves = (RNG.normal(size=(3, 400)).astype(np.float32), (2 * np.pi * RNG.random(400)).astype(np.float32))
    weights = 0.3 * RNG.normal(size=(401, 1))
    head = Head((entry,), True, waves, weights, noise=np.r_[np.zeros(400), np.log(0.01)])
    head = with_posterior(head, "silu", Rows(Z, Y, np.ones(40), 0), held_back(Y, 0, 0.15, 0))
    model = BayesianHead((head,), "silu")
    near, far = (model.values_and_uncertainty(at)[1].epistemic for at in (Z, Z + 50.0))
    prior = 1.0 / np.sqrt(np.linalg.eigvalsh(np.linalg.inv(head.factor[0].astype(float) @ head.factor[0].T)).min())
    assert near.mean() < 0.5 * far.mean()
    assert far.mean() == pytest.approx(prior, rel=0.15)  # the squares of the waves add up to one


def test_labels_are_softened_by_doubt_about_the_outputs():
    far = BayesianHead(
        (Head((layers(3, 4)[0],), False, None, RNG.normal(size=(5, 2)), np.stack([9.0 * np.eye(5)] * 2)),), "relu"
    )
    sure = BayesianHead(
        (Head(far.members[0].layers, False, None, far.members[0].weights, np.zeros((2, 5, 5))),), "relu"
    )
    assert (far.values(Z).max(axis=1) <= sure.values(Z).max(axis=1) + 1e-12).all()
    np.testing.assert_allclose(sure.values_and_uncertainty(Z)[1].epistemic, 0.0)


def test_log_variance_is_bounded():
    values, noise = value_and_noise(np.array([[[0.0, -1e9], [0.0, 1e9]]]), "identity", True)
    assert values.shape == (1, 2, 1)
    assert (np.isfinite(noise) & (noise > 0)).all()


def test_quantiles_do_not_cross_and_hold_their_share_of_new_rows():
    rng = np.random.default_rng(3)
    X, new = rng.uniform(-1, 1, (500, 3)), rng.uniform(-1, 1, (500, 3))
    make = lambda A: A[:, 0] + (0.1 + 0.5 * (A[:, 1] > 0)) * rng.normal(size=len(A))  # noqa: E731
    model = FAMILIES.load("quantile_boosting").build({}, COLUMNS, "regression", 0, "auto", 0).fit(X, make(X))
    found = model.predictor_.quantiles(model.prepared_.transform(new)) * model.scale_ + model.centre_
    assert (np.diff(found, axis=1) >= 0).all()
    y = make(new)
    assert np.mean((y > found[:, 0]) & (y < found[:, -1])) == pytest.approx(0.9, abs=0.06)
    arrays = model.predictor_.to_arrays()
    with pytest.raises(BundleError, match="levels"):
        QuantileTrees.from_arrays(arrays | {"levels": np.array(LEVELS)[::-1].copy()})
