"""Which of two models is better, and how many seeds or repeats are needed to tell."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.evaluate.words import number, percent
from matloop.metrics.estimate import Estimate

ALPHA, POWER = 0.05, 0.8
"""Two-sided test at 5 %, found in four of five attempts: what the field asks for."""
MOST_REPEATS = 1000
DRAWS = 2000
OFTEN = 0.9


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same splits; scores are losses, lower is better.

    difference : mean loss of b minus that of a (> 0: a is better), with its corrected 95 % interval.
    p_value : two-sided, corrected for splits that share training rows.
    n_scores, per_repeat : pairs of scores, and how many make one cross-validation.
    repeats : whole cross-validations (other folds, other seeds) needed to tell a difference of this size, in four of
        five attempts at 5 %; infinite where no number is enough on these rows.
    repeats_low, repeats_high : where `repeats` lies with 80 % probability, as the difference and its spread are only
        known from these scores. never : probability that no number of repeats is enough.
    rows_factor : how many times as many rows would tell with as many scores as there are; at least 1.
    """

    difference: Estimate
    p_value: float
    n_scores: int
    per_repeat: int
    repeats: float
    repeats_low: float
    repeats_high: float
    never: float
    rows_factor: float
    words: str


def compare_models(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    n_train: int,
    n_test: int,
    names: tuple[str, str] = ("the first", "the second"),
    seed: int = 0,
) -> Comparison:
    """Corrected resampled t-test of two models on the same splits, and the repeats needed to tell them apart.

    Splits share training rows, so the variance of the mean difference is not s^2 / J but s^2 (1 / J + n_test /
    n_train).
    The second part does not shrink with more repeats: it is the doubt about these rows, and only more rows lower it.

    Parameters
    ----------
    scores_a, scores_b : shape (J,), losses of both models on the same J splits, lower is better; pairs with a value
        that is not finite are left out.
    n_train, n_test : rows of one split.
    names : what the models are called in the words.

    Raises
    ------
    DataError : lengths differ, fewer than three pairs, or a split without rows.

    References
    ----------
    Nadeau & Bengio, Mach. Learn. 52 (2003) 239. doi:10.1023/A:1024068626366
    Bouckaert & Frank, PAKDD (2004) 3 (repeated cross-validation). doi:10.1007/978-3-540-24775-3_3

    Examples
    --------
    >>> found = compare_models([1.0, 1.1, 0.9, 1.0, 1.05], [1.2, 1.3, 1.15, 1.2, 1.22], n_train=80, n_test=20)
    >>> found.p_value < 0.05, found.repeats
    (True, 1.0)
    """
    a, b = np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise DataError(f"scores of shapes {a.shape} and {b.shape}; both models need one score per split.")
    if min(n_train, n_test) < 1:
        raise DataError(f"{n_train} training and {n_test} test rows; both need at least one.")
    gaps = (b - a)[np.isfinite(b - a)]
    n, rho = len(gaps), n_test / n_train
    if n < 3:
        raise DataError(f"{n} pairs of scores; at least 3 are needed. Use more folds or repeats.")
    mean, spread = float(gaps.mean()), float(gaps.std(ddof=1))
    per_repeat = max(1, round((n_train + n_test) / n_test))
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        return _without_spread(mean, n, per_repeat, names)
    from scipy.stats import t as student

    error = spread * math.sqrt(1.0 / n + rho)
    half = float(student.ppf(1 - ALPHA / 2, n - 1)) * error
    p_value = float(2.0 * student.sf(abs(mean) / error, n - 1))
    grid, least = _least_effect(per_repeat, rho)
    repeats = float(_repeats(np.array([mean / spread]), grid, least)[0])
    rng = np.random.default_rng(seed)
    means = mean + error * rng.standard_t(n - 1, DRAWS)
    spreads = spread * np.sqrt((n - 1) / rng.chisquare(n - 1, DRAWS))
    drawn = _repeats(means / spreads, grid, least)
    low, high = np.quantile(drawn, [0.1, 0.9], method="nearest")
    now = _needed_effect(np.array([float(n)]), rho)[0]
    found = Comparison(
        Estimate(mean, mean - half, mean + half), p_value, n, per_repeat, repeats, float(low), float(high),
        float(np.isinf(drawn).mean()), max(1.0, float((now * spread / abs(mean)) ** 2)) if mean else math.inf, "",
    )  # fmt: skip
    return _worded(found, names)


