"""X-ray powder diffraction of a batch of crystals, and the pattern in bins of two-theta as a feature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from matloop.core.arrays import FloatArray, IntArray, frozen
from matloop.core.elements import SYMBOLS, table
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.structural.lattice_points import box_sizes, points_within, ragged, reduced

SAME_ANGLE = 1e-5
"""Degrees of two-theta: reflections that round to the same multiple are one peak, as in pymatgen."""
MOTT_BETHE = 41.78214  # Angstrom^2: De Graef, McHenry, Structure of Materials (2012), ch. 12
ABSENT = 1e-20
"""Of the intensity when all atoms scatter in phase: what is weaker is rounding of an absent reflection."""
AT_ONCE = 500_000
"""Waves, a reflection times a scatterer, that are worked out together: about 50 MB."""
MOST_WAVES = 20_000_000_000
WAVES_PER_SECOND = 1_000_000_000
WIDEST = 5.0
"""Standard deviations at which a peak is over: 6e-7 of it is left."""
MOST_BINS = 10_000


@dataclass(frozen=True, slots=True)
class Peaks:
    """Peaks of a batch of powder patterns.

    offsets : shape (n_rows + 1,); row i has peaks offsets[i]:offsets[i+1], by angle.
    two_theta : shape (n_peaks,), degrees. intensities : shape (n_peaks,), of all reflections of the peak together.
    """

    offsets: IntArray
    two_theta: FloatArray
    intensities: FloatArray

    def __post_init__(self) -> None:
        for name in self.__slots__:
            frozen(getattr(self, name))


def powder_peaks(structures: Structures, wavelength: float, lowest: float, highest: float) -> Peaks:
    """Kinematic powder peaks: squared structure factors times the Lorentz and polarisation factor.

    Reflections of one angle are added, so multiplicities are in. Atoms are neutral and do not vibrate; a site that is
    shared or partly vacant scatters as the mean of its species.

    Parameters
    ----------
    structures : rows that repeat along all three vectors, of elements up to Z = 98. wavelength : Angstrom.
    lowest, highest : two-theta, degrees, 0 to 180.

    References
    ----------
    De Graef, McHenry, Structure of Materials, Cambridge University Press (2012), chapters 11 and 12. As `XRDCalculator`
    of pymatgen, Ong et al., Comput. Mater. Sci. 68 (2013) 314. doi:10.1016/j.commatsci.2012.10.028
    """
    inner, outer = (reciprocal_radius(angle, wavelength) for angle in (lowest, highest))
    cells, change = reduced(structures.lattices)
    # inverses of integer matrices of determinant one: whole numbers
    inverse = np.round(np.linalg.inv(change.astype(float)))
    coordinates = np.einsum("si,sij->sj", structures.coordinates, inverse[structures.rows])
    reciprocal: FloatArray = np.linalg.inv(cells).transpose(0, 2, 1).astype(float)
    radii = np.full(len(structures), outer)
    offsets, indices, vectors = points_within(reciprocal, radii, half=True)
    lengths = np.sqrt(np.einsum("gx,gx->g", vectors, vectors))
    keep = lengths >= inner
    rows = np.repeat(np.arange(len(structures)), np.diff(offsets))[keep]
    lengths, reach = lengths[keep], box_sizes(reciprocal, radii)
    strength = _squared_structure_factors(_scatterers(structures, coordinates), reach, rows, indices[keep], lengths)
    theta = np.arcsin(np.minimum(lengths * wavelength / 2, 1.0))
    lorentz = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.maximum(np.cos(theta), 1e-12))
    # a reflection and its inverse are equally strong, and one of them is in the list
    return _merged(len(structures), rows, np.degrees(2 * theta), 2 * strength * lorentz)


def reciprocal_radius(two_theta: float, wavelength: float) -> float:
    """Length of the reciprocal vectors that reflect at an angle (degrees), 1/Angstrom, by Bragg's law."""
    return 2 * math.sin(math.radians(two_theta / 2)) / wavelength


