"""A policy for syntheses in steps: which choice comes next, given the one before, learnt from what recipes gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax
from scipy.stats import rankdata

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.choices import Choices, pool_of
from matloop.design.optimisers.told import first_design, fitness, generator, is_table, rounds_of, suggestions

_LEAST = 3
Policy = tuple[FloatArray, ...]
"""Per step, preferences of shape (levels of the step before + 1, levels): the last row holds whatever came before."""


@dataclass(frozen=True, slots=True)
class PolicyGradient:
    """The parameters of the space, in their order, are the steps of a synthesis. Each has a softmax over its levels
    (words, few values, or five bins), which knows the choice of the step before. Batch after batch, in the order in
    which they were told, the policy moves up the gradient of the expected result (REINFORCE), where a result counts by
    its rank among those known then, less their mean.

    rate : of learning. keep : pull towards trying everything (entropy).

    Williams, Mach. Learn. 8 (1992) 229, doi:10.1007/BF00992696; for reactions: Zhou, Li, Zare, ACS Cent. Sci. 3 (2017)
    1337, doi:10.1021/acscentsci.7b00492.
    """

    rate: float = 0.7
    keep: float = 0.02

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        if np.isfinite(score).sum() < _LEAST:
            return first_design(domain, history, goals, n, seed, why=f"fewer than {_LEAST} results are known")
        rng = generator(history, seed)
        pool = pool_of(domain, 0).values
        choices = Choices.of(pool, tuple(domain.columns), without=int(is_table(domain)))
        told = choices.codes(history.points.values)
        policy, learnt = self.trained(choices.sizes, told, score, rounds_of(history))
        offered = _recipes(policy, choices, 0 if is_table(domain) else 40 * n, rng)
        offered = offered[domain.why_not(Points(offered)) == ""]
        if len(offered) < 4 * n:  # steps that bind each other (mixtures): weigh what is allowed instead
            offered = np.vstack([offered, _weighed(policy, choices, domain, history, score, 4 * n, rng)])
        likely = log_probability(policy, choices.codes(offered)) - log_probability(policy, choices.codes(pool)).mean()
        reasons = [
            f"a recipe that the policy, after {learnt} batches, makes {_times(value)} as probable as a usual one"
            for value in likely
        ]
        how = f"Policy gradient over {len(choices.names)} steps, {learnt} batches learnt: {_firmest(policy, choices)}."
        return suggestions(domain, history, Points(offered), reasons, n, seed, how=how)

    def trained(self, sizes: IntArray, codes: IntArray, score: FloatArray, rounds: IntArray) -> tuple[Policy, int]:
        """The policy after all batches, and how many there were. A failed experiment counts as the worst."""
        policy = tuple(np.zeros(shape) for shape in zip([1, *(sizes[:-1] + 1)], sizes, strict=True))
        for number in range(int(rounds.max(initial=-1)) + 1):
            known, rows = rounds <= number, np.flatnonzero(rounds == number)
            rank = np.full(len(score), np.nan)
            rank[known] = (rankdata(score[known]) - 0.5) / known.sum()
            for row in rows:
                policy = self._stepped(policy, codes[row], 2 * float(rank[row]) - 1)
        return policy, int(rounds.max(initial=-1)) + 1

    def _stepped(self, policy: Policy, recipe: IntArray, advantage: float) -> Policy:
        moved = []
        for step, table in enumerate(policy):
            before = recipe[step - 1] if step else 0
            logits = _logits(table, before, step)
            p = np.exp(logits)
            up = self.rate * advantage * ((np.arange(len(p)) == recipe[step]) - p)
            up += self.keep * -p * (logits - p @ logits)  # gradient of the entropy
            table = table.copy()
            table[-1] += up
            if step:
                table[before] += up
            moved.append(table)
        return tuple(moved)


def _logits(table: FloatArray, before: int, step: int) -> FloatArray:
    row = table[-1] + table[before] if step else table[-1]
    return np.asarray(log_softmax(row))


def log_probability(policy: Policy, codes: IntArray) -> FloatArray:
    """Of whole recipes, shape (n,)."""
    total = np.zeros(len(codes))
    for step, table in enumerate(policy):
        logits = table[-1][None, :] + (table[codes[:, step - 1]] if step else np.zeros((len(codes), 1)))
        total += log_softmax(logits, axis=1)[np.arange(len(codes)), codes[:, step]]
    return total


def _recipes(policy: Policy, choices: Choices, n: int, rng: np.random.Generator) -> FloatArray:
    """Values of drawn recipes, shape (n, n_columns): a level per step, then any value of the pool within it."""
    pool = choices.codes(choices.pool)
    values = choices.pool[rng.integers(len(choices.pool), size=n)].copy()
    before = np.zeros(n, np.int64)
    for step, table in enumerate(policy):
        there = np.bincount(pool[:, step], minlength=table.shape[1]) > 0
        logits = table[-1][None, :] + (table[before] if step else np.zeros((n, 1)))
        logits = np.where(there, logits, -np.inf) + rng.gumbel(size=(n, table.shape[1]))
        before = logits.argmax(axis=1)
        for level in np.unique(before):
            rows = np.flatnonzero(pool[:, step] == level)
            mine = before == level
            column = choices.columns[step]
            values[mine, column] = choices.pool[rng.choice(rows, int(mine.sum())), column]
    return values


def _weighed(
    policy: Policy,
    choices: Choices,
    domain: Domain,
    history: History,
    score: FloatArray,
    n: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Allowed points, drawn by how probable the policy makes them."""
    parts = [domain.sample(1_024, int(rng.integers(2**31))).values]
    best = history.points.take(np.argsort(-score, kind="stable")[:5])
    best = best.take(domain.why_not(best) == "")
    if len(best):
        parts.append(domain.near(best, 64, int(rng.integers(2**31)), reach=0.15).values)
    values = np.vstack(parts)
    worth = log_probability(policy, choices.codes(values)) + rng.gumbel(size=len(values))
    return values[np.argsort(-worth, kind="stable")[:n]]


def _times(value: float) -> str:
    return f"{np.exp(value):.2g} times" if abs(value) < 20 else "far more than 1e8 times" if value > 0 else "hardly"


def _firmest(policy: Policy, choices: Choices) -> str:
    """The step of which the policy is surest."""
    if not policy:
        return "there is nothing to choose"
    top = [float(np.exp(log_softmax(table[-1])).max()) for table in policy]
    step = int(np.argmax(top))
    return f"surest of {choices.names[step]} ({100 * top[step]:.0f} % for one level)"