def _needed_effect(n: FloatArray, rho: float) -> FloatArray:
    """Least |mean| / spread that n scores tell with the asked power."""
    from scipy.stats import t as student

    both = student.ppf(1 - ALPHA / 2, n - 1) + student.ppf(POWER, n - 1)
    return np.asarray(both * np.sqrt(1.0 / n + rho))


def _least_effect(per_repeat: int, rho: float) -> tuple[FloatArray, FloatArray]:
    grid = np.unique(np.round(np.geomspace(1, MOST_REPEATS, 300)))
    grid = grid[grid * per_repeat >= 2]
    return grid, _needed_effect(grid * per_repeat, rho)


def _repeats(effect: FloatArray, grid: FloatArray, least: FloatArray) -> FloatArray:
    """The first number of repeats that tells each effect; infinity where none does."""
    place = np.searchsorted(-least, -np.abs(effect), side="left")
    return np.append(grid, np.inf)[place]


def _without_spread(mean: float, n: int, per_repeat: int, names: tuple[str, str]) -> Comparison:
    """The same difference on every split: told at once, or no difference at all."""
    if mean == 0.0:
        words = f"{names[0]} and {names[1]} give the same scores: there is nothing to tell apart."
        return Comparison(
            Estimate(0.0, 0.0, 0.0), 1.0, n, per_repeat, math.inf, math.inf, math.inf, 1.0, math.inf, words
        )
    found = Comparison(Estimate(mean, mean, mean), 0.0, n, per_repeat, 1.0, 1.0, 1.0, 0.0, 1.0, "")
    return _worded(found, names)


def _worded(found: Comparison, names: tuple[str, str]) -> Comparison:
    better, other = names if found.difference.value > 0 else names[::-1]
    if found.p_value < ALPHA:
        text = f"{better} is better than {other} (corrected p {_p(found.p_value)}, {found.n_scores} scores)."
    elif math.isinf(found.repeats):
        perhaps = "cannot" if found.never >= OFTEN else "probably cannot"
        text = (
            f"{better} and {other} {perhaps} be told apart by any number of seeds on these rows: the difference is "
            f"below the noise of the data (corrected p {_p(found.p_value)}).{_rows(found.rows_factor)}"
        )
    else:
        text = (
            f"{better} seems better than {other}, but it may be luck (corrected p {_p(found.p_value)}): about "
            f"{_count(found.repeats)} would tell{_doubt(found)}."
        )
    return replace(found, words=text[:1].upper() + text[1:])


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {number(value, 2)}"


def _rows(factor: float) -> str:
    if not math.isfinite(factor) or factor > 1000:
        return " No reasonable number of rows would tell either."
    return f" About {number(factor, 2)} times as many rows would, if the difference stays."


def _count(repeats: float) -> str:
    return "one cross-validation" if repeats == 1 else f"{repeats:,.0f} cross-validations with other folds and seeds"


def _doubt(found: Comparison) -> str:
    if found.never >= OFTEN:
        return ""
    if math.isinf(found.repeats_high):
        return f" (from {found.repeats_low:,.0f} to never: {percent(found.never)} that no number is enough)"
    return f" ({found.repeats_low:,.0f} to {found.repeats_high:,.0f} with 80 % probability)"


@dataclass(frozen=True, slots=True)
class SpreadParts:
    """Where the doubt of a mean loss comes from, as standard deviations in its unit.

    seeds : of one seed's mean, from other seeds and folds on the same rows. rows : of the mean, from which rows there
    are. n_seeds, n_groups : how many of each were seen.
    """

    seeds: float
    rows: float
    n_seeds: int
    n_groups: int