@dataclass(frozen=True, slots=True)
class _Scatterers:
    """Species of all sites, row by row, those of one element together.

    kind_offsets : shape (n_rows + 1,), where the elements of each row begin in `numbers`.
    bounds : shape (n_kinds + 1,), where the scatterers of each of them begin in `coordinates` and `occupancies`.
    """

    kind_offsets: IntArray
    numbers: IntArray
    bounds: IntArray
    coordinates: FloatArray
    occupancies: FloatArray


def _scatterers(structures: Structures, coordinates: FloatArray) -> _Scatterers:
    sites = structures.site_of_species
    keys = structures.rows[sites] * 128 + structures.numbers
    order = np.argsort(keys, kind="stable")
    kinds, first = np.unique(keys[order], return_index=True)
    counts = np.bincount(kinds // 128, minlength=len(structures))
    return _Scatterers(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), kinds % 128, np.append(first, len(keys)),
        coordinates[sites[order]], structures.occupancies[order],
    )  # fmt: skip


def _squared_structure_factors(
    scatterers: _Scatterers, reach: IntArray, rows: IntArray, indices: IntArray, lengths: FloatArray
) -> FloatArray:
    """|sum over scatterers of occupancy f exp(2 pi i h x)|^2 per cell, shape (n_reflections,).

    A wave is a product of three, one along each lattice vector. So the sum over the scatterers of one kind is a matrix
    product for all reflections of a row, far quicker than a sine and a cosine for each scatterer and reflection.
    """
    counts = np.bincount(rows, minlength=len(reach))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    n_kinds = np.diff(scatterers.kind_offsets)
    sums = np.empty(int((counts * n_kinds).sum()), dtype=complex)
    at = 0
    for row in np.flatnonzero(counts).tolist():
        of_row = indices[starts[row] : starts[row + 1]]
        for kind in range(scatterers.kind_offsets[row], scatterers.kind_offsets[row + 1]):
            part = slice(scatterers.bounds[kind], scatterers.bounds[kind + 1])
            places, weights = scatterers.coordinates[part], scatterers.occupancies[part]
            sums[at : at + len(of_row)] = _waves(places, weights, reach[row], of_row)
            at += len(of_row)
    # kind by kind of each row, and in it reflection by reflection
    row_of_kind = np.repeat(np.arange(len(counts)), n_kinds)
    of_kind = counts[row_of_kind]
    kinds, place = ragged(of_kind)
    reflection = place + starts[row_of_kind][kinds]
    factors = form_factors(scatterers.numbers, lengths[reflection], of_kind)
    amplitudes = sums * factors
    parts = (amplitudes.real, amplitudes.imag)
    real, imaginary = (np.bincount(reflection, weights=part, minlength=len(rows)) for part in parts)
    filled = np.add.reduceat(scatterers.occupancies, scatterers.bounds[:-1])[kinds]
    most = np.bincount(reflection, weights=np.abs(factors) * filled, minlength=len(rows))
    found = real * real + imaginary * imaginary
    return np.where(found > ABSENT * most * most, found, 0.0)


