"""Linear regressions that set most weights to zero: lasso and elastic net."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.models.linear import Linear

_FOLDS = 5
_FEW = 20


@dataclass(frozen=True, slots=True)
class SparseLinearLearner:
    """Settings.

    strength : penalty as a share of the one that sets every weight to zero; 0 chooses it inside the training rows.
    l1_ratio : share of the penalty on absolute weights (1: lasso), the rest on squared ones.
    """

    strength: float = 0.0
    l1_ratio: float = 1.0
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> Linear:
        """Row weights count."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import ElasticNet, ElasticNetCV

        if self.strength or len(Z) < _FEW:
            alpha = (self.strength or 0.05) * _largest(Z, y, weights) / self.l1_ratio
            model = ElasticNet(alpha=max(alpha, 1e-9), l1_ratio=self.l1_ratio, max_iter=2_000, tol=1e-3)
        else:
            folds = _folds(len(Z), seed)
            model = ElasticNetCV(
                l1_ratio=self.l1_ratio, eps=1e-3, cv=folds, max_iter=1_000, tol=1e-3, n_jobs=1, **_path(40)
            )
        with warnings.catch_warnings():
            # the weakest penalties of the path may stop early; they seldom win, and prediction is unharmed
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(Z, y, sample_weight=weights)
        return Linear(model.coef_[:, None].astype(np.float64), np.array([float(model.intercept_)]))


def _path(count: int) -> dict[str, int]:
    """How many penalties to try, under the name that the installed scikit-learn has for it."""
    import inspect

    from sklearn.linear_model import ElasticNetCV

    # `n_alphas` became `alphas` in scikit-learn 1.7
    old = inspect.signature(ElasticNetCV).parameters["alphas"].default is None
    return {"n_alphas": count} if old else {"alphas": count}


def _folds(n_rows: int, seed: int) -> list[tuple[IntArray, IntArray]]:
    place = np.random.default_rng(seed).permutation(n_rows) % _FOLDS
    return [(np.flatnonzero(place != k), np.flatnonzero(place == k)) for k in range(_FOLDS)]


def _largest(Z: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    """The least penalty that sets all weights to zero."""
    middle = float(weights @ y / weights.sum())
    mean = weights @ Z / weights.sum()
    return float(np.abs((Z - mean).T @ (weights * (y - middle))).max() / len(y))
