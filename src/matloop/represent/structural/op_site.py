"""Order parameters of the shells around a site, as matminer's OPSiteFingerprint takes them."""

from __future__ import annotations

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.matter.neighbours import Neighbours, Vicinity, neighbours
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.histogram_peak import histogram_peak
from matloop.represent.structural.motifs import MOTIFS
from matloop.represent.structural.order_parameters import order_parameters

SHELLS = 12
"""Neighbours that are sorted into shells."""
CUTOFF = 7.0
"""Angstrom: as far as is looked at least; farther for sites with fewer than 12 neighbours, in whole Angstrom."""
FARTHEST = 100.0
WIDTHS = (0.1 - 0.01, 0.1, 0.1 + 0.01)
"""Shells are as wide as this, in distances to the nearest neighbour: the middle one, and two to test it."""
TIE = 1e-8


class OPSiteFeaturizer(SiteFeaturizer):
    """Order parameters of the coordination shells of each site, pooled to the structure.

    Columns of a site (37): "shell sgl_bd CN_1", then for each number of neighbours k its order parameters ("shell
    tetrahedral CN_4"), taken of the k nearest neighbours where a shell ends with them, times the square of the mean
    inverse relative distance; 0 where no shell ends there. A shell is what lies within a tenth of the nearest distance.
    Each is worked out for three widths of shells, and the peak of a histogram of the three in steps of 0.001 is the
    value, so values are coarse to about 0.001.

    Equal to matminer's `OPSiteFingerprint` but for "shell body-centered cubic CN_8" (see `order_parameters`) and values
    on the border of two steps, where rounding decides there: off by up to 0.002.
    """

    needs_order = False
    needs_cell = False

    def site_columns(self) -> tuple[str, ...]:
        return tuple(f"shell {motif.name} CN_{k}" for k, motifs in MOTIFS.items() for motif in motifs)

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        vectors, known, reasons = nearest(structures, near)
        found = np.full((len(structures.coordinates), len(self.site_columns())), np.nan)
        some = np.flatnonzero(known[:, 0] & ~np.isin(structures.rows, list(reasons)))
        found[some] = _shells(vectors[some], known[some])
        return found, reasons

    def citations(self) -> tuple[str, ...]:
        return (
            "Zimmermann et al. 2017, doi:10.3389/fmats.2017.00034",
            "Zimmermann & Jain 2020, doi:10.1039/C9RA07755C",
        )


def nearest(structures: Structures, near: Vicinity) -> tuple[FloatArray, BoolArray, dict[int, str]]:
    """The 13 nearest neighbours of each site.

    Returns
    -------
    vectors, shape (n_sites, 13, 3), by distance; which of them there are, shape (n_sites, 13); {row: why it has none}.
        Neighbours farther out than needed to find 12 (in whole Angstrom, at least 7) are none.
    """
    n = len(structures.coordinates)
    vectors, known = np.zeros((n, SHELLS + 1, 3)), np.zeros((n, SHELLS + 1), dtype=bool)
    cutoff, listed, numbers = CUTOFF, near.within(CUTOFF), np.arange(n)
    reasons = dict(listed.refused)
    sites = np.flatnonzero(~np.isin(structures.rows, list(reasons)))
    # a molecule has no more neighbours than its other atoms
    repeats = np.array(structures.periodic.any(axis=1), ndmin=1)
    needed = np.where(repeats, SHELLS, np.minimum(structures.sizes - 1, SHELLS))[structures.rows]
    while len(sites):
        asked = np.searchsorted(numbers, sites)
        enough = np.diff(listed.offsets)[asked] >= needed[sites]
        vectors[sites[enough]], known[sites[enough]] = _first(listed, asked[enough])
        sites = sites[~enough]
        rows, cutoff = np.unique(structures.rows[sites]), float(np.ceil(cutoff * 1.5))
        if cutoff > FARTHEST:
            reasons |= dict.fromkeys(rows.tolist(), f"a site has fewer than {SHELLS} neighbours within {FARTHEST:g} A")
        if cutoff > FARTHEST or not len(sites):
            break
        listed = neighbours(structures.take(rows), cutoff)
        reasons |= {int(rows[row]): why for row, why in listed.refused.items()}
        sites = sites[~np.isin(structures.rows[sites], list(reasons))]
        numbers = np.flatnonzero(np.isin(structures.rows, rows))
    lonely = np.unique(structures.rows[~known[:, 0]]).tolist()
    return vectors, known, {**dict.fromkeys(lonely, "a site has no neighbours"), **reasons}


def _first(listed: Neighbours, sites: IntArray) -> tuple[FloatArray, BoolArray]:
    """The 13 nearest neighbours of the sites, as `nearest` gives them."""
    rank = np.arange(SHELLS + 1)
    known = rank < np.diff(listed.offsets)[sites][:, None]
    if not known.any():
        return np.zeros((*known.shape, 3)), known
    pair = np.where(known, listed.offsets[sites][:, None] + rank, 0)
    distances = np.where(known, listed.distances[pair], np.inf)
    twelfth = np.where(known[:, SHELLS - 1], distances[:, SHELLS - 1], 0.0)
    known &= distances <= np.maximum(np.ceil(twelfth), CUTOFF)[:, None]
    return listed.vectors[pair] * known[:, :, None], known


def _shells(vectors: FloatArray, known: BoolArray) -> FloatArray:
    """Columns of sites that have neighbours."""
    # the list is sorted by rounded distances
    distances = np.where(known, np.sqrt((vectors * vectors).sum(axis=2)), np.inf)
    relative = distances / distances.min(axis=1, keepdims=True)
    ends = np.stack([_ends(relative, known, width) for width in WIDTHS], axis=2)
    closeness = np.where(known, 1.0 / np.where(known, relative, 1.0), 0.0)
    nearness = np.square(np.cumsum(closeness, axis=1)[:, :SHELLS] / np.arange(1, SHELLS + 1))
    columns = [_single_bond(relative)]
    for k, motifs in MOTIFS.items():
        if k == 1:
            continue
        sites = np.flatnonzero(ends[:, k - 1].any(axis=1))
        values = np.zeros((len(vectors), len(motifs)))
        values[sites] = order_parameters(vectors[sites, :k], motifs) * nearness[sites, k - 1][:, None]
        columns += [value[:, None] * ends[:, k - 1] for value in values.T]
    return np.stack([histogram_peak(np.round(values, 10)) for values in columns], axis=1)


def _single_bond(relative: FloatArray) -> FloatArray:
    """1 - nearest / second distance, 1 with a single neighbour; the same for the three widths."""
    return np.repeat(1.0 - 1.0 / np.sort(relative, axis=1)[:, 1:2], len(WIDTHS), axis=1)


def _ends(relative: FloatArray, known: BoolArray, width: float) -> BoolArray:
    """Whether a shell ends with the k-th neighbour, shape (n_sites, 12)."""
    steps = np.where(known, np.floor(np.where(known, relative, 0.0) * (1.0 / width) + 0.5 + TIE), np.inf)
    last: BoolArray = known[:, :SHELLS] & (steps[:, 1:] > steps[:, :-1])
    return last
