import numpy as np
import pytest
from scipy.stats import gumbel_r, norm, truncnorm

from matloop.design.acquisition.entropy import (
    JointEntropy,
    MaxValueEntropy,
    gumbel,
    log_lost_entropy,
)


def test_what_a_ceiling_takes_away_is_the_difference_of_entropies():
    for gamma in (-3.0, -0.5, 0.0, 1.0, 4.0):
        truth = norm.entropy() - truncnorm.entropy(-15.0, gamma)
        assert np.exp(log_lost_entropy(np.array([gamma]))[0]) == pytest.approx(truth, rel=1e-6)


def test_a_high_ceiling_takes_little_and_never_nothing():
    found = log_lost_entropy(np.array([-1e6, -2e4, -1e4 + 1, -100.0, 5.999, 6.001, 40.0, 400.0]))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
    # gamma phi(gamma) / 2 for large gamma, with the tail phi / gamma beside it
    assert found[-2] == pytest.approx(norm.logpdf(40.0) + np.log(20.0 + 1 / 40.0), abs=1e-4)


def test_a_gumbel_variable_is_found_again():
    drawn = np.random.default_rng(0).gumbel(2.0, 0.5, 100_000)
    np.testing.assert_allclose(
        gumbel(drawn, 101)[[10, 50, 90]], gumbel_r.ppf([10.5 / 101, 0.5, 90.5 / 101], 2.0, 0.5), atol=0.01
    )


def test_what_is_told_of_the_maximum_agrees_with_brute_force(fixed, asking):
    """Draws of all values: for each drawn maximum the entropy of a value below it, averaged."""
    X = np.random.default_rng(0).random((5, 1))
    y = np.sin(6 * X[:, 0])
    belief, places = fixed(X, y, length=0.05), np.linspace(0, 1, 40)[:, None]
    highest = belief.draw(places, 2000, seed=1).max(axis=1)
    mean, std = belief.predict(places)
    below = (highest[:, None] - mean) / std
    sure = std > 0.05
    truth = norm.entropy() - np.mean(
        [truncnorm.entropy(-15.0, np.maximum(row[sure], 1e-6)) for row in below[::10]], axis=0
    )
    found = np.exp(MaxValueEntropy().worth([belief], places[sure], asking(X, y)))
    assert np.corrcoef(found, truth)[0, 1] > 0.95
    assert np.median(found / truth) == pytest.approx(1.0, abs=0.1)


def test_the_joint_entropy_is_what_is_left_when_the_best_is_told(fixed, asking):
    X = np.random.default_rng(0).random((5, 1))
    y = np.sin(6 * X[:, 0])
    belief, new = fixed(X, y, noise=0.1), np.linspace(0, 1, 7)[:, None]
    ready = JointEntropy(draws=3).prepare([belief], np.linspace(0, 1, 60)[:, None], asking(X, y))
    left = []
    for told, top in ready.told:
        mean, std = told.predict(new)
        variance = [truncnorm.var(-np.inf, max((top - m) / s, -30), scale=s) for m, s in zip(mean, std, strict=True)]
        left.append(0.5 * np.log(np.maximum(variance, 1e-6 * std**2) + 0.01))
    truth = 0.5 * np.log(belief.predict(new)[1] ** 2 + 0.01) - np.mean(left, axis=0)
    np.testing.assert_allclose(np.exp(ready.worth([belief], new, asking(X, y))), truth, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [MaxValueEntropy, JointEntropy])
def test_what_is_known_tells_less_than_what_is_hopeful(kind, learnt):
    belief, about = learnt
    X = np.random.default_rng(2).random((300, 2))
    mean, std = belief.predict(X)
    hopeful = X[[np.argmax(mean + 2 * std)]]
    ready = kind().prepare([belief], X, about)
    assert ready.worth([belief], hopeful, about)[0] > ready.worth([belief], about.known, about).max()
