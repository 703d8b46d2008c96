"""Optimisers find what a random search of the same length does not."""

import numpy as np
import pytest

from matloop.design.contract import History, Points
from matloop.design.goals import read_goal
from matloop.design.optimisers.cma import Cloud
from matloop.design.optimisers.told import rounds_of
from matloop.design.strategies import STRATEGIES

GOAL = (read_goal("minimise y"),)


def sphere(X):
    return ((X - 0.3) ** 2).sum(axis=1)


def searched(name, domain, n=60, batch=6, seed=0, **options):
    """Values in the order in which they were found."""
    strategy = STRATEGIES.load(name)(**options)
    points = np.zeros((0, domain.dimension))
    for _ in range(n // batch):
        known = History(
            Points(points),
            {"y": sphere(points)},
            np.zeros(len(points), bool),
            round=np.arange(len(points), dtype=np.int64) // batch,
        )
        points = np.vstack([points, strategy.suggest(domain, known, GOAL, batch, seed=seed).points.values])
    return sphere(points)


@pytest.mark.parametrize("name", ["genetic", "particle_swarm", "annealing", "cma"])
def test_ahead_of_random(name, cube):
    domain = cube(4)
    ours = np.mean([np.log(searched(name, domain, n=90, seed=seed).min()) for seed in range(4)])
    random = np.mean([np.log(searched("random", domain, n=90, seed=seed).min()) for seed in range(4)])
    assert ours < random - 0.5


def test_sobol_batches_are_one_sequence(cube):
    domain = cube(2)
    one = domain.sample(12, 0, how="sobol").values
    found = searched("sobol", domain, n=12, batch=4)
    np.testing.assert_allclose(found, sphere(one))


def run_cloud(cloud, n, generations, function, seed):
    rng = np.random.default_rng(seed)
    for _ in range(generations):
        X = cloud.drawn(n, rng)
        cloud = cloud.told(X, -function(X))
    return cloud


def ellipsoid(X):
    return (10.0 ** (3 * np.arange(X.shape[1]) / (X.shape[1] - 1)) * (X - 0.4) ** 2).sum(axis=1)


def test_the_cloud_learns_the_axes_of_an_ellipsoid():
    cloud = run_cloud(Cloud.at(np.full(5, 0.9), 0.3), 8, 150, ellipsoid, 0)
    np.testing.assert_allclose(cloud.mean, 0.4, atol=1e-4)


def test_the_cloud_is_as_fast_as_pycma():
    cma = pytest.importorskip("cma", reason="cma is not installed")
    ours, theirs = [], []
    for seed in range(4):
        ours.append(np.log(ellipsoid(run_cloud(Cloud.at(np.full(5, 0.9), 0.3), 8, 80, ellipsoid, seed).mean[None])[0]))
        peer = cma.CMAEvolutionStrategy(np.full(5, 0.9), 0.3, {"popsize": 8, "seed": seed + 1, "verbose": -9})
        for _ in range(80):
            X = np.array(peer.ask())
            peer.tell(list(X), ellipsoid(X).tolist())
        theirs.append(np.log(ellipsoid(peer.mean[None])[0]))
    assert np.mean(ours) < np.mean(theirs) + 3.0  # about ten generations


def test_batches_are_numbered_whatever_numbers_were_told():
    told = History(Points(np.zeros((4, 1))), {}, np.zeros(4, bool), round=np.array([3, 3, 7, 9]))
    np.testing.assert_array_equal(rounds_of(told), [0, 0, 1, 2])
