"""One column at a time: Kolmogorov-Smirnov and stability index for numbers, G-test for categories, missing shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matloop.core.arrays import FloatArray, TextArray
from matloop.evaluate.multiple import adjusted
from matloop.monitor.contract import Seen
from matloop.monitor.drift.units import Units, follows_matter
from matloop.monitor.drift.values import ColumnDrift, What

BINS = 10
LEAST = 5
"""Values of each side that a test needs."""
EXPECTED = 5.0
"""Words that are expected less often than this are counted together."""


def compare_columns(reference: Seen, now: Seen, of_reference: Units, of_now: Units) -> tuple[ColumnDrift, ...]:
    """Every input and every feature that varies, corrected for their number; in the order inputs, features.

    Features of the material alone are compared over distinct materials, the others over distinct questions.
    """
    found = [
        _input(name, reference, now, of_reference, of_now)
        for name in reference.inputs
        if name not in reference.matter and name in now.inputs
    ]
    alone = follows_matter(reference, of_reference) & follows_matter(now, of_now)
    own = np.array([name not in reference.inputs for name in reference.names], dtype=bool)
    for columns, by_matter in ((np.flatnonzero(own & alone), True), (np.flatnonzero(own & ~alone), False)):
        a, b = (
            seen.X[kept.matter if by_matter else kept.rows][:, columns]
            for seen, kept in ((reference, of_reference), (now, of_now))
        )
        found += compare_numbers(a, b, tuple(reference.names[k] for k in columns), "feature")
    return corrected([one for one in found if one is not None])


def corrected(found: list[ColumnDrift]) -> tuple[ColumnDrift, ...]:
    """The columns with p-values corrected for all of them (Holm, and Benjamini-Hochberg)."""
    p = np.array([one.p for one in found] + [one.p_missing for one in found], dtype=np.float64)
    holm, fdr = adjusted(p, "holm"), adjusted(p, "fdr")
    n = len(found)
    return tuple(
        replace(one, holm=_known(holm[k]), fdr=_known(fdr[k]), p_missing=float(holm[n + k]))
        for k, one in enumerate(found)
    )


def _known(p: float) -> float:
    return float(p) if np.isfinite(p) else 1.0


def _input(name: str, reference: Seen, now: Seen, of_reference: Units, of_now: Units) -> ColumnDrift | None:
    a, b = reference.inputs[name][of_reference.rows], now.inputs[name][of_now.rows]
    if a.dtype.kind == b.dtype.kind == "f":
        found = compare_numbers(a.astype(np.float64)[:, None], b.astype(np.float64)[:, None], (name,), "input")
        return found[0] if found else None
    return compare_words(a.astype(np.str_), b.astype(np.str_), name, "input")


def compare_numbers(a: FloatArray, b: FloatArray, names: tuple[str, ...], what: What) -> list[ColumnDrift]:
    """Columns of numbers a (n0, p) and b (n1, p), NaN missing; those that are one and the same value are left out."""
    holes = np.isnan(a).any(axis=0) | np.isnan(b).any(axis=0)
    whole = np.flatnonzero(~holes)
    found: dict[int, ColumnDrift | None] = {}
    if len(whole) and len(a) and len(b):
        kept = [names[k] for k in whole.tolist()]
        found |= dict(zip(whole.tolist(), _numbers(a[:, whole], b[:, whole], kept, what), strict=True))
    for k in np.flatnonzero(holes).tolist():
        found[k] = _with_holes(a[:, k], b[:, k], names[k], what)
    return [one for k in sorted(found) if (one := found[k]) is not None]


def _with_holes(a: FloatArray, b: FloatArray, name: str, what: What) -> ColumnDrift | None:
    known = a[~np.isnan(a)], b[~np.isnan(b)]
    missing = (1.0 - len(known[0]) / max(len(a), 1), 1.0 - len(known[1]) / max(len(b), 1))
    p_missing = share_p(len(a) - len(known[0]), len(a), len(b) - len(known[1]), len(b))
    one = _numbers(known[0][:, None], known[1][:, None], [name], what)[0] if len(known[0]) and len(known[1]) else None
    if one is None:
        nothing = float("nan")
        one = ColumnDrift(name, what, "number", len(known[0]), len(known[1]), nothing, nothing, nothing)
    return replace(one, missing=missing, p_missing=p_missing)


def _numbers(a: FloatArray, b: FloatArray, names: list[str], what: What) -> list[ColumnDrift | None]:
    """Columns without holes; None for one that is the same value everywhere."""
    distance = ks_distances(a, b)
    p = ks_p(distance, len(a), len(b)) if min(len(a), len(b)) >= LEAST else np.full(len(names), np.nan)
    before, after, spread = np.median(a, axis=0), np.median(b, axis=0), a.std(axis=0)
    shift = np.divide(after - before, spread, out=np.full(len(names), np.nan), where=spread > 0)
    index = stability_indices(a, b)
    varies = (distance > 0) | (a.min(axis=0) < a.max(axis=0))
    return [
        ColumnDrift(
            name, what, "number", len(a), len(b), float(distance[k]), float(index[k]), float(p[k]), float(before[k]),
            float(after[k]), float(shift[k]),
        ) if varies[k] else None
        for k, name in enumerate(names)
    ]  # fmt: skip


def ks_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Largest distance of the two empirical distribution functions of each column, shape (p,); ties are right."""
    both = np.vstack([a, b])
    order = np.argsort(both, axis=0, kind="stable")
    values = np.take_along_axis(both, order, axis=0)
    steps = np.where(order < len(a), 1.0 / len(a), -1.0 / len(b))
    walk = np.abs(np.cumsum(steps, axis=0))
    walk[:-1][values[:-1] == values[1:]] = 0.0  # inside a tie the functions have not yet jumped
    return np.asarray(walk[:-1].max(axis=0)) if len(both) > 1 else np.zeros(both.shape[1])


