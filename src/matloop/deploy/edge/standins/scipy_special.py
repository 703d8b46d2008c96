"""Quantiles of the normal distribution by the rational functions that scipy uses, so that they have the same bits.

S. L. Moshier, Methods and Programs for Mathematical Functions (1989), and the Cephes library, ndtri.c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EDGE = 0.13533528323661269189  # exp(-2)
_ROOT = 2.50662827463100050242  # sqrt(2 pi)
# fmt: off
_MIDDLE = (
    (-5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1, 1.39312609387279679503e1,
     -1.23916583867381258016e0),
    (1.0, 1.95448858338141759834e0, 4.67627912898881538453e0, 8.63602421390890590575e1, -2.25462687854119370527e2,
     2.00260212380060660359e2, -8.20372256168333339912e1, 1.59056225126211695515e1, -1.18331621121330003142e0),
)
_TAIL = (
    (4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1, 4.40805073893200834700e1,
     1.46849561928858024014e1, 2.18663306850790267539e0, -1.40256079171354495875e-1, -3.50424626827848203418e-2,
     -8.57456785154685413611e-4),
    (1.0, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1, 1.50425385692907503408e1,
     2.50464946208309415979e0, -1.42182922854787788574e-1, -3.80806407691578277194e-2, -9.33259480895457427372e-4),
)
_FAR = (
    (3.23774891776946035970e0, 6.91522889068984211695e0, 3.93881025292474443415e0, 1.33303460815807542389e0,
     2.01485389549179081538e-1, 1.23716634817820021358e-2, 3.01581553508235416007e-4, 2.65806974686737550832e-6,
     6.23974539184983293730e-9),
    (1.0, 6.02427039364742014255e0, 3.67983563856160859403e0, 1.37702099489081330271e0, 2.16236993594496635890e-1,
     1.34204006088543189037e-2, 3.28014464682127739104e-4, 2.89247864745380683936e-6, 6.79019408009981274425e-9),
)
# fmt: on


def ndtri(p: Any) -> Any:
    """The number below which a standard normal one lies with probability `p`."""
    given = np.asarray(p, dtype=np.float64)
    found: NDArray[np.float64] = np.array([_quantile(one) for one in given.ravel().tolist()], dtype=np.float64)
    return found.reshape(given.shape) if given.ndim else found[0]


def _quantile(p: float) -> float:
    if not 0.0 < p < 1.0:
        return -math.inf if p == 0.0 else math.inf if p == 1.0 else math.nan
    above = p > 1.0 - _EDGE
    y = 1.0 - p if above else p
    if y > _EDGE:
        y -= 0.5
        square = y * y
        return (y + y * (square * _at(square, _MIDDLE[0]) / _at(square, _MIDDLE[1]))) * _ROOT
    x = math.sqrt(-2.0 * math.log(y))
    z = 1.0 / x
    above_below = _TAIL if x < 8.0 else _FAR
    x = (x - math.log(x) / x) - z * _at(z, above_below[0]) / _at(z, above_below[1])
    return x if above else -x


def _at(x: float, coefficients: Sequence[float]) -> float:
    """A polynomial, highest power first."""
    total = coefficients[0]
    for one in coefficients[1:]:
        total = total * x + one
    return total
