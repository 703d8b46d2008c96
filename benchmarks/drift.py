"""How many rows until a planted drift is found, and how often one is found where there is none.

    python benchmarks/drift.py --data FOLDER [--part false|planted|year] [--set NAME] [--replicates 400] [--save]

Reference: up to 1,000 rows of a real table. Now: other rows of it. The rows come in random order, so without a planted
drift nothing changed. Beside matloop's two ways of looking (one window; row by row since the start) stand the two
that are usually written first: Kolmogorov-Smirnov at 5 % for every column without correction, and the stability index
above 0.2 for any column without correction for few rows.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drift_sets import SETS, Set, halogen, moved, pool, take
from matloop.core.arrays import FloatArray, IntArray
from matloop.monitor.contract import Seen
from matloop.monitor.drift import drift, follow
from matloop.monitor.drift.columns import ks_distances, ks_p

RESULTS = Path(__file__).parent / "results" / "drift.json"
N_REFERENCE, WINDOW, STREAM = 1000, 200, 1000
LADDER = (10, 20, 50, 100, 150, 200, 300, 400, 600)
METHODS = ("matloop", "ks, no correction", "psi > 0.2")


def plain_psi(a: FloatArray, b: FloatArray) -> float:
    """The largest index of the columns as it is usually written: ten quantile bins, empty ones at 0.0001."""
    edges = np.quantile(a, np.linspace(0, 1, 11)[1:-1], axis=0)
    found = []
    for k in range(a.shape[1]):
        own = np.unique(edges[:, k])
        p, q = (np.bincount(np.searchsorted(own, side[:, k]), minlength=len(own) + 1) / len(side) for side in (a, b))
        p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
        found.append(float(((q - p) * np.log(q / p)).sum()))
    return max(found)


def dumb(reference: Seen, now: Seen) -> tuple[bool, bool]:
    """Alarms of the two rules that are written first, over all columns."""
    a, b = np.nan_to_num(reference.X), np.nan_to_num(now.X)
    varies = np.vstack([a, b]).std(axis=0) > 0
    p = ks_p(ks_distances(a[:, varies], b[:, varies]), len(a), len(b))
    return bool((p < 0.05).any()), plain_psi(a[:, varies], b[:, varies]) > 0.2


def alarms(reference: Seen, now: Seen, seed: int) -> tuple[bool, bool, bool]:
    """Whether each of METHODS raises an alarm in one look."""
    return (drift(reference, now, seed=seed).alarm, *dumb(reference, now))


def interval(k: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Clopper-Pearson)."""
    from scipy.stats import beta

    return float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


