"""Batch effects: how much of a target who measured it, when, where and with what explains; and drift with time.

Two roads. Where the same samples were measured under several levels, their differences are the effect and nothing else:
labels of levels are dealt out anew within each sample. Elsewhere a linear model of the inputs takes out what materials
do, one value per sample and level is kept, and labels are dealt out among them; that is a test of the batch only where
batches do not differ in their materials, which is tested too and said.
Leek et al., Nat. Rev. Genet. 11 (2010) 733, doi:10.1038/nrg2825.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.data.measurements.permuted import adjusted_share, between, holm, level_test, slope_test
from matloop.data.measurements.values import Drift, Effect, Factor, Measured, MeasurementStudy, Shift, Verdict
from matloop.matter.compositions import Compositions

ALPHA = 0.05
ROWS = 5_000
"""Rows that are looked at; more are drawn at random."""
FEWEST_SETS = 6
"""Samples under several levels from which replicates are tested rather than materials."""
_FEWEST = 8
_MOST_LEVELS = 200
_SHOWN = 30
_WIDTH = 40
_YEAR = 365.25 * 86_400


@dataclass(frozen=True, slots=True)
class _Cells:
    """One value per sample and level: mean of its rows."""

    y: FloatArray
    left: FloatArray
    codes: IntArray
    samples: IntArray
    X: FloatArray
    rows: IntArray
    words: tuple[str, ...]


def study_measurements(
    y: FloatArray, measured: Measured, X: FloatArray, *, compositions: Compositions | None = None, target: str = "",
    unit: str = "", seed: int = 0,
) -> MeasurementStudy:  # fmt: skip
    """What the columns of the measurements do to a target.

    Parameters
    ----------
    y : shape (n_rows,), NaN where the label is not known or not to be seen. X : shape (n_rows, n_columns), what the
    materials are (fractions of elements, numbers), NaN counts as the mean; (n_rows, 0) where nothing is known.
    compositions : of the rows, to say in words which batch holds what.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> batch, sample = np.tile([0, 1], 40), np.repeat(np.arange(40), 2)
    >>> y = rng.normal(size=40)[sample] + 0.5 * batch + 0.1 * rng.normal(size=80)
    >>> factor = Factor("batch", "batch", batch, ("A", "B"))
    >>> found = study_measurements(y, Measured((factor,), sample, np.full(80, np.nan)), np.zeros((80, 0)))
    >>> found.effects[0].verdict, round(found.effects[0].shifts[1].value - found.effects[0].shifts[0].value, 1)
    ('shift', 0.5)
    """
    rows = np.flatnonzero(np.isfinite(y))
    notes: tuple[str, ...] = ()
    if len(rows) > ROWS:
        notes = (f"{ROWS:,} of {len(rows):,} rows with a value were looked at, drawn at random",)
        rows = np.sort(np.random.default_rng(seed).choice(rows, ROWS, replace=False))
    samples = _numbered(measured.samples)[rows]
    scaled = _scaled(X[rows])
    left = _left(y[rows], scaled)
    known = compositions.take(rows) if compositions is not None else None
    drawn = [replace(one, codes=one.codes[rows]) for one in measured.factors]
    effects = [_effect(one, y[rows], left, samples, scaled, known, seed + k) for k, one in enumerate(drawn)]
    drifts = _drifts(drawn, measured, rows, left, samples, scaled, unit, seed)
    corrected = holm([*(one.p_value for one in effects), *(one.p_value for one in drifts)])
    effects = [_judged(one, p, unit) for one, p in zip(effects, corrected, strict=False)]
    drifts = [_judged_drift(one, p, unit) for one, p in zip(drifts, corrected[len(effects) :], strict=True)]
    n_sets = int((np.bincount(samples) > 1).sum()) if len(samples) else 0
    return MeasurementStudy(target, unit, len(rows), n_sets, measured.guessed, tuple(effects), tuple(drifts), notes)


def _numbered(samples: IntArray) -> IntArray:
    """Samples as 0, 1, 2, ...; each row that is in none is its own."""
    own = samples < 0
    found = samples.copy()
    found[own] = samples.max(initial=-1) + 1 + np.arange(int(own.sum()))
    return np.unique(found, return_inverse=True)[1].reshape(-1)


def _scaled(X: FloatArray) -> FloatArray:
    """Columns that vary, centred and of unit variance; the widest first, at most one for five rows."""
    if not X.shape[1] or not len(X):
        return np.zeros((len(X), 0))
    known = np.where(np.isfinite(X), X, np.nan)
    with np.errstate(all="ignore"):
        mean = np.nan_to_num(np.nanmean(np.where(np.isfinite(known).any(axis=0), known, 0.0), axis=0))
    filled = np.where(np.isfinite(known), known, mean) - mean
    spread = filled.std(axis=0)
    kept = np.flatnonzero(spread > 1e-12 * np.maximum(np.abs(mean), 1e-300))
    kept = kept[np.argsort(-(np.abs(filled[:, kept]) > 0).sum(axis=0), kind="stable")][: min(_WIDTH, len(X) // 5)]
    return np.asarray(filled[:, kept] / spread[kept])


def _left(y: FloatArray, X: FloatArray) -> FloatArray:
    """What a ridge of the inputs leaves of the target; the penalty by generalised cross-validation."""
    centred = y - y.mean() if len(y) else y
    if not X.shape[1]:
        return centred
    u, s, _ = np.linalg.svd(X, full_matrices=False)
    projected, best, found = u.T @ centred, math.inf, centred
    for penalty in np.logspace(-4, 4, 17) * float((s**2).mean()):
        shrunk = s**2 / (s**2 + penalty)
        rest = centred - u @ (shrunk * projected)
        score = float((rest**2).sum()) / max(len(y) - 1.0 - float(shrunk.sum()), 1e-9) ** 2
        if score < best:
            best, found = score, rest
    return np.asarray(found)


def _cells(factor: Factor, y: FloatArray, left: FloatArray, samples: IntArray, X: FloatArray) -> _Cells:
    kept = np.flatnonzero(factor.codes >= 0)
    levels, codes = np.unique(factor.codes[kept], return_inverse=True)
    pair, first, place, counts = np.unique(
        samples[kept] * max(len(levels), 1) + codes.reshape(-1), return_index=True, return_inverse=True,
        return_counts=True,
    )  # fmt: skip
    place = place.reshape(-1)
    words = tuple(factor.words[int(level)] for level in levels)

    def mean(values: FloatArray) -> FloatArray:
        return np.bincount(place, weights=values[kept], minlength=len(pair)) / counts

    return _Cells(mean(y), mean(left), codes.reshape(-1)[first], samples[kept][first], X[kept][first], kept, words)


def _effect(
    factor: Factor, y: FloatArray, left: FloatArray, samples: IntArray, X: FloatArray,
    compositions: Compositions | None, seed: int,
) -> Effect:  # fmt: skip
    cells = _cells(factor, y, left, samples, X)
    n_levels = len(cells.words)
    blank = Effect(
        factor.column, factor.part, factor.is_input, len(cells.rows), n_levels, 0, "", math.nan, math.nan, math.nan,
        math.nan, math.nan, math.nan, (), (), "not tested", "", "",
    )  # fmt: skip
    if n_levels < 2:
        return replace(blank, said="the same in every row: nothing to compare" if n_levels else "empty")
    if n_levels > min(_MOST_LEVELS, len(cells.y) // 2) or len(cells.y) < _FEWEST:
        return replace(blank, said=f"{n_levels:,} levels in {len(cells.y):,} samples are too many to tell an effect")
    shared = _shared(cells)
    n_sets = len(np.unique(cells.samples[shared]))
    known = replace(blank, n_sets=n_sets, share=adjusted_share(cells.y, cells.codes, n_levels),
                    only=_only(cells, factor, samples, compositions))  # fmt: skip
    overlap, p_overlap = _overlap(cells, n_levels, seed)
    known = replace(known, overlap=overlap, p_overlap=p_overlap)
    if n_sets >= FEWEST_SETS and len(np.unique(cells.codes[shared])) > 1:
        return _by_replicates(known, cells, shared, seed)
    p = level_test(cells.left - cells.left.mean(), cells.codes, n_levels, seed=seed)
    shifts = _mean_shifts(cells.left - cells.left.mean(), cells, n_levels)
    return replace(known, by="materials", share_left=adjusted_share(cells.left, cells.codes, n_levels), p_value=p,
                   shifts=shifts)  # fmt: skip


def _shared(cells: _Cells) -> IntArray:
    """Cells of samples that stand under several levels."""
    return np.flatnonzero(np.bincount(cells.samples)[cells.samples] > 1)


def _overlap(cells: _Cells, n_levels: int, seed: int) -> tuple[float, float]:
    """How far levels differ in their materials: share of the variance of the inputs, and its p-value. One cell per
    sample is looked at, as cells of one sample are equal."""
    _, first = np.unique(cells.samples, return_index=True)
    X, codes = cells.X[first] - cells.X[first].mean(axis=0), cells.codes[first]
    if not X.shape[1] or len(np.unique(codes)) < 2 or len(X) <= n_levels:
        return math.nan, math.nan
    draws = 999 if X.size < 300_000 else 199
    p = level_test(X, codes, n_levels, seed=seed + 7_919, draws=draws)
    return adjusted_share(X, codes, n_levels), p


def _by_replicates(known: Effect, cells: _Cells, shared: IntArray, seed: int) -> Effect:
    codes = np.unique(cells.codes[shared], return_inverse=True)[1].reshape(-1)
    present = np.unique(cells.codes[shared])
    samples = np.unique(cells.samples[shared], return_inverse=True)[1].reshape(-1)
    y = cells.y[shared]
    inside = y - (np.bincount(samples, weights=y) / np.bincount(samples))[samples]
    p = level_test(inside, codes, len(present), within=samples, seed=seed)
    total = float((inside**2).sum())
    free = len(y) - samples.max() - 1 - (len(present) - 1)
    share = math.nan
    if total > 0 and free > 0:
        found = _explained(inside, codes, samples, len(present))
        share = float(np.clip((found - (len(present) - 1) * (total - found) / free) / total, 0.0, 1.0))
    words = [cells.words[int(level)] for level in present]
    return replace(known, by="replicates", share_left=share, p_value=p,
                   shifts=_replicate_shifts(inside, codes, samples, words))  # fmt: skip


def _dummies(codes: IntArray, samples: IntArray, n_levels: int) -> FloatArray:
    """Levels as columns, centred within samples."""
    D = np.zeros((len(codes), n_levels))
    D[np.arange(len(codes)), codes] = 1.0
    sums = np.zeros((int(samples.max()) + 1, n_levels))
    np.add.at(sums, samples, D)
    return D - (sums / np.bincount(samples)[:, None])[samples]


def _explained(inside: FloatArray, codes: IntArray, samples: IntArray, n_levels: int) -> float:
    D = _dummies(codes, samples, n_levels)
    fitted = D @ np.linalg.lstsq(D, inside, rcond=None)[0]
    return float((fitted**2).sum())


def _replicate_shifts(
    inside: FloatArray, codes: IntArray, samples: IntArray, words: Sequence[str]
) -> tuple[Shift, ...]:
    """Least squares of sample + level; shifts from the mean of the levels, intervals by Student's t."""
    D = _dummies(codes, samples, len(words))
    if len(words) > _SHOWN or np.linalg.matrix_rank(D) < len(words) - 1:
        return ()  # levels that no chain of samples connects cannot be compared
    inverse = np.linalg.pinv(D.T @ D)
    found = inverse @ (D.T @ inside)
    found -= found.mean()
    free = len(inside) - int(samples.max()) - 1 - (len(words) - 1)
    noise = float(((inside - D @ found) ** 2).sum()) / free if free > 0 else math.nan
    half = stats.t.ppf(0.975, free) * np.sqrt(noise * np.diag(inverse)) if free > 0 else np.full(len(words), math.nan)
    counts = np.bincount(codes, minlength=len(words))
    return tuple(
        Shift(word, int(n), float(value), float(value - width), float(value + width))
        for word, n, value, width in zip(words, counts, found, half, strict=True)
    )


