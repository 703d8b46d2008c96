"""The usual strategy: learn from what is known, choose what may be best, look first where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtr

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.core.threads import one_thread
from matloop.design.acquisition.choose import choose
from matloop.design.acquisition.registry import make_acquisition
from matloop.design.contract import Acquisition, Domain, Foreseen, History, Points, Suggestions
from matloop.design.goals import Goal, in_words
from matloop.design.strategy.learn import Learned, Learner, learn, teaches

FIRST = 5
"""different experiments are made by a design before a model is asked"""
SEVERAL, ONE, NONE = "ehvi", "ucb", "window"
"""The usual acquisitions: for several open goals, for one, and where all goals have an end."""


@dataclass(frozen=True, slots=True)
class ModelBased:
    """A surrogate says what is likely, an acquisition what is worth trying.

    Parameters
    ----------
    surrogate, surrogate_options : name in SURROGATES, its options. acquisition, acquisition_options : name in
    ACQUISITIONS ("auto": `ucb` for one open goal, `ehvi` for several, `window` for goals with ends only), its settings.
    batch : how several are chosen at once, see `choose`. first : so many different experiments are made by a Sobol
    design before. straighten : skewed values are made normal first. together : goals with an end are learnt together
    with an open one (None: where points are described by descriptors). costs : gain per cost counts, as learnt from the
    costs that were told; `cooling` 0 to 1 says how much. bounds : {target: what is physically possible}, for what is
    foreseen.
    """

    surrogate: str = "auto"
    surrogate_options: Mapping[str, Any] = field(default_factory=dict)
    acquisition: str = "auto"
    acquisition_options: Mapping[str, Any] = field(default_factory=dict)
    batch: str = "believer"
    first: int = FIRST
    straighten: bool = True
    costs: bool = False
    together: bool | None = None
    cooling: float = 1.0
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.first < 1:
            raise ConfigError(f"first = {self.first}: at least one experiment comes before a model can learn.")
        if not 0.0 <= self.cooling <= 1.0:
            raise ConfigError(f"cooling = {self.cooling:g}: it lies from 0 (cost does not count) to 1 (gain per cost).")

    @one_thread()
    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        """`n` experiments by the model; by a design as long as there is too little to learn from."""
        why = self._too_early(domain, history, goals)
        if why:
            return designed(domain, history, goals, n, seed=seed, why=why)
        learned = learn(domain, history, goals, self.learner, seed=seed)
        acquisition = self.acquisition_for(goals)
        chosen = choose(
            acquisition, learned.beliefs, learned.about, domain, n, seed=seed, batch=self.batch,
            tried=_tried(history, learned.rows), cooling=self.cooling,
        )  # fmt: skip
        return told(learned, goals, chosen.points, chosen.X, self.how(learned, goals), self.bounds)

    @property
    def learner(self) -> Learner:
        return Learner(self.surrogate, self.surrogate_options, self.straighten, self.costs, self.together)

    def acquisition_for(self, goals: Sequence[Goal]) -> Acquisition:
        """The acquisition by name, with its settings.

        Raises
        ------
        ConfigError : no such acquisition or setting.
        """
        return make_acquisition(self._acquisition(goals), self.acquisition_options)

    def _acquisition(self, goals: Sequence[Goal]) -> str:
        if self.acquisition != "auto":
            return self.acquisition
        n_open = sum(goal.is_open for goal in goals)
        return SEVERAL if n_open > 1 else ONE if n_open else NONE

    def _too_early(self, domain: Domain, history: History, goals: Sequence[Goal]) -> str:
        if why := teaches(history, goals):
            return why
        done = len(set(domain.keys(history.points).tolist()))
        return "" if done >= self.first else f"{done} of the first {self.first} experiments are made"

    def how(self, learned: Learned, goals: Sequence[Goal]) -> str:
        """What it did, in words."""
        models = "; ".join(
            f"{target}: {belief.words}; a repeat differs by about {learned.repeat(k):.2g}"
            for k, (target, belief) in enumerate(zip(learned.targets, learned.beliefs, strict=False))
        )
        failures = " What failed is weighed in." if learned.about.works is not None else ""
        price = " Gain per cost counts." if learned.about.costs is not None else ""
        return f"{models}. Chosen by {self._acquisition(goals)}, several at once by {self.batch}.{failures}{price}"


def designed(
    domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int, why: str
) -> Suggestions:  # fmt: skip
    """Evenly spread experiments, where no model can be asked; `why` is told."""
    from matloop.design.optimisers.designs import Sobol

    found = Sobol().suggest(domain, history, goals, n, seed=seed)
    return Suggestions(found.points, found.reasons, how=f"No model yet, as {why}. {found.how}")


def told(
    learned: Learned, goals: Sequence[Goal], points: Points, X: FloatArray, how: str,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Suggestions:  # fmt: skip
    """Suggestions with what is foreseen of them, within `bounds`, and why they were chosen."""
    foreseen = learned.foreseen(X) if len(X) else {}
    for target, (low, high) in (bounds or {}).items():
        if target in foreseen:
            one = foreseen[target]
            value, least, most = (np.clip(part, low, high) for part in (one.value, one.low, one.high))
            foreseen[target] = Foreseen(value, least, most, one.freedom)
    works = learned.about.works(X) if learned.about.works is not None and len(X) else np.ones(len(X))
    parts: list[list[str]] = [[] for _ in range(len(X))]
    chance = works.copy()
    for goal, aim in zip(goals, learned.aims, strict=True):
        mean, std = learned.beliefs[aim.belief].predict(X) if len(X) else (np.zeros(0), np.zeros(0))
        std = np.maximum(std, 1e-12)
        share = ndtr((aim.high - mean) / std) - ndtr((aim.low - mean) / std)
        if aim.is_open:
            share = ndtr((mean - aim.best) / std) if np.isfinite(aim.best) else np.full(len(X), np.nan)
        else:
            chance = chance * share
        best = float(learned.maps[aim.belief].back(np.array([aim.best]))[0]) if np.isfinite(aim.best) else np.nan
        for row in range(len(X)):
            parts[row].append(_foretold(goal, foreseen[goal.target], row, float(share[row]), best))
    wide = _unknown(learned, X)
    for row in range(len(X)):
        if works[row] < 0.9:
            parts[row].append(f"{_percent(float(works[row]))} that it works at all")
        if wide[row]:
            parts[row].append("little is known here")
    return Suggestions(points, tuple("; ".join(part) for part in parts), foreseen, chance, how)


def _foretold(goal: Goal, one: Foreseen, row: int, share: float, best: float) -> str:
    text = f"{goal.target} {one.value[row]:.4g} [{one.low[row]:.4g}, {one.high[row]:.4g}]"
    if goal.is_open:
        return text if np.isnan(best) else f"{text}, {_percent(share)} to beat {best:.4g}"
    return f"{text}, {_percent(share)} to be {in_words(goal)}"


def _unknown(learned: Learned, X: FloatArray) -> list[bool]:
    """Whether most of what could be known about a target is unknown at a point: its doubt is above 0.7 of the spread
    of known values."""
    unknown = np.zeros(len(X), dtype=np.bool_)
    for belief, values in zip(learned.beliefs, learned.about.values, strict=True):
        spread = float(np.nanstd(values))
        if len(X) and spread > 0:
            unknown |= belief.predict(X)[1] > 0.7 * spread
    return [bool(one) for one in unknown]


def _tried(history: History, rows: IntArray) -> Points:
    """The known and pending ones first, in the order that `choose` wants, then those that failed or gave no value."""
    width = history.points.values.shape[1]
    rest = np.setdiff1d(np.arange(len(history)), rows)
    pending = history.pending.values.reshape(len(history.pending), width)
    return Points(np.vstack([history.points.values[rows], pending, history.points.values[rest]]))


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else "over 99 %" if share > 0.99 else f"{100 * share:.0f} %"
