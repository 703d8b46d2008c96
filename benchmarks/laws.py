"""Does the search for laws find laws that are there, a readable rule in real data, and none in noise?

    python benchmarks/laws.py [--data PATH] [--only NAME ...] [--part equations|rule|noise] [--save]

Equations: ten of the Feynman set (Udrescu & Tegmark, Sci. Adv. 6 (2020) eaay2631, doi:10.1126/sciadv.aay2631), chosen
and fixed before the first run: sums, quotients of sums, a distance, exponentials, a sine, up to nine inputs. Inputs are
uniform in the ranges of that set. 1,000 rows; noise of 5 % of the target's standard deviation; 20 further columns of
uniform random numbers with units drawn from those of the equation and a list of common ones. The search sees names that
say nothing, columns in random order, and units.

Recovered means both:
  1. equal up to constants: with its constants (rounded ones, too) fitted again to noise-free values on new rows (ranges
     twice as wide) the found formula is the true one to 1e-6 of its size, none of its constants is zero, none of its
     inputs is a distractor; and sympy, given those constants as fractions, simplifies the ratio to the true one to 1;
  2. right outside: as found, with the constants of the noisy rows, the median relative error on rows of which at least
     one relevant input lies outside its training range (ranges twice as wide) is at most 2.5 %, half the noise.

Rule: metal or not from composition (matbench_expt_is_metal, the five official folds), beside extra trees on the
same rows. Noise: targets that have nothing to do with the inputs.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.explain.laws import find_laws
from matloop.explain.laws.constants import fit
from matloop.explain.laws.expression import Node, from_program, lifted
from matloop.explain.laws.study import OPERATORS

ROWS, NOISE, DISTRACTORS = 1_000, 0.05, 20
COMMON = ("m", "s", "kg", "K", "A", "mol", "m/s", "N", "J", "Pa", "V", "1/s", "kg/m**3", "")
IDENTICAL, OUTSIDE = 1e-6, 0.025


@dataclass(frozen=True, slots=True)
class Equation:
    """name in the Feynman set, what it is, (input, unit, low, high), unit of y, and the truth for NumPy and sympy."""

    name: str
    what: str
    inputs: tuple[tuple[str, str, float, float], ...]
    unit: str
    truth: Callable[..., object]


def _root(v):
    return v**0.5 if isinstance(v, np.ndarray | float) else _sympy().sqrt(v)


def _sympy():
    import sympy

    return sympy


def _of(name: str, v):
    return getattr(np if isinstance(v, np.ndarray | float) else _sympy(), name)(v)


def _pi(v):
    return np.pi if isinstance(v, np.ndarray | float) else _sympy().pi


M, V, N1 = "m", "m/s", ""
EQUATIONS = (
    Equation("I.6.20", "Gaussian", (("theta", N1, 1, 3), ("sigma", N1, 1, 3)), N1,
             lambda t, s: _of("exp", -((t / s) ** 2) / 2) / (_root(2 * _pi(t)) * s)),
    Equation("I.8.14", "distance in the plane", (("x1", M, 1, 5), ("x2", M, 1, 5), ("y1", M, 1, 5), ("y2", M, 1, 5)), M,
             lambda a, b, c, d: _root((b - a) ** 2 + (d - c) ** 2)),
    Equation("I.9.18", "gravitation in space", (
        ("m1", "kg", 1, 2), ("m2", "kg", 1, 2), ("G", "m**3/(kg*s**2)", 1, 2), ("x1", M, 3, 4), ("x2", M, 1, 2),
        ("y1", M, 3, 4), ("y2", M, 1, 2), ("z1", M, 3, 4), ("z2", M, 1, 2)), "N",
        lambda m, n, g, a, b, c, d, e, f: g * m * n / ((b - a) ** 2 + (d - c) ** 2 + (f - e) ** 2)),
    Equation("I.12.11", "Lorentz force", (
        ("q", "coulomb", 1, 5), ("Ef", "V/m", 1, 5), ("B", "T", 1, 5), ("v", V, 1, 5), ("theta", "rad", 1, 5)), "N",
        lambda q, e, b, v, t: q * (e + b * v * _of("sin", t))),
    Equation("I.16.6", "relativistic sum of speeds", (("c", V, 1, 5), ("v", V, 1, 5), ("u", V, 1, 5)), V,
             lambda c, v, u: (u + v) / (1 + u * v / c**2)),
    Equation("I.18.4", "centre of mass", (
        ("m1", "kg", 1, 5), ("m2", "kg", 1, 5), ("r1", M, 1, 5), ("r2", M, 1, 5)), M,
        lambda m, n, a, b: (m * a + n * b) / (m + n)),
    Equation("I.24.6", "energy of an oscillator", (
        ("m", "kg", 1, 3), ("omega", "1/s", 1, 3), ("omega0", "1/s", 1, 3), ("x", M, 1, 3)), "J",
        lambda m, w, o, x: m * (w**2 + o**2) * x**2 / 4),
    Equation("I.27.6", "lens", (("d1", M, 1, 5), ("d2", M, 1, 5), ("n", N1, 1, 5)), M,
             lambda a, b, n: 1 / (1 / a + n / b)),
    Equation("I.40.1", "barometric formula", (
        ("n0", "1/m**3", 1, 5), ("m", "kg", 1, 5), ("x", M, 1, 5), ("T", "K", 1, 5), ("g", "m/s**2", 1, 5),
        ("kb", "J/K", 1, 5)), "1/m**3",
        lambda n, m, x, t, g, k: n * _of("exp", -m * g * x / (k * t))),
    Equation("III.4.32", "Bose-Einstein occupation", (
        ("h", "J*s", 1, 5), ("omega", "1/s", 1, 5), ("kb", "J/K", 1, 5), ("T", "K", 1, 5)), N1,
        lambda h, w, k, t: 1 / (_of("exp", h * w / (k * t)) - 1)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """One drawn table: X with distractors, noisy y, units, and where the equation's inputs are."""

    X: np.ndarray
    y: np.ndarray
    units: tuple[str, ...]
    places: tuple[int, ...]


