"""What a history teaches: one belief per target, what is aimed at, whether experiments work and what they cost."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import stdtrit

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.design.contract import About, Aim, Axes, Belief, Chance, Domain, Foreseen, History, Price, Surrogate
from matloop.design.goals import Goal
from matloop.design.knowledge.natural import natural_of
from matloop.design.strategy.straighten import Straightened, straighten
from matloop.design.surrogates.registry import SURROGATES

LEVEL = 0.90
MANY_VARIABLES = 15
ENOUGH = 2
"""different experiments with a value: fewer teach nothing about a target."""


@dataclass(frozen=True, slots=True)
class Learner:
    """How to learn: the surrogate by name with its options ("auto": see `usual_surrogate`), whether values are
    straightened, whether costs count, whether goals with an end are learnt together with the open one (None: where
    points are described by descriptors, see `described`)."""

    surrogate: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    straighten: bool = True
    costs: bool = False
    together: bool | None = None

    def surrogate_for(self, domain: Domain, *, elsewhere: bool = False) -> Surrogate:
        """The surrogate; `elsewhere` says that there are values of other laboratories."""
        usual = usual_surrogate(domain.axes, elsewhere=elsewhere)
        make = SURROGATES.load(usual if self.surrogate == "auto" else self.surrogate)
        options = dict(self.options)
        known = inspect.signature(make).parameters
        wrong = [name for name in options if name not in known]
        if wrong:
            rest = ", ".join(name for name in known if name not in ("axes", "natural")) or "none"
            raise ConfigError(f"surrogate {self.surrogate!r}: there is no option {wrong[0]!r}. Options: {rest}.")
        if "natural" in known:
            options["natural"] = natural_of(domain)
        surrogate: Surrogate = make(domain.axes, **options)
        return surrogate

    def map_of(self, y: FloatArray, sign: float, surrogate: Surrogate) -> Straightened:
        """How values are seen by a surrogate: as they were measured (sign apart) by laws, straightened by others."""
        if as_measured(surrogate):
            return Straightened(sign, 0.0, 1.0)
        found = straighten(y, sign=sign)
        return found if self.straighten else replace(found, power=1.0, mean=0.0, std=1.0)


def as_measured(surrogate: Surrogate) -> bool:
    """Whether values have to come in the user's unit, at most with their sign turned."""
    return bool(getattr(surrogate, "as_measured", False))


@dataclass(frozen=True, slots=True)
class Learned:
    """Beliefs in straightened units with the way back.

    targets : one per belief; where the goals are learnt together there is one more belief, about what counts. aims :
    one per goal; those of `about` are what is chosen by. rows : shape (n_known,), rows of the history that
    `about.known` holds.
    """

    targets: tuple[str, ...]
    beliefs: tuple[Belief, ...]
    maps: tuple[Straightened, ...]
    about: About
    rows: IntArray
    aims: tuple[Aim, ...]

    def repeat(self, k: int) -> float:
        """Standard deviation of a repeated measurement of target `k` in its unit, near the median of what is known."""
        middle = float(np.nanmedian(self.about.values[k]))
        step = self.beliefs[k].noise
        low, high = self.maps[k].back(np.array([middle - step, middle + step]))
        return abs(float(high) - float(low)) / 2

    def foreseen(self, X: FloatArray) -> dict[str, Foreseen]:
        """What a measurement of each target would give, its own noise included, with a 90 % interval.

        The scale of the values is learnt from few of them, so the deviations are those of Student's t with two degrees
        of freedom less than there are values.
        """
        found = {}
        known = np.isfinite(self.about.values).sum(axis=1)
        for target, belief, mapped, n in zip(self.targets, self.beliefs, self.maps, known.tolist(), strict=False):
            mean, std = belief.predict(X)
            freedom = max(n - 2, 1)
            wide = stdtrit(freedom, 0.5 + LEVEL / 2) * np.sqrt(std**2 + belief.noise**2)
            ends = np.array([mapped.back(mean - wide), mapped.back(mean + wide)])
            found[target] = Foreseen(mapped.back(mean), ends.min(axis=0), ends.max(axis=0), float(freedom))
        return found


