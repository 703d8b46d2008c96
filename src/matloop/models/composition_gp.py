"""Gaussian process that knows that chlorine is like bromine: a kernel of compositions beside one of the other columns.

Element fractions are compared through the likeness S of the elements: the squared distance of two compositions a and b
is (a - b)^T S (a - b), so exchanging alike elements is a short way. It is the maximum mean discrepancy of the two
compositions as distributions over the elements (Gretton et al. 2012), with S a Gaussian kernel over Magpie's element
properties (Ward et al. 2016, doi:10.1038/npjcompumats.2016.28).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import Z_OF, filled_table
from matloop.core.errors import ConfigError
from matloop.models.evidence import Evidence, Part
from matloop.models.family import FitTask
from matloop.models.gaussian_process import NUGGET, posterior, probed
from matloop.models.kernels import CompositionKernel, KernelSum, usual_distance
from matloop.models.prepare import Preparation
from matloop.models.table_family import REGRESSION, Settings, TableFamily, log_uniform, one_of
from matloop.represent.magpie import PROPERTIES
from matloop.represent.table import Columns

FRACTIONS = ":fractions"
"""how the origin of a column of element fractions ends"""
_SYNTHETIC = 95
"""elements from here on have no measured properties: they say nothing about what a usual distance is"""


@dataclass(frozen=True, slots=True)
class CompositionGpLearner:
    """Settings.

    kernel : "matern52", "matern32" or "rbf". likeness : how far elements count as alike, in units of the median
    distance of their properties: small makes every element its own. ard : a length for every column beside the
    fractions. length : where the search for lengths begins, in units of the median distance between rows.

    Without columns of element fractions (featurizer "fractions") it is a process over the other columns.
    `blocks` and `symbols` are found by `seeing`, not set.
    """

    kernel: Literal["matern52", "matern32", "rbf"] = "matern52"
    likeness: float = 0.5
    ard: bool = False
    length: float = 1.0
    loss: str = "auto"
    blocks: tuple[tuple[int, ...], ...] = ()
    symbols: tuple[str, ...] = ()

    def seeing(self, columns: Columns, source: IntArray) -> CompositionGpLearner:
        """The same, knowing which prepared columns are fractions of which element.

        Raises
        ------
        ConfigError : the columns were turned into principal components, which are no elements.
        """
        if not len(source):
            raise ConfigError("a kernel of compositions needs the element fractions as they are: leave out 'pca'.")
        origins = [columns.origins[at] for at in source]
        own = dict.fromkeys(origin for origin in origins if origin.endswith(FRACTIONS))
        blocks = tuple(tuple(k for k, origin in enumerate(origins) if origin == one) for one in own)
        return replace(self, blocks=blocks, symbols=tuple(columns.names[at].rpartition(" ")[2] for at in source))

    def learn(self, Z: FloatArray, y: FloatArray, weights: FloatArray, *, classes: int, seed: int) -> KernelSum:
        """Row weights divide the noise, also while the kernel is chosen."""
        used = weights > 0
        Z, y, weights = Z[used], y[used], weights[used]
        kernel, noise = self._chosen(Z, y[:, None], weights, seed)
        return posterior(kernel, Z, y[:, None], noise / weights, noise)

    def _chosen(self, Z: FloatArray, Y: FloatArray, weights: FloatArray, seed: int) -> tuple[CompositionKernel, float]:
        elements = np.array([k for block in self.blocks for k in block], np.int64)
        rest = np.setdiff1d(np.arange(Z.shape[1]), elements)
        metric = self._metric()
        some = probed(len(Z), seed)
        sides = (Z[some][:, elements] @ metric, Z[some][:, rest])
        there = [k for k, side in enumerate(sides) if side.shape[1]]
        parts = tuple(
            Part(sides[k], self.length * usual_distance(sides[k], self.kernel, seed), self.ard and k == 1)
            for k in there
        )
        terms = ((0,), (1,), (0, 1)) if len(there) == 2 else ((0,),)
        gram = sum(side @ side.T for side in sides) / (metric.shape[1] + len(rest))
        found = Evidence(self.kernel, parts, terms, np.asarray(gram), Y[some], weights[some]).best()
        lengths = dict(zip(there, found.lengths, strict=True))
        amplitudes = np.zeros(3)
        amplitudes[: len(terms)] = found.amplitudes
        if there == [1]:
            amplitudes = amplitudes[[1, 0, 2]]
        kernel = CompositionKernel(
            self.kernel, elements, metric, rest, float(lengths.get(0, np.ones(1))[0]),
            np.ones(len(rest)) * lengths.get(1, np.ones(1)), amplitudes, found.trend,
        )  # fmt: skip
        return kernel, found.noise + NUGGET

    def _metric(self) -> FloatArray:
        """Shape (n_elements, n_axes); compositions of several inputs have axes of their own."""
        own = [likeness_axes(tuple(self.symbols[k] for k in block), self.likeness) for block in self.blocks]
        found = np.zeros((sum(map(len, own)), sum(axes.shape[1] for axes in own)))
        row = column = 0
        for axes in own:
            found[row : row + len(axes), column : column + axes.shape[1]] = axes
            row, column = row + len(axes), column + axes.shape[1]
        return found


@cache
def likeness_axes(symbols: Sequence[str], scale: float) -> FloatArray:
    """L with L L^T = S, the likeness of the elements: exp(-d^2 / 2) with d the distance of their standardised Magpie
    properties in units of `scale` times its median; shape (n_elements, n_axes)."""
    from scipy.spatial.distance import cdist

    values = filled_table("magpie", PROPERTIES).values
    known = values[1:_SYNTHETIC]
    spread = known.std(axis=0)
    scaled = (values - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    between = cdist(scaled[1:_SYNTHETIC], scaled[1:_SYNTHETIC])
    usual = float(np.median(between[between > 0]))
    mine = scaled[[Z_OF[symbol] for symbol in symbols]]
    S = np.exp(-0.5 * (cdist(mine, mine) / (scale * usual)) ** 2)
    sizes, axes = np.linalg.eigh(S)
    kept = sizes > 1e-6 * sizes[-1]
    axes = axes[:, kept] * np.sqrt(sizes[kept])
    # eigenvectors have no sign of their own: the largest entry is made positive
    return np.asarray(axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]))


def _space(columns: Columns, task: FitTask, rng: np.random.Generator, number: int) -> Settings:
    if number == 0:
        return {}
    return {
        "kernel": one_of(rng, "matern52", "matern32", "rbf"),
        "likeness": one_of(rng, 0.3, 0.5, 0.7, 1.0),
        "length": log_uniform(rng, 0.5, 2.0),
    }


FAMILY = TableFamily(
    name="composition_gp",
    label="Gaussian process of compositions",
    tasks=REGRESSION,
    citation="Gretton et al., J. Mach. Learn. Res. 13 (2012) 723; Rasmussen & Williams (2006).",
    max_rows=2_000,
    learner=CompositionGpLearner,
    space=_space,
    losses=frozenset({"mse"}),
    preparation=Preparation(as_they_are=FRACTIONS),
    own_spread=True,
    by_name=True,
)