def _mean_shifts(left: FloatArray, cells: _Cells, n_levels: int) -> tuple[Shift, ...]:
    if n_levels > _SHOWN:
        return ()
    counts = np.bincount(cells.codes, minlength=n_levels)
    means = np.bincount(cells.codes, weights=left, minlength=n_levels) / counts
    rest = float((left**2).sum()) - between(left, cells.codes, n_levels)
    free = len(left) - n_levels
    half = stats.t.ppf(0.975, free) * np.sqrt(max(rest, 0.0) / free / counts)
    return tuple(
        Shift(word, int(n), float(value), float(value - width), float(value + width))
        for word, n, value, width in zip(cells.words, counts, means, half, strict=True)
    )


def _only(cells: _Cells, factor: Factor, samples: IntArray, compositions: Compositions | None) -> tuple[str, ...]:
    """Levels that hold an element in nearly all their materials which nearly no other has, or the other way round."""
    if compositions is None:
        return ()
    n, width = len(compositions), len(SYMBOLS) + 1
    row = np.repeat(np.arange(n), np.diff(compositions.offsets))
    there = np.zeros((n, width), dtype=bool)
    there[row, compositions.elements] = True
    kept = cells.rows
    codes = np.unique(factor.codes[kept], return_inverse=True)[1].reshape(-1)
    said = []
    for level, word in enumerate(cells.words[:_SHOWN]):
        inside, outside = there[kept][codes == level], there[kept][codes != level]
        if len(np.unique(samples[kept][codes == level])) < 4 or not len(outside):
            continue
        here, elsewhere = inside.mean(axis=0), outside.mean(axis=0)
        only = [SYMBOLS[z] for z in np.flatnonzero((here >= 0.95) & (elsewhere <= 0.05)).tolist()]
        never = [SYMBOLS[z] for z in np.flatnonzero((here <= 0.05) & (elsewhere >= 0.95)).tolist()]
        if only:
            said.append(f"{word} holds only materials with {', '.join(only[:4])}, the others none")
        elif never:
            said.append(f"{word} holds only materials without {', '.join(never[:4])}, the others have it")
    return tuple(said[:4])


