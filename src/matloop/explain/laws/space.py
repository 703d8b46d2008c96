"""The space of descriptors: from inputs by operators to bases, from bases to products; every step minds the units.

A *base* is an input, a sum or difference of like things, or a function of a pure number; an *atom* is a base to a
power; a *half* is a product of up to three atoms. Terms of a law are products of two halves. They are never stored:
pairs of halves whose units fit are screened as one matrix product (`screening`).

References
----------
Ouyang et al., Phys. Rev. Mater. 2 (2018) 083802 (SISSO). doi:10.1103/PhysRevMaterials.2.083802
Purcell et al., J. Open Source Softw. 7 (2022) 3960 (SISSO++). doi:10.21105/joss.03960
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.explain.laws.dimensions import SIXTHS
from matloop.explain.laws.expression import ONE, Node, complexity, evaluate, x
from matloop.explain.laws.forms import merged, product

OPERATORS = (
    "+", "-", "*", "/", "absdiff", "sqrt", "cbrt", "sq", "cube", "inv", "exp", "expneg", "log", "sin", "cos", "abs",
)  # fmt: skip
"""What descriptors are made of; `absdiff` is |a - b|, `expneg` exp(-a), `inv` 1/a."""
_POWERS = {"sqrt": 3, "cbrt": 2, "sq": 12, "cube": 18}
SHORT = 9
"""Functions that are not longer than this also come as 1 + f and 1 - f."""
_SPREAD = 1e-6  # a descriptor that varies less than this share of its size is a constant
_LARGEST = 1e30


@dataclass(frozen=True, slots=True)
class Budget:
    """How large the space may grow.

    inputs : that go deep. sums, functions, inner : bases of each kind (inner: with a constant inside). halves :
    products of atoms. pairs : of halves that are screened. kept : terms per screening. triples : terms of which every
    triple is tried. sums_tried : sums of each kind whose error is worked out in y itself; fitted : those of them whose
    constants are fitted. conditions : descriptors that may stand in a rule of several. rows : that screening looks at.
    """

    inputs: int = 12
    sums: int = 240
    functions: int = 80
    inner: int = 160
    halves: int = 40_000
    pairs: int = 2_000_000
    kept: int = 500
    triples: int = 210
    sums_tried: int = 60
    fitted: int = 24
    conditions: int = 300
    rows: int = 250


@dataclass(frozen=True, slots=True)
class Halves:
    """Products of up to three atoms.

    values : shape (n, n_rows), each scaled to a mean square of one. dims : shape (n, n_dims). size : what each adds to
    the complexity of a term. factors : bases and powers (in sixths).
    """

    values: FloatArray
    dims: IntArray
    size: IntArray
    factors: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True, slots=True)
class Space:
    """Bases with their values on all rows, and the halves made of them."""

    nodes: tuple[Node, ...]
    values: FloatArray
    dims: IntArray
    halves: Halves
    operators: frozenset[str]

    def term(self, factors: Iterable[tuple[int, int]]) -> dict[Node, int]:
        """Factors by base number as factors by tree."""
        found: dict[Node, int] = {}
        for base, e in factors:
            found = merged(found, {self.nodes[base]: e})
        return found

    def term_values(self, factors: Iterable[tuple[int, int]]) -> FloatArray:
        """Values of a product on all rows."""
        with np.errstate(all="ignore"):
            value = np.ones(self.values.shape[1])
            for base, e in factors:
                value = value * raised_values(self.values[base], e)
        return value


def check_operators(operators: Sequence[str]) -> frozenset[str]:
    """The operators as a set.

    Raises
    ------
    ConfigError : one is unknown; the message lists all there are.
    """
    for operator in operators:
        if operator not in OPERATORS:
            raise ConfigError(f"there is no operator {operator!r}. Known: {', '.join(OPERATORS)}.")
    return frozenset(operators)


def raised_values(values: FloatArray, sixths: int) -> FloatArray:
    """`values` to the power of sixths / 6; roots of negative numbers are NaN, cube roots are not."""
    with np.errstate(all="ignore"):
        if sixths % 6 == 0:
            return np.asarray(values ** (sixths // 6) if sixths > 0 else 1.0 / values ** (-sixths // 6))
        if sixths % 2 == 0:
            return np.asarray(
                np.cbrt(values) ** (sixths // 2) if sixths > 0 else 1.0 / np.cbrt(values) ** (-sixths // 2)
            )
        return np.asarray(np.power(values, sixths / 6))


def build_space(
    X: FloatArray, places: Sequence[int], dims: IntArray, operators: frozenset[str], budget: Budget, rows: IntArray,
    *, free: bool = False,
) -> Space:  # fmt: skip
    """All bases and halves over the inputs `places`, simplest first, up to the budget.

    Parameters
    ----------
    X : shape (n_rows, n_inputs), in the units of the law. dims : shape (n_inputs, n_dims), in 72nds.
    rows : those that halves are valued on; bases have values on all rows.
    free : whether constants may carry units: then functions with a constant inside are bases, too.
    """
    bases = _Bases(X, operators)
    for place in places:
        bases.add(x(place), dims[place])
    n_inputs = len(bases.nodes)
    _add_sums(bases, range(n_inputs), operators, budget.sums // 2)
    monomials = _monomials(bases, n_inputs, operators, 3, budget.halves // 4)
    _add_sums_of_products(bases, monomials, operators, budget.sums // 2)
    n_sums = len(bases.nodes)
    _add_functions(bases, _pure(bases, n_inputs, monomials), operators, budget.functions)
    simple = [k for k in range(n_sums, len(bases.nodes)) if complexity(bases.nodes[k]) <= SHORT][
        : budget.functions // 3
    ]
    for k in simple:
        for op in sorted({"+", "-"} & operators):
            bases.add(Node(op, (ONE, bases.nodes[k])), bases.dims[k])
    if free:
        _add_inner(bases, n_inputs, operators, budget.inner)
    halves = _halves(bases, n_inputs, monomials, operators, budget, rows)
    return Space(tuple(bases.nodes), np.array(bases.values), np.array(bases.dims), halves, operators)


class _Bases:
    """Bases found so far; what has no value somewhere, does not vary, or is there already is not taken."""

    def __init__(self, X: FloatArray, operators: frozenset[str]) -> None:
        self.X, self.operators = X, operators
        self.nodes: list[Node] = []
        self.values: list[FloatArray] = []
        self.dims: list[IntArray] = []
        self._seen: set[tuple[float, ...]] = set()
        self._mark = np.random.default_rng(0).normal(size=(len(X), 2))

    def add(self, node: Node, dim: IntArray, values: FloatArray | None = None) -> int:
        """The base's number, or -1 where it is not taken."""
        found = evaluate(node, self.X) if values is None else values
        if not usable(found):
            return -1
        key = fingerprint(found, self._mark)
        if key in self._seen:
            return -1
        self._seen.add(key)
        self.nodes.append(node)
        self.values.append(found)
        self.dims.append(dim)
        return len(self.nodes) - 1


