"""A law as it is written, `a * exp(-Ea / (kB * T))`, read into a tree of columns and unknown constants; never run.

Names of columns are columns; names of constants of physics (`PHYSICS`) are these unless a column is called so; every
other name is an unknown constant. A column whose name is no plain word stands between backticks.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import e, pi

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.explain.laws import expression as tree
from matloop.explain.laws.expression import Node
from matloop.explain.laws.writing import text as written

PHYSICS = {"pi": pi, "e": e, "kB": 8.617333262e-5, "R": 8.31446261815324, "F": 96485.33212, "h": 4.135667696e-15}
"""kB in eV/K, R in J/(mol K), F in C/mol, h in eV s: CODATA 2018"""
FUNCTIONS = ("exp", "log", "ln", "log10", "sqrt", "sin", "cos", "tanh", "abs", "min", "max")
_LONGEST, _DEEPEST, _STEP = 2000, 60, 1e-6
_OPERATORS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^", ast.BitXor: "^",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Formula:
    """A law. columns : its inputs, in their order; constants : the unknown ones, in theirs."""

    text: str
    node: Node
    columns: tuple[str, ...]
    constants: tuple[str, ...]

    def values(self, columns: FloatArray, constants: FloatArray) -> FloatArray:
        """On all rows; columns : shape (n, n_columns). NaN or infinite where the formula has no value; shape (n,)."""
        return tree.evaluate(self.node, columns, constants)

    def slopes(self, columns: FloatArray, constants: FloatArray, base: FloatArray) -> FloatArray:
        """Derivative by each constant by central differences, shape (n, n_constants)."""
        found = np.empty((len(columns), len(constants)))
        for k in range(len(constants)):
            step = _STEP * max(abs(float(constants[k])), _STEP)
            up, down = constants.copy(), constants.copy()
            up[k] += step
            down[k] -= step
            found[:, k] = (self.values(columns, up) - self.values(columns, down)) / (up[k] - down[k])
            one_sided = ~np.isfinite(found[:, k])  # at the edge of where the law has a value
            if one_sided.any():
                found[one_sided, k] = ((self.values(columns, up) - base) / step)[one_sided]
        return np.nan_to_num(found, posinf=0.0, neginf=0.0)

    def with_values(self, constants: Sequence[float]) -> str:
        """The law as text with numbers for its constants."""
        return written(self.node, self.columns, [float(f"{value:.4g}") for value in constants])


def read_formula(text: str, columns: Sequence[str], fixed: dict[str, float] | None = None) -> Formula:
    """The tree of a law.

    Parameters
    ----------
    columns : names of the columns. fixed : constants whose value is known.

    Raises
    ------
    ConfigError : it cannot be read; the message says what was found and what may be written.

    Examples
    --------
    >>> law = read_formula("a * exp(-b / T)", ["T"])
    >>> law.columns, law.constants
    (('T',), ('a', 'b'))
    """
    if len(text) > _LONGEST:
        raise ConfigError(f"the law {text[:40]!r}... has {len(text)} signs; more than {_LONGEST} are not read.")
    plain, names = _without_backticks(text)
    try:
        parsed = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"the law {text!r} cannot be read: {error}. Write it like 'a * exp(-b / T) + c'.") from error
    reader = _Reader(text, names, tuple(columns), dict(fixed or {}), [], [])
    node = reader.read(parsed, 0)
    return Formula(text, node, tuple(reader.used), tuple(reader.constants))


def _without_backticks(text: str) -> tuple[str, dict[str, str]]:
    """The text with a plain word for every name between backticks, and what the words stand for."""
    names: dict[str, str] = {}

    def swap(found: re.Match[str]) -> str:
        names[f"column_{len(names)}_"] = found[1]
        return f"column_{len(names) - 1}_"

    return re.sub(r"`([^`]+)`", swap, text), names


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    names: dict[str, str]
    columns: tuple[str, ...]
    fixed: dict[str, float]
    used: list[str]
    constants: list[str]

    def read(self, part: ast.expr, depth: int) -> Node:
        if depth > _DEEPEST:
            raise ConfigError(f"the law {self.text!r} is nested more than {_DEEPEST} deep. Write it shorter.")
        if isinstance(part, ast.Constant) and isinstance(part.value, int | float) and not isinstance(part.value, bool):
            return tree.number(float(part.value))
        if isinstance(part, ast.Name):
            return self._name(part.id)
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub | ast.UAdd):
            inner = self.read(part.operand, depth + 1)
            return inner if isinstance(part.op, ast.UAdd) else Node("neg", (inner,))
        if isinstance(part, ast.BinOp) and type(part.op) in _OPERATORS:
            sides = self.read(part.left, depth + 1), self.read(part.right, depth + 1)
            return Node(_OPERATORS[type(part.op)], sides)
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and not part.keywords:
            return self._call(part.func.id, [self.read(one, depth + 1) for one in part.args])
        raise ConfigError(
            f"the law {self.text!r} holds {ast.unparse(part)!r}, which is no arithmetic. It may hold columns, "
            f"constants, numbers, + - * / ^ and {', '.join(FUNCTIONS)}."
        )

    def _name(self, word: str) -> Node:
        name = self.names.get(word, word)
        if name in self.columns:
            if name not in self.used:
                self.used.append(name)
            return tree.x(self.used.index(name))
        if word in self.names:
            near = difflib.get_close_matches(name, self.columns, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(self.columns)}."
            raise ConfigError(f"the law {self.text!r} names the column {name!r}, which is not there. {hint}")
        if name in self.fixed or name in PHYSICS:
            return tree.number(self.fixed.get(name, PHYSICS.get(name, 0.0)))
        if name not in self.constants:
            self.constants.append(name)
        return tree.c(self.constants.index(name))

    def _call(self, name: str, args: list[Node]) -> Node:
        wanted = 2 if name in ("min", "max") else 1
        if name not in FUNCTIONS or len(args) != wanted:
            raise ConfigError(
                f"the law {self.text!r} holds {name}(...) of {len(args)} values. Functions of one value: "
                f"{', '.join(FUNCTIONS[:-2])}; of two: min, max."
            )
        if name == "sqrt":
            return Node("^", (args[0], tree.number(0.5)))
        if name == "log10":
            return Node("/", (Node("log", tuple(args)), tree.number(float(np.log(10.0)))))
        return Node({"ln": "log"}.get(name, name), tuple(args))
