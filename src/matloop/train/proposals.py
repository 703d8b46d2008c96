"""Which candidate comes next: an order fixed by the seed and by scores, never by the clock."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from matloop.models import FAMILIES, by_name, missing
from matloop.models.family import Family, Spec
from matloop.models.foreign import NAME as FOREIGN
from matloop.models.foreign import candidates
from matloop.models.table_family import TableFamily
from matloop.problem.question import Selection, Training
from matloop.represent.table import Columns
from matloop.train.recipe_model import atom_of
from matloop.train.values import Development

Settings = dict[str, Any]
CHEAP_FIRST = (
    "dummy", "nearest_neighbour", "ridge", "logistic", "lightgbm", "extra_trees", "svm", "gaussian_process",
    "kernel_ridge", "mlp", "random_forest", "elastic_net", "lasso", "sparse_gp", "jackknife_forest", "composition_gp",
    "quantile_boosting", "laplace_network", "distance_aware_network", "mc_dropout", "variational_network",
    "deep_ensemble",
)  # fmt: skip
"""Order of the first round; families of other packages follow in their own order. Also the order from simple to not:
between two candidates that cannot be told apart the earlier family is preferred."""

ON_FRACTIONS = ("svm", "gaussian_process", "kernel_ridge", "nearest_neighbour", "extra_trees")
SELECTING = ("svm", "gaussian_process", "kernel_ridge")
SELECTED: Settings = {"select": 60, "select_by": "forest"}
SELECT_ROWS, SELECT_COLUMNS = 2_000, 120
"""Methods of distances are hurt by columns that say nothing. On few rows of many columns they are also tried on the 60
columns that a forest splits on most. Mean absolute error of the default of `svm` and `gaussian_process` in 5-fold
cross-validation, all columns and 40 of them: matbench_steels (312 rows, 3 seeds) 120.4 and 110.4, 95.6 and 89.0 MPa;
jdft2d (636) 46.1 and 45.1, 52.1 and 50.8 meV/atom; ESOL (500) 0.549 and 0.511, 0.541 and 0.492; 800 rows of expt_gap
0.620 and 0.567, 0.599 and 0.556 eV. Of the other ways to select none was better on all four; on steels, where trees
were tried too, they gained nothing.
"""
WAVES = ((1_500, 4), (10_000, 2), (math.inf, 1))
"""Up to so many rows, so many candidates at once: enough to keep workers busy, few enough to learn from each and to
lose little when time is up. Independent of the number of workers: the order must be."""
MOST = 72
PATIENCE = 28
"""The search ends when so many candidates in a row brought less than `GAIN`."""
GAIN = 0.001
_DRAWS = 24
_TURN_COST = 0.025  # a family steps back by 2.5 % of the best score with each of its turns, so that others get theirs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the next proposals may depend on: the spec that was tried and its score (NaN where it has none)."""

    spec: Spec
    score: float