def usable(values: FloatArray) -> bool:
    """Finite, neither huge nor constant."""
    if not np.isfinite(values).all():
        return False
    size = float(np.abs(values).max())
    return 1.0 / _LARGEST < size < _LARGEST and float(np.ptp(values)) > _SPREAD * size


def fingerprint(values: FloatArray, mark: FloatArray) -> tuple[float, ...]:
    """The same for two descriptors that differ by a factor only: twins are found without comparing all pairs."""
    said = values @ mark
    size = float(np.sqrt(values @ values))
    sign = 1.0 if said[0] >= 0 else -1.0
    return tuple(float(f"{sign * s / size:.9e}") for s in said)


def _add_sums(bases: _Bases, places: Iterable[int], operators: frozenset[str], most: int) -> None:
    """a + b, a - b, |a - b| of inputs with equal dimensions; 1 + a and 1 - a of pure numbers."""
    added = 0
    for i, j in combinations(list(places), 2):
        if added >= most:
            return
        if np.array_equal(bases.dims[i], bases.dims[j]):
            added += _pair_of(bases, i, j, operators)


def _pair_of(bases: _Bases, i: int, j: int, operators: frozenset[str]) -> int:
    a, b, dim = bases.nodes[i], bases.nodes[j], bases.dims[i]
    added = 0
    difference = bases.values[i] - bases.values[j]
    if "-" in operators:
        added += bases.add(Node("-", (a, b)), dim, difference) >= 0
    if "+" in operators:
        added += bases.add(Node("+", (a, b)), dim, bases.values[i] + bases.values[j]) >= 0
    if "absdiff" in operators and difference.min() < 0 < difference.max():
        added += bases.add(Node("absdiff", (a, b)), dim, np.abs(difference)) >= 0
    return added


