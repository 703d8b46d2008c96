"""Real tables for `drift.py`, described as a run would describe them, and the drifts that are planted in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.core.elements import Z_OF
from matloop.data.dataset import Categories, Column, Dataset, Numbers
from matloop.deploy.reference import elements_of, plain_inputs
from matloop.matter.compositions import from_formulas, reduced_formulas
from matloop.monitor.contract import Seen
from matloop.problem.question import Input
from matloop.represent.representation import plan_representation, represent

MOST = 4000
SEED = 0


@dataclass(frozen=True, slots=True)
class Set:
    """A table: the column of formulas ("" for none), of numbers, of words."""

    name: str
    file: str
    formula: str = ""
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


ESOL = ("Minimum Degree", "Number of H-Bond Donors", "Number of Rings", "Number of Rotatable Bonds",
        "Polar Surface Area", "Molecular Weight")  # fmt: skip
SETS = (
    Set("alloys with processing", "mpea_alloys/mpea.csv.gz", "FORMULA",
        ("PROPERTY: Test temperature ($^\\circ$C)",), ("PROPERTY: Processing method", "PROPERTY: BCC/FCC/other")),
    Set("measured band gaps", "matbench_expt_gap/matbench_expt_gap.csv.gz", "composition", ("gap of theory",)),
    Set("superconductors", "supercon_tc/supercon.csv.gz", "name"),
    Set("thermoelectrics", "", "pretty_formula"),
    Set("molecules by numbers", "esol/delaney-processed.csv", "", ESOL),
)  # fmt: skip


def pool(base: Path, entry: Set) -> Seen:
    """Distinct rows of a table, at most `MOST`, in random order."""
    table = _table(base, entry)
    if entry.formula:
        batch, unread = from_formulas(table[entry.formula].tolist())
        table = table.drop(index=list(unread)).reset_index(drop=True)
        batch = from_formulas(table[entry.formula].tolist())[0]
        table[entry.formula] = reduced_formulas(batch)
    wanted = [*([entry.formula] if entry.formula else []), *entry.numbers, *entry.words]
    table = table.drop_duplicates(wanted)
    table = table.iloc[np.random.default_rng(SEED).permutation(len(table))[:MOST]].reset_index(drop=True)
    columns: dict[str, Column] = {}
    inputs = []
    if entry.formula:
        columns["formula"] = from_formulas(table[entry.formula].tolist())[0]
        inputs.append(Input("formula", "composition"))
    for name in entry.numbers:
        columns[name] = Numbers(pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float))
        inputs.append(Input(name, "number"))
    for name in entry.words:
        columns[name] = Categories(np.array(table[name].tolist(), dtype=np.str_))
        inputs.append(Input(name, "category"))
    n = len(table)
    ids = np.array([f"row-{k}" for k in range(n)])
    dataset = Dataset(ids, columns, {}, ids, np.ones(n), np.full(n, np.nan), tuple((k + 1,) for k in range(n)))
    X = represent(dataset, plan_representation(dataset, inputs))
    nothing = np.full(n, np.nan)
    return Seen(
        X.X, X.names, plain_inputs(dataset), elements_of(dataset), {}, nothing, nothing, np.ones(n, dtype=bool), {},
        ids, ("formula",) if entry.formula else (),
    )  # fmt: skip


def _table(base: Path, entry: Set) -> pd.DataFrame:
    """All columns as text: "NaN" is Na-N, not a missing value."""
    if not entry.file:
        from matloop.data.collect import collect
        from matloop.problem import Source

        raw = collect(Source("ricci-transport"))
        return pd.DataFrame({entry.formula: [str(text) for text in raw.columns[entry.formula]]})
    table = pd.read_csv(base / entry.file, keep_default_na=False, dtype=str)
    if "gap of theory" in entry.numbers:
        return _with_theory(base, table)
    return table


def _with_theory(base: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Measured gaps with the calculated (PBE) gap of the same composition, the smallest of its polymorphs."""
    theory = pd.read_csv(base / "matbench_mp_gap" / "matbench_mp_gap.csv.gz", keep_default_na=False, dtype=str)
    for one, column in ((table, "composition"), (theory, "composition")):
        batch, unread = from_formulas(one[column].tolist())
        names = np.full(len(one), "", dtype=object)
        kept = np.setdiff1d(np.arange(len(one)), list(unread))
        names[kept] = reduced_formulas(batch.take(kept))
        one["key"] = names
    theory["gap"] = theory["target"].astype(float)
    least = theory.groupby("key")["gap"].min()
    both = table[table["key"].isin(least.index) & (table["key"] != "")].copy()
    both["gap of theory"] = least.loc[both["key"]].to_numpy()
    return both.rename(columns={"target": "measured"}).drop_duplicates("key")


def measured_of(base: Path, entry: Set, seen: Seen) -> FloatArray:
    """The measured gaps of the rows of a pool, by their formulas."""
    table = _table(base, entry).set_index("key")
    return table.loc[[str(text) for text in seen.inputs["formula"]], "measured"].astype(float).to_numpy()


def take(seen: Seen, rows: IntArray) -> Seen:
    """Some rows of a table."""
    return replace(
        seen, X=seen.X[rows], inputs={name: values[rows] for name, values in seen.inputs.items()},
        elements=seen.elements[rows], time=seen.time[rows], ms=seen.ms[rows], readable=seen.readable[rows],
        request=seen.request[rows],
    )  # fmt: skip


def moved(seen: Seen, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Seen:
    """The rows with one number input changed, in the features too."""
    values = change(np.asarray(seen.inputs[name], dtype=float))
    X = seen.X.copy()
    X[:, seen.names.index(name)] = values
    return replace(seen, X=X, inputs={**seen.inputs, name: values})


def halogen(seen: Seen) -> BoolArray:
    """Rows with a halogen: the family that is kept out of the reference and then asked for."""
    return np.asarray(seen.elements[:, [Z_OF[symbol] - 1 for symbol in ("F", "Cl", "Br", "I")]].any(axis=1))
