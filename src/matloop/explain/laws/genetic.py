"""Genetic programming over formulas with units: for constants inside functions, where no sparse sum can reach.

Trees are crossed only where dimensions agree, so that every child makes sense; inner constants are fitted by a few
damped least-squares steps, the scale of the whole exactly. Half the parents are chosen by error, half by error and
length; a share of newcomers each generation keeps the population from growing old.

References
----------
Koza, Genetic Programming (1992). Keijzer, EuroGP (2003) 70 (linear scaling). doi:10.1007/3-540-36599-0_7
Schmidt & Lipson, GPTP VIII (2011) 129 (age and newcomers). doi:10.1007/978-1-4419-7747-2_8
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.explain.laws.candidates import Candidate, candidate
from matloop.explain.laws.constants import fit
from matloop.explain.laws.expression import ONE, Node, complexity, evaluate, lifted, power, walk, x
from matloop.explain.laws.forms import simplified
from matloop.explain.laws.space import OPERATORS, usable

Dim = tuple[int, ...]
ANY: Dim = ()
"""The dimension of a constant that may carry a unit: it fits everywhere."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Size of the population, number of generations, children per generation whose constants are fitted, rows used."""

    population: int = 200
    generations: int = 25
    fitted: int = 30
    rows: int = 300


@dataclass(frozen=True, slots=True)
class Grammar:
    """What trees are made of: inputs with dimensions, operators, the wanted dimension (None: any), and whether
    constants may carry units."""

    places: tuple[int, ...]
    dims: tuple[Dim, ...]
    target: Dim
    free: bool
    operators: frozenset[str]

    def dim_of(self, node: Node) -> Dim | None:
        """The tree's dimension, ANY where a constant decides, None where it makes no sense."""
        op, args = node.op, node.args
        if op == "x":
            return self.dims[int(node.value)]
        if op == "k":
            return ANY if self.free else self.nothing
        if op == "#":
            return self.nothing
        inside = [self.dim_of(child) for child in args]
        a, b = inside[0], inside[-1]
        if a is None or b is None:
            return None
        if op in ("+", "-", "absdiff"):
            return (b if a == ANY else a) if a == b or ANY in (a, b) else None
        if op in ("*", "/"):
            sign = 1 if op == "*" else -1
            return ANY if ANY in (a, b) and self.nothing else tuple(p + sign * q for p, q in zip(a, b, strict=True))
        if op == "^":
            exponent = args[1].value
            return ANY if a == ANY and self.nothing else tuple(round(p * exponent) for p in a)
        if op in ("neg", "abs"):
            return a
        return self.nothing if a in (ANY, self.nothing) else None

    @property
    def nothing(self) -> Dim:
        return (0,) * (len(self.target) if self.target else len(self.dims[0]) if self.dims else 0)

    def fits(self, node: Node) -> bool:
        """Whether the tree may stand for the target (a scale is always put before it)."""
        dim = self.dim_of(node)
        return dim is not None and (self.free or dim == self.target)


@dataclass(slots=True)
class _One:
    """A tree with its own constants as "k" leaves, its error and length."""

    node: Node
    loss: float
    size: int