@dataclass(frozen=True, slots=True)
class _Monomials:
    """Products of inputs: factors, dimension and complexity of each, simplest first."""

    factors: list[tuple[tuple[int, int], ...]]
    dims: IntArray
    size: IntArray


def _exponents(operators: frozenset[str]) -> list[int]:
    """Powers of an input in a product, in sixths, cheapest first."""
    found = [6]
    if "/" in operators or "inv" in operators:
        found.append(-6)
    for name in ("sq", "sqrt", "cube", "cbrt"):
        if name in operators:
            found.append(_POWERS[name])
            if -6 in found:
                found.append(-_POWERS[name])
    return found


_COST = {6: 1, -6: 1, 12: 2, -12: 2, 3: 3, -3: 3, 18: 3, -18: 3, 2: 3, -2: 3}


def _monomials(bases: _Bases, n: int, operators: frozenset[str], deepest: int, most: int) -> _Monomials:
    """Products of up to `deepest` different inputs; roots and cubes stand alone or with one other."""
    exponents = _exponents(operators)
    found: list[tuple[int, tuple[tuple[int, int], ...]]] = [(_COST[e], ((i, e),)) for i in range(n) for e in exponents]
    joined = "*" in operators or "/" in operators
    for depth in range(2, deepest + 1 if joined else 2):
        allowed = exponents if depth == 2 else [e for e in exponents if abs(e) in (6, 12)]
        if depth == 3:
            allowed = [e for e in allowed if abs(e) == 6 or n <= 8]
        for combination in combinations(range(n), depth):
            for powers in _tuples(allowed, depth):
                if "*" not in operators and sum(e > 0 for e in powers) > 1:
                    continue
                cost = sum(_COST[e] for e in powers) + depth - 1
                found.append((cost, tuple(zip(combination, powers, strict=True))))
        if len(found) > 4 * most:
            break
    found.sort(key=lambda item: item[0])
    found = found[:most]
    table = np.array(bases.dims[:n]).reshape(n, -1)
    dims = np.array([_dim_of(table, factors) for _, factors in found]).reshape(len(found), -1)
    return _Monomials([f for _, f in found], dims, np.array([cost for cost, _ in found]))


def _tuples(allowed: Sequence[int], depth: int) -> Iterator[tuple[int, ...]]:
    if depth == 0:
        yield ()
        return
    for head in allowed:
        for tail in _tuples(allowed, depth - 1):
            yield (head, *tail)


def _dim_of(table: IntArray, factors: Iterable[tuple[int, int]]) -> IntArray:
    total = np.zeros(table.shape[1], dtype=np.int64)
    for base, e in factors:
        total = total + table[base] * e // SIXTHS
    return total


def _tree(bases: _Bases, factors: Iterable[tuple[int, int]]) -> Node:
    return product({bases.nodes[base]: e for base, e in factors})


def _values(bases: _Bases, factors: Iterable[tuple[int, int]]) -> FloatArray:
    value = np.ones(len(bases.X))
    with np.errstate(all="ignore"):
        for base, e in factors:
            value = value * raised_values(bases.values[base], e)
    return value


