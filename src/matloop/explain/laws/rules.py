"""Rules for two classes: one to three descriptors and a threshold, so that both classes are right as often as can be.

Descriptors are screened by how far they take the classes apart (a linear discriminant, classes weighted alike), then
each of the best is cut at its best threshold, and every pair of the best is tried.

References
----------
Ouyang et al., Phys. Rev. Mater. 2 (2018) 083802 (SISSO for classification). doi:10.1103/PhysRevMaterials.2.083802
Ouyang et al., J. Phys. Mater. 2 (2019) 024002. doi:10.1088/2515-7639/ab077b
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.laws.candidates import Candidate
from matloop.explain.laws.conditions import search_conditions
from matloop.explain.laws.expression import Node, c, complexity, x
from matloop.explain.laws.forms import product, times
from matloop.explain.laws.kinds import best_threshold, fitted_score
from matloop.explain.laws.screening import Terms, plan, screen
from matloop.explain.laws.space import Budget, Space, usable
from matloop.explain.laws.sparse import best_pairs, best_triples, standard

CUT = 600
"""Descriptors that get their best threshold."""
MOST_INPUTS = 400
PAIRED = 40
"""Pairs and triples whose rule is fitted."""


def search_rules(
    X: FloatArray, y: FloatArray, space: Space, budget: Budget, rows: IntArray, *, terms: int, largest: int,
    deadline: float,
) -> tuple[list[Candidate], int]:  # fmt: skip
    """Rules for class 1 (`score > 0`), and how many descriptors were compared with the classes.

    y : shape (n_rows,), 0 or 1.
    """
    share = float(y.mean())
    weights = np.where(y > 0.5, 0.5 / share, 0.5 / (1.0 - share))
    target = 2.0 * y - 1.0
    planned = plan(space.halves, None, budget.pairs, largest - 2)
    pool = screen(
        space, planned, target[None, :], weights, rows, kept=CUT, centred=True, deadline=deadline, largest=largest,
        simplest=200,
    )  # fmt: skip
    if not pool.factors:
        return [], planned.n_pairs
    found = [_single(space, pool, k, y) for k in range(len(pool.factors))]
    if terms > 1:
        found += _conditions(space, pool, found, X, y, parts=terms, tried=budget.conditions)
    best = _worth_joining(pool, found[: len(pool.factors)])
    joined = Terms(tuple(pool.factors[k] for k in best), pool.values[best], pool.size[best])
    gram, slope = standard(joined.values, target, weights, centred=True)
    sets: list[list[int]] = []
    if terms > 1 and len(best) > 1:
        sets += best_pairs(gram, slope, PAIRED)[0].tolist()
    if terms > 2 and len(best) > 2:
        sets += best_triples(gram[:120, :120], slope[:120], PAIRED // 2)[0].tolist()
    for members in sets:
        if time.monotonic() > deadline:
            break
        found.append(_joint(space, joined, members, X, y))
    return [one for one in found if math.isfinite(one.rmse)], planned.n_pairs


def _conditions(
    space: Space, pool: Terms, singles: Sequence[Candidate], X: FloatArray, y: FloatArray, *, parts: int,
    tried: int,
) -> list[Candidate]:  # fmt: skip
    """Rules of several conditions over the descriptors and over every input, also those that say little alone."""
    plain = [p for p in range(X.shape[1]) if usable(X[:, p])][:MOST_INPUTS]
    own = [_cut(x(p), X[:, p], y) for p in plain]
    trees = [x(p) for p in plain] + [product(space.term(factors)) for factors in pool.factors]
    values = np.vstack([X[:, plain].T, pool.values])
    return search_conditions(trees, values, [*own, *singles], y, parts=parts, tried=tried)


def _single(space: Space, pool: Terms, k: int, y: FloatArray) -> Candidate:
    """`descriptor > threshold`, or the other way round."""
    return _cut(product(space.term(pool.factors[k])), pool.values[k], y)


def _cut(tree: Node, value: FloatArray, y: FloatArray) -> Candidate:
    above, wrong_above = best_threshold(value, y)
    below, wrong_below = best_threshold(-value, y)
    if wrong_above <= wrong_below:
        node, cut, error = Node("-", (tree, c(0))), above, wrong_above
    else:
        node, cut, error = Node("-", (c(0), tree)), -below, wrong_below
    return Candidate(node, (cut,), (math.nan,), error, complexity(node))


def _worth_joining(pool: Terms, found: Sequence[Candidate]) -> list[int]:
    """Half the places for descriptors that separate best linearly (they come first), half for the best cuts."""
    by_cut = np.argsort([one.rmse for one in found], kind="stable")[:120].tolist()
    simple = np.argsort(pool.size, kind="stable")[:120].tolist()
    return list(dict.fromkeys([*range(min(120, len(found))), *by_cut, *simple]))


def _joint(space: Space, pool: Terms, members: Sequence[int], X: FloatArray, y: FloatArray) -> Candidate:
    """`c0 + c1 d1 + c2 d2 > 0`."""
    tree: Node = c(0)
    for n, k in enumerate(members):
        tree = Node("+", (tree, times(c(n + 1), product(space.term(pool.factors[k])))))
    return fitted_score(tree, X, y, np.zeros(len(members) + 1))
