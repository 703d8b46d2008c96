"""Effects of elements and of exchanging them, from all fold models of a trained recipe, with their checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import SYMBOLS
from matloop.doubt.domain import Domain
from matloop.explain.bench import Bench, Seat
from matloop.explain.charges import neutral
from matloop.explain.chemistry import (
    FEWEST_ROWS,
    Deltas,
    common_elements,
    common_pairs,
    effect_of,
    exchange_of,
    mean_of,
    steps_of,
)
from matloop.explain.chemistry_checks import reproducible, stands_out
from matloop.explain.chemistry_values import ElementEffect, Exchange
from matloop.explain.edits import Matter, amounts_of, exchanged, raised
from matloop.explain.interchange import interchangeable, unlikeness
from matloop.explain.matched_pairs import agree_with_pairs, matched_pairs
from matloop.explain.values import Check
from matloop.matter.compositions import Compositions

_CHUNK = 1500
LADDER = (0.05, 0.02, 0.01)
"""Steps of an atomic fraction that are tried until both ends are inside the domain."""
_FEWEST_COMPARED = 3
"""Effects that are needed to compare two sets of them."""
_OTHER_INPUTS = (":number", ":category")


@dataclass(frozen=True, slots=True)
class Depth:
    """Rows of each model per element and per exchange, how many exchanges are looked at, and how many edits are made of
    each kind of study at most."""

    rows: int
    exchange_rows: int
    pairs: int
    edits: int


DEPTHS = {"standard": Depth(24, 36, 24, 6000), "thorough": Depth(60, 100, 80, 60_000)}


@dataclass(frozen=True, slots=True)
class _Asked:
    """Edits in the order of their kinds: which model, which row, which kind, how wide; all shape (n,).

    spare : edits that only the model of shuffled labels is asked for, so that its means come from as many rows as those
    of all models of true labels together.
    """

    seat: IntArray
    row: IntArray
    kind: IntArray
    width: FloatArray
    spare: BoolArray

    def take(self, at: IntArray) -> _Asked:
        """The edits at the given places."""
        return _Asked(self.seat[at], self.row[at], self.kind[at], self.width[at], self.spare[at])


@dataclass(frozen=True, slots=True)
class _Said:
    """What came of edits: whether inside the domain, change by the row's model, change by that of shuffled labels."""

    inside: BoolArray
    true: FloatArray
    noise: FloatArray


Sides = Callable[[IntArray], tuple[Compositions, Compositions]]
"""positions of edits to the compositions before and after"""


def effects_of_elements(
    bench: Bench, matter: Matter, domain: Domain, notes: list[str]
) -> tuple[tuple[ElementEffect, ...], tuple[Check, ...]]:
    """The periodic table of effects, the largest first, and whether it may be read."""
    kinds = np.array(common_elements(matter.compositions), dtype=np.int64)
    raises = _Means(bench, *_rises(bench, matter, domain, kinds, notes), len(kinds))
    left = np.array([k for k in range(len(kinds)) if k not in set(raises.known)], dtype=np.int64)
    places = _Means(bench, *_places(bench, matter, domain, kinds, kinds[left], notes), len(left))
    effects = [_effect(raises, k, int(kinds[k]), exchanged=False) for k in raises.known]
    effects += [_effect(places, k, int(kinds[left[k]]), exchanged=True) for k in places.known]
    missing = [SYMBOLS[kinds[left[k]]] for k in range(len(left)) if k not in set(places.known)]
    if missing:
        notes.append(f"no effect is told of elements whose altered rows leave the domain: {_listed(missing)}")
    # each way has its own checks; those of the way that tells more elements count
    checks = raises.checks() if len(raises.known) >= len(places.known) else places.checks()
    return tuple(sorted(effects, key=lambda one: (-abs(one.value), one.symbol))), checks


def _effect(means: _Means, kind: int, z: int, *, exchanged: bool) -> ElementEffect:
    return effect_of(
        z, means.true[kind], means.counted[kind], means.share[kind], means.noise_of(kind), exchanged=exchanged
    )


