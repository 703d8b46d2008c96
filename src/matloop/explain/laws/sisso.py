"""Sparse laws in a space of descriptors: screened by what goes with the target, the best few found by trying all.

A law is `y = outer * link_inverse(c1 d1 + c2 d2 + c3 d3)` with descriptors d from `space`. Links other than y itself
(1/y, y^2, 1/y^2, the logarithm) turn quotients of sums, distances and exponentials into sums that least squares finds;
rows are weighted so that errors count as they do in y.

References
----------
Ouyang et al., Phys. Rev. Mater. 2 (2018) 083802. doi:10.1103/PhysRevMaterials.2.083802
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.laws.candidates import Candidate, from_form, start_of
from matloop.explain.laws.expression import complexity, evaluate
from matloop.explain.laws.forms import Factors, Form, assemble, merged
from matloop.explain.laws.screening import Plan, Terms, joined, plan, scores, screen
from matloop.explain.laws.space import Budget, Space, raised_values
from matloop.explain.laws.sparse import best_pairs, best_triples, extended, least_squares, standard

LINKS = (6, -6, 12, -12)
"""Powers of y that are tried as a sum of terms, in sixths."""
SIMPLEST = 200
HEAD = 400
OUTER = 250
"""Products before an exponential that are tried."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a sparse search works on.

    X : shape (n_rows, n_inputs); y : shape (n_rows,), divided by `outer`; target_dim : the dimension that must come out
    for it, or None where constants may carry units. outer : a product that multiplies the whole law, and its values.
    terms : at most so many in a sum. largest : complexity of a whole law.
    """

    X: FloatArray
    y: FloatArray
    outer: Factors
    outer_values: FloatArray
    target_dim: IntArray | None
    space: Space
    budget: Budget
    rows: IntArray
    terms: int
    largest: int
    deadline: float

    @property
    def positive(self) -> bool:
        """Whether what is below zero can be noise."""
        return float((np.minimum(self.y, 0.0) ** 2).sum()) < 0.02 * float((self.y**2).sum())


@dataclass(slots=True)
class Found:
    """Candidates so far and how many terms were compared with the target."""

    candidates: list[Candidate]
    n_terms: int = 0
    cut: bool = False


def search_sparse(task: Task) -> Found:
    """Sparse laws under every link that the target allows."""
    found = Found([])
    plans: dict[tuple[int, ...] | None, Plan] = {}
    for link in _links(task):
        if time.monotonic() > task.deadline:
            found.cut = True
            return found
        dim = None if task.target_dim is None else task.target_dim * link // 6
        key = None if dim is None else tuple(dim.tolist())
        if key not in plans:
            plans[key] = plan(task.space.halves, dim, task.budget.pairs, task.largest - 2)
        _sums(task, link, plans[key], found)
    if task.positive and "exp" in task.space.operators:
        _exponentials(task, found)
    return found


def _links(task: Task) -> Iterator[int]:
    for link in LINKS:
        if link == 6 or task.positive or (link == -6 and np.quantile(np.abs(task.y), 0.02) > 0):
            yield link


def _linked(task: Task, link: int) -> tuple[FloatArray, FloatArray]:
    """The target under a link, and row weights such that squared errors count as in y."""
    # the inverse of a value that is hardly more than noise says nothing
    low = (0.15 if link < 0 else 0.05) * float(task.y.std())
    small = np.abs(task.y) < low
    safe = task.y if link == 6 else np.where(small, low, task.y) if link == -6 else np.maximum(task.y, low)
    slope = np.abs(link / 6 * raised_values(safe, link - 6)) if link != 6 else np.ones(len(safe))
    weights = (task.outer_values / slope) ** 2
    if link < 0:
        weights[small] = 0.0
    true = np.maximum(task.y, 0.0) if link > 6 else safe
    return raised_values(true, link), weights / weights.mean()


def _sums(task: Task, link: int, planned: Plan, found: Found) -> None:
    target, weights = _linked(task, link)
    free = task.target_dim is None or not task.target_dim.any()
    pool = _pool(task, planned, target, weights, centred=free, found=found)
    if not pool.factors:
        return
    models: list[tuple[Form, FloatArray]] = []
    for intercept in (False, True) if free else (False,):
        models += _sparse_models(task, Sums(pool, target, weights, intercept, task.budget.triples), link)
    found.candidates += _fitted(task, models)


def _pool(task: Task, planned: Plan, target: FloatArray, weights: FloatArray, *, centred: bool, found: Found) -> Terms:
    """Terms that go with the target, then with what the best law so far leaves over, once per further term."""
    pool: Terms | None = None
    left = target[None, :]
    for turn in range(task.terms):
        more = screen(
            task.space, planned, left, weights, task.rows, kept=task.budget.kept // (1 if turn == 0 else 2),
            centred=centred, deadline=task.deadline, largest=task.largest, simplest=SIMPLEST if turn == 0 else 0,
        )  # fmt: skip
        found.n_terms += planned.n_pairs
        pool = more if pool is None else _union(pool, more)
        if not pool.factors or turn + 1 == task.terms:
            break
        left = _left_over(Sums(_head(pool), target, weights, centred, task.budget.triples), turn + 1)
    assert pool is not None
    return pool


def _union(a: Terms, b: Terms) -> Terms:
    known = set(a.factors)
    new = [k for k, factors in enumerate(b.factors) if factors not in known]
    return Terms(
        a.factors + tuple(b.factors[k] for k in new),
        np.vstack([a.values, b.values[new]]),
        np.concatenate([a.size, b.size[new]]),
    )


def _head(pool: Terms) -> Terms:
    """The terms that go best with the target, and the simplest: enough to say what is left over."""
    simple = np.argsort(pool.size, kind="stable")[: HEAD // 2].tolist()
    rows = list(dict.fromkeys([*range(min(HEAD // 2, len(pool.size))), *simple]))
    return Terms(tuple(pool.factors[k] for k in rows), pool.values[rows], pool.size[rows])


@dataclass(slots=True)
class Sums:
    """Sums of terms of a pool against a target; inner products are worked out once, when first needed."""

    pool: Terms
    target: FloatArray
    weights: FloatArray
    intercept: bool
    triples: int
    products: tuple[FloatArray, FloatArray] | None = None

    def fitted(self, members: tuple[int, ...]) -> FloatArray:
        """Coefficients, the intercept first where there is one."""
        return least_squares(self.pool.values[list(members)], self.target, self.weights, intercept=self.intercept)

    def left(self, members: tuple[int, ...]) -> FloatArray:
        """What a sum leaves of the target."""
        found = self.fitted(members)
        said = found[int(self.intercept) :] @ self.pool.values[list(members)]
        return np.asarray(self.target - said - (found[0] if self.intercept else 0.0))

    def best(self, n: int, most: int) -> list[tuple[int, ...]]:
        """The `most` best sums of `n` terms."""
        if n == 1 or len(self.pool.factors) < 2:
            share = scores(self.pool.values, self.target[None, :], self.weights, centred=self.intercept)[0]
            return [(int(k),) for k in np.argsort(-share, kind="stable")[:most]]
        if self.products is None:
            self.products = standard(self.pool.values, self.target, self.weights, centred=self.intercept)
        gram, slope = self.products
        if n == 2 or len(slope) < 3:
            return [(int(i), int(j)) for i, j in best_pairs(gram, slope, most)[0].tolist()]
        return self._triples(gram, slope, most)

    def _triples(self, gram: FloatArray, slope: FloatArray, most: int) -> list[tuple[int, ...]]:
        # the simplest and the best: every triple; of the rest, the best third for each good pair
        pairs = best_pairs(gram, slope, self.triples // 5)[0]
        third = self.triples // 3
        simple = np.argsort(self.pool.size, kind="stable")[: 2 * third]
        first = np.unique(np.concatenate([np.argsort(-np.abs(slope))[:third], pairs.ravel(), simple]))
        some, share = best_triples(gram[np.ix_(first, first)], slope[first], most)
        more, extra = extended(gram, slope, pairs, most)
        both = [tuple(t) for t in first[some].tolist()] + [tuple(t) for t in more.tolist()]
        order = np.argsort(-np.concatenate([share, extra]), kind="stable")
        return list(dict.fromkeys(both[k] for k in order.tolist()))[:most]


def _left_over(sums: Sums, n: int) -> FloatArray:
    """What the best sums of `n` terms leave, shape (n_sums, n_rows): the best one, and the best of the simplest."""
    sets = sums.best(n, 200)
    sizes = [int(sums.pool.size[list(members)].sum()) for members in sets]
    chosen = dict.fromkeys([sets[0], *(sets[k] for k in np.argsort(sizes, kind="stable")[:2].tolist())])
    return np.array([sums.left(members) for members in chosen])


def _sparse_models(task: Task, sums: Sums, link: int) -> list[tuple[Form, FloatArray]]:
    """Sums of one to three terms: the best ones, and the best of each complexity among many good ones."""
    models, most = [], task.budget.sums_tried
    for n in range(1, task.terms + 1):
        sets = sums.best(n, 20 * most)
        chosen: list[tuple[int, ...]] = sets[: most // 2]
        sizes: dict[int, list[int]] = {}
        for place, members in enumerate(sets):
            sizes.setdefault(int(sums.pool.size[list(members)].sum()), []).append(place)
        for size in sorted(sizes):
            chosen += [sets[place] for place in sizes[size][:2]]
        for members in dict.fromkeys(chosen):
            if len(members) == n:
                terms = tuple(task.space.term(sums.pool.factors[k]) for k in members)
                models.append((Form(terms, link, sums.intercept, task.outer), sums.fitted(members)))
    return models


def _fitted(task: Task, models: Sequence[tuple[Form, FloatArray]]) -> list[Candidate]:
    """The models that are best in y itself as they are, with constants fitted there; and with one constant for all
    terms, where they nearly share it."""
    y = task.y * task.outer_values
    scored: list[tuple[float, int]] = []
    for form, coefficients in models:
        error = np.clip(y - evaluate(assemble(form), task.X, start_of(form, coefficients)), -1e100, 1e100)
        loss = float(error @ error)
        scored.append((loss if np.isfinite(loss) else np.inf, len(scored)))
    ranks: dict[int, list[int]] = {}
    for _, k in sorted(scored):
        ranks.setdefault(len(models[k][0].terms), []).append(k)
    made: list[Candidate] = []
    for places in ranks.values():
        for k in _worth_fitting(places, models, task.budget.fitted):
            if time.monotonic() > task.deadline:
                return made
            form, coefficients = models[k]
            steps = 0 if form.link == 6 else 15
            made.append(from_form(form, coefficients, task.X, y, steps))
            own = coefficients[form.intercept :]
            if len(own) > 1 and not form.intercept and form.link and np.ptp(own) < 0.5 * np.abs(own.mean()):
                tied = Form(form.terms, form.link, False, form.outer, tied=True)
                made.append(from_form(tied, own, task.X, y, 15))
    return made


def _worth_fitting(
    places: Sequence[int], models: Sequence[tuple[Form, FloatArray]], most: int
) -> list[int]:  # fmt: skip
    """Half the best (they come first), then those that are shorter than all better ones."""
    chosen = list(places[: most // 2])
    shortest = min((complexity(assemble(models[k][0])) for k in chosen), default=0)
    for k in places[most // 2 : 20 * most]:
        if len(chosen) >= most:
            break
        size = complexity(assemble(models[k][0]))
        if size < shortest:
            shortest = size
            chosen.append(k)
    return chosen + [k for k in places if k not in chosen][: most - len(chosen)]


def _exponentials(task: Task, found: Found) -> None:
    """`y = c * outer * exp(c1 d1 + ...)`: the outer product has the unit of y, the exponent none (or any where
    constants may carry units)."""
    low = 1e-3 * float(task.y.max())
    logarithm = np.log(np.maximum(task.y, low))
    weights = (np.maximum(task.y, 0.0) * task.outer_values) ** 2
    weights = weights / weights.mean()
    nothing = None if task.target_dim is None else np.zeros_like(task.target_dim)
    simple = plan(task.space.halves, nothing, 3_000, task.largest)
    exponents = screen(
        task.space, simple, logarithm[None, :], weights, task.rows, kept=400, centred=True, deadline=task.deadline,
        largest=task.largest,
    )  # fmt: skip
    outers = _outers(task)
    targets = np.array([logarithm - np.log(value) for _, value in outers]) if outers else np.zeros((0, len(task.y)))
    if not len(targets) or not exponents.factors:
        return
    share = scores(exponents.values, targets, weights, centred=True)
    spread = ((targets - (targets @ weights)[:, None] / weights.sum()) ** 2) @ weights
    best = np.argsort(((1.0 - share.max(axis=1)) * spread), kind="stable")[:8]
    larger = plan(task.space.halves, nothing, task.budget.pairs, task.largest)
    pool = screen(
        task.space, larger, targets[best], weights, task.rows, kept=task.budget.kept // 4, centred=True,
        deadline=task.deadline, largest=task.largest,
    )  # fmt: skip
    found.n_terms += larger.n_pairs
    pool = _union(exponents, pool)
    models: list[tuple[Form, FloatArray]] = []
    for k in best.tolist():
        outer = merged(task.outer, task.space.term(outers[k][0]))
        models.append((Form((), 0, True, outer), np.array([float(np.average(targets[k], weights=weights))])))
        sums = Sums(pool, targets[k], weights, True, task.budget.triples)
        for n in range(1, min(task.terms, 2) + 1):
            for members in sums.best(n, 12):
                terms = tuple(task.space.term(pool.factors[m]) for m in members)
                models.append((Form(terms, 0, True, outer), sums.fitted(members)))
    found.candidates += _fitted(task, models)


def _outers(task: Task) -> list[tuple[tuple[tuple[int, int], ...], FloatArray]]:
    """Positive products that may stand before an exponential, simplest first; with free constants also none at all."""
    halves = task.space.halves
    planned = plan(halves, task.target_dim, 20 * OUTER, 12) if task.target_dim is not None else None
    found: list[tuple[tuple[tuple[int, int], ...], FloatArray]] = []
    if planned is None or not task.target_dim.any():  # type: ignore[union-attr]
        found.append(((), np.ones(len(task.y))))
    if planned is None:
        candidates = [halves.factors[k] for k in np.argsort(halves.size, kind="stable")[: 2 * OUTER].tolist()]
    else:
        from_pairs = [
            (int(halves.size[i] + halves.size[j]), halves.factors[i], halves.factors[j])
            for block in planned.blocks for i in block.left.tolist() for j in block.right.tolist()
        ]  # fmt: skip
        from_pairs.sort()
        candidates = list(dict.fromkeys(joined(a, b) for _, a, b in from_pairs))
    for factors in candidates[: 4 * OUTER]:
        value = task.space.term_values(factors)
        if factors and np.isfinite(value).all() and value.min() > 0:
            found.append((factors, value))
        if len(found) >= OUTER:
            break
    return found
