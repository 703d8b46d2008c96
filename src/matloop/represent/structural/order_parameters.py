"""How alike the surroundings of sites are to ideal ones, for many sites with equally many neighbours at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray
from matloop.represent.structural.clipping import dot
from matloop.represent.structural.motifs import Motif

ANGLE_TOLERANCE = 1e-6
"""Radian: angles this near to a bound count as beyond it, and directions this near to an axis have no azimuth."""
TRIPLES_AT_ONCE = 200_000
_CUBOCTAHEDRON = {  # pymatgen op_params.yaml, cuboct_max
    "pole": 2.792526803190927, "pole_width": 28.75, "pole_weight": 1.8, "upper": 1.3089969389957472,
    "lower": 1.8325957145940461, "width": 25.5, "side_width": 31.25,
}  # fmt: skip
_BODY_CENTRED = {"pole": 2.5261129449194057, "pole_width": 15.0, "pole_weight": 6.0}  # bcc there


@dataclass(frozen=True, slots=True)
class _Angles:
    """Of n neighbours of m sites, seen from the site.

    cosines : shape (m, n, n), of the angle between two neighbours. theta : the same in radian.
    turned : shape (m, n, n, n), cosine of the angle around axis j between the planes to k and to l (indices j, k, l).
    aside : shape (m, n, n), whether neighbour k is off the axis j.
    """

    cosines: FloatArray
    theta: FloatArray
    turned: FloatArray
    aside: BoolArray

    @property
    def others(self) -> BoolArray:
        """Which l is another neighbour than k: shape (n, n)."""
        return ~np.eye(self.theta.shape[1], dtype=bool)


def order_parameters(vectors: FloatArray, motifs: Sequence[Motif], preference: FloatArray | None = None) -> FloatArray:
    """Local structure order parameters.

    Parameters
    ----------
    vectors : shape (m, n, 3), from each of m sites to its n neighbours, in any order, none of them zero.
    preference : shape (m, n), of two neighbours that with the larger value is the axis in "body-centered cubic".

    Returns
    -------
    shape (m, len(motifs)); 0 where there are too few neighbours for an angle

    Notes
    -----
    Equal to pymatgen's `LocalStructOrderParams` but in what depends on rounding or on the order of neighbours there:
    bounds of angles are taken with a tolerance of 1e-6 rad, and the body-centred one, which is a sum over pairs (axis,
    meridian) with the earlier neighbour as axis, is the mean over both choices for neighbours of equal preference.

    References
    ----------
    Zimmermann & Jain, RSC Adv. 10 (2020) 6063. doi:10.1039/C9RA07755C; Peters, J. Chem. Phys. 131 (2009) 244103.
    doi:10.1063/1.3273420; Steinhardt et al., Phys. Rev. B 28 (1983) 784. doi:10.1103/PhysRevB.28.784
    """
    m, n = vectors.shape[:2]
    found = np.zeros((m, len(motifs)))
    plain = all(motif.kind in ("single bond", "steinhardt", "bent") for motif in motifs)
    step = max(TRIPLES_AT_ONCE // max(n**3, 1), 1)
    for start in range(0, m, step):
        part = vectors[start : start + step]
        first = np.zeros(part.shape[:2]) if preference is None else preference[start : start + step]
        angles = _angles(part, azimuth=not plain)
        for column, motif in enumerate(motifs):
            found[start : start + step, column] = _order_parameter(part, angles, motif, first)
    return found


def _order_parameter(vectors: FloatArray, angles: _Angles, motif: Motif, preference: FloatArray) -> FloatArray:
    n = vectors.shape[1]
    if motif.kind == "single bond":
        return _single_bond(vectors)
    if motif.kind == "steinhardt":
        return _steinhardt(angles.cosines, motif.order)
    if n < 2 or (motif.kind == "body-centred" and n < 4):
        return np.zeros(len(vectors))
    if motif.kind == "bent":
        return _off_diagonal(_gauss(angles.theta / math.pi, motif)).sum(axis=(1, 2)) / (n * (n - 1))
    if motif.kind == "body-centred":
        return _body_centred(angles, preference)
    if motif.kind == "cuboctahedral":
        return _cuboctahedral(angles)
    return _polyhedral(angles, motif)


def _angles(vectors: FloatArray, *, azimuth: bool) -> _Angles:
    unit = vectors / np.sqrt(dot(vectors, vectors))[:, :, None]
    cosines = np.clip(dot(unit[:, :, None], unit[:, None]), -1.0, 1.0)
    m, n = unit.shape[:2]
    if not azimuth:
        return _Angles(cosines, np.arccos(cosines), np.empty((m, n, n, 0)), np.empty((m, n, n), bool))
    across = unit[:, None] - cosines[:, :, :, None] * unit[:, :, None]
    length = np.sqrt(dot(across, across))
    aside = _off_diagonal(length > ANGLE_TOLERANCE)
    across = across / np.where(aside, length, 1.0)[:, :, :, None]
    turned = np.clip(dot(across[:, :, :, None], across[:, :, None]), -1.0, 1.0)
    return _Angles(cosines, np.arccos(cosines), turned, aside)


def _off_diagonal(values: np.ndarray) -> np.ndarray:
    """The same with the diagonal of the last two axes zeroed."""
    return values * ~np.eye(values.shape[-1], dtype=bool)


def _single_bond(vectors: FloatArray) -> FloatArray:
    """1 - shortest / second distance, 1 for a single neighbour."""
    if vectors.shape[1] < 2:
        return np.ones(len(vectors))
    near = np.sort(np.sqrt(dot(vectors, vectors)), axis=1)
    return 1.0 - near[:, 0] / near[:, 1]


def _steinhardt(cosines: FloatArray, order: int) -> FloatArray:
    """q_l of equally weighted neighbours, by the addition theorem: the root mean Legendre polynomial over pairs."""
    square = cosines * cosines
    if order == 2:
        legendre = (3 * square - 1) / 2
    elif order == 4:
        legendre = ((35 * square - 30) * square + 3) / 8
    else:
        legendre = (((231 * square - 315) * square + 105) * square - 5) / 16
    mean: FloatArray = legendre.sum(axis=(1, 2)) / cosines.shape[1] ** 2
    # what is left of the cancellation of perfect surroundings is no order
    return np.sqrt(np.where(mean > 1e-14, mean, 0.0))


def _gauss(share: FloatArray, motif: Motif) -> FloatArray:
    """Gaussian around the nearest ideal angle, of angles as shares of 180 degrees."""
    away = np.abs(share - motif.angles[0])
    for angle in motif.angles[1:]:
        away = np.minimum(away, np.abs(share - angle))
    return _bell(motif.width * away)


def _bell(x: FloatArray) -> FloatArray:
    return np.exp(-0.5 * x * x)


def _wave(cosine: FloatArray, fold: float) -> FloatArray:
    """cos(fold * phi)^2 from cos(phi), for fold 1, 1.5, 2, 2.5, 3."""
    square = cosine * cosine
    if fold == 1.0:
        return square
    if fold == 1.5:
        return (1 + (4 * square - 3) * cosine) / 2
    if fold == 2.0:
        return np.square(2 * square - 1)
    if fold == 2.5:
        return (1 + ((16 * square - 20) * square + 5) * cosine) / 2
    return np.square((4 * square - 3) * cosine)


def _best(total: FloatArray, weight: FloatArray) -> FloatArray:
    """The largest mean over all choices of axis and meridian."""
    mean = np.where(weight > 1e-12, total / np.where(weight > 1e-12, weight, 1.0), 0.0)
    return _off_diagonal(mean).max(axis=(1, 2))


def _polyhedral(angles: _Angles, motif: Motif) -> FloatArray:
    """One neighbour is the axis, another the meridian; how well do the angles of the others fit?"""
    share = angles.theta / math.pi
    fits = _off_diagonal(_gauss(share, motif))
    north = _off_diagonal(np.ones(share.shape, dtype=bool))
    total, weight = fits, north.astype(float)
    if motif.pole is not None:
        north = _off_diagonal(angles.theta < motif.pole - ANGLE_TOLERANCE)
        fits = fits * north
        south = _off_diagonal(~north)
        opposite = south * _bell(motif.pole_width * (share - 1.0))
        total = fits + angles.aside * (opposite.sum(axis=2, keepdims=True) - opposite)
        weight = north + angles.aside * (south.sum(axis=2, keepdims=True) - south)
    counted = (north & angles.aside)[:, :, None] & angles.others
    if motif.fan is not None:
        counted = counted & (angles.turned > math.cos(motif.fan - ANGLE_TOLERANCE))
    around = (counted * _wave(angles.turned, motif.fold) * fits[:, :, None]).sum(axis=3)
    meridian = north & angles.aside
    return _best(total + meridian * around, weight + meridian * counted.sum(axis=3))


def _cuboctahedral(angles: _Angles) -> FloatArray:
    """Four neighbours around the axis at 90 degrees, four each at 60 and 120, one opposite."""
    numbers, theta, share = _CUBOCTAHEDRON, angles.theta, angles.theta / math.pi
    south = theta >= numbers["pole"] - ANGLE_TOLERANCE
    total = south * numbers["pole_weight"] * _bell(numbers["pole_width"] * (share - 1.0))
    weight = south * numbers["pole_weight"]
    above = theta < numbers["upper"] - ANGLE_TOLERANCE
    below = theta > numbers["lower"] + ANGLE_TOLERANCE
    level = ~above & ~below
    side = np.where(above, 1 / 3, 2 / 3)
    fits = np.where(level, _bell(numbers["width"] * (share - 0.5)), _bell(numbers["side_width"] * (share - side)))
    tilted = _bell(0.0556 * (np.sqrt(1 - angles.turned * angles.turned) - 0.81649658))
    around = np.where(level[:, :, None], angles.turned * angles.turned, tilted) * fits[:, :, None]
    counted = (~south & angles.aside)[:, :, None] & angles.others
    meridian = level & angles.aside
    return _best(total + meridian * (counted * around).sum(axis=3), weight + meridian * counted.sum(axis=3))


def _body_centred(angles: _Angles, preference: FloatArray) -> FloatArray:
    """Eight neighbours on the corners of a cube: one opposite, the others three-fold around the axis."""
    numbers, theta = _BODY_CENTRED, angles.theta
    n = theta.shape[1]
    south = theta >= numbers["pole"] - ANGLE_TOLERANCE
    pole = south * numbers["pole_weight"] * _bell(numbers["pole_width"] * (theta / math.pi - 1.0))
    away = (theta - math.pi / 2) / math.asin(1 / 3)
    fits = math.exp(0.5) * away * _bell(away)
    wave = (4 * angles.turned * angles.turned - 3) * angles.turned
    counted = angles.aside[:, :, None] & angles.others
    around = (counted * wave * fits[:, :, None]).sum(axis=3)
    hemisphere = np.where(theta > math.pi / 2 + ANGLE_TOLERANCE, 1.0, -1.0)
    total = pole + (~south & angles.aside) * hemisphere * around
    chosen = (1 + np.sign(preference[:, :, None] - preference[:, None, :])) / 2
    return (chosen * _off_diagonal(total)).sum(axis=(1, 2)) / (0.5 * n * (6 + (n - 2) * (n - 3)))
