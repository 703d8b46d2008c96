"""Do campaigns find the best experiments sooner than others do, and how long does one wait for a suggestion?

    python benchmarks/campaign.py --data PATH [--part race|ask|space] [--seeds 10] [--cache FOLDER] [--save]

Race: fifteen tables of real experiments. Replicates are averaged; every strategy begins with the same five
experiments, drawn at random, and chooses batches of five by its defaults alone. After 20, 50 and 100 experiments:
regret (how far the best found lies below the best there is, 1 being the median) and the share of the top 5 % that was
found, out of what could be found. Ranks are taken per table and seed (1 is best, ties share), then averaged; "behind
random" means a paired Wilcoxon test over the seeds of one table, two-sided, p < 0.05 after Holm's correction over all
tables.

Peers: random choice; the optimistic value of extra trees, in twenty lines; a plain Gaussian process (scikit-learn: ARD
Matern 5/2 over numbers from 0 to 1 and one-hot words, maximum likelihood, expected improvement, believing its own means
within a batch); BayBE by its defaults (extra `bench`; words as words). Runs are kept in the cache folder, one JSON line
each, with what they depend on; a run that is there is not made again.

Ask: how long a batch of five takes with 200 and 2,000 known points in ten dimensions. Space: the same in a mixed space
with a mixture and more than 10^12 points, with the peak memory of the process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata, wilcoxon

from matloop.core.release import release
from matloop.core.threads import one_thread
from matloop.design.contract import Domain, History, Points
from matloop.design.goals import read_goal
from matloop.design.space.candidates import domain_of
from matloop.design.strategies import STRATEGIES

BATCH, MOST, BUDGETS, TOP = 5, 100, (20, 50, 100), 0.05
RESULT = Path(__file__).parent / "results" / "campaign.json"


@dataclass(frozen=True, slots=True)
class Pool:
    """A table of experiments: the columns that can be chosen, and values of which more is better."""

    name: str
    X: pd.DataFrame
    y: np.ndarray

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.X.to_csv(index=False).encode() + self.y.tobytes()).hexdigest()[:16]


POOLS = (
    "bo_crossed_barrel", "bo_agnp", "bo_p3ht", "baybe_direct_arylation", "olympus_colors_bob", "olympus_colors_n9",
    "olympus_fullerenes", "olympus_hplc", "olympus_mmli_opv", "olympus_oer_plate_3496", "olympus_oer_plate_4098",
    "olympus_perovskites", "olympus_photo_pce10", "olympus_snar", "olympus_suzuki_edbo",
)  # fmt: skip
ARYLATION = ["Base_SMILES", "Ligand_SMILES", "Solvent_SMILES", "Concentration", "Temp_C"]


def pool(data: Path, name: str) -> Pool:
    """A table of the folder, replicates averaged, turned so that more is better."""
    frame = pd.read_csv(next((data / name).glob("data.csv*")))
    if name == "baybe_direct_arylation":
        columns, target, sign = ARYLATION, "yield", 1.0
    elif name.startswith("bo_"):
        columns, target, sign = list(frame.columns[:-1]), frame.columns[-1], -1.0 if name == "bo_agnp" else 1.0
    else:
        config = json.loads((data / name / "config.json").read_text())
        columns, target = [one["name"] for one in config["parameters"]], config["measurements"][0]["name"]
        sign = 1.0 if config["default_goal"].startswith("max") else -1.0
    found = frame.groupby(columns, sort=False)[target].mean().reset_index()
    return Pool(name, found[columns], sign * found[target].to_numpy(float))


# ---- strategies: (pool, seed) -> rows in the order in which they were measured


def first(one: Pool, seed: int) -> list[int]:
    return [int(row) for row in np.random.default_rng(seed).permutation(len(one.y))[:BATCH]]


def left(one: Pool, seen: Sequence[int]) -> np.ndarray:
    return np.setdiff1d(np.arange(len(one.y)), seen)


def most(one: Pool) -> int:
    return min(MOST, len(one.y))


def matloop(one: Pool, seed: int) -> list[int]:
    """The usual strategy, as `matloop campaign` takes it when it is told nothing."""
    domain, strategy, goal = domain_of(one.X), STRATEGIES.load("auto")(), read_goal("maximise y")
    everything = domain.everything()
    seen = first(one, seed)
    while len(seen) < most(one):
        known = everything.take(seen)
        none = Points(np.zeros((0, known.values.shape[1])))
        history = History(known, {"y": one.y[seen]}, np.zeros(len(seen), bool), pending=none)
        n = min(BATCH, most(one) - len(seen))
        asked = strategy.suggest(domain, history, (goal,), n, seed=seed * 1000 + len(seen))
        seen += [int(row) for row in asked.points.values[:, 0]]
    return seen


def random(one: Pool, seed: int) -> list[int]:
    rng, seen = np.random.default_rng([seed, 7]), first(one, seed)
    return seen + [int(row) for row in rng.permutation(left(one, seen))[: most(one) - BATCH]]


def plain_columns(one: Pool) -> np.ndarray:
    """Numbers from 0 to 1, words one-hot."""
    parts = []
    for name in one.X.columns:
        column = one.X[name]
        if column.dtype.kind in "if":
            value = column.to_numpy(float)
            parts.append(((value - value.min()) / (np.ptp(value) or 1.0))[:, None])
        else:
            codes = pd.factorize(column)[0]
            parts.append(np.eye(codes.max() + 1)[codes])
    return np.hstack(parts)


def extra_trees(one: Pool, seed: int) -> list[int]:
    from sklearn.ensemble import ExtraTreesRegressor

    X, rng, seen = plain_columns(one), np.random.default_rng([seed, 7]), first(one, seed)
    while len(seen) < most(one):
        forest = ExtraTreesRegressor(100, random_state=int(rng.integers(1 << 30))).fit(X[seen], one.y[seen])
        rest = left(one, seen)
        each = np.array([tree.predict(X[rest].astype(np.float32)) for tree in forest.estimators_])
        order = np.argsort(-(each.mean(axis=0) + each.std(axis=0)), kind="stable")
        seen += [int(row) for row in rest[order[:BATCH]]]
    return seen


def plain_gp(one: Pool, seed: int) -> list[int]:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    X, seen = plain_columns(one), first(one, seed)
    kernel = ConstantKernel(1.0) * Matern(np.full(X.shape[1], 0.5), (0.01, 100.0), nu=2.5) + WhiteKernel(0.01)
    while len(seen) < most(one):
        model = GaussianProcessRegressor(kernel, normalize_y=True).fit(X[seen], one.y[seen])
        believed, values = list(seen), list(one.y[seen])
        for _ in range(min(BATCH, most(one) - len(seen))):
            rest = left(one, believed)
            settled = GaussianProcessRegressor(model.kernel_, optimizer=None, normalize_y=True)
            mean, std = settled.fit(X[believed], values).predict(X[rest], return_std=True)
            z = (mean - max(values)) / np.maximum(std, 1e-12)
            best = int(np.argmax(std * (z * norm.cdf(z) + norm.pdf(z))))
            believed.append(int(rest[best]))
            values.append(float(mean[best]))
        seen = believed
    return seen


def baybe(one: Pool, seed: int) -> list[int]:
    import torch
    from baybe import Campaign
    from baybe.objectives import SingleTargetObjective
    from baybe.parameters import CategoricalParameter, NumericalDiscreteParameter
    from baybe.searchspace import SearchSpace
    from baybe.targets import NumericalTarget

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    X, parameters = one.X.copy(), []
    for name in X.columns:
        is_number = X[name].dtype.kind in "if"
        X[name] = X[name].astype(float if is_number else str)
        kind = NumericalDiscreteParameter if is_number else CategoricalParameter
        parameters.append(kind(name, sorted(X[name].unique().tolist())))
    space = SearchSpace.from_dataframe(X, parameters=parameters)
    campaign = Campaign(space, SingleTargetObjective(NumericalTarget(name="y")))
    row_of = {row: number for number, row in enumerate(X.itertuples(index=False, name=None))}
    seen = new = first(one, seed)
    while True:
        campaign.add_measurements(X.iloc[new].assign(y=one.y[new]).reset_index(drop=True))
        if len(seen) >= most(one):
            return seen
        asked = campaign.recommend(min(BATCH, most(one) - len(seen)))
        new = [row_of[row] for row in asked[list(X.columns)].itertuples(index=False, name=None)]
        seen = seen + new


STRATEGY: dict[str, Callable[[Pool, int], list[int]]] = {
    "matloop": matloop, "random": random, "extra trees": extra_trees, "plain GP": plain_gp, "BayBE": baybe,
}  # fmt: skip


def version(name: str) -> str:
    """What a run of a strategy depends on beside table and seed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    if name == "matloop":
        room = Path(sys.modules["matloop"].__file__ or "").parent / "design"
        content = b"".join(path.read_bytes() for path in sorted(room.rglob("*.py")))
        return f"{release()} {hashlib.sha256(content).hexdigest()[:12]}"
    try:
        return {"random": np.__version__, "BayBE": "" if name != "BayBE" else of("baybe")}.get(name, of("scikit-learn"))
    except PackageNotFoundError:
        return ""


