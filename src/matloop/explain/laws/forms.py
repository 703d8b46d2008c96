"""Products, sums and links put together into trees that read well, and a small simplifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd

from matloop.explain.laws.expression import ONE, Node, c, number, power

Factors = Mapping[Node, int]
"""A product: each factor's power in sixths."""


@dataclass(frozen=True, slots=True)
class Form:
    """`y = outer * link_inverse(sum of constants * terms)`.

    link : power of y/outer that is linear in the terms, in sixths (6: itself, -6: its inverse), or 0 for its logarithm.
    intercept : whether the sum has a constant of its own (always so under a logarithm).
    tied : the terms share one constant.
    """

    terms: tuple[Factors, ...]
    link: int = 6
    intercept: bool = False
    outer: Factors = field(default_factory=dict)
    tied: bool = False


def product(factors: Factors) -> Node:
    """The tree of a product: numerator over denominator; roots that several factors share stand over them together.

    Only factors under a root go under the common one: sqrt(a) b is not sqrt(a b^2) where b is negative.
    """
    kept = {node: e for node, e in factors.items() if e}
    roots = {node: e for node, e in kept.items() if e % 6}
    common = gcd(*roots.values()) if len(roots) > 1 else 6
    if common % 6:
        sign = -1 if all(e < 0 for e in roots.values()) else 1
        inside = product({node: 6 * sign * e // common for node, e in roots.items()})
        kept = {power(inside, common / 6): 6 * sign} | {node: e for node, e in kept.items() if e % 6 == 0}
    above = [power(node, e / 6) for node, e in kept.items() if e > 0]
    below = [power(node, -e / 6) for node, e in kept.items() if e < 0]
    top = _chain("*", above) if above else ONE
    return Node("/", (top, _chain("*", below))) if below else top


def _chain(op: str, nodes: Sequence[Node]) -> Node:
    tree = nodes[0]
    for node in nodes[1:]:
        tree = Node(op, (tree, node))
    return tree


def merged(a: Factors, b: Factors) -> dict[Node, int]:
    """The product of two products."""
    found = dict(a)
    for node, e in b.items():
        found[node] = found.get(node, 0) + e
    return {node: e for node, e in found.items() if e}


def raised(a: Factors, sixths: int) -> dict[Node, int] | None:
    """A product to a power; None where a power is no multiple of a sixth."""
    if any(e * sixths % 6 for e in a.values()):
        return None
    return {node: e * sixths // 6 for node, e in a.items()}


def assemble(form: Form) -> Node:
    """The tree of a form, with constants numbered from 0; common factors stand outside the sum."""
    if form.link == 0:
        return _exponential(form)
    shared = {} if form.intercept else common_factors(form.terms)
    if form.link % 12 == 0:  # the root of a square has no sign: what may be negative stays inside
        shared = {node: e for node, e in shared.items() if e % 24 != 12 or node.op == "x"}
    rest = [merged(term, {node: -e for node, e in shared.items()}) for term in form.terms]
    inverse = 36 // form.link if form.link and 36 % form.link == 0 else None
    outside = raised(shared, inverse) if inverse is not None else None
    if outside is None:
        rest, outside = [dict(term) for term in form.terms], {}
    outside = merged(form.outer, outside)
    if len(rest) == 1 and not form.intercept and not rest[0]:
        return times(c(0), product(outside))
    if form.tied:
        inside = _chain("+", [product(term) for term in rest])
        return times(c(0), _with_power(outside, inside, form.link))
    scaled = [times(c(k + form.intercept), product(term)) for k, term in enumerate(rest)]
    inside = _chain("+", [c(0), *scaled] if form.intercept else scaled)
    return _with_power(outside, inside, form.link)


def _with_power(outside: Factors, inside: Node, link: int) -> Node:
    """`outside * inside ^ (6 / link)`."""
    return product({**outside, inside: 36 // link})


def _exponential(form: Form) -> Node:
    """`c0 * outer * exp(sum)`."""
    scaled = [times(c(k + 1), product(term)) for k, term in enumerate(form.terms)]
    head = times(c(0), product(form.outer)) if form.outer else c(0)
    if not scaled:
        return head
    return Node("*", (head, Node("exp", (_chain("+", scaled),))))


def common_factors(terms: Sequence[Factors]) -> dict[Node, int]:
    """What all terms have in common: the power nearest to zero where all have the same sign."""
    found: dict[Node, int] = {}
    for node in terms[0]:
        powers = [term.get(node, 0) for term in terms]
        if all(e > 0 for e in powers):
            found[node] = min(powers)
        elif all(e < 0 for e in powers):
            found[node] = max(powers)
    return found


def times(a: Node, b: Node) -> Node:
    """`a * b`, written as one fraction where `b` is one."""
    if b == ONE:
        return a
    if b.op == "/":
        return Node("/", (times(a, b.args[0]), b.args[1]))
    return Node("*", (a, b))


def simplified(node: Node) -> Node:
    """Numbers folded, ones and zeros dropped, signs pulled together, powers of powers joined; repeated until stable."""
    for _ in range(6):
        new = _simpler(node)
        if new == node:
            return node
        node = new
    return node


def _simpler(node: Node) -> Node:
    if not node.args:
        return node
    args = tuple(_simpler(child) for child in node.args)
    op = node.op
    a, b = args[0], args[-1]
    if op == "*":
        return _product_rules(a, b)
    if op == "/":
        return _quotient_rules(a, b)
    if op in ("+", "-"):
        return _sum_rules(op, a, b)
    if op == "^" and b.op == "#":
        if a.op == "#" and (a.value > 0 or float(b.value).is_integer()) and a.value != 0:
            return number(a.value**b.value)
        return power(a, b.value)
    if op == "exp" and a.op == "log":
        return a.args[0]
    if op == "log" and a.op == "exp":
        return a.args[0]
    if op == "neg":
        return number(-a.value) if a.op == "#" else a.args[0] if a.op == "neg" else Node("neg", (a,))
    if op == "abs" and a.op in ("abs", "absdiff", "exp"):
        return a
    return Node(op, args, node.value)


def _product_rules(a: Node, b: Node) -> Node:
    if a.op == "#" and b.op == "#":
        return number(a.value * b.value)
    if b.op == "#":
        a, b = b, a
    if a.op == "#":
        if a.value == 1:
            return b
        if a.value == 0:
            return number(0.0)
        if a.value == -1:
            return b.args[0] if b.op == "neg" else Node("neg", (b,))
        if b.op in ("*", "/") and b.args[0].op == "#":
            return Node(b.op, (number(a.value * b.args[0].value), b.args[1]))
    if a.op == "neg":
        return Node("neg", (Node("*", (a.args[0], b)),))
    if b.op == "neg":
        return Node("neg", (Node("*", (a, b.args[0])),))
    if a == b:
        return power(a, 2.0)
    if b.op == "/":
        return Node("/", (Node("*", (a, b.args[0])), b.args[1]))
    if a.op == "/":
        return Node("/", (Node("*", (a.args[0], b)), a.args[1]))
    return Node("*", (a, b))


def _quotient_rules(a: Node, b: Node) -> Node:
    if a == b:
        return ONE
    if b.op == "#" and b.value == 1:
        return a
    if a.op == "#" and b.op == "#" and b.value:
        return number(a.value / b.value)
    if a.op == "#" and a.value == 0:
        return number(0.0)
    if a.op == "neg":
        return Node("neg", (Node("/", (a.args[0], b)),))
    if b.op == "neg":
        return Node("neg", (Node("/", (a, b.args[0])),))
    if a.op == "/":
        return Node("/", (a.args[0], Node("*", (a.args[1], b))))
    if b.op == "/":
        return Node("/", (Node("*", (a, b.args[1])), b.args[0]))
    return Node("/", (a, b))


def _sum_rules(op: str, a: Node, b: Node) -> Node:
    if a.op == "#" and b.op == "#":
        return number(a.value + b.value if op == "+" else a.value - b.value)
    if b.op == "#" and b.value == 0:
        return a
    if a.op == "#" and a.value == 0:
        return b if op == "+" else Node("neg", (b,))
    if b.op == "neg":
        return Node("-" if op == "+" else "+", (a, b.args[0]))
    if b.op == "#" and b.value < 0:
        return Node("-" if op == "+" else "+", (a, number(-b.value)))
    if a.op == "neg" and op == "+":
        return Node("-", (b, a.args[0]))
    if op == "-" and a == b:
        return number(0.0)
    return Node(op, (a, b))
