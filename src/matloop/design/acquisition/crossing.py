"""How the values of candidates go together with those of a few other experiments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.design.contract import Belief

BLOCK = 250


@dataclass(frozen=True, slots=True)
class Crossing:
    """mean, variance : shape (n,), of the candidates. covariance : shape (n_others, n)."""

    mean: FloatArray
    variance: FloatArray
    covariance: FloatArray


def crossing(belief: Belief, others: FloatArray, X: FloatArray) -> Crossing:
    """Of the value without noise, block by block, so that no matrix of all candidates is made."""
    m = len(others)
    mean, variance, covariance = np.empty(len(X)), np.empty(len(X)), np.empty((m, len(X)))
    for begin in range(0, len(X), BLOCK):
        block = slice(begin, begin + BLOCK)
        found, joint = belief.joint(np.vstack([others, X[block]]))
        mean[block], variance[block] = found[m:], np.maximum(np.diag(joint)[m:], 0.0)
        covariance[:, block] = joint[:m, m:]
    return Crossing(mean, variance, covariance)