def evolve(
    X: FloatArray, y: FloatArray, grammar: Grammar, seeds: Sequence[Candidate], bases: Sequence[Node], *,
    effort: Effort, largest: int, seed: int, deadline: float,
) -> list[Candidate]:  # fmt: skip
    """Formulas found by evolution from `seeds` and from random trees over `bases`: the best of each complexity.

    X : shape (n_rows, n_inputs), in the units of the law. y : shape (n_rows,).
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(y))[: effort.rows])
    world = _World(X[rows], y[rows], grammar, bases, largest, rng)
    population = [one for s in seeds if (one := world.judged(_owned(s))) is not None][: effort.population // 2]
    population += world.newcomers(effort.population - len(population))
    best: dict[int, _One] = {}
    world.note(best, population)
    for _ in range(effort.generations):
        if time.monotonic() > deadline or not population:
            break
        children = world.children(population, effort.population)
        children.sort(key=lambda one: one.loss)
        children = [world.fitted(one) for one in children[: effort.fitted]] + children[effort.fitted :]
        fresh = world.newcomers(effort.population // 10)
        world.note(best, [*children, *fresh])
        population = _survivors([*population, *children], effort.population - len(fresh), rng) + fresh
    kept = sorted(best.values(), key=lambda one: one.size)
    return [found for one in kept if (found := _finished(one, world, X, y)) is not None]


def _owned(one: Candidate) -> Node:
    return _filled(one.node, one.constants)


def _filled(node: Node, constants: Sequence[float]) -> Node:
    if node.op == "c":
        return Node("k", (), constants[int(node.value)])
    return Node(node.op, tuple(_filled(child, constants) for child in node.args), node.value)


def _survivors(everyone: Sequence[_One], most: int, rng: np.random.Generator) -> list[_One]:
    """The best by error, one tree of a kind, then the best by error and length together."""
    unique = list({one.node: one for one in everyone}.values())
    seen: set[tuple[float, int]] = set()
    distinct = []
    for one in sorted(unique, key=lambda one: one.loss):
        key = (float(f"{one.loss:.6e}"), one.size)
        if key not in seen:
            seen.add(key)
            distinct.append(one)
    half = distinct[: most // 2]
    rest = sorted(distinct[most // 2 :], key=lambda one: one.loss * (1 + 0.05 * one.size))
    return half + rest[: most - len(half)]


def _finished(one: _One, world: _World, X: FloatArray, y: FloatArray) -> Candidate | None:
    node, values = lifted(simplified(world.scaled(one.node)))
    found = candidate(node, X, y, values)
    return found if math.isfinite(found.rmse) else None


class _World:
    """Rows, grammar and chance: how trees are made, changed and judged."""

    def __init__(
        self, X: FloatArray, y: FloatArray, grammar: Grammar, bases: Sequence[Node], largest: int,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.X, self.y, self.grammar, self.largest, self.rng = X, y, grammar, largest, rng
        self.pieces: dict[Dim, list[Node]] = {}
        for node in [*(x(p) for p in grammar.places), *bases]:
            dim = grammar.dim_of(node)
            if dim is not None:
                self.pieces.setdefault(dim, []).append(node)
        self.everything = [node for nodes in self.pieces.values() for node in nodes]
        names = grammar.operators
        self.functions = [n for n in ("exp", "log", "sin", "cos") if n in names] + ["tanh"] * (names == set(OPERATORS))
        self.additive = bool({"+", "-"} & names)

    def note(self, best: dict[int, _One], ones: Sequence[_One]) -> None:
        for one in ones:
            if one.size not in best or one.loss < best[one.size].loss:
                best[one.size] = one

    def scaled(self, node: Node) -> Node:
        """The tree with its best scale (and offset, where the unit allows one) as constants."""
        value = evaluate(node, self.X)
        if self.grammar.free or not any(self.grammar.target):
            mean, slope = self._line(value)
            if abs(mean) > 1e-3 * float(self.y.std()):
                return Node("+", (Node("k", (), mean), Node("*", (Node("k", (), slope), node))))
            return Node("*", (Node("k", (), slope), node))
        size = float(value @ value)
        return Node("*", (Node("k", (), float(value @ self.y) / size if size else 1.0), node))

    def _line(self, value: FloatArray) -> tuple[float, float]:
        centred = value - value.mean()
        size = float(centred @ centred)
        slope = float(centred @ self.y) / size if size > 0 else 0.0
        return float(self.y.mean() - slope * value.mean()), slope

    def judged(self, node: Node) -> _One | None:
        """None where the tree is too long, breaks the units, or has no value somewhere."""
        size = complexity(node)
        if size > self.largest or not self.grammar.fits(node):
            return None
        value = evaluate(node, self.X)
        if not usable(value):
            return None
        if self.grammar.free or not any(self.grammar.target):
            mean, slope = self._line(value)
            left = self.y - mean - slope * value
        else:
            left = self.y - float(value @ self.y) / float(value @ value) * value
        return _One(node, float(np.sqrt(np.mean(left**2))), size)

    def fitted(self, one: _One) -> _One:
        """Inner constants moved to where they fit better."""
        if not any(n.op == "k" for n in walk(one.node)):
            return one
        node, values = lifted(self.scaled(one.node))
        found = fit(node, self.X, self.y, values, 6, doubt=False)
        if not found.rmse < one.loss:
            return one
        inner = _filled(node, found.constants.tolist())
        core = inner.args[1].args[1] if inner.op == "+" else inner.args[1]
        return _One(core, found.rmse, one.size)

    def newcomers(self, n: int) -> list[_One]:
        found = []
        for _ in range(6 * n):
            one = self.judged(self.random_tree())
            if one is not None:
                found.append(one)
            if len(found) >= n:
                break
        return found

    def random_tree(self) -> Node:
        """A piece of the wanted dimension, changed a few times."""
        own = self.pieces.get(self.grammar.target, [])
        node = self._any(own) if own and self.rng.random() < 0.7 else self._any(self.everything)
        for _ in range(int(self.rng.integers(1, 5))):
            node = self.grown(node)
        return node

    def _any(self, nodes: Sequence[Node]) -> Node:
        return nodes[int(self.rng.integers(len(nodes)))]

    def grown(self, node: Node) -> Node:
        """The tree with one more operation somewhere."""
        parts = list(walk(node))
        part = parts[int(self.rng.integers(len(parts)))]
        if part.op in ("#", "k"):
            return node
        return _swapped(node, part, self._more(part))

    def _more(self, part: Node) -> Node:
        dim = self.grammar.dim_of(part)
        way = self.rng.random()
        if way < 0.3 and self.additive and dim is not None:
            same = self.pieces.get(dim, [])
            if same:
                other = self._any(same)
                scaled = Node("*", (self._constant(), other)) if self.rng.random() < 0.6 else other
                return Node("+" if self.rng.random() < 0.5 else "-", (part, scaled))
        if way < 0.5:
            other = self._any(self.everything)
            return Node("*" if self.rng.random() < 0.5 else "/", (part, other))
        if way < 0.7 and (self.grammar.free or dim == self.grammar.nothing):
            inner = Node("*", (self._constant(1.0 / self._size(part)), part))
            return Node(self._any_function(), (inner,)) if self.functions else inner
        if way < 0.8:
            exponent = float(self.rng.choice([2.0, 0.5, -1.0, 3.0]))
            return Node("/", (ONE, part)) if exponent == -1.0 else power(part, exponent)
        if way < 0.9 and self.additive and (self.grammar.free or dim == self.grammar.nothing):
            return Node("+", (part, self._constant(self._size(part))))
        return Node("*", (self._constant(), part))

    def _any_function(self) -> str:
        return self.functions[int(self.rng.integers(len(self.functions)))]

    def _constant(self, size: float = 1.0) -> Node:
        return Node("k", (), size * float(self.rng.choice([-1.0, 1.0]) * np.exp(self.rng.normal(0, 1))))

    def _size(self, part: Node) -> float:
        """How large a part is, so that a constant beside it is neither lost nor all."""
        size = float(np.median(np.abs(evaluate(part, self.X))))
        return size if 1e-30 < size < 1e30 else 1.0

    def children(self, population: Sequence[_One], n: int) -> list[_One]:
        found = []
        for _ in range(3 * n):
            mother = self._parent(population)
            way = self.rng.random()
            if way < 0.4:
                node = self._crossed(mother.node, self._parent(population).node)
            elif way < 0.65:
                node = self.grown(mother.node)
            elif way < 0.8:
                node = self._exchanged(mother.node)
            elif way < 0.92:
                node = self._shrunk(mother.node)
            else:
                node = self._shaken(mother.node)
            child = self.judged(simplified(node))
            if child is not None and child.node != mother.node:
                found.append(child)
            if len(found) >= n:
                break
        return found

    def _parent(self, population: Sequence[_One]) -> _One:
        drawn = [population[int(k)] for k in self.rng.integers(len(population), size=4)]
        if self.rng.random() < 0.5:
            return min(drawn, key=lambda one: one.loss)
        return min(drawn, key=lambda one: one.loss * (1 + 0.05 * one.size))

    def _crossed(self, mother: Node, father: Node) -> Node:
        """A part of the mother exchanged for a part of the father of the same dimension."""
        parts = [n for n in walk(mother) if n.op not in ("#",)]
        part = parts[int(self.rng.integers(len(parts)))]
        dim = self.grammar.dim_of(part)
        same = [n for n in walk(father) if self.grammar.dim_of(n) == dim and n.op != "#"]
        return _swapped(mother, part, self._any(same)) if same else mother

    def _exchanged(self, node: Node) -> Node:
        """A part exchanged for a piece of the same dimension."""
        parts = [n for n in walk(node) if n.op not in ("#", "k")]
        part = parts[int(self.rng.integers(len(parts)))]
        same = self.pieces.get(self.grammar.dim_of(part) or ANY, [])
        return _swapped(node, part, self._any(same)) if same else node

    def _shrunk(self, node: Node) -> Node:
        parts = [n for n in walk(node) if n.args]
        if not parts:
            return node
        part = parts[int(self.rng.integers(len(parts)))]
        return _swapped(node, part, part.args[int(self.rng.integers(len(part.args)))])

    def _shaken(self, node: Node) -> Node:
        constants = [n for n in walk(node) if n.op == "k"]
        if not constants:
            return Node("*", (self._constant(), node))
        old = self._any(constants)
        return _swapped(node, old, Node("k", (), old.value * float(np.exp(self.rng.normal(0, 0.5)))))


def _swapped(node: Node, old: Node, new: Node) -> Node:
    """`node` with the first part that is `old` exchanged."""
    done = False

    def swap(part: Node) -> Node:
        nonlocal done
        if done:
            return part
        if part is old:
            done = True
            return new
        return Node(part.op, tuple(swap(child) for child in part.args), part.value) if part.args else part

    return swap(node)


def grammar_of(
    dims: IntArray, target: IntArray, places: Sequence[int], operators: frozenset[str], *, free: bool
) -> Grammar:
    """The grammar for inputs `places` with dimensions as in `dimensions.Quantities`."""
    rows = tuple(tuple(int(p) for p in row) for row in dims.tolist())
    return Grammar(tuple(places), rows, tuple(int(p) for p in target.tolist()), free, operators)
