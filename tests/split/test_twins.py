"""Twins are found exactly and never straddle."""

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from matloop.core.errors import ConfigError, DataError
from matloop.split.chemistry import read_chemistry
from matloop.split.space import standardised
from matloop.split.twins import NearTwinFolds, atomic_fractions, composition_twins, near_twins

RNG = np.random.default_rng(1)


@pytest.mark.parametrize(("width", "threshold"), [(3, 0.05), (60, 0.3), (60, 0.6)])
def test_groups_are_those_of_single_linkage(width, threshold):
    X = RNG.normal(size=(100, width)).repeat(4, axis=0) + 0.2 * RNG.normal(size=(400, width))
    peer = AgglomerativeClustering(None, linkage="single", distance_threshold=threshold * np.sqrt(width) + 1e-12)
    assert adjusted_rand_score(peer.fit_predict(standardised(X)), near_twins(X, threshold)) == 1.0


def test_a_doping_series_is_one_family_by_composition():
    series = [f"La{1 - x:.2f}Sr{x:.2f}MnO3" for x in np.arange(0.05, 0.5, 0.05)]
    assert set(composition_twins([*series, "NaCl", "KCl"], 0.02)) == {0, 1, 2}
    assert len(set(composition_twins(series, 0.005))) == len(series)  # steps of 1 % of the atoms
    formulas = [f"{a}{i}{b}{j}" for a in ("Fe", "Co") for b in ("O", "S") for i in range(1, 7) for j in range(1, 7)]
    fractions = atomic_fractions(read_chemistry(formulas))
    apart = 0.5 * np.abs(fractions[:, None] - fractions).sum(axis=2)
    group = composition_twins(formulas, 0.03)
    assert not (apart[group[:, None] != group] <= 0.03).any()


def test_no_held_out_row_has_a_twin_in_training():
    X = RNG.normal(size=(60, 4)).repeat(3, axis=0) + 1e-3 * RNG.normal(size=(180, 4))
    twins = near_twins(X, 0.05)
    for train, test in NearTwinFolds(4, threshold=0.05).split(X, X[:, 0]):
        assert not set(twins[train]) & set(twins[test])
    assert len(set(twins)) == 60


def test_constant_features_and_a_threshold_too_large_are_said():
    with pytest.raises(DataError, match="smaller threshold"):
        list(NearTwinFolds(threshold=50.0).split(RNG.normal(size=(20, 2)), np.arange(20.0)))
    with pytest.raises(DataError, match="smaller threshold"):
        list(NearTwinFolds().split(np.ones((20, 2)), np.arange(20.0)))
    with pytest.raises(ConfigError, match="0 or more"):
        near_twins(np.ones((3, 1)), -1.0)