def _waves(places: FloatArray, weights: FloatArray, reach: IntArray, indices: IntArray) -> NDArray[np.complex128]:
    """Sum over places of weight exp(2 pi i h x), for each of the indices, which lie in the half box of `reach`."""
    highest, side, depth = int(reach[0]), 2 * int(reach[1]) + 1, 2 * int(reach[2]) + 1
    along = [np.arange(highest + 1), np.arange(side) - int(reach[1]), np.arange(depth) - int(reach[2])]
    first, second, third = (np.exp(2j * math.pi * np.outer(n, places[:, axis])) for axis, n in enumerate(along))
    third *= weights
    box = np.empty((highest + 1, side, depth), dtype=complex)
    step = max(AT_ONCE // (side * len(places)), 1)
    for h in range(0, highest + 1, step):
        both = first[h : h + step, None, :] * second[None, :, :]
        np.matmul(both.reshape(-1, len(places)), third.T, out=box[h : h + step].reshape(-1, depth))
    return box[indices[:, 0], indices[:, 1] + int(reach[1]), indices[:, 2] + int(reach[2])]


def form_factors(numbers: IntArray, lengths: FloatArray, counts: IntArray) -> FloatArray:
    """X-ray scattering factors of neutral atoms, electrons.

    Parameters
    ----------
    numbers : shape (n,), atomic numbers. lengths : shape (sum of counts,), of reciprocal vectors, 1/Angstrom: the first
        counts[0] for the first atom, and so on. counts : shape (n,).

    Returns
    -------
    shape (sum of counts,)

    Examples
    --------
    >>> form_factors(np.array([14]), np.array([0.0, 0.5]), np.array([2])).round(2).tolist()
    [14.0, 8.85]
    """
    values = table("scattering").values[numbers]
    s2 = np.square(lengths / 2)
    total = np.zeros(len(lengths))
    for term in range(4):
        a, b = values[:, 2 * term], values[:, 2 * term + 1]
        total += np.repeat(a, counts) * np.exp(-np.repeat(b, counts) * s2)
    return np.repeat(numbers, counts) - MOTT_BETHE * s2 * total


def _merged(n_rows: int, rows: IntArray, two_theta: FloatArray, intensities: FloatArray) -> Peaks:
    """Reflections of one row and angle added up."""
    order = np.lexsort((two_theta, rows))
    rows, two_theta, intensities = rows[order], two_theta[order], intensities[order]
    place = np.round(two_theta / SAME_ANGLE).astype(np.int64)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(rows) != 0) | (np.diff(place) != 0)
    first = np.flatnonzero(new)
    sums = np.bincount(np.cumsum(new) - 1, weights=intensities, minlength=len(first)).astype(float)
    counts = np.bincount(rows[first], minlength=n_rows)
    return Peaks(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), two_theta[first], sums)


