"""The domain of a model: which rows are like those it learnt from, and in words why another one is not.

Four checks: an element that no training row holds; a category word that none had, or a value missing that never was; a
number outside the trained range; and a measure of foreignness (`domains`), usually the distance to the nearest training
rows relative to how dense that region is. The measure and its limit are found on regions that are left out in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matloop.core.arrays import Arrays, BoolArray, FloatArray, IntArray, TextArray, nested, number, taken, under
from matloop.core.errors import BundleError, DataError
from matloop.doubt.domain_seen import Seen, fit_seen, new_things
from matloop.doubt.domains.choice import Choice, Limit, choose, limit_of, random_parts, regions, scored
from matloop.doubt.domains.method import AXES, LANDMARKS, Foreignness, Method, method_of
from matloop.doubt.domains.neighbours import NeighbourDistance
from matloop.doubt.domains.space import Places, Space, drawn_rows, fit_space
from matloop.represent.table import FeatureTable

FOLDS, REGIONS = 10, 5
LIMIT_ROWS = 5000
"""Held-out rows that the limit is found on."""
CHUNK = 2048


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a model may be trusted.

    seen : what occurred in training at all. foreign : the measure, in features expanded by category words.
    limit : its largest score inside, and what that flags. choice : which measures were compared, and how they did.
    """

    seen: Seen
    foreign: Foreignness
    limit: Limit
    choice: Choice

    @property
    def threshold(self) -> float:
        """The largest score of the measure inside."""
        return self.limit.value

    @property
    def how(self) -> str:
        """How the domain was found, in words for a card."""
        text, choice, limit = method_of(self.choice.name).label.lower(), self.choice, self.limit
        if choice.name in choice.tried:
            own = choice.auroc[choice.tried.index(choice.name)]
            text += f", one of {len(choice.tried)} measures compared on left-out regions (AUROC {own:.2f})"
        if np.isfinite(limit.flagged):
            text += f"; its limit flags {100 * limit.flagged:.0f} % of held-out rows like the training rows"
        if np.isfinite(limit.flagged_left_out):
            text += f" and {100 * limit.flagged_left_out:.0f} % of rows of left-out regions"
        return text

    def judge(self, table: FeatureTable) -> tuple[BoolArray, TextArray]:
        """Whether each row is like the training rows, and if not why; shape (n,) each.

        Raises
        ------
        DataError : the table has other columns than the training table.
        """
        self._check(table)
        reasons: dict[int, list[str]] = {}
        for start in range(0, len(table), CHUNK):
            X = table.X[start : start + CHUNK]
            known = {row - start: why for row, why in table.reasons.items() if start <= row < start + len(X)}
            for row, why in self.seen.never(X, known):
                reasons.setdefault(start + row, []).append(why)
            for row, why in self._far(X):
                reasons.setdefault(start + row, []).append(why)
        inside = np.ones(len(table), dtype=bool)
        inside[list(reasons)] = False
        texts = np.array(["; ".join(dict.fromkeys(reasons.get(row, ()))) for row in range(len(table))], dtype=np.str_)
        return inside, texts

    def score(self, table: FeatureTable) -> FloatArray:
        """How foreign each row is, shape (n,): the measure over its limit, raised where another check fails."""
        self._check(table)
        found = np.empty(len(table))
        for start in range(0, len(table), CHUNK):
            X = table.X[start : start + CHUNK]
            ratio = self.foreign.score(self.seen.expanded(X)) / self.threshold
            for row in {row for row, _ in self.seen.never(X, {})}:
                ratio[row] = 1.5 * max(ratio[row], 1.0)
            found[start : start + CHUNK] = ratio
        return found

    def _check(self, table: FeatureTable) -> None:
        names = self.seen.names
        if table.names != tuple(names.tolist()):
            raise DataError(f"{len(table.names)} feature columns; the domain was learnt from {len(names)} others.")

    def _far(self, X: FloatArray) -> list[tuple[int, str]]:
        wide = self.seen.expanded(X)
        score = self.foreign.score(wide)
        rows = np.flatnonzero(score > self.threshold)
        if len(rows) == 0:
            return []
        space, quantity = self.foreign.space, method_of(self.foreign.method).quantity
        standard = space.standard(wide[rows])
        found = []
        for place, row in enumerate(rows.tolist()):
            head = f"unlike the training rows ({quantity} {score[row] / self.threshold:.1f} times the limit)"
            found.append((row, head + self.seen.most_unusual(X[row], standard[place], space.columns)))
        return found

    def to_arrays(self) -> Arrays:
        """Plain arrays; `from_arrays` judges the same."""
        limit, choice = self.limit, self.choice
        arrays = self.seen.to_arrays() | {
            "threshold": np.array(limit.value),
            "shares": np.array([limit.flagged, limit.flagged_left_out]),
            "tried": np.array(choice.tried, dtype=np.str_),
            "auroc": np.array(choice.auroc, dtype=np.float64),
        }
        return arrays | nested("foreign", self.foreign.to_arrays())

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Domain:
        """The value that `to_arrays` gave, or that of release 0.1.

        Raises
        ------
        BundleError : an array is missing or impossible.
        """
        seen, threshold = Seen.from_arrays(arrays), number(arrays, "threshold")
        if not (np.isfinite(threshold) and threshold > 0):
            raise BundleError(f"the limit of the domain is {threshold}, expected above 0. The bundle is not trusted.")
        if "nearness/landmarks" in arrays:
            return cls(seen, _first_release(arrays, seen.n_expanded), Limit(threshold), Choice("relative_distance"))
        foreign = Foreignness.from_arrays(under("foreign", arrays), seen.n_expanded)
        tried = tuple(taken(arrays, "tried", kind="U").tolist())
        found = tuple(taken(arrays, "auroc", finite=False).tolist())
        shares = taken(arrays, "shares", finite=False)
        if len(tried) != len(found) or shares.shape != (2,):
            raise BundleError("the comparison of the domain's measures does not fit itself. The bundle is not trusted.")
        limit = Limit(threshold, float(shares[0]), float(shares[1]))
        return cls(seen, foreign, limit, Choice(foreign.method, tried, found))


