"""A campaign's question made ready: the space opened, the goals settled in the units of the targets, costs known."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core.arithmetic import CONSTANTS, read_formula
from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design import goals as design_goals
from matloop.design.contract import Domain, Points, Strategy
from matloop.design.goals import Goal
from matloop.design.space.domain import open_domain
from matloop.design.strategies import STRATEGIES
from matloop.design.strategy.fidelities import SURROGATE, ByFidelity
from matloop.design.strategy.model import ModelBased
from matloop.problem.campaign import CampaignProblem, Chosen
from matloop.problem.fault import did_you_mean, quoted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Question:
    """What a campaign asks, ready to be worked on.

    goals : in the units of the targets. names : columns of a point in the user's tables. base : what paths start from.
    """

    problem: CampaignProblem
    domain: Domain
    goals: tuple[Goal, ...]
    names: tuple[str, ...] = field(default=())
    base: Path = Path()

    def costs(self, points: Points, levels: IntArray | None = None) -> FloatArray:
        """What the experiments are expected to cost, shape (n,); NaN where it cannot be said. levels : shape (n,), of
        their fidelities, where the problem has some."""
        if fidelities := self.problem.fidelities:
            at = np.zeros(len(points), np.int64) if levels is None else levels
            return np.array([fidelities[level].cost for level in at], dtype=np.float64)
        cost = self.problem.plan.cost
        if isinstance(cost, float):
            return np.full(len(points), cost)
        frame = self.domain.frame(points)
        if cost in frame:
            return _numbers(frame, cost)
        formula = read_formula(cost)
        return formula.value({name: _numbers(frame, name) for name in formula.names if name in frame})

    def records(self, points: Points) -> list[dict[str, Any]]:
        """The points as rows of the user's table, plain values, without cells that do not exist."""
        frame = self.domain.frame(points)
        return [
            {str(name): plain(cell) for name, cell in zip(frame.columns, row, strict=True) if not absent(cell)}
            for row in frame.itertuples(index=False, name=None)
        ]

    def points(self, records: Sequence[Mapping[str, Any]]) -> tuple[Points, list[str]]:
        """The points of rows, and why one is outside; what the campaign itself once wrote, or accepted."""
        if not records:
            return Points(np.zeros((0, len(self.domain.columns)))), []
        found, outside = self.domain.read(framed(records, self.names))
        return found, [str(why) for why in outside]


def ready(problem: CampaignProblem, base: Path) -> Question:
    """The question with everything in it checked that can be checked without results.

    Raises
    ------
    ConfigError : a goal, a cost or a method makes no sense, or the space has no possible experiment.
    """
    goals = goals_of(problem)
    domain = open_domain(problem.space, base=base)
    names = tuple(map(str, domain.frame(domain.sample(1, 0)).columns))
    question = Question(problem, domain, goals, names, base)
    _check_cost(question)
    strategy_of(problem, base)
    return question


def goals_of(problem: CampaignProblem) -> tuple[Goal, ...]:
    """The goals in the units of the targets.

    Raises
    ------
    ConfigError : a goal cannot be read, or is about nothing that is measured.
    """
    targets: dict[str, tuple[str, tuple[str, ...]]] = {target.name: (target.unit, ()) for target in problem.targets}
    read = [design_goals.read_goal(text) for text in problem.goals]
    return tuple(replace(goal, text=goal.text) for goal in design_goals.settled(read, targets))


def strategy_of(problem: CampaignProblem, base: Path) -> Strategy:
    """The strategy that the problem names, with its surrogate and acquisition where they are chosen.

    Parameters
    ----------
    base : what the path of a bundle starts from, `surrogate = { name = "transfer", bundle = "..." }`.

    Raises
    ------
    ConfigError : no such strategy, or it does not take such an option. BundleError : there is no such bundle.
    """
    plan = problem.plan
    options = dict(plan.strategy.options)
    for key, chosen in (("surrogate", plan.surrogate), ("acquisition", plan.acquisition)):
        if chosen != Chosen():
            options[key] = chosen.name
            options |= {f"{key}_options": _settings(chosen, problem, base)} if chosen.options else {}
    make = STRATEGIES.load(plan.strategy.name)
    bounds = {target.name: target.bounds for target in problem.targets if target.bounds is not None}
    if bounds and "bounds" in inspect.signature(make).parameters:
        options.setdefault("bounds", bounds)
    standing_in = problem.fidelities and plan.strategy.name == "auto"
    if standing_in:
        options["surrogate"] = SURROGATE
    try:
        made: Strategy = make(**options)
    except TypeError as error:
        given = ", ".join(map(quoted, options)) or "none"
        raise ConfigError(
            f"the strategy {quoted(plan.strategy.name)} does not take these options ({given}): {error}. "
            "Correct [campaign] strategy, surrogate, acquisition."
        ) from error
    if standing_in and isinstance(made, ModelBased):
        found = problem.fidelities
        return ByFidelity(tuple(one.name for one in found), tuple(one.cost for one in found), made)
    return made


def _settings(chosen: Chosen, problem: CampaignProblem, base: Path) -> dict[str, object]:
    """The options of a method; a bundle becomes what it predicts of the first goal's target."""
    options = dict(chosen.options)
    if "bundle" in options:
        from matloop.campaign.pretrained import prior_of

        options["prior"] = prior_of(base / str(options.pop("bundle")), goals_of(problem)[0].target)
    return options


def _check_cost(question: Question) -> None:
    cost = question.problem.plan.cost
    if isinstance(cost, float) or cost in question.names:
        return
    formula = read_formula(cost)
    if unknown := [name for name in formula.names if name not in question.names and name not in CONSTANTS]:
        raise ConfigError(
            f'[campaign] cost = "{cost}": there is no parameter or column {quoted(unknown[0])}. '
            f"{did_you_mean(unknown[0], question.names)}"
        )


def _numbers(frame: pd.DataFrame, name: str) -> FloatArray:
    import pandas as pd

    return np.asarray(pd.to_numeric(frame[name], errors="coerce"), dtype=np.float64)


def framed(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Rows as a table of these columns."""
    import pandas as pd

    columns = {name: pd.Series([row.get(name) for row in records], dtype=object) for name in names}
    return pd.DataFrame({name: _typed(column) for name, column in columns.items()})


def _typed(column: pd.Series) -> pd.Series:
    numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in column)
    return column.astype(float) if numbers else column


def plain(cell: Any) -> Any:
    """A cell as what JSON can hold."""
    return cell.item() if hasattr(cell, "item") else cell


def absent(cell: Any) -> bool:
    """Whether a cell is empty."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell)) or str(cell) in ("<NA>", "nan", "NaT", "")


def usable(domain: Domain, points: Points) -> BoolArray:
    """Which points a model can see; an unknown word, or a row that is in no table, has no numbers."""
    if not len(points):
        return np.zeros(0, dtype=bool)
    return np.asarray(np.isfinite(domain.encode(points)).all(axis=1))
