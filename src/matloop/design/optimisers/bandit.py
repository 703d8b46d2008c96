"""Bandits: every choice is an arm, and what a pull teaches about its values carries over to arms that share them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.choices import Choices, pool_of
from matloop.design.optimisers.told import first_design, fitness, generator, suggestions

_LEAST = 3
_MOST = 600


@dataclass(frozen=True, slots=True)
class Bandit:
    """Arms are combinations of levels: words, and numbers in at most eight values or five bins. The value of an arm is
    the sum of effects of its levels and one of its own; how much of either there is, is learnt from the results
    (largest marginal likelihood). For small finite spaces and for words above all.

    rule : "thompson" pulls the best arm of a draw of what may be true; "ucb" the one with the largest
    mean + sqrt(2 ln t) standard deviations, as UCB1. What is known is not pulled again: ask a replicate for that.

    Thompson, Biometrika 25 (1933) 285, doi:10.1093/biomet/25.3-4.285; Auer, Cesa-Bianchi, Fischer, Mach. Learn. 47
    (2002) 235, doi:10.1023/A:1013689704352; hierarchy: Hong et al., AISTATS 151 (2022), doi:10.48550/arXiv.2202.01454.
    """

    rule: Literal["thompson", "ucb"] = "thompson"

    def __post_init__(self) -> None:
        if self.rule not in ("thompson", "ucb"):
            raise ConfigError(f"bandit: rule = {self.rule!r} is neither 'thompson' nor 'ucb'.")

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        score = fitness(history, goals)
        able = np.isfinite(score)
        if able.sum() < _LEAST:
            return first_design(domain, history, goals, n, seed, why=f"fewer than {_LEAST} results are known")
        rng = generator(history, seed)
        pool = self._arms(domain, history, score, rng)
        encoded = np.nan_to_num(domain.encode(pool))
        choices = Choices.of(encoded, domain.axes.names)
        arms, told = choices.codes(encoded), choices.codes(np.nan_to_num(domain.encode(history.points)))
        belief = _Effects.of(told[able], score[able])
        waiting = np.zeros((0, arms.shape[1]), np.int64)
        if len(history.pending):
            waiting = choices.codes(np.nan_to_num(domain.encode(history.pending)))
        order, why = self._pulled(belief, arms, waiting, n, rng)
        reasons = [_reason(mean, std, belief) for mean, std in why]
        how = (
            f"Bandit ({self.rule}), {len(np.unique(arms, axis=0))} arms looked at: "
            f"{100 * belief.shared:.0f} % of what differs between arms is the sum of their levels' effects."
        )
        return suggestions(domain, history, pool.take(order), reasons, n, seed, how=how)

    def _arms(self, domain: Domain, history: History, score: FloatArray, rng: np.random.Generator) -> Points:
        """Arms that can still be pulled."""
        pool = pool_of(domain, int(rng.integers(2**31)))
        best = np.argsort(-score, kind="stable")[:5]
        best = best[domain.why_not(history.points.take(best)) == ""]
        if domain.everything(4_000) is None and len(best):
            around = domain.near(history.points.take(best), 64, int(rng.integers(2**31)), reach=0.2)
            pool = Points(np.vstack([pool.values, around.values]))
        seen = set(domain.keys(history.points).tolist())
        seen |= set(domain.keys(history.pending).tolist()) if len(history.pending) else set()
        free = np.flatnonzero([key not in seen for key in domain.keys(pool).tolist()])
        if len(free) > _MOST:
            free = np.sort(rng.permutation(free)[:_MOST])
        return pool.take(free)

    def _pulled(
        self, belief: _Effects, arms: IntArray, waiting: IntArray, n: int, rng: np.random.Generator
    ) -> tuple[IntArray, list[tuple[float, float]]]:
        """Rows in the order in which they are pulled, each with its mean and standard deviation."""
        kinds, kind = np.unique(arms, axis=0, return_inverse=True)
        free = [list(np.flatnonzero(kind.reshape(-1) == k)) for k in range(len(kinds))]
        mean, covariance = belief.joint(kinds, waiting)
        std = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        root = np.linalg.cholesky(covariance + 1e-6 * np.eye(len(kinds)))
        chosen: list[int] = []
        why = []
        for turn in range(min(2 * n, len(arms))):
            if self.rule == "ucb":
                doubt = np.sqrt(np.maximum(np.diag(covariance), 0.0))
                worth = mean + np.sqrt(2 * np.log(belief.n + turn + 1)) * doubt
            else:
                worth = mean + root @ rng.standard_normal(len(mean))
            worth[[k for k, rows in enumerate(free) if not rows]] = -np.inf
            top = int(worth.argmax())
            chosen.append(int(free[top].pop(0)))
            why.append((float(mean[top]), float(std[top])))
            row = covariance[top].copy()  # the doubt that is left when this one is known
            covariance = covariance - np.outer(row, row) / (row[top] + belief.noise)
        return np.array(chosen, np.int64), why


@dataclass(frozen=True, slots=True)
class _Effects:
    """Effects of levels and of single arms, normal around zero, seen through noise; in standardised scores.

    shared, own : variances of both, parts of their sum with the noise.
    """

    codes: IntArray
    y: FloatArray
    centre: float
    scale: float
    shared: float
    own: float
    noise: float

    @classmethod
    def of(cls, codes: IntArray, score: FloatArray) -> _Effects:
        centre, scale = float(score.mean()), float(score.std()) or 1.0
        y = (score - centre) / scale
        levels, same = _alike(codes, codes)
        best, found = -np.inf, (0.5, 0.25, 0.25)
        for a, b in itertools.product((0.1, 0.3, 0.5, 0.7, 0.9), (0.02, 0.1, 0.3, 0.6)):
            s = 1 - a - b
            if s < 0.005:
                continue
            K = a * levels + b * same + s * np.eye(len(y))
            L = np.linalg.cholesky(K)
            half = np.linalg.solve(L, y)
            evidence = -0.5 * float(half @ half) - float(np.log(np.diag(L)).sum())
            if evidence > best:
                best, found = evidence, (a, b, s)
        return cls(codes, y, centre, scale, *found)

    @property
    def n(self) -> int:
        return len(self.y)

    def joint(self, arms: IntArray, pulled: IntArray) -> tuple[FloatArray, FloatArray]:
        """Mean and covariance of arms, in standardised scores, when `pulled` are going to be known too."""
        known = np.vstack([self.codes, pulled])
        K = self._kernel(known, known) + self.noise * np.eye(len(known))
        across = self._kernel(known, arms)
        mean = self._kernel(self.codes, arms).T @ np.linalg.solve(K[: self.n, : self.n], self.y)
        return mean, self._kernel(arms, arms) - across.T @ np.linalg.solve(K, across)

    def _kernel(self, A: IntArray, B: IntArray) -> FloatArray:
        levels, same = _alike(A, B)
        return self.shared * levels + self.own * same


def _alike(A: IntArray, B: IntArray) -> tuple[FloatArray, FloatArray]:
    """Share of levels that two arms have in common, and 1 where all are; each shape (len(A), len(B))."""
    share = np.zeros((len(A), len(B)))
    for column in range(A.shape[1]):
        share += A[:, column][:, None] == B[:, column][None, :]
    width = max(A.shape[1], 1)
    return share / width, (share == width).astype(float)


def _reason(mean: float, std: float, belief: _Effects) -> str:
    value, doubt = belief.centre + belief.scale * mean, belief.scale * std
    words = (
        "its levels did well so far"
        if mean > 0.5
        else "little is known of its levels"
        if std > 0.7
        else "it may be good"
    )
    return f"arm worth {value:.4g} +- {doubt:.2g}: {words}"
