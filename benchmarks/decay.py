"""How many measured values until planted decay is found, and how often it is found where there is none.

    python benchmarks/decay.py [--part false|planted|log] [--replicates 300] [--save]

Errors are real: of LightGBM on formulas (Magpie features) of the carried transport set, by models that had not seen the
rows, with intervals of one width that hold 90 %. Each replicate draws 2,000 of them as what a bundle keeps and 1,000
others as measured values, looked at after every one. Planted, from the first value on or after 500 good ones: errors
times 1.3 and times 2, and coverage down to 80 %. Beside matloop's tests stand Page-Hinkley, ADWIN and the rule that is
written first: the mean of the last 50 is 20 % above what it was (for misses: above 1.5 times what was promised).
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from matloop.core.arrays import FloatArray
from matloop.data.collect import collect
from matloop.monitor.decay.named import adwin_of, page_hinkley_of
from matloop.monitor.decay.others import rolling
from matloop.monitor.decay.yardstick import coverage_test, error_test, size_of
from matloop.monitor.log import PredictionLog, now_text
from matloop.monitor.record import Answered
from matloop.problem.question import Source
from matloop.represent import FEATURIZERS

RESULTS = Path(__file__).parent / "results" / "decay.json"
ROWS, REFERENCE, STREAM, GOOD = 5000, 2000, 1000, 500
ALPHA = 0.05
METHODS = ("matloop", "page_hinkley", "adwin", "rolling mean")


def real_errors() -> FloatArray:
    """Absolute errors of rows by models that had not seen them, uV/K."""
    from lightgbm import LGBMRegressor
    from sklearn.model_selection import cross_val_predict

    raw = collect(Source("ricci-transport"))
    y = np.asarray(raw.columns["S_n"], dtype=float)
    keep = np.flatnonzero(np.isfinite(y))
    keep = np.sort(np.random.default_rng(0).permutation(keep)[:ROWS])
    X = FEATURIZERS.load("magpie")().fit_transform([str(one) for one in raw.columns["pretty_formula"][keep]])
    X = np.nan_to_num(np.asarray(X, dtype=float))
    model = LGBMRegressor(n_estimators=150, n_jobs=1, verbose=-1, random_state=0)
    return np.abs(y[keep] - cross_val_predict(model, X, y[keep], cv=3))


def found_error(errors: FloatArray, reference: FloatArray, *, slow: bool) -> dict[str, int | None]:
    """After how many values each method raises an alarm."""
    top = size_of(reference)
    x, yard = np.minimum(errors, top) / top, np.minimum(reference, top) / top
    return {
        "matloop": error_test(errors, reference, ALPHA / 2.0, top=top).at,
        "page_hinkley": page_hinkley_of(x, yard, ALPHA),
        **({"adwin": adwin_of(x, yard, ALPHA)} if slow else {}),
        "rolling mean": rolling(errors, 1.2 * float(reference.mean())),
    }


def found_coverage(missed: FloatArray, reference: FloatArray, *, slow: bool) -> dict[str, int | None]:
    """The same for rows outside their 90 % intervals."""
    return {
        "matloop": coverage_test(missed, reference, 0.9, ALPHA / 2.0).at,
        "page_hinkley": page_hinkley_of(missed, reference, ALPHA),
        **({"adwin": adwin_of(missed, reference, ALPHA)} if slow else {}),
        "rolling mean": rolling(missed, 0.15),
    }


def told(hits: list[dict[str, int | None]], good: int, label: str) -> dict[str, object]:
    """Shares and delays of each method, printed."""
    found: dict[str, object] = {}
    for name in METHODS:
        at = [one[name] for one in hits if name in one]
        early = sum(one is not None and one <= good for one in at)
        delays = np.array([np.inf if one is None else one - good for one in at if one is None or one > good])
        low, high = binomtest(early, len(at)).proportion_ci()
        entry: dict[str, object] = {"replicates": len(at), "false": early / len(at), "false_95": [low, high]}
        if good < STREAM:
            q = np.quantile(delays, [0.5, 0.9], method="higher") if len(delays) else [np.inf, np.inf]
            entry |= {"found": float(np.isfinite(delays).mean()) if len(delays) else 0.0,
                      "median": float(q[0]), "nine_of_ten": float(q[1])}  # fmt: skip
            shown = f"found {entry['found']:6.1%}  median {q[0]:5.0f}  9 of 10 within {q[1]:5.0f}  "
        else:
            shown = ""
        print(f"  {label:34s} {name:13s} {shown}false {early / len(at):6.1%} ({low:.1%} to {high:.1%}) of {len(at)}")
        found[name] = {key: None if value == np.inf else value for key, value in entry.items()}
    return found


def replicate(pool: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, float]:
    """Reference, new errors, and the half-width that holds 90 % of the reference."""
    order = rng.permutation(len(pool))
    reference = pool[order[:REFERENCE]]
    return reference, pool[order[REFERENCE : REFERENCE + STREAM]], float(np.quantile(reference, 0.9))


def worse(errors: FloatArray, factor: float, start: int) -> FloatArray:
    """Errors of which those from `start` on are larger."""
    return np.concatenate([errors[:start], errors[start:] * factor])


def measure(pool: FloatArray, replicates: int, *, planted: bool) -> dict[str, object]:
    """False alarms, or delays of what is planted."""
    cases = [("error x1.3", 1.3), ("error x2", 2.0)]
    to_80 = float(np.quantile(pool, 0.9) / np.quantile(pool, 0.8))
    found: dict[str, object] = {}
    for start in (0, GOOD) if planted else (STREAM,):
        for label, factor in (
            [*cases, ("coverage 90 -> 80 %", to_80)] if planted else [("error", 1.0), ("coverage", 1.0)]
        ):
            rng, hits = np.random.default_rng(7), []
            for k in range(replicates):
                reference, errors, half = replicate(pool, rng)
                now = worse(errors, factor, start)
                slow = k < 40
                if label.startswith("error"):
                    hits.append(found_error(now, reference, slow=slow))
                else:
                    hits.append(found_coverage((now > half) * 1.0, (reference > half) * 1.0, slow=slow))
            name = f"{label}, after {start} good" if planted else f"nothing planted: {label}"
            found[name] = told(hits, start, name)
    return found


def measure_log(requests: int = 200_000, rows: int = 1_000_000) -> dict[str, object]:
    """Requests written and rows read per second, and memory while a million rows are read."""
    folder = Path(tempfile.mkdtemp())
    try:
        said = {"value": [1.5], "low": [1.0], "high": [2.0], "std": [0.3], "in_domain": [True], "reason": [""]}
        writer = PredictionLog(folder / "one").writer()
        start = time.perf_counter()
        for k in range(requests):
            one = Answered(now_text(), f"r{k}", "m", "ab" * 8, 1, inputs={"formula": ["Fe2O3"]}, targets={"y": said})
            while not writer.write(one):
                time.sleep(0.01)
        counts = writer.close(60.0)
        written = counts.requests / (time.perf_counter() - start)
        size = 100
        many = {name: column * size for name, column in said.items()}
        with PredictionLog(folder / "many").writer() as batch:
            for k in range(rows // size):
                one = Answered(
                    now_text(), f"b{k}", "m", "ab" * 8, size, inputs={"formula": ["Fe2O3"] * size}, targets={"y": many}
                )
                while not batch.write(one):
                    time.sleep(0.01)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.perf_counter()
        read = PredictionLog(folder / "many").read()
        n = sum(answered.n for answered in read)
        took = time.perf_counter() - start
        start = time.perf_counter()
        singles = sum(answered.n for answered in PredictionLog(folder / "one").read())
        took_singles = time.perf_counter() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
        found = {
            "written_requests_per_s": written, "bytes_per_request": counts.bytes / counts.requests,
            "rows_read_per_s_batches_of_100": n / took, "requests_read_per_s": singles / took_singles,
            "rows_read": n, "memory_growth_MiB": grown,
        }  # fmt: skip
        print("  " + "  ".join(f"{name} {value:,.0f}" for name, value in found.items()))
        return found
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("false", "planted", "log"))
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--save", action="store_true")
    chosen = parser.parse_args()
    found = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if chosen.part != "log":
        pool = real_errors()
        found["rows"] = {"n": len(pool), "mae": float(pool.mean()), "std": float(pool.std())}
        print(f"{len(pool):,} errors, mean {pool.mean():.0f}, standard deviation {pool.std():.0f} uV/K")
        if chosen.part in (None, "false"):
            found["false"] = measure(pool, chosen.replicates, planted=False)
        if chosen.part in (None, "planted"):
            found["planted"] = measure(pool, chosen.replicates, planted=True)
    if chosen.part in (None, "log"):
        found["log"] = measure_log()
    if chosen.save:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
