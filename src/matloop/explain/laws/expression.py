"""Formulas as trees: built, measured, evaluated; never by Python's own interpreter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError


class Node(NamedTuple):
    """`op` is "x" (input number `value`), "c" (constant number `value`), "#" (the number itself), an operator, or "k":
    a constant that has the value `value` for now and is fitted when it is `lifted`."""

    op: str
    args: tuple[Node, ...] = ()
    value: float = 0.0


BINARY = ("+", "-", "*", "/", "^", "absdiff", "min", "max")
UNARY = ("exp", "log", "sin", "cos", "abs", "neg", "tanh")
ONE = Node("#", (), 1.0)


def x(place: int) -> Node:
    return Node("x", (), place)


def c(place: int) -> Node:
    return Node("c", (), place)


def number(value: float) -> Node:
    return Node("#", (), float(value))


def power(base: Node, exponent: float) -> Node:
    """`base ^ exponent`, without ^1."""
    if exponent == 1:
        return base
    if base.op == "^" and float(exponent).is_integer() and base.args[1].op == "#":
        return power(base.args[0], base.args[1].value * exponent)
    return Node("^", (base, number(exponent)))


def walk(node: Node) -> Iterator[Node]:
    """All nodes, a parent before its children."""
    yield node
    for child in node.args:
        yield from walk(child)


def complexity(node: Node) -> int:
    """How much there is to read: one per variable, constant, number and operator; the exponent of a power is free."""
    if node.op == "^" and node.args[1].op == "#":
        return 1 + complexity(node.args[0])
    return 1 + sum(complexity(child) for child in node.args)


def used(node: Node) -> tuple[int, ...]:
    """Numbers of the inputs that occur, ascending."""
    return tuple(sorted({int(n.value) for n in walk(node) if n.op == "x"}))


def n_constants(node: Node) -> int:
    """One more than the highest constant number."""
    return 1 + max((int(n.value) for n in walk(node) if n.op == "c"), default=-1)


def evaluate(node: Node, X: FloatArray, constants: Sequence[float] | FloatArray = ()) -> FloatArray:
    """Values on all rows.

    Parameters
    ----------
    X : shape (n_rows, n_inputs), in the units of the law.

    Returns
    -------
    shape (n_rows,); NaN or infinite where the formula has no value.
    """
    with np.errstate(all="ignore"):
        value = _value(node, X.T, constants)
    return value if isinstance(value, np.ndarray) else np.full(len(X), float(value))


def _value(node: Node, columns: FloatArray, constants: Sequence[float] | FloatArray) -> FloatArray | float:
    op, args = node.op, node.args
    if op == "x":
        return columns[int(node.value)]
    if op in ("#", "k"):
        return node.value
    if op == "c":
        return float(constants[int(node.value)])
    a = _value(args[0], columns, constants)
    if len(args) == 1:
        return _unary(op, a)
    if op == "^" and args[1].op == "#":
        return _power(a, args[1].value)
    b = _value(args[1], columns, constants)
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    if op == "/":
        return np.divide(a, b)
    if op == "^":
        return np.power(np.asarray(a, dtype=float), b)
    if op in ("min", "max"):
        return np.minimum(a, b) if op == "min" else np.maximum(a, b)
    return np.abs(a - b)


def _unary(op: str, a: FloatArray | float) -> FloatArray | float:
    if op == "neg":
        return -a
    return {"exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "abs": np.abs, "tanh": np.tanh}[op](a)


def _power(a: FloatArray | float, exponent: float) -> FloatArray | float:
    if exponent == 2:
        return a * a
    if exponent == 0.5:
        return np.sqrt(a)
    if exponent == -1:
        return np.divide(1.0, a)
    if abs(exponent * 3 - round(exponent * 3)) < 1e-9 and abs(exponent - round(exponent)) > 1e-9:
        root = np.cbrt(a)
        return np.power(root, round(exponent * 3))
    return np.power(np.asarray(a, dtype=float), exponent)


def replaced(node: Node, swap: dict[Node, Node]) -> Node:
    """`node` with every subtree that is a key of `swap` exchanged."""
    if node in swap:
        return swap[node]
    if not node.args:
        return node
    return Node(node.op, tuple(replaced(child, swap) for child in node.args), node.value)


def renumbered(node: Node, constants: Sequence[float] | FloatArray) -> tuple[Node, tuple[float, ...]]:
    """Constants numbered 0, 1, ... in the order they are read; those not used are dropped."""
    order = list(dict.fromkeys(int(n.value) for n in walk(node) if n.op == "c"))
    place = {c(old): c(new) for new, old in enumerate(order)}
    return replaced(node, place), tuple(float(constants[old]) for old in order)


def lifted(node: Node, constants: Sequence[float] | FloatArray = ()) -> tuple[Node, list[float]]:
    """The tree with its "k" leaves as constants numbered after those of `constants`, and the values of all."""
    values = [float(v) for v in constants]

    def lift(part: Node) -> Node:
        if part.op == "k":
            values.append(part.value)
            return c(len(values) - 1)
        return Node(part.op, tuple(lift(child) for child in part.args), part.value) if part.args else part

    return lift(node), values


def program(node: Node) -> tuple[str, ...]:
    """The tree in postfix words, for JSON: `("x0", "c0", "*")`."""
    if node.op in ("x", "c"):
        return (f"{node.op}{int(node.value)}",)
    if node.op == "#":
        return (f"#{node.value!r}",)
    return (*(word for child in node.args for word in program(child)), node.op)


def from_program(words: Sequence[str]) -> Node:
    """The tree of postfix words.

    Raises
    ------
    DataError : the words are no formula.
    """
    stack: list[Node] = []
    for word in words:
        if word in BINARY or word in UNARY:
            n = 2 if word in BINARY else 1
            if len(stack) < n:
                raise DataError(f"the law's program is damaged at {word!r}: too few arguments. Search again.")
            args = tuple(stack[-n:])
            del stack[-n:]
            stack.append(Node(word, args))
        elif word[:1] in ("x", "c") and word[1:].isdigit():
            stack.append(Node(word[0], (), int(word[1:])))
        elif word[:1] == "#":
            stack.append(number(float(word[1:])))
        else:
            raise DataError(f"the law's program holds the unknown word {word!r}. Search again.")
    if len(stack) != 1:
        raise DataError(f"the law's program leaves {len(stack)} values instead of one. Search again.")
    return stack[0]
