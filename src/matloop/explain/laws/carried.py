"""The units that constants carry, worked out from where they stand in a formula."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import IntArray
from matloop.explain.laws.dimensions import Quantities, unit_of
from matloop.explain.laws.expression import Node, n_constants, walk


def constant_units(node: Node, given: Quantities) -> tuple[str, ...]:
    """Unit of each constant of `node`, empty for pure numbers.

    Where several would do (factors above and below a fraction), the first constant of the lower sum counts as a number.
    """
    return tuple("" if not dim.any() else _text(node, dim, given) for dim in constant_dims(node, given))


def constant_dims(node: Node, given: Quantities) -> list[IntArray]:
    """Dimension of each constant of `node`."""
    found: list[IntArray | None] = [None] * n_constants(node)
    _assign(node, given.target_dim, given, found)
    nothing = np.zeros(len(given.bases), dtype=np.int64)
    return [nothing if dim is None else dim for dim in found]


def _text(node: Node, dim: IntArray, given: Quantities) -> str:
    """In the units of the inputs where a product of those gives the dimension, else in SI base units."""
    written = _in_units(node, dim, given)
    return unit_of(dim, given.bases) if written is None else written


def _in_units(node: Node, dim: IntArray, given: Quantities) -> str | None:
    places = sorted({int(n.value) for n in walk(node) if n.op == "x"})
    units: dict[str, IntArray] = {}
    if given.target.unit:
        units[given.target.unit] = given.target_dim
    for p in places:
        if given.inputs[p].unit and given.dims[p].any():
            units.setdefault(given.inputs[p].unit, given.dims[p])
    names = list(units)
    if not names:
        return None
    table = np.array([units[name] for name in names]).T.astype(float)
    powers = np.linalg.lstsq(table, dim.astype(float), rcond=None)[0]
    tidy = np.round(powers * 6) / 6
    if not np.allclose(table @ tidy, dim, atol=1e-6):
        return None
    above = [_raised(n, p) for n, p in zip(names, tidy, strict=True) if p > 0]
    below = [_raised(n, -p) for n, p in zip(names, tidy, strict=True) if p < 0]
    under = "" if not below else f"/{below[0]}" if len(below) == 1 else f"/({'*'.join(below)})"
    return f"{'*'.join(above) or '1'}{under}"


def _raised(unit: str, power: float) -> str:
    name = unit if unit.isidentifier() else f"({unit})"
    if power == 1:
        return name
    shown = f"{power:g}" if float(power).is_integer() else f"({round(power * 6)}/6)"
    return f"{name}^{shown}"


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
