import numpy as np
import pytest

from matloop.core.errors import ConfigError
from matloop.design.contract import History, Points
from matloop.design.goals import read_goal
from matloop.design.optimisers.bandit import Bandit
from matloop.design.optimisers.choices import Choices
from matloop.design.optimisers.policy import PolicyGradient, log_probability
from matloop.design.space.domain import open_domain
from matloop.problem import space as sp

GOAL = (read_goal("maximise y"),)
WORDS = ("a", "b", "c", "d", "e", "f")
RECIPES = open_domain(sp.Space(tuple(sp.Categorical(f"step{k}", WORDS) for k in range(4))))
EFFECT = np.random.default_rng(0).normal(size=(4, 6))


def gives(values):
    codes = values.astype(int)
    return sum(EFFECT[k][codes[:, k]] for k in range(4))


def best_found(strategy, seed, n=40, batch=8):
    points = np.zeros((0, 4))
    for _ in range(n // batch):
        known = History(
            Points(points),
            {"y": gives(points)},
            np.zeros(len(points), bool),
            round=np.arange(len(points), dtype=np.int64) // batch,
        )
        points = np.vstack([points, strategy.suggest(RECIPES, known, GOAL, batch, seed=seed).points.values])
    return gives(points).max()


def random_best(seed, n=40):
    return gives(RECIPES.sample(n, seed + 50).values).max()


@pytest.mark.parametrize("strategy", [Bandit(), Bandit("ucb"), PolicyGradient()], ids=["thompson", "ucb", "policy"])
def test_recipes_of_four_steps_are_better_than_random_ones(strategy):
    top = gives(RECIPES.everything(2000).values).max()
    ours = np.mean([top - best_found(strategy, seed) for seed in range(2)])
    random = np.mean([top - random_best(seed) for seed in range(20)])
    assert ours < 0.7 * random


def test_a_bandit_says_how_much_levels_share():
    points = RECIPES.sample(30, 1)
    known = History(points, {"y": gives(points.values)}, np.zeros(30, bool))
    found = Bandit().suggest(RECIPES, known, GOAL, 3, seed=0)
    assert "90 % of what differs" in found.how  # the effects are a plain sum
    assert all(reason.startswith("arm worth") for reason in found.reasons)


def test_an_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match="neither 'thompson' nor 'ucb'"):
        Bandit("greedy")


def test_a_policy_learns_an_order_of_steps():
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=(300, 2))
    score = (codes[:, 0] == codes[:, 1]).astype(float)  # the second step must repeat the first one
    policy, batches = PolicyGradient(rate=0.3).trained(np.array([4, 4]), codes, score, np.arange(300) // 5)
    right = np.exp(log_probability(policy, np.array([[k, k] for k in range(3)]))).sum()
    assert batches == 60
    assert right > 0.5  # 1 / 3 by chance


def test_levels_are_single_values_where_few_and_bins_where_many():
    values = np.column_stack([np.tile([1.0, 5.0], 50), np.arange(100.0), np.full(100, 2.0)])
    values[0, 1] = np.nan
    choices = Choices.of(values[1:], ("few", "many", "one"))
    assert choices.names == ("few", "many")
    np.testing.assert_array_equal(np.bincount(choices.codes(values)[:, 1]), [20, 20, 19, 20, 20, 1])
