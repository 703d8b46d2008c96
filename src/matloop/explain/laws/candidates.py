"""Formulas with fitted constants, and which of many are worth keeping."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.laws.carried import constant_dims
from matloop.explain.laws.constants import Fit, fit, rounded
from matloop.explain.laws.dimensions import Quantities
from matloop.explain.laws.expression import Node, complexity, evaluate, lifted, renumbered
from matloop.explain.laws.forms import Form, assemble, simplified

BETTER = 0.005
"""A longer formula must lower the error by this share to stand on the front."""


INNER_STEPS = 12
"""Steps of the fit where a constant stands inside a function."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A formula with its constants, their standard deviations, root mean square error, and what there is to read."""

    node: Node
    constants: tuple[float, ...]
    errors: tuple[float, ...]
    rmse: float
    size: int

    def predict(self, X: FloatArray) -> FloatArray:
        """Values on rows in the units of the law; shape (n_rows,)."""
        return evaluate(self.node, X, self.constants)


def candidate(
    node: Node, X: FloatArray, y: FloatArray, start: Sequence[float] | FloatArray, steps: int = 40
) -> Candidate:
    """`node` with constants fitted from `start`; their standard deviations only come with `polished`."""
    return _made(node, fit(node, X, y, start, steps, doubt=False))


def _made(node: Node, found: Fit) -> Candidate:
    return Candidate(node, tuple(found.constants.tolist()), tuple(found.errors.tolist()), found.rmse, complexity(node))


def from_form(form: Form, coefficients: FloatArray, X: FloatArray, y: FloatArray, steps: int = 40) -> Candidate:
    """The formula of `form`, its constants fitted from `coefficients` (the intercept first where there is one)."""
    node, start = lifted(assemble(form), start_of(form, coefficients))
    inner = len(start) > len(start_of(form, coefficients))
    return candidate(node, X, y, start, max(steps, INNER_STEPS) if inner else steps)


def start_of(form: Form, coefficients: FloatArray) -> FloatArray:
    """Constants of the assembled tree from those of the linear problem under the link."""
    found = np.array(coefficients, dtype=float)
    if form.link == 0:
        return np.concatenate([[np.exp(np.clip(found[0], -600, 600))], found[1:]])
    single = len(form.terms) == 1 and not form.intercept
    if form.tied or single:
        mean = float(found.mean())
        with np.errstate(all="ignore"):
            value = math.copysign(abs(mean) ** (6 / form.link), mean) if mean else 1.0
        return np.array([value if math.isfinite(value) else 1.0])
    return found


def polished(one: Candidate, X: FloatArray, y: FloatArray, given: Quantities) -> Candidate:
    """Constants without a unit that are round numbers within their doubt written as such."""

    def pure(node: Node) -> list[bool]:
        return [not dim.any() for dim in constant_dims(node, given)]

    node, found = rounded(one.node, X, y, fit(one.node, X, y, one.constants), pure)
    node = simplified(node)
    node, constants = renumbered(node, found.constants)
    return _made(node, fit(node, X, y, constants))


def front(candidates: Iterable[Candidate], most: int, largest: int) -> list[Candidate]:
    """The Pareto front: each formula is clearly better than every shorter one; shortest first."""
    found: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: (c.size, c.rmse)):
        if one.size > largest or not math.isfinite(one.rmse):
            continue
        if not found or one.rmse < found[-1].rmse * (1.0 - BETTER):
            if found and found[-1].size == one.size:
                found.pop()
            found.append(one)
    return _thinned(found, most)


def _thinned(found: list[Candidate], most: int) -> list[Candidate]:
    """At most `most`, those dropped that gain least over the one before."""
    found = list(found)
    while len(found) > most:
        gains = [found[k - 1].rmse / max(found[k].rmse, 1e-300) for k in range(1, len(found) - 1)]
        found.pop(1 + int(np.argmin(gains)))
    return found


def spread_out(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """The best of each complexity first, then the best of the rest; at most `most`."""
    ordered = sorted(candidates, key=lambda c: c.rmse)
    first: dict[int, Candidate] = {}
    for one in ordered:
        first.setdefault(one.size, one)
    chosen = list(first.values())
    chosen += [one for one in ordered if one is not first[one.size]][: max(most - len(chosen), 0)]
    return chosen[:most]
