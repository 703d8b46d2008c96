"""Rules of two or three conditions: `a > 1 and b < 2`, `(a > 1 and b < 2) or d > 3`; every one may be a descriptor.

As trees the smaller score of two is their "and", the larger one their "or": above zero where the rule holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.explain.laws.candidates import Candidate
from matloop.explain.laws.expression import Node, c, complexity, evaluate, walk

QUANTILES = tuple(np.linspace(0.1, 0.9, 9).tolist())
"""Where a first condition may cut."""
SWEEPS = 2


@dataclass(frozen=True, slots=True)
class _Part:
    """`descriptor > cut`, or `descriptor < cut`."""

    tree: Node
    cut: float
    above: bool

    def score(self, place: int) -> Node:
        return Node("-", (self.tree, c(place)) if self.above else (c(place), self.tree))


@dataclass(frozen=True, slots=True)
class _Rule:
    """Parts joined by `ops`, from left to right; where it holds; and the share of both classes it gets right beyond
    chance."""

    parts: tuple[_Part, ...]
    ops: tuple[str, ...]
    holds: BoolArray
    gain: float

    def candidate(self) -> Candidate:
        tree = self.parts[0].score(0)
        for k, (op, part) in enumerate(zip(self.ops, self.parts[1:], strict=True), start=1):
            tree = Node(op, (tree, part.score(k)))
        cuts = tuple(part.cut for part in self.parts)
        return Candidate(tree, cuts, (float("nan"),) * len(cuts), 0.5 - self.gain, complexity(tree))


class _Cuts:
    """Descriptors sorted once, so that the best cut of all of them is one cumulative sum."""

    def __init__(self, values: FloatArray) -> None:
        self.values = values
        self.order = np.argsort(values, axis=1, kind="stable")
        self.sorted = np.take_along_axis(values, self.order, axis=1)
        same = np.zeros((len(values), values.shape[1] + 1), dtype=bool)
        same[:, 1:-1] = self.sorted[:, 1:] <= self.sorted[:, :-1]
        self.tied = same

    def best(self, worth: FloatArray) -> list[tuple[float, int, float, bool]]:
        """For `worth` of each row: (sum above or below the best cut, descriptor, cut, above), the best of each."""
        below = np.concatenate([np.zeros((len(self.values), 1)), np.cumsum(worth[self.order], axis=1)], axis=1)
        above = worth.sum() - below
        found = []
        for table, is_above in ((above, True), (below, False)):
            masked = np.where(self.tied, -np.inf, table)
            place = masked.argmax(axis=1)
            gains = masked[np.arange(len(place)), place]
            found += [
                (float(g), k, self._cut(k, int(p)), is_above) for k, (g, p) in enumerate(zip(gains, place, strict=True))
            ]
        return sorted(found, key=lambda item: (-item[0], item[1]))

    def _cut(self, k: int, place: int) -> float:
        row = self.sorted[k]
        if place == 0:
            return float(row[0] - 1.0)
        return float(row[-1] + 1.0) if place == len(row) else float((row[place - 1] + row[place]) / 2)


def worth_of(y: FloatArray) -> FloatArray:
    """What calling a row class 1 adds to the balanced accuracy: positive for rows of class 1, negative for others."""
    positive = y > 0.5
    n1 = max(int(positive.sum()), 1)
    return np.where(positive, 0.5 / n1, -0.5 / max(len(y) - n1, 1))


def search_conditions(
    trees: Sequence[Node], values: FloatArray, singles: Sequence[Candidate], y: FloatArray, *, parts: int, tried: int
) -> list[Candidate]:
    """Rules of two and (for `parts` of three) three conditions over descriptors.

    trees, values : descriptors, values of shape (n_descriptors, n_rows). singles : the best single cut of each.
    tried : descriptors that may be a condition; a tenth of them may be the first.
    """
    order = _promising(singles, tried)
    trees, cuts, worth = [trees[k] for k in order], _Cuts(values[order]), worth_of(y)
    starts = [
        _Rule((_Part(trees[k], float(cut), above),), (), holds, float(worth[holds].sum()))
        for k in range(min(max(tried // 10, 5), len(order)))
        for cut in np.unique(np.quantile(cuts.values[k], QUANTILES))
        for above in (True, False)
        for holds in (cuts.values[k] > cut if above else cuts.values[k] < cut,)
    ]
    pairs = _grown(starts, trees, cuts, worth)
    found = pairs
    if parts > 2:
        found = pairs + _grown(pairs[: max(tried // 25, 3)], trees, cuts, worth)
    return [rule.candidate() for rule in found]


def _promising(singles: Sequence[Candidate], tried: int) -> IntArray:
    """The best cuts and the shortest descriptors in turn: a rule of many conditions is only read if each is short."""
    best = sorted(range(len(singles)), key=lambda k: (singles[k].rmse, singles[k].size))
    shortest = sorted(range(len(singles)), key=lambda k: (singles[k].size, singles[k].rmse))
    both = [k for pair in zip(best, shortest, strict=True) for k in pair]
    return np.array(list(dict.fromkeys(both))[:tried], dtype=np.int64)


def _grown(rules: Sequence[_Rule], trees: Sequence[Node], cuts: _Cuts, worth: FloatArray) -> list[_Rule]:
    """Each rule with its best further condition by "and" and by "or"; the best first, one of a kind."""
    found: dict[tuple[tuple[Node, ...], tuple[str, ...]], _Rule] = {}
    for rule in rules:
        both, either = np.where(rule.holds, worth, 0.0), np.where(rule.holds, 0.0, worth)
        for op, masked, base in (("min", both, 0.0), ("max", either, float(worth[rule.holds].sum()))):
            for gain, k, cut, above in cuts.best(masked)[:3]:
                inside = cuts.values[k] > cut if above else cuts.values[k] < cut
                holds = rule.holds & inside if op == "min" else rule.holds | inside
                new = _Rule((*rule.parts, _Part(trees[k], cut, above)), (*rule.ops, op), holds, base + gain)
                key = (tuple(part.tree for part in new.parts), new.ops)
                if key not in found or new.gain > found[key].gain:
                    found[key] = new
    return sorted(found.values(), key=lambda rule: -rule.gain)[:60]


def refitted_cuts(one: Candidate, X: FloatArray, y: FloatArray) -> Candidate:
    """The same rule with its cuts moved, one after the other, to where they are best on these rows."""
    worth, theta = worth_of(y), np.array(one.constants)
    leaves = {int(n.args[at].value): (n.args[1 - at], at == 1) for n in walk(one.node) if n.op == "-"
              for at in (0, 1) if n.args[at].op == "c"}  # fmt: skip
    for _ in range(SWEEPS):
        for place, (tree, above) in leaves.items():
            value = evaluate(tree, X)
            if not np.isfinite(value).all():
                continue
            top = float(np.abs(value).max()) * 4 + 1.0
            held = [
                evaluate(one.node, X, _with(theta, place, end)) > 0 for end in ((-top, top) if above else (top, -top))
            ]
            swing = np.where(held[0] & ~held[1], worth, 0.0)
            best = next(b for b in _Cuts(value[None]).best(swing) if b[3] == above)
            theta = _with(theta, place, best[2])
    holds = evaluate(one.node, X, theta) > 0
    return Candidate(one.node, tuple(theta.tolist()), one.errors, 0.5 - float(worth[holds].sum()), one.size)


def _with(theta: FloatArray, place: int, value: float) -> FloatArray:
    moved = theta.copy()
    moved[place] = value
    return moved
