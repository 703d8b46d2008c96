"""How far experiments are from each other, part by part: numbers, words, compositions, fingerprints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.design.contract import Axes

Kind = Literal["number", "word", "metric", "tanimoto"]


@dataclass(frozen=True, slots=True)
class Part:
    """Columns whose squared distance is stretched by one length.

    kind : "number" |a - b|^2; "word" 1 where codes differ; "metric" |(a - b) metric|^2, for compositions; "tanimoto"
    2 (1 - T), with T the shared share of features, continuous for counts (Ralaivola et al. 2005,
    doi:10.1016/j.neunet.2005.07.009). metric : shape (n_columns, n_axes). usual : the length that is expected.
    """

    name: str
    kind: Kind
    columns: IntArray
    usual: float = 1.0
    metric: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    def squares(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """Shape (n_a, n_b), >= 0."""
        a, b = A[:, self.columns], B[:, self.columns]
        if self.kind == "word":
            return np.asarray((a[:, :1] != b[:, 0][None, :]).astype(np.float64))
        if self.kind == "tanimoto":
            return 2.0 * (1.0 - tanimoto(a, b))
        if self.kind == "metric":
            a, b = a @ self.metric, b @ self.metric
        if a.shape[1] == 1:
            return np.asarray((a - b[:, 0][None, :]) ** 2)
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(a, b, "sqeuclidean"))


def all_squares(parts: tuple[Part, ...], lengths: FloatArray, A: FloatArray, B: FloatArray) -> FloatArray:
    """Sum over all parts of squared distances in units of their lengths, shape (n_a, n_b).

    Equal to adding `squares` part by part; numbers and compositions are taken together in one product of matrices.
    """
    sides: list[list[FloatArray]] = [[np.zeros((len(A), 0))], [np.zeros((len(B), 0))]]
    apart = np.zeros((len(A), len(B)))
    for part, length in zip(parts, lengths, strict=True):
        if part.kind in ("word", "tanimoto"):
            apart += part.squares(A, B) / length**2
            continue
        for side, X in zip(sides, (A, B), strict=True):
            own = X[:, part.columns] - 0.5
            side.append((own @ part.metric if part.kind == "metric" else own) / length)
    a, b = (np.hstack(side) for side in sides)
    straight = a @ (-2.0 * b.T)
    straight += np.einsum("nd,nd->n", a, a)[:, None]
    straight += np.einsum("nd,nd->n", b, b)
    return apart + np.maximum(straight, 0.0, out=straight)


def tanimoto(A: FloatArray, B: FloatArray) -> FloatArray:
    """Shared over all, a.b / (|a|^2 + |b|^2 - a.b), shape (n_a, n_b); 1 for two rows without any feature."""
    shared = A @ B.T
    total = np.einsum("nd,nd->n", A, A)[:, None] + np.einsum("nd,nd->n", B, B)[None, :] - shared
    return np.where(total > 0, shared / np.where(total > 0, total, 1.0), 1.0)


def usual_parts(axes: Axes) -> tuple[Part, ...]:
    """A part with a length of its own for everything that can be varied.

    The expected length grows with the root of the number of variables, so that a wide space is not one where everything
    is far from everything (Hvarfner et al. 2024, doi:10.48550/arXiv.2402.02229).
    """
    owners = [(int(v), bool(word)) for v, word in zip(axes.variable, axes.categorical, strict=True)]
    usual = 0.4 * float(np.sqrt(max(len(set(owners)), 1)))
    found = []
    for owner in dict.fromkeys(owners):
        columns = np.flatnonzero([other == owner for other in owners])
        name = axes.names[columns[0]]
        if owner[1]:
            found += [Part(axes.names[k], "word", np.array([k]), 2.0 * usual) for k in columns]
        else:
            found.append(Part(name, "number", columns, usual * float(np.sqrt(len(columns)))))
    return tuple(found)


def onehot(X: FloatArray, axes: Axes, words: tuple[int, ...]) -> FloatArray:
    """The columns as models of the pipeline and trees take them: a column per word, numbers as they are.

    words : how many codes each categorical column has; a code beyond them is none of the words.
    """
    own = np.flatnonzero(axes.categorical)
    coded = [(X[:, [k]] == np.arange(n)[None, :]).astype(np.float64) for k, n in zip(own, words, strict=True)]
    return np.hstack([X[:, ~axes.categorical], *coded])


def words_in(X: FloatArray, axes: Axes) -> tuple[int, ...]:
    """How many codes each categorical column of X has."""
    return tuple(int(X[:, k].max(initial=0.0)) + 1 for k in np.flatnonzero(axes.categorical))
