"""The units that constants carry, worked out from where they stand in a formula."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from matloop.core.arrays import IntArray
from matloop.explain.laws.dimensions import PARTS, Quantities
from matloop.explain.laws.expression import Node, n_constants


def constant_units(node: Node, given: Quantities) -> tuple[str, ...]:
    """Unit of each constant of `node` in the very units of target and inputs, empty for pure numbers.

    Where units are not all of SI, also a constant without dimension has one: in E = c m v^2 with J, g and km/h it is
    J/(g*(km/h)^2). Where several would do (factors above and below a fraction), the first constant of the lower sum
    counts as a number.
    """
    written = _as_written(given)
    dims, symbols = constant_dims(node, given), constant_dims(node, written)
    return tuple(
        "" if given.pure and not dim.any() else _text(symbol, written.bases)
        for dim, symbol in zip(dims, symbols, strict=True)
    )


def _as_written(given: Quantities) -> Quantities:
    """The same quantities with every unit, as it is written, for a dimension of its own."""
    everyone = (*given.inputs, given.target)
    texts = [q.unit if q.known else f"unit of {q.name}" for q in everyone]
    bases = tuple(dict.fromkeys(text for text in (texts[-1], *texts) if text))
    table = np.array([[PARTS * (text == base) for base in bases] for text in texts], dtype=np.int64)
    table = table.reshape(len(texts), len(bases))
    return replace(given, bases=bases, dims=table[:-1], target_dim=table[-1])


def constant_dims(node: Node, given: Quantities) -> list[IntArray]:
    """Dimension of each constant of `node`."""
    found: list[IntArray | None] = [None] * n_constants(node)
    _assign(node, given.target_dim, given, found)
    nothing = np.zeros(len(given.bases), dtype=np.int64)
    return [nothing if dim is None else dim for dim in found]


def _text(symbol: IntArray, bases: tuple[str, ...]) -> str:
    above = [_raised(base, part / PARTS) for base, part in zip(bases, symbol.tolist(), strict=True) if part > 0]
    below = [_raised(base, -part / PARTS) for base, part in zip(bases, symbol.tolist(), strict=True) if part < 0]
    if not above and not below:
        return ""
    under = "" if not below else f"/{below[0]}" if len(below) == 1 else f"/({'*'.join(below)})"
    return f"{'*'.join(above) or '1'}{under}"


def _raised(unit: str, power: float) -> str:
    name = unit if unit.isidentifier() or (power == 1 and "/" not in unit) else f"({unit})"
    if power == 1:
        return name
    return f"{name}^{power:g}" if float(power).is_integer() else f"{name}^({Fraction(power).limit_denominator(12)})"


def _guess(node: Node, given: Quantities) -> IntArray:
    """The dimension with constants taken for pure numbers."""
    op, args = node.op, node.args
    nothing = np.zeros(len(given.bases), dtype=np.int64)
    if op == "x":
        return given.dims[int(node.value)]
    if op in ("*", "/"):
        a, b = _guess(args[0], given), _guess(args[1], given)
        return a + b if op == "*" else a - b
    if op in ("+", "-", "absdiff"):
        return next((d for child in args if (d := _guess(child, given)).any()), nothing)
    if op == "^":
        power = args[1].value if args[1].op == "#" else 1.0
        return np.round(_guess(args[0], given) * power).astype(np.int64)
    if op in ("neg", "abs"):
        return _guess(args[0], given)
    return nothing


def _assign(node: Node, wanted: IntArray, given: Quantities, found: list[IntArray | None]) -> None:
    """Hand the wanted dimension down; the first constant on the way takes what is missing."""
    op, args = node.op, node.args
    if op == "c":
        found[int(node.value)] = wanted
    elif op in ("+", "-", "absdiff"):
        for child in args:
            _assign(child, wanted, given, found)
    elif op in ("neg", "abs"):
        _assign(args[0], wanted, given, found)
    elif op in ("*", "/"):
        _assign_product(node, wanted, given, found)
    elif op == "^":
        power = args[1].value if args[1].op == "#" else 1.0
        inner = np.round(wanted / power).astype(np.int64) if power else wanted
        _assign(args[0], inner if args[1].op == "#" else _guess(args[0], given), given, found)
    elif args:
        _assign(args[0], np.zeros_like(wanted), given, found)


def _assign_product(node: Node, wanted: IntArray, given: Quantities, found: list[IntArray | None]) -> None:
    """A side with a loose constant takes the rest; a side without one keeps its own dimension."""
    a, b = node.args
    sign = 1 if node.op == "*" else -1
    if _loose(a) or not _loose(b):
        own = _guess(b, given)
        _assign(b, own, given, found)
        _assign(a, wanted - sign * own, given, found)
    else:
        own = _guess(a, given)
        _assign(a, own, given, found)
        _assign(b, sign * (wanted - own), given, found)


def _loose(node: Node) -> bool:
    """Whether a constant can lend this part any dimension."""
    if node.op == "c":
        return True
    if node.op in ("*", "/"):
        return any(_loose(child) for child in node.args)
    if node.op in ("+", "-", "absdiff"):
        return all(_loose(child) for child in node.args)
    return node.op in ("neg", "abs", "^") and _loose(node.args[0])
