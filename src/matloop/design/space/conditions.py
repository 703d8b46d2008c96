"""Constraints checked on many points at once.

A condition that speaks of a parameter that does not exist at a point does not apply there: it neither allows nor
forbids. In "or" and "and" the other parts decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.core.errors import ConfigError
from matloop.design.space.elements import rule_of
from matloop.design.space.layout import Layout
from matloop.problem.condition import Apply, Compare, Logic, Name, Tree, Value, linear_text, linears, read_condition
from matloop.problem.space import Categorical, Constraint, Elements, Expression, Linear, Rule

if TYPE_CHECKING:
    import pandas as pd

NEAR = 1e-9
"""Two sides of a condition that differ by less, relative to their size, are equal."""


@dataclass(frozen=True, slots=True)
class Straight:
    """coefficients @ values <= limit, or = where `equal`; applies where all its columns exist. text : for messages."""

    coefficients: FloatArray
    limit: float
    equal: bool
    text: str

    def over(self, values: FloatArray) -> FloatArray:
        """By how much it is broken, relative to the size of its terms; 0 where it holds or does not apply."""
        used = np.flatnonzero(self.coefficients)
        part = values[:, used]
        there: BoolArray = np.logical_not(np.isnan(part).any(axis=1))
        terms = np.where(there[:, None], part, 0.0) * self.coefficients[used]
        off = terms.sum(axis=1) - self.limit
        size = np.maximum(np.abs(terms).max(axis=1, initial=0.0), max(abs(self.limit), 1e-12))
        over = (np.abs(off) if self.equal else off) / size
        return np.where(there & (over > NEAR), over, 0.0)


@dataclass(frozen=True, slots=True)
class Conditions:
    """All constraints of a space.

    straight : every linear one, also from texts. trees : texts that say more than linear conditions, with the text.
    rules : functions of the caller, that get `frame(values)`.
    """

    straight: tuple[Straight, ...]
    trees: tuple[tuple[str, Tree], ...]
    rules: tuple[Rule, ...]
    layout: Layout
    frame: Callable[[FloatArray], pd.DataFrame]

    def allowed(self, values: FloatArray) -> BoolArray:
        """Shape (n,)."""
        good = np.ones(len(values), dtype=bool)
        for line in self.straight:
            good &= line.over(values) == 0
        for _, tree in self.trees:
            rows = np.flatnonzero(good)
            good[rows] = truth(tree, values[rows], self.layout) >= 0.5
        for rule in self.rules:
            rows = np.flatnonzero(good)
            if len(rows):
                good[rows] = self._by_rule(rule, values[rows])
        return good

    def broken(self, values: FloatArray, slack: float = 0.0) -> list[tuple[str, BoolArray]]:
        """Each constraint in words, and the rows that break it by more than `slack` of its terms."""
        found = [(line.text, line.over(values) > slack) for line in self.straight]
        found += [(text, excess(tree, values, self.layout) > slack) for text, tree in self.trees]
        found += [(f'the rule "{rule.name}"', ~self._by_rule(rule, values)) for rule in self.rules if len(values)]
        return found

    def over(self, values: FloatArray) -> FloatArray:
        """How far points are from being allowed by lines and texts, shape (n,); 0 where they are."""
        total = np.zeros(len(values))
        for line in self.straight:
            total += line.over(values)
        for _, tree in self.trees:
            total += excess(tree, values, self.layout)
        return total

    def __bool__(self) -> bool:
        return bool(self.straight or self.trees or self.rules)

    def _by_rule(self, rule: Rule, values: FloatArray) -> BoolArray:
        said = np.asarray(rule.allows(self.frame(values)))
        if said.shape != (len(values),) or said.dtype.kind not in "bO":
            raise ConfigError(
                f'the rule "{rule.name}" gives {said.dtype} of shape {said.shape} for a table of {len(values)} rows. '
                "It has to give True or False for each row."
            )
        return said.astype(bool)


def conditions_of(
    constraints: tuple[Constraint, ...], layout: Layout, frame: Callable[[FloatArray], pd.DataFrame]
) -> Conditions:
    """The constraints of a space ready to be checked; a text that is linear becomes a line.

    Raises
    ------
    ConfigError : a text cannot be read, or names what is not there.
    """
    straight: list[Straight] = []
    trees: list[tuple[str, Tree]] = []
    rules: list[Rule] = []
    known = words_of(layout)
    for one in constraints:
        if isinstance(one, Linear):
            straight.append(_straight(one, linear_text(one), layout))
        elif isinstance(one, Expression):
            tree = read_condition(one.text, known)
            lines, whole = linears(tree)
            straight += [_straight(line, one.text, layout) for line in lines]
            trees += [] if whole else [(one.text, tree)]
        elif isinstance(one, Elements):
            rules.append(rule_of(one, layout))
        else:
            rules.append(one)
    return Conditions(tuple(straight), tuple(trees), tuple(rules), layout, frame)


def words_of(layout: Layout) -> Mapping[str, tuple[str, ...] | None]:
    """What conditions may speak of: {name: its words, None for numbers}."""
    words: dict[str, tuple[str, ...] | None] = dict.fromkeys(layout.names)
    for one in layout.singles:
        if isinstance(one.parameter, Categorical):
            words[one.name] = one.parameter.values
    return words


def _straight(line: Linear, text: str, layout: Layout) -> Straight:
    weights = np.zeros(layout.width)
    for name, weight in line.coefficients.items():
        weights[layout.column(name)] += weight
    sign = -1.0 if line.bound == ">=" else 1.0
    return Straight(sign * weights, sign * line.limit, line.bound == "=", text)


# ---- trees ----


def truth(tree: Tree, values: FloatArray, layout: Layout) -> FloatArray:
    """1 where a condition holds, 0 where it does not, 0.5 where it does not apply (Kleene's logic); shape (n,)."""
    if isinstance(tree, Logic):
        parts = [truth(part, values, layout) for part in tree.parts]
        if tree.what == "not":
            return 1.0 - parts[0]
        whole: FloatArray = (np.minimum if tree.what == "and" else np.maximum).reduce(parts)
        return whole
    if not isinstance(tree, Compare):
        raise ConfigError(f"{tree} is neither true nor false.")
    gap, absent = _gap(tree, values, layout)
    held = gap <= 0
    if tree.what in ("!=", "not in"):
        held = ~(np.abs(gap) <= 0)
    return np.where(absent, 0.5, held.astype(float))


def excess(tree: Tree, values: FloatArray, layout: Layout) -> FloatArray:
    """How far a condition is from holding; 0 where it does. A guide for a search, no distance."""
    if isinstance(tree, Logic) and tree.what in ("and", "or"):
        parts = [excess(part, values, layout) for part in tree.parts]
        return np.asarray(np.sum(parts, axis=0) if tree.what == "and" else np.min(parts, axis=0))
    broken = truth(tree, values, layout) < 0.5
    if isinstance(tree, Compare) and tree.what in ("<=", "<", ">=", ">", "=="):
        left, _ = _number(tree.left, values, layout)
        right, _ = (left, None) if isinstance(tree.right, tuple) else _number(tree.right, values, layout)
        size = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-12)
        off = np.nan_to_num(np.abs(left - right) / size, nan=2.0, posinf=2.0)
        return np.where(broken, np.maximum(off, 1e-9), 0.0)
    return broken.astype(float)