def ks_p(distance: FloatArray, n: int, m: int) -> FloatArray:
    """Two-sided p-values of Kolmogorov-Smirnov distances; too large (safe) where there are ties.

    Kolmogorov's limit at a distance enlarged for small samples (Stephens, J. R. Stat. Soc. B 32 (1970) 115.
    doi:10.1111/j.2517-6161.1970.tb00821.x), for two samples of the harmonic size n m / (n + m).
    """
    from scipy.special import kolmogorov

    root = np.sqrt(n * m / (n + m))
    return np.asarray(kolmogorov((root + 0.12 + 0.11 / root) * distance), dtype=np.float64)


def stability_indices(a: FloatArray, b: FloatArray, bins: int = BINS) -> FloatArray:
    """Population stability index of each column over quantile bins of `a`, shape (p,), less its mean where nothing
    changed; never below 0.

    Uncorrected, it is about (k - 1) (1/n + 1/m) for k bins without any change: 0.18 for fifty rows, nearly the 0.2 that
    is usually called a large drift. Half a row is added to every bin.

    References
    ----------
    Yurdakul & Naranjo, J. Risk Model Validation 14 (2020) 89. doi:10.21314/JRMV.2020.227
    """
    edges = np.quantile(a, np.linspace(0.0, 1.0, bins + 1)[1:-1], axis=0)
    found = np.zeros(a.shape[1])
    for k in range(a.shape[1]):
        own = np.unique(edges[:, k])
        # values on an edge go below it, so that a column of few values has bins of its own
        p, q = (np.bincount(np.searchsorted(own, side[:, k]), minlength=len(own) + 1) for side in (a, b))
        used = (p + q) > 0
        found[k] = _index(p[used], q[used])
    return found


def _index(p: np.ndarray, q: np.ndarray) -> float:
    n, m, k = p.sum(), q.sum(), len(p)
    if k < 2:
        return 0.0
    a, b = (p + 0.5) / (n + 0.5 * k), (q + 0.5) / (m + 0.5 * k)
    return max(0.0, float(((b - a) * np.log(b / a)).sum()) - (k - 1) * (1.0 / n + 1.0 / m))


def compare_words(a: TextArray, b: TextArray, name: str, what: What) -> ColumnDrift | None:
    """A column of words; "" is missing. None where it is one and the same word."""
    known = a[a != ""], b[b != ""]
    n, m = len(known[0]), len(known[1])
    words, codes = np.unique(np.concatenate(known), return_inverse=True)
    first = np.bincount(codes[:n], minlength=len(words))
    second = np.bincount(codes[n:], minlength=len(words))
    missing = (1.0 - n / max(len(a), 1), 1.0 - m / max(len(b), 1))
    p_missing = share_p(len(a) - n, len(a), len(b) - m, len(b)) if missing != (0.0, 0.0) else float("nan")
    if len(words) < 2 and not np.isfinite(p_missing):
        return None
    new = {str(words[k]): int(second[k]) for k in np.argsort(-second, kind="stable") if first[k] == 0 and second[k]}
    p = min(1.0, 2.0 * min(counts_p(first, second), new_p(sum(new.values()), n, m)))
    distance = 0.5 * float(np.abs(first / max(n, 1) - second / max(m, 1)).sum()) if n and m else float("nan")
    return ColumnDrift(
        name, what, "category", n, m, distance, _index(first, second) if n and m else float("nan"),
        p if min(n, m) >= LEAST else float("nan"), missing=missing, p_missing=p_missing, new=new,
    )  # fmt: skip


def counts_p(first: np.ndarray, second: np.ndarray) -> float:
    """Whether two rows of counts come from the same shares: G-test with Williams' correction, rare ones together.

    Williams, Biometrika 63 (1976) 33. doi:10.1093/biomet/63.1.33
    """
    from scipy.special import chdtrc, xlogy

    n, m = int(first.sum()), int(second.sum())
    if min(n, m) == 0:
        return 1.0
    rare = (first + second) * min(n, m) / (n + m) < EXPECTED
    table = np.array([[*side[~rare], side[rare].sum()] for side in (first, second)], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    k = table.shape[1]
    if k < 2:
        return 1.0
    sides, words = table.sum(axis=1), table.sum(axis=0)
    total = sides.sum()
    expected = np.outer(sides, words) / total
    G = 2.0 * float(xlogy(table, table / expected).sum())
    q = 1.0 + (total * (1.0 / sides).sum() - 1.0) * (total * (1.0 / words).sum() - 1.0) / (6.0 * total * (k - 1))
    return float(chdtrc(k - 1, G / q))


def new_p(n_new: int, n: int, m: int) -> float:
    """Chance that, of n + m rows in random order, the `n_new` that share something all fall among the last m."""
    if n_new == 0 or n == 0:
        return 1.0
    i = np.arange(n_new)
    return float(np.exp(np.log((m - i) / (n + m - i)).sum()))


def share_p(k: int, n: int, j: int, m: int, *, rise_only: bool = False) -> float:
    """Fisher's exact test of k of n against j of m; twice the smaller tail, or the tail of a rise alone."""
    from scipy.stats import hypergeom

    if min(n, m) == 0:
        return float("nan")
    up = float(hypergeom.sf(j - 1, n + m, k + j, m))
    if rise_only:
        return min(1.0, up)
    return min(1.0, 2.0 * min(up, float(hypergeom.cdf(j, n + m, k + j, m))))