def usable_families(
    development: Development, training: Training, *, wide: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Names of the families to try, cheap ones first, and why others are not tried.

    Families that ask for being named (slow, and seldom the best) are tried where they are, or where `wide`.

    Raises
    ------
    ConfigError : `training.families` names a family that does not exist.
    """
    asked = training.families or tuple(name for name in FAMILIES if name != FOREIGN and (wide or not by_name(name)))
    asked = (*asked, FOREIGN) if training.estimators else asked
    places = {name: at for at, name in enumerate((*CHEAP_FIRST, "of other packages", FOREIGN))}
    names = sorted(dict.fromkeys(asked), key=lambda n: places.get(n, len(CHEAP_FIRST)))
    usable, skipped = [], {}
    for name in names:
        family: Family = FAMILIES.load(name)
        if development.task not in family.tasks:
            if name in training.families:
                skipped[name] = f"{family.label} is not for {development.task}"
            continue
        reason = _unfit(name, family, development, training)
        if reason:
            skipped[name] = reason
        else:
            usable.append(name)
    return usable, skipped


def _unfit(name: str, family: Family, development: Development, training: Training) -> str:
    if absent := missing(name):
        return absent
    if len(development) > family.max_rows:
        return f"{len(development):,} rows; {family.label} is reasonable up to {family.max_rows:,}"
    losses = getattr(family, "losses", None)
    if name == FOREIGN:
        mine = candidates(training.estimators, development.task)
        return "" if mine else f"no estimator for {development.task} was given to matloop.run(problem, estimators=...)"
    if training.loss != "auto" and losses is not None and training.loss not in losses and name != "dummy":
        return f"{family.label} cannot be fitted by the loss {training.loss!r}"
    return ""


def views(columns: Columns) -> list[tuple[str, ...]]:
    """Sets of columns worth trying: all, and of each composition one featurizer at a time beside all other inputs.

    Kernel and neighbour methods can be better on plain element fractions than on everything.
    """
    origins = list(dict.fromkeys(columns.origins))
    by_input: dict[str, list[str]] = {}
    for origin in origins:
        by_input.setdefault(origin.rpartition(":")[0], []).append(origin)
    several = {name: made for name, made in by_input.items() if len(made) > 1}
    found: list[tuple[str, ...]] = [()]
    for made in several.values():
        others = tuple(origin for origin in origins if origin not in made)
        found += [(one, *others) for one in made if _is_rich(columns, one)]
    return found


def _is_rich(columns: Columns, origin: str) -> bool:
    """A handful of columns (norms, counts) is no description by itself."""
    return columns.origins.count(origin) >= 10


@dataclass(slots=True)
class Proposals:
    """Hands out candidates in waves; the same outcomes lead to the same proposals."""

    development: Development
    training: Training
    names: Sequence[str]
    seed: int
    _fixed: dict[str, list[Spec]] = field(default_factory=dict)
    _drawn: dict[str, list[Settings]] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)
    _views: list[tuple[str, ...]] = field(default_factory=list)
    _first: list[Spec] = field(default_factory=list)

    def __post_init__(self) -> None:
        columns = self.development.table.columns()
        self._views = views(columns)
        for at, name in enumerate(self.names):
            if name == FOREIGN:
                continue
            rng = np.random.default_rng([self.seed, at])
            family: Family = FAMILIES.load(name)
            settings = family.settings(_DRAWS, columns, self.development.task, rng)
            if isinstance(family, TableFamily) and name != "dummy":
                settings = _selecting(settings, self.training.select)
            if self.training.loss != "auto":
                settings = [{k: v for k, v in one.items() if k != "loss"} for one in settings]
            losses = other_losses(family, self.development, self.training)
            # for the mean absolute error, too: a smooth loss learns better from few rounds, and from outliers no worse
            ahead = losses[:1] == ["huber"] and self.development.metric == "mae"
            settings = [{**settings[0], "loss": "huber"}, *settings[1:]] if ahead else settings
            losses = ["mae", "mse", "huber"] if ahead else losses
            fixed, self._drawn[name] = _listed(name, settings, self._views, losses)
            fixed[1:1] = self._selected(fixed[0])
            self._fixed[name] = [*_two_steps(family, fixed, self.development), *fixed]
        firsts = {name: 2 if "hurdle" in specs[0].settings else 1 for name, specs in self._fixed.items()}
        self._first = [spec for name, specs in self._fixed.items() for spec in specs[: firsts[name]][::-1]]
        self._taken = dict(firsts)
        if FOREIGN in self.names:
            self._fixed[FOREIGN] = candidates(self.training.estimators, self.development.task)
            self._first += self._fixed[FOREIGN]
            self._drawn[FOREIGN], self._taken[FOREIGN] = [], len(self._fixed[FOREIGN])
        for name in self.names:
            self._open_on_fractions(name)

    def _selected(self, default: Spec) -> list[Spec]:
        """The default of a method of distances on chosen columns, where rows are few and columns many."""
        few = len(self.development) <= SELECT_ROWS and len(self.development.table.names) >= SELECT_COLUMNS
        if not few or default.family not in SELECTING or self.training.select is not None:
            return []
        return [Spec(default.family, {**default.settings, **SELECTED}, default.columns)]

    def _open_on_fractions(self, name: str) -> None:
        """Methods of distances (near depends on the columns) and extra trees start on element fractions, too."""
        wanted = [s for s in self._fixed[name] if any(c.endswith(":fractions") for c in s.columns)]
        if name in ON_FRACTIONS and wanted:
            self._fixed[name].remove(wanted[-1])
            self._fixed[name].insert(self._taken[name], wanted[-1])
            self._taken[name] += 1
            self._first.append(wanted[-1])

    def next_wave(self, outcomes: Sequence[Outcome]) -> list[Spec]:
        """A few candidates that were not proposed before; empty when the search is over."""
        left = (self.training.candidates or MOST) - len(outcomes)
        size = min(next(size for most, size in WAVES if len(self.development) <= most), left)
        if size <= 0:
            return []
        if self._first:
            wave, self._first = self._first[:size], self._first[size:]
            return wave
        return [] if _stalled(outcomes) else list(islice(self._turns(outcomes), size))

    def _turns(self, outcomes: Sequence[Outcome]) -> Iterator[Spec]:
        best_of = _best_scores(outcomes)
        if not best_of:
            return
        best = min(best_of.values())
        excess = {name: (score - best) / max(abs(best), 1e-12) for name, score in best_of.items()}
        while True:
            open_ = [n for n in self.names if n in excess and self._taken[n] < self._length(n)]
            if not open_:
                return
            name = min(open_, key=lambda n: (excess[n] + _TURN_COST * self._taken[n], self.names.index(n)))
            spec = self._spec(name, self._taken[name], outcomes)
            self._taken[name] += 1
            yield spec

    def _length(self, name: str) -> int:
        return len(self._fixed[name]) + len(self._drawn[name])

    def _spec(self, name: str, at: int, outcomes: Sequence[Outcome]) -> Spec:
        """The family's candidate `at`: of the fixed list, then drawn settings on its best columns or on each view."""
        if at < len(self._fixed[name]):
            return self._fixed[name][at]
        k = at - len(self._fixed[name])
        mine = [o for o in outcomes if o.spec.family == name and np.isfinite(o.score)]
        leader = min(mine, key=lambda o: o.score).spec if mine else Spec(name)
        best, settings = leader.columns, self._drawn[name][k]
        if leader.settings.get("hurdle"):
            settings = {**settings, "hurdle": True}
        return Spec(name, settings, best if k % 3 else self._views[(k // 3) % len(self._views)])


def _selecting(settings: list[Settings], select: Selection | None) -> list[Settings]:
    """Settings with the choice of columns that the problem asks for, each once."""
    if select is None:
        return settings
    asked = {"select": select.columns, "select_by": select.method}
    made = [{**one, **asked} for one in settings]
    return [one for place, one in enumerate(made) if one not in made[:place]]


def _two_steps(family: Family, fixed: list[Spec], development: Development) -> list[Spec]:
    """Where many rows share the lowest value: the family's default as a two-step model (is it above, how far)."""
    if development.task != "regression" or development.scale == "log" or atom_of(development.y) is None:
        return []
    if "classification" not in family.tasks or family.name in ("dummy", "nearest_neighbour"):
        return []
    default = fixed[0]
    return [Spec(default.family, {**default.settings, "hurdle": True}, default.columns)]


def other_losses(family: Family, development: Development, training: Training) -> list[str]:
    """Losses worth trying beside the one that suits the metric: what is best on paper need not be so on few rows."""
    known: frozenset[str] = getattr(family, "losses", frozenset())
    if training.loss != "auto" or development.task != "regression":
        return []
    return [loss for loss in ("huber", "mse", "mae") if loss in known and len(known & {"mse", "mae"}) == 2]


def _listed(
    name: str, settings: list[Settings], looks: list[tuple[str, ...]], losses: list[str]
) -> tuple[list[Spec], list[Settings]]:
    """The fixed candidates (default on all columns and on each view, its losses, the second default on each view),
    and drawn settings."""
    default = settings[0]
    if len(settings) == 1 and not default:
        return [Spec(name)], []
    fixed = [Spec(name, default, look) for look in looks]
    fixed[1:1] = [Spec(name, {**default, "loss": loss}) for loss in losses[:2]]
    fixed += [Spec(name, settings[1], look) for look in looks] if len(settings) > 1 else []
    drawn = [{**s, "loss": losses[k % len(losses)]} if losses and k % 2 else s for k, s in enumerate(settings[2:])]
    return fixed, drawn


def _best_scores(outcomes: Sequence[Outcome]) -> Mapping[str, float]:
    best: dict[str, float] = {}
    for outcome in outcomes:
        if np.isfinite(outcome.score):
            best[outcome.spec.family] = min(outcome.score, best.get(outcome.spec.family, np.inf))
    return best


def _stalled(outcomes: Sequence[Outcome]) -> bool:
    scores = [o.score if np.isfinite(o.score) else np.inf for o in outcomes]
    if len(scores) <= PATIENCE:
        return False
    before, after = min(scores[:-PATIENCE]), min(scores[-PATIENCE:])
    return not after < before * (1.0 - GAIN)
