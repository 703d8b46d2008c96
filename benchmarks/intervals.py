"""How good the 90 % intervals are on real sets: against a constant width, and a recalibrated bootstrap forest.

    python benchmarks/intervals.py --data PATH [--quick] [--only NAME ...]

Composition regression sets of 1,000 rows or more; the official folds or the published split where there is one, else
five folds with whole compositions. Each set: a LightGBM on matloop's default features, out-of-fold predictions from
grouped folds, `fit_doubt`, then the held-out rows. Compositions that are also in training are left out of the test.
Beside it a random forest whose spread is put on a line (Palmer et al. 2022, doi:10.1038/s41524-022-00794-8), with its
own predictions and normal intervals. Marks: coverage 87-93 %, 85-95 % in the narrowest and widest third, interval score
at least 15 % below constant width; printed besides: how far it is below the forest's, and the error of the widest fifth
over that of the rest.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.ensemble import RandomForestRegressor

from matloop.data.dataset import Dataset, Labels, Numbers
from matloop.doubt.conformal import conformal_quantile, fit_doubt
from matloop.doubt.prediction import OutOfFold
from matloop.doubt.recalibrate import fit_one
from matloop.matter.compositions import from_formulas, reduced_formulas
from matloop.metrics.intervals import coverage, interval_score, thirds
from matloop.metrics.uncertainty import widest_share_ratio
from matloop.problem.question import Input
from matloop.represent.representation import plan_representation, represent
from matloop.split.folds import make_folds

LEVEL = 0.9
QUICK_ROWS = 4_000
LEAST_ROWS = 1_000
PRINTED = ("coverage", "narrowest", "middle", "widest", "gain", "over_palmer")
TITLES = ("cover", "narrow", "middle", "wide", "gain", "palmer", "fifth", "fit s")


@dataclass(frozen=True, slots=True)
class Set:
    """Where a set is: folder, formula and target columns, further number inputs, column of folds or of the split."""

    folder: str
    formula: str
    target: str
    numbers: tuple[str, ...] = ()
    parts: str = ""


SETS = (
    Set("matbench_expt_gap", "composition", "target", (), "fold"),
    Set("matbench_log_kvrh", "composition", "target", ("spg_num",), "fold"),
    Set("matbench_phonons", "composition", "target", ("spg_num",), "fold"),
    Set("crabnet_aflow_ael_debye_temperature", "formula", "target", (), "split"),
    Set("crabnet_aflow_ael_bulk_modulus_vrh", "formula", "target", (), "split"),
    Set("crabnet_mp_bulk_modulus", "formula", "target", (), "split"),
    Set("crabnet_aflow_Egap", "formula", "target", (), "split"),
    Set("crabnet_mp_e_hull", "formula", "target", (), "split"),
    Set("crabnet_CritExam_Ed", "formula", "target", (), "split"),
    Set("supercon_tc", "name", "Tc"),
    Set("mpea_alloys", "FORMULA", "PROPERTY: HV"),
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Features, target, composition and test part of each row (-1: always training)."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    part: np.ndarray


def load(base: Path, entry: Set, most: int) -> Rows:
    """Read and describe one set; at most `most` rows, drawn with a fixed seed."""
    path = next((base / entry.folder).glob("*.csv.gz"))
    table = pd.read_csv(path, keep_default_na=False, dtype=str)
    y = pd.to_numeric(table[entry.target], errors="coerce").to_numpy(dtype=float)
    compositions, unread = from_formulas([str(text) for text in table[entry.formula]])
    usable = np.isfinite(y)
    usable[list(unread)] = False
    rows = np.flatnonzero(usable)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:most])
    numbers = {c: Numbers(pd.to_numeric(table[c], errors="coerce").to_numpy(dtype=float)[rows]) for c in entry.numbers}
    taken = compositions.take(rows)
    X = features(taken, numbers)
    groups = np.asarray(reduced_formulas(taken))
    return Rows(X, y[rows], groups, parts(table.iloc[rows], entry, y[rows], groups))


def features(compositions, numbers) -> np.ndarray:
    """Default features of matloop, and the numbers as they are."""
    n = len(compositions)
    blank = Labels(np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=np.int64))
    data = Dataset(
        ids=np.arange(n).astype(str),
        inputs={"formula": compositions, **numbers},
        targets={"y": blank},
        groups=np.arange(n).astype(str),
        weights=np.ones(n),
        times=np.full(n, np.nan),
        source_rows=tuple((i + 1,) for i in range(n)),
    )
    inputs = [Input("formula", "composition"), *(Input(name, "number") for name in numbers)]
    return np.array(represent(data, plan_representation(data, inputs)).X)


def parts(table: pd.DataFrame, entry: Set, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The test part each row is in."""
    if entry.parts == "fold":
        return table["fold"].astype(int).to_numpy()
    if entry.parts == "split":
        return np.where(table["split"].to_numpy(dtype=object) == "test", 0, -1)
    return make_folds(y, groups, n_folds=5, seed=0, task="regression")


