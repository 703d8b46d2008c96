"""Which experiment next, and whether a cheaper stand-in (a simulation) should be asked first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray
from matloop.core.errors import ConfigError
from matloop.core.threads import one_thread
from matloop.design.acquisition.choose import choose
from matloop.design.contract import Domain, History, Points, Suggestions
from matloop.design.goals import Goal
from matloop.design.optimisers.designs import Sobol
from matloop.design.strategy.learn import Learned, at_target, learn, teaches
from matloop.design.strategy.model import FIRST, ModelBased, told
from matloop.design.surrogates.multi_fidelity import has_tasks, knowledge_per_cost

SURROGATE = "multi_fidelity"
FEW = 3
"""different experiments, and as many of each stand-in but the cheapest, before a model is asked"""


@dataclass(frozen=True, slots=True)
class ByFidelity:
    """The usual strategy, with stand-ins that cost less.

    Where to look is chosen as always, by what is believed of the experiment itself, which the stand-ins help to know.
    At each of these places the fidelity is asked whose measurement tells most about the experiment there for its cost
    (mutual information over cost): a cheap one where it still teaches, the experiment where it does not. First the
    cheapest stand-in is asked all over the space, then each dearer one at some of the same places (Kennedy & O'Hagan
    2000, doi:10.1093/biomet/87.1.1).

    Parameters
    ----------
    names, costs : of the fidelities, the experiment (level 0) first, then ever cheaper ones. model : settings of the
    search; its surrogate is "multi_fidelity".
    """

    names: tuple[str, ...]
    costs: tuple[float, ...]
    model: ModelBased = field(default_factory=lambda: ModelBased(surrogate=SURROGATE))

    def __post_init__(self) -> None:
        if len(self.names) < 2 or len(self.names) != len(self.costs):
            raise ConfigError(f"{len(self.names)} fidelities with {len(self.costs)} costs: give two or more of each.")
        if min(self.costs) <= 0 or any(a <= b for a, b in zip(self.costs, self.costs[1:], strict=False)):
            raise ConfigError(f"costs of fidelities fall from the experiment on and stay above 0; found {self.costs}.")
        if self.model.surrogate != SURROGATE:
            raise ConfigError(f"fidelities need the surrogate {SURROGATE!r}; found {self.model.surrogate!r}.")

    @one_thread()
    def suggest(self, domain: Domain, history: History, goals: Sequence[Goal], n: int, *, seed: int) -> Suggestions:
        """See `Strategy`; `Suggestions.level` says at which fidelity."""
        made = _Made.of(domain, history, len(self.names))
        begun = self._begun(domain, history, goals, made, n, seed)
        if begun is not None:
            return begun
        learned = learn(domain, history, goals, self.model.learner, seed=seed)
        chosen = choose(
            self.model.acquisition_for(goals), learned.beliefs, learned.about, domain, n, seed=seed,
            batch=self.model.batch, tried=_tried(history, learned.rows), cooling=self.model.cooling,
        )  # fmt: skip
        said = told(learned, goals, chosen.points, chosen.X, self.model.how(learned, goals), self.model.bounds)
        return self._placed(said, domain, learned, history, chosen.X, made)

    def _placed(
        self, said: Suggestions, domain: Domain, learned: Learned, history: History, X: FloatArray, made: _Made
    ) -> Suggestions:
        """The suggestions with their fidelity and why that one."""
        if not len(X):
            return replace(said, level=np.zeros(0, np.int64))
        gain = self._gains(learned, history, X)
        gain[made.at(domain.keys(said.points))] = 0.0
        level = gain.argmax(axis=1).astype(np.int64)
        reasons = tuple(
            f"{reason}; {self._why(int(at), row)}" for reason, at, row in zip(said.reasons, level, gain, strict=True)
        )
        how = f"{said.how} At each place the fidelity that teaches most for its cost."
        return replace(said, reasons=reasons, level=level, how=how)

    def _gains(self, learned: Learned, history: History, X: FloatArray) -> FloatArray:
        """What each fidelity tells of all targets of the experiment per cost (nats), shape (n, n_levels); 0 for one
        that never gave a value of a target."""
        total = np.zeros((len(X), len(self.names)))
        for target, belief in zip(learned.targets, learned.beliefs, strict=False):
            known = np.isfinite(history.values[target]) & ~history.failed
            levels = np.unique(history.level[known])
            if len(levels) == 1 or not has_tasks(belief):
                total[:, 0] += 1e-300  # no stand-in says anything of it
                continue
            total[:, levels] += knowledge_per_cost(belief, X, [self.costs[level] for level in levels])
        return total

    def _why(self, level: int, gain: FloatArray) -> str:
        name = self.names[level]
        others = np.delete(np.arange(len(gain)), level)
        rival = int(others[gain[others].argmax()])
        if level == 0:
            if gain[rival] <= 0:
                return f"by {name}: nothing cheaper is left to ask here"
            return f"by {name}: per cost it teaches {_times(gain[0], gain[rival])} {self.names[rival]} still could here"
        more = _times(gain[level], gain[0])
        return f"by {name} first: per cost it teaches {more} {self.names[0]} would"

    # --- the beginning -----------------------------------------------------------------------------------------------

    def _begun(
        self, domain: Domain, history: History, goals: Sequence[Goal], made: _Made, n: int, seed: int
    ) -> Suggestions | None:
        """The first measurements, as long as there are too few to learn from; None from then on."""
        cheapest, first = len(self.names) - 1, self.names[-1]
        points, level, why = made.nothing, [], []
        wanted = min(n, _spread(domain) - len(made.points[cheapest]))
        if wanted > 0:
            found = Sobol().suggest(domain, history, goals, wanted, seed=seed).points
            points, level = found.values, [cheapest] * len(found)
            why = [f"by {first} to begin with: the next place of a Sobol sequence, which leaves no large gap"] * len(
                found
            )
            made = made.more(domain, cheapest, found)
        for at in range(cheapest - 1, -1, -1):
            found = made.nested(at, min(n - len(level), FEW - len(made.points[at])))
            points, level = np.vstack([points, found.values]), level + [at] * len(found)
            why += [f"by {self.names[at]}, where {first} is asked too, to see how far one says the other"] * len(found)
        if not level and (lacking := teaches(history, goals)):
            found = Sobol().suggest(domain, history, goals, n, seed=seed).points
            points, level = found.values, [0] * len(found)
            why = [f"by {self.names[0]}, as {lacking}: the next place of a Sobol sequence"] * len(found)
        if not level:
            return None
        how = (
            f"No model yet: first {first} all over the space, then {FEW} of each dearer one at some of the same places."
        )
        return Suggestions(Points(points), tuple(why), how=how, level=np.array(level, np.int64))


def _spread(domain: Domain) -> int:
    """So many of the cheapest before a model is asked: two for each variable and one, at most half of what there is."""
    n = max(FIRST, 2 * len(np.unique(domain.axes.variable)) + 1)
    return n if domain.log10_size > 6 else min(n, max(int(10**domain.log10_size) // 2, 1))


@dataclass(frozen=True, slots=True)
class _Made:
    """What was asked at each fidelity, told or not: one row per different experiment, in the order of asking."""

    points: tuple[FloatArray, ...]
    keys: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, domain: Domain, history: History, n_levels: int) -> _Made:
        width = len(domain.columns)
        made = cls((np.zeros((0, width)),) * n_levels, ((),) * n_levels)
        told_at = history.level if len(history.level) == len(history) else np.zeros(len(history), np.int64)
        asked_at = history.pending_level
        if len(asked_at) != len(history.pending):
            asked_at = np.zeros(len(history.pending), np.int64)
        for points, at in ((history.points, told_at), (history.pending, asked_at)):
            for level in range(n_levels):
                if (at == level).any():
                    made = made.more(domain, level, points.take(at == level))
        return made

    @property
    def nothing(self) -> FloatArray:
        return self.points[0][:0]

    def more(self, domain: Domain, level: int, points: Points) -> _Made:
        known = dict(zip(self.keys[level], self.points[level], strict=True))
        for key, row in zip(domain.keys(points), points.values, strict=True):
            known.setdefault(str(key), row)
        rows = np.array(list(known.values())) if known else self.nothing
        keys = tuple(known)
        return _Made(
            (*self.points[:level], rows, *self.points[level + 1 :]), (*self.keys[:level], keys, *self.keys[level + 1 :])
        )

    def nested(self, level: int, n: int) -> Points:
        """Up to `n` places of the cheapest fidelity that were not asked at this one."""
        fresh = [row for row, key in zip(self.points[-1], self.keys[-1], strict=True) if key not in self.keys[level]]
        return Points(np.array(fresh[: max(n, 0)]) if fresh and n > 0 else self.nothing)

    def at(self, keys: TextArray) -> BoolArray:
        """Whether each of these experiments was asked at each fidelity, shape (n, n_levels)."""
        return np.array([[str(key) in there for there in self.keys] for key in keys], np.bool_)


def _tried(history: History, rows: IntArray) -> Points:
    """Those with a value of the experiment and the pending ones first, in the order that `choose` wants, then its
    failures; what only stand-ins know may still be chosen."""
    width = history.points.values.shape[1]
    rest = np.setdiff1d(np.flatnonzero(at_target(history)), rows)
    pending = history.pending.values.reshape(len(history.pending), width)
    return Points(np.vstack([history.points.values[rows], pending, history.points.values[rest]]))


def _times(more: float, less: float) -> str:
    if not less > 0:
        return "what none of"
    ratio = more / less
    said = f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"
    return f"{said} times what" if ratio < 1000 else "far more than what"
