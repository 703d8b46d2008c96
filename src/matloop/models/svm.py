"""Support vector machines with a radial or a Laplacian kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.models.family import FitTask
from matloop.models.kernels import Kernel, KernelName, KernelSum, usual_distance
from matloop.models.table_family import BOTH, Settings, TableFamily, log_uniform, one_of
from matloop.represent.table import Columns

_PLATT_FOLDS = 3


@dataclass(frozen=True, slots=True)
class SvmLearner:
    """Settings.

    kernel : "rbf", or "laplacian" (sum of absolute differences), which suits element fractions.
    C : how much an error costs against a bend of the surface. length : of the kernel, in units of the median distance
    between rows. epsilon : error that costs nothing (regression, in standard deviations of the target).
    """

    kernel: KernelName = "rbf"
    C: float = 10.0
    length: float = 1.0
    epsilon: float = 0.05
    loss: str = "auto"

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> KernelSum:
        """Row weights multiply C. Class probabilities: Platt's sigmoid on decisions of internal folds."""
        length = self.length * usual_distance(Z, self.kernel, seed)
        kernel = Kernel(self.kernel, np.full(Z.shape[1], length))
        if classes:
            return self._classes(Z, y.astype(np.int64), weights, classes, kernel, seed)
        from sklearn.svm import SVR

        model = SVR(C=self.C, epsilon=self.epsilon, cache_size=300, **_kernel_of(kernel))
        model.fit(Z, y, sample_weight=weights)
        found = _kept(Z, [model])
        return KernelSum(kernel, *found)

    def _classes(
        self, Z: FloatArray, y: IntArray, weights: FloatArray, classes: int, kernel: Kernel, seed: int
    ) -> KernelSum:
        """One machine per class against the rest (one for two classes)."""
        rights = [y == 1] if classes == 2 else [y == c for c in range(classes)]
        machines, slopes, offsets = [], [], []
        for right in rights:
            machines.append(self._machine(Z, right, weights, kernel))
            slope, offset = _platt(self._held_out(Z, right, weights, kernel, seed), right, weights)
            slopes.append(slope)
            offsets.append(offset)
        centres, dual, intercept = _kept(Z, machines)
        slope_row = np.array(slopes)
        link = "sigmoid" if classes == 2 else "softmax"
        return KernelSum(kernel, centres, dual * slope_row, intercept * slope_row + np.array(offsets), link)  # type: ignore[arg-type]

    def _machine(self, Z: FloatArray, right: Any, weights: FloatArray, kernel: Kernel) -> Any:
        from sklearn.svm import SVC

        model = SVC(C=self.C, cache_size=300, random_state=0, **_kernel_of(kernel))
        return model.fit(Z, right.astype(np.int64), sample_weight=weights)

    def _held_out(self, Z: FloatArray, right: Any, weights: FloatArray, kernel: Kernel, seed: int) -> FloatArray:
        """Decisions on rows that the machine did not see; on all rows where a class is too small to be split."""
        place = np.empty(len(Z), np.int64)
        rng = np.random.default_rng(seed)
        for side in (right, ~right):
            rows = rng.permutation(np.flatnonzero(side))
            place[rows] = np.arange(len(rows)) % _PLATT_FOLDS
        usable = (weights > 0) & np.ones(len(Z), bool)
        if min(int((right & usable).sum()), int((~right & usable).sum())) < 2 * _PLATT_FOLDS:
            return np.asarray(self._machine(Z, right, weights, kernel).decision_function(Z))
        decision = np.empty(len(Z))
        for k in range(_PLATT_FOLDS):
            learn, judge = place != k, place == k
            decision[judge] = self._machine(Z[learn], right[learn], weights[learn], kernel).decision_function(Z[judge])
        return decision


def _kernel_of(kernel: Kernel) -> dict[str, Any]:
    """scikit-learn's own radial kernel, or ours called for the whole matrix."""
    return {"gamma": 0.5 / float(kernel.lengths[0]) ** 2} if kernel.name == "rbf" else {"kernel": kernel}


def _kept(Z: FloatArray, machines: list[Any]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Support vectors of all machines together, their weights (n_centres, n_machines), and the intercepts."""
    dual = np.zeros((len(Z), len(machines)))
    for k, machine in enumerate(machines):
        dual[machine.support_, k] = machine.dual_coef_[0]
    used = (dual != 0).any(axis=1)
    used[0] |= not used.any()
    return Z[used], dual[used], np.array([float(machine.intercept_[0]) for machine in machines])


def _platt(decision: FloatArray, right: Any, weights: FloatArray) -> tuple[float, float]:
    """Slope and offset of P(right) = sigmoid(slope * decision + offset), with Platt's softened targets.

    Platt, in Advances in Large Margin Classifiers (2000) 61; Lin, Lin & Weng, Mach. Learn. 68 (2007) 267,
    doi:10.1007/s10994-007-5018-6.
    """
    from scipy.optimize import minimize

    yes, no = float(right.sum()), float((~right).sum())
    wanted = np.where(right, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        z = parameters[0] * decision + parameters[1]
        value = float(weights @ (np.logaddexp(0.0, z) - wanted * z))
        step = weights * (1.0 / (1.0 + np.exp(-np.clip(z, -500, 500))) - wanted)
        return value, np.array([step @ decision, step.sum()])

    start = np.array([1.0, float(np.log((yes + 1.0) / (no + 1.0)))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {"kernel": "laplacian", "length": 0.5}
    if number == 1:
        # distances of plain element fractions, unscaled: a trace of a rare element must not count like a main one
        return {"kernel": "laplacian", "C": 10.0, "length": 0.2, "scaling": "none"}
    kernel = one_of(rng, "rbf", "laplacian")
    return {
        "kernel": kernel,
        "C": log_uniform(rng, 0.3, 100.0),
        "length": log_uniform(rng, 0.3, 2.0) if kernel == "rbf" else log_uniform(rng, 0.05, 1.0),
        "epsilon": one_of(rng, 0.01, 0.05, 0.1),
        "scaling": one_of(rng, *(("standard", "quantile") if kernel == "rbf" else ("standard", "none"))),
        "select": one_of(rng, 0, 0, 30, 60),
    }


FAMILY = TableFamily(
    name="svm",
    label="Support vector machine",
    tasks=BOTH,
    citation="Cortes & Vapnik, Mach. Learn. 20 (1995) 273. doi:10.1007/BF00994018",
    max_rows=8_000,
    learner=SvmLearner,
    space=_space,
    losses=frozenset({"mae", "hinge"}),
)