# ---- the race


def _run(job: tuple[Path, str, str, int]) -> dict[str, Any]:
    data, strategy, name, seed = job
    warnings.filterwarnings("ignore")
    one, begun = pool(data, name), time.perf_counter()
    with one_thread():
        rows = STRATEGY[strategy](one, seed)
    seconds = time.perf_counter() - begun
    return {"strategy": strategy, "pool": name, "seed": seed, "rows": rows, "seconds": round(seconds, 2)}


def race(data: Path, seeds: int, cache: Path | None, workers: int) -> dict[str, Any]:
    pools = {name: pool(data, name) for name in POOLS if (data / name).exists()}
    kept = _kept(cache, pools)
    have = {one["strategy"] for one in kept.values()}
    names = [name for name in STRATEGY if name != "BayBE" or version("BayBE") or name in have]
    jobs = [(data, s, p, k) for s in names for p in pools for k in range(seeds) if (s, p, k) not in kept]
    if not version("BayBE"):
        jobs = [job for job in jobs if job[1] != "BayBE"]
    with multiprocessing.get_context("spawn").Pool(workers) as crew:
        for number, run in enumerate(crew.imap_unordered(_run, jobs), start=1):
            kept[run["strategy"], run["pool"], run["seed"]] = run
            _keep(cache, run, pools)
            print(f"\r{number} of {len(jobs)} runs", end="", file=sys.stderr)
    whole = [name for name in names if all((name, p, k) in kept for p in pools for k in range(seeds))]
    for name in set(STRATEGY) - set(whole):
        print(f"\n{name}: left out, as some of its runs are missing (not installed, or broken off)")
    return _table(pools, kept, whole, seeds)