def usual_surrogate(axes: Axes, *, elsewhere: bool = False) -> str:
    """Trees where points are described by many descriptors of few things (compositions, molecules), of which most do
    not matter and values jump. Where there are values of other laboratories, or more variables than a Gaussian process
    learns from few rows, the one that `auto` takes. Else a Gaussian process; not one that forgives outliers: in a
    search the value that nobody expected is the find."""
    if described(axes):
        return "forest"
    return "auto" if elsewhere or len(np.unique(axes.variable)) > MANY_VARIABLES else "gp"


def described(axes: Axes) -> bool:
    """Whether the columns are mostly descriptors: several times as many as things that can be varied."""
    return axes.width >= 12 and axes.width >= 4 * len(np.unique(axes.variable))


def what_counts(aims: Sequence[Aim], values: FloatArray) -> FloatArray:
    """The value of the open aim where all aims with an end are met, and the lowest known one elsewhere; shape (n,), NaN
    where something was not measured.

    Properties are seldom independent: what is outstanding in one often fails in the other, and the product of "may be
    outstanding" and "is usually allowed" leads where no allowed result ever was. One belief about both knows that.
    """
    goal = next(aim for aim in aims if aim.is_open)
    value = values[goal.belief]
    met = np.ones(values.shape[1], dtype=np.bool_)
    known = np.isfinite(values).all(axis=0)
    for aim in aims:
        if not aim.is_open:
            met &= (values[aim.belief] >= aim.low) & (values[aim.belief] <= aim.high)
    return np.where(known, np.where(met, value, np.nanmin(value, initial=np.inf)), np.nan)


def teaches(history: History, goals: Sequence[Goal]) -> str:
    """Why nothing can be learnt yet; empty where something can."""
    for target in _targets(goals):
        known = _known(history, target) & at_target(history)
        if not known.any():
            return f"no value of {target} is known yet"
        if len(np.unique(np.round(history.points.values[known], 12), axis=0)) < ENOUGH:
            return f"{target} is known of one experiment only"
    return ""


def learn(domain: Domain, history: History, goals: Sequence[Goal], learner: Learner, *, seed: int) -> Learned:
    """Fit one belief per target and gather what acquisitions need.

    Values of other laboratories (`history.place`) and of cheaper fidelities are tasks of their own. Experiments that
    failed teach whether others will work.

    Raises
    ------
    ConfigError : a goal asks for a class, or an option that the surrogate does not have.
    """
    X, task, own = domain.encode(history.points), tasks_of(history), at_target(history)
    cheap = not own.all()
    surrogate = learner.surrogate_for(domain, elsewhere=bool((task > 0).any()))
    targets = _targets(goals)
    maps, beliefs, rows = [], [], []
    for number, target in enumerate(targets):
        known = _known(history, target)
        y = np.asarray(history.values[target], float)
        sign = -1.0 if any(g.sense == "minimise" for g in goals if g.target == target) else 1.0
        mapped = learner.map_of(y[known & (task == 0)], sign, surrogate)
        errors = _errors(history, target, known, mapped)
        turned = getattr(surrogate, "turned", None)  # of those that know which way the user's values go
        one = surrogate if turned is None else turned(sign)
        told = task[known] if not cheap else np.unique(task[known], return_inverse=True)[1]  # fidelities without gaps
        beliefs.append(one.fit(X[known], mapped.forward(y[known]), seed=seed + number, noise=errors, task=told))
        maps.append(mapped)
        rows.append(np.where(known & (task == 0), mapped.forward(np.where(known, y, np.nan)), np.nan))
    values = np.array(rows)
    aims = told_aims = aims_of(goals, targets, maps, values)
    together = learner.together if learner.together is not None else described(domain.axes)
    if together and not as_measured(surrogate) and sum(aim.is_open for aim in aims) == 1 and len(aims) > 1:
        counted = what_counts(aims, values)
        some = np.isfinite(counted)
        level = learner.map_of(counted[some], 1.0, surrogate)
        straight = np.where(some, level.forward(np.where(some, counted, 0.0)), np.nan)
        beliefs.append(surrogate.fit(X[some], straight[some], seed=seed + len(targets)))
        values = np.vstack([values, straight])
        aims = (Aim(len(targets), best=float(np.nanmax(straight))),)
    kept = np.flatnonzero(np.isfinite(values).any(axis=0))
    pending = domain.encode(history.pending) if len(history.pending) else np.zeros((0, domain.axes.width))
    about = About(
        aims=aims,
        known=X[kept],
        values=values[:, kept],
        pending=pending,
        works=_works(domain, history.failed[own], X[own], seed),
        costs=_costs(domain, history, X) if learner.costs and not cheap else None,
        seed=seed,
    )
    return Learned(targets, tuple(beliefs), tuple(maps), about, kept, told_aims)