def draw(equation: Equation, seed: int) -> Rows:
    """Rows of an equation with noise and distractors, columns in random order."""
    rng = np.random.default_rng([seed, EQUATIONS.index(equation)])
    real = np.column_stack([rng.uniform(low, high, ROWS) for _, _, low, high in equation.inputs])
    y = equation.truth(*real.T)
    y = y + rng.normal(0, NOISE * y.std(), ROWS)
    pool = (*(unit for _, unit, _, _ in equation.inputs), *COMMON)
    ends = np.sort(rng.uniform(0.5, 6.0, (DISTRACTORS, 2)), axis=1) + np.array([0.0, 0.5])
    noise = rng.uniform(ends[:, 0], ends[:, 1], (ROWS, DISTRACTORS))
    units = [unit for _, unit, _, _ in equation.inputs] + [pool[k] for k in rng.integers(0, len(pool), DISTRACTORS)]
    order = rng.permutation(len(units))
    places = tuple(int(np.flatnonzero(order == k)[0]) for k in range(len(equation.inputs)))
    return Rows(np.hstack([real, noise])[:, order], y, tuple(units[k] for k in order), places)


def outside(equation: Equation, rng: np.random.Generator, n: int = 2_000) -> np.ndarray:
    """Rows in ranges twice as wide (kept positive); at least one input lies outside its training range."""
    low, high = (np.array([entry[k] for entry in equation.inputs]) for k in (2, 3))
    wide = (high - low) / 2
    X = rng.uniform(np.maximum(low - wide, low / 2), high + wide, (4 * n, len(low)))
    X = X[(np.clip(X, low, high) != X).any(axis=1)]
    with np.errstate(all="ignore"):
        return X[np.isfinite(equation.truth(*X.T))][:n]


def equal_up_to_constants(equation: Equation, law, rows: Rows, rng: np.random.Generator) -> tuple[bool, str]:
    """Whether the formula is the true one for some constants, none of them zero; and why not."""
    places = [v.place for v in law.variables]
    node, start = lifted(loosened(from_program(law.program)), [c.value for c in law.constants])
    stray = [p for p in places if p not in rows.places]
    if stray:
        return False, f"{len(stray)} distractors in the law"
    X = outside(equation, rng)
    truth = equation.truth(*X.T)
    table = np.column_stack([X[:, rows.places.index(p)] for p in places])
    scale = float(np.std(truth))
    again = fit(node, table, truth, start, 200)
    if not again.rmse < IDENTICAL * scale:
        return False, f"differs from the truth by {again.rmse / scale:.1e} of its spread with the best constants"
    if any(abs(value) < 1e-6 for value in again.constants):
        return False, "a constant vanishes: the law has a part too much"
    return _sympy_agrees(equation, node, again.constants, [rows.places.index(p) for p in places])


def loosened(node: Node) -> Node:
    """The formula with every number but exponents as a constant to be fitted."""
    if node.op == "#":
        return Node("k", (), node.value)
    if node.op == "^":
        return Node("^", (loosened(node.args[0]), node.args[1]))
    return Node(node.op, tuple(loosened(child) for child in node.args), node.value)