def _entry(run: dict[str, Any], pools: dict[str, Pool], of: str) -> str:
    return "|".join((run["strategy"], of, run["pool"], pools[run["pool"]].digest, str(run["seed"])))


def _keep(cache: Path | None, run: dict[str, Any], pools: dict[str, Pool]) -> None:
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "runs.jsonl").open("a") as stream:
            stream.write(
                json.dumps({**run, "version": version(run["strategy"]), "table": pools[run["pool"]].digest}) + "\n"
            )


def _kept(cache: Path | None, pools: dict[str, Pool]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Finished runs of these tables; those of another version of a strategy that is installed do not count."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    if cache is None or not (cache / "runs.jsonl").exists():
        return found
    for line in (cache / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        now = version(run["strategy"])
        if run["pool"] in pools and run["table"] == pools[run["pool"]].digest and now in ("", run["version"]):
            found[run["strategy"], run["pool"], run["seed"]] = run
    return found


def merits(one: Pool, rows: Sequence[int], budget: int) -> tuple[float, float]:
    """Regret, and the share of the top 5 % that was found of what could be."""
    seen = list(rows[:budget])
    top = np.argsort(-one.y, kind="stable")[: max(1, round(TOP * len(one.y)))]
    regret = (one.y.max() - one.y[seen].max()) / (one.y.max() - np.median(one.y))
    return float(regret), len(set(top.tolist()) & set(seen)) / min(len(top), budget)


def _table(pools: dict[str, Pool], runs: dict[Any, dict[str, Any]], names: list[str], seeds: int) -> dict[str, Any]:
    found: dict[str, Any] = {"strategies": names, "seeds": seeds, "ranks": {}, "values": {}, "behind random": {}}
    value = {
        (s, p, k, b): merits(pools[p], runs[s, p, k]["rows"], b)
        for s in names for p in pools for k in range(seeds) for b in BUDGETS
    }  # fmt: skip
    for number, what in enumerate(("regret", "top 5 %")):
        sign = 1.0 if number == 0 else -1.0
        for b in BUDGETS:
            table = np.array([[[sign * value[s, p, k, b][number] for s in names] for k in range(seeds)] for p in pools])
            ranks = np.apply_along_axis(lambda row: rankdata(np.round(row, 9)), 2, table)
            found["ranks"][f"{what} @{b}"] = dict(zip(names, ranks.mean(axis=(0, 1)).round(3).tolist(), strict=True))
            found["values"][f"{what} @{b}"] = dict(
                zip(names, (sign * table.mean(axis=(0, 1))).round(4).tolist(), strict=True)
            )
            found["behind random"][f"{what} @{b}"] = {
                s: _behind(table[:, :, i], table[:, :, names.index("random")], list(pools)) for i, s in enumerate(names)
            }
            print(f"\nmean rank, {what} @{b}: " + ", ".join(
                f"{s} {found['ranks'][f'{what} @{b}'][s]:.2f}" for s in names))  # fmt: skip
    found["seconds per run"] = {
        s: round(float(np.median([runs[s, p, k]["seconds"] for p in pools for k in range(seeds)])), 2) for s in names
    }
    print("\nbehind random:", {w: {s: p for s, p in t.items() if p} for w, t in found["behind random"].items()})
    print("median seconds of a run:", found["seconds per run"])
    return found


def _behind(mine: np.ndarray, random_: np.ndarray, pools: list[str]) -> list[str]:
    """Tables on which this is significantly worse than random (smaller is better here)."""
    p_values = []
    for one, other in zip(mine, random_, strict=True):
        worse = bool((one - other).mean() > 0)
        p_values.append(float(wilcoxon(one, other).pvalue) if worse and np.any(one != other) else 1.0)
    order, behind = np.argsort(p_values), []
    for step, row in enumerate(order):
        if p_values[row] * (len(p_values) - step) >= 0.05:
            break
        behind.append(pools[row])
    return behind


# ---- waiting


def ask(sizes: Sequence[int] = (200, 2_000), dimensions: int = 10) -> dict[str, float]:
    """Seconds for a batch of five, after a first one that loads the libraries."""
    from matloop.design.space.domain import open_domain
    from matloop.problem.space import Continuous, Space

    domain = open_domain(Space(tuple(Continuous(f"x{k}", 0.0, 1.0) for k in range(dimensions))))
    _asked(domain, 20, 0)
    return {f"{n} points": round(float(np.median([_asked(domain, n, seed) for seed in range(3)])), 2) for n in sizes}


def space() -> dict[str, float]:
    """Seconds for a batch of five in a mixed space of more than 10^12 points, and the peak memory of the process."""
    from matloop.design.space.domain import open_domain
    from matloop.problem import space as s

    parts = tuple(s.Component(name, 0.0, 0.6, 0.02) for name in ("Fe", "Ni", "Co", "Cr", "Mn", "Al", "Ti", "Cu"))
    domain = open_domain(s.Space((
        s.Mixture("alloy", parts, at_most=5, step=0.01), s.Continuous("T", 600.0, 1400.0, step=10.0),
        s.Integer("hours", 1, 48), s.Categorical("route", ("cast", "printed", "sintered")),
    ), (s.Expression("T * hours <= 40000"),)))  # fmt: skip
    seconds = [_asked(domain, n, 0) for n in (20, 100)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {
        "log10 of points": round(domain.log10_size, 2), "seconds, 20 known": round(seconds[0], 2),
        "seconds, 100 known": round(seconds[1], 2), "peak GB": round(peak, 2),
    }  # fmt: skip


def _asked(domain: Domain, n: int, seed: int) -> float:
    points = domain.sample(n, seed)
    X = np.nan_to_num(domain.encode(points))
    y = -((X - 0.4) ** 2).sum(axis=1) + 0.05 * np.random.default_rng(seed).normal(size=n)
    history = History(points, {"y": y}, np.zeros(n, bool), pending=Points(np.zeros((0, points.values.shape[1]))))
    begun = time.perf_counter()
    asked = STRATEGIES.load("auto")().suggest(domain, history, (read_goal("maximise y"),), 5, seed=seed)
    assert len(asked.points) == 5
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with a folder for each table")
    parser.add_argument("--part", choices=("race", "ask", "space"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(RESULT.read_text()) if given.save and RESULT.exists() else {}
    found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if given.part in (None, "space"):
        found["space"] = space()
        print(found["space"])
    if given.part in (None, "ask"):
        found["ask"] = ask()
        print(found["ask"])
    if given.part in (None, "race"):
        if given.data is None:
            parser.error("the race needs --data")
        found["race"] = race(given.data, given.seeds, given.cache, given.workers)
    if given.save:
        RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