def aims_of(
    goals: Sequence[Goal], targets: Sequence[str], maps: Sequence[Straightened], values: FloatArray
) -> tuple[Aim, ...]:
    """The goals in the units of the beliefs; what is to beat is the best known value that meets all with an end."""
    aims = []
    for goal in goals:
        belief = list(targets).index(goal.target)
        if goal.is_open:
            aims.append(Aim(belief))
            continue
        ends = maps[belief].forward(np.array([goal.low, goal.high]))
        aims.append(Aim(belief, False, float(np.nanmin(ends)), float(np.nanmax(ends))))
    good = np.ones(values.shape[1], dtype=np.bool_)
    for aim in aims:
        if not aim.is_open:
            good &= (values[aim.belief] >= aim.low) & (values[aim.belief] <= aim.high)
    return tuple(
        replace(aim, best=float(np.nanmax(values[aim.belief][good], initial=-np.inf))) if aim.is_open else aim
        for aim in aims
    )


def at_target(history: History) -> BoolArray:
    """Which rows are of the fidelity that the goals are about; shape (n,)."""
    return history.level == 0 if len(history.level) == len(history) else np.ones(len(history), np.bool_)


def tasks_of(history: History) -> IntArray:
    """0 for the own laboratory, 1, 2, ... for others in the order of their names; shape (n,). Where there are cheaper
    fidelities, these (see `History.level`).

    Where every value is from elsewhere, there is no own one to tell apart, and the first is taken for it.
    """
    if not at_target(history).all():
        return history.level
    if len(history.place) != len(history):
        return np.zeros(len(history), np.int64)
    names = sorted(set(history.place.tolist()) - {""})
    own = bool((history.place == "").any())
    number = {name: k + own for k, name in enumerate(names)} | {"": 0}
    return np.array([number[str(place)] for place in history.place], np.int64)


def _targets(goals: Sequence[Goal]) -> tuple[str, ...]:
    for goal in goals:
        if goal.sense == "class":
            raise ConfigError(
                f"goal {goal.text!r}: experiments are chosen by numbers, and {goal.target} is a class. "
                'Tell it as a number from 0 to 1, and write "T >= 0.5".'
            )
    return tuple(dict.fromkeys(goal.target for goal in goals))


def _known(history: History, target: str) -> BoolArray:
    if target not in history.values:
        known = ", ".join(history.values) or "none"
        raise ConfigError(f"the campaign has no target {target!r}. Known: {known}.")
    return np.isfinite(history.values[target]) & ~np.asarray(history.failed, bool)


def _errors(history: History, target: str, known: BoolArray, mapped: Straightened) -> FloatArray | None:
    if target not in history.errors:
        return None
    errors = np.asarray(history.errors[target], float)[known]
    if not np.isfinite(errors).any():
        return None
    return mapped.errors(np.asarray(history.values[target], float)[known], errors)


def _works(domain: Domain, failed: BoolArray, X: FloatArray, seed: int) -> Chance | None:
    if not failed.any():
        return None
    from matloop.design.acquisition.feasibility import learn_feasibility

    chance: Chance = learn_feasibility(X, failed, domain.axes, seed)
    return chance


def _costs(domain: Domain, history: History, X: FloatArray) -> Price | None:
    known = np.isfinite(history.cost) & (history.cost > 0) if len(history.cost) == len(history) else np.zeros(0, bool)
    if known.sum() < ENOUGH or np.ptp(history.cost[known]) == 0:
        return None
    from matloop.design.acquisition.costs import learn_costs

    price: Price = learn_costs(X[known], history.cost[known], domain.axes)
    return price
