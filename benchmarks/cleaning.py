"""What cleaning finds of what was planted in real tables (recall, precision), and what the search for twins costs.

    python benchmarks/cleaning.py [--data FOLDER] [--gaps CSV] [--rows N] [--save]

Planted in the carried table `ricci-transport` (47,737 rows, 34,631 formulas, real polymorphs): copies, other spellings
of units, levels of theory, higher polymorphs. FOLDER holds `matbench_phonons/structures.jsonl.gz` (1,265 crystals);
planted there: other origins, other orders of sites, cells twice as large, small displacements and strains, overlapping
atoms and empty layers. pymatgen's StructureMatcher compares a sample of the pairs of equal composition that a pairwise
search would have to compare, in the same process on one core.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import resource
import time
from dataclasses import replace
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "cleaning.json"
MARKS = {"near duplicates among 20,000 structures, s": 120.0}


def score(planted: set, found: set) -> dict[str, float | None]:
    """Recall and precision; no precision where nothing was found."""
    hit = len(planted & found)
    return {
        "planted": len(planted),
        "recall": hit / max(len(planted), 1),
        "precision": hit / len(found) if found else None,
    }


# ---- tables ----


def carried() -> pd.DataFrame:
    """Formulas and Seebeck coefficients of the carried set, one row per formula, positive values."""
    from matloop.data.collect import collect
    from matloop.problem import Source

    raw = collect(Source("ricci-transport"))
    table = pd.DataFrame({"id": raw.column("mp_id"), "formula": raw.column("pretty_formula")}, dtype=object)
    table["value"] = pd.to_numeric(pd.Series(raw.column("S_p")), errors="coerce")
    return table[table["value"] > 0].drop_duplicates("formula").reset_index(drop=True)


def problem(scale: str = "linear", inputs: tuple = (), **choices: object) -> object:
    """What is asked of such a table."""
    from matloop.problem.question import Cleaning, Input, Problem, Roles, Source, Target

    return Problem(
        "cleaning", Source("table.csv"), (Input("formula", "composition", "formula"), *inputs),
        (Target("value", "value", scale=scale),), roles=Roles(id="id"), cleaning=Cleaning(**choices),
    )  # fmt: skip


def tables(n: int, seed: int = 0) -> dict[str, dict[str, float]]:
    """Recall and precision of what was planted in tables."""
    from matloop.data.clean import clean
    from matloop.data.collect import from_frame

    rng = np.random.default_rng(seed)
    base = carried().iloc[:n].astype({"value": float})
    n, k = len(base), len(base) // 20
    found = {}

    chosen = rng.choice(n, k, replace=False)
    twins = base.iloc[chosen].assign(id=[f"twin-{i}" for i in range(k)], formula=lambda t: "(" + t["formula"] + ")2")
    cleaned = clean(from_frame(pd.concat([base, twins], ignore_index=True).astype(object)), problem())
    merged = {row for rows in cleaned.dataset.source_rows if len(rows) > 1 for row in rows[1:]}
    found["copies written as another multiple"] = score(set(range(n + 1, n + k + 1)), merged)

    energy = rng.normal(-2.0, 1.0, n)
    higher = base.iloc[chosen].assign(id=[f"poly-{i}" for i in range(k)], value=lambda t: t["value"] * 1.1)
    both = pd.concat([base.assign(e=energy), higher.assign(e=energy[chosen] + rng.exponential(0.05, k))])
    cleaned = clean(from_frame(both.astype(object)), problem(polymorphs="lowest_energy", energy="e"))
    found["higher polymorphs"] = score(set(higher["id"]), {entry.id for entry in cleaned.removed})

    words = np.array(["PBE", "GGA", "VASP-PBE"], dtype=object)[rng.integers(0, 3, n)]
    other = rng.choice(n, k, replace=False)
    words[other] = np.array(["GGA+U", "HSE06", "r2SCAN", "experiment"], dtype=object)[rng.integers(0, 4, k)]
    raw = from_frame(base.assign(xc=words).astype(object))
    cleaned = clean(raw, problem(method="xc", mixed="separate"))
    found["other levels of theory"] = score(set(base["id"].iloc[other]), {entry.id for entry in cleaned.removed})
    return found


def levels(n: int, gaps: Path | None, seed: int = 0) -> dict[str, dict[str, float]]:
    """What the fitted shift between two levels makes of values whose truth is known, and whether its error is honest.

    Planted: a third of the materials have both levels, others only the lower one. GAPS: 150 band gaps by PBE and by
    experiment (Palizhati et al., Sci. Rep. 12 (2022) 4694), half of the experiments taken away.
    """
    from matloop.data.clean import clean
    from matloop.data.cleaning.fidelity import correct
    from matloop.data.collect import from_frame

    rng = np.random.default_rng(seed)
    base = carried().iloc[:n].astype({"value": float})
    low = base["value"] * 0.8 + 20 + rng.normal(0, 10, len(base))
    tables = {"planted, 0.8 times and 20 off": (base["formula"], low, base["value"], 1 / 3)}
    if gaps is not None:
        real = pd.read_csv(gaps).pivot_table(index="reduced_formula", columns="theory_data", values="bandgap")
        real = real.dropna().reset_index()
        tables["band gaps, PBE to experiment"] = (real["reduced_formula"], real[1], real[0], 0.5)
    found = {}
    for name, (formulas, low, high, share) in tables.items():
        both = rng.random(len(formulas)) < share
        numbers = [str(i) for i in range(len(formulas))]
        under = pd.DataFrame({"id": [f"low-{i}" for i in numbers], "formula": formulas, "value": low, "xc": "PBE"})
        above = pd.DataFrame({"id": [f"high-{i}" for i in numbers], "formula": formulas, "value": high, "xc": "expt"})
        frame = pd.concat([under, above[both]])
        asked = problem(method="xc", mixed="correct", level="experiment")
        cleaned = clean(from_frame(frame.astype(object)), asked)
        labelled = {"value": np.isfinite(cleaned.dataset.targets["value"].values)}
        groups = np.unique(cleaned.dataset.groups)
        kept = rng.permutation(groups)[: int(0.8 * len(groups))]
        development = np.flatnonzero(np.isin(cleaned.dataset.groups, kept))
        made = correct(cleaned.dataset, development, cleaned.levels, asked, labelled).dataset
        labels = made.targets["value"]
        rows = [i for i in development.tolist() if made.ids[i].startswith("low") and np.isfinite(labels.values[i])]
        place = [int(made.ids[i].removeprefix("low-")) for i in rows]
        truth, before = high.to_numpy(dtype=float)[place], low.to_numpy(dtype=float)[place]
        found[name] = {
            "shifted": len(rows),
            "rmse before": float(np.sqrt(np.mean((before - truth) ** 2))),
            "rmse shifted": float(np.sqrt(np.mean((labels.values[rows] - truth) ** 2))),
            "stated error": float(np.median(labels.errors[rows])),
        }
    return found


def written(n: int, seed: int = 0) -> dict[str, dict[str, float]]:
    """Recall and precision of values restored from other units in their cells, and of noise stated for replicates."""
    from matloop.data.clean import clean
    from matloop.data.collect import from_frame
    from matloop.problem.question import Input, Problem, Roles, Source, Target

    rng = np.random.default_rng(seed)
    base = carried().iloc[:n].astype({"value": float}).reset_index(drop=True)
    other = rng.choice(len(base), len(base) // 20, replace=False)
    cells = base["value"].map(lambda value: f"{value:.6f} eV").to_numpy(dtype=object)
    cells[other] = [f"{value * 1000:.3f} meV" for value in base["value"].iloc[other]]
    asked = Problem(
        "units", Source("t.csv"), (Input("formula", "composition", "formula"),), (Target("value", "value", "eV"),),
        roles=Roles(id="id"),
    )  # fmt: skip
    cleaned = clean(from_frame(base.assign(value=cells).astype(object)), asked)
    true = dict(zip(base["id"], base["value"], strict=True))
    right = {str(i) for i, value in zip(cleaned.dataset.ids, cleaned.dataset.targets["value"].values, strict=True)
             if abs(value - true[str(i)]) < 1e-5}  # fmt: skip
    planted = {str(i) for i in base["id"].iloc[other]}
    listed = {entry.id for entry in cleaned.repaired}
    found = {"units in cells, read rightly": score(planted, right & planted)}
    found["units in cells, listed"] = score(planted, listed)

    noisy = pd.concat([base.assign(id=[f"{i}-{k}" for i in base["id"]],
                                   value=base["value"] + rng.normal(0, 5.0, len(base))) for k in range(4)])  # fmt: skip
    labels = clean(from_frame(noisy.astype(object)), problem()).dataset.targets["value"]
    typical = 5.0 * 1.2533 / 2.0  # of a median of four
    found["noise of four replicates, stated over planted"] = {
        "planted": len(base), "recall": float(np.sqrt(np.nanmean(labels.errors**2))) / typical, "precision": None,
    }  # fmt: skip
    return found


def slips(n: int, data: Path | None, seed: int = 0) -> dict[str, dict[str, float]]:
    """Recall and precision of planted slips of unit, by the distance to all values and by similar compositions."""
    from matloop.data.clean import clean, screen_development
    from matloop.data.cleaning.outliers import flagged, misfits
    from matloop.data.collect import from_frame

    rng = np.random.default_rng(seed)
    tables = {"Seebeck coefficients": carried().iloc[:n]}
    if data is not None:
        tables["volumes per atom"] = phonons(data)[1]
    found = {}
    for name, base in tables.items():
        base = base.astype({"value": float}).reset_index(drop=True)
        for factor in (1000.0, 1e-3, 96.485):
            planted = rng.choice(len(base), 8, replace=False)
            values = base["value"].to_numpy().copy()
            values[planted] *= factor
            asked = problem()
            dataset = clean(from_frame(base.assign(value=values).astype(object)), asked).dataset
            rows = np.arange(len(dataset))
            far = {i for one in screen_development(dataset, rows, asked) if one.kind == "outlier" for i in one.rows}
            distances, off = misfits(dataset.inputs["formula"], dataset.targets["value"].values)
            place = {row - 1: i for i in rows.tolist() for row in dataset.source_rows[i]}
            true = {place[i] for i in planted.tolist()}
            found[f"{name} times {factor:g}, all methods"] = score(true, far)
            found[f"{name} times {factor:g}, as a slip"] = score(true, set(flagged(distances * 0, off).tolist()))
    return found


# ---- structures ----


def phonons(data: Path) -> tuple[object, pd.DataFrame]:
    """Crystals, and a table of formulas and their volumes per atom."""
    from matloop.core.elements import Z_OF
    from matloop.matter.structures import from_arrays, to_compositions

    with gzip.open(data / "matbench_phonons" / "structures.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream]
    batch = from_arrays(
        np.array([row["lattice"] for row in rows]),
        [np.array(row["frac_coords"]) for row in rows],
        [[Z_OF[symbol] for symbol in row["elements"]] for row in rows],
    )
    formulas = to_compositions(batch).formulas.astype(object)
    table = pd.DataFrame({"id": [f"p{i}" for i in range(len(rows))], "formula": formulas})
    return batch, table.assign(value=batch.volumes / batch.sizes).drop_duplicates("formula")


def disguised(batch: object, rng: np.random.Generator) -> object:
    """The same crystals with another origin, order of sites, a cell twice as large for every third; slightly off."""
    from matloop.matter.structures import from_arrays, joined
    from matloop.testing.structures import repeated

    parts = []
    for row in range(len(batch)):
        one = batch.take(np.array([row]))
        one = repeated(one, (1, 1, 2)) if row % 3 == 0 else one
        order = rng.permutation(len(one.coordinates))
        shift = rng.random(3) + rng.normal(0, 0.01, (len(order), 3)) @ np.linalg.inv(one.lattices[0])
        strain = np.eye(3) * (1.0 + rng.uniform(-0.02, 0.02))
        parts.append(from_arrays(one.lattices @ strain, [(one.coordinates + shift)[order]], [one.numbers[order]]))
    return joined(parts)


def structures(data: Path, seed: int = 0) -> dict[str, dict[str, float]]:
    """Recall and precision of planted near duplicates and of impossible structures."""
    from matloop.data.cleaning.geometry import geometry_faults
    from matloop.data.cleaning.near import near_structures
    from matloop.matter.structures import joined

    rng = np.random.default_rng(seed)
    batch, _ = phonons(data)
    chosen = np.sort(rng.choice(len(batch), 200, replace=False))
    whole = joined([batch, disguised(batch.take(chosen), rng)])
    before = near_structures(batch)
    known = {(int(before[k]), k) for k in np.flatnonzero(before != np.arange(len(batch))).tolist()}
    planted = {(int(before[row]), len(batch) + k) for k, row in enumerate(chosen.tolist())}
    found = {}
    for name, exact in (("fingerprint", False), ("confirmed by StructureMatcher", True)):
        leader = near_structures(whole, exact=exact)
        pairs = {(int(leader[k]), k) for k in np.flatnonzero(leader != np.arange(len(whole))).tolist()} - known
        found[f"near duplicates of structures, {name}"] = score(planted, pairs)

    odd = rng.choice(len(batch), 100, replace=False)
    coordinates, lattices = batch.coordinates.copy(), batch.lattices.copy()
    for k, row in enumerate(odd.tolist()):
        start = batch.offsets[row]
        if k % 2 and batch.sizes[row] > 1:
            coordinates[start + 1] = coordinates[start] + np.array([0.2, 0, 0]) @ np.linalg.inv(lattices[row])
        else:
            part = slice(start, batch.offsets[row + 1])
            length = np.linalg.norm(lattices[row, 2])
            stretch = (length + 30.0) / length
            coordinates[part, 2] = (coordinates[part, 2] % 1.0) / stretch
            lattices[row, 2] *= stretch
    bad = geometry_faults(replace(batch, coordinates=coordinates, lattices=lattices))
    found["impossible geometry"] = score(set(odd.tolist()), set(bad))
    return found


def speed(data: Path, n: int, sample: int = 300) -> dict[str, float]:
    """Seconds for near duplicates among `n` crystals, memory, and the ratio to StructureMatcher pair by pair."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    from matloop.data.cleaning.near import near_structures
    from matloop.matter.structures import joined
    from matloop.matter.structures_write import to_pymatgen

    rng = np.random.default_rng(1)
    batch, _ = phonons(data)
    few = batch.take(np.flatnonzero(batch.sizes <= 40))
    parts, size = [few], len(few)
    while size < n:
        shift = rng.normal(0, 0.02, few.coordinates.shape)
        parts.append(replace(few, coordinates=few.coordinates + shift))
        size += len(few)
    whole = joined(parts).take(np.arange(n))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.process_time()
    near_structures(whole)
    ours = time.process_time() - begun
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - memory
    kinds = np.arange(n) % len(few)
    pairs = int((np.bincount(kinds) * (np.bincount(kinds) - 1) // 2).sum())
    first = rng.integers(0, n - len(few), sample)
    objects = [to_pymatgen(whole.take(np.array([i, i + len(few)]))) for i in first.tolist()]
    matcher = StructureMatcher()
    begun = time.process_time()
    for one, other in objects:
        matcher.fit(one, other)
    theirs = (time.process_time() - begun) / sample
    return {
        "structures": n, "near duplicates, s": ours, "further memory, MB": grown,
        "pairs of equal composition": pairs, "StructureMatcher per pair, ms": theirs * 1e3,
        "times StructureMatcher on these pairs": pairs * theirs / ours,
    }  # fmt: skip


def main() -> None:
    """Measure, print, and with --save keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--gaps", type=Path, help="data.csv of 150 band gaps by PBE and experiment")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    cost = speed(given.data, given.rows) if given.data is not None else {}  # first, for the memory
    shifted = levels(given.rows, given.gaps)
    found = tables(given.rows) | written(given.rows) | slips(given.rows, given.data)
    if given.data is not None:
        found |= structures(given.data)
    for name, one in found.items():
        precision = "-" if one["precision"] is None else f"{one['precision']:.3f}"
        print(f"{name:60} planted {one['planted']:5d}  recall {one['recall']:.3f}  precision {precision}")
    for name, one in shifted.items():
        print(f"{name:60} " + "  ".join(f"{key} {value:.3g}" for key, value in one.items()))
    for name, value in cost.items():
        print(f"{name:60} {value:,.1f}")
    if given.save:
        result = {
            "found": found,
            "levels": shifted,
            "cost": cost,
            "marks": MARKS,
            "machine": platform.machine(),
            "python": platform.python_version(),
        }
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
