"""Class probabilities that mean what they say: of the rows given 80 %, 80 % are of that class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, taken, text, under
from matloop.core.errors import BundleError

Method = Literal["identity", "temperature", "scaled", "isotonic"]
GAIN = 0.005
"""A more complex method must lower the inner log loss by this share."""
ISOTONIC_ROWS = 1000
"""Steps overfit on fewer rows (Niculescu-Mizil & Caruana 2005, doi:10.1145/1102351.1102430)."""
SMALLEST = 1e-7


@dataclass(frozen=True, slots=True)
class Calibration:
    """A map from raw to calibrated probabilities.

    identity: as they are; temperature: log p * slope (Guo et al. 2017, doi:10.48550/arXiv.1706.04599); scaled: log p *
    slope + a shift per class (Platt's for two classes); isotonic: a rising step function per class, then normalised.
    """

    method: Method
    slope: float
    shift: FloatArray
    steps: tuple[tuple[FloatArray, FloatArray], ...]

    def apply(self, proba: FloatArray) -> FloatArray:
        """Calibrated probabilities, shape (n, n_classes), rows sum to one; a row of NaN stays so."""
        if self.method == "identity":
            return proba.copy()
        if self.method == "isotonic":
            raised = np.stack([np.interp(proba[:, c], x, y) for c, (x, y) in enumerate(self.steps)], axis=1)
            raised[np.isnan(proba)] = np.nan
            return raised / raised.sum(axis=1, keepdims=True)
        return _softmax(self.slope * _logs(proba) + self.shift)

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {"method": np.array(self.method), "slope": np.array(self.slope), "shift": self.shift}
        for c, (x, y) in enumerate(self.steps):
            arrays |= nested(f"steps{c}", {"x": x, "y": y})
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Calibration:
        """The value that `to_arrays` gave, checked (BundleError)."""
        method = text(arrays, "method")
        slope = float(taken(arrays, "slope", ndim=0))
        shift = taken(arrays, "shift").astype(np.float64)
        steps = []
        for c in range(len(shift) if method == "isotonic" else 0):
            part = under(f"steps{c}", arrays)
            x, y = taken(part, "x").astype(np.float64), taken(part, "y").astype(np.float64)
            if len(x) != len(y) or len(x) == 0 or (np.diff(x) < 0).any() or (y <= 0).any() or (y > 1).any():
                raise BundleError(
                    f"the calibration steps of class {c} are not a rising function. The bundle is not trusted."
                )
            steps.append((x, y))
        if method not in ("identity", "temperature", "scaled", "isotonic") or len(shift) < 2 or slope < 0:
            raise BundleError(
                f"a calibration of kind {method!r} with {len(shift)} classes is not known to this release."
            )
        return cls(method, slope, shift, tuple(steps))  # type: ignore[arg-type]


def fit_calibration(proba: FloatArray, y: FloatArray, fold: IntArray) -> Calibration:
    """The method with the least log loss on rows it did not see; the simplest one where that says little."""
    truth = y.astype(np.int64)
    n_classes = proba.shape[1]
    methods: list[Method] = ["identity", "temperature", "scaled"]
    if len(y) >= ISOTONIC_ROWS and np.bincount(truth, minlength=n_classes).min() >= ISOTONIC_ROWS // 10:
        methods.append("isotonic")
    best, least = methods[0], log_loss(proba, truth)
    for method in methods[1:]:
        found = log_loss(held_out_probabilities(method, proba, y, fold), truth)
        if found < (1.0 - GAIN) * least:
            best, least = method, found
    return _fitted(best, proba, truth, n_classes)


def held_out_probabilities(method: Method, proba: FloatArray, y: FloatArray, fold: IntArray) -> FloatArray:
    """Probabilities (n, n_classes) of each row by a calibration of this kind that did not see its fold."""
    truth, seen = y.astype(np.int64), proba.copy()
    names = np.unique(fold)
    for f in names if len(names) > 1 else ():
        seen[fold == f] = _fitted(method, proba[fold != f], truth[fold != f], proba.shape[1]).apply(proba[fold == f])
    return seen


def log_loss(proba: FloatArray, truth: IntArray) -> float:
    """Mean of -log p of the true class."""
    return float(-np.log(np.clip(proba[np.arange(len(truth)), truth], SMALLEST, 1.0)).mean())


def _fitted(method: Method, proba: FloatArray, truth: IntArray, n_classes: int) -> Calibration:
    if method == "isotonic":
        return Calibration(method, 1.0, np.zeros(n_classes), _isotonic(proba, truth))
    if method == "identity" or len(np.unique(truth)) < 2:
        return Calibration("identity", 1.0, np.zeros(n_classes), ())
    slope, shift = _scaled(_logs(proba), truth, with_shift=method == "scaled")
    return Calibration(method, slope, shift, ())


def _scaled(logs: FloatArray, truth: IntArray, *, with_shift: bool) -> tuple[float, FloatArray]:
    from scipy.optimize import minimize

    n, k = logs.shape
    hit = np.zeros((n, k))
    hit[np.arange(n), truth] = 1.0

    def objective(free: FloatArray) -> tuple[float, FloatArray]:
        slope, shift = np.exp(free[0]), free[1:] if with_shift else np.zeros(k)
        p = _softmax(slope * logs + shift)
        # a weak pull to "as they are" keeps few rows from extreme answers
        value = -np.log(np.maximum(p[np.arange(n), truth], 1e-300)).sum() + 0.5 * (free**2).sum()
        away = p - hit
        slope_part = slope * (away * logs).sum() + free[0]
        return value, np.append(slope_part, away.sum(axis=0) + free[1:]) if with_shift else np.array([slope_part])

    found = minimize(objective, np.zeros(1 + k if with_shift else 1), jac=True, method="L-BFGS-B", bounds=None)
    return float(np.exp(found.x[0])), found.x[1:] if with_shift else np.zeros(k)


def _isotonic(proba: FloatArray, truth: IntArray) -> tuple[tuple[FloatArray, FloatArray], ...]:
    from sklearn.isotonic import IsotonicRegression

    steps = []
    for c in range(proba.shape[1]):
        # half a row of each kind at the ends, so that no step says never or always
        smallest = 0.5 / (len(truth) + 1.0)
        curve = IsotonicRegression(out_of_bounds="clip", y_min=smallest, y_max=1.0 - smallest)
        curve.fit(proba[:, c], (truth == c).astype(float))
        steps.append((curve.X_thresholds_.astype(np.float64), curve.y_thresholds_.astype(np.float64)))
    return tuple(steps)


def _logs(proba: FloatArray) -> FloatArray:
    return np.log(np.maximum(proba, SMALLEST))


def _softmax(logits: FloatArray) -> FloatArray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
