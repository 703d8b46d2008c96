"""The same matter, measured a little differently: compositions off by half a per cent, numbers off by their error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import Z_OF
from matloop.evaluate.baselines import FRACTIONS, fraction_columns
from matloop.matter.compositions import Compositions
from matloop.represent import FEATURIZERS
from matloop.represent.table import FeatureTable

OFF = 0.005
"""Atomic fraction moved from one element to another: what a good chemical analysis is off by (about 0.5 at%)."""
RELATIVE = 0.05
"""Neither element changes by more than this share of its own amount: minor ones are measured more closely."""
SAME = 1e-6
FEWEST = 0.5
"""Share of a composition's columns that must be understood before its perturbation says something."""


@dataclass(frozen=True, slots=True)
class Shifted:
    """Rows with their compositions moved.

    X : shape (n, n_features). moved : shape (n,), whether a row has two elements to move between. words : per row what
    was done. share : of the columns made from compositions that could be worked out anew; the others stay as they were.
    """

    X: FloatArray
    moved: BoolArray
    words: tuple[str, ...]
    share: float


def shifted_compositions(table: FeatureTable, *, off: float = OFF, seed: int = 0) -> Shifted | None:
    """Every composition with `off` of its atoms turned from one of its elements into another, and featurized again.

    Less is turned where that would change one of the two by more than a twentieth of its amount.
    A column is worked out anew only if that gives its old values for the old compositions. None where there is no
    composition or most of its columns cannot be worked out from atomic fractions.
    """
    rng = np.random.default_rng(seed)
    X, moved = np.array(table.X), np.zeros(len(table), dtype=np.bool_)
    words = [""] * len(table)
    known = total = 0
    fractions = fraction_columns(table.columns())
    for origin in dict.fromkeys(table.origins[k] for k in fractions):
        own = np.array([k for k in fractions if table.origins[k] == origin])
        symbols = [table.names[k].rsplit(" ", 1)[-1] for k in own]
        prefix = table.names[own[0]].removesuffix(f"fraction {symbols[0]}")
        before = np.nan_to_num(table.X[:, own])
        after, said = _moved(before, symbols, off, rng)
        given = origin.removesuffix(FRACTIONS) + ":"
        columns, old = _featurized(table, given, prefix, before, symbols)
        _, new = _featurized(table, given, prefix, after, symbols)
        trusted = _reproduced(table.X[:, columns], old)
        rows = np.flatnonzero([bool(text) for text in said])
        X[np.ix_(rows, columns[trusted])] = new[np.ix_(rows, trusted)]
        moved[rows] = True
        words = [text or earlier for text, earlier in zip(said, words, strict=True)]
        known, total = known + int(trusted.sum()), total + sum(one.startswith(given) for one in table.origins)
    if not total or known < FEWEST * total or not moved.any():
        return None
    return Shifted(X, moved, tuple(words), known / total)


def _moved(
    fractions: FloatArray, symbols: list[str], off: float, rng: np.random.Generator
) -> tuple[FloatArray, list[str]]:
    after, words = np.array(fractions), [""] * len(fractions)
    for row, line in enumerate(fractions):
        present = np.flatnonzero(line > 0)
        if len(present) < 2:
            continue
        one, other = rng.choice(present, 2, replace=False)
        amount = min(off, RELATIVE * line[one], RELATIVE * line[other])
        after[row, one] -= amount
        after[row, other] += amount
        words[row] = f"{100 * amount:.2g} at% of {symbols[one]} turned into {symbols[other]}"
    return after, words


def _featurized(
    table: FeatureTable, origin: str, prefix: str, fractions: FloatArray, symbols: list[str]
) -> tuple[IntArray, FloatArray]:
    """Positions of the columns that this composition's featurizers make, and their values for the fractions."""
    compositions = _compositions(fractions, symbols)
    place = {name: k for k, name in enumerate(table.names)}
    columns, parts = [], []
    for name in dict.fromkeys(one.removeprefix(origin) for one in table.origins if one.startswith(origin)):
        if name not in FEATURIZERS or getattr(FEATURIZERS.load(name), "kind", "composition") != "composition":
            continue
        featurizer = FEATURIZERS.load(name)()
        made = [prefix + str(column) for column in featurizer.get_feature_names_out()]
        here = [k for k, column in enumerate(made) if column in place]
        columns += [place[made[k]] for k in here]
        parts.append(featurizer.transform(compositions)[:, here])
    values = np.hstack(parts) if parts else np.zeros((len(fractions), 0))
    return np.array(columns, dtype=np.int64), values


def _compositions(fractions: FloatArray, symbols: list[str]) -> Compositions:
    z = np.array([Z_OF[symbol] for symbol in symbols])
    order = np.argsort(z)
    rows, at = np.nonzero(fractions[:, order] > 0)
    counts = np.bincount(rows, minlength=len(fractions))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    amounts = fractions[:, order][rows, at]
    n = len(fractions)
    return Compositions(offsets, z[order][at].astype(np.int64), amounts, np.zeros(n), np.full(n, "", dtype=np.str_))


def _reproduced(known: FloatArray, again: FloatArray) -> BoolArray:
    scale = np.maximum(np.nanmax(np.abs(known), axis=0, initial=0.0), 1e-12)
    same = np.isclose(known, again, rtol=0.0, atol=SAME * scale, equal_nan=True)
    return np.asarray(same.all(axis=0))


def jittered_numbers(
    table: FeatureTable, *, share: float, seed: int = 0, all_columns: bool = False
) -> FloatArray | None:
    """Numeric inputs off by `share` of their standard deviation (normal noise); None where there is none that varies.

    all_columns : jitter every column but categories, those made from compositions, too.
    """
    numeric = [
        k for k, origin in enumerate(table.origins)
        if (all_columns or origin.endswith(":number")) and table.names[k] not in table.vocabularies
    ]  # fmt: skip
    known = [k for k in numeric if np.isfinite(table.X[:, k]).any()]
    spread = np.nanstd(table.X[:, known], axis=0) if known else np.zeros(0)
    chosen = [k for k, one in zip(known, spread, strict=True) if one > 0]
    if not chosen:
        return None
    X = np.array(table.X)
    noise = np.random.default_rng(seed).standard_normal((len(X), len(chosen)))
    X[:, chosen] += share * noise * spread[spread > 0]
    return X