def _rises(bench: Bench, matter: Matter, domain: Domain, kinds: IntArray, notes: list[str]) -> tuple[_Asked, _Said]:
    """Each element raised and lowered in rows that hold it, by the widest step that stays inside the domain."""
    compositions = matter.compositions
    fraction = _fractions(compositions)
    within = [(fraction[:, z] > 0) & (fraction[:, z] < 1) for z in kinds]
    asked = _plan(bench, within, DEPTHS[bench.subject.depth].rows)
    z = kinds[asked.kind]
    most = steps_of(fraction[asked.row, z])
    step = most.copy()

    def sides(at: IntArray) -> tuple[Compositions, Compositions]:
        part = compositions.take(asked.row[at])
        return raised(part, z[at], -step[at]), raised(part, z[at], step[at])

    def settle(at: IntArray) -> BoolArray:
        inside = np.zeros(len(at), dtype=bool)
        for limit in LADDER:
            # line compounds lie close together: what is no longer inside a wide step away may be inside a narrow one
            outside = at[~inside]
            step[outside] = np.minimum(most[outside], limit)
            for_both = [_judged(matter, domain, asked.row[outside], side) for side in sides(outside)]
            inside[~inside] = for_both[0] & for_both[1]
        return inside

    said = _ask(bench, matter, asked, sides, settle)
    asked = replace(asked, width=200.0 * step)
    _tell_missed(said, asked, [SYMBOLS[z] for z in kinds], "elements", notes)
    return asked, said


def _places(
    bench: Bench, matter: Matter, domain: Domain, common: IntArray, kinds: IntArray, notes: list[str]
) -> tuple[_Asked, _Said]:
    """Each of the elements `kinds` in the place of the most alike of the common elements in a row."""
    compositions = matter.compositions
    fraction = _fractions(compositions)
    alike_ones = [common[interchangeable()[z, common]] for z in kinds]
    within = [np.asarray((fraction[:, found] > 0).any(axis=1)) for found in alike_ones]
    asked = _plan(bench, within, DEPTHS[bench.subject.depth].exchange_rows)
    new, old = kinds[asked.kind], np.zeros(len(asked.row), dtype=np.int64)
    for kind, found in enumerate(alike_ones):
        mine = np.flatnonzero(asked.kind == kind)
        apart = np.where(fraction[asked.row[mine]][:, found] > 0, unlikeness()[kinds[kind], found], np.inf)
        old[mine] = found[apart.argmin(axis=1)] if len(found) else 0
    kept = _balanced(compositions.take(asked.row), old, new)
    asked, old, new = asked.take(kept), old[kept], new[kept]

    def sides(at: IntArray) -> tuple[Compositions, Compositions]:
        part = compositions.take(asked.row[at])
        return part, exchanged(part, old[at], new[at])

    def settle(at: IntArray) -> BoolArray:
        return _judged(matter, domain, asked.row[at], sides(at)[1])

    asked = replace(asked, width=100.0 * fraction[asked.row, old])
    said = _ask(bench, matter, asked, sides, settle)
    _tell_missed(said, asked, [SYMBOLS[z] for z in kinds], "elements", notes)
    return asked, said


def _balanced(compositions: Compositions, old: IntArray, new: IntArray) -> IntArray:
    """Places of exchanges after which charges can balance where they could before: an alloy may take what a salt may
    not."""
    return np.flatnonzero(~neutral(compositions) | neutral(exchanged(compositions, old, new)))


def _fractions(compositions: Compositions) -> FloatArray:
    dense = amounts_of(compositions)
    return dense / np.maximum(dense.sum(axis=1, keepdims=True), 1e-300)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def effects_of_exchanges(
    bench: Bench, matter: Matter, domain: Domain, notes: list[str]
) -> tuple[tuple[Exchange, ...], tuple[Check, ...]]:
    """What happens when an element becomes an alike one, sure and large changes first, and whether it may be read."""
    compositions, depth = matter.compositions, DEPTHS[bench.subject.depth]
    pairs = common_pairs(compositions, depth.pairs)
    dense = amounts_of(compositions)
    asked = _plan(bench, [dense[:, old] > 0 for old, _ in pairs], depth.exchange_rows)
    old, new = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    asked = asked.take(_balanced(compositions.take(asked.row), old[asked.kind], new[asked.kind]))

    def sides(at: IntArray) -> tuple[Compositions, Compositions]:
        part, kind = compositions.take(asked.row[at]), asked.kind[at]
        return part, exchanged(part, old[kind], new[kind])

    def settle(at: IntArray) -> BoolArray:
        return _judged(matter, domain, asked.row[at], sides(at)[1])

    said = _ask(bench, matter, asked, sides, settle)
    names = [f"{SYMBOLS[a]} → {SYMBOLS[b]}" for a, b in pairs]
    _tell_missed(said, asked, names, "exchanges", notes)
    made = _Means(bench, asked, said, len(pairs))
    found = matched_pairs(compositions, pairs, _other_inputs(bench))
    exchanges = [
        exchange_of(
            *pairs[k], made.true[k], made.counted[k], made.share[k], made.noise_of(k), n_pairs=len(found[k]),
            measured=float((bench.truth[found[k][:, 1]] - bench.truth[found[k][:, 0]]).mean())
            if len(found[k]) else float("nan"),
        )
        for k in made.known
    ]  # fmt: skip
    checks = made.checks()
    real = agree_with_pairs(*_differences(bench, [found[k] for k in made.known]))
    return (
        tuple(sorted(exchanges, key=lambda one: (not one.sure, -abs(one.value), one.old, one.new))),
        (*checks, real) if real is not None and checks else checks,
    )


