"""What differs between laws for numbers and rules for two classes: how constants are fitted and rows are scored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.laws.candidates import Candidate, candidate
from matloop.explain.laws.conditions import refitted_cuts
from matloop.explain.laws.expression import Node, c, complexity, evaluate, n_constants


class Kind(Protocol):
    """How formulas are fitted and judged."""

    def refitted(self, one: Candidate, X: FloatArray, y: FloatArray) -> Candidate:
        """The same formula with constants for these rows."""

    def losses(self, y: FloatArray, said: FloatArray) -> FloatArray:
        """A loss per row whose mean is the squared error (numbers) or one minus the balanced accuracy (classes)."""

    def constant(self, y: FloatArray) -> float:
        """What is said without any formula."""

    def code(self, loss: float, constant: float, n: int) -> float:
        """Nats that it takes to tell n rows when a formula has this mean loss and a constant that one."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number is predicted; constants by least squares."""

    def refitted(self, one: Candidate, X: FloatArray, y: FloatArray) -> Candidate:
        return candidate(one.node, X, y, one.constants, 12)

    def losses(self, y: FloatArray, said: FloatArray) -> FloatArray:
        error = np.where(np.isfinite(said), y - said, np.inf)
        return np.minimum(error**2, 1e200)

    def constant(self, y: FloatArray) -> float:
        return float(y.mean())

    def code(self, loss: float, constant: float, n: int) -> float:
        return 0.5 * n * math.log(max(loss / constant, 1e-12)) if constant > 0 else 0.0


@dataclass(frozen=True, slots=True)
class TwoClasses:
    """The sign of a score says the class (y is 0 or 1); classes count the same however rare they are."""

    def refitted(self, one: Candidate, X: FloatArray, y: FloatArray) -> Candidate:
        if one.node.op in ("min", "max"):
            return refitted_cuts(one, X, y)
        return fitted_score(one.node, X, y, np.array(one.constants))

    def losses(self, y: FloatArray, said: FloatArray) -> FloatArray:
        wrong = np.where(np.isfinite(said), (said > 0) != (y > 0.5), True)
        share = max(float((y > 0.5).mean()), 1e-9)
        weight = np.where(y > 0.5, 0.5 / share, 0.5 / max(1.0 - share, 1e-9))
        return wrong * weight

    def constant(self, y: FloatArray) -> float:
        return 1.0 if y.mean() > 0.5 else -1.0

    def code(self, loss: float, constant: float, n: int) -> float:
        wrong = min(max(loss, 0.5 / n), 0.5)
        return -n * (wrong * math.log(wrong) + (1.0 - wrong) * math.log(1.0 - wrong))


def fitted_score(node: Node, X: FloatArray, y: FloatArray, start: FloatArray) -> Candidate:
    """A score that is linear in its constants, by balanced logistic regression; then the threshold (the first
    constant) is put where most rows of both classes are right."""
    offset = evaluate(node, X, np.zeros(n_constants(node)))
    design = np.column_stack([evaluate(node, X, row) - offset for row in np.eye(n_constants(node))])
    step = -1.0 if node.op == "-" and node.args[1] == c(0) else 1.0
    design[:, 0] = step  # exactly, also where the descriptor is so large that one is lost beside it
    theta = _logistic(design, offset, y, start) if design.shape[1] > 1 else start.copy()
    said = offset + design @ theta
    shift, error = best_threshold(said, y)
    theta[0] -= shift / step
    return Candidate(node, tuple(theta.tolist()), (float("nan"),) * len(theta), error, complexity(node))


def _logistic(design: FloatArray, offset: FloatArray, y: FloatArray, start: FloatArray) -> FloatArray:
    """Newton steps with a small ridge on standardised columns; starts anew where they fail."""
    size = np.abs(design).max(axis=0)
    size[size == 0] = 1.0
    D = design / size
    weight = np.where(y > 0.5, 0.5 / max(y.mean(), 1e-9), 0.5 / max(1 - y.mean(), 1e-9)) / len(y)
    theta = np.zeros(D.shape[1])
    for _ in range(12):
        p = 1.0 / (1.0 + np.exp(-np.clip(offset + D @ theta, -30, 30)))
        slope = D.T @ (weight * (y - p)) - 1e-6 * theta
        curve = (D * (weight * p * (1 - p))[:, None]).T @ D + 1e-6 * np.eye(D.shape[1])
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        theta = theta + np.clip(step, -1e3, 1e3)
        if np.abs(step).max() < 1e-8:
            break
    return theta / size if np.isfinite(theta).all() else start.copy()


def best_threshold(score: FloatArray, y: FloatArray) -> tuple[float, float]:
    """The value of `score` above which to say class 1 so that the balanced error is least, and that error.

    The threshold lies half way between two rows.
    """
    order = np.argsort(score, kind="stable")
    s, positive = score[order], y[order] > 0.5
    n1, n0 = max(int(positive.sum()), 1), max(int((~positive).sum()), 1)
    missed = np.concatenate([[0], np.cumsum(positive)]) / n1
    false = 1.0 - np.concatenate([[0], np.cumsum(~positive)]) / n0
    error = (missed + false) / 2
    between = np.concatenate([[True], s[1:] > s[:-1], [True]])
    error = np.where(between, error, np.inf)
    k = int(np.argmin(error))
    if k == 0 or k == len(s):
        return float(s[0] - 1.0 if k == 0 else s[-1] + 1.0), float(error[k])
    return float((s[k - 1] + s[k]) / 2), float(error[k])