def spread_parts(losses: ArrayLike, groups: ArrayLike | None = None) -> SpreadParts:
    """Split the doubt of a mean loss into that from seeds and that from rows (crossed random effects, by moments).

    Parameters
    ----------
    losses : shape (n_seeds, n_rows), loss of each row under each seed; for two models the difference of their losses.
    groups : shape (n_rows,), rows that belong together; None: each by itself.

    Raises
    ------
    DataError : fewer than two seeds or two groups, or lengths that differ.

    References
    ----------
    Searle, Casella & McCulloch, Variance Components (Wiley, 1992), chapter 4. doi:10.1002/9780470316856
    """
    table = np.asarray(losses, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2:
        raise DataError(f"losses of shape {table.shape}; at least two seeds are needed, one per line.")
    names = np.arange(table.shape[1]) if groups is None else np.asarray(groups)
    if len(names) != table.shape[1]:
        raise DataError(f"{table.shape[1]} rows, but {len(names)} group names. Give one group per row.")
    index = np.unique(names, return_inverse=True)[1].reshape(-1)
    n_seeds, n_groups = len(table), int(index.max()) + 1
    if n_groups < 2:
        raise DataError("all rows belong to one group: how much depends on the rows cannot be known.")
    # scaled so that the plain mean over groups is the mean over rows
    cells = np.stack([np.bincount(index, weights=row) for row in table]) * n_groups / table.shape[1]
    mean, by_seed, by_group = cells.mean(), cells.mean(axis=1), cells.mean(axis=0)
    rest = cells - by_seed[:, None] - by_group + mean
    within = float((rest**2).sum()) / ((n_seeds - 1) * (n_groups - 1))
    seeds = float(by_seed.var(ddof=1))
    rows = max(float(by_group.var(ddof=1)) - within / n_seeds, 0.0) / n_groups
    return SpreadParts(math.sqrt(seeds), math.sqrt(rows), n_seeds, n_groups)


def seeds_needed(difference: float, parts: SpreadParts) -> float:
    """Seeds after which a difference of this size is told at 5 % in four of five attempts; infinite if never.

    parts : of the differences of the two models' losses, see `spread_parts`. Normal approximation.

    Examples
    --------
    >>> seeds_needed(1.0, SpreadParts(seeds=0.5, rows=0.1, n_seeds=5, n_groups=100))
    3.0
    """
    from scipy.stats import norm

    reach = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER))
    room = (difference / reach) ** 2 - parts.rows**2
    return float(math.ceil(max(parts.seeds**2 / room, 1.0) - 1e-9)) if room > 0 else math.inf


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """How much a score moves with the seed (folds and model), beside how much it moves with the rows.

    spread : standard deviation over seeds with its 95 % interval (chi-squared). rows : standard error from the rows.
    """

    scores: tuple[float, ...]
    spread: Estimate
    rows: float
    words: str


def seed_spread(scores: ArrayLike, rows: float = math.nan) -> SeedSpread:
    """The spread of one score over seeds.

    Parameters
    ----------
    scores : shape (n_seeds,), the same score of the same recipe under each seed.
    rows : standard error of the score from which rows there are (its 95 % interval over 3.92).

    Raises
    ------
    DataError : fewer than two finite scores.
    """
    from scipy.stats import chi2

    known = np.asarray(scores, dtype=np.float64)
    known = known[np.isfinite(known)]
    n = len(known)
    if n < 2:
        raise DataError(f"{n} scores; two seeds are needed to see a spread.")
    sd = float(known.std(ddof=1))
    low, high = (sd * math.sqrt((n - 1) / chi2.ppf(q, n - 1)) for q in (0.975, 0.025))
    words = f"Over {n} seeds the score moves by {number(sd, 2)} (one standard deviation"
    words += f"; between {number(low, 2)} and {number(high, 2)}, as {n} seeds tell little)." if n < 10 else ")."
    if math.isfinite(rows):
        if sd < 0.5 * rows:
            words += (
                f" Which rows there are moves it by {number(rows, 2)}: more seeds would tell little, more rows would."
            )
        else:
            words += f" Which rows there are moves it by {number(rows, 2)}: report means over seeds."
    return SeedSpread(tuple(known.tolist()), Estimate(sd, float(low), float(high)), rows, words)
