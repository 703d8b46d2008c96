"""Matbench tasks of formulas alone: official folds, one default call per fold, beside the published leaderboard.

    python benchmarks/matbench.py --task steels --minutes 10          (the published files, fetched once)
    python benchmarks/matbench.py --data DATA --task steels --minutes 10

A fold's test rows are never merged, dropped or looked at before they are scored. Training rows of equal reduced formula
are merged (median, majority). Dunn et al., npj Comput. Mater. 6 (2020) 138. doi:10.1038/s41524-020-00406-3
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import logging
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.files import write_text
from matloop.core.jsonable import dumps
from matloop.data.benchmarks.cards import benchmark
from matloop.data.collect import collect
from matloop.data.dataset import Dataset, Labels
from matloop.matter.compositions import Compositions, from_formulas, reduced_formulas
from matloop.metrics.scores import point
from matloop.models.family import FitTask
from matloop.problem.question import Input, Limits, Source, Training
from matloop.represent.representation import Representation, plan_representation, represent
from matloop.split.folds import make_folds
from matloop.train.fits import Fits
from matloop.train.plan import evidence_plan
from matloop.train.search import final_fit, search
from matloop.train.values import Development, Trained

RESULTS = Path(__file__).parent / "results"
SEED = 0
N_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Task:
    """A task, its metric, what is aimed at (first mark, goal), and physical bounds."""

    name: str
    kind: FitTask
    metric: str
    unit: str
    mark: float
    goal: float
    bounds: tuple[float, float] | None = None
    classes: tuple[str, ...] = ()

    @property
    def set(self) -> str:
        return f"matbench_{self.name}"

    @property
    def lower_is_better(self) -> bool:
        return self.kind == "regression"


TASKS = {
    "steels": Task("steels", "regression", "mae", "MPa", 87.8, 79.9, (0.0, np.inf)),
    "expt_gap": Task("expt_gap", "regression", "mae", "eV", 0.36, 0.331, (0.0, np.inf)),
    "expt_is_metal": Task(
        "expt_is_metal", "classification", "balanced_accuracy", "", 0.92, 0.93, classes=("False", "True")
    ),
    "glass": Task("glass", "classification", "balanced_accuracy", "", 0.87, 0.89, classes=("False", "True")),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A Matbench table: compositions, y (value or class index) and the fold in which each row is tested."""

    formulas: Compositions
    y: FloatArray
    fold: IntArray


def read_table(data: Path, task: Task) -> Table:
    """Read formulas as text: "NaN" is Na-N, no missing value. Without a table in `data` the published file is taken."""
    path = data / task.set / f"{task.set}.csv"
    if not path.parent.is_dir():
        return published(task)
    content = path.read_bytes() if path.exists() else gzip.decompress((path.parent / f"{path.name}.gz").read_bytes())
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"))))
    formulas, bad = from_formulas([row["composition"] for row in rows])
    if bad:
        raise SystemExit(f"{task.set}: {len(bad)} formulas could not be read: {dict(list(bad.items())[:5])}")
    y = [task.classes.index(row["target"]) if task.classes else float(row["target"]) for row in rows]
    return Table(formulas, np.array(y, dtype=float), np.array([int(row["fold"]) for row in rows]))


def published(task: Task) -> Table:
    """The published file by name, with the official folds."""
    raw = collect(Source(f"matbench:{task.set}?folds"))
    formulas, bad = from_formulas(raw.columns["composition"].tolist())
    if bad:
        raise SystemExit(f"{task.set}: {len(bad)} formulas could not be read: {dict(list(bad.items())[:5])}")
    column = raw.columns[benchmark(task.set).target].tolist()
    y = [task.classes.index(str(bool(one))) if task.classes else float(one) for one in column]
    return Table(formulas, np.array(y, dtype=float), raw.columns["fold"])


