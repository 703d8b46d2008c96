"""Ridge regression; the penalty is chosen by leave-one-out unless given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.models.family import FitTask
from matloop.models.linear import Linear
from matloop.models.table_family import REGRESSION, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns

PENALTIES = tuple(float(a) for a in np.logspace(-3, 4, 15))
_HUBER = 1.345
"""95 % as efficient as least squares on normal errors (Huber 1964), in robust standard deviations"""


@dataclass(frozen=True, slots=True)
class RidgeLearner:
    """`alpha`: penalty; 0 chooses it by leave-one-out. The loss "huber" or "mae" reweighs rows until it settles."""

    alpha: float = 0.0
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Linear:
        """Row weights count."""
        alpha = self.alpha or _chosen(Z, y, weights)
        slopes, intercept = solve(Z, y, weights, alpha)
        if self.loss in ("huber", "mae"):
            for _ in range(30):
                before = slopes
                robust = weights * _trust(y - Z @ slopes - intercept, self.loss)
                slopes, intercept = solve(Z, y, robust, alpha)
                if np.abs(slopes - before).max() < 1e-6:
                    break
        return Linear(slopes[:, None], np.array([intercept]))


def _trust(residual: FloatArray, loss: str) -> FloatArray:
    size = np.abs(residual)
    scale = 1.4826 * float(np.median(size)) + 1e-6
    if loss == "mae":
        return scale / np.maximum(size, 0.01 * scale)
    return np.minimum(1.0, _HUBER * scale / np.maximum(size, 1e-12))


def _chosen(Z: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    """The penalty with the least leave-one-out error; on many rows a fixed part of them decides."""
    from sklearn.linear_model import RidgeCV

    if len(Z) < 4:
        return 1.0
    some = slice(None, None, max(1, len(Z) // 8_000))
    found = RidgeCV(alphas=PENALTIES).fit(Z[some], y[some], sample_weight=weights[some])
    share = len(Z[some]) / len(Z)
    return float(found.alpha_) / share


def solve(Z: FloatArray, y: FloatArray, weights: FloatArray, alpha: float) -> tuple[FloatArray, float]:
    """Slopes and intercept that minimise sum w (y - Z b - c)^2 + alpha b^2; the intercept is free."""
    from scipy.linalg import solve as linear_solve

    total = weights.sum()
    mean, middle = weights @ Z / total, float(weights @ y / total)
    A, b = Z - mean, y - middle
    n, d = A.shape
    if n >= d:
        slopes = linear_solve((A * weights[:, None]).T @ A + alpha * np.eye(d), A.T @ (weights * b), assume_a="pos")
    else:
        root = np.sqrt(weights)
        R = A * root[:, None]
        slopes = R.T @ linear_solve(R @ R.T + alpha * np.eye(n), root * b, assume_a="pos")
    return slopes, middle - float(mean @ slopes)


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "alpha": one_of(rng, 0.0, log_uniform(rng, 0.01, 1_000.0)),
        "scaling": one_of(rng, "standard", "robust", "quantile"),
        "select": one_of(rng, 0, 0, 20, 60),
    }


FAMILY = TableFamily(
    name="ridge",
    label="Ridge regression",
    tasks=REGRESSION,
    citation="Hoerl & Kennard, Technometrics 12 (1970) 55. doi:10.1080/00401706.1970.10488634",
    max_rows=10_000_000,
    learner=RidgeLearner,
    space=_space,
    losses=frozenset({"mse", "mae", "huber"}),
)
