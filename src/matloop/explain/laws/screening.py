"""Sure independence screening of products that are never stored: a block of pairs is three matrix products.

For halves f and g and a target t with row weights w, the sums over f g t, f g and (f g)^2 are entries of matrix
products, so some ten million terms a second are compared with the target on one core.

References
----------
Fan & Lv, J. R. Stat. Soc. B 70 (2008) 849 (sure independence screening). doi:10.1111/j.1467-9868.2008.00674.x
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.laws.space import Halves, Space, fingerprint, usable

BLOCK = 1024
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Block:
    """Pairs (i, j) of halves: all `left` with all `right`; `mirrored` where both are the same group (then i <= j)."""

    left: IntArray
    right: IntArray
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pairs are screened, how many, and the highest complexity up to which all of them are."""

    blocks: tuple[Block, ...]
    n_pairs: int
    complete_to: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Screened terms: factors by base number, values on all rows (n_terms, n_rows), complexity."""

    factors: tuple[tuple[tuple[int, int], ...], ...]
    values: FloatArray
    size: IntArray


def plan(halves: Halves, dim: IntArray | None, most: int, largest: int) -> Plan:
    """Pairs whose product has the dimension `dim` (None: any), simplest first, at most about `most`.

    largest : complexity of a term that is still looked at.
    """
    groups = _groups(halves, dim is not None)
    pairs = list(_partners(groups, dim))
    limit = _limit(halves, groups, pairs, most, largest)
    blocks = [
        block for a, b in pairs for block in _blocks(halves.size, groups[a], groups[b], limit, mirrored=a == b)
    ]  # fmt: skip
    n_pairs = sum(len(b.left) * len(b.right) for b in blocks)
    return Plan(tuple(blocks), n_pairs, limit)


def _groups(halves: Halves, apart: bool) -> dict[tuple[int, ...], IntArray]:
    """Halves by dimension, each group simplest first."""
    if not apart:
        return {(): np.argsort(halves.size, kind="stable")}
    found: dict[tuple[int, ...], list[int]] = {}
    for k, dim in enumerate(halves.dims.tolist()):
        found.setdefault(tuple(dim), []).append(k)
    return {key: np.array(sorted(ks, key=lambda k: int(halves.size[k]))) for key, ks in found.items()}


def _partners(
    groups: dict[tuple[int, ...], IntArray], dim: IntArray | None
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    if dim is None:
        yield (), ()
        return
    wanted = dim.tolist()
    for key in sorted(groups):
        other = tuple(t - k for t, k in zip(wanted, key, strict=True))
        if key <= other and other in groups:
            yield key, other


def _limit(
    halves: Halves,
    groups: dict[tuple[int, ...], IntArray],
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]],
    most: int,
    largest: int,
) -> int:
    """The highest complexity for which the number of pairs stays below `most`."""
    counts = np.zeros(2 * int(halves.size.max(initial=0)) + 2)
    for a, b in pairs:
        first = np.bincount(halves.size[groups[a]])
        second = np.bincount(halves.size[groups[b]])
        both = np.convolve(first, second) * (0.5 if a == b else 1.0)
        counts[: len(both)] += both
    below = np.flatnonzero(np.cumsum(counts) <= most)
    return int(min(below[-1] if len(below) else 1, largest))


def _blocks(size: IntArray, left: IntArray, right: IntArray, limit: int, *, mirrored: bool) -> Iterator[Block]:
    """Left halves of one complexity with all right ones that are simple enough, in blocks."""
    costs = size[right]
    for cost in np.unique(size[left]).tolist():
        mine = left[size[left] == cost]
        theirs = right[: int(np.searchsorted(costs, limit - cost, side="right"))]
        if mirrored:
            theirs = theirs[size[theirs] >= cost]
        for i in range(0, len(mine), BLOCK):
            for j in range(0, len(theirs), 4 * BLOCK):
                yield Block(mine[i : i + BLOCK], theirs[j : j + 4 * BLOCK], mirrored)


def screen(
    space: Space, planned: Plan, targets: FloatArray, weights: FloatArray, rows: IntArray, *, kept: int, centred: bool,
    deadline: float, largest: int, simplest: int = 0,
) -> Terms:  # fmt: skip
    """The terms that go best with any of the targets, without twins.

    Parameters
    ----------
    targets : shape (n_targets, n_rows); weights : shape (n_rows,), of squared errors. rows : where halves have values.
    kept : terms per target. simplest : so many of the simplest terms are kept whatever they score.
    centred : whether the law will have an intercept.
    """
    best = [_Best(3 * kept) for _ in targets]
    first = _simplest(space.halves.size, planned, 3 * simplest)
    scaled = [_scaled(t[rows], weights[rows], centred) for t in targets]
    w = (weights[rows] / weights[rows].mean()).astype(np.float32)
    H = space.halves.values
    for block in planned.blocks:
        if time.monotonic() > deadline:
            break
        F, G = H[block.left], H[block.right]
        square = ((F * F) * w) @ (G * G).T
        if centred:
            mean = (F * w) @ G.T
            square -= mean * mean / w.sum()
            # what hardly varies is a constant in single precision
            square = np.where(square > 1e-5 * (mean * mean / w.sum()) + _TINY, square, np.inf)
        else:
            square = np.where(square > _TINY, square, np.inf)
        for heap, t in zip(best, scaled, strict=True):
            dot = (F * t) @ G.T
            heap.offer(dot * dot / square, block)
    found = list(dict.fromkeys([*first, *(pair for heap in best for pair in heap.pairs())]))
    return _exact(space, found, targets, weights, kept=kept, centred=centred, largest=largest, simplest=simplest)


def _simplest(size: IntArray, planned: Plan, most: int) -> list[tuple[int, int]]:
    """The pairs of least complexity, whatever they say of the target: true terms of a sum may say little alone."""
    found: list[tuple[int, int, int]] = []
    for block in planned.blocks:
        rights = block.right[:most]
        costs = (size[block.left][:, None] + size[rights][None, :]).ravel()
        top = np.argsort(costs, kind="stable")[:most]
        lefts = np.repeat(block.left, len(rights))[top].tolist()
        found += list(zip(costs[top].tolist(), lefts, np.tile(rights, len(block.left))[top].tolist(), strict=True))
    found.sort()
    return [(i, j) for _, i, j in found[:most]]


def _scaled(target: FloatArray, weights: FloatArray, centred: bool) -> FloatArray:
    w = weights / weights.mean()
    t = target - (w @ target) / w.sum() if centred else target
    size = np.sqrt(w @ t**2)
    return (w * t / (size if size > 0 else 1.0)).astype(np.float32)


class _Best:
    """The pairs with the highest scores of all blocks seen."""

    def __init__(self, most: int) -> None:
        self.most, self.floor = most, 0.0
        self.score = np.zeros(0, dtype=np.float32)
        self.left = np.zeros(0, dtype=np.int64)
        self.right = np.zeros(0, dtype=np.int64)

    def offer(self, score: FloatArray, block: Block) -> None:
        above = np.flatnonzero(score.ravel() > self.floor)
        if not len(above):
            return
        values = score.ravel()[above]
        if len(values) > self.most:
            top = np.argpartition(-values, self.most)[: self.most]
            above, values = above[top], values[top]
        n = len(block.right)
        self.score = np.concatenate([self.score, values])
        self.left = np.concatenate([self.left, block.left[above // n]])
        self.right = np.concatenate([self.right, block.right[above % n]])
        if len(self.score) > 4 * self.most:
            self._cut()

    def _cut(self) -> None:
        order = np.argsort(-self.score, kind="stable")[: self.most]
        self.score, self.left, self.right = self.score[order], self.left[order], self.right[order]
        if len(order) == self.most:
            self.floor = float(self.score[-1])

    def pairs(self) -> list[tuple[int, int]]:
        self._cut()
        return list(zip(self.left.tolist(), self.right.tolist(), strict=True))


def _exact(
    space: Space, pairs: list[tuple[int, int]], targets: FloatArray, weights: FloatArray, *, kept: int, centred: bool,
    largest: int, simplest: int,
) -> Terms:  # fmt: skip
    """Values on all rows, twins out (the simpler stays), then the best for each target on all rows."""
    chosen: dict[tuple[tuple[int, int], ...], int] = {}
    for i, j in pairs:
        factors = joined(space.halves.factors[i], space.halves.factors[j])
        size = int(space.halves.size[i] + space.halves.size[j]) + (i > 0 and j > 0)
        if factors and size <= largest:
            chosen[factors] = min(size, chosen.get(factors, size))
    mark = np.random.default_rng(1).normal(size=(space.values.shape[1], 2))
    seen: set[tuple[float, ...]] = set()
    factors_kept, values, sizes = [], [], []
    for factors, size in sorted(chosen.items(), key=lambda item: (item[1], item[0])):
        value = space.term_values(factors)
        if not usable(value):
            continue
        key = fingerprint(value, mark)
        if key not in seen:
            seen.add(key)
            factors_kept.append(factors)
            values.append(value)
            sizes.append(size)
    if not values:
        return Terms((), np.zeros((0, space.values.shape[1])), np.zeros(0, dtype=np.int64))
    table = np.array(values)
    score = scores(table, targets, weights, centred=centred)
    best: dict[int, None] = {}
    for row in score:
        best |= dict.fromkeys(np.argsort(-row, kind="stable")[:kept].tolist())
    best |= dict.fromkeys(range(min(simplest, len(sizes))))
    order = sorted(best, key=lambda k: -float(score[:, k].max()))
    return Terms(tuple(factors_kept[k] for k in order), table[order], np.array([sizes[k] for k in order]))


def joined(a: tuple[tuple[int, int], ...], b: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Factors of the product of two products, in the order of the bases."""
    found = dict(a)
    for base, e in b:
        found[base] = found.get(base, 0) + e
    return tuple(sorted((base, e) for base, e in found.items() if e))


def scores(values: FloatArray, targets: FloatArray, weights: FloatArray, *, centred: bool) -> FloatArray:
    """Squared weighted correlation (cosine without an intercept) of terms and targets, (n_targets, n_terms)."""
    w = weights / weights.sum()
    V = values / np.sqrt(np.maximum((values**2) @ w, 1e-300))[:, None]
    T = np.array(targets, dtype=float)
    if centred:
        V = V - (V @ w)[:, None]
        T = T - (T @ w)[:, None]
    dot = (T * w) @ V.T
    size = np.outer((T**2) @ w, (V**2) @ w)
    return np.divide(dot**2, size, out=np.zeros_like(dot), where=size > 1e-24)
