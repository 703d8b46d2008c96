"""Public composition sets for `trust.py`: development rows as a run would have them, and a sealed test part.

The published test part (CrabNet's split) or the first official fold (Matbench) is the sealed one; sets without either
get a fifth of their compositions. Development rows with the same inputs are merged, as a run does (median); sealed rows
are never touched, only those whose composition is also in the development rows are left out. Sets with more rows than
`most` are thinned by whole compositions with a fixed seed.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from matloop.core.arrays import FloatArray, IntArray
from matloop.data.dataset import Column, Dataset, Labels, Numbers
from matloop.matter.compositions import from_formulas, reduced_formulas
from matloop.problem.question import Input
from matloop.represent.representation import plan_representation, represent
from matloop.represent.table import FeatureTable
from matloop.split.folds import make_folds
from matloop.train.values import Development

SEED, FOLDS = 0, 5


@dataclass(frozen=True, slots=True)
class Set:
    """Where a set is: folder, formula and target columns, further number inputs, and how it is split.

    parts : "fold" (the official ones; fold 0 is sealed), "split" (train/val/test as published), or empty.
    tuned : whether choices of method were made on it; all others were only looked at in the end.
    """

    folder: str
    formula: str
    target: str
    unit: str
    bounds: tuple[float, float] | None = None
    numbers: tuple[str, ...] = ()
    parts: str = "split"
    tuned: bool = False


POSITIVE = (0.0, float("inf"))
SETS = (
    Set("matbench_expt_gap", "composition", "target", "eV", POSITIVE, (), "fold", tuned=True),
    Set("matbench_phonons", "composition", "target", "1/cm", POSITIVE, ("spg_num",), "fold", tuned=True),
    Set("crabnet_aflow_ael_debye_temperature", "formula", "target", "K", POSITIVE, tuned=True),
    Set("crabnet_mp_e_hull", "formula", "target", "eV/atom", POSITIVE, tuned=True),
    Set("crabnet_CritExam_Ed", "formula", "target", "eV/atom", tuned=True),
    Set("supercon_tc", "name", "Tc", "K", POSITIVE, (), "", tuned=True),
    Set("matbench_log_kvrh", "composition", "target", "", None, ("spg_num",), "fold"),
    Set("matbench_mp_gap", "composition", "target", "eV", POSITIVE, ("spg_num",), "fold"),
    Set("matbench_mp_e_form", "composition", "target", "eV/atom", None, ("spg_num",), "fold"),
    Set("crabnet_aflow_ael_bulk_modulus_vrh", "formula", "target", "GPa", POSITIVE),
    Set("crabnet_mp_bulk_modulus", "formula", "target", "GPa", POSITIVE),
    Set("crabnet_aflow_Egap", "formula", "target", "eV", POSITIVE),
    Set("ricci_transport", "pretty_formula", "S_p", "uV/K", None, (), ""),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """One set: development rows, the sealed table and its labels, and how many rows there were before thinning."""

    entry: Set
    development: Development
    sealed: FeatureTable
    sealed_y: FloatArray
    n_rows: int


def load(base: Path, entry: Set, *, most: int) -> Loaded:
    """Read and describe one set with at most `most` development rows and a third as many sealed ones."""
    text = _table(base, entry)
    y = pd.to_numeric(text[entry.target], errors="coerce").to_numpy(dtype=float)
    compositions, unread = from_formulas([str(one) for one in text[entry.formula]])
    usable = np.isfinite(y)
    usable[list(unread)] = False
    names = np.full(len(y), "", dtype=object)
    names[usable] = reduced_formulas(compositions.take(np.flatnonzero(usable)))
    group = np.unique(names.astype(str), return_inverse=True)[1]
    test = _is_test(text, entry, y, group, usable)
    y, merged = _merged(y, text, entry, group, usable & ~test)
    first = _thinned(group, merged, most)
    second = _thinned(group, usable & test & ~np.isin(group, group[first]), most // 3)
    rows = np.concatenate([first, second])
    columns: dict[str, Column] = {"formula": compositions.take(rows)}
    for name in entry.numbers:
        columns[name] = Numbers(pd.to_numeric(text[name], errors="coerce").to_numpy(dtype=float)[rows])
    table = _described(columns, len(first))
    return Loaded(
        entry, _development(table.take(np.arange(len(first))), y[first], group[first], entry),
        table.take(np.arange(len(first), len(rows))), y[second], int(usable.sum()),
    )  # fmt: skip


def _merged(
    y: FloatArray, text: pd.DataFrame, entry: Set, group: IntArray, learnt: np.ndarray
) -> tuple[FloatArray, np.ndarray]:
    """Development rows with the same inputs as a run merges them: the first one stays and has their median."""
    inputs = pd.DataFrame({"group": group, **{name: text[name].to_numpy() for name in entry.numbers}})
    key = inputs.groupby(list(inputs), sort=False).ngroup().to_numpy()
    rows = np.flatnonzero(learnt)
    _, first, at = np.unique(key[rows], return_index=True, return_inverse=True)
    middle = pd.Series(y[rows]).groupby(at.reshape(-1)).median().to_numpy()
    merged, kept = y.copy(), np.zeros(len(y), dtype=bool)
    merged[rows[first]], kept[rows[first]] = middle, True
    return merged, kept


def _table(base: Path, entry: Set) -> pd.DataFrame:
    """All columns as text: "NaN" is Na-N, not a missing value."""
    if entry.folder == "ricci_transport":
        from importlib.resources import files

        content = files("matloop.data.sets").joinpath("ricci_transport.csv.gz").read_bytes()
        return pd.read_csv(StringIO(gzip.decompress(content).decode()), keep_default_na=False, dtype=str)
    return pd.read_csv(next((base / entry.folder).glob("*.csv.gz")), keep_default_na=False, dtype=str)


def _is_test(text: pd.DataFrame, entry: Set, y: FloatArray, group: IntArray, usable: np.ndarray) -> np.ndarray:
    if entry.parts == "fold":
        return (text["fold"].astype(int) == 0).to_numpy()
    if entry.parts == "split":
        return np.asarray(text["split"].to_numpy(dtype=object) == "test")
    part = np.full(len(y), -1)
    part[usable] = make_folds(y[usable], group[usable], n_folds=FOLDS, seed=SEED, task="regression")
    return part == 0


def _thinned(group: IntArray, allowed: np.ndarray, most: int) -> IntArray:
    """Rows of whole compositions, in a drawn order of compositions, at most `most`; sorted."""
    turn = np.random.default_rng(SEED).permutation(int(group.max()) + 1)[group]
    rows = np.flatnonzero(allowed)
    rows = rows[np.argsort(turn[rows], kind="stable")]
    if len(rows) > most:
        rows = rows[turn[rows] < turn[rows[most]]]
    return np.sort(rows)


def _described(columns: dict[str, Column], n_learnt: int) -> FeatureTable:
    """Default features of matloop, planned on the development rows."""
    n = len(next(iter(columns.values())))
    inputs = [Input("formula", "composition"), *(Input(name, "number") for name in columns if name != "formula")]
    whole = _dataset(columns, n)
    learnt = _dataset({name: column.take(np.arange(n_learnt)) for name, column in columns.items()}, n_learnt)
    return represent(whole, plan_representation(learnt, inputs))


def _dataset(columns: dict[str, Column], n: int) -> Dataset:
    blank = Labels(np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=np.int64))
    ids = np.arange(n).astype(str)
    rows = tuple((i + 1,) for i in range(n))
    return Dataset(ids, columns, {"y": blank}, ids, np.ones(n), np.full(n, np.nan), rows)


def _development(table: FeatureTable, y: FloatArray, group: IntArray, entry: Set) -> Development:
    index = np.unique(group, return_inverse=True)[1].astype(np.int64)
    fold = make_folds(y, index, n_folds=FOLDS, seed=SEED, task="regression")
    n = len(y)
    return Development(
        table, y, np.full(n, np.nan), np.ones(n), index, fold, "regression", (), entry.unit, bounds=entry.bounds,
        metric="mae",
    )  # fmt: skip