def _add_sums_of_products(bases: _Bases, monomials: _Monomials, operators: frozenset[str], most: int) -> None:
    """1 - a/b, a^2 + b^2, a b + c d and their like: sums of two products of equal dimensions, simplest first."""
    if not {"+", "-"} & operators:
        return
    zero = ~monomials.dims.any(axis=1)
    candidates: list[tuple[int, Node, IntArray]] = []
    for k in np.flatnonzero(zero & (monomials.size <= 6))[:most].tolist():
        tree = _tree(bases, monomials.factors[k])
        for op in sorted({"+", "-"} & operators):
            candidates.append((int(monomials.size[k]) + 2, Node(op, (ONE, tree)), monomials.dims[k]))
    groups: dict[tuple[int, ...], list[int]] = {}
    for k in np.flatnonzero((monomials.size <= 3) & (monomials.size > 1)).tolist():
        if all(e > 0 for _, e in monomials.factors[k]):
            groups.setdefault(tuple(monomials.dims[k].tolist()), []).append(k)
    for members in groups.values():
        for i, j in combinations(members[:40], 2):
            if monomials.size[i] != monomials.size[j] or {b for b, _ in monomials.factors[i]} & {
                b for b, _ in monomials.factors[j]
            }:
                continue
            trees = (_tree(bases, monomials.factors[i]), _tree(bases, monomials.factors[j]))
            for op in sorted({"+", "-"} & operators):
                candidates.append((int(2 * monomials.size[i]) + 1, Node(op, trees), monomials.dims[i]))
    candidates.sort(key=lambda item: item[0])
    for _, node, dim in candidates[:most]:
        bases.add(node, dim)


def _pure(bases: _Bases, n_inputs: int, monomials: _Monomials) -> list[Node]:
    """Products of inputs without dimension, up to six inputs in each, simplest first: two products of inverse units."""
    plain = [k for k, f in enumerate(monomials.factors) if all(abs(e) in (6, 12) for _, e in f)][:4000]
    groups: dict[tuple[int, ...], list[int]] = {}
    for k in plain:
        groups.setdefault(tuple(monomials.dims[k].tolist()), []).append(k)
    found: dict[tuple[tuple[int, int], ...], int] = {}
    for key, members in groups.items():
        other = tuple(-part for part in key)
        if not any(key):
            found |= {monomials.factors[k]: int(monomials.size[k]) for k in members[:200]}
        elif key < other and other in groups:
            for i in members[:60]:
                for j in groups[other][:60]:
                    if not {b for b, _ in monomials.factors[i]} & {b for b, _ in monomials.factors[j]}:
                        factors = tuple(sorted((*monomials.factors[i], *monomials.factors[j])))
                        found[factors] = int(monomials.size[i] + monomials.size[j]) + 1
    ordered = sorted(found, key=lambda factors: (found[factors], factors))
    return [_tree(bases, factors) for factors in ordered]


def _add_functions(bases: _Bases, products: list[Node], operators: frozenset[str], most: int) -> None:
    """Functions of pure numbers only: products without dimension, and sums and differences of pure numbers."""
    names = [name for name in ("exp", "expneg", "log", "sin", "cos", "abs") if name in operators]
    pure = products[:most]
    pure += [node for node, dim in zip(bases.nodes, bases.dims, strict=True) if not dim.any() and node.args][:most]
    pure.sort(key=complexity)
    nothing = np.zeros(bases.dims[0].shape[0], dtype=np.int64)
    added = 0
    for node in pure:
        for name in names:
            if added >= most:
                return
            made = Node("exp", (Node("neg", (node,)),)) if name == "expneg" else Node(name, (node,))
            if name != "abs" or float(evaluate(node, bases.X).min()) < 0:
                added += bases.add(made, nothing) >= 0


TURNS = (2.0, 5.0, 9.0)
"""Radians that a sine goes through over the range of its argument: so near that the fit finds the rest."""
STEPS_INSIDE = (0.5, 1.5, 4.0)
"""Constants inside functions, in units of one over the argument's median size: a coarse grid, refined by the fit."""