class PowderFeaturizer(StructureFeaturizer):
    """X-ray powder pattern: the share of the diffracted intensity in bins of two-theta.

    Each peak of `powder_peaks` is a Gaussian; a bin holds the area in it, and the bins of a row sum to one. (matminer's
    `XRDPowderPattern` has pymatgen's same peaks, but broadens each pattern by a share of its own spread and rounds
    intensities to whole hundredths of the strongest.) Where no lattice plane reflects in the range all bins are zero.

    Parameters
    ----------
    wavelength : Angstrom; that of Cu K-alpha. lowest, highest, step : bins of two-theta, degrees. fwhm : full width of
        a peak at half its height, degrees.
    """

    needs_order = False
    needs_cell = True

    def __init__(
        self, wavelength: float = 1.54184, lowest: float = 5.0, highest: float = 90.0, step: float = 1.0,
        fwhm: float = 1.0,
    ) -> None:  # fmt: skip
        self.wavelength = wavelength
        self.lowest = lowest
        self.highest = highest
        self.step = step
        self.fwhm = fwhm

    def edges(self) -> FloatArray:
        """Borders of the bins, degrees, shape (n_columns + 1,).

        Raises
        ------
        ConfigError : they are not between 0 and 180 degrees, are none or too many, or a peak has no width.
        """
        if not (0 <= self.lowest < self.highest <= 180 and 0 < self.step <= self.highest - self.lowest):
            raise ConfigError(
                f"bins from {self.lowest:g} to {self.highest:g} degrees by {self.step:g}: 0 <= lowest < highest <= 180 "
                "and a step that fits in between are possible."
            )
        if not (0.01 <= self.fwhm <= 30 and 0.1 <= self.wavelength <= 10):
            raise ConfigError(f"fwhm = {self.fwhm:g}, wavelength = {self.wavelength:g}: 0.01 to 30 degrees and 0.1 to "
                              "10 Angstrom are possible.")  # fmt: skip
        n = round((self.highest - self.lowest) / self.step)
        if n > MOST_BINS:
            raise ConfigError(f"{n:,} bins: up to {MOST_BINS:,} are possible. Take a larger step.")
        edges: FloatArray = self.lowest + self.step * np.arange(n + 1, dtype=float)
        return edges

    def columns(self) -> tuple[str, ...]:
        edges = self.edges()
        return tuple(f"powder {low:g} to {high:g} deg" for low, high in pairwise(edges.tolist()))

    def _range(self) -> tuple[float, float]:
        """Angles of the peaks that reach into the bins."""
        tail = WIDEST * self._deviation()
        edges = self.edges()
        return max(float(edges[0]) - tail, 0.0), min(float(edges[-1]) + tail, 180.0)

    def _deviation(self) -> float:
        return self.fwhm / (2 * math.sqrt(2 * math.log(2)))

    def refusals(self, structures: Structures) -> dict[int, str]:
        found = super().refusals(structures)
        radius = reciprocal_radius(self._range()[1], self.wavelength)
        reflections = 2 / 3 * math.pi * radius**3 * np.nan_to_num(structures.volumes)
        waves = reflections * np.diff(structures.species_offsets[structures.offsets])
        for row in np.flatnonzero(waves > MOST_WAVES).tolist():
            found[row] = (
                f"about {reflections[row]:,.0f} reflections of {structures.sizes[row]:,} sites, "
                f"{waves[row] / WAVES_PER_SECOND:,.0f} s; up to {MOST_WAVES / WAVES_PER_SECOND:,.0f} s are worked out. "
                "Lower `highest` or take a longer wavelength"
            )
        rows = structures.rows[structures.site_of_species]
        unknown = ~np.isfinite(table("scattering").values[structures.numbers, 0])
        for row in np.unique(rows[unknown]).tolist():
            numbers = np.unique(structures.numbers[(rows == row) & unknown])
            strange = ", ".join(SYMBOLS[z] for z in numbers.tolist())
            found.setdefault(row, f"the scattering of X-rays by {strange} is not tabulated")
        return found

    def describe(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        peaks = powder_peaks(structures, self.wavelength, *self._range())
        edges = self.edges()
        n_bins = len(edges) - 1
        reach = WIDEST * self._deviation()
        # borders from the one left of a peak on; those outside the range are the outermost
        left = np.floor((peaks.two_theta - reach - edges[0]) / self.step).astype(np.int64)
        border = left[:, None] + np.arange(math.ceil(2 * reach / self.step) + 2)
        apart = edges[0] + self.step * border - peaks.two_theta[:, None]
        below = 0.5 * (1 + erf(apart / (math.sqrt(2) * self._deviation())))
        shares = np.diff(below, axis=1) * peaks.intensities[:, None]
        bins = border[:, :-1]
        inside = (bins >= 0) & (bins < n_bins)
        rows = np.repeat(np.arange(len(structures)), np.diff(peaks.offsets))
        places = (rows[:, None] * n_bins + bins)[inside]
        sums = np.bincount(places, weights=shares[inside], minlength=len(structures) * n_bins)
        pattern = sums.astype(float).reshape(len(structures), n_bins)
        totals = pattern.sum(axis=1, keepdims=True)
        return np.divide(pattern, totals, out=np.zeros_like(pattern), where=totals > 0), {}

    def citations(self) -> tuple[str, ...]:
        return (
            "S. P. Ong et al., Python Materials Genomics (pymatgen): a robust, open-source Python library for "
            "materials analysis, Comput. Mater. Sci. 68 (2013) 314, doi:10.1016/j.commatsci.2012.10.028",
            "P. A. Doyle, P. S. Turner, Relativistic Hartree-Fock X-ray and electron scattering factors, Acta Cryst. A "
            "24 (1968) 390, doi:10.1107/S0567739468000756",
        )
