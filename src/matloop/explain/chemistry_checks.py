"""What a list of many effects must stand: models of folds agree, and they stand out of models of shuffled labels."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.explain.values import Check

_RELIABLE = 0.8


def reproducible(each: FloatArray, weights: FloatArray) -> Check:
    """Whether models of different folds, each asked on rows of its own, show the same effects.

    Parameters
    ----------
    each : shape (n_models, n_effects). weights : shape (n_effects,), rows behind each effect.

    Returns
    -------
    Check "stable": passed where the mean over the models has a reliability of at least 0.8, n r / (1 + (n - 1) r) of
    the mean correlation r of all pairs.

    References
    ----------
    Spearman, Br. J. Psychol. 3 (1910) 271; Brown, ibid. 296.

    Examples
    --------
    >>> reproducible(np.array([[3.0, -1.0, 0.5], [2.5, -1.5, 0.7]]), np.ones(3)).passed
    True
    """
    w = weights / weights.sum()
    centred = each - (each @ w)[:, None]
    size = np.sqrt((centred**2) @ w)
    unit = centred / np.where(size > 0, size, np.inf)[:, None]
    n = len(each)
    r = float(np.mean([(unit[i] * unit[j]) @ w for i in range(n) for j in range(i)]))
    mean = n * r / (1.0 + (n - 1) * r) if r > 0 else 0.0
    return Check(
        "stable", bool(mean >= _RELIABLE),
        f"effects of {n} models correlate by {r:.2f}; their mean is reliable to {mean:.2f}, asked are {_RELIABLE:g}",
    )  # fmt: skip


def stands_out(value: FloatArray, noise: FloatArray) -> Check:
    """Whether effects stand out of what models of shuffled labels show.

    Parameters
    ----------
    value : shape (n,), effects. noise : shape (n,), standard deviation of each with shuffled labels.

    Returns
    -------
    Check "destroyed by shuffled labels": passed where more effects are above twice their noise than chance gives (5 %
    of them; binomial test at 1 %), or the largest is five times its noise.

    Examples
    --------
    >>> stands_out(np.array([5.0, -4.0, 0.5, 3.0]), np.ones(4)).passed
    True
    >>> stands_out(np.array([0.5, -1.5, 2.5, 1.0]), np.ones(4)).passed
    False
    """
    from scipy.stats import binom

    times = np.abs(value) / noise
    n, above = len(times), int((times >= 2.0).sum())
    passed = binom.sf(above - 1, n, 0.05) < 0.01 or float(times.max()) >= 5.0
    left = float(np.sqrt((noise**2).mean() / max(float((value**2).mean()), 1e-300)))
    return Check(
        "destroyed by shuffled labels", bool(passed),
        f"models of shuffled labels, as noisy as the errors of this one, show effects {min(left, 9.99):.0%} as large; "
        f"{above} of {n} are more than twice that, chance gives {0.05 * n:.1f}; the largest is {times.max():.1f} times",
    )  # fmt: skip