# ---- drift ----


def _drifts(
    factors: Sequence[Factor], measured: Measured, rows: IntArray, left: FloatArray, samples: IntArray, X: FloatArray,
    unit: str, seed: int,
) -> list[Drift]:  # fmt: skip
    seconds = measured.seconds[rows] if len(measured.seconds) else np.full(len(rows), np.nan)
    parts: list[tuple[str, IntArray]] = []
    if measured.instrument >= 0:
        factor = factors[measured.instrument]
        parts = [(word, np.flatnonzero(factor.codes == code)) for code, word in enumerate(factor.words[:_SHOWN])]
    if len([1 for _, some in parts if len(some) >= 2 * _FEWEST]) < 1:
        parts = [("", np.arange(len(rows)))]
    found = []
    for number, (word, some) in enumerate(parts):
        some = some[np.isfinite(seconds[some])]
        if len(np.unique(seconds[some])) >= _FEWEST:
            found.append(_drift(word, seconds[some], left[some], samples[some], X[some], seed + 104_729 + number))
    return found


def _drift(word: str, t: FloatArray, left: FloatArray, samples: IntArray, X: FloatArray, seed: int) -> Drift:
    """One value per sample and moment, so that repeated readings do not count as more than one."""
    _, place = np.unique(np.column_stack([samples, t]), axis=0, return_inverse=True)
    place = place.reshape(-1)
    counts = np.bincount(place)
    when = np.bincount(place, weights=t) / counts
    r = np.bincount(place, weights=left) / counts
    x, r = (when - when.mean()) / _YEAR, r - r.mean()
    slope = float(x @ r) / float(x @ x)
    free = len(x) - 2
    noise = float(((r - slope * x) ** 2).sum()) / max(free, 1)
    half = float(stats.t.ppf(0.975, max(free, 1))) * math.sqrt(noise / float(x @ x))
    verdict: Verdict = "none seen"
    if X.shape[1]:
        first = np.unique(place, return_index=True)[1]
        parts = np.minimum(np.argsort(np.argsort(when)) * 5 // len(when), 4)
        inputs = X[first] - X[first].mean(axis=0)
        if level_test(inputs, parts.astype(np.int64), 5, seed=seed + 1, draws=199) <= ALPHA:
            verdict = "confounded"
    p = slope_test(r, x, seed=seed)
    days = float(np.ptp(t)) / 86_400
    return Drift(word, len(t), days, slope, slope - half, slope + half, p, math.nan, verdict, "")


# ---- words ----


def _judged(one: Effect, p: float, unit: str) -> Effect:
    one = replace(one, p_corrected=p)
    if one.verdict == "not tested" and one.by == "":
        return one
    overlap = one.p_overlap <= ALPHA or bool(one.only)
    beside = f" {'; '.join(one.only)}." if one.only else ""
    if p > ALPHA:
        said = f"no effect is seen ({_how(one)}, p {p:.2g})"
        if one.by == "materials" and overlap:
            said += "; materials differ between the levels, so that a shift could hide behind chemistry." + beside
        return replace(one, verdict="none seen", said=said, advice="")
    if one.by == "materials" and overlap:
        said = (
            f"levels differ, and so do their materials ({one.overlap:.0%} of the variance of the inputs): batch and "
            f"chemistry cannot be told apart.{beside}"
        )
        advice = (
            f"measure some samples of each {one.part} again under the others; until then judge with group = "
            f'"{one.column}"'
        )
        return replace(one, verdict="confounded", said=said, advice=advice)
    ends = [shift.value for shift in one.shifts]
    size = f", levels span {max(ends) - min(ends):.3g} {unit}".rstrip() if ends else ""
    said = f"values depend on it ({_how(one)}, p {p:.2g}): {one.share_left:.0%} of what is left{size}"
    return replace(one, verdict="shift", said=said, advice=_advice(one))


def _how(one: Effect) -> str:
    if one.by == "replicates":
        return f"{one.n_sets:,} samples under several levels"
    return "after a linear model of the inputs"


def _advice(one: Effect) -> str:
    parts = [f'judge with group = "{one.column}" under [roles], so that no {one.part} is on both sides']
    if not one.is_input:
        parts.append("make it an input of kind category if predictions are made for known levels")
    if one.by == "replicates" and one.shifts:
        parts.append("or subtract the shifts before learning")
    return "; ".join(parts)


def _judged_drift(one: Drift, p: float, unit: str) -> Drift:
    where = f"on {one.instrument} " if one.instrument else ""
    per = f"{one.per_year:.3g} [{one.low:.3g}, {one.high:.3g}] {unit} per year".replace("  ", " ")
    if p > ALPHA:
        return replace(one, p_corrected=p, verdict="none seen", said=f"no drift {where}is seen (p {p:.2g})")
    if one.verdict == "confounded":
        said = f"values {where}move with time, and so do the materials: drift and chemistry cannot be told apart"
        return replace(one, p_corrected=p, said=said)
    return replace(one, p_corrected=p, verdict="shift", said=f"values {where}drift by {per} (p {p:.2g})")
