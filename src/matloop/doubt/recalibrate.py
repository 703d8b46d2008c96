"""Put standard deviations right after the fact: by a factor, a line, steps, or the distance from none to one for all.

An ensemble's spread is in the right order more often than of the right size. A calibrator maps it to a standard
deviation of the errors found on rows that the models did not see; which map is best is decided inside folds by a proper
score, never on the rows it was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import Arrays, FloatArray, IntArray, taken, text
from matloop.core.errors import BundleError, DataError, all_faults
from matloop.metrics.uncertainty import crps_terms

Kind = Literal["as it is", "constant", "factor", "linear", "isotonic"]
KINDS: tuple[Kind, ...] = ("as it is", "constant", "factor", "linear", "isotonic")
Rule = Literal["crps", "nll"]
ISOTONIC_ROWS = 200
"""Steps on fewer rows follow single errors."""
GAIN = 0.002
"""A later kind in the list must lower the score by this share: simple ones go first."""
SMALLEST = 1e-3
"""No standard deviation is below this share of the root mean square error; nothing is ever certain."""


@dataclass(frozen=True, slots=True)
class SpreadCalibration:
    """A rising map from spread to standard deviation: the line between the points (x, y), level beyond them.

    kind : what it was made by. x, y : shape (n_points,), target unit. slope : of a line, beyond its last point.
    """

    kind: Kind
    x: FloatArray
    y: FloatArray
    slope: float = 0.0

    def apply(self, spread: ArrayLike) -> FloatArray:
        """Standard deviation for each spread, shape (n,), target unit, above zero; NaN stays NaN."""
        s = np.asarray(spread, dtype=np.float64)
        beyond = np.maximum(s - self.x[-1], 0.0)
        return np.where(np.isnan(s), np.nan, np.interp(s, self.x, self.y) + self.slope * beyond)

    def to_arrays(self) -> Arrays:
        return {"kind": np.array(self.kind), "x": self.x, "y": self.y, "slope": np.array(self.slope)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> SpreadCalibration:
        """The value that `to_arrays` gave, checked (BundleError)."""
        kind = text(arrays, "kind")
        x, y = (taken(arrays, name).astype(np.float64) for name in ("x", "y"))
        slope = float(taken(arrays, "slope", ndim=0))
        rising = len(x) == len(y) > 0 and (np.diff(x) >= 0).all() and (np.diff(y) >= 0).all() and y[0] > 0
        if kind not in KINDS or not rising or slope < 0:
            raise BundleError(f"a calibration of kind {kind!r} is not a rising curve above zero, or not known.")
        return cls(kind, x, y, slope)


@dataclass(frozen=True, slots=True)
class Line:
    """Palmer's line: standard deviation = slope * spread + offset (target unit)."""

    slope: float
    offset: float


def palmer_line(residual: ArrayLike, spread: ArrayLike) -> Line:
    """The line from spread to standard deviation that makes normal residuals most likely.

    Parameters
    ----------
    residual : shape (n,), truth minus out-of-fold prediction. spread : shape (n,), ensemble standard deviation, >= 0.

    Returns
    -------
    Line; slope and line are not negative anywhere in the range of the spreads.

    Raises
    ------
    DataError : fewer than two rows, lengths differ, or a value is negative or not finite.

    References
    ----------
    Palmer et al., npj Comput. Mater. 8 (2022) 115. doi:10.1038/s41524-022-00794-8

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> spread = rng.uniform(0.5, 2.0, 4000)
    >>> line = palmer_line((3.0 * spread + 1.0) * rng.standard_normal(4000), spread)
    >>> round(line.slope), round(line.offset)
    (3, 1)
    """
    r, s = _checked(residual, spread)
    scale = max(float(np.sqrt(np.mean(r**2))), 1e-300)
    low, high = float(s.min()), float(s.max())
    if high - low <= 1e-12 * max(high, 1e-300):
        return Line(0.0, scale)
    # the line is fixed by its (positive) heights at both ends of the spreads, in units of the mean error
    place = (s - low) / (high - low)
    squares = (r / scale) ** 2

    def objective(log_ends: FloatArray) -> tuple[float, FloatArray]:
        start, end = np.exp(log_ends)
        sigma = start + (end - start) * place
        slope = 1.0 / sigma - squares / sigma**3  # of log sigma + squares / (2 sigma^2)
        gradient = np.array([start * np.mean(slope * (1.0 - place)), end * np.mean(slope * place)])
        return float(np.mean(np.log(sigma) + 0.5 * squares / sigma**2)), gradient

    from scipy.optimize import minimize

    ends = [(a, b) for a, b in ((0.0, 0.0), (-1.5, 1.0), (-4.0, 1.5))]
    limits = [(np.log(SMALLEST), np.log(1e3))] * 2
    found = min(
        (minimize(objective, np.array(at), jac=True, method="L-BFGS-B", bounds=limits, tol=1e-14) for at in ends),
        key=lambda result: float(result.fun),
    )
    start, end = scale * np.exp(found.x)
    if end < start:  # more spread, less error: the spread says nothing
        return Line(0.0, scale)
    slope = float((end - start) / (high - low))
    return Line(slope, float(start - slope * low))


