"""How unsure the mean of bootstrapped trees is, told from the rows that each tree has drawn; no further fit.

The spread over the trees says how much single trees differ, noise included; it does not shrink with more rows. What is
asked of a forest is how far its mean would move with another training table: the infinitesimal jackknife and the
jackknife after the bootstrap estimate that from the same trees. The first is too high with few trees, the second, too;
both are corrected for that, and as one errs upwards and the other downwards their mean is taken.

Wager, Hastie & Efron, J. Mach. Learn. Res. 15 (2014) 1625.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, taken, under
from matloop.core.errors import BundleError
from matloop.models.family import Uncertainty
from matloop.models.trees import Trees


def drawn_counts(n_rows: int, n_trees: int, seed: int) -> IntArray:
    """How often each tree draws each row when it draws `n_rows` with replacement, shape (n_trees, n_rows)."""
    return np.random.default_rng(seed).multinomial(n_rows, np.full(n_rows, 1.0 / n_rows), size=n_trees)


def infinitesimal_form(counts: IntArray) -> FloatArray:
    """Q with d^T Q d = the infinitesimal jackknife, corrected for the number of trees (equation 7).

    d is what the trees say less its mean; shape (n_trees, n_trees).
    """
    n_trees, n_rows = counts.shape
    drawn = counts.astype(np.float64) - 1.0
    return (drawn @ drawn.T - n_rows * np.eye(n_trees)) / n_trees**2


def jackknife_form(counts: IntArray) -> FloatArray:
    """Q with d^T Q d = the jackknife after the bootstrap, corrected for the number of trees (equations 5 and 8).

    Rows that every tree has drawn say nothing; the others stand for them.
    """
    n_trees, n_rows = counts.shape
    absent = (counts == 0).astype(np.float64)
    without = absent.sum(axis=0)
    told = absent[:, without > 0] / without[without > 0]
    if not told.shape[1]:
        return np.zeros((n_trees, n_trees))
    share = (n_rows - 1.0) / told.shape[1]
    return share * (told @ told.T) - (np.e - 1.0) * n_rows / n_trees**2 * np.eye(n_trees)


def variance_form(counts: IntArray) -> FloatArray:
    """The mean of both, shape (n_trees, n_trees): all that is needed to tell the variance at any new row."""
    return 0.5 * (infinitesimal_form(counts) + jackknife_form(counts))


def quadratic(away: FloatArray, form: FloatArray) -> FloatArray:
    """d^T Q d of every row of `away`, shape (n_rows, n_trees); may be below zero."""
    return np.asarray(np.einsum("nt,nt->n", away @ form, away))


def row_noise(said: FloatArray, y: FloatArray, counts: IntArray, form: FloatArray) -> FloatArray:
    """Squared error of the trees that did not see a row, less the variance of the forest there; shape (n_rows,).

    What is left of an out-of-bag error when the forest's own doubt is taken off is noise (and the bias of the forest,
    which cannot be told from it); single entries are rough and may be negative. NaN for rows that every tree has seen.

    Parameters
    ----------
    said : shape (n_rows, n_trees), what each tree says of the training rows. y : shape (n_rows,).
    """
    unseen = (counts == 0).T
    trees = unseen.sum(axis=1)
    with np.errstate(invalid="ignore"):
        outside = np.where(trees > 0, (said * unseen).sum(axis=1) / np.maximum(trees, 1), np.nan)
    variance = quadratic(said - said.mean(axis=1, keepdims=True), form)
    return (y - outside) ** 2 - np.maximum(variance, 0.0)


@dataclass(frozen=True, slots=True)
class JackknifeForest:
    """Bootstrapped trees, averaged.

    form : shape (n_trees, n_trees), see `variance_form`. noise : variance of the noise over the columns; None for
    classes.
    """

    kind: ClassVar[str] = "jackknife"
    trees: Trees
    form: NDArray[np.float32]
    noise: Trees | None

    @property
    def n_in(self) -> int:
        return self.trees.n_in

    @property
    def n_values(self) -> int:
        return self.trees.n_values

    def values(self, Z: FloatArray) -> FloatArray:
        """Shape (n_rows, n_values)."""
        return self.trees.values(Z)

    def values_and_uncertainty(self, Z: FloatArray) -> tuple[FloatArray, Uncertainty]:
        """The values, the deviation of the mean over the trees, and the noise."""
        values, own, _ = self.trees.by_member(Z)
        away = own - own.mean(axis=1, keepdims=True)
        variance = quadratic(away, self.form.astype(np.float64))
        # the estimate can fall below zero; the mean of so few trees is at least as unsure as this
        epistemic = np.sqrt(np.maximum(variance, (away**2).mean(axis=1) / len(self.form)))
        noise = np.zeros(len(Z)) if self.noise is None else self.noise.values(Z)[:, 0]
        return values, Uncertainty(epistemic, np.sqrt(np.maximum(noise, 0.0)))

    def to_arrays(self) -> Arrays:
        noise = {} if self.noise is None else nested("noise", self.noise.to_arrays())
        return {"form": self.form, **nested("trees", self.trees.to_arrays()), **noise}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> JackknifeForest:
        trees, form = Trees.from_arrays(under("trees", arrays)), taken(arrays, "form", ndim=2).astype(np.float32)
        found = under("noise", arrays)
        noise = Trees.from_arrays(found) if found else None
        one_each = trees.n_members == trees.n_trees
        if not one_each or form.shape != (trees.n_trees, trees.n_trees):
            raise BundleError("the jackknife of a forest does not fit its trees. The bundle is not trusted.")
        if noise is not None and (noise.n_in, noise.n_values, trees.n_values) != (trees.n_in, 1, 1):
            raise BundleError("the noise of a forest is not told from its columns. The bundle is not trusted.")
        return cls(trees, form, noise)
