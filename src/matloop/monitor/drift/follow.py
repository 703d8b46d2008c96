"""Drift followed row by row since monitoring began: a year of daily looks gives no more false alarms than one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.errors import ConfigError, DataError
from matloop.monitor.contract import Seen
from matloop.monitor.drift.columns import ks_distances
from matloop.monitor.drift.martingale import ranks, wealth
from matloop.monitor.drift.units import Units, follows_matter, units

MOST = 100_000
"""Distinct questions that are followed, the first ones: a sample would be another one at every look. Then a new
beginning is needed."""
LEARN = 1.0 / 3.0
"""Share of the reference that axes and frequencies are learnt from; the others are what rows are ranked among."""
LEAST = 20
AXES, NEAR_AXES, NEAREST = 6, 15, 5
RECENT = 300
SHUFFLES = 3
SORTED = 0.5
"""Rank correlation of an input with the order of time from which on rows are called sorted by it."""
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Stream:
    """One thing that is followed. evidence : what a bet against "no change" holds, as log10, at its highest.
    distance : between the reference and the last 300 rows (Kolmogorov-Smirnov)."""

    name: str
    evidence: float
    distance: float


@dataclass(frozen=True, slots=True)
class Followed:
    """Evidence of drift since monitoring began.

    n : distinct questions followed, in order of time. log10 : shape (n,), evidence after each, over all streams: a
    value of 2 is a hundred to one. request : the row ("id/row") and time at which it first passed 1 / alpha; `at` is
    its place, -1 where it never did. streams : the most telling first. shuffled : the highest evidence that the same
    rows give in random order (the median of three), NaN without an alarm. sorted_by : the input that goes along with
    the order of time most closely, "" for none, and its rank correlation with it.
    """

    alpha: float
    n: int
    log10: FloatArray
    at: int
    request: str
    time: float
    streams: tuple[Stream, ...]
    shuffled: float = float("nan")
    sorted_by: tuple[str, float] = ("", float("nan"))

    @property
    def alarm(self) -> bool:
        """Whether drift is shown, at a false-alarm rate below alpha for any number of looks."""
        return self.at >= 0

    @property
    def by_order(self) -> bool:
        """Whether it is the order of the rows that shows it: in random order they show nothing."""
        return self.alarm and self.shuffled < -np.log10(self.alpha)


def follow(reference: Seen, now: Seen, *, alpha: float = 0.05, seed: int = 0) -> Followed:
    """Follow every input, the principal axes of the features, how far rows are from known ones and how rare their
    elements are.

    Parameters
    ----------
    now : all rows since monitoring began (or since the model was changed). They are taken in the order of `time`; rows
        of equal or unknown time (of one request) in random order, because a list is often sorted. A question that was
        asked before is left out.
    alpha : chance of ever calling drift where there is none, whatever the number of looks.

    Raises
    ------
    ConfigError : alpha is not between 0 and 1. DataError : the rows are of another model.

    Notes
    -----
    See `matloop.monitor.drift.martingale`. What is learnt from the reference (axes, frequencies of elements) comes from
    a third of it, and rows are ranked among the others: rows that taught an axis are not like new ones. Evidence is the
    mean over the streams (Vovk & Wang, Ann. Stat. 49 (2021) 1736. doi:10.1214/20-AOS2020).
    """
    check(reference, now, alpha)
    of_reference, of_now = units(reference), units(now)
    rows = _in_time(now, of_now.rows, seed)
    log10, streams = _evidence(reference, now, (of_reference, of_now), rows, seed)
    passed = np.flatnonzero(log10 >= -np.log10(alpha))
    if not len(passed):
        return Followed(alpha, len(log10), log10, -1, "", float("nan"), streams)
    orders = [np.random.default_rng([seed, k]).permutation(rows) for k in range(SHUFFLES)]
    shuffled = [float(_evidence(reference, now, (of_reference, of_now), one, seed)[0].max()) for one in orders]
    at = int(passed[0])
    return Followed(
        alpha, len(log10), log10, at, str(now.request[rows[at]]), float(now.time[rows[at]]), streams,
        float(np.median(shuffled)), _sorted_by(now, rows),
    )  # fmt: skip


def _evidence(
    reference: Seen, now: Seen, kept: tuple[Units, Units], rows: IntArray, seed: int
) -> tuple[FloatArray, tuple[Stream, ...]]:
    """Evidence (log10) after each of `rows`, taken in that order, and the streams, the most telling first."""
    rng, (of_reference, of_now) = np.random.default_rng(seed), kept
    is_matter = np.isin(rows, of_now.matter)
    by_row = _by_row(reference, of_reference.rows, now, rows, rng)
    by_matter = _by_matter(reference, of_reference.matter, now, rows[is_matter], rng)
    paths: list[FloatArray] = []
    streams: list[Stream] = []
    for found, place in ((by_row, np.arange(len(rows))), (by_matter, np.cumsum(is_matter) - 1)):
        told = [(name, past, new) for name, past, new in found if len(past) >= LEAST and len(new)]
        if not told:
            continue
        # each stream has its own chance, so that a later look finds the same evidence for the rows of an earlier one
        chance = [np.random.default_rng([seed, len(streams), k]) for k in range(len(told))]
        ranked = [ranks(past, new, own) for (_, past, new), own in zip(told, chance, strict=True)]
        path = wealth(np.stack(ranked, axis=1))
        paths.append(np.where((place >= 0)[:, None], path[np.maximum(place, 0)], 0.0))
        for k, (name, past, new) in enumerate(told):
            distance = ks_distances(past[:, None], new[-RECENT:, None])[0]
            streams.append(Stream(name, float(path[:, k].max() / np.log(10.0)), float(distance)))
    if not paths:
        return np.zeros(0), ()
    return _mean(np.hstack(paths)) / np.log(10.0), tuple(sorted(streams, key=lambda one: -one.evidence))


def _sorted_by(now: Seen, rows: IntArray) -> tuple[str, float]:
    """The input along which rows are sorted, texts by the alphabet, and the rank correlation with their order."""
    from scipy.stats import rankdata

    found = ("", 0.0)
    for name, values in now.inputs.items():
        codes = np.unique(values[rows], return_inverse=True)[1].reshape(-1)
        if codes.max(initial=0) > 0:
            own = float(np.corrcoef(rankdata(codes), np.arange(len(rows)))[0, 1])
            found = max(found, (name, own), key=lambda one: abs(one[1]))
    return found if abs(found[1]) >= SORTED else ("", float("nan"))


def check(reference: Seen, now: Seen, alpha: float) -> None:
    """Refuse rows of two models, and a level that is none."""
    if not 0.0 < alpha < 1.0:
        raise ConfigError(f"alpha is a chance between 0 and 1, such as 0.05; got {alpha}.")
    if reference.names != now.names:
        raise DataError(
            f"the rows have {len(now.names)} features, the reference has {len(reference.names)} others. Compare rows "
            "with the reference of the bundle that answered them."
        )


def _in_time(now: Seen, rows: IntArray, seed: int) -> IntArray:
    chance = np.random.default_rng([seed, len(now.names)]).random(len(rows))
    return rows[np.lexsort((chance, now.time[rows]))][:MOST]


_Streams = list[tuple[str, FloatArray, FloatArray]]


def _by_row(reference: Seen, known: IntArray, now: Seen, rows: IntArray, rng: np.random.Generator) -> _Streams:
    """Inputs other than matter: numbers as they are, words by how rare they are."""
    learn, rest = _halves(known, rng)
    found: _Streams = []
    for name in reference.inputs:
        if name in reference.matter or name not in now.inputs:
            continue
        values, new = reference.inputs[name], now.inputs[name][rows]
        if values.dtype.kind == "f" and new.dtype.kind == "f":
            found.append((name, _filled(values[known]), _filled(new)))
        else:
            words, counts = np.unique(values[learn], return_counts=True)
            past, after = (_counted(words, counts, side) for side in (values[rest], new))
            found.append((f"how usual its {name} is", past, after))
    if not reference.matter:
        found += _places(reference.X, learn, rest, now.X[rows], np.ones(reference.X.shape[1], dtype=bool))
    return found


def _by_matter(reference: Seen, known: IntArray, now: Seen, rows: IntArray, rng: np.random.Generator) -> _Streams:
    if not reference.matter:
        return []
    learn, rest = _halves(known, rng)
    alone = follows_matter(reference, units(reference))
    found = _places(reference.X, learn, rest, now.X[rows], alone)
    if reference.elements.shape[1] and now.elements.shape[1]:
        frequency = reference.elements[learn].sum(axis=0)
        past, new = (
            np.where(side, frequency, np.inf).min(axis=1, initial=float(len(learn)))
            for side in (reference.elements[rest], now.elements[rows])
        )
        found.append(("how usual its rarest element is", past, new))
    return found


def _places(X: FloatArray, learn: IntArray, rest: IntArray, new: FloatArray, used: BoolArray) -> _Streams:
    """Principal axes, and the distance to the nearest known rows, both learnt from `learn`."""
    if len(learn) < LEAST or not used.any():
        return []
    known = X[learn][:, used]
    filled = np.isfinite(known).any(axis=0)
    columns = np.flatnonzero(used)[filled]
    known = known[:, filled]
    centre = np.nanmedian(known, axis=0)
    known = np.where(np.isfinite(known), known, centre)
    mean, scale = known.mean(axis=0), known.std(axis=0)
    varies = scale > 1e-9 * np.maximum(np.abs(mean), 1e-30)
    if not varies.any():
        return []
    columns, centre, mean, scale = columns[varies], centre[varies], mean[varies], scale[varies]

    def standard(rows: FloatArray) -> FloatArray:
        values = rows[:, columns]
        return np.clip((np.where(np.isfinite(values), values, centre) - mean) / scale, -10.0, 10.0)

    Z = standard(X[learn])
    axes = np.linalg.eigh(Z.T @ Z)[1][:, ::-1][:, :NEAR_AXES]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    at, past, after = Z @ axes, standard(X[rest]) @ axes, standard(new) @ axes
    found: _Streams = [
        (f"principal axis {k + 1} of the features", past[:, k], after[:, k]) for k in range(min(AXES, axes.shape[1]))
    ]
    found.append(("distance to the nearest training rows", _nearest(at, past), _nearest(at, after)))
    return found


def _nearest(known: FloatArray, asked: FloatArray) -> FloatArray:
    """Mean distance to the five nearest known points, shape (n,)."""
    k = min(NEAREST, len(known))
    squares, found = (known**2).sum(axis=1), np.empty(len(asked))
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        away = (part**2).sum(axis=1)[:, None] + squares - 2.0 * (part @ known.T)
        near = np.partition(np.maximum(away, 0.0), k - 1, axis=1)[:, :k]
        found[start : start + CHUNK] = np.sqrt(near).mean(axis=1)
    return found


def _filled(values: np.ndarray) -> FloatArray:
    """Missing values as the smallest of all: whether they are missing is followed as well."""
    return np.where(np.isnan(values), -np.inf, values.astype(np.float64))


def _counted(words: np.ndarray, counts: np.ndarray, asked: np.ndarray) -> FloatArray:
    """How often each word was counted; 0 for one that was not."""
    if not len(words):
        return np.zeros(len(asked))
    place = np.minimum(np.searchsorted(words, asked), len(words) - 1)
    return np.where(words[place] == asked, counts[place], 0).astype(np.float64)


def _halves(known: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    order = rng.permutation(known)
    cut = round(LEARN * len(known))
    return np.sort(order[:cut]), np.sort(order[cut:])


def _mean(paths: FloatArray) -> FloatArray:
    """Logarithm of the mean of exp(paths) over the streams, after each row."""
    top = paths.max(axis=1)
    return np.asarray(top + np.log(np.exp(paths - top[:, None]).mean(axis=1)))
