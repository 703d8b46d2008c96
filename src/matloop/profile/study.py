"""The rows of a problem on a map, with their clusters, and where on it the model errs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import BoolArray, FloatArray, IntArray, TextArray, frozen
from matloop.core.errors import DataError
from matloop.core.optional import available
from matloop.metrics.estimate import Estimate
from matloop.metrics.scores import scores
from matloop.problem.question import Depth
from matloop.profile.clusters import Answer, Division, FoundClusters, find_clusters
from matloop.profile.map import map_in, map_stability
from matloop.profile.space import fit_space
from matloop.profile.tells import short_name, tells, typical_rows
from matloop.represent.table import FeatureTable
from matloop.train.subject import Subject

DRAWN = {"quick": 1500, "standard": 1500, "thorough": 4000}
"""Rows that are drawn; maps are made of these, clusters of all rows."""
SECONDS_PER_ROW = {"pca": 1e-3, "tsne": 1e-2, "umap": 1.5e-2, "autoencoder": 5e-3}
SECONDS_TO_START = {"pca": 0.5, "tsne": 1.0, "umap": 40.0, "autoencoder": 10.0}
"""Careful guesses on one busy core, so that a map is not begun that would end too late."""
LIBRARY = {"umap": "umap", "autoencoder": "torch"}
FEW_ROWS = 30


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """One map of the drawn rows; xy : shape (n_drawn, 2). See `matloop.profile.map.Map` for the rest.

    stability : of another seed and other rows, in [0, 1]; NaN where not measured.
    """

    method: str
    xy: FloatArray
    how: str
    explained: FloatArray
    trustworthiness: float
    continuity: float
    stability: float
    new_rows: str


@dataclass(frozen=True, slots=True)
class ClusterLine:
    """One cluster in words and numbers.

    name : short. tells : what it has that others have not. typical : up to three of its rows, as a reader knows them.
    stability : Jaccard similarity with what resamples make of it; NaN where not measured.
    value : mean target of its rows; NaN for classifications. outside_domain : share of its rows, NaN where not known.
    error : mean out-of-fold error of its rows with a 95 % interval by group (NaN where there is none).
    p_value : whether the error differs from that of the other rows, corrected for the number of clusters (Holm).
    """

    name: str
    n_rows: int
    tells: tuple[str, ...]
    typical: tuple[str, ...]
    stability: float
    value: float
    error: Estimate
    p_value: float
    outside_domain: float


@dataclass(frozen=True, slots=True)
class MapStudy:
    """Development rows on maps, in clusters, with values and errors; arrays have one entry per drawn row.

    rows : which rows are drawn. ids, shown : how they are known. n_rows : how many there are in all.
    value : target, or class index; NaN where there is none. error : out-of-fold |error| in the target's unit, or 1
    where the class is wrong; NaN where there is none. in_domain : empty where not known.
    cluster : label, -1 for none; `clusters[k]` describes label k.
    answer, sentence : whether there are clusters; with "none" the labels are mere regions.
    tried : every division that was looked at; `best` is the one drawn.
    best_map : position in `maps` of the map that keeps neighbours best.
    """

    n_rows: int
    rows: IntArray
    ids: TextArray
    shown: TextArray
    value: FloatArray
    error: FloatArray
    in_domain: BoolArray
    maps: tuple[DrawnMap, ...]
    best_map: int
    cluster: IntArray
    clusters: tuple[ClusterLine, ...]
    answer: Answer
    sentence: str
    best: Division
    tried: tuple[Division, ...]
    clusters_how: str
    classes: tuple[str, ...]
    target: str
    unit: str
    notes: tuple[str, ...] = ()


def study_map(
    subject: Subject,
    error: FloatArray | None = None,
    in_domain: BoolArray | None = None,
    *,
    deadline: float = math.inf,
) -> MapStudy:
    """Draw the development rows, find their clusters, and lay the model's out-of-fold error over the map.

    Parameters
    ----------
    error : shape (n,), out-of-fold |error| or 1 for a wrong class; None: that of the subject's own out-of-fold
        predictions.
    in_domain : shape (n,), out-of-fold domain flags.
    deadline : `time.monotonic()` value. No fit is made; what is late is left out and named in `notes`. At depth
        "quick" there is the map of principal axes, at "standard" t-SNE beside it, at "thorough" UMAP and an autoencoder
        where their libraries are there, with the stability of each.
    """
    one, found = subject.development, subject.trained.out_of_fold
    if error is None:
        wrong = found.value != one.y if one.classes else np.abs(found.value - one.y)
        error = np.where(np.isfinite(found.value), wrong, np.nan).astype(np.float64)
    return profile_rows(
        one.table, one.y, error=error, in_domain=in_domain, groups=one.groups, ids=subject.ids, shown=subject.shown,
        classes=one.classes, target=subject.target.name, unit=one.unit, seed=subject.seed, depth=subject.depth,
        deadline=deadline,
    )  # fmt: skip


def profile_rows(
    table: FeatureTable,
    y: ArrayLike | None = None,
    *,
    error: ArrayLike | None = None,
    in_domain: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    ids: ArrayLike | None = None,
    shown: ArrayLike | None = None,
    classes: Sequence[str] = (),
    target: str = "target",
    unit: str = "",
    seed: int = 0,
    depth: Depth = "standard",
    deadline: float = math.inf,
) -> MapStudy:
    """`study_map` for any feature table: no run and no model is needed.

    Parameters
    ----------
    y : shape (n,), target, or index into `classes`. error, in_domain, groups, ids, shown : shape (n,), see `MapStudy`.

    Raises
    ------
    DataError : the table has no rows, or one of the others has another length.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> table = FeatureTable(X, ("a", "b", "c"), ("a:number", "b:number", "c:number"), {}, {})
    >>> profile_rows(table, depth="quick").answer
    'none'
    """
    n = len(table)
    if not n:
        raise DataError("the table has no rows; there is nothing to draw.")
    value, wrong = (_column(name, given, n) for name, given in (("y", y), ("error", error)))
    names = _texts("ids", ids, n)
    known_as = names if shown is None else _texts("shown", shown, n)
    inside = np.zeros(0, bool) if in_domain is None else _sized("in_domain", np.asarray(in_domain, bool), n)
    group = np.arange(n) if groups is None else _sized("groups", np.asarray(groups), n)
    space = fit_space(table.X, table.columns(), seed=seed)
    points = space.place(table.X)[:, : max(space.for_clusters(), 0)]
    notes = list(_cautions(n, space.n_columns, table))
    clusters = find_clusters(points, seed=seed, thorough=depth == "thorough", deadline=deadline)
    rows = _drawn(n, DRAWN[depth], seed)
    maps, late = _maps(table, rows, seed, depth, deadline)
    notes += [*clusters.notes, *late]
    ranks = [_worth(one) for one in maps]
    lines = _lines(table, points, clusters, value, wrong, inside, group, known_as, bool(classes), seed)
    return MapStudy(
        n_rows=n, rows=frozen(rows), ids=frozen(names[rows]), shown=frozen(known_as[rows]),
        value=frozen(value[rows]), error=frozen(wrong[rows]),
        in_domain=frozen(inside[rows] if len(inside) else inside), maps=maps, best_map=int(np.argmax(ranks)),
        cluster=frozen(clusters.labels[rows]), clusters=lines, answer=clusters.answer, sentence=clusters.sentence,
        best=clusters.best, tried=clusters.tried, clusters_how=f"{clusters.how}, in {_axes(points)} of {space.how}",
        classes=tuple(classes), target=target, unit=unit, notes=tuple(notes),
    )  # fmt: skip


def _axes(points: FloatArray) -> str:
    return f"the first {points.shape[1]}"


def _worth(one: DrawnMap) -> float:
    """By which the drawn map is chosen: neighbours kept, both ways."""
    both = one.trustworthiness + one.continuity
    return both if math.isfinite(both) else -1.0


def _cautions(n: int, n_columns: int, table: FeatureTable) -> list[str]:
    found = []
    if n < FEW_ROWS:
        found.append(f"{n:,} rows: a map of so few shows little more than a list of them")
    if n_columns > n:
        found.append(
            f"{n_columns:,} varying features but only {n:,} rows: most distances are chance, and a map or cluster that "
            "looks right may not come again with other rows"
        )
    if not n_columns:
        found.append(f"none of the {len(table.names):,} features varies: all rows lie on one spot")
    return found


def _maps(
    table: FeatureTable, rows: IntArray, seed: int, depth: Depth, deadline: float
) -> tuple[tuple[DrawnMap, ...], list[str]]:
    """Maps of the drawn rows, the quick ones first; at least that of principal axes."""
    asked = {"quick": ("pca",), "standard": ("pca", "tsne")}.get(depth, ("pca", "tsne", "umap", "autoencoder"))
    drawn = table.take(rows)
    space = fit_space(drawn.X, drawn.columns(), seed=seed)
    made, late = [], []
    for method in asked:
        if method in LIBRARY and not available(LIBRARY[method]):
            late.append(f"{method} map: the library {LIBRARY[method]} is not installed")
            continue
        cost = SECONDS_TO_START[method] + SECONDS_PER_ROW[method] * len(rows)
        if method != "pca" and time.monotonic() + cost > deadline:
            late.append(f"{method} map: left out, the time ran out")
            continue
        found = map_in(space, drawn.X, method=method, seed=seed).map
        steady = math.nan
        if depth == "thorough" and time.monotonic() + 3 * cost < deadline:
            steady = map_stability(drawn, method=method, seed=seed)
        made.append(
            DrawnMap(
                method, found.xy, found.how, found.explained, found.trustworthiness, found.continuity, steady,
                found.new_rows,
            )
        )  # fmt: skip
    return tuple(made), late


def _lines(
    table: FeatureTable,
    points: FloatArray,
    clusters: FoundClusters,
    value: FloatArray,
    error: FloatArray,
    inside: BoolArray,
    groups: np.ndarray,
    shown: TextArray,
    classification: bool,
    seed: int,
) -> tuple[ClusterLine, ...]:
    members = [clusters.labels == k for k in range(clusters.n_clusters)]
    errors = [_mean_error(error, member, groups, seed) for member in members]
    p_values = _holm([_differs(error, member, groups) for member in members])
    lines = []
    for k, member in enumerate(members):
        told = tells(table, member)
        known = value[member & np.isfinite(value)]
        lines.append(
            ClusterLine(
                name=short_name(told), n_rows=int(member.sum()), tells=tuple(one.words for one in told),
                typical=tuple(shown[typical_rows(points, member, shown)].tolist()),
                stability=float(clusters.stability[k]),
                value=math.nan if classification or not len(known) else float(known.mean()), error=errors[k],
                p_value=p_values[k], outside_domain=float((~inside[member]).mean()) if len(inside) else math.nan,
            )
        )  # fmt: skip
    return tuple(lines)


def _mean_error(error: FloatArray, member: BoolArray, groups: np.ndarray, seed: int) -> Estimate:
    known = np.flatnonzero(member & np.isfinite(error))
    if not len(known):
        return Estimate(math.nan, math.nan, math.nan)
    # the mean absolute error of the errors themselves against zero: their mean, resampled by group
    return scores("regression", np.zeros(len(known)), error[known], None, groups[known], names=["mae"], seed=seed)[
        "mae"
    ]


def _differs(error: FloatArray, member: BoolArray, groups: np.ndarray) -> float:
    """P-value of equal mean errors inside and outside, groups kept whole (Welch's test on group means)."""
    from scipy.stats import ttest_ind

    parts = []
    for side in (member, ~member):
        known = np.flatnonzero(side & np.isfinite(error))
        _, index = np.unique(groups[known], return_inverse=True)
        sizes = np.bincount(index.reshape(-1))
        parts.append(np.bincount(index.reshape(-1), weights=error[known]) / np.maximum(sizes, 1))
    if min(len(part) for part in parts) < 5 or min(float(np.ptp(part)) for part in parts) <= 0:
        return math.nan
    return float(ttest_ind(*parts, equal_var=False).pvalue)


def _holm(values: list[float]) -> list[float]:
    """P-values corrected for their number (Holm, Scand. J. Stat. 6 (1979) 65); NaN stays."""
    known = [i for i, value in enumerate(values) if math.isfinite(value)]
    corrected, largest = list(values), 0.0
    for place, i in enumerate(sorted(known, key=lambda i: values[i])):
        largest = max(largest, min(1.0, (len(known) - place) * values[i]))
        corrected[i] = largest
    return corrected


def _drawn(n: int, limit: int, seed: int) -> IntArray:
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:limit])


def _column(name: str, given: ArrayLike | None, n: int) -> FloatArray:
    if given is None:
        return np.full(n, np.nan)
    return np.array(_sized(name, np.asarray(given, dtype=np.float64), n))


def _texts(name: str, given: ArrayLike | None, n: int) -> TextArray:
    if given is None:
        return np.array([f"row {i}" for i in range(n)], dtype=np.str_)
    return np.asarray(_sized(name, np.asarray(given), n), dtype=np.str_)


def _sized(name: str, array: np.ndarray, n: int) -> np.ndarray:
    if array.shape != (n,):
        raise DataError(f"{name} has shape {array.shape}, but the table has {n:,} rows; one value per row is needed.")
    return array
