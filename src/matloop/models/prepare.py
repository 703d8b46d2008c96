"""What a model does to its columns first, learnt from its training rows only: drop, impute, encode, scale, select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import Arrays, BoolArray, FloatArray, IntArray, number, taken, within
from matloop.core.errors import BundleError
from matloop.models.select import chosen
from matloop.represent.table import Columns

Scaling = Literal["none", "standard", "robust", "quantile"]
NUMBER, MISSING, WORD, AS_IT_IS = 0, 1, 2, 3
"""What an output column is: a number, the flag "was missing", the flag "is this word", a number that is not scaled."""

_FLAT = 1e-10
"""a column whose range is below this share of its size is rounding noise around a constant"""
_NORMAL_IQR = 1.3489795003921634
"""distance of the quartiles of a normal distribution with standard deviation one"""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How the columns are prepared.

    scaling : "standard" (mean, standard deviation), "robust" (median, quartiles), "quantile" (ranks to a normal
        distribution), "none" (trees).
    clip : scaled numbers are cut to [-clip, clip]: one absurd entry must not rule a linear or kernel model.
    keep_missing : leave NaN where the training rows had NaN too (LightGBM sends them their own way).
    indicator_share : share of missing values from which a column gets a flag "was missing" beside it.
    words : at most so many words of a category column get a flag of their own, the most frequent first.
    select : keep so many output columns (0: all); select_by : how they are chosen, a name of `SELECTORS`. Columns that
        are as they are stay beside them.
    pca : replace the output by so many principal components (0: do not).
    as_they_are : columns whose origin ends so are neither dropped nor scaled (element fractions for a kernel that knows
        the elements: one that no training row has may come); empty for none.
    """

    scaling: Scaling = "standard"
    clip: float = 6.0
    keep_missing: bool = False
    indicator_share: float = 0.02
    words: int = 64
    select: int = 0
    select_by: str = "telling"
    pca: int = 0
    as_they_are: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A fitted preparation. Output column j is made from input column `source[j]`.

    mode : NUMBER, MISSING or WORD; code : the word of a WORD column; fill : what replaces NaN in a NUMBER column (NaN:
    leave it); centre, scale : (z - centre) / scale; knots : shape (n_knots, n_out), quantiles of the training rows or
    shape (0, n_out); axes : shape (n_out, n_components), principal axes, or (n_out, 0) for none.
    """

    n_columns: int
    source: IntArray
    mode: IntArray
    code: FloatArray
    fill: FloatArray
    centre: FloatArray
    scale: FloatArray
    clip: float
    knots: FloatArray
    axes_mean: FloatArray
    axes: FloatArray

    @property
    def n_out(self) -> int:
        """Number of columns that come out."""
        return self.axes.shape[1] or len(self.source)

    def transform(self, X: FloatArray) -> FloatArray:
        """The prepared matrix, shape (n_rows, n_out)."""
        Z = self._encoded(X)
        if len(self.knots):
            Z = _normal_scores(Z, self.knots, self.mode == NUMBER)
        Z -= self.centre
        Z /= self.scale
        if self.clip:
            np.clip(Z, -self.clip, self.clip, out=Z)
        if self.axes.shape[1]:
            Z = (Z - self.axes_mean) @ self.axes
        return Z

    def _encoded(self, X: FloatArray) -> FloatArray:
        Z = np.take(X, self.source, axis=1)
        numbers = self.mode == NUMBER
        empty = np.isnan(Z)
        if not numbers.all():
            Z[:, self.mode == MISSING] = empty[:, self.mode == MISSING]
            words = self.mode == WORD
            Z[:, words] = Z[:, words] == self.code[words]
        if empty.any():
            rows, columns = np.nonzero(empty & (numbers | (self.mode == AS_IT_IS)))
            Z[rows, columns] = self.fill[columns]
        return Z

    def to_arrays(self) -> Arrays:
        """Plain arrays."""
        return {
            "n_columns": np.array(self.n_columns), "source": self.source, "mode": self.mode, "code": self.code,
            "fill": self.fill, "centre": self.centre, "scale": self.scale, "clip": np.array(self.clip),
            "knots": self.knots, "axes_mean": self.axes_mean, "axes": self.axes,
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Prepared:
        """The fitted preparation again; BundleError where an index, shape or size is impossible."""
        n_columns = int(number(arrays, "n_columns"))
        source = within(arrays, "source", 0, max(n_columns, 0)).astype(np.int64)
        k = len(source)
        mode = within(arrays, "mode", 0, 4).astype(np.int64)
        lines = [taken(arrays, name).astype(np.float64) for name in ("code", "centre", "scale", "axes_mean")]
        fill = taken(arrays, "fill", finite=False).astype(np.float64)
        knots = taken(arrays, "knots", ndim=2).astype(np.float64)
        axes = taken(arrays, "axes", ndim=2).astype(np.float64)
        if any(len(line) != k for line in (mode, fill, *lines)) or knots.shape[1] != k or axes.shape[0] != k:
            raise BundleError("the arrays of a preparation differ in length. The bundle is not trusted.")
        code, centre, scale, axes_mean = lines
        clip = number(arrays, "clip")
        if (scale <= 0).any() or not clip >= 0 or np.isinf(fill).any() or len(knots) == 1:
            raise BundleError("a preparation holds an impossible scale or limit. The bundle is not trusted.")
        if len(knots) and (np.diff(knots, axis=0) < 0).any():
            raise BundleError("the quantiles of a preparation are not in order. The bundle is not trusted.")
        return cls(n_columns, source, mode, code, fill, centre, scale, clip, knots, axes_mean, axes)


def prepare(
    X: FloatArray, y: FloatArray, how: Preparation, columns: Columns, *, classes: int = 0, seed: int = 0
) -> Prepared:
    """Learn a preparation from training rows.

    Parameters
    ----------
    X : shape (n_rows, n_features), NaN where missing, codes in category columns.
    y : shape (n_rows,), value or class index; read only when columns are selected.
    classes : number of classes, 0 for a regression. seed : of ways to select that draw.

    Raises
    ------
    ConfigError : columns are selected by an unknown method.
    """
    source, mode, code, fill = _outputs(X, how, columns)
    k = len(source)
    plain = Prepared(
        X.shape[1], source, mode, code, fill, np.zeros(k), np.ones(k), 0.0, np.zeros((0, k)), np.zeros(k),
        np.zeros((k, 0)),
    )  # fmt: skip
    Z = plain.transform(X)
    if 0 < how.select < k:
        kept = _selected(Z, y, mode, how, classes, seed)
        Z, source, mode, code, fill = Z[:, kept], source[kept], mode[kept], code[kept], fill[kept]
        k = len(kept)
    centre, scale, knots = _scales(Z, mode, how.scaling)
    clip = 0.0 if how.scaling == "none" else how.clip
    scaled = Prepared(X.shape[1], source, mode, code, fill, centre, scale, clip, knots, np.zeros(k), np.zeros((k, 0)))
    if not 0 < how.pca < k:
        return scaled
    mean, axes = _principal(scaled.transform(X), how.pca)
    return Prepared(X.shape[1], source, mode, code, fill, centre, scale, clip, knots, mean, axes)


def _selected(Z: FloatArray, y: FloatArray, mode: IntArray, how: Preparation, classes: int, seed: int) -> IntArray:
    """Places of the output columns that stay, ascending; gaps that models fill their own way count as the median."""
    free = np.flatnonzero(mode != AS_IT_IS)
    some = Z[:, free]
    if np.isnan(some).any():
        some = np.where(np.isnan(some), np.nanmedian(some, axis=0), some)
    kept = free[chosen(how.select_by, some, y, how.select, classes=classes, seed=seed)]
    return np.sort(np.r_[np.flatnonzero(mode == AS_IT_IS), kept])


def _outputs(X: FloatArray, how: Preparation, columns: Columns) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    categorical = np.zeros(X.shape[1], bool)
    categorical[list(columns.categorical)] = True
    empty = np.isnan(X)
    share = empty.mean(axis=0) if len(X) else np.ones(X.shape[1])
    varies = _varies(X, empty)
    ending = how.as_they_are
    untouched = [bool(ending) and o.endswith(ending) and s < 1 for o, s in zip(columns.origins, share, strict=True)]
    rows: list[tuple[int, int, float, float]] = []
    for j in range(X.shape[1]):
        if categorical[j]:
            rows += [(j, WORD, code, 0.0) for code in _words(X[:, j], how.words)]
        elif untouched[j]:
            rows.append((j, AS_IT_IS, 0.0, float(np.median(X[~empty[:, j], j]))))
        elif varies[j]:
            keep = how.keep_missing and share[j] > 0
            rows.append((j, NUMBER, 0.0, np.nan if keep else float(np.median(X[~empty[:, j], j]))))
        if how.indicator_share <= share[j] < 1 and share[j] > 0:
            rows.append((j, MISSING, 0.0, 0.0))
    table = np.array(rows, np.float64).reshape(-1, 4)
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3]


def _varies(X: FloatArray, empty: BoolArray) -> BoolArray:
    low = np.where(empty, np.inf, X).min(axis=0, initial=np.inf)
    high = np.where(empty, -np.inf, X).max(axis=0, initial=-np.inf)
    size = np.maximum(np.abs(low), np.abs(high))
    with np.errstate(invalid="ignore"):
        return np.isfinite(low) & (high - low > _FLAT * size)


def _words(column: FloatArray, limit: int) -> list[float]:
    """Codes seen more than once (or all, where every one is rare), the most frequent first, in code order."""
    codes, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    if len(codes) < 2 and counts.sum() == len(column):
        return []
    if (counts > 1).any():
        codes, counts = codes[counts > 1], counts[counts > 1]
    order = np.argsort(-counts, kind="stable")[:limit]
    return np.sort(codes[order]).tolist()


def _scales(Z: FloatArray, mode: IntArray, scaling: Scaling) -> tuple[FloatArray, FloatArray, FloatArray]:
    k = Z.shape[1]
    centre, scale, knots = np.zeros(k), np.ones(k), np.zeros((0, k))
    numbers = mode == NUMBER
    if scaling == "none" or not numbers.any():
        return centre, scale, knots
    if scaling == "quantile":
        steps = np.linspace(0.0, 1.0, min(len(Z), 100) if len(Z) > 1 else 2)
        return centre, scale, np.quantile(Z, steps, axis=0)
    mean, std = Z.mean(axis=0), Z.std(axis=0)
    if scaling == "robust":
        low, mean, high = np.quantile(Z, [0.25, 0.5, 0.75], axis=0)
        # a column that is mostly one value has no distance of quartiles
        std = np.where(high - low > _FLAT * std, (high - low) / _NORMAL_IQR, std)
    centre[numbers] = mean[numbers]
    scale[numbers] = np.where(std > 0, std, 1.0)[numbers]
    return centre, scale, knots


def _normal_scores(Z: FloatArray, knots: FloatArray, numbers: BoolArray) -> FloatArray:
    from scipy.special import ndtri

    steps = np.linspace(0.0, 1.0, len(knots))
    for j in np.flatnonzero(numbers):
        column, line = Z[:, j], knots[:, j]
        # ties take the middle of their steps: the mean of both interpolations
        up = np.interp(column, line, steps)
        down = 1.0 - np.interp(-column, -line[::-1], steps)
        Z[:, j] = ndtri(np.clip(0.5 * (up + down), 0.001, 0.999))
    return Z


def _principal(Z: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    mean = Z.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(Z - mean, rowvar=False))
    axes = vectors[:, ::-1][:, :count]
    # eigenvectors have no sign of their own: the largest entry is made positive
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    return mean, axes * signs
