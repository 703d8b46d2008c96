"""What a prediction carries: the value, how sure, whether to trust it, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray


@dataclass(frozen=True, slots=True)
class Prediction:
    """Predictions of one target for a batch; every array has one entry per row, in the order asked.

    value : target unit (regression) or index into `classes` (classification).
    low, high : ends of the `level` interval, target unit; NaN for classifications.
    std : one standard deviation, target unit; for classifications the entropy-like spread sqrt(p (1 - p)) of the
        predicted class.
    proba : shape (n_rows, n_classes), calibrated; shape (n_rows, 0) for regressions.
    in_domain : whether the row is like those the model was trained on.
    reason : why not, in words ("contains Re, never seen in training"); empty where in_domain.
    epistemic, aleatoric : the parts of `std` that more rows like this one would take away, and that would stay (noise,
        and what the inputs do not tell); their squares add up to its square. NaN where the model cannot tell them
        apart, None where nobody asked.
    may_be : shape (n_rows, n_classes), classes that cannot be ruled out: of `level` of the rows of each class the true
        class is among them; None for regressions.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    std: FloatArray
    proba: FloatArray
    in_domain: BoolArray
    reason: TextArray
    level: float = 0.9
    classes: tuple[str, ...] = ()
    unit: str = ""
    epistemic: FloatArray | None = None
    aleatoric: FloatArray | None = None
    may_be: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: IntArray) -> Prediction:
        """The given rows, in the given order."""
        return Prediction(
            self.value[rows], self.low[rows], self.high[rows], self.std[rows], self.proba[rows], self.in_domain[rows],
            self.reason[rows], self.level, self.classes, self.unit,
            None if self.epistemic is None else self.epistemic[rows],
            None if self.aleatoric is None else self.aleatoric[rows],
            None if self.may_be is None else self.may_be[rows],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Predictions of development rows by models that did not see them (nor their group): all that doubt learns from.

    value : shape (n,), raw estimator output: target unit, or class index. NaN where no fold predicted the row.
    spread : shape (n,), disagreement of members or the model's own standard deviation; zeros if it has none.
    proba : shape (n, n_classes), uncalibrated; (n, 0) for regressions.
    fold : shape (n,), which fold predicted the row.
    """

    value: FloatArray
    spread: FloatArray
    proba: FloatArray
    fold: IntArray

    def take(self, rows: IntArray) -> OutOfFold:
        """The given rows, in the given order."""
        return OutOfFold(self.value[rows], self.spread[rows], self.proba[rows], self.fold[rows])
