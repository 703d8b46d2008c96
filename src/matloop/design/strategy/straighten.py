"""Values as a Gaussian process likes them: more is better, about normal, of unit spread; and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray

FEWEST = 5
"""Of fewer values nobody can tell how they are skewed."""
BEYOND = 3.0
"""Nothing is foreseen further beyond the known values than so many times their range: the power of a few skewed values
is uncertain, and what it makes of a distant one absurd."""
_FLATTEST, _STEEPEST = -2.0, 4.0
_FAR = 12.0


@dataclass(frozen=True, slots=True)
class Straightened:
    """A monotone map of values: sign, shift, scale, then the power transform of Yeo and Johnson.

    Biometrika 87 (2000) 954, doi:10.1093/biomet/87.4.954. `power` = 1 changes nothing but shift and scale. low, high :
    of the standardised values that the way back leads to.
    """

    sign: float
    shift: float
    scale: float
    power: float = 1.0
    mean: float = 0.0
    std: float = 1.0
    low: float = -np.inf
    high: float = np.inf

    def forward(self, y: FloatArray) -> FloatArray:
        """Straightened values, shape (n,); infinite ends stay infinite."""
        z = (self.sign * np.asarray(y, float) - self.shift) / self.scale
        return (_bent(z, self.power) - self.mean) / self.std

    def back(self, z: FloatArray) -> FloatArray:
        """The values again, shape (n,); what no value leads to becomes the nearest that one leads to."""
        bent = np.asarray(z, float) * self.std + self.mean
        return self.sign * (np.clip(_unbent(bent, self.power), self.low, self.high) * self.scale + self.shift)

    def errors(self, y: FloatArray, errors: FloatArray) -> FloatArray:
        """Standard deviations of the straightened values, by the slope of the map; NaN stays NaN."""
        step = 1e-4 * self.scale
        slope = np.abs(self.forward(y + step) - self.forward(y - step)) / (2 * step)
        return np.asarray(errors * slope)


def straighten(y: FloatArray, *, sign: float = 1.0) -> Straightened:
    """The map that makes known values most normal, by maximum likelihood.

    Parameters
    ----------
    y : shape (n,), finite. sign : -1 where small values are wanted.
    """
    turned = sign * np.asarray(y, float)
    shift, scale = float(turned.mean()), float(turned.std())
    if scale <= 1e-12 * max(abs(shift), 1e-300):
        return Straightened(sign, shift, abs(shift) or 1.0)
    z = (turned - shift) / scale
    power = _likeliest(z) if len(np.unique(z)) >= FEWEST else 1.0
    bent = _bent(z, power)
    beyond = BEYOND * float(np.ptp(z))
    return Straightened(
        sign, shift, scale, power, float(bent.mean()), float(bent.std()) or 1.0, float(z.min()) - beyond,
        float(z.max()) + beyond,
    )  # fmt: skip


def _likeliest(z: FloatArray) -> float:
    from scipy.optimize import minimize_scalar

    logs = np.sign(z) * np.log1p(np.abs(z))

    def cost(power: float) -> float:
        variance = float(_bent(z, power).var())
        return 0.5 * len(z) * np.log(max(variance, 1e-300)) - (power - 1.0) * float(logs.sum())

    found = minimize_scalar(cost, bounds=(_FLATTEST, _STEEPEST), method="bounded", options={"xatol": 1e-3})
    return float(found.x)


def _bent(z: FloatArray, power: float) -> FloatArray:
    up, down = np.maximum(z, 0.0), np.maximum(-z, 0.0)
    return _raised(up, power) - _raised(down, 2.0 - power)


def _unbent(z: FloatArray, power: float) -> FloatArray:
    up, down = np.maximum(z, 0.0), np.maximum(-z, 0.0)
    return _lowered(up, power) - _lowered(down, 2.0 - power)


def _raised(x: FloatArray, power: float) -> FloatArray:
    """((1 + x)^power - 1) / power for x >= 0."""
    if abs(power) < 1e-9:
        return np.log1p(x)
    with np.errstate(over="ignore"):
        return np.asarray(np.expm1(power * np.log1p(x)) / power)


def _lowered(x: FloatArray, power: float) -> FloatArray:
    """The inverse; with a power below zero no x leads beyond -1 / power."""
    if abs(power) < 1e-9:
        return np.expm1(np.minimum(x, 30.0))
    inside = power * x
    if power < 0:
        inside = np.maximum(inside, -1.0 + np.exp(-_FAR))
    with np.errstate(over="ignore"):
        return np.asarray(np.expm1(np.log1p(inside) / power))