def _sympy_agrees(equation: Equation, node, constants, order) -> tuple[bool, str]:
    sympy = _sympy()
    symbols = [sympy.Symbol(name, positive=True) for name, *_ in equation.inputs]
    numbers = [sympy.nsimplify(float(f"{c:.6g}"), [sympy.sqrt(sympy.pi), sympy.sqrt(2), sympy.pi], tolerance=1e-4)
               for c in constants]  # fmt: skip
    found = _as_sympy(node, [symbols[k] for k in order], numbers)
    ratio = sympy.simplify(found / equation.truth(*symbols))
    if ratio.is_number:
        return abs(float(ratio) - 1) < 1e-3, f"sympy: ratio {float(ratio):.4g}"
    difference = sympy.simplify(sympy.expand(found) - sympy.expand(equation.truth(*symbols)))
    return bool(difference == 0), f"sympy: ratio {ratio}"


def _as_sympy(node, symbols, numbers):
    sympy = _sympy()
    args = [_as_sympy(child, symbols, numbers) for child in node.args]
    if node.op == "x":
        return symbols[int(node.value)]
    if node.op == "c":
        return numbers[int(node.value)]
    if node.op == "#":
        return sympy.nsimplify(node.value)
    if node.op in ("+", "-", "*", "/", "^"):
        a, b = args
        return {"+": a + b, "-": a - b, "*": a * b, "/": a / b, "^": a**b}[node.op]
    if node.op == "neg":
        return -args[0]
    if node.op == "absdiff":
        return sympy.Abs(args[0] - args[1])
    return {"exp": sympy.exp, "log": sympy.log, "sin": sympy.sin, "cos": sympy.cos, "abs": sympy.Abs,
            "tanh": sympy.tanh}[node.op](args[0])  # fmt: skip


def error_outside(equation: Equation, law, rows: Rows, rng: np.random.Generator) -> float:
    """Median relative error outside the training range, with the constants as found."""
    X = outside(equation, rng)
    table = np.ones((len(X), rows.X.shape[1]))
    table[:, list(rows.places)] = X
    truth = equation.truth(*X.T)
    return float(np.median(np.abs(law.predict(table) - truth) / np.abs(truth)))


def one_equation(equation: Equation, seed: int) -> dict[str, object]:
    """Draw, search, judge."""
    rows = draw(equation, seed)
    names = [f"v{k}" for k in range(rows.X.shape[1])]
    start, cpu = time.perf_counter(), time.process_time()
    found = find_laws(rows.X, rows.y, names, rows.units, equation.unit, seed=seed)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    told: dict[str, object] = {
        "what": equation.what, "inputs": len(equation.inputs), "finding": found.finding, "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1), "descriptors": found.n_terms, "explained": found.explained,
        "null": list(found.null), "same_form": found.same_form, "extra_trees_error": found.black_box_error,
        "error": found.error,
    }  # fmt: skip
    if found.best is None:
        return told | {"recovered": False, "why": found.verdict}
    rng = np.random.default_rng(99)
    same, why = equal_up_to_constants(equation, found.best, rows, rng)
    far = error_outside(equation, found.best, rows, rng)
    said = found.best.expression
    for name, place in sorted(zip([e[0] for e in equation.inputs], rows.places, strict=True), key=lambda e: -e[1]):
        said = re.sub(rf"\bv{place}\b", name, said)
    return told | {"law": said, "equal": same, "why": why, "outside": far, "recovered": bool(same and far <= OUTSIDE)}


def equations(only: list[str], seed: int) -> dict[str, object]:
    """All equations; a line each."""
    done: dict[str, object] = {}
    for equation in EQUATIONS:
        if only and equation.name not in only:
            continue
        told = one_equation(equation, seed)
        done[equation.name] = told
        mark = "recovered" if told["recovered"] else "NOT RECOVERED"
        print(
            f"{equation.name:10}{equation.what:28}{mark:14}{told.get('outside', float('nan')):9.1e} outside"
            f"{told['seconds']:7.0f} s ({told['cpu_seconds']:.0f} CPU)   {told.get('law', told['why'])}",
            flush=True,
        )
    n = sum(bool(told["recovered"]) for told in done.values())
    print(f"{n} of {len(done)} recovered (mark: 9 of 10)")
    return {"recovered": n, "of": len(done), "equations": done}


def composition_features(formulas) -> tuple[np.ndarray, list[str], list[str | None]]:
    """Those of matloop's default features that a reader can understand, as studies of a model use them."""
    from matloop.explain.laws.features import law_features
    from matloop.matter.compositions import from_formulas
    from matloop.represent import DEFAULT_FEATURES, FEATURIZERS

    compositions, _ = from_formulas(list(formulas))
    blocks, names, origins = [], [], []
    for name in DEFAULT_FEATURES:
        featurizer = FEATURIZERS.load(name)()
        blocks.append(featurizer.transform(compositions))
        own = [str(n) for n in featurizer.get_feature_names_out()]
        names, origins = names + own, origins + [f"formula:{name}"] * len(own)
    features = law_features(names, origins, (), {})
    X = np.hstack(blocks)[:, [f.place for f in features]]
    return X, [f.words for f in features], [f.unit for f in features]


