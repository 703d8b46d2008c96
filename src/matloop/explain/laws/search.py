"""One search on one set of rows: inputs that matter, sparse laws, evolution, the Pareto front, the choice on it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.laws.candidates import Candidate, front, polished, spread_out
from matloop.explain.laws.dimensions import Quantities
from matloop.explain.laws.expression import Node, complexity, x
from matloop.explain.laws.genetic import Effort, evolve, grammar_of
from matloop.explain.laws.kinds import Kind, Numbers, TwoClasses
from matloop.explain.laws.relevance import relevant
from matloop.explain.laws.rules import search_rules
from matloop.explain.laws.separate import separable
from matloop.explain.laws.sisso import Task, search_sparse
from matloop.explain.laws.space import OPERATORS, Budget, build_space, raised_values

INNER_FOLDS = 5
CLEAR = 2.0
"""A formula beats a constant where its held-out losses are lower by so many standard errors (paired by row)."""
PER_SIGN = 2.0
"""What a sign of a formula costs, in nats: it is one of about eight that could stand there."""
ENOUGH = 0.9
"""A law in pure numbers that explains this share is not sought again with constants that carry units."""
PLENTY = 0.985
"""Where laws with inputs that only multiply taken out explain this share, the larger space is not searched as well."""
ON_THE_FRONT = 14
ROUNDED_AWAY = 4
"""A formula may be so much too long while factors of one still stand in it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a search is done. largest : complexity of a law. terms : at most so many summed."""

    classes: bool = False
    largest: int = 30
    terms: int = 3
    operators: frozenset[str] = frozenset(OPERATORS)
    budget: Budget = field(default_factory=Budget)
    effort: Effort = field(default_factory=Effort)

    @property
    def kind(self) -> Kind:
        return TwoClasses() if self.classes else Numbers()


QUICK = Settings(
    budget=Budget(
        inputs=8,
        sums=80,
        functions=30,
        inner=24,
        halves=4_000,
        pairs=200_000,
        kept=150,
        triples=75,
        rows=150,
        sums_tried=24,
        fitted=8,
        conditions=100,
    ),
    effort=Effort(population=60, generations=8, fitted=10, rows=200),
)
"""About a second per search on 1,000 rows."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one search found: the front (shortest first), which of it was chosen (-1: none is better than a constant),
    inner held-out losses of each, and how many descriptors were compared with the target."""

    front: tuple[Candidate, ...]
    chosen: int
    held_out: tuple[float, ...]
    inputs: tuple[int, ...]
    n_terms: int
    cut: bool = False

    @property
    def best(self) -> Candidate | None:
        return self.front[self.chosen] if self.chosen >= 0 else None


def search(
    X: FloatArray, y: FloatArray, given: Quantities, settings: Settings, *, groups: IntArray, seed: int, deadline: float
) -> Outcome:
    """Find formulas for `y`.

    Parameters
    ----------
    X : shape (n_rows, n_inputs), in the units of the law, finite. y : shape (n_rows,), or 0 and 1 for two classes.
    groups : shape (n_rows,), rows of one group are not on both sides of an inner fold.
    deadline : `time.monotonic()` value; what was not done by then is left out (`cut`).
    """
    places = relevant(X, y, most=settings.budget.inputs, seed=seed, classes=settings.classes)
    if not len(places):
        return Outcome((), -1, (), (), 0)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(y))[: settings.budget.rows])
    if settings.classes:
        found, n_terms = _rules(X, y, places, given, settings, rows, deadline)
    else:
        loose = replace(settings, largest=settings.largest + ROUNDED_AWAY)
        found, n_terms = _numbers(X, y, places, given, loose, rows, seed, deadline)
    ranked = front(found, ON_THE_FRONT, settings.largest + (0 if settings.classes else ROUNDED_AWAY))
    if not settings.classes:
        ranked = front([polished(one, X, y, given) for one in ranked], ON_THE_FRONT, settings.largest)
    chosen, held_out = choose(ranked, X, y, groups, settings.kind, seed)
    cut = time.monotonic() > deadline
    return Outcome(tuple(ranked), chosen, held_out, tuple(int(p) for p in places), n_terms, cut)


def _rules(
    X: FloatArray, y: FloatArray, places: IntArray, given: Quantities, settings: Settings, rows: IntArray,
    deadline: float,
) -> tuple[list[Candidate], int]:  # fmt: skip
    space = build_space(X, places.tolist(), given.dims, settings.operators, settings.budget, rows)
    return search_rules(
        X, y, space, settings.budget, rows, terms=settings.terms, largest=settings.largest, deadline=deadline
    )


def _numbers(
    X: FloatArray, y: FloatArray, places: IntArray, given: Quantities, settings: Settings, rows: IntArray, seed: int,
    deadline: float,
) -> tuple[list[Candidate], int]:  # fmt: skip
    """Laws whose unit comes out of the inputs; else, or where those explain little, constants of any unit."""
    found: list[Candidate] = []
    n_terms = 0
    strict = bool(given.dims.any() or given.target_dim.any()) and given.reachable()
    for free in (False, True) if strict else (True,):
        if found and min(one.rmse for one in found) ** 2 < (1.0 - ENOUGH) * float(y.var()):
            break
        new, n, nodes = _sparse(X, y, places, given, settings, rows, free=free, deadline=deadline)
        n_terms += n
        grammar = grammar_of(given.dims, given.target_dim, places.tolist(), settings.operators, free=free)
        seeds = spread_out(new, 60)
        bases = [node for node in nodes if complexity(node) <= 6][:80]
        new += evolve(
            X, y, grammar, seeds, bases, effort=settings.effort, largest=settings.largest, seed=seed, deadline=deadline
        )
        found += new
    return found, n_terms


def _sparse(
    X: FloatArray, y: FloatArray, places: IntArray, given: Quantities, settings: Settings, rows: IntArray, *,
    free: bool, deadline: float,
) -> tuple[list[Candidate], int, tuple[Node, ...]]:  # fmt: skip
    """Sparse sums over all inputs, and over what is left when inputs that only multiply are taken out."""
    parts: list[dict[int, int]] = [{}]
    if {"*", "/"} <= settings.operators:
        outer = separable(X, y, places.tolist())
        parts = [outer, {}] if outer and len(outer) < len(places) else [{}]
    found: list[Candidate] = []
    n_terms = 0
    nodes: tuple[Node, ...] = ()
    for part in parts:
        if found and min(one.rmse for one in found) ** 2 < (1.0 - PLENTY) * float(y.var()):
            break
        left = [p for p in places.tolist() if p not in part]
        space = build_space(X, left, given.dims, settings.operators, settings.budget, rows, free=free)
        outer_values = np.ones(len(y))
        dim = given.target_dim.copy()
        for p, e in part.items():
            outer_values = outer_values * raised_values(X[:, p], e)
            dim = dim - given.dims[p] * e // 6
        task = Task(
            X, y / outer_values, {x(p): e for p, e in part.items()}, outer_values, None if free else dim, space,
            settings.budget, rows, settings.terms, settings.largest, deadline,
        )  # fmt: skip
        new = search_sparse(task)
        found += new.candidates
        n_terms += new.n_terms
        nodes = space.nodes
    return found, n_terms, nodes


def choose(
    ranked: Sequence[Candidate], X: FloatArray, y: FloatArray, groups: IntArray, kind: Kind, seed: int
) -> tuple[int, tuple[float, ...]]:
    """The formula that tells rows and itself in fewest words, or -1 for none; mean held-out loss of each.

    Constants are fitted again without the rows that are predicted. The form has seen all rows, so a longer one must
    earn its length: minimum description length, `PER_SIGN` nats for each sign, and the rows' code by their held-out
    losses. It must also clearly beat a constant.

    References
    ----------
    Rissanen, Automatica 14 (1978) 465. doi:10.1016/0005-1098(78)90005-5
    """
    if not ranked:
        return -1, ()
    index = np.unique(groups, return_inverse=True)[1]
    n_groups = int(index.max()) + 1
    if n_groups < 2:
        return -1, (math.nan,) * len(ranked)
    fold = (np.random.default_rng([seed, 17]).permutation(n_groups) % min(INNER_FOLDS, n_groups))[index]
    losses = np.empty((len(ranked) + 1, len(y)))
    for f in np.unique(fold):
        train, test = fold != f, fold == f
        losses[-1, test] = kind.losses(y, np.full(len(y), kind.constant(y[train])))[test]
        for k, one in enumerate(ranked):
            again = kind.refitted(one, X[train], y[train])
            said = np.full(len(y), np.nan)
            said[test] = again.predict(X[test])
            losses[k, test] = kind.losses(y, said)[test]
    mean = losses.mean(axis=1)
    best = int(np.argmin(mean[:-1]))
    if not _clearly_lower(losses[best], losses[-1]):
        return -1, tuple(mean[:-1].tolist())
    lengths = [kind.code(float(mean[k]), float(mean[-1]), len(y)) + PER_SIGN * one.size for k, one in enumerate(ranked)]
    return int(np.argmin(lengths)), tuple(mean[:-1].tolist())


def _clearly_lower(a: FloatArray, b: FloatArray) -> bool:
    difference = b - a
    doubt = float(difference.std()) / math.sqrt(max(len(a) - 1, 1))
    return float(difference.mean()) > CLEAR * doubt


def with_limits(settings: Settings, *, largest: int, operators: frozenset[str], classes: bool) -> Settings:
    """The settings for a user's wishes."""
    return replace(settings, largest=largest, operators=operators, classes=classes)
