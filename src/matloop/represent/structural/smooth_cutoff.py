"""Functions that fade a neighbour out at the cutoff, with their slopes: value and slope are zero at the cutoff."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fade:
    """A function f(r, cutoff) and its slope df/dr, for distances r up to the cutoff."""

    value: Callable[[FloatArray, float], FloatArray]
    slope: Callable[[FloatArray, float], FloatArray]


def _cosine(distances: FloatArray, cutoff: float) -> FloatArray:
    found: FloatArray = 0.5 * np.cos(np.pi / cutoff * distances) + 0.5
    return found


def _cosine_slope(distances: FloatArray, cutoff: float) -> FloatArray:
    found: FloatArray = -0.5 * np.pi / cutoff * np.sin(np.pi / cutoff * distances)
    return found


def _polynomial(distances: FloatArray, cutoff: float) -> FloatArray:
    x = distances / cutoff
    return 1.0 + x * x * x * (x * (15.0 - 6.0 * x) - 10.0)


def _polynomial_slope(distances: FloatArray, cutoff: float) -> FloatArray:
    x = distances / cutoff
    return -30.0 / cutoff * (x * (1.0 - x)) ** 2


COSINE = Fade(_cosine, _cosine_slope)
"""(cos(pi r / cutoff) + 1) / 2; Behler & Parrinello 2007, doi:10.1103/PhysRevLett.98.146401."""
POLYNOMIAL = Fade(_polynomial, _polynomial_slope)
"""1 - 10 x^3 + 15 x^4 - 6 x^5 with x = r / cutoff: its curvature too is zero at the cutoff.

Singraber, Behler & Dellago 2019, doi:10.1021/acs.jctc.8b00770.
"""
FADES = {"cosine": COSINE, "polynomial": POLYNOMIAL}


def fade(name: str) -> Fade:
    """The function of that name.

    Raises
    ------
    ConfigError : there is none; the message lists the known names.
    """
    if name not in FADES:
        raise ConfigError(f"fade={name!r} is not known. Take one of: {', '.join(FADES)}.")
    return FADES[name]
