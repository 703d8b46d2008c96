"""When a challenger replaces the champion: wrong promotions and what is gained, beside always promoting.

Records of the carried set of transport calculations (Ricci et al. 2017) in batches: a champion from the first ones,
then a challenger per batch that learns from all rows so far but the newest. Each policy decides on the same
challengers. A promotion is wrong where the challenger's error on 2,000 held-back materials is larger than that of the
champion that it replaces.

    python benchmarks/retrain.py --seeds 20
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from matloop.data.collect import collect
from matloop.doubt.prediction import Prediction
from matloop.evaluate.chemical_families import chemical_family
from matloop.matter.compositions import from_formulas
from matloop.monitor.retrain.compare import dense
from matloop.monitor.retrain.contest import Rows, contest
from matloop.monitor.retrain.plan import Rules
from matloop.problem.question import Source, Target
from matloop.represent import FEATURIZERS

FIRST, BATCH, ROUNDS, HELD = 600, 150, 6, 2000
POLICIES = ("never", "always", "better on the later rows", "matloop", "an oracle")
CASES = {
    "more of the same": "batches of the same population",
    "in the order of the database": "records by their numbers, which rose over the years; held back: what came later",
    "new chemistry": "the champion knows no oxide; of the batches and of what is asked later half are oxides",
    "spoiled labels": "in every second batch half of the labels are those of another column (p-type for n-type)",
}
TARGET = Target("S_n", "S_n", unit="uV/K")


@dataclass
class Tally:
    """Of one policy in one case."""

    promoted: int = 0
    wrong: int = 0
    badly: int = 0
    missed: int = 0
    final: list[float] = field(default_factory=list)


@dataclass
class Fitted:
    """A model with intervals of constant width, from out-of-fold residuals."""

    model: LGBMRegressor
    half: float

    def predict(self, X: np.ndarray) -> Prediction:
        value = self.model.predict(X)
        n = len(value)
        return Prediction(
            value, value - self.half, value + self.half, np.full(n, self.half / 1.645), np.zeros((n, 0)),
            np.ones(n, bool), np.full(n, ""), unit="uV/K",
        )  # fmt: skip


def materials() -> pd.DataFrame:
    """One row per formula: median of both columns, family, number of its first record."""
    raw = collect(Source("ricci-transport"))
    frame = pd.DataFrame({name: raw.columns[name] for name in ("mp_id", "pretty_formula", "S_n", "S_p")})
    frame[["S_n", "S_p"]] = frame[["S_n", "S_p"]].astype(float)
    frame["number"] = [int(re.search(r"\d+", str(name))[0]) for name in frame["mp_id"]]
    merged = frame.dropna().groupby("pretty_formula").agg({"S_n": "median", "S_p": "median", "number": "min"})
    return merged.reset_index()


def fit(X: np.ndarray, y: np.ndarray, seed: int) -> Fitted:
    def made() -> LGBMRegressor:
        return LGBMRegressor(
            n_estimators=120, learning_rate=0.08, num_leaves=15, min_child_samples=10, colsample_bytree=0.5,
            subsample=0.8, subsample_freq=1, n_jobs=1, random_state=seed, verbose=-1,
        )  # fmt: skip

    fold = np.random.default_rng(seed).integers(0, 3, len(y))
    out = np.empty(len(y))
    for k in range(3):
        out[fold == k] = made().fit(X[fold != k], y[fold != k]).predict(X[fold == k])
    return Fitted(made().fit(X, y), float(np.quantile(np.abs(y - out), 0.9)))


def stream(case: str, data: pd.DataFrame, family: np.ndarray, rng: np.random.Generator):
    """Rows of the champion and of each batch, rows of the held-back set, and labels as they are told."""
    n = FIRST + ROUNDS * BATCH
    told = data["S_n"].to_numpy().copy()
    if case == "new chemistry":
        oxide = np.flatnonzero(family == "oxide")
        other = np.flatnonzero(family != "oxide")
        a, b = rng.permutation(oxide), rng.permutation(other)
        half = ROUNDS * BATCH // 2
        first, rest = b[:FIRST], rng.permutation(np.r_[a[:half], b[FIRST : FIRST + half]])
        held = np.r_[a[half : half + HELD // 2], b[FIRST + half : FIRST + half + HELD // 2]]
    else:
        order = rng.permutation(len(data))[: n + HELD]
        if case == "in the order of the database":
            order = order[np.argsort(data["number"].to_numpy()[order], kind="stable")]
        first, rest, held = np.split(order, [FIRST, n])
    batches = np.split(rest, ROUNDS)
    if case == "spoiled labels":
        for batch in batches[::2]:
            bad = rng.choice(batch, BATCH // 2, replace=False)
            told[bad] = data["S_p"].to_numpy()[bad]
    return first, batches, held, told


def one(case: str, data: pd.DataFrame, X: np.ndarray, family: np.ndarray, seed: int, tallies: dict[str, Tally]) -> None:
    rng = np.random.default_rng([seed, sorted(CASES).index(case)])
    first, batches, held, told = stream(case, data, family, rng)
    truth = data["S_n"].to_numpy()[held]
    sealed = rng.random(len(data)) < 0.2
    rules = Rules()

    def error(model: Fitted) -> float:
        return float(np.abs(model.predict(X[held]).value - truth).mean())

    train = first[~sealed[first]]
    vault = first[sealed[first]]
    start = fit(X[train], told[train], seed)
    start_error = error(start)
    champions = dict.fromkeys(POLICIES, (start, start_error))
    waiting = np.zeros(0, dtype=int)
    for k, batch in enumerate(batches, start=1):
        open_rows = batch[~sealed[batch]]
        later = open_rows[len(open_rows) - max(int(np.ceil(rules.later * len(open_rows))), rules.least) :]
        train = np.r_[train, waiting, np.setdiff1d(open_rows, later)]
        waiting, vault = later, np.r_[vault, batch[sealed[batch]]]
        challenger = fit(X[train], told[train], seed + k)
        new_error = error(challenger)
        for policy in POLICIES:
            champion, old_error = champions[policy]
            yes = decided(policy, champion, challenger, old_error, new_error, X, told, family, later, vault, rules)
            tally = tallies[policy]
            tally.promoted += yes
            tally.wrong += yes and new_error > old_error
            tally.badly += yes and new_error > 1.02 * old_error
            tally.missed += not yes and new_error < 0.98 * old_error
            if yes:
                champions[policy] = (challenger, new_error)
    for policy in POLICIES:
        tallies[policy].final.append(champions[policy][1] / start_error)


def decided(policy, champion, challenger, old, new, X, told, family, later, vault, rules) -> bool:
    if policy in ("never", "always"):
        return policy == "always"
    if policy == "an oracle":
        return new < old
    if policy == "better on the later rows":
        one, other = (np.abs(m.predict(X[later]).value - told[later]).mean() for m in (champion, challenger))
        return bool(other < one)
    sets = {
        where: Rows(told[rows], champion.predict(X[rows]), challenger.predict(X[rows]), rows.astype(str), family[rows])
        for where, rows in (("later", later), ("vault", vault))
    }
    return contest(TARGET, sets, rules).answer == "better"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--case", choices=list(CASES), action="append", help="only these (repeat for more)")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    data = materials()
    some = np.random.default_rng(0).permutation(len(data))[:12000]
    data = data.iloc[np.sort(some)].reset_index(drop=True)
    compositions, _ = from_formulas(data["pretty_formula"].tolist())
    X = np.nan_to_num(np.asarray(FEATURIZERS.load("magpie")().fit_transform(compositions), dtype=np.float32))
    fractions, symbols = dense(compositions)
    family = chemical_family(fractions, symbols)
    found = {}
    for case, words in ((case, CASES[case]) for case in asked.case or CASES):
        tallies = {policy: Tally() for policy in POLICIES}
        for seed in range(asked.seeds):
            one(case, data, X, family, seed, tallies)
        print(f"\n{case}: {words} ({asked.seeds} seeds x {ROUNDS} rounds)")
        print(f"  {'policy':28s} promoted  wrong  by > 2 %  missed gains > 2 %  final error / first")
        for policy, t in tallies.items():
            share = t.wrong / max(t.promoted, 1)
            print(f"  {policy:28s} {t.promoted:8d}  {share:5.0%}  {t.badly / max(t.promoted, 1):8.0%}  {t.missed:18d}  "
                  f"{np.mean(t.final):.3f} (worst {np.max(t.final):.3f})", flush=True)  # fmt: skip
        found[case] = {policy: {**vars(t)} for policy, t in tallies.items()}
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
