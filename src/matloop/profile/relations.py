"""How columns hang together: correlations, what they hide, columns that say the same, what tells of the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.metrics.estimate import Estimate
from matloop.profile.five_values import Field, Redundant, Relation, TargetRelation, Warned
from matloop.represent.table import FeatureTable

ROWS = 20_000
"""Rows that relations are measured on where there are more; intervals are then narrow enough."""
MOST_COLUMNS = 30
FEWEST = 12
BENT = 0.05
"""Share of the variance that a bent curve explains beyond a straight line before it is said."""
MOVED = 0.15
"""Change of a correlation by a handful of rows before it is said."""
SAME = 0.99
_BINS = 8
_DRAWN = 300


def correlations(fields: Sequence[Field], rows: IntArray) -> tuple[FloatArray, FloatArray, tuple[Relation, ...]]:
    """Pearson and Spearman of all pairs of numbers, each over the rows that have both, and what they hide.

    Returns
    -------
    pearson, spearman : shape (n, n), NaN where fewer than 12 rows have both or one of them is constant. The pairs.

    References
    ----------
    Fisher, Metron 1 (1921) 3 (intervals); Bonett & Wright, Psychometrika 65 (2000) 23 (those of ranks).
    doi:10.1007/BF02294183. Holm, Scand. J. Stat. 6 (1979) 65. Anscombe, Am. Stat. 27 (1973) 17.
    doi:10.1080/00031305.1973.10478966
    """
    n = len(fields)
    pearson, spearman = np.eye(n), np.eye(n)
    found: list[tuple[int, int, int, float, float]] = []
    columns = [one.values[rows] for one in fields]
    for a, b in combinations(range(n), 2):
        x, y = _both(columns[a], columns[b])
        r, rho = (_r(x, y), _r(_ranks(x), _ranks(y))) if len(x) >= FEWEST else (math.nan, math.nan)
        pearson[a, b] = pearson[b, a] = r
        spearman[a, b] = spearman[b, a] = rho
        if math.isfinite(r) and math.isfinite(rho):
            found.append((a, b, len(x), r, rho))
    p_r = holm([_p(r, size) for _, _, size, r, _ in found])
    p_rho = holm([_p(rho, size) for _, _, size, _, rho in found])
    bends = holm([_bend(*_both(columns[a], columns[b]))[1] for a, b, *_ in found])
    relations = tuple(
        Relation(
            fields[a].name, fields[b].name, size, _fisher(r, size, 1.0), _fisher(rho, size, 1.0 + rho**2 / 2.0),
            p_r[k], p_rho[k], _warnings(*_both(columns[a], columns[b]), r, rho, bends[k]),
        )
        for k, (a, b, size, r, rho) in enumerate(found)
    )  # fmt: skip
    return pearson, spearman, relations


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for their number.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))), 1.0)
    found = np.empty(len(p))
    found[order] = stepped
    return [float(value) for value in found]


def _both(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    kept = np.isfinite(x) & np.isfinite(y)
    return x[kept], y[kept]


def _r(x: FloatArray, y: FloatArray) -> float:
    dx, dy = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(dx @ dx)) * math.sqrt(float(dy @ dy))
    # what is left of a constant column after rounding is no spread
    if not scale > 1e-12 * len(x) * max(abs(float(x.mean())), 1e-300) * max(abs(float(y.mean())), 1e-300):
        return math.nan
    return float(np.clip(dx @ dy / scale, -1.0, 1.0))


def _ranks(x: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(x), dtype=float)


def _p(r: float, n: int) -> float:
    """P-value of no correlation (Student's t)."""
    from scipy.stats import t as student

    if abs(r) >= 1.0:
        return 0.0
    return float(2 * student.sf(abs(r) * math.sqrt((n - 2) / (1 - r * r)), n - 2))


def _fisher(r: float, n: int, inflation: float) -> Estimate:
    if abs(r) >= 1.0 or n <= 4:
        return Estimate(r, r, r)
    half = 1.959964 * math.sqrt(inflation / (n - 3))
    return Estimate(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))


# --- what a correlation hides ----------------------------------------------------------------------------------------


