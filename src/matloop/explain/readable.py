"""Models that can be read: a shallow tree as rules, a line of few terms, an explainable boosting.

Each is fitted to prepared columns and predicts one number per row: a value, or the probability of one class.

References
----------
Breiman et al., Classification and Regression Trees (1984). doi:10.1201/9781315139470
Efron et al., Ann. Stat. 32 (2004) 407 (least angle regression). doi:10.1214/009053604000000067
Meinshausen, Comput. Stat. Data Anal. 52 (2007) 374 (relaxed lasso). doi:10.1016/j.csda.2006.12.019
Lou et al., Proc. KDD 19 (2013) 623 (explainable boosting). doi:10.1145/2487575.2487579
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.optional import require
from matloop.explain.values import Term
from matloop.models.prepare import MISSING, WORD, Preparation, Prepared, prepare
from matloop.represent.table import Columns

DEPTH = 4
MOST_TERMS = 8
_TOLD = 40
"""Columns that tell most about the target, among which a readable model chooses."""
_LEAST_LEAF = 0.02
_MARGIN = 1e-9


class Readable(Protocol):
    """A fitted model that can be read."""

    def predict(self, Z: FloatArray) -> FloatArray:
        """One number per prepared row, shape (n_rows,)."""
        ...

    def terms(self) -> tuple[Term, ...]: ...

    def rules(self, unit: str = "", *, share: bool = False) -> tuple[str, ...]: ...


class Reader(Protocol):
    """How one kind of readable model is fitted."""

    def __call__(
        self, Z: FloatArray, y: FloatArray, weights: FloatArray, names: Sequence[str], *, classes: bool, seed: int
    ) -> Readable: ...


@dataclass(frozen=True, slots=True)
class Columned:
    """Prepared columns with names: numbers imputed, a flag for every word of a category."""

    prepared: Prepared
    names: tuple[str, ...]

    def rows(self, X: FloatArray) -> FloatArray:
        """Prepared rows, shape (n_rows, n_columns)."""
        return self.prepared.transform(X)


def readable_columns(X: FloatArray, y: FloatArray, columns: Columns, *, classes: int = 0) -> Columned:
    """Prepare the columns that tell most about `y`, learnt from these rows only; nothing is scaled, so that numbers
    keep their units."""
    how = Preparation(scaling="none", select=_TOLD)
    prepared = prepare(X, y, how, columns, classes=classes)
    return Columned(prepared, tuple(_named(prepared, columns)))


def _named(prepared: Prepared, columns: Columns) -> list[str]:
    names = []
    for source, mode, code in zip(prepared.source, prepared.mode, prepared.code, strict=True):
        name = columns.names[source]
        if mode == WORD:
            name = f"{name} = {columns.vocabularies[name][int(code)]}"
        names.append(f"{name} is missing" if mode == MISSING else name)
    return names


@dataclass(frozen=True, slots=True)
class FewTerms:
    """intercept + sum of coefficient * column, with at most eight columns; of a probability its log-odds.

    columns : shape (n_terms,). scale : shape (n_terms,), standard deviation of each column.
    """

    columns: IntArray
    coefficients: FloatArray
    scale: FloatArray
    intercept: float
    names: tuple[str, ...]
    log_odds: bool = False

    def predict(self, Z: FloatArray) -> FloatArray:
        raw = Z[:, self.columns] @ self.coefficients + self.intercept
        return 1.0 / (1.0 + np.exp(-np.clip(raw, -500, 500))) if self.log_odds else raw

    def terms(self) -> tuple[Term, ...]:
        size = np.abs(self.coefficients) * self.scale
        order = np.argsort(-size, kind="stable")
        return tuple(Term(self.names[i], float(size[i]), float(self.coefficients[i])) for i in order)

    def rules(self, unit: str = "", *, share: bool = False) -> tuple[str, ...]:
        return ()


def few_terms(
    Z: FloatArray, y: FloatArray, weights: FloatArray, names: Sequence[str], *, classes: bool, seed: int
) -> FewTerms:
    """The first columns of a lasso path, fitted again without a penalty; their number by BIC.

    With `classes` y holds 0 and 1, and the terms sum to log-odds.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lars_path

    del seed
    mean = np.average(Z, axis=0, weights=weights)
    scale = np.sqrt(np.average((Z - mean) ** 2, axis=0, weights=weights))
    varying = np.flatnonzero(scale > _MARGIN * np.maximum(np.abs(mean), 1.0))
    root = np.sqrt(weights)
    middle = float(np.average(y, weights=weights))
    if not len(varying) or np.ptp(y) == 0:
        return _nothing(y, weights, classes)
    unit = (Z[:, varying] - mean[varying]) / scale[varying] * root[:, None]
    most = min(MOST_TERMS, len(varying), max(1, len(y) // 5))
    with warnings.catch_warnings():
        # a column that is the sum of others is dropped from the path, which is all that is wanted
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, active, _ = lars_path(unit, (y - middle) * root, method="lar", max_iter=most)
    order = varying[np.array(active, dtype=np.int64)[:most]]
    best: tuple[float, FewTerms] | None = None
    for count in range(len(order) + 1):
        model = _refitted(Z, y, weights, order[:count], scale, names, classes)
        cost = _deviance(model, Z, y, weights) + count * np.log(len(y))
        if best is None or cost < best[0]:
            best = (cost, model)
    assert best is not None
    return best[1]


def _nothing(y: FloatArray, weights: FloatArray, classes: bool) -> FewTerms:
    """A constant: what is left where no column is worth a term."""
    empty, middle = np.zeros(0), float(np.average(y, weights=weights))
    share = min(max(middle, 1e-6), 1.0 - 1e-6)
    return FewTerms(
        empty.astype(np.int64), empty, empty, float(np.log(share / (1.0 - share))) if classes else middle, (), classes
    )  # fmt: skip


def _refitted(
    Z: FloatArray, y: FloatArray, weights: FloatArray, columns: IntArray, scale: FloatArray, names: Sequence[str],
    classes: bool,
) -> FewTerms:  # fmt: skip
    from sklearn.linear_model import LinearRegression, LogisticRegression

    if not len(columns):
        return _nothing(y, weights, classes)
    unit = Z[:, columns] / scale[columns]
    # a weak penalty keeps the coefficients finite where classes are separable
    model = LogisticRegression(C=100.0, max_iter=500) if classes else LinearRegression()
    model.fit(unit, y, sample_weight=weights)
    coefficients = np.ravel(model.coef_) / scale[columns]
    kept = tuple(names[j] for j in columns)
    return FewTerms(columns, coefficients, scale[columns], float(np.ravel(model.intercept_)[0]), kept, classes)


def _deviance(model: FewTerms, Z: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    said, n = model.predict(Z), len(y)
    if model.log_odds:
        p = np.clip(said, 1e-9, 1.0 - 1e-9)
        return float(-2.0 * (weights * (y * np.log(p) + (1.0 - y) * np.log(1.0 - p))).sum())
    return float(n * np.log(max(float(np.average((y - said) ** 2, weights=weights)), 1e-300)))


@dataclass(frozen=True, slots=True)
class ShallowTree:
    """A tree of at most four levels over prepared columns."""

    tree: Any
    names: tuple[str, ...]

    def predict(self, Z: FloatArray) -> FloatArray:
        return np.asarray(self.tree.predict(Z), dtype=np.float64)

    def terms(self) -> tuple[Term, ...]:
        grown = self.tree.tree_
        share = grown.compute_feature_importances(normalize=False) / max(float(grown.impurity[0]), 1e-300)
        order = np.argsort(-share, kind="stable")
        return tuple(Term(self.names[j], float(share[j])) for j in order if share[j] > 0)

    def rules(self, unit: str = "", *, share: bool = False) -> tuple[str, ...]:
        """One line per leaf, lowest output first: its conditions, its mean (a share in percent), its rows."""
        grown = self.tree.tree_
        lines = []
        for conditions, leaf in _leaves(grown, self.names):
            value = float(grown.value[leaf].ravel()[0])
            told = f"{value:.1%}" if share else f"{value:.4g}{' ' + unit if unit else ''}"
            lines.append((value, f"{conditions or 'always'}: {told} ({int(grown.n_node_samples[leaf]):,} rows)"))
        return tuple(line for _, line in sorted(lines, key=lambda pair: pair[0]))


def shallow_tree(
    Z: FloatArray, y: FloatArray, weights: FloatArray, names: Sequence[str], *, classes: bool, seed: int
) -> ShallowTree:
    """A regression tree of depth 4, at least 2 % of the rows (and five) in a leaf; of classes it gives the share."""
    from sklearn.tree import DecisionTreeRegressor

    del classes
    leaf = max(5, int(np.ceil(_LEAST_LEAF * len(y))))
    tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=leaf, random_state=seed % 2**32)
    return ShallowTree(tree.fit(Z, y, sample_weight=weights), tuple(names))


def _leaves(grown: Any, names: Sequence[str]) -> list[tuple[str, int]]:
    """(conditions in words, node) of every leaf; conditions on one column are put together."""
    found: list[tuple[str, int]] = []
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, limits = waiting.pop()
        left, right = int(grown.children_left[node]), int(grown.children_right[node])
        if left < 0:
            found.append((" and ".join(_condition(names[j], *ends) for j, ends in limits.items()), node))
            continue
        column, threshold = int(grown.feature[node]), float(grown.threshold[node])
        low, high = limits.get(column, (-np.inf, np.inf))
        waiting.append((right, {**limits, column: (max(low, threshold), high)}))
        waiting.append((left, {**limits, column: (low, min(high, threshold))}))
    return found


def _condition(name: str, low: float, high: float) -> str:
    if " = " in name or name.endswith(" is missing"):
        return name if low > -np.inf else (name.replace(" = ", " ≠ ") if " = " in name else f"not {name}")
    if low == -np.inf:
        return f"{name} ≤ {high:.4g}"
    return f"{name} > {low:.4g}" if high == np.inf else f"{low:.4g} < {name} ≤ {high:.4g}"


@dataclass(frozen=True, slots=True)
class Boosted:
    """An explainable boosting: a sum of one curve per column and a few joint ones."""

    model: Any
    classes: bool
    sizes: tuple[Term, ...] = ()

    def predict(self, Z: FloatArray) -> FloatArray:
        if self.classes:
            return np.asarray(self.model.predict_proba(Z)[:, 1], dtype=np.float64)
        return np.asarray(self.model.predict(Z), dtype=np.float64)

    def terms(self) -> tuple[Term, ...]:
        return self.sizes

    def rules(self, unit: str = "", *, share: bool = False) -> tuple[str, ...]:
        return ()


def explainable_boosting(
    Z: FloatArray, y: FloatArray, weights: FloatArray, names: Sequence[str], *, classes: bool, seed: int
) -> Boosted:
    """A boosting with a curve for every column and up to five pairs (interpret-core, extra `explain`).

    Raises
    ------
    MissingExtra : interpret-core is not installed.
    """
    glassbox = require("interpret.glassbox", extra="explain")
    kind = glassbox.ExplainableBoostingClassifier if classes else glassbox.ExplainableBoostingRegressor
    model = kind(
        feature_names=list(names), feature_types=["continuous"] * Z.shape[1], max_bins=64, max_interaction_bins=16,
        interactions=5 if Z.shape[1] > 1 else 0, outer_bags=4, learning_rate=0.05, max_rounds=1000, n_jobs=1,
        random_state=seed % 2**31,
    )  # fmt: skip
    model.fit(Z, y, sample_weight=weights)
    sizes = np.asarray(model.term_importances(), dtype=np.float64)
    order = np.argsort(-sizes, kind="stable")
    terms = tuple(Term(" × ".join(names[j] for j in model.term_features_[i]), float(sizes[i])) for i in order)
    return Boosted(model, classes, terms)