def _plan(bench: Bench, holds: Sequence[BoolArray], rows: int) -> _Asked:
    """The first `rows` unseen rows of each model that hold what is edited, fewer where that were too many edits; models
    in turn within a kind."""
    noisy = [one is not None for one in _shuffled(bench)]
    times = sum(len(bench.seats) if one else 1 for one in noisy)
    rows = max(min(rows, DEPTHS[bench.subject.depth].edits // max(len(holds) * times, 1)), FEWEST_ROWS)
    parts, empty = list[tuple[int, int, IntArray]](), np.zeros(0, dtype=np.int64)
    for kind, held in enumerate(holds):
        for k, seat in enumerate(bench.seats):
            parts.append((k, kind, seat.rows[held[seat.rows]][: rows * len(bench.seats) if noisy[k] else rows]))
    counts = [len(chosen) for *_, chosen in parts]
    seat_of, kind_of = (np.repeat(np.array([part[i] for part in parts], np.int64), counts) for i in (0, 1))
    spare = np.concatenate([empty, *(np.arange(n) for n in counts)]) >= rows
    row = np.concatenate([empty, *(chosen for *_, chosen in parts)])
    return _Asked(seat_of, row, kind_of, np.ones(len(row)), spare)


def _judged(matter: Matter, domain: Domain, rows: IntArray, altered: Compositions) -> BoolArray:
    """Whether altered rows are inside the domain."""
    return domain.judge(matter.described(rows, {matter.name: altered}))[0] if len(rows) else np.zeros(0, dtype=bool)


def _ask(bench: Bench, matter: Matter, asked: _Asked, sides: Sides, settle: Callable[[IntArray], BoolArray]) -> _Said:
    """All edits, chunk by chunk while there is time; NaN where there was none, or no model of shuffled labels.

    settle : says which edits are inside the domain, and may choose how wide they are before that.
    """
    n = len(asked.row)
    inside, true, noise = np.zeros(n, dtype=bool), np.full(n, np.nan), np.full(n, np.nan)
    noisy = _shuffled(bench)
    for start in range(0, n, _CHUNK):
        if time.monotonic() >= bench.pace.deadline:
            break
        at = np.arange(start, min(start + _CHUNK, n))
        inside[at] = settle(at)
        tables = [matter.described(asked.row[at], {matter.name: side}) for side in sides(at)]
        for k, seat in enumerate(bench.seats):
            mine = np.flatnonzero(asked.seat[at] == k)
            if not len(mine):
                continue
            before, after = (table.X[mine] for table in tables)
            told, other = bench.predict(seat), noisy[k]
            own = ~asked.spare[at[mine]]
            true[at[mine[own]]] = told(after[own]) - told(before[own])
            if other is not None:
                hidden = bench.predict(other)
                noise[at[mine]] = hidden(after) - hidden(before)
    return _Said(inside, true, noise)


def _shuffled(bench: Bench) -> list[Seat | None]:
    """The model of shuffled labels beside each seat, which did not see the same rows."""
    return [next((one for one in bench.shuffled if one.rows is seat.rows), None) for seat in bench.seats]


class _Means:
    """Means of all kinds of edits, by models of true and of shuffled labels.

    known : kinds with enough rows inside the domain. typical : root mean square of the means of shuffled labels, for
    labels that are as noisy as the model's own errors: shuffled ones are noise altogether.
    """

    def __init__(self, bench: Bench, asked: _Asked, said: _Said, n_kinds: int) -> None:
        self.bench, self.asked, self.said = bench, asked, said
        good = said.inside & np.isfinite(said.true)
        tried = np.bincount(asked.kind[np.isfinite(said.true)], minlength=n_kinds)
        self.counted = np.bincount(asked.kind[good], minlength=n_kinds).tolist()
        self.share = (np.array(self.counted) / np.maximum(tried, 1)).tolist()
        self.known = [k for k in range(n_kinds) if self.counted[k] >= FEWEST_ROWS]
        self.true = {k: mean_of(self._of(good & (asked.kind == k), said.true)) for k in self.known}
        heard = good & np.isfinite(said.noise)
        self.noise = self._per_model(heard, said.noise)
        weights = np.array([self.counted[k] for k in self.known], dtype=np.float64)
        table = np.tile(weights, (len(self.noise), 1))
        full = np.isfinite(self.noise)
        squares = self.noise[full] ** 2
        self.typical = float(np.sqrt(np.average(squares, weights=table[full]))) if full.any() else 0.0
        self.typical *= _unexplained(bench)

    def noise_of(self, kind: int) -> float:
        """What models of shuffled labels give for a kind of so many rows; 0 where there is none."""
        rows = np.array([self.counted[k] for k in self.known], dtype=np.float64)
        return self.typical * float(np.sqrt((rows @ rows) / rows.sum() / self.counted[kind]))

    def _of(self, at: BoolArray, delta: FloatArray) -> Deltas:
        asked = self.asked
        groups = self.bench.subject.development.groups[asked.row[at]]
        return Deltas(delta[at], asked.width[at], asked.seat[at], groups)

    def _per_model(self, good: BoolArray, delta: FloatArray) -> FloatArray:
        """Mean of each known kind by each model that said anything, shape (n_models, n_known); NaN below three rows."""
        asked, rows = self.asked, []
        for k in np.unique(asked.seat[good]):
            mine = good & (asked.seat == k)
            each = []
            for kind in self.known:
                of = mine & (asked.kind == kind)
                each.append(delta[of].sum() / asked.width[of].sum() if of.sum() >= 3 else np.nan)
            rows.append(each)
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.known))

    def checks(self) -> tuple[Check, ...]:
        """The model knows something; models of folds agree; shuffled labels destroy it."""
        if not self.known:
            return ()
        checks = [self.bench.skill]
        good = self.said.inside & np.isfinite(self.said.true)
        each = self._per_model(good, self.said.true)
        weights = np.array([self.counted[k] for k in self.known], dtype=np.float64)
        whole = np.isfinite(each).all(axis=0)
        if len(each) > 1 and whole.sum() >= _FEWEST_COMPARED:
            checks.append(reproducible(each[:, whole], weights[whole]))
        if self.typical > 0.0:
            value = np.array([self.true[k].value for k in self.known])
            checks.append(stands_out(value, np.array([self.noise_of(k) for k in self.known])))
        return tuple(checks)