def _first_release(arrays: Arrays, n_features: int) -> Foreignness:
    """The distance as bundles of release 0.1 hold it."""
    old = under("nearness", arrays)
    space, landmarks = Space.from_arrays(old, n_features), taken(old, "landmarks", ndim=2).astype(np.float32)
    radius, neighbours = taken(arrays, "radius").astype(np.float64), int(number(old, "neighbours"))
    if landmarks.shape[1] != space.n_axes or not 0 < len(landmarks) == len(radius) or (radius <= 0).any():
        raise BundleError("the arrays of the domain do not fit each other. The bundle is not trusted.")
    if not 1 <= neighbours <= 1000:
        raise BundleError(f"the domain looks at {neighbours} neighbours, 1 to 1,000 are possible.")
    measure = NeighbourDistance(landmarks, radius, 0.5, neighbours)
    return Foreignness("relative_distance", n_features, space, measure)


def fit_domain(table: FeatureTable, y: FloatArray, groups: ArrayLike, *, seed: int, method: str = "auto") -> Domain:
    """Learn the domain of a model from its training rows.

    Parameters
    ----------
    table : training rows; columns whose origin ends with ":fractions" are element fractions, ":number" and ":category"
        are process inputs.
    y : shape (n,), only its length is looked at: the domain is about chemistry, not about errors.
    groups : shape (n,), rows with equal names are never on both sides of an inner split.
    method : a name of `DOMAINS`, or "auto": the one that tells left-out regions best (see `choose`).

    Raises
    ------
    DataError : no rows, or lengths differ. ConfigError : no such method.
    """
    index = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    if len(table) == 0 or not len(table) == len(y) == len(index):
        raise DataError(
            f"{len(table)} feature rows, {len(y)} targets, {len(index)} groups; a domain needs rows of each."
        )
    seen = fit_seen(table)
    wide = seen.expanded(table.X)
    choice = choose(wide, index, seed=seed) if method == "auto" else Choice(method)
    way, rows = method_of(choice.name), drawn_rows(len(wide), LANDMARKS, seed)
    space = fit_space(wide, rows, n_axes=AXES)
    places = space.project(wide)
    foreign = Foreignness(choice.name, wide.shape[1], space, way.fit(places[rows], seed))
    return Domain(seen, foreign, _limit(way, foreign, places, rows, table, index, seed), choice)


def _limit(
    way: Method, foreign: Foreignness, places: Places, rows: IntArray, table: FeatureTable, index: IntArray, seed: int
) -> Limit:
    """The limit, from rows of random folds and of left-out regions, groups whole, on the final axes."""
    n_groups = int(index.max()) + 1
    if n_groups < 2:
        return Limit(max(2.0 * float(foreign.measure.score(places).max()), 1e-6))
    # all landmarks, and of the other rows as many as are needed
    more = np.setdiff1d(drawn_rows(len(places), LIMIT_ROWS, seed), rows)
    asked = np.concatenate([rows, more[: max(LIMIT_ROWS - len(rows), 0)]])
    places, index, table = places[asked], np.unique(index[asked], return_inverse=True)[1].reshape(-1), table.take(asked)

    def fit(known: IntArray) -> Callable[[IntArray], FloatArray]:
        landmarks = known[known < len(rows)]
        measure = way.fit(places[landmarks if len(landmarks) else known], seed)
        return lambda inside: measure.score(places[inside])

    fold = random_parts(index, min(FOLDS, int(index.max()) + 1), seed)
    region = regions(places[: len(rows)], np.unique(index[: len(rows)], return_inverse=True)[1], REGIONS, seed)
    usual, new_usual = scored(fold, fit), new_things(table, fold)
    if len(np.unique(region)) < 2:
        return limit_of(usual, np.zeros(0), new_usual, np.zeros(0, dtype=bool))
    first = table.take(np.arange(len(rows)))
    return limit_of(usual, scored(region, fit), new_usual, new_things(first, region))
