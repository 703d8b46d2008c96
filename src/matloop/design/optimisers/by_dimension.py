"""Which strategy suits a space of so many dimensions and a campaign of so many experiments, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.errors import ConfigError
from matloop.design.contract import Domain, History, Strategy, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.turbo import Turbo
from matloop.design.strategy.model import ModelBased

FEW, MANY = 12, 30
PER_DIMENSION = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """name : "plain", "additive", "saas" or "turbo". reason : in a sentence."""

    name: str
    reason: str


def rule_for(dimension: int, budget: int) -> Rule:
    """The method for a number of parameters that can be varied and of experiments that can be made.

    Up to 12, one Gaussian process with a length per parameter learns all it needs. Above, few experiments per
    parameter teach which few of them matter (SAASBO: Eriksson & Jankowiak, UAI 161 (2021) 493,
    doi:10.48550/arXiv.2103.00349) or, up to 30, sums of small parts (Duvenaud et al. 2011,
    doi:10.48550/arXiv.1112.4394); ten per parameter or more are enough to climb in a trust region (TuRBO).

    Examples
    --------
    >>> rule_for(6, 50).name, rule_for(60, 40).name, rule_for(60, 1000).name
    ('plain', 'saas', 'turbo')
    """
    if dimension <= FEW:
        return Rule("plain", f"{dimension} parameters are few enough for one model of them all")
    per = budget / dimension
    if per >= PER_DIMENSION:
        why = f"{dimension} parameters are many, and {budget} experiments are enough to climb step by step"
        return Rule("turbo", f"{why}: a model is only believed in a region around the best one")
    if dimension <= MANY and per >= 3:
        why = f"{dimension} parameters with {budget} experiments are too many for one model of them all"
        return Rule("additive", f"{why}, and enough to learn a sum of small parts")
    why = f"{budget} experiments for {dimension} parameters teach no more than which few of them matter"
    return Rule("saas", f"{why}: a sparse prior looks for these")


@dataclass(frozen=True, slots=True)
class ByDimension:
    """The method that `rule_for` names; budget : experiments that the campaign may make in all."""

    budget: int = 100

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise ConfigError(f"by_dimension: budget = {self.budget}, at least one experiment is needed.")

    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        rule = rule_for(len(np.unique(domain.axes.variable)), self.budget)
        found = strategy_of(rule.name).suggest(domain, history, goals, n, seed=seed)
        return replace(found, how=f"{rule.name}, as {rule.reason}. {found.how}")


def strategy_of(name: str) -> Strategy:
    """The strategy that a rule names."""
    if name == "turbo":
        return Turbo()
    return ModelBased() if name == "plain" else ModelBased(surrogate=name)
