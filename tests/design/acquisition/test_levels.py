import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.acquisition.choose import choose
from matloop.design.acquisition.levels import LevelSet, Safe, Straddle, told_apart


def at_most(asking, aim, values, high=1.0, **more):
    return asking(
        np.zeros((len(values), 2)), np.array(values), aims=(aim(0, is_open=False, high=high), *more.get("aims", ()))
    )


def test_straddle_is_doubt_less_distance_from_the_limit(told, asking, aim):
    """1.96 s - |m - 1|: 1.96, 0.96, 1.46 and -4.8, in this order."""
    X = np.array([[1.0, 1.0], [2.0, 1.0], [0.5, 1.0], [6.0, 0.1]])
    assert np.argsort(-Straddle().worth([told()], X, at_most(asking, aim, [0.0, 2.0]))).tolist() == [0, 2, 1, 3]


def test_what_is_told_apart_is_worth_nothing(told, asking, aim):
    X = np.array([[1.0, 0.2], [3.0, 0.2], [-2.0, 0.2]])
    asked = at_most(asking, aim, [0.0, 2.0])
    assert np.isneginf(LevelSet().worth([told()], X, asked)).tolist() == [False, True, True]
    assert np.isfinite(LevelSet().worth([told()], X[1:], asked)).all()
    assert told_apart(told(), X, high=1.0).tolist() == [0, -1, 1]


def test_a_border_is_found_with_few_experiments(fixed, pool, asking, aim):
    """Of 400 places, the side of 93 % is known after 25 experiments, and of fewer after random ones; none is wrong."""
    grid = np.array([[a, b] for a in np.linspace(0, 1, 20) for b in np.linspace(0, 1, 20)])
    truth = np.sin(4 * grid[:, 0]) + grid[:, 1]
    shares = {}
    for name in ("level_set", "random"):
        rng = np.random.default_rng(0)
        rows = rng.permutation(400)[:5].tolist()
        while len(rows) < 25:
            belief = fixed(grid[rows], truth[rows], mean=0.8)
            asked = asking(grid[rows], truth[rows], aims=(aim(0, is_open=False, low=1.0),))
            if name == "random":
                rows += rng.permutation(400)[:2].tolist()
            else:
                found = choose(LevelSet(), [belief], asked, pool(X=grid), 2, seed=1)
                rows += found.points.values[:, 0].astype(int).tolist()
        side = told_apart(fixed(grid[rows], truth[rows], mean=0.8), grid, low=1.0)
        assert (side[side != 0] > 0).tolist() == (truth[side != 0] >= 1.0).tolist()
        shares[name] = (side != 0).mean()
    assert shares["level_set"] > 0.93
    assert shares["level_set"] > shares["random"] + 0.05


def test_only_what_is_surely_safe_is_tried(learnt, pool, asking, aim, fixed):
    belief, _ = learnt
    danger = belief.X[:, 0] + belief.X[:, 1]
    aims = (aim(0, best=float(belief.y.min())), aim(1, is_open=False, high=1.0))
    asked = asking(belief.X, belief.y, danger, aims=aims)
    X = np.random.default_rng(1).random((400, 2))
    beliefs = [belief, fixed(belief.X, danger, length=1.0)]
    found = choose(Safe(), beliefs, asked, pool(X=X), 5, seed=0)
    assert len(found.points) == 5
    assert found.X.sum(axis=1).max() <= 1.0
    never = asking(belief.X, belief.y, danger, aims=(aims[0], aim(1, is_open=False, high=-5.0)))
    assert len(choose(Safe(), beliefs, never, pool(X=X), 5, seed=0).points) == 0


@pytest.mark.parametrize("kind", [Straddle, LevelSet, Safe])
def test_a_limit_is_asked_for(kind, learnt):
    with pytest.raises(ConfigError, match="needs a goal with an end"):
        kind().worth([learnt[0]], np.zeros((1, 2)), learnt[1])
