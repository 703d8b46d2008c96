"""When a challenger replaces the champion: wrong promotions and what is gained, beside always promoting.

Records of the carried set of transport calculations (Ricci et al. 2017) in batches: a champion from the first ones,
then a challenger per batch that learns from all rows so far but the newest. Each policy decides on the same
challengers. A promotion is wrong where the challenger's error on 2,000 held-back materials is larger than that of the
champion that it replaces.

    python benchmarks/retrain.py --seeds 20

With --power, how often a challenger is promoted that is no better, and ones that are by so much, by the number of rows
that are later in time and of those in the vault: a champion from 600 records, challengers from more of them (or from as
many others), judged many times on rows drawn from those that neither knows.

    python benchmarks/retrain.py --power --seeds 4
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
from matloop.monitor.retrain import paired
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


POOL = (300, 900, 2400, 6000)
"""Records beyond those of the champion that challengers learn from."""
GROUNDS = ((20, 120), (45, 120), (150, 120), (500, 120), (45, 1000), (150, 1000), (500, 1000))
"""Rows later in time, and rows of the vault."""


@dataclass
class Power:
    """Of challengers from one pool. gains : true ones, relative. better : {(later, vault): promoted, judged}."""

    gains: list[float] = field(default_factory=list)
    better: dict[tuple[int, int], list[int]] = field(default_factory=lambda: {one: [0, 0] for one in GROUNDS})


def power(
    data: pd.DataFrame, X: np.ndarray, family: np.ndarray, seed: int, draws: int, found: dict[str, Power]
) -> None:
    """Judge challengers that are better by a known gain, and one that is a little worse, on many grounds."""
    rng = np.random.default_rng([seed, 99])
    told = data["S_n"].to_numpy()
    order = rng.permutation(len(data))
    known = FIRST + max(POOL)
    rest = order[known:]
    first, other = order[:FIRST], order[FIRST : 2 * FIRST]

    def error(model: Fitted) -> float:
        return float(np.abs(model.predict(X[rest]).value - told[rest]).mean())

    twins = sorted((fit(X[rows], told[rows], seed) for rows in (first, other)), key=error)
    champion = fit(X[first], told[first], seed)
    pairs = {"no better": (twins[0], twins[1])}
    for more in POOL:
        pairs[f"{more:,} more records"] = (champion, fit(X[order[: FIRST + more]], told[order[: FIRST + more]], seed))
    for name, (old, new) in pairs.items():
        tally = found.setdefault(name, Power())
        tally.gains.append(1.0 - error(new) / error(old))
        both = [model.predict(X[rest]) for model in (old, new)]
        for ground, count in tally.better.items():
            for draw in range(draws):
                drawn = rng.permutation(len(rest))[: sum(ground)]
                parts = {"later": drawn[: ground[0]], "vault": drawn[ground[0] :]}
                sets = {
                    where: Rows(told[rest[at]], both[0].take(at), both[1].take(at), at.astype(str), family[rest[at]])
                    for where, at in parts.items()
                }
                count[0] += contest(TARGET, sets, Rules(), seed=draw).answer == "better"
                count[1] += 1


def tell_power(found: dict[str, Power]) -> None:
    head = "  ".join(f"{later:>4d}+{vault:<5d}" for later, vault in GROUNDS)
    print(f"promoted, by rows later in time + of the vault\n  {'challenger':20s} true gain          {head}")
    for name, one in found.items():
        cells = "  ".join(f"{good / max(n, 1):>9.0%} " for good, n in one.better.values())
        low, high = min(one.gains), max(one.gains)
        print(f"  {name:20s} {np.mean(one.gains):5.1%} ({low:.1%} to {high:.1%}) {cells}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--case", choices=list(CASES), action="append", help="only these (repeat for more)")
    parser.add_argument("--power", action="store_true", help="how often a gain of some size is seen")
    parser.add_argument("--draws", type=int, default=50, help="grounds per challenger and size, with --power")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    data = materials()
    some = np.random.default_rng(0).permutation(len(data))[:12000]
    data = data.iloc[np.sort(some)].reset_index(drop=True)
    compositions, _ = from_formulas(data["pretty_formula"].tolist())
    X = np.nan_to_num(np.asarray(FEATURIZERS.load("magpie")().fit_transform(compositions), dtype=np.float32))
    fractions, symbols = dense(compositions)
    family = chemical_family(fractions, symbols)
    if asked.power:
        paired.DRAWS = paired.ORDERED_DRAWS  # enough to tell p from 0.025, five times faster
        seen: dict[str, Power] = {}
        for seed in range(asked.seeds):
            power(data, X, family, seed, asked.draws, seen)
        tell_power(seen)
        if asked.json:
            kept = {name: {"gains": one.gains, "better": [[*at, *n] for at, n in one.better.items()]} for name, one in
                    seen.items()}  # fmt: skip
            asked.json.write_text(json.dumps(kept, indent=1) + "\n")
        return
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