def _warnings(x: FloatArray, y: FloatArray, r: float, rho: float, p_bend: float) -> tuple[Warned, ...]:
    found = []
    few = _few_rows(x, y, r)
    if few:
        found.append(few)
    clusters = _two_clusters(x, y, r)
    if clusters:
        found.append(clusters)
    gain, _ = _bend(x, y)
    # where a handful of rows makes the correlation, it also makes the bend
    if gain > BENT and p_bend < 0.01 and not found:
        line = _r(_clipped(x), _clipped(y)) ** 2
        share = f"a curve explains {100 * (gain + line):.0f} % of the variance, the straight line {100 * line:.0f} %"
        turn = abs(rho) < 0.3 and gain > 0.15
        more = "it turns, so that both coefficients miss it" if turn else "use ranks, a transformation, or a bent model"
        found.append(_warned("bend", f"The relation is bent: {share}; {more}.", gain, x, y))
    return tuple(found)


def _warned(kind: str, said: str, strength: float, x: FloatArray, y: FloatArray) -> Warned:
    order = np.unique(np.concatenate([np.linspace(0, len(x) - 1, min(len(x), _DRAWN)).astype(int), _far(x), _far(y)]))
    points = (tuple(float(v) for v in one[order]) for one in (x, y))
    return Warned(kind, said, strength, *points)  # type: ignore[arg-type]


def _far(x: FloatArray) -> IntArray:
    """The rows at the ends, which a drawing must not lose."""
    order = np.argsort(x, kind="stable")
    return np.asarray(np.concatenate([order[:5], order[-5:]]), dtype=np.int64)


