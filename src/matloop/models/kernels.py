"""Kernels, and the predictor of every kernel method: ridge, support vectors, Gaussian processes exact and sparse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import numpy as np

from matloop.core.arrays import Arrays, FloatArray, IntArray, number, taken, text
from matloop.core.errors import BundleError
from matloop.models.family import Uncertainty
from matloop.models.link import Link, linked, read_link

KernelName = Literal["rbf", "laplacian", "matern32", "matern52"]
KERNELS: tuple[KernelName, ...] = ("rbf", "laplacian", "matern32", "matern52")
COMPOSITION = "composition"
_ENTRIES = 4_000_000
"""kernel entries held at once (32 MB)"""


class AnyKernel(Protocol):
    """A similarity of rows of prepared columns."""

    @property
    def n_columns(self) -> int: ...

    def __call__(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """Shape (n_a, n_b)."""
        ...

    def diagonal(self, A: FloatArray) -> FloatArray:
        """Of the kernel matrix of A with itself, shape (n_a,)."""
        ...

    def to_arrays(self) -> Arrays: ...


@dataclass(frozen=True, slots=True)
class Kernel:
    """amplitude * shape(distance / lengths) + linear * (a . b) / n_columns.

    lengths : shape (n_columns,), positive. "laplacian" uses the sum of absolute differences, the others the Euclidean
    distance r: "rbf" exp(-r^2 / 2), Matern as in Rasmussen & Williams (2006), section 4.2.
    """

    name: KernelName
    lengths: FloatArray
    amplitude: float = 1.0
    linear: float = 0.0

    def __call__(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """Shape (n_a, n_b)."""
        from scipy.spatial.distance import cdist

        scaled_a, scaled_b = A / self.lengths, B / self.lengths
        if self.name == "laplacian":
            K = np.exp(-cdist(scaled_a, scaled_b, "cityblock"))
        else:
            K = _shape(self.name, _squares(scaled_a, scaled_b))
        K *= self.amplitude
        if self.linear:
            K += (self.linear / A.shape[1]) * (A @ B.T)
        return K

    def diagonal(self, A: FloatArray) -> FloatArray:
        """Of the kernel matrix of A with itself, shape (n_a,)."""
        return self.amplitude + (self.linear / A.shape[1]) * np.einsum("nd,nd->n", A, A)

    @property
    def n_columns(self) -> int:
        return len(self.lengths)

    def to_arrays(self) -> Arrays:
        return {
            "kernel": np.array(self.name), "lengths": self.lengths, "amplitude": np.array(self.amplitude),
            "linear": np.array(self.linear),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Kernel:
        name, lengths = _known(text(arrays, "kernel")), taken(arrays, "lengths").astype(np.float64)
        amplitude, linear = number(arrays, "amplitude"), number(arrays, "linear")
        if not (len(lengths) and (lengths > 0).all() and 0 <= amplitude < np.inf and 0 <= linear < np.inf):
            raise BundleError("a kernel has an impossible length or size. The bundle is not trusted.")
        return cls(name, lengths, amplitude, linear)


@dataclass(frozen=True, slots=True)
class CompositionKernel:
    """e E + r R + b E R + linear: alike in composition (E), in the other columns (R), in both; and a trend.

    elements : positions of the columns that hold element fractions. metric : shape (n_elements, n_axes); E is the shape
    of the distance between `fractions @ metric`, so that exchanging alike elements is a short way.
    rest : positions of all other columns. lengths : shape (n_rest,), of those. length : of E.
    amplitudes : (e, r, b), zero where there are no such columns.
    """

    name: KernelName
    elements: IntArray
    metric: FloatArray
    rest: IntArray
    length: float
    lengths: FloatArray
    amplitudes: FloatArray
    linear: float

    @property
    def n_columns(self) -> int:
        return len(self.elements) + len(self.rest)

    def coordinates(self, A: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Of the composition, shape (n, n_axes), and of the rest, shape (n, n_rest)."""
        return A[:, self.elements] @ self.metric, A[:, self.rest]

    def __call__(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """Shape (n_a, n_b)."""
        (fractions_a, rest_a), (fractions_b, rest_b) = self.coordinates(A), self.coordinates(B)
        alone, other, both = self.amplitudes
        K = np.zeros((len(A), len(B)))
        if alone or both:
            E = _shape(self.name, _squares(fractions_a / self.length, fractions_b / self.length))
            K += alone * E
        if other or both:
            R = _shape(self.name, _squares(rest_a / self.lengths, rest_b / self.lengths))
            K += other * R
        if both:
            K += both * (E * R)
        return K + (self.linear / self._n_axes) * (fractions_a @ fractions_b.T + rest_a @ rest_b.T)

    def diagonal(self, A: FloatArray) -> FloatArray:
        """Of the kernel matrix of A with itself, shape (n_a,)."""
        fractions, rest = self.coordinates(A)
        own = np.einsum("nd,nd->n", fractions, fractions) + np.einsum("nd,nd->n", rest, rest)
        return float(self.amplitudes.sum()) + (self.linear / self._n_axes) * own

    @property
    def _n_axes(self) -> int:
        return self.metric.shape[1] + len(self.rest)

    def to_arrays(self) -> Arrays:
        return {
            "kernel": np.array(COMPOSITION), "shape": np.array(self.name), "elements": self.elements,
            "metric": self.metric, "rest": self.rest, "length": np.array(self.length), "lengths": self.lengths,
            "amplitudes": self.amplitudes, "linear": np.array(self.linear),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> CompositionKernel:
        name, metric = _known(text(arrays, "shape")), taken(arrays, "metric", ndim=2).astype(np.float64)
        elements, rest = (taken(arrays, part, kind="iu").astype(np.int64) for part in ("elements", "rest"))
        lengths, amplitudes = (taken(arrays, part).astype(np.float64) for part in ("lengths", "amplitudes"))
        length, linear = number(arrays, "length"), number(arrays, "linear")
        n = len(elements) + len(rest)
        good = (
            n > 0 and np.array_equal(np.sort(np.concatenate([elements, rest])), np.arange(n))
            and len(metric) == len(elements) and len(lengths) == len(rest) and bool((lengths > 0).all())
            and 0 < length < np.inf and amplitudes.shape == (3,) and bool((amplitudes >= 0).all())
            and 0 <= linear < np.inf and metric.shape[1] + len(rest) > 0 and name != "laplacian"
        )  # fmt: skip
        if not good:
            raise BundleError("the arrays of a composition kernel do not fit together. The bundle is not trusted.")
        return cls(name, elements, metric, rest, length, lengths, amplitudes, linear)


def _known(name: str) -> KernelName:
    if name not in KERNELS:
        raise BundleError(f"the bundle names the kernel {name!r}, known are {', '.join((*KERNELS, COMPOSITION))}.")
    return KERNELS[KERNELS.index(name)]


def read_kernel(arrays: Arrays) -> AnyKernel:
    """The kernel that `to_arrays` took apart, checked (BundleError)."""
    kind = CompositionKernel if text(arrays, "kernel") == COMPOSITION else Kernel
    return kind.from_arrays(arrays)


def _squares(A: FloatArray, B: FloatArray) -> FloatArray:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(A, B, "sqeuclidean"))


def _shape(name: KernelName, squared: FloatArray) -> FloatArray:
    if name == "rbf":
        squared *= -0.5
        return np.exp(squared, out=squared)
    r = np.sqrt((3.0 if name == "matern32" else 5.0) * squared)
    bend = 1.0 + r if name == "matern32" else 1.0 + r + r * r / 3.0
    return bend * np.exp(-r)


def shape_and_slope(name: KernelName, squared: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The shape at squared scaled distances, and its derivative by them; not for "laplacian"."""
    if name == "rbf":
        shape = np.exp(-0.5 * squared)
        return shape, -0.5 * shape
    r = np.sqrt((3.0 if name == "matern32" else 5.0) * squared)
    fall = np.exp(-r)
    if name == "matern32":
        return (1.0 + r) * fall, -1.5 * fall
    return (1.0 + r + r * r / 3.0) * fall, -(5.0 / 6.0) * (1.0 + r) * fall


@dataclass(frozen=True, slots=True)
class KernelSum:
    """values = link(K(Z, centres) @ weights + intercept).

    centres : shape (n_centres, n_columns). weights : shape (n_centres, n). intercept : shape (n,).
    precision : shape (n_centres, n_centres), or (0, 0) where the method has no variance; the variance of the latent
    value is k(z, z) - k^T precision k. noise : variance of the target around it for a row of weight one, 0 if unknown.
    """

    kind: ClassVar[str] = "kernel"
    kernel: AnyKernel
    centres: FloatArray
    weights: FloatArray
    intercept: FloatArray
    link: Link = "identity"
    precision: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    noise: float = 0.0

    @property
    def n_in(self) -> int:
        return self.centres.shape[1]

    @property
    def n_values(self) -> int:
        return 2 if self.link == "sigmoid" else len(self.intercept)

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        return self._both(Z, variance=False)[0]

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values, the posterior standard deviation of the latent value, and that of the noise of a new row of
        weight one; zeros for methods that have none."""
        values, spread = self._both(Z, variance=bool(self.precision.size))
        return values, Uncertainty(spread, np.full(len(Z), np.sqrt(self.noise)))

    def _both(self, Z: FloatArray, *, variance: bool) -> tuple[FloatArray, FloatArray]:
        values, spread = np.empty((len(Z), self.n_values)), np.zeros(len(Z))
        step = max(1, _ENTRIES // len(self.centres))
        for start in range(0, len(Z), step):
            block = slice(start, start + step)
            K = self.kernel(Z[block], self.centres)
            latent = K @ self.weights + self.intercept
            if variance:
                known = np.einsum("nc,nc->n", K @ self.precision, K)
                own = np.maximum(self.kernel.diagonal(Z[block]) - known, 0.0)
                spread[block] = np.sqrt(own)
            values[block] = linked(latent, self.link)
        if variance and self.link == "sigmoid":
            # first order: dp = p (1 - p) df
            spread *= values[:, 0] * values[:, 1]
        return values, spread

    def to_arrays(self) -> Arrays:
        return {
            **self.kernel.to_arrays(), "centres": self.centres, "weights": self.weights, "intercept": self.intercept,
            "link": np.array(self.link), "precision": self.precision,
            **({"noise": np.array(self.noise)} if self.noise else {}),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> KernelSum:
        kernel, intercept = read_kernel(arrays), taken(arrays, "intercept").astype(np.float64)
        centres, weights, precision = (
            taken(arrays, part, ndim=2).astype(np.float64) for part in ("centres", "weights", "precision")
        )
        m, d = centres.shape
        link = read_link(arrays)
        noise = number(arrays, "noise") if "noise" in arrays else 0.0
        good = (
            m > 0 and d == kernel.n_columns
            and weights.shape == (m, len(intercept)) and len(intercept) > 0
            and precision.shape in ((0, 0), (m, m)) and (link != "sigmoid" or len(intercept) == 1)
            and 0 <= noise < np.inf
        )  # fmt: skip
        if not good:
            raise BundleError("the arrays of a kernel model do not fit together. The bundle is not trusted.")
        return cls(kernel, centres, weights, intercept, link, precision, noise)


def usual_distance(Z: FloatArray, name: KernelName, seed: int, most: int = 500) -> float:
    """Median distance between pairs of (at most 500) rows: the natural length of a kernel on these columns."""
    from scipy.spatial.distance import pdist

    rows = Z if len(Z) <= most else Z[np.random.default_rng(seed).choice(len(Z), most, replace=False)]
    gaps = pdist(rows, "cityblock" if name == "laplacian" else "euclidean")
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 1.0
