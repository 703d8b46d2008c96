"""Which measure tells new chemistry best, and where its limit lies: both found on regions that are left out in turn.

Neither looks at a target: a domain says where a row is, not how wrong a model is there. Means of the ranks or scores of
several measures were tried too and told new chemistry no better than the best one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.doubt.domains.method import AXES, Method, method_of
from matloop.doubt.domains.space import Places, drawn_rows, fit_space

USUAL, WORTH = "relative_distance", 0.05
"""Taken unless another is better by so much. Smaller differences between measures on inner regions did not hold on
regions left out outside: with 0.02 the choice changed from fold to fold and lost up to 0.04 on public sets."""
CANDIDATES = (USUAL, "local_outlier", "nearest_neighbours", "kernel_density", "gaussian_process", "leverage", "ranges")
"""Compared for every domain. An isolation forest was never among the best on compositions and takes longest."""
LEAST_ROWS, ROWS = 60, 1000
"""Rows from which methods are compared, and rows they are compared on."""
FOLDS, REGIONS, STARTS = 3, 5, 3
LEAST_FLAGGED, MOST_FLAGGED = 0.04, 0.075
"""Share of held-out rows of the same kind that all checks together may flag."""
LEAST_BY_DISTANCE = 0.02
"""Share that the measure flags where the other checks already flag as many."""

Fit = Callable[[IntArray], Callable[[IntArray], FloatArray]]
"""From training rows to a function from asked rows to scores."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was compared: `tried` names and their `auroc`, the chance that a row of a left-out region scores higher than
    a held-out row of known regions; `name` is the one taken."""

    name: str
    tried: tuple[str, ...] = ()
    auroc: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest score inside, above 0; the share of held-out rows that all checks flag with it, in random folds and
    in left-out regions (NaN where they could not be had)."""

    value: float
    flagged: float = float("nan")
    flagged_left_out: float = float("nan")


def auroc(usual: FloatArray, foreign: FloatArray) -> float:
    """Chance that a foreign row scores higher than a usual one, ties count half; NaN without either.

    Examples
    --------
    >>> import numpy as np
    >>> auroc(np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0]))
    0.9166666666666666
    """
    from scipy.stats import rankdata

    if not len(usual) or not len(foreign):
        return float("nan")
    rank = rankdata(np.concatenate([usual, foreign]))[len(usual) :]
    return float((rank.mean() - 0.5 * (len(foreign) + 1)) / len(usual))


def scored(part: IntArray, fit: Fit) -> FloatArray:
    """The score of each row by a measure that did not see its part, shape (n,)."""
    found = np.empty(len(part))
    for one in np.unique(part):
        inside = np.flatnonzero(part == one)
        found[inside] = fit(np.flatnonzero(part != one))(inside)
    return found


def regions(places: Places, groups: IntArray, n_regions: int, seed: int) -> IntArray:
    """k-means on the places of whole groups, shape (n,); one region where no two groups differ in place."""
    from sklearn.cluster import KMeans

    n_groups = int(groups.max()) + 1
    count = np.bincount(groups, minlength=n_groups)
    middle = np.column_stack([np.bincount(groups, weights=axis, minlength=n_groups) / count for axis in places.T])
    n_places = len(np.unique(np.round(middle, 6), axis=0))
    wanted = min(n_regions, n_places, max(n_groups // 5, 2))
    if n_places < 2:
        return np.zeros(len(places), dtype=np.int64)
    cluster = KMeans(wanted, n_init=STARTS, random_state=seed % 2**32).fit_predict(middle)
    return np.asarray(cluster[groups], dtype=np.int64)


def random_parts(groups: IntArray, n_parts: int, seed: int) -> IntArray:
    """Parts of equally many groups, drawn; groups whole, shape (n,)."""
    turn = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
    return np.asarray(turn[groups] % n_parts, dtype=np.int64)


def choose(X: FloatArray, groups: IntArray, *, seed: int, candidates: Sequence[str] = CANDIDATES) -> Choice:
    """The measure that tells rows of left-out regions best from held-out rows of known ones.

    Parameters
    ----------
    X : shape (n, n_features), training rows. groups : shape (n,), rows with equal numbers are never on both sides.

    Notes
    -----
    On at most 1,000 rows: five regions are left out one at a time, three random parts likewise; every score comes
    from a space and a measure that did not see the row. With few rows or one place only the usual measure is taken.
    """
    rows = drawn_rows(len(X), ROWS, seed)
    X, groups = X[rows], np.unique(groups[rows], return_inverse=True)[1].reshape(-1)
    if len(rows) < LEAST_ROWS or len(np.unique(groups)) < 2 * FOLDS:
        return Choice(USUAL)
    region = regions(fit_space(X, np.arange(len(X)), n_axes=AXES).project(X), groups, REGIONS, seed)
    if len(np.unique(region)) < 2:
        return Choice(USUAL)
    methods = [method_of(name) for name in candidates]
    usual = _all_scored(methods, X, random_parts(groups, FOLDS, seed), seed)
    foreign = _all_scored(methods, X, region, seed)
    found = tuple(auroc(usual[i], foreign[i]) for i in range(len(methods)))
    best = int(np.argmax(found))
    base = found[candidates.index(USUAL)] if USUAL in candidates else -np.inf
    name = candidates[best] if found[best] >= base + WORTH else USUAL
    return Choice(name, tuple(candidates), found)


def _all_scored(methods: Sequence[Method], X: FloatArray, part: IntArray, seed: int) -> FloatArray:
    """Scores of each row by each method that did not see its part, shape (n_methods, n)."""
    found = np.empty((len(methods), len(X)))
    for one in np.unique(part):
        inside, rest = np.flatnonzero(part == one), np.flatnonzero(part != one)
        space = fit_space(X[rest], np.arange(len(rest)), n_axes=AXES)
        known, asked = space.project(X[rest]), space.project(X[inside])
        for i, method in enumerate(methods):
            found[i, inside] = method.fit(known, seed).score(asked)
    return found


def limit_of(usual: FloatArray, foreign: FloatArray, new_usual: BoolArray, new_foreign: BoolArray) -> Limit:
    """The limit that tells left-out regions best among those that flag few rows of known ones.

    Parameters
    ----------
    usual, foreign : scores of held-out rows, in random folds and in left-out regions (which may be empty).
    new_usual, new_foreign : rows that another check flags whatever their score.

    Notes
    -----
    Best is the largest difference between the two shares flagged (Youden 1950,
    doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3), with 4 to 7.5 % of the usual rows flagged by all
    checks together.
    """
    left = usual[~new_usual & np.isfinite(usual)]
    if len(left) == 0:
        return Limit(_above_zero(float(np.max(usual, where=np.isfinite(usual), initial=0.0))))
    hard = float(new_usual.mean())
    shares = [max((share - hard) / max(1.0 - hard, 1e-9), LEAST_BY_DISTANCE) for share in _SHARES]
    limits = np.quantile(left, 1.0 - np.array(shares), method="higher")
    flagged = np.array([np.mean(new_usual | (usual > limit)) for limit in limits])
    found = np.array([np.mean(new_foreign | (foreign > limit)) if len(foreign) else np.nan for limit in limits])
    best = int(np.argmax(found - flagged)) if len(foreign) else len(limits) // 2
    return Limit(_above_zero(float(limits[best])), float(flagged[best]), float(found[best]))


_SHARES = np.linspace(MOST_FLAGGED, LEAST_FLAGGED, 8)


def _above_zero(limit: float) -> float:
    """A limit above zero, and above rounding where all training rows lie upon each other."""
    return max(limit, 1e-6)
