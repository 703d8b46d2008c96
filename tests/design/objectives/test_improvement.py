from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import About, Aim
from matloop.design.merit import log_expected_gain
from matloop.design.objectives.hypervolume import hypervolume
from matloop.design.objectives.improvement import HypervolumeImprovement
from matloop.testing.acquisition_contract import Fixed

RNG = np.random.default_rng(0)
X = RNG.random((12, 2))
Y = np.array([-((X - 0.2) ** 2).sum(axis=1), -((X - 0.8) ** 2).sum(axis=1)])
ASKED = RNG.random((40, 2))
REFERENCE = (-1.2, -1.2)


def beliefs(noise=1e-3):
    return [Fixed(X, y, length=0.6, noise=noise) for y in Y]


def about(*aims, **more):
    return About(aims or (Aim(0), Aim(1)), X, Y, np.zeros((0, 2)), **more)


def test_agrees_with_the_mean_over_plain_draws():
    found = np.exp(HypervolumeImprovement(REFERENCE, draws=64).worth(beliefs(0.1), ASKED, about()))
    rng = np.random.default_rng(1)
    together = np.vstack([X, ASKED])
    draws = np.stack([belief.draw(together, 200, int(rng.integers(1e9))) for belief in beliefs(0.1)], axis=2)
    gains = np.zeros(len(ASKED))
    for values in draws:
        base = hypervolume(values[:12], np.array(REFERENCE))
        gains += [hypervolume(np.vstack([values[:12], y]), np.array(REFERENCE)) - base for y in values[12:]]
    np.testing.assert_allclose(found, gains / 200, rtol=0.25, atol=0.004)


def test_one_objective_without_noise_is_expected_improvement():
    found = HypervolumeImprovement().worth(beliefs(1e-6), ASKED, about(Aim(0)))
    mean, std = beliefs(1e-6)[0].predict(ASKED)
    np.testing.assert_allclose(found, log_expected_gain(mean, std, Y[0].max()), atol=0.05, rtol=1e-4)


def test_far_from_any_gain_the_logarithm_is_finite_and_ordered():
    sure = [Fixed(X, y, length=0.6, scale=1.0, noise=1e-3) for y in Y]
    near_known = X[[0]] + np.array([[1e-4], [1e-3], [1e-2]])
    found = HypervolumeImprovement((0.5, 0.5)).worth(sure, near_known, about())
    assert np.isfinite(found).all()


def test_a_condition_lowers_what_is_likely_to_miss_it():
    free = HypervolumeImprovement(REFERENCE).worth(beliefs(), ASKED, about())
    bound = Aim(0, is_open=False, low=-0.2, high=np.inf)
    found = HypervolumeImprovement(REFERENCE).worth(
        [*beliefs(), beliefs()[0]],
        ASKED,
        About((Aim(0), Aim(1), replace(bound, belief=2)), X, np.vstack([Y, Y[:1]]), np.zeros((0, 2))),
    )
    mean, std = beliefs()[0].predict(ASKED)
    bad = (-0.2 - mean) / std > 4
    assert bad.any()
    assert (found[bad] < free[bad] - 3).all()


def test_without_open_aims_it_is_the_chance():
    aim = Aim(0, is_open=False, low=-0.2, high=np.inf)
    found = HypervolumeImprovement().worth(beliefs(), ASKED, about(aim))
    assert (found <= 0).all()
    assert np.argmax(found) == np.argmin(np.where(found == found.max(), 0, 1))


def test_what_is_pending_is_not_worth_asking_again():
    acquisition = HypervolumeImprovement(REFERENCE)
    best = ASKED[[np.argmax(acquisition.worth(beliefs(), ASKED, about()))]]
    waiting = replace(about(), pending=best)
    apart = acquisition.worth(beliefs(), best, about())[0] - acquisition.worth(beliefs(), best, waiting)[0]
    assert apart > 3


def test_an_objective_told_twice_counts_once():
    twice = About((Aim(0), Aim(1), Aim(2)), X, np.vstack([Y, 7 * Y[:1] + 2]), np.zeros((0, 2)))
    third = Fixed(X, 7 * Y[0] + 2, length=0.6, scale=7.0, mean=2.0, noise=7e-3)
    found = HypervolumeImprovement().worth([*beliefs(), third], ASKED, twice)
    np.testing.assert_allclose(found, HypervolumeImprovement().worth(beliefs(), ASKED, about()))


def test_a_failed_experiment_is_on_no_front():
    gone = Y.copy()
    gone[:, Y[0].argmax()] = np.nan
    kept = np.flatnonzero(np.isfinite(gone[0]))
    found = HypervolumeImprovement(REFERENCE).worth(beliefs(), ASKED, replace(about(), values=gone))
    without = About((Aim(0), Aim(1)), X[kept], Y[:, kept], np.zeros((0, 2)))
    # the scale of the values is that of the kept ones in both
    np.testing.assert_allclose(found, HypervolumeImprovement(REFERENCE).worth(beliefs(), ASKED, without))


def test_a_reference_of_the_wrong_length_is_refused():
    with pytest.raises(ConfigError, match="3 numbers as reference for 2 objectives"):
        HypervolumeImprovement((0.0, 0.0, 0.0)).worth(beliefs(), ASKED, about())


def test_a_limit_of_an_objective_is_its_reference():
    limits = [Aim(k, is_open=False, low=-1.2, high=np.inf) for k in range(2)]
    found = HypervolumeImprovement().worth(beliefs(), ASKED, about(Aim(0), Aim(1), *limits))
    np.testing.assert_allclose(found, HypervolumeImprovement(REFERENCE).worth(beliefs(), ASKED, about()))