def share(hits: list[bool], before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Share with its interval, together with what an earlier call counted."""
    k, n = int(sum(hits)), len(hits)
    if before:
        k, n = k + before["alarms"], n + before["n"]
    low, high = interval(k, n)
    return {"share": round(k / n, 4), "low": round(low, 4), "high": round(high, 4), "alarms": k, "n": n}


def drawn(seen: Seen, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Rows of the reference, and all others in random order."""
    order = rng.permutation(len(seen))
    n = min(N_REFERENCE, len(seen) // 2)
    return np.sort(order[:n]), order[n:]


def false_alarms(seen: Seen, replicates: int, name: str, before: dict[str, Any]) -> dict[str, Any]:
    """Share of windows of 200 rows without any drift that raise an alarm, and of whole streams row by row."""
    first = before.get("matloop", {}).get("n", 0)
    hits: dict[str, list[bool]] = {method: [] for method in METHODS}
    warned, streams = [], []
    begun = time.time()
    for r in range(first, first + replicates):
        known, rest = drawn(seen, np.random.default_rng([r, 1]))
        reference, now = take(seen, known), take(seen, rest[:WINDOW])
        found = drift(reference, now, seed=r)
        for method, hit in zip(METHODS, (found.alarm, *dumb(reference, now)), strict=True):
            hits[method].append(hit)
        warned.append(found.severity == "warning")
        streams.append(follow(reference, take(seen, rest[:STREAM]), seed=r).alarm)
        if r % 100 == 99:
            print(f"  {name}: {r + 1} replicates, {time.time() - begun:.0f} s", flush=True)
    return {
        **{method: share(hit, before.get(method)) for method, hit in hits.items()},
        "matloop, only a warning": share(warned, before.get("matloop, only a warning")),
        "matloop, row by row": share(streams, before.get("matloop, row by row"))
        | {"rows": min(STREAM, len(seen) - min(N_REFERENCE, len(seen) // 2))},
    }


# ---- planted drifts ----

Planted = tuple[str, Callable[[Seen, np.random.Generator], tuple[Seen, Seen]]]


def plants(seen: Seen) -> Iterator[Planted]:
    """What can be planted in this table: a name, and a way to make a reference and rows that drifted."""
    numbers = [name for name in seen.inputs if seen.inputs[name].dtype.kind == "f"]
    if numbers:
        name = numbers[-1] if "gap of theory" not in numbers else numbers[0]
        yield "one input read 0.5 sd too high", lambda rows, rng: _shifted(rows, rng, name)
        yield "one input higher by 0.5 sd in the mean (rows chosen)", lambda rows, rng: _tilted(rows, rng, name)
        yield "one input above its median only", lambda rows, rng: _upper(rows, rng, name)
    if seen.elements.shape[1] and halogen(seen).sum() >= 300:
        yield "halides never seen, all rows", lambda rows, rng: _new_family(rows, rng, 1.0)
        for part in (0.5, 0.25, 0.1):
            yield f"halides never seen, {part:.0%} of the rows", lambda rows, rng, p=part: _new_family(rows, rng, p)
    if "gap of theory" in numbers and "measured" in MEASURED:
        yield "measured gaps in a column of calculated ones", _other_level


MEASURED: dict[str, FloatArray] = {}


def _split(seen: Seen, rng: np.random.Generator) -> tuple[Seen, Seen]:
    known, rest = drawn(seen, rng)
    return take(seen, known), take(seen, rest[: max(LADDER)])


def _shifted(seen: Seen, rng: np.random.Generator, name: str) -> tuple[Seen, Seen]:
    reference, now = _split(seen, rng)
    step = 0.5 * float(np.nanstd(seen.inputs[name]))
    return reference, moved(now, name, lambda values: values + step)


def _tilted(seen: Seen, rng: np.random.Generator, name: str) -> tuple[Seen, Seen]:
    """Real rows drawn with chances that rise with the input, until its mean is 0.5 sd higher."""
    known, rest = drawn(seen, rng)
    values = np.asarray(seen.inputs[name], dtype=float)[rest]
    rest, values = rest[np.isfinite(values)], values[np.isfinite(values)]
    z = (values - values.mean()) / values.std()
    steps = np.linspace(0.0, 3.0, 301)
    means = np.array([(np.exp(t * z) * z).sum() / np.exp(t * z).sum() for t in steps])
    chance = np.exp(steps[min(int(np.searchsorted(means, 0.5)), 300)] * z)
    n = min(max(LADDER), len(rest) // 3)
    return take(seen, known), take(seen, rng.choice(rest, size=n, replace=False, p=chance / chance.sum()))


def _upper(seen: Seen, rng: np.random.Generator, name: str) -> tuple[Seen, Seen]:
    known, rest = drawn(seen, rng)
    values = np.asarray(seen.inputs[name], dtype=float)
    return take(seen, known), take(seen, rest[values[rest] > np.nanmedian(values)][: max(LADDER)])


def _new_family(seen: Seen, rng: np.random.Generator, part: float) -> tuple[Seen, Seen]:
    """No halide in the reference; of the rows asked, a share of halides."""
    order = rng.permutation(len(seen))
    is_new = halogen(seen)[order]
    old, new = order[~is_new], order[is_new]
    n = min(N_REFERENCE, len(old) // 2)
    drawn_new = rng.random(max(LADDER)) < part
    rows = np.where(drawn_new, np.resize(new, max(LADDER)), np.resize(old[n:], max(LADDER)))
    return take(seen, np.sort(old[:n])), take(seen, rows)


def _other_level(seen: Seen, rng: np.random.Generator) -> tuple[Seen, Seen]:
    reference, now = _split(seen, rng)
    place = {str(text): k for k, text in enumerate(seen.request.tolist())}
    real = MEASURED["measured"][[place[str(text)] for text in now.request.tolist()]]
    return reference, moved(now, "gap of theory", lambda _: real)


def planted(seen: Seen, replicates: int, name: str, before: dict[str, Any], only: str = "") -> dict[str, Any]:
    """The smallest window at which a planted drift is found in 90 % of the replicates, and row by row the median."""
    found: dict[str, Any] = dict(before)
    for what, plant in plants(seen):
        if only not in what:
            continue
        shares: dict[str, dict[int, float]] = {method: {} for method in METHODS}
        pairs = [plant(seen, np.random.default_rng([r, 2])) for r in range(replicates)]
        for n in LADDER:
            if n > min(len(now) for _, now in pairs):
                break
            hits = np.array([
                alarms(reference, take(now, np.arange(n)), r) for r, (reference, now) in enumerate(pairs)
            ])  # fmt: skip
            for k, method in enumerate(METHODS):
                shares[method][n] = float(hits[:, k].mean())
            if hits[:, 0].mean() >= 0.9:
                break
        places = [follow(reference, now, seed=r).at + 1 for r, (reference, now) in enumerate(pairs)]
        late = [place if place > 0 else 10**9 for place in places]
        found[what] = {
            "90 % within": {method: _first(shares[method]) for method in METHODS},
            "found by window": {method: {str(n): s for n, s in shares[method].items()} for method in METHODS},
            "row by row, median": _or_none(np.median(late)), "row by row, 90 %": _or_none(np.quantile(late, 0.9)),
            "replicates": replicates,
        }  # fmt: skip
        print(
            f"  {name}: {what}: {found[what]['90 % within']}, row by row {found[what]['row by row, median']}",
            flush=True,
        )
    return found


def _first(shares: dict[int, float]) -> int | None:
    """The smallest window in which 90 % are found."""
    return next((n for n, one in shares.items() if one >= 0.9), None)


def _or_none(value: float) -> int | None:
    return int(value) if value < 10**8 else None


def year(seen: Seen, replicates: int, name: str, before: dict[str, Any]) -> dict[str, Any]:
    """365 daily looks of ten rows each without drift: alarms of single looks at 5 %, and of the evidence row by row."""
    once, every = [], []
    for r in range(replicates):
        known, rest = drawn(seen, np.random.default_rng([r, 3]))
        reference, rows = take(seen, known), np.resize(rest, 3650)
        every.append(follow(reference, take(seen, rows), seed=r).alarm)
        a = np.nan_to_num(reference.X[:, :1])
        once.append(any(
            bool(drift_light(a, np.nan_to_num(seen.X[rows[10 * day : 10 * day + 70], :1]))) for day in range(358)
        ))  # fmt: skip
    print(f"  {name}: a year of looks, one column: {np.mean(once):.2f}; evidence: {np.mean(every):.3f}", flush=True)
    return {"one column, KS at 5 % each day over the last week": share(once), "matloop, row by row": share(every)}


def drift_light(a: FloatArray, b: FloatArray) -> bool:
    """One column at 5 %."""
    return bool(ks_p(ks_distances(a, b), len(a), len(b))[0] < 0.05)


def loaded(base: Path, entry: Set) -> Seen:
    seen = pool(base, entry)
    if "gap of theory" in entry.numbers:
        from drift_sets import measured_of

        MEASURED["measured"] = measured_of(base, entry, seen)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each table")
    parser.add_argument("--part", choices=("false", "planted", "year"), help="all of them without it")
    parser.add_argument("--set", help="words of the name of one set")
    parser.add_argument("--plant", default="", help="words of the name of one planted drift")
    parser.add_argument("--replicates", type=int, default=0, help="400 for false alarms, 20 for planted drifts")
    parser.add_argument("--more", action="store_true", help="add to the replicates that were saved before")
    parser.add_argument("--save", action="store_true", help=f"write to {RESULTS}")
    given = parser.parse_args()
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    parts = {"false": (false_alarms, 400), "planted": (planted, 20), "year": (year, 40)}
    for entry in SETS:
        if given.set and given.set not in entry.name:
            continue
        seen = loaded(given.data, entry)
        print(f"{entry.name}: {len(seen):,} rows, {seen.X.shape[1]} features", flush=True)
        about = kept.setdefault(entry.name, {})
        about |= {"rows": len(seen), "features": seen.X.shape[1]}
        for part, (measure, default) in parts.items():
            if given.part in (None, part):
                before = about.get(part, {}) if given.more else {}
                more = {"only": given.plant} if part == "planted" else {}
                about[part] = measure(seen, given.replicates or default, entry.name, before, **more)
                print(json.dumps({key: value for key, value in about[part].items() if part != "planted"}), flush=True)
                if given.save:
                    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