def _add_inner(bases: _Bases, n_inputs: int, operators: frozenset[str], most: int) -> None:
    """exp(-k a), exp(-k / a), exp(-k (a - b)^2), 1 + k a, sin(k a) and cos(k a), with k from a coarse grid."""
    arguments = [bases.nodes[k] for k in range(n_inputs)]
    arguments += [n for n in bases.nodes[n_inputs:] if n.op == "-" and all(a.op == "x" for a in n.args)]
    made: list[tuple[int, Node]] = []
    for order, argument in enumerate(arguments):
        value = evaluate(argument, bases.X)
        size = float(np.median(np.abs(value)))
        if size > 0:
            made += [(order + k, node) for k, node in enumerate(_with_constant(argument, value, size, operators))]
    made.sort(key=lambda item: item[0])
    nothing = np.zeros(bases.dims[0].shape[0], dtype=np.int64)
    for _, node in made[:most]:
        bases.add(node, nothing)


def _with_constant(argument: Node, value: FloatArray, size: float, operators: frozenset[str]) -> Iterator[Node]:
    signed = float(value.min()) < 0
    for step in STEPS_INSIDE:
        inside = Node("*", (Node("k", (), step / size), argument))
        if signed and {"exp", "-"} <= operators:
            square = Node("*", (Node("k", (), -step / size**2), Node("^", (argument, Node("#", (), 2.0)))))
            yield Node("exp", (square,))
        elif "exp" in operators:
            yield Node("exp", (Node("*", (Node("k", (), -step / size), argument)),))
            yield Node("exp", (Node("/", (Node("k", (), -step * size), argument)),))
        if "+" in operators and not signed:
            yield Node("+", (ONE, inside))
    names = [name for name in ("sin", "cos") if name in operators and not signed]
    for turns in TURNS:
        for name in names:
            yield Node(name, (Node("*", (Node("k", (), turns / float(np.ptp(value))), argument)),))


def _halves(
    bases: _Bases, n_inputs: int, monomials: _Monomials, operators: frozenset[str], budget: Budget, rows: IntArray
) -> Halves:
    """Products of inputs, and composite bases (to a power) alone or times one input; the empty product comes first."""
    found: list[tuple[int, tuple[tuple[int, int], ...]]] = [(0, ())]
    found += list(zip(monomials.size.tolist(), monomials.factors, strict=True))
    allowed = [e for e in _exponents(operators) if abs(e) in (6, 12, 3)]
    joined = bool({"*", "/"} & operators)
    for base in range(n_inputs, len(bases.nodes)):
        size = complexity(bases.nodes[base])
        for e in allowed:
            cost = size + _COST[e] - 1
            found.append((cost, ((base, e),)))
            if not joined:
                continue
            for place in range(n_inputs):
                for other in (6, -6):
                    if other in allowed:
                        found.append((cost + 2, ((base, e), (place, other))))
    found.sort(key=lambda item: item[0])
    found = found[: budget.halves]
    table = np.array(bases.dims)
    columns = np.array(bases.values)[:, rows]
    values, kept = [], []
    powers: dict[tuple[int, int], FloatArray] = {}
    with np.errstate(all="ignore"):
        for k, (_, factors) in enumerate(found):
            value = np.ones(len(rows))
            for base, e in factors:
                if (base, e) not in powers:
                    powers[base, e] = raised_values(columns[base], e)
                value = value * powers[base, e]
            length = float(np.sqrt(np.mean(value**2)))
            if 0 < length < _LARGEST and np.isfinite(value).all():
                value = value / length
                value[np.abs(value) < 1e-12] = 0.0  # denormal numbers would slow the matrix products tenfold
                values.append(value.astype(np.float32))
                kept.append(k)
    return Halves(
        np.array(values),
        np.array([_dim_of(table, found[k][1]) for k in kept]).reshape(len(kept), -1),
        np.array([found[k][0] for k in kept]),
        tuple(found[k][1] for k in kept),
    )
