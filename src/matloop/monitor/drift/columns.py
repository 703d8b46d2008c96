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
    found: dict[int, ColumnDrift] = {}
    if len(whole) and len(a) and len(b):
        distance = ks_distances(a[:, whole], b[:, whole])
        p = ks_p(distance, len(a), len(b))
        for place, k in enumerate(whole.tolist()):
            if distance[place] > 0 or a[:, k].min() < a[:, k].max():
                found[k] = _number(a[:, k], b[:, k], names[k], what, float(distance[place]), float(p[place]))
    for k in np.flatnonzero(holes).tolist():
        one = _with_holes(a[:, k], b[:, k], names[k], what)
        if one is not None:
            found[k] = one
    return [found[k] for k in sorted(found)]


def _with_holes(a: FloatArray, b: FloatArray, name: str, what: What) -> ColumnDrift | None:
    known = a[~np.isnan(a)], b[~np.isnan(b)]
    missing = (1.0 - len(known[0]) / max(len(a), 1), 1.0 - len(known[1]) / max(len(b), 1))
    p_missing = share_p(len(a) - len(known[0]), len(a), len(b) - len(known[1]), len(b))
    if min(len(known[0]), len(known[1])) == 0:
        one = ColumnDrift(name, what, "number", len(known[0]), len(known[1]), float("nan"), float("nan"), float("nan"))
    else:
        distance = ks_distances(known[0][:, None], known[1][:, None])
        p = ks_p(distance, len(known[0]), len(known[1]))
        one = _number(known[0], known[1], name, what, float(distance[0]), float(p[0]))
    return replace(one, missing=missing, p_missing=p_missing)


def _number(a: FloatArray, b: FloatArray, name: str, what: What, distance: float, p: float) -> ColumnDrift:
    before, after, spread = float(np.median(a)), float(np.median(b)), float(a.std())
    shift = (after - before) / spread if spread > 0 else float("nan")
    tested = min(len(a), len(b)) >= LEAST
    return ColumnDrift(
        name, what, "number", len(a), len(b), distance, stability_index(a, b), p if tested else float("nan"), before,
        after, shift,
    )  # fmt: skip


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

    The exact distribution of one sample of the harmonic size n m / (n + m), as `scipy.stats.ks_2samp` has it for large
    samples. Smirnov, Ann. Math. Stat. 19 (1948) 279. doi:10.1214/aoms/1177730256
    """
    from scipy.stats import kstwo

    return np.clip(kstwo.sf(distance, max(round(n * m / (n + m)), 1)), 0.0, 1.0)


def stability_index(a: FloatArray, b: FloatArray, bins: int = BINS) -> float:
    """Population stability index over quantile bins of `a`, less its mean where nothing changed; never below 0.

    Uncorrected, it is about (k - 1) (1/n + 1/m) for k bins without any change: 0.18 for fifty rows, nearly the 0.2 that
    is usually called a large drift. Half a row is added to every bin.

    References
    ----------
    Yurdakul & Naranjo, J. Risk Model Validation 14 (2020) 89. doi:10.21314/JRMV.2020.227
    """
    edges = np.unique(np.quantile(a, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    # values on an edge go below it, so that a column of few values has bins of its own
    p, q = (np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (a, b))
    used = (p + q) > 0
    return _index(p[used], q[used])


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