def rounds(rows: Rows, quick: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(training rows, test rows) of each part; the first only when quick."""
    tests = [p for p in np.unique(rows.part) if p >= 0]
    for number in tests[: 1 if quick else None]:
        train = np.flatnonzero(rows.part != number)
        test = np.flatnonzero((rows.part == number) & ~np.isin(rows.groups, rows.groups[train]))
        yield train, test


def predicted(X: np.ndarray, y: np.ndarray, new: np.ndarray, seed: int) -> np.ndarray:
    """A default boosting."""
    settings = {"objective": "regression", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 8, "seed": seed}
    settings |= {"feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 1.0}
    settings |= {"num_threads": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True}
    return lightgbm.train(settings, lightgbm.Dataset(X, y), 400).predict(new)


def forest(X: np.ndarray, y: np.ndarray, new: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of a bootstrap forest; missing features at zero."""
    trees = RandomForestRegressor(100, max_features=0.2, random_state=seed, n_jobs=1).fit(np.nan_to_num(X), y)
    said = np.stack([tree.predict(np.nan_to_num(new)) for tree in trees.estimators_])
    return said.mean(axis=0), said.std(axis=0)


def palmer_score(X: np.ndarray, y: np.ndarray, fold: np.ndarray, new: np.ndarray, truth: np.ndarray) -> float:
    """Interval score of a bootstrap forest whose spread was put on a line by its out-of-fold residuals."""
    value, spread = np.empty(len(y)), np.empty(len(y))
    for f in np.unique(fold):
        value[fold == f], spread[fold == f] = forest(X[fold != f], y[fold != f], X[fold == f], int(f))
    said, wide = forest(X, y, new, 7)
    half = float(ndtri(0.5 + 0.5 * LEVEL)) * fit_one("linear", y - value, spread).apply(wide)
    return interval_score(truth, said - half, said + half, LEVEL)


def judged(rows: Rows, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Fit, doubt and score on one part."""
    X, y, groups = rows.X[train], rows.y[train], rows.groups[train]
    fold = make_folds(y, groups, n_folds=5, seed=0, task="regression")
    value = np.empty(len(y))
    for f in range(5):
        value[fold == f] = predicted(X[fold != f], y[fold != f], X[fold == f], f)
    out_of_fold = OutOfFold(value, np.zeros(len(y)), np.empty((len(y), 0)), fold)
    start = time.perf_counter()
    doubt = fit_doubt(out_of_fold, X, y, groups=groups, task="regression", level=LEVEL, seed=0, growth=1.25)
    seconds = time.perf_counter() - start
    truth, found = rows.y[test], predicted(X, y, rows.X[test], 7)
    low, high, _, _ = doubt.apply(found, np.zeros(len(test)), np.empty((len(test), 0)), rows.X[test])
    width = conformal_quantile(np.abs(y - value), LEVEL)
    score = interval_score(truth, low, high, LEVEL)
    constant = interval_score(truth, found - width, found + width, LEVEL)
    palmer = palmer_score(X, y, fold, rows.X[test], truth)
    narrow, middle, wide = thirds(truth, low, high)
    return {
        "rows": len(train), "test": len(test), "mae": float(np.abs(truth - found).mean()),
        "coverage": coverage(truth, low, high), "narrowest": narrow, "middle": middle, "widest": wide,
        "score": score, "constant_score": constant, "gain": 1.0 - score / constant, "seconds": seconds,
        "palmer_score": palmer, "over_palmer": 1.0 - score / palmer,
        "widest_fifth": widest_share_ratio(truth - found, high - low), "shrink": doubt.shrink,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help=f"one part per set, at most {QUICK_ROWS} rows")
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    place = Path(__file__).parent / "results" / ("intervals_quick.json" if options.quick else "intervals.json")
    results = json.loads(place.read_text())["sets"] if options.only and place.exists() else {}
    print(f"{'set':38}{'rows':>7}" + "".join(f"{title:>8}" for title in TITLES) + "  marks")
    for entry in SETS:
        if options.only and entry.folder not in options.only:
            continue
        rows = load(options.data, entry, QUICK_ROWS if options.quick else 40_000)
        if len(rows.y) < LEAST_ROWS:
            print(f"{entry.folder:38}{len(rows.y):7d}  left out: fewer than {LEAST_ROWS} rows with a value")
            continue
        found = [judged(rows, train, test) for train, test in rounds(rows, options.quick)]
        mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        results[entry.folder] = mean
        met = (
            0.87 <= mean["coverage"] <= 0.93
            and all(0.85 <= mean[part] <= 0.95 for part in ("narrowest", "widest"))
            and mean["gain"] >= 0.15
        )
        shares = (
            "".join(f"{mean[part]:8.3f}" for part in PRINTED) + f"{mean['widest_fifth']:8.1f}{mean['seconds']:8.1f}"
        )
        print(f"{entry.folder:38}{mean['rows']:7.0f}{shares}  {'met' if met else 'NOT MET'}", flush=True)
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps({"level": LEVEL, "quick": options.quick, "sets": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
