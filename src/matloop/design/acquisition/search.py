"""The best of a domain by an acquisition: all of it where it is small, else samples and what lies around the best."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.design.acquisition.aims import Wanted, is_logarithmic, softened, told, wanted
from matloop.design.contract import About, Acquisition, Belief, Domain, Points

WHOLE, WHOLE_LEAST, WHOLE_WORK = 50_000, 5_000, 20_000_000
"""A domain is looked at wholly up to 50,000 points; to fewer with many known experiments, which make a look dearer."""
SAMPLED = 4_096
REPRESENTATIVES = 500
SHORTLIST = 600
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
    keys: dict[int, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    seen: set[bytes] = field(default_factory=set)
    grows: bool = False
    sampled: int = 0

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
        self.sampled = len(self.points)

    def best(self, round_: int) -> int | None:
        """The row of the best candidate that may be chosen; None where there is none."""
        scout: Acquisition | None = getattr(self.acquisition, "scout", None)
        row = self._best(self._prepared(scout or self.acquisition), round_)
        if scout is None or row is None:
            return row
        return self._scouted(self._prepared(self.acquisition), round_)

    def _scouted(self, ready: Acquisition, round_: int) -> int | None:
        """The best of what the scout found and of some others, and, where worth can be compared, of moves around it."""
        others = np.random.default_rng(_mixed(self.seed, round_)).permutation(len(self.points))[: SHORTLIST // 3]
        rows = np.union1d(self._order(self.worth)[:SHORTLIST], others)
        worth = self._worth(ready, rows)
        if self.grows and not getattr(ready, "joint", False):
            for step, reach in enumerate((0.1, 0.05, 0.02)):
                best = rows[np.argsort(-worth, kind="stable")[:STARTS]]
                begin = len(self.points)
                seed = _mixed(self.seed, round_, ROUNDS + step)
                self._add(self.domain.near(Points(self.points[best]), MOVES // 2, seed, reach=reach))
                new = np.arange(begin, len(self.points))
                rows, worth = np.append(rows, new), np.append(worth, self._worth(ready, new))
        order = np.argsort(-worth, kind="stable")
        row = self._first_allowed(rows[order[~np.isneginf(worth[order])]])
        if row is not None:
            self.worth[row] = worth[rows == row][0]
        return row

    def shortlist(self, n: int) -> IntArray:
        """The `n` best rows that may be chosen, best first; of a large domain mostly samples, as moves crowd around the
        best."""
        scout: Acquisition | None = getattr(self.acquisition, "scout", None)
        ready = self._prepared(scout or self.acquisition)
        self._best(ready, 0)
        stale = np.flatnonzero(~self.fresh)
        self.worth[stale] = self._worth(ready, stale)
        self.fresh[stale] = True
        if not self.grows:
            return self.top(n)
        begun = np.where(np.arange(len(self.worth)) < self.sampled, self.worth, -np.inf)
        rows = np.union1d(self.top(n // 6), self._top(begun, n - n // 6))
        return rows[self._order(self.worth[rows])]

    def goal(self) -> Wanted | None:
        """What values are measured against where they meet chances and costs."""
        return wanted(self.beliefs, self.about)

    def expected(self, X: FloatArray) -> FloatArray:
        """What is expected of experiments, shape (n_beliefs, n)."""
        return np.array([belief.predict(X)[0] for belief in self.beliefs]).reshape(len(self.beliefs), len(X))

    def believe(self, X: FloatArray, values: FloatArray) -> None:
        """As if experiments had given `values`, shape (n_beliefs, n): what was worked out is old."""
        if len(X):
            self.beliefs = tuple(b.believing(X, row) for b, row in zip(self.beliefs, values, strict=True))
            self.about = told(self.about, X, values)
            self.fresh[:] = False

    def believe_pending(self) -> None:
        self.believe(self.about.pending, self.expected(self.about.pending))
        self.about = replace(self.about, pending=self.about.pending[:0])

    def allowed(self, rows: IntArray) -> BoolArray:
        """Which rows are none of the known, pending and chosen experiments."""
        new = [int(row) for row in rows if int(row) not in self.keys]
        if new:
            told = self.domain.keys(Points(self.points[new]))
            self.keys.update(zip(new, (str(key) for key in told), strict=True))
        free = [self.keys[int(row)] not in self.taken for row in rows]
        if self.seen:
            encoded = _rounded(self.X[rows])
            free = [one and line.tobytes() not in self.seen for one, line in zip(free, encoded, strict=True)]
        return np.array(free, dtype=np.bool_)

    def take(self, row: int) -> None:
        """Nobody else may have what this row is."""
        self.taken.add(str(self.domain.keys(Points(self.points[[row]]))[0]))

    def top(self, n: int) -> IntArray:
        """The `n` best rows that may be chosen, by what is known of their worth; best first."""
        return self._top(self.worth, n)

    def _top(self, worth: FloatArray, n: int) -> IntArray:
        rows = self._order(worth)
        found = np.zeros(0, dtype=np.int64)
        while len(found) < n and len(rows):
            found = np.append(found, rows[:n][self.allowed(rows[:n])])
            rows = rows[n:]
        return found[:n]

    def _first_allowed(self, rows: IntArray) -> int | None:
        size = 4
        while len(rows):
            free = self.allowed(rows[:size])
            if free.any():
                return int(rows[:size][free][0])
            rows, size = rows[size:], 4 * size
        return None

    def _order(self, worth: FloatArray) -> IntArray:
        """Rows that are worth anything, best first."""
        order = np.argsort(-worth, kind="stable")
        return order[~np.isneginf(worth[order])]

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
        order = self._order(self.worth)
        for begin in range(0, len(order), BLOCK):
            rows = order[begin : begin + BLOCK]
            if height >= self.worth[rows[0]]:
                break  # the others were worth less even before more was known
            old = rows[~self.fresh[rows]]
            self.worth[old], self.fresh[old] = self._worth(ready, old), True
            better = rows[self.worth[rows] > height]
            row = self._first_allowed(better[self._order(self.worth[better])])
            if row is not None:
                best, height = row, float(self.worth[row])
        return best

    def _refine(self, ready: Acquisition, round_: int) -> None:
        """Moves around the best, shorter where they bring nothing, until they have been short for a while."""
        row, reach = self._lazily(ready), 0.2
        for step in range(ROUNDS):
            if row is None or reach < 0.002:
                return
            rows = self._order(np.where(self.fresh, self.worth, -np.inf))[:STARTS]
            centres = Points(self.points[rows])
            begin = len(self.points)
            self._add(self.domain.near(centres, MOVES, _mixed(self.seed, round_, step), reach=reach))
            new = np.arange(begin, len(self.points))
            self.worth[new], self.fresh[new] = self._worth(ready, new), True
            before = float(self.worth[row])
            row = self._lazily(ready)
            gained = row is not None and self.worth[row] > before
            reach *= 1.0 if gained else 0.4

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
        return self._with_extra(worth, rows, is_logarithmic(ready, self.about))

    def log_worth(self, rows: IntArray) -> FloatArray:
        """What is known of the worth of rows, as logarithms of a gain, shape (len(rows),)."""
        goal = None if is_logarithmic(self.acquisition, self.about) or self._has_extra() else self.goal()
        return self.worth[rows] if goal is None else softened(self.worth[rows], goal)

    def _has_extra(self) -> bool:
        return self.about.works is not None or self.about.costs is not None

    def _with_extra(self, worth: FloatArray, rows: IntArray, logarithmic: bool) -> FloatArray:
        """Worth with chances and costs, shape (len(rows),); values are made gains first where there are any."""
        if not self._has_extra():
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
