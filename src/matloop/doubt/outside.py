"""Two corrections that out-of-fold residuals cannot teach: the final model has more rows, new rows may be foreign.

Out-of-fold residuals come from models of fewer rows than the final one, so widths learnt from them are too large for
it; and they are residuals of rows like the training rows, so widths learnt from them are too small far away. Both
ratios are measured on a proxy: how its errors, in units of the intervals, change when rows or regions are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, taken
from matloop.core.errors import BundleError
from matloop.doubt.nearness import Nearness
from matloop.doubt.order import even_quantile
from matloop.doubt.proxy import Proxy, Relative

STEEPEST = 0.5
"""Errors that fall faster than 1 / sqrt(rows) are taken to be luck."""
REGIONS = 5
BANDS, BAND_ROWS = 3, 60
ORDINARY = 0.9
"""Widths are left alone up to the distance of this share of rows like the training rows. Chosen on nine other sets than
those of the published numbers: with 0.95 left-out rows just below had too narrow intervals, with 0.8 random folds were
covered too well."""
MOST_AGAIN = 3.0
"""The curve as a whole is raised at most so many times."""
MOST = 5.0
"""Intervals are never stretched more than this: where that would be needed nothing is known."""


def learning_exponent(proxy: Proxy, fold: IntArray, home: FloatArray, relative: Relative) -> float:
    """How fast errors fall with the number of rows: size ~ rows ** -exponent, in [0, 0.5].

    Each fold is predicted from all other folds (`home`, shape (n,)) and from about half of them; twice, other halves.
    """
    n_folds = len(np.unique(fold))
    if n_folds < 3:
        return 0.0
    away = (np.arange(n_folds)[None, :] - np.arange(n_folds)[:, None]) % n_folds
    n_half = max((n_folds - 1) // 2, 1)
    first, second = (away > 0) & (away <= n_half), away >= n_folds - n_half
    usual = relative(home, None, None)
    most = MOST * float(np.median(usual))  # single errors where nothing was ever wrong must not decide

    def size(value: FloatArray) -> float:
        return float(np.minimum(relative(value, None, None), most).mean())

    many = float(np.minimum(usual, most).mean())
    halves = [proxy.held_out(fold, half.astype(np.int64))[0] for half in (first, second)]
    few = float(np.mean([size(value) for value in halves]))
    if not (many > 0.0 and few > 0.0 and np.isfinite(few)):
        return 0.0
    return float(np.clip(np.log(few / many) / np.log((n_folds - 1) / n_half), 0.0, STEEPEST))


@dataclass(frozen=True, slots=True)
class Widening:
    """How much wider an interval is by the distance to the training rows; one up to the first knot.

    log_distance : shape (n_knots,), rising. stretch : shape (n_knots,), from one, never falling.
    """

    log_distance: FloatArray
    stretch: FloatArray

    def factor(self, distance: FloatArray) -> FloatArray:
        """The factor of each row, shape (n,), at least one."""
        where = np.log(np.where(np.isfinite(distance), distance, 1e30) + 1e-30)
        return np.interp(where, self.log_distance, self.stretch)

    def to_arrays(self) -> Arrays:
        return {"log_distance": self.log_distance, "stretch": self.stretch}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Widening:
        """The value that `to_arrays` gave, checked (BundleError)."""
        knots, stretch = (taken(arrays, name).astype(np.float64) for name in ("log_distance", "stretch"))
        if not len(knots) or len(knots) != len(stretch) or (np.diff(knots) < 0).any() or (stretch < 1.0).any():
            raise BundleError("the widening of intervals outside is not a rising curve. The bundle is not trusted.")
        return cls(knots, stretch)


def fit_widening(
    proxy: Proxy,
    nearness: Nearness,
    X: FloatArray,
    landmark_rows: IntArray,
    fold: IntArray,
    groups: IntArray,
    home: tuple[FloatArray, FloatArray],
    relative: Relative,
    level: float,
) -> Widening | None:
    """Learn how much wider intervals must be outside, from regions that a proxy did not see.

    Rows are cut into five regions in the space of the distance. In units of their interval, errors of rows whose region
    was left out are compared with those of rows left out at random, in bands of distance beyond the ordinary; then the
    curve as a whole is set to hold for the promised share of those rows.

    Parameters
    ----------
    X : shape (n, n_features). landmark_rows : which rows are the landmarks of `nearness`.
    home : value and spread (n,) of the proxy for rows of left-out folds.

    Returns
    -------
    None where no region can be left out, or no row of one is farther away than ordinary rows.
    """
    region = _regions(nearness.project(X), groups, proxy.seed)
    if len(np.unique(region)) < 2:
        return None
    at_home, spread = home
    foreign, wide = proxy.held_out(region)
    distance = nearness.distance(X, part=region, landmark_part=region[landmark_rows])
    ordinary = nearness.distance(X, part=fold, landmark_part=fold[landmark_rows])
    small = 1e-3 * float(spread.mean()) + 1e-300
    more = np.clip((wide + small) / (spread + small), 1.0 / MOST, MOST)
    usual = even_quantile(relative(at_home, None, None), level)
    edge = float(np.quantile(ordinary[np.isfinite(ordinary)], ORDINARY)) if np.isfinite(ordinary).any() else np.inf
    far = np.flatnonzero((distance > edge) & np.isfinite(distance))
    if not (usual > 0.0 and np.isfinite(usual) and edge > 0.0) or len(far) < BAND_ROWS:
        return None
    needed = (relative(foreign, more, distance) / usual)[far]
    return _rising(needed, distance[far], edge, level)


def _rising(needed: FloatArray, distance: FloatArray, edge: float, level: float) -> Widening | None:
    """The stretch that `level` of the far rows need, in bands of distance: rising, and right for all of them together.

    needed, distance : shape (n,), rows beyond `edge`. None where no stretch is needed.
    """
    order = np.argsort(distance, kind="stable")
    bands = np.array_split(order, int(np.clip(len(order) // BAND_ROWS, 1, BANDS)))
    middle = np.array([np.median(np.log(distance[rows])) for rows in bands])
    stretch = np.array([even_quantile(needed[rows], level) for rows in bands])
    rising = np.append(1.0, np.maximum.accumulate(np.clip(stretch, 1.0, MOST)))
    curve = Widening(np.append(np.log(edge), middle), rising)
    given = curve.factor(distance) - 1.0
    if not (given > 0.0).any():
        return None
    # between the edge and the middle of the first band the line lies below what is needed, beyond the last one it ends
    enough = even_quantile((needed - 1.0)[given > 0.0] / given[given > 0.0], level)
    rising = np.clip(1.0 + min(max(enough, 0.0), MOST_AGAIN) * (rising - 1.0), 1.0, MOST)
    return Widening(curve.log_distance, rising) if rising[-1] > 1.0 else None


def _regions(places: np.ndarray, groups: IntArray, seed: int) -> IntArray:
    """Regions by k-means; a group goes with its first row."""
    from sklearn.cluster import KMeans

    n_regions = min(REGIONS, len(np.unique(places, axis=0)), len(np.unique(groups)))
    if n_regions < 2:
        return np.zeros(len(places), dtype=np.int64)
    nearest = KMeans(n_regions, n_init=2, random_state=seed % 2**31).fit_predict(places.astype(np.float64))
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    return nearest[first][member.reshape(-1)].astype(np.int64)
