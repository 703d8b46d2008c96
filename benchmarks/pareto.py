"""Fronts on standard problems: the usual strategy with several goals beside botorch's own reference, and random.

    python benchmarks/pareto.py [--only NAME ...] [--seeds N ...] [--save]

Problems of `botorch.test_functions`: BraninCurrin (2 parameters, 2 objectives), DTLZ2 (4, 2), ZDT1 (6, 2),
VehicleSafety (5, 3). Each run begins with the same 2 (d + 1) Sobol points for all three, then six batches of four. Ours
is `ModelBased()` with its defaults, told the reference point of the problem as limits of its goals; botorch has a
SingleTaskGP per objective and qLogNEHVI with the same reference point, as in its tutorial. Counted is the hypervolume
over that reference point, in parts of the largest possible one; the difference is paired by seed, with a 90 % interval
(Student's t).
Needs the extras `bo`.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from botorch.test_functions.multi_objective import DTLZ2, ZDT1, BraninCurrin, VehicleSafety
from botorch.utils.transforms import normalize, unnormalize
from gpytorch.mlls import SumMarginalLogLikelihood
from scipy.stats import qmc, t

from matloop.design.contract import History, Points
from matloop.design.goals import read_goal
from matloop.design.objectives.hypervolume import hypervolume
from matloop.design.space.domain import open_domain
from matloop.design.strategies import STRATEGIES
from matloop.problem.space import Continuous, Space

BATCHES, BATCH = 6, 4
Run = Callable[[Any, np.ndarray, int], np.ndarray]


def problems() -> dict[str, Any]:
    of = {"dtype": torch.double, "negate": True}
    return {
        "BraninCurrin": BraninCurrin(**of),
        "DTLZ2": DTLZ2(dim=4, num_objectives=2, **of),
        "ZDT1": ZDT1(dim=6, num_objectives=2, **of),
        "VehicleSafety": VehicleSafety(**of),
    }


def values_of(problem: Any, X: np.ndarray) -> np.ndarray:
    """More is better."""
    return problem(torch.tensor(X)).numpy()


def first_points(problem: Any, seed: int) -> np.ndarray:
    low, high = problem.bounds.numpy()
    n = 2 * (problem.dim + 1)
    even = qmc.Sobol(problem.dim, seed=seed).random_base2(int(np.ceil(np.log2(n))))[:n]
    return low + (high - low) * even


def with_matloop(name: str) -> Run:
    def run(problem: Any, X: np.ndarray, seed: int) -> np.ndarray:
        low, high = problem.bounds.numpy()
        names = [f"x{k}" for k in range(problem.dim)]
        ranges = zip(names, low.tolist(), high.tolist(), strict=True)
        domain = open_domain(Space(tuple(Continuous(*each) for each in ranges)))
        targets = [f"y{k}" for k in range(problem.num_objectives)]
        goals = [read_goal(f"maximise {target}") for target in targets]
        goals += [
            read_goal(f"{target} >= {end}") for target, end in zip(targets, problem.ref_point.tolist(), strict=True)
        ]
        strategy = STRATEGIES.load(name)()
        for batch in range(BATCHES):
            Y = values_of(problem, X)
            history = History(
                Points(X),
                {target: Y[:, k] for k, target in enumerate(targets)},
                np.zeros(len(X), bool),
                pending=Points(np.zeros((0, problem.dim))),
            )
            found = strategy.suggest(domain, history, goals, BATCH, seed=1000 * seed + batch)
            X = np.vstack([X, found.points.values])
        return X

    return run


def with_botorch(problem: Any, X: np.ndarray, seed: int) -> np.ndarray:
    torch.manual_seed(seed)
    unit = torch.stack([torch.zeros(problem.dim), torch.ones(problem.dim)]).double()
    for _ in range(BATCHES):
        known, Y = normalize(torch.tensor(X), problem.bounds), torch.tensor(values_of(problem, X))
        parts = [SingleTaskGP(known, Y[:, [k]], outcome_transform=Standardize(1)) for k in range(Y.shape[1])]
        model = ModelListGP(*parts)
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=problem.ref_point.tolist(),
            X_baseline=known,
            prune_baseline=True,
            sampler=SobolQMCNormalSampler(torch.Size([128]), seed=seed),
        )
        found, _ = optimize_acqf(
            acquisition, bounds=unit, q=BATCH, num_restarts=10, raw_samples=512,
            options={"batch_limit": 5, "maxiter": 200}, sequential=True,
        )  # fmt: skip
        X = np.vstack([X, unnormalize(found.detach(), problem.bounds).numpy()])
    return X


RUNS: dict[str, Run] = {"matloop": with_matloop("auto"), "botorch": with_botorch, "random": with_matloop("random")}


def share_found(problem: Any, X: np.ndarray) -> float:
    """Hypervolume in parts of the largest one."""
    return hypervolume(values_of(problem, X), problem.ref_point.numpy()) / problem.max_hv


def interval(differences: np.ndarray) -> tuple[float, float]:
    half = t.ppf(0.95, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    return float(differences.mean() - half), float(differences.mean() + half)


def measured(problem: Any, seed: int) -> dict[str, Any]:
    """Share found and seconds per ask of each for one seed."""
    start = first_points(problem, seed)
    shares, seconds = {}, {}
    for name, run in RUNS.items():
        before = time.perf_counter()
        shares[name] = share_found(problem, run(problem, start, seed))
        seconds[name] = round((time.perf_counter() - before) / BATCHES, 2)
    return {"share": shares, "seconds_per_ask": seconds}


def in_words(name: str, by_seed: dict[str, Any]) -> str:
    shares = {who: np.array([one["share"][who] for one in by_seed.values()]) for who in RUNS}
    means = "  ".join(f"{who} {each.mean():.4f}" for who, each in shares.items())
    asks = "  ".join(
        f"{who} {np.mean([one['seconds_per_ask'][who] for one in by_seed.values()]):.1f} s" for who in RUNS
    )
    words = f"{name:14s} {len(by_seed)} seeds: {means}   an ask: {asks}"
    if len(by_seed) > 1:
        low, high = interval(shares["matloop"] - shares["botorch"])
        words += f"   ours less botorch [{low:+.4f}, {high:+.4f}]"
    return words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--save", action="store_true", help="into benchmarks/results/pareto.json, seed by seed")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    place = Path(__file__).parent / "results" / "pareto.json"
    for name, problem in problems().items():
        if options.only and name not in options.only:
            continue
        by_seed: dict[str, Any] = {}
        for seed in options.seeds:
            by_seed[str(seed)] = measured(problem, seed)
            print(in_words(name, by_seed), flush=True)
            if options.save:
                before = json.loads(place.read_text()) if place.exists() else {}
                joined = before.get(name, {}) | {str(seed): by_seed[str(seed)]}
                place.write_text(json.dumps(before | {name: joined}, indent=1) + "\n")


if __name__ == "__main__":
    main()