def merged(y: FloatArray, keys: np.ndarray, task: Task) -> tuple[IntArray, FloatArray]:
    """First row of each key, and the median (majority for classes) of its values."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    values = np.array([np.median(y[inverse == k]) for k in range(len(first))])
    return first, np.round(values) if task.classes else values


def as_dataset(formulas: Compositions, y: FloatArray, groups: np.ndarray, task: Task) -> Dataset:
    n = len(y)
    labels = Labels(y, np.full(n, np.nan), np.zeros(n, dtype=np.int64), task.unit, task.classes)
    ids = np.array([str(i) for i in range(n)])
    rows = tuple((i + 1,) for i in range(n))
    return Dataset(ids, {"formula": formulas}, {"y": labels}, groups, np.ones(n), np.full(n, np.nan), rows)


def development(dataset: Dataset, representation: Representation, task: Task) -> Development:
    labels = dataset.targets["y"]
    groups = np.unique(dataset.groups, return_inverse=True)[1].astype(np.int64)
    fold = make_folds(labels.values, groups, n_folds=N_FOLDS, seed=SEED, task=task.kind)
    return Development(
        table=represent(dataset, representation), y=labels.values, errors=labels.errors, weights=dataset.weights,
        groups=groups, fold=fold, task=task.kind, classes=task.classes, unit=task.unit, bounds=task.bounds,
        metric=task.metric,
    )  # fmt: skip


def run_fold(table: Table, task: Task, fold: int, minutes: float, cores: int) -> dict[str, object]:
    """One default call: learn from the other folds, predict this one."""
    started = time.monotonic()
    train, test = np.flatnonzero(table.fold != fold), np.flatnonzero(table.fold == fold)
    keys = reduced_formulas(table.formulas)[train]
    first, y = merged(table.y[train], keys, task)
    dataset = as_dataset(table.formulas.take(train[first]), y, keys[first], task)
    asked = as_dataset(table.formulas.take(test), np.full(len(test), np.nan), np.full(len(test), "asked"), task)
    representation = plan_representation(dataset, (Input("formula", "composition", "composition"),))
    known = development(dataset, representation, task)
    with tempfile.TemporaryDirectory() as folder, Fits(known, folder=Path(folder), workers=cores) as fits:
        trained = search(
            known, fits, training=Training(), limits=Limits(minutes=minutes), seed=SEED,
            plan=evidence_plan("standard", 3, N_FOLDS), deadline=started + 60.0 * minutes,
            journal=Path(folder) / "candidates.jsonl",
        )  # fmt: skip
        model, _ = final_fit(fits, trained.recipe, SEED)
    out = model.output(represent(asked, representation).X)
    truth = table.y[test]
    scores = {"value": point(task.metric, truth, out.value)}
    if task.classes:
        scores["accuracy"] = point("accuracy", truth, out.value)
        scores["roc_auc"] = point("roc_auc", truth, out.value, out.proba)
    else:
        scores["rmse"] = point("rmse", truth, out.value)
    return {"fold": fold, **scores, "seconds": time.monotonic() - started, **told(trained, known)}


def told(trained: Trained, known: Development) -> dict[str, object]:
    return {
        "recipe": trained.recipe.label,
        "threshold": trained.recipe.threshold,
        "members": [{"spec": m.label, "columns": m.columns} for m in trained.recipe.members],
        "search_metric": trained.metric,
        "search_score": trained.facts["score"],
        "candidates": trained.facts["n_candidates"],
        "stopped": trained.facts["stopped"],
        "training_rows": len(known),
    }


def leaderboard(data: Path, task: Task) -> list[dict[str, str]]:
    """Published results in the task's metric, best first."""
    if not (data / "matbench_leaderboard").is_dir():
        return []
    with (data / "matbench_leaderboard" / "leaderboard.csv").open(encoding="utf-8", newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if r["task"] == task.set and r["metric"] == task.metric]
    return sorted(rows, key=lambda r: float(r["mean"]), reverse=not task.lower_is_better)


def show(task: Task, folds: list[dict[str, object]], board: list[dict[str, str]]) -> None:
    values = np.array([f["value"] for f in folds], dtype=float)
    print(f"\n{task.set}: {task.metric} {values.mean():.4g} {task.unit}, std over folds {values.std():.3g}")
    for f in folds:
        names = ("roc_auc", "accuracy") if task.classes else ("rmse",)
        extra = "  ".join(f"{name} {f[name]:.4g}" for name in names)
        print(f"  fold {f['fold']}: {f['value']:.4g}  {extra}  {f['seconds']:.0f} s  {f['recipe']}")
    sign = 1.0 if task.lower_is_better else -1.0
    for name, aim in (("first mark", task.mark), ("goal", task.goal)):
        print(f"  {name} {aim:g}: {'reached' if sign * values.mean() <= sign * aim else 'NOT reached'}")
    if task.classes:
        print("  the board's 'rocauc' of hard labels is a balanced accuracy; the roc_auc above uses probabilities")
    whole = len(folds) == N_FOLDS
    print("  published, best first" + ("" if whole else " (all five folds; ours are not all)"))
    placed = False
    for row in board:
        if not placed and sign * values.mean() <= sign * float(row["mean"]):
            print(f"    -> matloop                        {values.mean():.4g}")
            placed = True
        mean, low, high = (float(row[name]) for name in ("mean", "min", "max"))
        print(f"       {row['algorithm']:<30} {mean:.4g}  [{low:.4g}, {high:.4g}]")
    if not any(key.startswith("fold_") for row in board for key in row):
        print("  the board keeps mean, std and range over the folds, not the fold scores: no paired test is possible")


def write(task: Task, folds: list[dict[str, object]], minutes: float, cores: int) -> None:
    values = [float(str(f["value"])) for f in folds]
    record = {
        "task": task.set, "metric": task.metric, "unit": task.unit, "mean": float(np.mean(values)),
        "std": float(np.std(values)), "mark": task.mark, "goal": task.goal, "minutes": minutes, "cores": cores,
        "machine": platform.processor() or platform.machine(), "folds": folds,
    }  # fmt: skip
    write_text(RESULTS / f"matbench-{task.name}.json", dumps(record) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path("data"),
        help="folder with matbench_<task> and matbench_leaderboard; tasks that are not there are fetched by name",
    )  # fmt: skip
    parser.add_argument("--task", choices=[*TASKS, "all"], default="all")
    parser.add_argument("--minutes", type=float, default=10.0, help="limit of each fold")
    parser.add_argument("--folds", default="0,1,2,3,4")
    parser.add_argument("--cores", type=int, default=min(2, os.cpu_count() or 1))
    asked = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    for name in TASKS if asked.task == "all" else (asked.task,):
        task = TASKS[name]
        table = read_table(asked.data, task)
        folds = []
        for fold in map(int, asked.folds.split(",")):
            folds.append(run_fold(table, task, fold, asked.minutes, asked.cores))
            print(
                json.dumps({k: folds[-1][k] for k in ("fold", "value", "seconds", "candidates", "recipe")}), flush=True
            )
            write(task, folds, asked.minutes, asked.cores)
        show(task, folds, leaderboard(asked.data, task))


if __name__ == "__main__":
    main()
