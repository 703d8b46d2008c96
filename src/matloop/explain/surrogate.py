"""A model that can be read in place of one that cannot, fitted to its predictions: only as good as it follows them.

References
----------
Craven & Shavlik, Adv. Neural Inf. Process. Syst. 8 (1995) 24 (trees that stand for a model, and their fidelity).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import DataError
from matloop.explain.checks import destroyed, faithful, stable
from matloop.explain.glass_box import MAX_ROWS, READERS, names_of, one_name, plain_columns, sizes
from matloop.explain.output import rows_of
from matloop.explain.readable import Readable, readable_columns
from matloop.explain.values import Check, Surrogate
from matloop.represent.table import Columns

LEAST_FIDELITY = 0.7
"""R2 to the model on rows not used, below which a surrogate is not read: it explains another model."""
_PARTS = 3
_SHOWN = 12


def fit_surrogate(
    X: Any,
    said: ArrayLike,
    *,
    kind: str = "shallow tree",
    columns: Columns | None = None,
    groups: ArrayLike | None = None,
    shuffled: tuple[FloatArray, FloatArray] | None = None,
    alike: Sequence[IntArray] = (),
    unit: str = "",
    probability: bool = False,
    seed: int = 0,
) -> Surrogate:
    """A readable model of a model.

    Parameters
    ----------
    X : shape (n_rows, n_features). said : shape (n_rows,), predictions of the model, best out of fold; NaN leaves out.
    kind : "shallow tree" or "sparse linear model".
    groups : shape (n_rows,), rows that stay together when fidelity is measured on rows not used; None: each by itself.
    shuffled : rows and predictions of a model fitted to shuffled labels, for the check against it.
    alike : groups of columns that say the same: one in place of another is no instability.
    unit, probability : of `said`, for the rules: its unit, or that it is a probability (written in percent).

    Returns
    -------
    Surrogate with its fidelity and checks: faithful (R2 at least 0.7), stable over parts of the rows, and, where
    `shuffled` is given, destroyed by shuffled labels.

    Raises
    ------
    DataError : lengths differ; fewer than 30 rows with a prediction; a kind that is not known.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(size=(500, 2))
    >>> found = fit_surrogate(X, np.where(X[:, 0] > 0.5, 2.0, 1.0))
    >>> found.fidelity > 0.95
    True
    >>> found.rules[0].startswith("x0 ≤ 0.")
    True
    """
    X, told = rows_of(X), np.asarray(said, dtype=np.float64)
    if kind not in READERS or kind == "explainable boosting":
        raise DataError(f"there is no surrogate {kind!r}; known: shallow tree, sparse linear model.")
    if len(told) != len(X):
        raise DataError(f"{len(X)} rows and {len(told)} predictions.")
    known, turn = columns or plain_columns(X), np.random.default_rng(seed)
    rows = turn.permutation(np.flatnonzero(np.isfinite(told)))[:MAX_ROWS]
    if len(rows) < 30:
        raise DataError(f"{len(rows)} rows with a prediction are too few for a surrogate; give at least 30.")
    X, told = X[rows], told[rows]
    belongs = np.arange(len(rows)) if groups is None else np.unique(np.asarray(groups)[rows], return_inverse=True)[1]
    part = turn.permutation(int(belongs.max()) + 1)[belongs] % _PARTS
    fits, scores = [], []
    for k in range(_PARTS):
        model, predict = _fit(kind, X[part != k], told[part != k], known, seed)
        fits.append(model)
        scores.append(_r2(told[part == k], predict(X[part == k])))
    whole = _fit(kind, X, told, known, seed)[0]
    fidelity = float(np.mean(scores))
    other = None
    if shuffled is not None and len(shuffled[1]) >= 30:
        other = (_fit(kind, *shuffled, known, seed)[0], float(np.std(shuffled[1])))
    return Surrogate(
        kind, fidelity, float(min(scores)), float(max(scores)), whole.terms()[:_SHOWN],
        whole.rules(unit, share=probability),
        float(getattr(whole, "intercept", np.nan)),
        _checks(kind, fidelity, fits, float(told.std()), other, one_name(known, alike)),
    )  # fmt: skip


def _checks(
    kind: str, fidelity: float, fits: list[Readable], spread: float, other: tuple[Readable, float] | None,
    same: Mapping[str, str],
) -> tuple[Check, ...]:  # fmt: skip
    every = [*fits, *([other[0]] if other else [])]
    names = names_of([model.terms() for model in every], same)
    checks = [faithful(fidelity, LEAST_FIDELITY)]
    if not names:
        return tuple(checks)
    # shares of a tree become sizes in the unit of the prediction; terms of a line have it already
    scale, noise = (spread, other[1] if other else 0.0) if kind == "shallow tree" else (1.0, 1.0)
    table = scale * np.array([sizes(model.terms(), names, same) for model in fits])
    checks.append(stable(table, between="fits on different rows"))
    if other:
        checks.append(destroyed(table, [noise * sizes(other[0].terms(), names, same)], what="term"))
    return tuple(checks)


def _fit(kind: str, X: FloatArray, y: FloatArray, columns: Columns, seed: int) -> Any:
    told = readable_columns(X, y, columns)
    model = READERS[kind](told.rows(X), y, np.ones(len(y)), told.names, classes=False, seed=seed)
    return model, lambda rows: model.predict(told.rows(rows))


def _r2(said: FloatArray, followed: FloatArray) -> float:
    total = float(((said - said.mean()) ** 2).sum())
    return 1.0 - float(((said - followed) ** 2).sum()) / total if total > 0 else 0.0
