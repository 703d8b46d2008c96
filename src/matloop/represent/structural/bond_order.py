"""Bond-orientational order parameters of sites (Steinhardt, Nelson & Ronchetti 1983)."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError
from matloop.matter.neighbours import Vicinity
from matloop.matter.structures import Structures
from matloop.represent.structural.bonds import Bonds, bonds
from matloop.represent.structural.environments import segment_sums
from matloop.represent.structural.featurizer import SiteFeaturizer
from matloop.represent.structural.harmonics import harmonics

MOST_DEGREE = 20
NO_ORDER = 1e-6
"""A q_l below this is rounding; its normalised w_l is zero."""


class BondOrderFeaturizer(SiteFeaturizer):
    """Bond-orientational order q_l of each site for l = 1..degree, pooled to the structure.

    q_l is the length of the vector q_lm (m = -l..l) of weighted means of spherical harmonics over the bonds, times
    sqrt(4 pi / (2 l + 1)): columns "BOOP Q l=1" and so on, as in matminer's BondOrientationalParameter.

    Parameters
    ----------
    degree : largest l, 1 to 20. w : also w_l, the third-order invariants ("BOOP W l=1"; zero for odd l). w_hat : also
        w_l over the cubed length of q_lm ("BOOP What l=1"). averaged : q_lm is first averaged over the site and its
        neighbours (Lechner & Dellago 2008); (q_i + n sum_j w_j q_j) / (1 + n) with the effective number of neighbours
        n = 1 / sum_j w_j^2, which is their plain mean for equal weights. neighbours : "solid_angle" (as matminer) or
        "area" (Mickel et al. 2013): faces of the Voronoi cell; "cutoff" or "fade": all within the cutoff. cutoff :
        Angstrom, for the last two.
    """

    def __init__(
        self,
        degree: int = 10,
        w: bool = False,
        w_hat: bool = False,
        averaged: bool = False,
        neighbours: str = "solid_angle",
        cutoff: float = 4.0,
        statistics: tuple[str, ...] = ("mean", "std", "minimum", "maximum"),
    ) -> None:
        super().__init__(statistics)
        self.degree = degree
        self.w = w
        self.w_hat = w_hat
        self.averaged = averaged
        self.neighbours = neighbours
        self.cutoff = cutoff

    def site_columns(self) -> tuple[str, ...]:
        if not 1 <= self.degree <= MOST_DEGREE:
            raise ConfigError(f"degree={self.degree!r} has to be from 1 to {MOST_DEGREE}.")
        kinds = ["Q", *(["W"] if self.w else []), *(["What"] if self.w_hat else [])]
        mean = "mean " if self.averaged else ""
        return tuple(f"BOOP {mean}{kind} l={degree}" for kind in kinds for degree in range(1, self.degree + 1))

    def describe_sites(self, structures: Structures, near: Vicinity) -> tuple[FloatArray, dict[int, str]]:
        around = bonds(structures, near, self.neighbours, self.cutoff)
        tensors = _tensors(around, self.degree)
        if self.averaged:
            tensors = [_averaged(around, tensor) for tensor in tensors]
        # summed row by row: numpy's own sum over rows has other bits for one site alone
        lengths = [np.sqrt(sum((row * row for row in tensor), np.zeros(tensor.shape[1]))) for tensor in tensors]
        columns = [math.sqrt(4 * math.pi / len(q)) * length for q, length in zip(tensors, lengths, strict=True)]
        if self.w or self.w_hat:
            thirds = [third_order(tensor) for tensor in tensors]
            columns += thirds if self.w else []
            if self.w_hat:
                columns += [_normalised(w, length) for w, length in zip(thirds, lengths, strict=True)]
        return np.stack(columns, axis=1), around.refused

    def citations(self) -> tuple[str, ...]:
        return (
            "Steinhardt, Nelson & Ronchetti 1983, doi:10.1103/PhysRevB.28.784",
            "Mickel et al. 2013, doi:10.1063/1.4774084",
            *(("Lechner & Dellago 2008, doi:10.1063/1.2977970",) if self.averaged else ()),
        )


def _tensors(around: Bonds, degree: int) -> list[FloatArray]:
    """q_lm of real spherical harmonics for l = 1..degree, each of shape (2 l + 1, n_sites), m ascending."""
    directions = np.ascontiguousarray((around.vectors / around.distances[:, None]).T)
    found: list[list[FloatArray]] = [[] for _ in range(degree + 1)]
    for l, _, values in harmonics(directions, degree):
        found[l].append(around.mean(values))
    return [np.stack(rows) for rows in found[1:]]


def _averaged(around: Bonds, tensor: FloatArray) -> FloatArray:
    counts = np.diff(around.offsets)
    effective = np.zeros(len(counts))
    effective[counts > 0] = 1.0 / segment_sums(around.weights**2, around.offsets)[counts > 0]
    averaged: FloatArray = (tensor + effective * around.mean(tensor[:, around.neighbours])) / (1.0 + effective)
    return averaged


def _normalised(third: FloatArray, length: FloatArray) -> FloatArray:
    scale = math.sqrt(4 * math.pi)
    ordered = ~(scale * length <= NO_ORDER)
    return np.where(ordered, third / np.where(ordered, length, 1.0) ** 3, 0.0)


def third_order(tensor: FloatArray) -> FloatArray:
    """w_l, the sum over m1 + m2 + m3 = 0 of Wigner's 3j symbol times q_lm1 q_lm2 q_lm3.

    Parameters
    ----------
    tensor : shape (2 l + 1, n), coefficients of real spherical harmonics, m = -l..l.

    Returns
    -------
    shape (n,); zero for odd l, where the symbols change sign when two m are exchanged
    """
    degree = len(tensor) // 2
    if degree % 2:
        return np.where(np.isnan(tensor[0]), np.nan, 0.0)
    complex_form: NDArray[np.complex128] = np.empty(tensor.shape, dtype=complex)
    complex_form[degree] = tensor[degree]
    for m in range(1, degree + 1):
        both = (tensor[degree + m] + 1j * tensor[degree - m]) / math.sqrt(2.0)
        complex_form[degree + m], complex_form[degree - m] = (-1) ** m * both, both.conj()
    found = np.zeros(tensor.shape[1])
    for (a, b, c), weight in zip(*_triples(degree), strict=True):
        found += weight * (complex_form[a] * complex_form[b] * complex_form[c]).real
    return found


@cache
def _triples(degree: int) -> tuple[list[tuple[int, int, int]], list[float]]:
    """Places (m + l) with m1 <= m2 <= m3 of sum zero, and their 3j symbols times the number of their orders."""
    places, weights = [], []
    for m1 in range(-degree, degree + 1):
        for m2 in range(m1, degree + 1):
            m3 = -m1 - m2
            if m2 <= m3 <= degree:
                orders = math.factorial(3) / math.prod(math.factorial((m1, m2, m3).count(m)) for m in {m1, m2, m3})
                places.append((m1 + degree, m2 + degree, m3 + degree))
                weights.append(orders * wigner_3j(degree, m1, m2, m3))
    return places, weights


def wigner_3j(degree: int, m1: int, m2: int, m3: int) -> float:
    """Wigner's 3j symbol (l l l; m1 m2 m3) by Racah's formula, in whole numbers up to the last step.

    Racah, Phys. Rev. 62 (1942) 438, doi:10.1103/PhysRev.62.438.
    """
    f, l = math.factorial, degree
    exact = Fraction(0)
    for t in range(max(0, -m1, m2), min(l, l - m1, l + m2) + 1):
        exact += Fraction((-1) ** t, f(t) * f(m1 + t) * f(t - m2) * f(l - t) * f(l - m1 - t) * f(l + m2 - t))
    under = Fraction(f(l) ** 3, f(3 * l + 1)) * math.prod(f(l + m) * f(l - m) for m in (m1, m2, m3))
    return (-1) ** m3 * math.sqrt(under) * float(exact)