def _unexplained(bench: Bench) -> float:
    """Error of the model on rows not seen, as a share of the spread of what it predicts; at most 1."""
    known = np.isfinite(bench.said) & np.isfinite(bench.truth)
    spread = float(np.std(bench.truth[known]))
    error = float(np.sqrt(((bench.said - bench.truth)[known] ** 2).mean()))
    return min(error / spread, 1.0) if spread > 0 else 1.0


def _other_inputs(bench: Bench) -> FloatArray:
    table = bench.subject.development.table
    return table.X[:, [origin.endswith(_OTHER_INPUTS) for origin in table.origins]]


def _differences(bench: Bench, found: Sequence[IntArray]) -> tuple[FloatArray, FloatArray]:
    """Measured and predicted differences of pairs whose rows were left out together, so one model saw neither."""
    if not found:
        return np.zeros(0), np.zeros(0)
    pairs, fold = np.concatenate(found), bench.subject.trained.out_of_fold.fold
    both = (fold[pairs[:, 0]] == fold[pairs[:, 1]]) & np.isfinite(bench.said[pairs]).all(axis=1)
    first, second = pairs[both].T
    return bench.truth[second] - bench.truth[first], bench.said[second] - bench.said[first]


def _tell_missed(said: _Said, asked: _Asked, names: Sequence[str], what: str, notes: list[str]) -> None:
    missed = np.unique(asked.kind[~np.isfinite(said.true) & ~asked.spare])
    if len(missed):
        shown = _listed([names[k] for k in missed])
        notes.append(f"left out, the time ran out: {len(missed)} {what}: {shown}")