def rule(data: Path) -> dict[str, object]:
    """Metal or not, five official folds: the search sees the training rows of a fold only."""
    import pandas as pd
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import balanced_accuracy_score

    table = pd.read_csv(next((data / "matbench_expt_is_metal").glob("*.csv.gz")), keep_default_na=False)
    X, names, units = composition_features(table["composition"])
    y = table["target"].astype(str).str.lower().eq("true").to_numpy()
    fold = table["fold"].astype(int).to_numpy()
    kept = np.isfinite(X).mean(axis=0) > 0.99
    X = np.where(np.isfinite(X), X, np.nanmedian(X, axis=0))[:, kept]
    names = [n for n, k in zip(names, kept, strict=True) if k]
    units = [u for u, k in zip(units, kept, strict=True) if k]
    rows = []
    for number in np.unique(fold[fold >= 0]):
        train, test = fold != number, fold == number
        start = time.perf_counter()
        words = np.where(y, "metal", "not a metal")
        found = find_laws(
            X[train], words[train], names, units, task="classification", target="metal", max_complexity=22,
            operators=OPERATORS, seed=int(number),
        )  # fmt: skip
        seconds = time.perf_counter() - start
        positive = found.front[0].classes[1] if found.front else ""
        trees = ExtraTreesClassifier(300, class_weight="balanced", min_samples_leaf=2, random_state=0, n_jobs=1)
        trees.fit(X[train], y[train])
        box = balanced_accuracy_score(y[test], trees.predict(X[test]))
        score, said = float("nan"), found.verdict
        if found.best is not None:
            above = found.best.predict(X[test]) > 0
            score = balanced_accuracy_score(y[test], above if positive == "metal" else ~above)
            said = f"{positive}: {found.best.expression}"
        rows.append({"rule": said, "balanced_accuracy": score, "extra_trees": box, "promised": 1 - found.error,
                     "finding": found.finding, "seconds": round(seconds, 1)})  # fmt: skip
        print(f"fold {number}: rule {score:.3f} (promised {1 - found.error:.3f}), extra trees {box:.3f}, "
              f"{seconds:.0f} s   {said}", flush=True)  # fmt: skip
    mean = {key: float(np.mean([row[key] for row in rows])) for key in ("balanced_accuracy", "extra_trees")}
    print(f"mean: rule {mean['balanced_accuracy']:.3f}, extra trees {mean['extra_trees']:.3f}")
    return {**mean, "folds": rows}


def noise(seeds: int = 10) -> dict[str, object]:
    """Targets without any law: normal, skewed and two classes; 200 rows, ten columns with units."""
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng([7, seed])
        X = rng.uniform(1, 5, (200, 10))
        units = [COMMON[k] for k in rng.integers(0, len(COMMON), 10)]
        y, task = (rng.normal(size=200), np.exp(rng.normal(size=200)), rng.random(200) < 0.4)[seed % 3], seed % 3
        result = find_laws(X, y, None, units, "J", task="classification" if task == 2 else "regression", seed=seed)
        found.append({"target": ("normal", "log-normal", "two classes")[task], "finding": result.finding,
                      "explained": result.explained, "null": list(result.null)})  # fmt: skip
        print(f"noise {seed} ({found[-1]['target']}): {result.finding}; explained {result.explained:.3f}", flush=True)
    n = sum(one["finding"] == "none" for one in found)
    print(f"{n} of {seeds}: there is no law")
    return {"none": n, "of": seeds, "runs": found}


def joined_with(before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Equations that were run again in the place of their earlier results."""
    every = before["equations"] | new["equations"]
    done = {equation.name: every[equation.name] for equation in EQUATIONS if equation.name in every}
    return {**new, "recovered": sum(one["recovered"] for one in done.values()), "of": len(done), "equations": done}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--part", choices=("equations", "rule", "noise"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help="into benchmarks/results/laws.json, part by part")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    if options.part in (None, "equations"):
        results["feynman"] = equations(options.only, options.seed) | {"seed": options.seed}
    if options.part in (None, "rule") and options.data is not None:
        results["is_metal"] = rule(options.data)
    if options.part in (None, "noise"):
        results["noise"] = noise()
    if options.save:
        place = Path(__file__).parent / "results" / "laws.json"
        before = json.loads(place.read_text()) if place.exists() else {}
        if options.only and "feynman" in before and "feynman" in results:
            results["feynman"] = joined_with(before["feynman"], results["feynman"])
        place.write_text(json.dumps(before | results, indent=1) + "\n")


if __name__ == "__main__":
    main()
