"""Formulas that people write, "S**2 * sigma * T / kappa", read as data and computed on arrays with units checked.

The text is parsed, never run: numbers, names, + - * / ** ( ), and a few functions are all there is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.core.units import in_base

LONGEST, DEEPEST = 500, 30
Dimension = tuple[tuple[str, float], ...]

FUNCTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "sqrt": np.sqrt, "cbrt": np.cbrt, "exp": np.exp, "log": np.log, "log10": np.log10, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "tanh": np.tanh, "abs": np.abs,
}  # fmt: skip
_ROOTS = {"sqrt": 0.5, "cbrt": 1.0 / 3.0, "abs": 1.0}
CONSTANTS: Mapping[str, tuple[float, str]] = {
    "pi": (pi, ""),
    "k_B": (1.380649e-23, "J/K"),  # SI 2019, exact
    "e": (1.602176634e-19, "coulomb"),  # SI 2019, exact
    "h": (6.62607015e-34, "J*s"),  # SI 2019, exact
    "N_A": (6.02214076e23, "1/mol"),  # SI 2019, exact
    "R": (8.31446261815324, "J/mol/K"),  # SI 2019, exact
    "c_0": (299792458.0, "m/s"),  # SI 2019, exact
}
"""Constants that may be named; a quantity of the same name goes before."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read.

    text : as written. names : what it needs, in the order of appearance; constants that no quantity hides are among
        them.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    def value(self, known: Mapping[str, FloatArray]) -> FloatArray:
        """The formula on arrays that broadcast; NaN or infinite where it has no value."""
        with np.errstate(all="ignore"):
            return np.asarray(_value(self._tree, known), dtype=np.float64)

    def dimension(self, units: Mapping[str, str]) -> Dimension:
        """The dimension of the result, for names in `units`, by pint's names.

        Raises
        ------
        ConfigError : unlike quantities are added or compared, or a function is given something with a dimension.
        """
        return _dimension(self._tree, units, self.text)


def read_formula(text: str) -> Formula:
    """Read a formula.

    Raises
    ------
    ConfigError : it is not one, or has something that formulas may not have; the message shows what.

    Examples
    --------
    >>> formula = read_formula("S**2 * sigma")
    >>> formula.names
    ('S', 'sigma')
    >>> float(formula.value({"S": np.array(2.0), "sigma": np.array(3.0)}))
    12.0
    """
    if len(text) > LONGEST:
        raise ConfigError(f"a formula of {len(text)} characters; at most {LONGEST} are read.")
    try:
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{text!r} is not a formula ({error}). Write it as S**2 * sigma / kappa.") from error
    names: dict[str, None] = {}
    _check(tree, text, names, 0)
    return Formula(text, tuple(names), tree)


_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


def _check(node: ast.expr, text: str, names: dict[str, None], depth: int) -> None:
    if depth > DEEPEST:
        raise ConfigError(f"{text!r} is nested more than {DEEPEST} deep.")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return
    if isinstance(node, ast.Name):
        names[node.id] = None
        return
    if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
        _check(node.left, text, names, depth + 1)
        _check(node.right, text, names, depth + 1)
        return
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        _check(node.operand, text, names, depth + 1)
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        if node.func.id not in FUNCTIONS:
            raise ConfigError(f"{text!r}: there is no function {node.func.id!r}, only {', '.join(FUNCTIONS)}.")
        _check(node.args[0], text, names, depth + 1)
        return
    shown = ast.unparse(node)[:60]
    raise ConfigError(f"{text!r}: {shown!r} cannot stand in a formula; numbers, names, + - * / ** and functions can.")


def _value(node: ast.expr, known: Mapping[str, FloatArray]) -> FloatArray:
    if isinstance(node, ast.Constant):
        return np.asarray(float(node.value))  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        if node.id in known:
            return known[node.id]
        if node.id not in CONSTANTS:
            raise ConfigError(f"there is no value for {node.id!r}.")
        value, unit = CONSTANTS[node.id]
        form = in_base(unit)
        return np.asarray(value * (form.scale if form is not None else 1.0))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, known)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call):
        return FUNCTIONS[node.func.id](_value(node.args[0], known))  # type: ignore[attr-defined]
    assert isinstance(node, ast.BinOp)
    left, right = _value(node.left, known), _value(node.right, known)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    return left / right if isinstance(node.op, ast.Div) else left**right


def _dimension(node: ast.expr, units: Mapping[str, str], text: str) -> Dimension:
    if isinstance(node, ast.Constant):
        return ()
    if isinstance(node, ast.Name):
        if node.id not in units and node.id not in CONSTANTS:
            raise ConfigError(f"{text!r}: there is no quantity {node.id!r}.")
        return _of_unit(units[node.id] if node.id in units else CONSTANTS[node.id][1])
    if isinstance(node, ast.UnaryOp):
        return _dimension(node.operand, units, text)
    if isinstance(node, ast.Call):
        name, inner = node.func.id, _dimension(node.args[0], units, text)  # type: ignore[attr-defined]
        if name in _ROOTS:
            return _power(inner, _ROOTS[name])
        if inner:
            raise ConfigError(f"{text!r}: {ast.unparse(node)} needs a pure number, it is given {shown(inner)}.")
        return ()
    assert isinstance(node, ast.BinOp)
    left, right = _dimension(node.left, units, text), _dimension(node.right, units, text)
    if isinstance(node.op, ast.Mult | ast.Div):
        return _product(left, right, 1.0 if isinstance(node.op, ast.Mult) else -1.0)
    if isinstance(node.op, ast.Pow):
        return _raised(node, left, right, text)
    if left != right:
        raise ConfigError(
            f"{text!r}: {ast.unparse(node.left)} ({shown(left)}) and {ast.unparse(node.right)} ({shown(right)}) are "
            "different quantities and cannot be added or subtracted."
        )
    return left


def _raised(node: ast.BinOp, left: Dimension, right: Dimension, text: str) -> Dimension:
    if right:
        raise ConfigError(f"{text!r}: the exponent {ast.unparse(node.right)} has a dimension ({shown(right)}).")
    if not left:
        return ()
    names: dict[str, None] = {}
    _check(node.right, text, names, 0)
    if names:
        raise ConfigError(f"{text!r}: {ast.unparse(node.left)} has a dimension, so its exponent must be a number.")
    return _power(left, float(_value(node.right, {})))


def _of_unit(unit: str) -> Dimension:
    form = in_base(unit)
    if form is None:
        raise ConfigError(f"{unit!r} is not a unit.")
    return form.exponents


def _power(dimension: Dimension, power: float) -> Dimension:
    return tuple((name, exponent * power) for name, exponent in dimension if exponent * power)


def _product(left: Dimension, right: Dimension, sign: float) -> Dimension:
    total = dict(left)
    for name, exponent in right:
        total[name] = total.get(name, 0.0) + sign * exponent
    return tuple(sorted((name, exponent) for name, exponent in total.items() if abs(exponent) > 1e-12))


def shown(dimension: Dimension) -> str:
    """A dimension in words: "[length]**2 / [time]", or "a pure number"."""
    if not dimension:
        return "a pure number"
    parts = [name if power == 1 else f"{name}**{power:g}" for name, power in dimension]
    return " ".join(parts)
