"""The best of a domain by an acquisition: all of it where it is small, else samples and what lies around the best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.acquisition.aims import Wanted, is_logarithmic, softened, told, wanted
from matloop.design.contract import About, Acquisition, Belief, Domain, Points

WHOLE, WHOLE_LEAST, WHOLE_WORK = 50_000, 5_000, 20_000_000
"""A domain is looked at wholly up to 50,000 points; to fewer with many known experiments, which make a look dearer."""
SAMPLED = 4_096
REPRESENTATIVES = 500
SHORTLIST = 1_500
STARTS, MOVES, ROUNDS = 8, 32, 12
BLOCK = 1_024
CHUNK = 4_096
_LEAST_CHANCE = 1e-12


@dataclass
class Search:
    """Candidates, what is known of their worth, and which of them may not be chosen any more.

    The worth of a candidate is looked at anew only while it could be the best: where the beliefs have learnt more
    since, the old worth is taken as the most that it can be now. That holds for gains and optimistic values after
    believing the mean, as doubt only shrinks and what is to beat only rises; it is near enough for others.
    """

    domain: Domain
    acquisition: Acquisition
    beliefs: tuple[Belief, ...]
    about: About
    seed: int
    cooling: float = 1.0
    points: FloatArray = field(init=False)
    X: FloatArray = field(init=False)
    worth: FloatArray = field(init=False)
    extra: FloatArray = field(init=False)
    fresh: BoolArray = field(init=False)
    taken: set[str] = field(default_factory=set)
    seen: set[bytes] = field(default_factory=set)
    grows: bool = False

    def start(self, candidates: Points | None, around: Points | None) -> None:
        """Gather the first candidates; `around` are known experiments, best first, near which it is looked too."""
        whole = candidates
        if whole is None:
            known = len(self.about.known) + len(self.about.pending)
            whole = self.domain.everything(int(np.clip(WHOLE_WORK // max(known, 1), WHOLE_LEAST, WHOLE)))
        self.grows = whole is None
        found = self.domain.sample(SAMPLED, self.seed, how="sobol") if whole is None else whole
        self.points, self.X = found.values, self.domain.encode(found)
        self.worth = np.full(len(found), np.inf)
        self.fresh = np.zeros(len(found), dtype=np.bool_)
        self.extra = self._extra(self.X)
        if self.grows and around is not None and len(around):
            for reach in (0.1, 0.02):
                self._add(self.domain.near(around.take(range(min(STARTS, len(around)))), MOVES, self.seed, reach=reach))

    def best(self, round_: int) -> int | None:
        """The row of the best candidate that may be chosen; None where there is none."""
        scout: Acquisition | None = getattr(self.acquisition, "scout", None)
        row = self._best(self._prepared(scout or self.acquisition), round_)
        if scout is None or row is None:
            return row
        rows = self.top(SHORTLIST)
        worth = self._worth(self._prepared(self.acquisition), rows)
        row = int(rows[np.argmax(worth)])
        self.worth[row] = worth.max()
        return row

    def shortlist(self, n: int) -> IntArray:
        """The `n` best rows that may be chosen; best first."""
        scout: Acquisition | None = getattr(self.acquisition, "scout", None)
        ready = self._prepared(scout or self.acquisition)
        self._best(ready, 0)
        stale = np.flatnonzero(~self.fresh)
        self.worth[stale] = self._worth(ready, stale)
        self.fresh[stale] = True
        return self.top(n)

    def goal(self) -> Wanted | None:
        """What values are measured against where they meet chances and costs."""
        return wanted(self.beliefs, self.about)

    def expected(self, X: FloatArray) -> FloatArray:
        """What is expected of experiments, shape (n_beliefs, n)."""
        return np.array([belief.predict(X)[0] for belief in self.beliefs])

    def believe(self, X: FloatArray, values: FloatArray) -> None:
        """As if experiments had given `values`, shape (n_beliefs, n): what was worked out is old."""
        if len(X):
            self.beliefs = tuple(b.believing(X, row) for b, row in zip(self.beliefs, values, strict=True))
            self.about = told(self.about, X, values)
            self.fresh[:] = False

    def believe_pending(self) -> None:
        self.believe(self.about.pending, self.expected(self.about.pending))

    def allowed(self, rows: IntArray) -> BoolArray:
        """Which rows are none of the known, pending and chosen experiments."""
        free = np.array([key.tobytes() not in self.seen for key in _rounded(self.X[rows])], dtype=np.bool_)
        if self.taken and free.any():
            keys = self.domain.keys(Points(self.points[rows[free]]))
            free[free] = [str(key) not in self.taken for key in keys]
        return free

    def take(self, row: int) -> None:
        """Nobody else may have what this row is."""
        self.taken.add(str(self.domain.keys(Points(self.points[[row]]))[0]))

    def top(self, n: int) -> IntArray:
        """The `n` best rows that may be chosen, by what is known of their worth; best first."""
        return next(self._in_order(self.worth, n), np.zeros(0, dtype=np.int64))[:n]

    def _in_order(self, worth: FloatArray, size: int) -> Iterator[IntArray]:
        order = np.argsort(-worth, kind="stable")
        order = order[~np.isneginf(worth[order])]
        for begin in range(0, len(order), size):
            rows = order[begin : begin + size]
            rows = rows[self.allowed(rows)]
            if len(rows):
                yield rows

    def _prepared(self, acquisition: Acquisition) -> Acquisition:
        prepare = getattr(acquisition, "prepare", None)
        if prepare is None:
            return acquisition
        ready: Acquisition = prepare(self.beliefs, self._representatives(), self.about)
        return ready

    def _representatives(self) -> FloatArray:
        """Candidates that stand for all: the most hopeful and some of the others."""
        n = len(self.X)
        if n <= 2 * REPRESENTATIVES:
            return self.X
        hope = np.zeros(n)
        for belief in {aim.belief: self.beliefs[aim.belief] for aim in self.about.aims if aim.is_open}.values():
            mean, std = belief.predict(self.X)
            hope = hope + (mean + 2.0 * std) / (mean.std() or 1.0)
        some = np.random.default_rng(self.seed).permutation(n)[:REPRESENTATIVES]
        best = np.argsort(-hope, kind="stable")[:REPRESENTATIVES]
        return self.X[np.union1d(some, best)]

    def _best(self, ready: Acquisition, round_: int) -> int | None:
        if self.grows:
            self._refine(ready, round_)
        return self._lazily(ready)

    def _lazily(self, ready: Acquisition) -> int | None:
        best, height = None, -np.inf
        for rows in self._in_order(self.worth.copy(), BLOCK):
            if best is not None and height >= self.worth[rows[0]]:
                break  # the others were worth less even before more was known
            old = rows[~self.fresh[rows]]
            self.worth[old], self.fresh[old] = self._worth(ready, old), True
            k = int(np.argmax(self.worth[rows]))
            if self.worth[rows[k]] > height:
                best, height = int(rows[k]), float(self.worth[rows[k]])
        return best

    def _refine(self, ready: Acquisition, round_: int) -> None:
        """Moves around the best, shorter where they bring nothing, until they have been short for a while."""
        row, reach = self._lazily(ready), 0.2
        for step in range(ROUNDS):
            if row is None or reach < 0.002:
                return
            rows = self._starts()
            centres = Points(self.points[rows])
            begin = len(self.points)
            self._add(self.domain.near(centres, MOVES, _mixed(self.seed, round_, step), reach=reach))
            new = np.arange(begin, len(self.points))
            self.worth[new], self.fresh[new] = self._worth(ready, new), True
            before = float(self.worth[row])
            row = self._lazily(ready)
            gained = row is not None and self.worth[row] > before
            reach *= 1.0 if gained else 0.4

    def _starts(self) -> IntArray:
        rows = self.top(BLOCK)
        rows = rows[self.fresh[rows]]
        return rows[np.argsort(-self.worth[rows], kind="stable")][:STARTS]

    def _add(self, new: Points) -> None:
        if not len(new):
            return
        X = self.domain.encode(new)
        self.points = np.vstack([self.points, new.values])
        self.X = np.vstack([self.X, X])
        self.worth = np.append(self.worth, np.full(len(new), np.inf))
        self.fresh = np.append(self.fresh, np.zeros(len(new), dtype=np.bool_))
        self.extra = np.append(self.extra, self._extra(X))

    def _worth(self, ready: Acquisition, rows: IntArray) -> FloatArray:
        found = [
            ready.worth(self.beliefs, self.X[rows[begin : begin + CHUNK]], self.about)
            for begin in range(0, len(rows), CHUNK)
        ]
        worth = np.concatenate(found) if found else np.zeros(0)
        worth = np.where(np.isnan(worth), -np.inf, worth)
        return self.with_extra(worth, rows, is_logarithmic(ready, self.about))

    def with_extra(self, worth: FloatArray, rows: IntArray, logarithmic: bool) -> FloatArray:
        """Worth with chances and costs, shape (len(rows),); values are made gains first where there are any."""
        if self.about.works is None and self.about.costs is None:
            return worth
        goal = None if logarithmic else self.goal()
        return (worth if goal is None else softened(worth, goal)) + self.extra[rows]

    def _extra(self, X: FloatArray) -> FloatArray:
        """log of the chance that it works, less that of its cost; shape (n,)."""
        total = np.zeros(len(X))
        if self.about.works is not None:
            total = total + np.log(np.maximum(self.about.works(X), _LEAST_CHANCE))
        if self.about.costs is not None:
            total = total - self.cooling * np.log(self.about.costs(X))
        return total


def _rounded(X: FloatArray) -> FloatArray:
    return np.round(X, 10) + 0.0  # minus zero is zero


def _mixed(*parts: int) -> int:
    return int(np.random.SeedSequence([abs(part) for part in parts]).generate_state(1)[0])
