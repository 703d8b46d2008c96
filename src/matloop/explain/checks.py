"""Tests that an explanation must stand before it is read.

An explanation that comes out different for another part of the rows, or the same from labels that were dealt out at
random, tells about the method and not about the material.

References
----------
Adebayo et al., Adv. Neural Inf. Process. Syst. 31 (2018) 9505 (sanity checks by randomisation). arXiv:1810.03292
Kuncheva, Proc. IASTED AIA (2007) 390 (agreement of selections, corrected for chance).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.values import Check

LEAST_SHARED = 0.6
"""Share of the weight on the same groups that two explanations must have to count as the same one."""
SURELY_SHARED = 0.9
"""Shared this much, they are the same even where chance shares nearly as much (all groups weigh alike)."""
LEAST_ABOVE_CHANCE = 0.4
MOST_LEFT = 0.5
"""Share of the largest importance that may be left when nothing can be learnt."""
LEAST_CORRELATION = 0.7
_DRAWS = 200
_SURE = 2.33
"""standard errors: one-sided 1 %"""


def overlap(a: ArrayLike, b: ArrayLike) -> float:
    """Share of the weight that two explanations put on the same groups: 1 is the same, 0 nothing in common.

    a, b : shape (n_groups,), importances; below zero counts as none. NaN where one has no weight at all.

    Examples
    --------
    >>> round(overlap([3, 1, 0], [2, 2, 0]), 2)
    0.75
    """
    p, q = (np.maximum(np.asarray(each, dtype=np.float64), 0.0) for each in (a, b))
    if p.sum() <= 0 or q.sum() <= 0:
        return float("nan")
    return float(np.minimum(p / p.sum(), q / q.sum()).sum())


def chance_overlap(a: ArrayLike, b: ArrayLike, seed: int = 0) -> float:
    """What `overlap` is on average when the weights of `b` are dealt out to the groups at random."""
    rng, other = np.random.default_rng(seed), np.asarray(b, dtype=np.float64)
    return float(np.mean([overlap(a, rng.permutation(other)) for _ in range(_DRAWS)]))


def stable(each: ArrayLike, *, between: str = "models of different folds", seed: int = 0) -> Check:
    """Whether several explanations of the same thing put their weight on the same groups.

    Parameters
    ----------
    each : shape (n_explanations, n_groups), importances.
    between : what the explanations differ in, for the words.

    Returns
    -------
    Check "stable": passed where the mean overlap of all pairs is at least 0.6 and well above what chance gives, or at
    least 0.9.

    Raises
    ------
    DataError : fewer than two explanations.

    Examples
    --------
    >>> stable([[5, 1, 0, 0], [4, 1, 0, 0]]).passed
    True
    >>> stable([[5, 1, 0, 0], [0, 0, 1, 4]]).passed
    False
    """
    found = _table(each)
    if len(found) < 2:
        raise DataError(f"stability needs at least two explanations, got {len(found)}. Fit on further folds or seeds.")
    pairs = list(itertools.combinations(range(len(found)), 2))
    shared = float(np.mean([np.nan_to_num(overlap(found[i], found[j])) for i, j in pairs]))
    chance = float(np.mean([np.nan_to_num(chance_overlap(found[i], found[j], seed)) for i, j in pairs]))
    above = (shared - chance) / (1.0 - chance) if chance < 1.0 else 1.0
    passed = shared >= SURELY_SHARED or (shared >= LEAST_SHARED and above >= LEAST_ABOVE_CHANCE)
    return Check(
        "stable",
        bool(passed),
        f"{between} put {shared:.0%} of the weight on the same groups, chance {chance:.0%}",
    )


def destroyed(
    true: ArrayLike, shuffled: ArrayLike, *, what: str = "importance", leaders: int = 1, seed: int = 0
) -> Check:
    """Whether an explanation falls to noise when the model is fitted to shuffled labels.

    Parameters
    ----------
    true, shuffled : shape (n_explanations, n_groups), importances from models of the true and of shuffled labels.
    what : what is measured, for the words.
    leaders : how many of the largest are compared: one where noise is around zero; several together where noise is
        above zero in every group, as for contributions.

    Returns
    -------
    Check "destroyed by shuffled labels": passed where the largest that are left are at most half of the true largest
    ones, and, unless almost nothing is left, it is not the same explanation in small.

    Examples
    --------
    >>> destroyed([[5, 1, 0, 0]], [[0.1, 0, 0.2, 0]]).passed
    True
    >>> destroyed([[0.1, 0.2, 0.3]], [[0.3, 0.1, 0.2]]).passed
    False
    """
    name = "destroyed by shuffled labels"
    good, noise = _table(true).mean(axis=0), _table(shuffled)
    top = _largest(good, leaders)
    if top <= 0.0:
        return Check(name, False, f"no {what} is above zero with the true labels, so there is nothing to destroy")
    left = float(np.mean([_largest(one, leaders) for one in noise])) / top
    mean = noise.mean(axis=0)
    shared = float(np.nan_to_num(overlap(good, mean)))
    chance = float(np.nan_to_num(chance_overlap(good, mean, seed)))
    same = chance < 1.0 and shared >= LEAST_SHARED and shared - chance >= LEAST_ABOVE_CHANCE * (1.0 - chance)
    passed = left <= MOST_LEFT and not (same and left > MOST_LEFT / 2)
    if len(good) == 1:
        return Check(name, bool(passed), f"with shuffled labels the {what} is {left:.0%} of the true one")
    which = f"largest {what} is" if leaders == 1 else f"{min(leaders, len(good))} largest {what}s are"
    return Check(
        name,
        bool(passed),
        f"with shuffled labels the {which} {left:.0%} of the true; {shared:.0%} of the weight lies on the same "
        f"groups, chance {chance:.0%}",
    )


def _largest(values: FloatArray, count: int) -> float:
    """Sum of the largest ones above zero."""
    return float(np.maximum(np.sort(values)[::-1][:count], 0.0).sum())


def skilful(error: FloatArray, constant_error: FloatArray, groups: IntArray | None = None) -> Check:
    """Whether the model that is explained knows anything: better than a constant on rows that it did not see.

    Parameters
    ----------
    error, constant_error : shape (n_rows,), error of the model and of the best constant on the same rows.
    groups : shape (n_rows,), rows that belong together; None: every row by itself.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> skilful(rng.random(200), 1.0 + rng.random(200)).passed
    True
    >>> skilful(rng.random(200), rng.random(200)).passed
    False
    """
    name = "the model knows something"
    known = np.isfinite(error) & np.isfinite(constant_error)
    gain = (constant_error - error)[known]
    if len(gain) < 2 or constant_error[known].mean() <= 0:
        return Check(name, False, "there are not two rows to compare the model with a constant on")
    _, index = np.unique(np.arange(len(gain)) if groups is None else groups[known], return_inverse=True)
    sums = np.bincount(index, gain - gain.mean())
    doubt = float(np.sqrt((sums**2).sum())) / len(gain)
    share = float(gain.mean() / constant_error[known].mean())
    passed = gain.mean() > _SURE * doubt
    better = f"{share:.0%} below" if share >= 0 else f"{-share:.0%} above"
    sure = "" if passed or share < 0 else ", no more than chance allows"
    return Check(name, bool(passed), f"on rows not seen its error is {better} that of a constant{sure}")


def faithful(fidelity: float, least: float) -> Check:
    """Whether a surrogate follows the model that it stands for; `fidelity` is R2 on rows not used."""
    return Check(
        "faithful",
        bool(fidelity >= least),
        f"R² {fidelity:.2f} to the model on rows not used, at least {least:g} asked",
    )


def adds_up(gap: float) -> Check:
    """Whether base and contributions sum to the prediction; `gap` as a share of the spread of the predictions."""
    return Check(
        "adds up", bool(gap <= 0.01), f"base and contributions miss the prediction by at most {gap:.2g} of its spread"
    )


def alike(curves: ArrayLike, weights: ArrayLike | None = None) -> Check:
    """Whether curves of several models have the same shape: mean correlation of all pairs at least 0.7.

    Parameters
    ----------
    curves : shape (n_models, n_grid). weights : shape (n_grid,), share of the rows at each grid value.
    """
    found = _table(curves)
    if len(found) < 2:
        raise DataError(f"stability needs at least two curves, got {len(found)}. Fit on further folds or seeds.")
    w = np.ones(found.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.sum()
    centred = found - (found @ w)[:, None]
    size = np.sqrt((centred**2) @ w)
    unit = np.divide(centred, size[:, None], out=np.zeros_like(centred), where=size[:, None] > 0)
    pairs = [(unit[i] * unit[j]) @ w for i, j in itertools.combinations(range(len(unit)), 2)]
    agreement = float(np.mean(pairs))
    return Check(
        "stable",
        bool(agreement >= LEAST_CORRELATION),
        f"the curves of {len(found)} models correlate by {agreement:.2f}, at least {LEAST_CORRELATION:g} asked",
    )


def vanishes(curve: ArrayLike, shuffled: ArrayLike, noise: float, weights: ArrayLike | None = None) -> Check:
    """Whether an effect vanishes when the model is fitted to shuffled labels.

    Parameters
    ----------
    curve : shape (n_grid,), the effect. shuffled : shape (n_models, n_grid), the same from models of shuffled labels.
    noise : typical standard deviation of effects of models of shuffled labels, over several features: one curve alone
        may be large or small by chance.
    weights : shape (n_grid,), share of the rows at each grid value.

    Returns
    -------
    Check "destroyed by shuffled labels": passed where neither the part of the curve that comes again nor the noise is
    more than half of it.
    """
    found, true = _table(shuffled), np.asarray(curve, dtype=np.float64)
    w = np.ones(len(true)) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.sum()
    true, found = true - w @ true, found - (found @ w)[:, None]
    size = float(w @ true**2)
    name = "destroyed by shuffled labels"
    if size <= 0.0:
        return Check(name, False, "the effect is flat, so there is nothing to destroy")
    again = float(np.mean(np.abs(found @ (w * true)))) / size
    left = max(again, noise / float(np.sqrt(size)))
    return Check(name, bool(left <= MOST_LEFT), f"with shuffled labels {left:.0%} of an effect of this size is left")


def _table(each: ArrayLike) -> FloatArray:
    found = np.asarray(each, dtype=np.float64)
    if found.ndim != 2 or not found.shape[1]:
        raise DataError(f"importances must have the shape (explanations, groups), got {found.shape}.")
    return np.nan_to_num(found)