def _bend(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Variance explained by a cubic beyond a straight line, both ways round (the smaller one), and its p-value (F).

    The cubic is that of `x` as normal scores of ranks mixed with `x`, so that far values do not make it.
    """
    from scipy.stats import f as fisher

    best = (0.0, 1.0)
    clipped = _clipped(x), _clipped(y)
    if min(len(np.unique(one[:2000])) for one in clipped) < 6:
        return best
    gains = []
    for u, v in (clipped, clipped[::-1]):
        base = np.column_stack([np.ones(len(u)), u])
        full = np.column_stack([base, u**2, u**3])
        rest = [float(((v - A @ np.linalg.lstsq(A, v, rcond=None)[0]) ** 2).sum()) for A in (base, full)]
        total = float(((v - v.mean()) ** 2).sum())
        if total <= 0 or len(v) < 8:
            return best
        freedom = len(v) - 4
        statistic = (rest[0] - rest[1]) / 2 / max(rest[1] / freedom, 1e-12 * total)
        gains.append(((rest[0] - rest[1]) / total, float(fisher.sf(statistic, 2, freedom))))
    return max(gains)


def _clipped(x: FloatArray) -> FloatArray:
    """Standardised by quartiles, cut at five of them."""
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75])
    scale = (high - low) / 1.349 or float(x.std()) or 1.0
    return np.asarray(np.clip((x - middle) / scale, -5.0, 5.0), dtype=float)


def _few_rows(x: FloatArray, y: FloatArray, r: float) -> Warned | None:
    """Whether a handful of rows (0.5 %, at least one) makes or hides the correlation."""
    n = len(x)
    most = max(1, n // 200)
    change = np.abs(_left_out(x, y) - math.atanh(float(np.clip(r, -0.9999, 0.9999))))
    worst = np.argsort(-change, kind="stable")[:most]
    apart = change[worst] > 8 * max(float(np.median(change)), 1e-4)
    gone = worst[apart]
    if not len(gone):
        return None
    rest = np.setdiff1d(np.arange(n), gone)
    without = _r(x[rest], y[rest]) if len(np.unique(x[rest][:2000])) > 1 and len(np.unique(y[rest][:2000])) > 1 else 0.0
    moved = abs(without - r) if math.isfinite(without) else abs(r)
    if moved < MOVED:
        return None
    rows = "1 row" if len(gone) == 1 else f"{len(gone):,} rows"
    told = f"Pearson is {r:.2f} with all {n:,} rows and {without:.2f} without {rows}: look whether they are right."
    return _warned("few rows", told, moved, x, y)


def _left_out(x: FloatArray, y: FloatArray) -> FloatArray:
    """The correlation without each row in turn, as Fisher's z, shape (n,); from the sums without it."""
    n = len(x)
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    scale = n / (n - 1.0)  # a row leaves n - 1 others, whose mean moves
    xx, yy, xy = n - scale * u**2, n - scale * v**2, float(u @ v) - scale * u * v
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.where((xx > 1e-9 * n) & (yy > 1e-9 * n), xy / np.sqrt(xx * yy), 0.0)
    return np.asarray(np.arctanh(np.clip(r, -0.9999, 0.9999)), dtype=float)


def _two_clusters(x: FloatArray, y: FloatArray, r: float) -> Warned | None:
    """Whether two separate clouds make a correlation that neither has inside."""
    if abs(r) < 0.4 or len(x) < 20:
        return None
    for one in (x, y):
        side = _halves(one)
        if side is None:
            continue
        u, v = x.copy(), y.copy()
        for part in (side, ~side):
            u[part] -= u[part].mean()
            v[part] -= v[part].mean()
        within = _r(u, v)
        if not math.isfinite(within):
            within = 0.0
        if abs(within) < 0.5 * abs(r) or within * r < 0:
            turned = " (it even turns round)" if within * r < 0 and abs(within) > 0.2 else ""
            sizes = f"{int(side.sum()):,} and {int((~side).sum()):,} rows"
            told = f"Two clouds ({sizes}) make Pearson {r:.2f}; inside them it is {within:.2f}{turned}."
            return _warned("two clusters", told, abs(r - within), x, y)
    return None


def _halves(x: FloatArray) -> np.ndarray | None:
    """Rows below the best cut of a column into two, if the parts are apart; None where they are not.

    Otsu's cut; its share of the variance is 0.64 for a normal, 0.75 for an even distribution.
    """
    ordered = np.sort(x)
    n = len(x)
    sums = np.cumsum(ordered)[:-1]
    size = np.arange(1, n)
    mean = ordered.mean()
    between = n * (sums - size * mean) ** 2 / (size * (n - size))
    at = int(np.argmax(between))
    share = float(between[at]) / max(float(((ordered - mean) ** 2).sum()), 1e-300)
    smaller = min(at + 1, n - at - 1)
    if share < 0.86 or smaller < max(5, 0.05 * n) or len(np.unique(ordered)) < 8:
        return None
    return np.asarray(x <= ordered[at])


# --- columns that say the same ---------------------------------------------------------------------------------------


def redundant_pairs(fields: Sequence[Field], relations: Sequence[Relation], rows: IntArray) -> tuple[Redundant, ...]:
    """Numbers that are equal, linear or monotone in each other (0.99), and words that are fixed by another column."""
    by_name = {one.name: one for one in fields}
    found = []
    for one in relations:
        rho, r = abs(one.spearman.value), abs(one.pearson.value)
        if max(rho, r) < SAME or by_name[one.first].part == by_name[one.second].part == "target":
            continue
        x, y = _both(by_name[one.first].values[rows], by_name[one.second].values[rows])
        how = "equal" if np.array_equal(x, y) else "linear" if r >= SAME else "monotone"
        if how == "linear" and any(w.kind != "bend" for w in one.warnings):
            continue
        found.append(Redundant(one.first, one.second, how, r if how != "monotone" else rho))
    return (*found, *_determined(fields, rows))


def _determined(fields: Sequence[Field], rows: IntArray) -> list[Redundant]:
    """Words that another column with few values fixes: every value of it stands beside one word only."""
    coded = [(one, _coded(one, rows)) for one in fields]
    few = [(one, code) for one, code in coded if 1 < code.max(initial=0) + 1 <= max(len(rows) // 5, 2)]
    found = []
    for (one, a), (other, b) in combinations(few, 2):
        if one.is_number and other.is_number:
            continue
        kept = (a >= 0) & (b >= 0)
        if kept.sum() < FEWEST:
            continue
        pairs = len(np.unique(a[kept] * (b.max() + 1) + b[kept]))
        n_a, n_b = len(np.unique(a[kept])), len(np.unique(b[kept]))
        if pairs == n_a and n_b > 1 and not other.is_number:
            found.append(Redundant(one.name, other.name, "determined", 1.0))
        elif pairs == n_b and n_a > 1 and not one.is_number:
            found.append(Redundant(other.name, one.name, "determined", 1.0))
    return found


def _coded(one: Field, rows: IntArray) -> IntArray:
    if not one.is_number:
        return one.codes[rows]
    values = one.values[rows]
    found = np.full(len(rows), -1, dtype=np.int64)
    known = np.isfinite(values)
    found[known] = np.unique(values[known], return_inverse=True)[1].reshape(-1)
    return found


# --- what tells of the target ----------------------------------------------------------------------------------------


def target_relations(
    target: Field, others: Sequence[Field], rows: IntArray, drawn: FeatureTable | None, drawn_rows: IntArray
) -> tuple[TargetRelation, ...]:
    """Every column, and every feature of `drawn` that is no column, against the target; the strongest first.

    Numbers: Spearman's rho. Words, or a target of classes: eta squared of ranks (Kruskal and Wallis).
    """
    found: list[tuple[str, bool, str, float, int, float]] = []
    for one in others:
        found += _one_relation(one.name, False, one, target, rows)
    taken = {one.name for one in others}
    for k, name in enumerate(drawn.names if drawn is not None else ()):
        if drawn is None or name in taken or name in drawn.vocabularies:
            continue
        column = np.full(len(target.missing), np.nan)
        column[drawn_rows] = drawn.X[:, k]
        made = Field(name, "input", "", column, np.zeros(0, np.int64), (), np.isnan(column), np.isnan(column))
        found += _one_relation(name, True, made, target, drawn_rows)
    p_values = holm([entry[5] for entry in found])
    told = [
        TargetRelation(name, made, kind, strength, *_ends(kind, strength, n), p)  # type: ignore[arg-type]
        for (name, made, kind, strength, n, _), p in zip(found, p_values, strict=True)
    ]
    return tuple(sorted(told, key=lambda one: (-abs(one.strength), one.name)))


def _ends(kind: str, strength: float, n: int) -> tuple[float, float]:
    if kind != "spearman":
        return math.nan, math.nan
    ends = _fisher(strength, n, 1.0 + strength**2 / 2.0)
    return ends.low, ends.high


def _one_relation(
    name: str, made: bool, one: Field, target: Field, rows: IntArray
) -> list[tuple[str, bool, str, float, int, float]]:
    if one.is_number and target.is_number:
        x, y = _both(one.values[rows], target.values[rows])
        rho = _r(_ranks(x), _ranks(y)) if len(x) >= FEWEST else math.nan
        return [(name, made, "spearman", rho, len(x), _p(rho, len(x)))] if math.isfinite(rho) else []
    if not one.is_number and not target.is_number:
        return []
    numbers, words = (one, target) if one.is_number else (target, one)
    values, codes = numbers.values[rows], words.codes[rows]
    kept = np.isfinite(values) & (codes >= 0)
    n_groups = len(np.unique(codes[kept]))
    if kept.sum() < FEWEST or n_groups < 2 or n_groups > kept.sum() // 3:
        return []
    eta, p = _eta(_ranks(values[kept]), codes[kept])
    return [(name, made, "groups", eta, int(kept.sum()), p)] if math.isfinite(eta) else []


def _eta(ranks: FloatArray, codes: IntArray) -> tuple[float, float]:
    """Share of the variance of ranks that groups explain, less what chance would (Kelley), and its p-value."""
    from scipy.stats import chi2

    _, place, size = np.unique(codes, return_inverse=True, return_counts=True)
    mean = np.bincount(place.reshape(-1), weights=ranks) / size
    total = float(((ranks - ranks.mean()) ** 2).sum())
    n, k = len(ranks), len(size)
    if total <= 0 or n <= k:
        return math.nan, math.nan
    share = float((size * (mean - ranks.mean()) ** 2).sum()) / total
    return max(0.0, 1.0 - (1.0 - share) * (n - 1) / (n - k)), float(chi2.sf((n - 1) * share, k - 1))