def _gap(tree: Compare, values: FloatArray, layout: Layout) -> tuple[FloatArray, BoolArray]:
    """A number that is not above 0 where the comparison holds, and where it does not apply."""
    left, absent = _number(tree.left, values, layout, tree.right)
    if isinstance(tree.right, tuple):
        hit = np.zeros(len(values), dtype=bool)
        for item in tree.right:
            right, _ = _number(item, values, layout, tree.left)
            hit |= np.abs(left - right) <= NEAR * np.maximum(np.abs(left), np.abs(right))
        return np.where(hit, 0.0, 1.0), absent
    right, other = _number(tree.right, values, layout, tree.left)
    if isinstance(tree.left, Name) and isinstance(tree.right, Name):
        right = _same_words(tree.left, tree.right, right, layout)
    with np.errstate(all="ignore"):
        off = left - right
        near = NEAR * np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-12)
        if tree.what in (">=", ">"):
            off = -off
        if tree.what in ("==", "!="):
            off = np.abs(off)
        strict = tree.what in ("<", ">")
        gap = np.where((np.abs(off) <= near) & np.isfinite(off), 1e-12 if strict else 0.0, off)
    return np.where(np.isnan(gap), np.inf, gap), absent | other


def _number(
    tree: Tree, values: FloatArray, layout: Layout, beside: Tree | tuple[Value, ...] | None = None
) -> tuple[FloatArray, BoolArray]:
    """A part as numbers (words as their codes in the column that stands beside), and where it does not exist."""
    if isinstance(tree, Value):
        return np.full(len(values), _coded(tree, beside, layout)), np.zeros(len(values), dtype=bool)
    if isinstance(tree, Name):
        column = values[:, layout.column(tree.name)]
        return column, np.isnan(column)
    if not isinstance(tree, Apply):
        raise ConfigError(f"{tree} is no number.")
    parts = [_number(part, values, layout) for part in tree.parts]
    absent = np.logical_or.reduce([gone for _, gone in parts])
    with np.errstate(all="ignore"):
        return _applied(tree.what, [part for part, _ in parts]), absent


def _coded(value: Value, beside: Tree | tuple[Value, ...] | None, layout: Layout) -> float:
    if isinstance(value.of, float):
        return value.of
    if isinstance(beside, Name):
        words = words_of(layout)[beside.name] or ()
        return float(words.index(value.of)) if value.of in words else -1.0
    return -1.0


def _same_words(left: Name, right: Name, codes: FloatArray, layout: Layout) -> FloatArray:
    """Codes of one category as codes of another, -1 for words that it does not have."""
    words = words_of(layout)
    own, other = words[left.name], words[right.name]
    if own is None or other is None:
        return codes
    places = np.array([float(own.index(word)) if word in own else -1.0 for word in other])
    return np.where(np.isnan(codes), np.nan, places[np.nan_to_num(codes).astype(np.int64)])


_APPLIED: dict[str, Callable[..., FloatArray]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power, "sqrt": np.sqrt, "log": np.log,
    "log10": np.log10, "exp": np.exp, "abs": np.abs,
}  # fmt: skip


def _applied(what: str, parts: list[FloatArray]) -> FloatArray:
    if what in ("min", "max"):
        whole: FloatArray = (np.minimum if what == "min" else np.maximum).reduce(parts)
        return whole
    if what == "-" and len(parts) == 1:
        return -parts[0]
    return np.asarray(_APPLIED[what](*parts))
