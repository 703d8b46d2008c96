"""Is what matloop says of its own doubt true: intervals and the domain flag on public composition sets.

    python benchmarks/trust.py --data PATH [--sets NAME ...] [--quick] [--save] [--cache FOLDER] [--workers 2]
    python benchmarks/trust.py --cost RUN_FOLDER ...

Thirteen regression sets, thinned to 2,500 development rows (`--most`), one fixed recipe without a search (extra trees
and LightGBM), the doubt and domain that a run would make, in three ways: random folds inside the development rows,
leave-one-cluster-out over five clusters, and a sealed part (the published test part, the first official fold, or a
fifth of the compositions). Fits are cached, so that a second run only judges again.

Beside every number stands the dumbest method for it: intervals of one width, Palmer's recalibration (doi:10.1038/
s41524-022-00794-8) of a bootstrap forest, the plain distance to five neighbours, no flag at all, the nearest
neighbour's label and the rule of mixtures. Choices of method were made on the sets marked with *, the others were only
looked at in the end. About an hour on two cores, 20 minutes of it for the forest of the comparison.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.files import write_text
from matloop.core.jsonable import dumps
from matloop.doubt.conformal import fit_doubt
from matloop.doubt.domain import fit_domain
from matloop.doubt.recalibrate import palmer_line
from matloop.evaluate.baselines import held_out, methods
from matloop.evaluate.domain_study import DomainStudy, compare_domains
from matloop.evaluate.evidence import constant_half_width
from matloop.evaluate.gathered import HeldOut
from matloop.evaluate.judged import judged
from matloop.metrics.intervals import coverage, interval_score, thirds
from trust_fits import Fitted, fitted
from trust_marks import Mark, marks_of, print_marks, print_table
from trust_sets import SEED, SETS, Loaded, Set, load

LEVEL, NORMAL = 0.9, 1.6448536269514722
RESULTS = Path(__file__).parent / "results" / "trust.json"
QUICK_ROWS, QUICK_SETS = 1_200, 3

Numbers = dict[str, float]


def judge_set(entry: Set, data: Path, cache: Path, *, most: int, workers: int) -> dict[str, object]:
    """Everything that is known of one set."""
    loaded, started = load(data, entry, most=most), time.monotonic()
    development = loaded.development
    raw = fitted(loaded, cache / f"{entry.folder}-{most}", workers)
    fitting, started = time.monotonic() - started, time.monotonic()
    cv = judged(development, raw.random, raw.random, development.fold, how="", seed=SEED, threads=workers)
    loco = judged(development, raw.random, raw.left_out, raw.regions.fold, how="", seed=SEED, threads=workers)
    study = compare_domains(development, cv, loco, seed=SEED)
    return {
        "set": entry.folder, "tuned": entry.tuned, "rows": len(development), "rows before thinning": loaded.n_rows,
        "sealed rows": len(loaded.sealed), "clusters": np.bincount(raw.regions.fold).tolist(),
        "intervals": intervals(cv, development.y) | against_palmer(raw.forest, cv, development.y),
        "loco": left_out(loaded, raw, loco, study), "domain": domain_numbers(study, loco, development.y),
        "measures": {one.name: one.auroc for one in study.measures[1:]}, "sealed": sealed_numbers(loaded, raw),
        "seconds fitting": fitting, "seconds judging": time.monotonic() - started,
    }  # fmt: skip


def intervals(held: HeldOut, y: FloatArray) -> Numbers:
    """Random folds: do the intervals keep their promise, and what are they worth beside one width for all."""
    p, width = held.prediction, held.constant
    error, wide = np.abs(y - p.value), p.high - p.low
    narrowest, middle, widest = thirds(y, p.low, p.high)
    score = interval_score(y, p.low, p.high, LEVEL)
    constant = interval_score(y, p.value - width, p.value + width, LEVEL)
    by_width = np.array_split(np.argsort(wide, kind="stable"), 3)
    same = (error <= width).astype(float)
    fifth = np.argsort(-wide, kind="stable")[: len(y) // 5]
    rest = np.setdiff1d(np.arange(len(y)), fifth)
    return {
        "mae": float(error.mean()), "coverage": coverage(y, p.low, p.high), "narrowest": narrowest, "middle": middle,
        "widest": widest, "score": score, "constant score": constant, "gain": 1.0 - score / constant,
        "constant coverage": float(same.mean()), "constant narrowest": float(same[by_width[0]].mean()),
        "constant widest": float(same[by_width[2]].mean()),
        "widest fifth": float(error[fifth].mean() / error[rest].mean()),
    }  # fmt: skip


def against_palmer(forest, held: HeldOut, y: FloatArray) -> Numbers:
    """A bootstrap forest whose spread is put right by a line, fitted on the other folds, in the same random folds."""
    sigma = np.empty(len(y))
    for fold in np.unique(forest.fold):
        out, rest = forest.fold == fold, forest.fold != fold
        line = palmer_line(y[rest] - forest.value[rest], forest.spread[rest])
        sigma[out] = line.slope * forest.spread[out] + line.offset
    low, high = forest.value - NORMAL * sigma, forest.value + NORMAL * sigma
    score, wide = interval_score(y, low, high, LEVEL), np.argsort(-sigma, kind="stable")
    error, value, width = np.abs(y - forest.value), held.prediction.value, held.constant
    constant = interval_score(y, value - width, value + width, LEVEL)
    own = interval_score(y, held.prediction.low, held.prediction.high, LEVEL)
    return {
        "palmer mae": float(error.mean()), "palmer coverage": coverage(y, low, high), "palmer score": score,
        "palmer narrowest": thirds(y, low, high)[0], "palmer widest": thirds(y, low, high)[2],
        "gain over palmer": 1.0 - own / score, "constant over palmer": 1.0 - constant / score,
        "palmer widest fifth": float(error[wide[: len(y) // 5]].mean() / error[wide[len(y) // 5 :]].mean()),
    }  # fmt: skip


def left_out(loaded: Loaded, raw: Fitted, loco: HeldOut, study: DomainStudy) -> dict[str, object]:
    """Clusters left out: errors beside the dumb methods, coverage and its shortfall."""
    development, y = loaded.development, loaded.development.y
    error = np.abs(y - loco.prediction.value)
    found = coverage(y, loco.prediction.low, loco.prediction.high)
    numbers: dict[str, object] = {
        "mae": float(error.mean()), "coverage": found, "shortfall": LEVEL - found,
        "constant coverage": float((error <= loco.constant).mean()),
        "lowest cluster": min(
            coverage(y[c], loco.prediction.low[c], loco.prediction.high[c]) for c in each(raw.regions.fold)
        ),
        "error over random": float(error.mean() / np.abs(y - raw.random.value).mean()),
    }  # fmt: skip
    worse = []
    for method in methods(development):
        guess = float(np.abs(held_out(method, development, raw.regions.fold).value - y).mean())
        numbers[method.name] = guess
        worse += [method.name] if error.mean() >= guess else []
    return numbers | {"worse than": worse}


def each(part: IntArray) -> list[IntArray]:
    return [np.flatnonzero(part == one) for one in np.unique(part)]


def domain_numbers(study: DomainStudy, loco: HeldOut, y: FloatArray) -> dict[str, object]:
    """The flag: does it tell new chemistry, whom does it flag, and what holds for the rest."""
    plain = next(one for one in study.measures if one.name == "nearest_neighbours" and not one.in_use)
    inside, outside = study.side("loco", inside=True), study.side("loco", inside=False)
    p = loco.prediction
    return {
        "measure": study.measures[0].name, "auroc": study.measures[0].auroc,
        "worst cluster": min(study.measures[0].by_cluster), "auroc plain": plain.auroc,
        "flagged cv": study.flagged_cv.value, "flagged loco": study.flagged_loco.value, "found plain": plain.found,
        "unflagged covered": math.nan if inside is None else inside.coverage.value,
        "unflagged covered low": math.nan if inside is None else inside.coverage.low,
        "flagged covered": math.nan if outside is None else outside.coverage.value,
        "all covered": coverage(y, p.low, p.high),
        "error ratio": math.nan if inside is None or outside is None else outside.error.value / inside.error.value,
    }  # fmt: skip


def sealed_numbers(loaded: Loaded, raw: Fitted) -> Numbers:
    """The sealed part: the final doubt and domain, as a bundle would hold them."""
    development, y, table = loaded.development, loaded.sealed_y, loaded.sealed
    doubt = fit_doubt(
        raw.random, development.table.X, development.y, groups=development.groups, task="regression",
        bounds=development.bounds, level=LEVEL, seed=SEED,
    )  # fmt: skip
    low, high, _, _ = doubt.apply(raw.sealed.value, raw.sealed.spread, raw.sealed.proba, table.X)
    domain = fit_domain(development.table, development.y, development.groups, seed=SEED)
    width = constant_half_width(development.y - raw.random.value, LEVEL)
    score = interval_score(y, low, high, LEVEL)
    constant = interval_score(y, raw.sealed.value - width, raw.sealed.value + width, LEVEL)
    narrowest, _, widest = thirds(y, low, high)
    return {
        "mae": float(np.abs(y - raw.sealed.value).mean()), "coverage": coverage(y, low, high), "narrowest": narrowest,
        "widest": widest, "gain": 1.0 - score / constant, "flagged": float(1.0 - domain.judge(table)[0].mean()),
    }  # fmt: skip


def cost_rows(runs: Sequence[Path]) -> list[dict[str, object]]:
    """What evidence took in finished runs, as a share of the minutes that they were allowed."""
    from matloop.pipeline.folder import find_run
    from matloop.pipeline.store import read_record

    found = []
    for run in runs:
        record = read_record(find_run(run))
        steps = {name: sum(s for step, s in record.timing.items() if step.split()[0] == name) for name in STEPS}
        allowed = 60.0 * record.problem.limits.minutes
        found.append(
            {
                "run": record.problem.name, "depth": record.problem.protocol.depth,
                "rows": sum(target.evaluation.cv.n_rows for target in record.targets),
                "minutes": record.problem.limits.minutes, "total": record.timing["total"] / allowed,
                "share": sum(steps[name] for name in EVIDENCE) / allowed, **{k: v / allowed for k, v in steps.items()},
            }
        )  # fmt: skip
    return found


EVIDENCE = ("evidence", "explain", "study", "evaluate")
STEPS = ("search", "fit", *EVIDENCE, "report")


def print_cost(rows: Sequence[Mapping[str, object]]) -> None:
    print(f"\n{'run':24}{'depth':>10}{'rows':>8}{'minutes':>9}{'evidence':>10}{'search':>9}{'total':>8}")
    for row in rows:
        shares = "".join(f"{100 * float(str(row[name])):8.0f}%" for name in ("share", "search", "total"))
        print(f"{row['run']!s:24}{row['depth']!s:>10}{row['rows']:8}{row['minutes']:9}  {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with one folder per set")
    parser.add_argument("--sets", nargs="*", default=[], help="names of sets; without it all")
    parser.add_argument("--most", type=int, default=2_500, help="development rows of a set")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SETS} sets of at most {QUICK_ROWS} rows")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "matloop-trust", help="for fits")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cost", type=Path, nargs="*", default=[], help="finished runs: what their evidence took")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    asked = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    cost = cost_rows(asked.cost) if asked.cost else kept.get("cost", [])
    results: dict[str, dict[str, object]] = {}
    if asked.data is not None:
        for entry in wanted(asked):
            most = min(asked.most, QUICK_ROWS) if asked.quick else asked.most
            found = judge_set(entry, asked.data, asked.cache, most=most, workers=asked.workers)
            results[entry.folder] = json.loads(dumps(found))
            print(
                f"{entry.folder}: {found['seconds fitting']:.0f} s fits, {found['seconds judging']:.0f} s",
                file=sys.stderr,
            )
    elif not asked.cost:
        parser.error("--data or --cost is needed")
    sets = (kept.get("sets", {}) if asked.sets or asked.data is None else {}) | results
    print_table(list(results.values()))
    marks: tuple[Mark, ...] = marks_of(list((sets if asked.save else results).values()))
    print_marks(marks)
    if cost:
        print_cost(cost)
    if asked.save:
        record = {"level": LEVEL, "quick": asked.quick, "most": asked.most, "sets": sets, "marks": marks, "cost": cost}
        write_text(RESULTS, dumps(record) + "\n")


def wanted(asked: argparse.Namespace) -> list[Set]:
    """The sets asked for."""
    unknown = set(asked.sets) - {entry.folder for entry in SETS}
    if unknown:
        raise SystemExit(f"no such sets: {', '.join(sorted(unknown))}. Known: {', '.join(e.folder for e in SETS)}")
    chosen = [entry for entry in SETS if not asked.sets or entry.folder in asked.sets]
    return chosen[:QUICK_SETS] if asked.quick else chosen


if __name__ == "__main__":
    main()
