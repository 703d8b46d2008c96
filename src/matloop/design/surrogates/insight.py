"""What a Gaussian process found, for health checks and for words."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.design.contract import Belief
from matloop.design.surrogates.average import Average, Said
from matloop.design.surrogates.heteroscedastic import Uneven
from matloop.design.surrogates.mapped import Mapped
from matloop.design.surrogates.process import Process, loo_of, relevance_of


def loo(belief: Belief) -> tuple[FloatArray, FloatArray]:
    """What would have been foreseen of each measurement, in their order, had its experiment (with all its replicates)
    not been made: mean and standard deviation, noise of the measurement included, each shape (n_measured,).

    The numbers of the kernel stay as they are, so this costs no fit.

    Raises
    ------
    DataError : the belief is no Gaussian process.
    """
    if isinstance(belief, Average):
        means, stds = (np.array(each) for each in zip(*(loo(member) for member in belief.members), strict=True))
        mean = belief.weights @ means
        return mean, np.sqrt(belief.weights @ (stds**2 + (means - mean) ** 2))
    inner = _inside(belief)
    return loo_of(inner) if isinstance(inner, Process) else loo(inner)


def relevance(belief: Belief) -> dict[str, float]:
    """How much of the differences between the measured points, as the kernel sees them, each variable makes: shares
    that sum to one.

    Of a mapped belief the variables are its directions.

    Raises
    ------
    DataError : the belief is no Gaussian process.
    """
    if isinstance(belief, Average):
        each = [relevance(member) for member in belief.members]
        return {name: float(belief.weights @ np.array([shares[name] for shares in each])) for name in each[0]}
    inner = _inside(belief)
    return relevance_of(inner) if isinstance(inner, Process) else relevance(inner)


def _inside(belief: Belief) -> Belief:
    """What a belief is made around, down to an average or a process."""
    if isinstance(belief, Said | Mapped):
        return _inside(belief.belief)
    if isinstance(belief, Uneven):
        return belief.process
    if not isinstance(belief, Process | Average):
        raise DataError(f"{belief.words!r} is no Gaussian process: use out-of-fold predictions of its surrogate.")
    return belief