def fit_one(kind: Kind, residual: ArrayLike, spread: ArrayLike) -> SpreadCalibration:
    """A calibration of the given kind.

    "as it is": the spread itself; "constant": the root mean square error everywhere; "factor": spread times one number
    (temperature scaling; the maximum-likelihood one, root mean square of residual / spread); "linear": Palmer's line;
    "isotonic": rising steps of the squared error.

    Raises
    ------
    DataError : see `palmer_line`.
    """
    r, s = _checked(residual, spread)
    size = float(np.sqrt(np.mean(r**2)))
    floor = max(SMALLEST * size, 1e-12 * float(s.max()), 1e-300)
    low, high = float(s.min()), float(s.max())
    if kind == "constant" or high <= 0.0:
        return SpreadCalibration(
            "constant" if kind == "constant" else kind, np.array([low]), np.array([max(size, floor)])
        )
    if kind == "isotonic":
        return _isotonic(r, s, floor)
    if kind == "linear":
        line = palmer_line(r, s)
        slope, offset = line.slope, line.offset
    else:
        safe = np.maximum(s, 1e-3 * float(np.median(s[s > 0])))
        slope, offset = (1.0 if kind == "as it is" else float(np.sqrt(np.mean((r / safe) ** 2)))), 0.0
    # below the floor level, above it the line
    turn = max((floor - offset) / slope, 0.0) if slope > 0 else 0.0
    first = max(offset + slope * turn, floor)
    return SpreadCalibration(kind, np.array([turn]), np.array([first]), slope)


def _isotonic(r: FloatArray, s: FloatArray, floor: float) -> SpreadCalibration:
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(out_of_bounds="clip").fit(s, r**2)
    y = np.maximum(np.sqrt(np.maximum(curve.y_thresholds_.astype(np.float64), 0.0)), floor)
    return SpreadCalibration("isotonic", curve.X_thresholds_.astype(np.float64), np.maximum.accumulate(y))


def fit_spread_calibration(
    residual: ArrayLike, spread: ArrayLike, fold: ArrayLike, *, rule: Rule = "crps", kinds: tuple[Kind, ...] = KINDS
) -> SpreadCalibration:
    """The kind with the lowest proper score on rows it was not fitted on, fitted on all rows.

    Parameters
    ----------
    residual, spread : shape (n,), see `palmer_line`. fold : shape (n,), the inner folds (groups whole).
    rule : "crps" (continuous ranked probability score; robust against single large errors) or "nll" (log likelihood).
    kinds : the candidates, simple ones first; a later one must be better by 0.2 %.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> spread = rng.uniform(0.5, 2.0, 600)
    >>> fit_spread_calibration(2.0 * spread * rng.standard_normal(600), spread, np.arange(600) % 5).kind
    'factor'
    """
    r, s = _checked(residual, spread)
    parts = np.asarray(fold)
    if len(parts) != len(r):
        raise DataError(f"{len(r)} residuals, but {len(parts)} fold numbers; one per row is needed.")
    candidates = [kind for kind in kinds if kind != "isotonic" or len(r) >= ISOTONIC_ROWS]
    best, least = candidates[0], np.inf
    for kind in candidates:
        score = proper_score(r, held_out_std(kind, r, s, parts), rule)
        if score < least - (GAIN * abs(least) if np.isfinite(least) else 0.0):
            best, least = kind, score
    return fit_one(best, r, s)


def held_out_std(kind: Kind, residual: FloatArray, spread: FloatArray, fold: IntArray) -> FloatArray:
    """Standard deviation (n,) of each row by a calibration that did not see its fold."""
    found = np.empty(len(residual))
    names = np.unique(fold)
    for name in names:
        out = fold == name
        rest = ~out if len(names) > 1 else out
        found[out] = fit_one(kind, residual[rest], spread[rest]).apply(spread[out])
    return found


def proper_score(residual: FloatArray, std: FloatArray, rule: Rule) -> float:
    """Mean score of normal errors, lower is better."""
    if rule == "crps":
        return float(crps_terms(residual, std).mean())
    return float(np.mean(np.log(std) + 0.5 * (residual / std) ** 2))


def _checked(residual: ArrayLike, spread: ArrayLike) -> tuple[FloatArray, FloatArray]:
    r, s = np.asarray(residual, dtype=np.float64), np.asarray(spread, dtype=np.float64)
    if r.ndim != 1 or r.shape != s.shape or len(r) < 2:
        raise DataError(
            f"{r.shape} residuals and {s.shape} spreads; a calibration needs one of each for two rows or more."
        )
    bad = np.flatnonzero(~(np.isfinite(r) & np.isfinite(s) & (s >= 0.0)))
    if len(bad):
        faults = [f"row {row}: residual {r[row]:.6g}, spread {s[row]:.6g}" for row in bad[:11]]
        raise DataError(
            all_faults(f"{len(bad)} rows have no finite residual, or a spread below zero. Leave them out.", faults)
        )
    return r, s
