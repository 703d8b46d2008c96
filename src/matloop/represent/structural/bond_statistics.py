"""Lengths of the bonds of sites and angles between them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.bonds import Bonds, bonds
from matloop.represent.structural.environments import segment_sums
from matloop.represent.structural.featurizer import SiteFeaturizer

COLUMNS = (
    "bond length average", "bond length std", "bond length minimum", "bond length maximum", "bond length distortion",
    "bond angle average", "bond angle std", "bond angle minimum", "bond angle maximum", "bond angle to nearest",
)  # fmt: skip
ANGLES_AT_ONCE = 500_000


class BondStatisticsFeaturizer(SiteFeaturizer):
    """Lengths of the bonds of each site and angles between them, pooled to the structure; Angstrom and radian.

    Averages and standard deviations count each bond with its weight, each angle with the product of two weights;
    "bond length distortion" is the mean deviation from the average length over that length (Baur 1974). "bond length
    average" is matminer's AverageBondLength, and "bond angle to nearest", the plain mean over the bonds of the smallest
    angle to another bond, its AverageBondAngle, both with pymatgen's VoronoiNN of the same `tol`.

    A site with one bond has no angles: they are NaN, with a reason.

    Parameters
    ----------
    neighbours : "solid_angle" or "area": faces of the Voronoi cell; "cutoff" or "fade": all within the cutoff. cutoff :
        Angstrom, for the last two. tolerance : faces smaller than this share of the largest are no bonds. Where more
        than three planes meet, a strain of a thousandth opens tiny faces, which would decide the extremes.
    """

    def __init__(
        self,
        neighbours: str = "solid_angle",
        cutoff: float = 4.0,
        tolerance: float = 0.01,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.neighbours = neighbours
        self.cutoff = cutoff
        self.tolerance = tolerance

    def site_columns(self) -> tuple[str, ...]:
        return COLUMNS

    def site_units(self) -> dict[str, str]:
        length, angle = COLUMNS[:4], COLUMNS[5:]  # the distortion is a ratio
        return {**dict.fromkeys(length, "angstrom"), **dict.fromkeys(angle, "radian")}

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        if not 0.0 <= self.tolerance < 1.0:
            raise ConfigError(f"tolerance={self.tolerance!r} has to be a share from 0 to below 1.")
        around = bonds(structures, near, self.neighbours, self.cutoff, tolerance=self.tolerance)
        counts = np.diff(around.offsets)
        single = np.unique(structures.rows[counts == 1]).tolist()
        reasons = dict.fromkeys(single, "a site has one bond only, so no angle") | around.refused
        return np.stack([*_lengths(around), *_angles(around)], axis=1), dict(sorted(reasons.items()))

    def citations(self) -> tuple[str, ...]:
        return ("de Jong et al. 2016, doi:10.1038/srep34256", "Baur 1974, doi:10.1107/S0567740874004560")


def _lengths(around: Bonds) -> list[FloatArray]:
    average = around.mean(around.distances)
    away = np.abs(around.distances - average[around.sites])
    low, high = _extremes(around.distances, around.offsets)
    return [average, np.sqrt(around.mean(away**2)), low, high, around.mean(away) / average]


def _extremes(values: FloatArray, offsets: IntArray) -> tuple[FloatArray, FloatArray]:
    """Least and largest value of each segment; NaN for an empty one."""
    filled = np.flatnonzero(np.diff(offsets))
    found = np.full((2, len(offsets) - 1), np.nan)
    if len(filled):
        found[0, filled] = np.minimum.reduceat(values, offsets[:-1][filled])
        found[1, filled] = np.maximum.reduceat(values, offsets[:-1][filled])
    return found[0], found[1]


def _angles(around: Bonds) -> FloatArray:
    """Average, std, least and largest angle, and the mean over bonds of the least one, shape (5, n_sites); radian."""
    parts = np.cumsum(np.diff(around.offsets) ** 2) // ANGLES_AT_ONCE
    bounds = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)]
    found = np.full((5, len(parts)), np.nan)
    for first, last in pairwise(bounds):
        found[:, first:last] = _angles_at(around, first, last)
    found[:, np.diff(around.offsets) < 2] = np.nan
    return found


def _angles_at(around: Bonds, first: int, last: int) -> FloatArray:
    """`_angles` of the sites first to last, of all pairs of bonds of a site; of no use where there is one bond."""
    begin, end = around.offsets[first], around.offsets[last]
    offsets = around.offsets[first : last + 1] - begin
    weights = around.weights[begin:end]
    directions = (around.vectors[begin:end] / around.distances[begin:end, None]).T
    counts = np.repeat(np.diff(offsets), np.diff(offsets))
    bond = np.repeat(np.arange(len(counts)), counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    other = np.arange(len(bond)) - np.repeat(starts[:-1] - np.repeat(offsets[:-1], np.diff(offsets)), counts)
    itself = bond == other
    angles = _between(directions[:, bond], directions[:, other])
    both = np.where(itself, 0.0, weights[bond] * weights[other])
    by_site = starts[offsets]
    total = segment_sums(both, by_site)
    with np.errstate(invalid="ignore"):
        average = segment_sums(both * angles, by_site) / total
        away = (angles - np.repeat(average, np.diff(by_site))) ** 2
        spread = np.sqrt(segment_sums(both * away, by_site) / total)
        nearest, _ = _extremes(np.where(itself, np.inf, angles), starts)
        _, farthest = _extremes(np.where(itself, -np.inf, angles), by_site)
        mean_nearest = segment_sums(nearest, offsets) / np.diff(offsets)
    return np.stack([average, spread, _extremes(nearest, offsets)[0], farthest, mean_nearest])


def _between(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angles between unit vectors, shape (3, n) each; precise also near 0 and pi, where the arc cosine is not."""
    apart, along = np.sqrt(((a - b) ** 2).sum(axis=0)), np.sqrt(((a + b) ** 2).sum(axis=0))
    angles: FloatArray = 2.0 * np.arctan2(apart, along)
    return angles
