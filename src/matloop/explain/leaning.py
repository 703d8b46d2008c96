"""Which training rows a prediction leans on, as the model sees them.

A forest is a weighted mean of training values: a row weighs as much as it shares leaves with the one that is asked,
each leaf divided among its rows. Boosted trees are no such mean; there the same is done with trees of larger steps
counting more. Kernel models weigh by their kernel, neighbours by their own rule. For all others (linear models,
networks) the distance in the features that matter stands in.

References
----------
Lin & Jeon, J. Am. Stat. Assoc. 101 (2006) 578 (forests as weights of neighbours). doi:10.1198/016214505000001230
Tan et al., Proc. FODS (2020) 23 (likeness in tree ensembles). doi:10.1145/3412815.3416893
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.explain.output import rows_of
from matloop.models.jackknife import JackknifeForest
from matloop.models.kernels import KernelSum
from matloop.models.nearest_neighbour import Neighbours
from matloop.models.trees import Trees
from matloop.train.recipe_model import Member, RecipeModel

LEAVES, KERNEL, NEIGHBOURS, DISTANCE = (
    "common leaves of the trees", "the kernel", "the model's own neighbours", "distance in the features that matter",
)  # fmt: skip
_NEAR = 10
"""The width of the stand-in is the distance of the tenth nearest row."""


def leaning(
    model: Any, X_train: ArrayLike, X: ArrayLike, *, importance: ArrayLike | None = None
) -> tuple[FloatArray, str]:
    """How much each training row weighs in each prediction.

    Parameters
    ----------
    model : a fitted recipe, a forest of scikit-learn, or any other model (then by distance).
    X_train : shape (n_train, n_features), rows that the model was fitted on (or a part of them). X : shape (n,
        n_features), rows that are asked.
    importance : shape (n_features,), how much each column matters to the model, for the stand-in; None: all alike.

    Returns
    -------
    weights, shape (n, n_train), each row sums to one; and how they were found, in words.

    Raises
    ------
    DataError : the tables do not fit each other.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesRegressor
    >>> X, y = np.arange(20.0)[:, None], np.arange(20.0)
    >>> model = ExtraTreesRegressor(20, min_samples_leaf=3, random_state=0).fit(X, y)
    >>> weights, how = leaning(model, X, [[4.2]])
    >>> how, bool(np.allclose(weights @ y, model.predict([[4.2]])))
    ('common leaves of the trees', True)
    """
    known, asked = rows_of(X_train, "X_train"), rows_of(X)
    if known.shape[1] != asked.shape[1]:
        raise DataError(f"X_train has {known.shape[1]} columns, X has {asked.shape[1]}. Give the same ones.")
    matters = np.ones(known.shape[1]) if importance is None else np.asarray(importance, dtype=np.float64)
    if isinstance(model, RecipeModel):
        parts = [(w, *_member(m, known, asked, matters)) for w, m in zip(model.weights, model.members, strict=True)]
        weights = np.asarray(sum(w * found for w, found, _ in parts))
        return weights / weights.sum(axis=1, keepdims=True), " + ".join(dict.fromkeys(how for *_, how in parts))
    if hasattr(model, "apply") and hasattr(model, "estimators_"):
        leaves, wanted = np.asarray(model.apply(known)), np.asarray(model.apply(asked))
        return _even(_common(leaves, wanted, np.ones(leaves.shape[1]))), LEAVES
    return by_distance(known, asked, matters), DISTANCE


def effective_rows(weights: FloatArray) -> FloatArray:
    """On how many rows each prediction effectively leans, 1 / sum(w^2), shape (n,)."""
    return 1.0 / np.maximum((np.asarray(weights) ** 2).sum(axis=1), 1e-300)


def by_distance(known: FloatArray, asked: FloatArray, importance: FloatArray) -> FloatArray:
    """Weights exp(-d^2 / 2 h^2) of standardised columns, each scaled by the root of its importance; h is the distance
    of the tenth nearest row."""
    centre, spread = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    used = (spread > 0) & (importance > 0)
    if not used.any():
        return np.full((len(asked), len(known)), 1.0 / len(known))
    scale = np.sqrt(importance[used] / importance[used].sum()) / spread[used]
    A, B = (np.nan_to_num((rows[:, used] - centre[used]) * scale) for rows in (asked, known))
    squared = np.maximum((A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2.0 * A @ B.T, 0.0)
    place = min(_NEAR, len(known)) - 1
    width = np.maximum(np.partition(squared, place, axis=1)[:, place], 1e-12)
    return _even(np.exp(-0.5 * (squared - squared.min(axis=1, keepdims=True)) / width[:, None]))


def _member(member: Member, known: FloatArray, asked: FloatArray, importance: FloatArray) -> tuple[FloatArray, str]:
    at: Any = member.columns
    predictor, prepared = (getattr(member.model, name, None) for name in ("predictor_", "prepared_"))
    if prepared is not None:
        A, B = prepared.transform(asked[:, at]), prepared.transform(known[:, at])
        if isinstance(predictor, JackknifeForest):
            predictor = predictor.trees
        if isinstance(predictor, Trees):
            return _by_leaves(predictor, B, A), LEAVES
        if isinstance(predictor, KernelSum):
            return _even(np.maximum(predictor.kernel(A, B), 0.0)), KERNEL
        if isinstance(predictor, Neighbours):
            return _by_rule(predictor, B, A), NEIGHBOURS
    return by_distance(known[:, at], asked[:, at], importance[at]), DISTANCE


def _by_leaves(trees: Trees, known: FloatArray, asked: FloatArray) -> FloatArray:
    leaves, wanted = trees.leaf_of(known), trees.leaf_of(asked)
    if trees.n_members == trees.n_trees:
        return _even(_common(leaves, wanted, np.ones(trees.n_trees)))
    # boosting: a tree that moves predictions more says more about which rows are alike
    sizes = np.diff(trees.leaves)
    tree = np.repeat(np.arange(trees.n_trees), sizes)
    value = trees.value.astype(np.float64).sum(axis=1)
    mean = np.bincount(tree, value) / sizes
    return _even(_common(leaves, wanted, np.sqrt(np.bincount(tree, (value - mean[tree]) ** 2) / sizes)))


def _common(leaves: np.ndarray, wanted: np.ndarray, size: FloatArray) -> FloatArray:
    """Common leaves, each divided among the training rows in it, shape (n_asked, n_known); size : of each tree."""
    found = np.zeros((len(wanted), len(leaves)))
    for k, one in enumerate(wanted):
        same = leaves == one
        found[k] = same @ (size / np.maximum(same.sum(axis=0), 1))
    return found


def _by_rule(model: Neighbours, known: FloatArray, asked: FloatArray) -> FloatArray:
    from scipy.spatial.distance import cdist

    apart = cdist(asked, known, "cityblock" if model.metric == "manhattan" else "euclidean")
    k = min(model.k, len(known))
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :k]
    found = np.zeros_like(apart)
    near = np.take_along_axis(apart, nearest, axis=1)
    share = 1.0 / np.maximum(near, 1e-9) if model.by_distance else np.ones_like(near)
    np.put_along_axis(found, nearest, share, axis=1)
    return _even(found)


def _even(weights: FloatArray) -> FloatArray:
    """Rows that sum to one; where nothing is alike all weigh the same."""
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1.0), 1.0 / weights.shape[1])
