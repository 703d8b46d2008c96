"""Composition features: ours against matminer 0.10.1, in one process, on one core, with the difference of the values.

    python benchmarks/features.py [--data TABLE.csv[.gz] --column composition] [--save]

Needs matminer (extra `bench`). Ours goes from formula strings to a table, matminer from pymatgen compositions made
from the same strings beforehand (so its parsing is not counted). matminer gets fewer formulas because it is slow; the
ratio is that of formulas per second, round by round, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import resource
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "features.json"
MARKS = {"magpie, formulas/s": 30_000, "magpie, times matminer": 90, "largest difference": 1e-8}


def formulas(path: Path | None, column: str) -> list[str]:
    """Formulas of a CSV file, else of the embedded data set."""
    if path is None:
        from matloop.data.collect import collect
        from matloop.problem import Source

        return [str(text) for text in collect(Source("ricci-transport")).columns["pretty_formula"]]
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        return [row[column] for row in csv.DictReader(stream)]


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def peers() -> dict[str, object]:
    """matminer's featurizers by our names."""
    from matminer.featurizers.composition.composite import ElementProperty
    from matminer.featurizers.composition.element import Stoichiometry
    from matminer.featurizers.composition.orbital import ValenceOrbital

    return {
        "magpie": ElementProperty.from_preset("magpie"),
        "stoichiometry": Stoichiometry(),
        "valence": ValenceOrbital(),
    }


def against_matminer(texts: list[str], n_peer: int, repeats: int) -> dict[str, float]:
    """Rates, ratio and largest difference for each featurizer that both have."""
    from pymatgen.core import Composition

    from matloop.represent import FEATURIZERS

    few = texts[:: max(len(texts) // n_peer, 1)][:n_peer]
    compositions = [Composition(text) for text in few]
    found: dict[str, float] = {}
    for name, peer in peers().items():
        ours = FEATURIZERS.load(name)()
        ours.transform(texts[:1000])
        theirs = np.array([peer.featurize(c) for c in compositions], dtype=float)
        rounds = []
        for _ in range(repeats):
            fast = len(texts) / seconds(lambda ours=ours: ours.transform(texts))
            slow = len(few) / seconds(lambda peer=peer: [peer.featurize(c) for c in compositions])
            rounds.append((fast, slow, fast / slow))
        found[f"{name}, formulas/s"] = statistics.median(r[0] for r in rounds)
        found[f"{name}, matminer formulas/s"] = statistics.median(r[1] for r in rounds)
        found[f"{name}, times matminer"] = statistics.median(r[2] for r in rounds)
        found[f"{name}, largest difference"] = float(np.abs(ours.transform(few) - theirs).max())
    found["largest difference"] = max(v for k, v in found.items() if k.endswith("largest difference"))
    return found


def ours_alone(texts: list[str], repeats: int) -> dict[str, float]:
    """Reading, all default features, one row, and the memory on top of the result."""
    from matloop.matter.compositions import from_formulas
    from matloop.represent import DEFAULT_FEATURES, FEATURIZERS

    featurizers = [FEATURIZERS.load(name)() for name in DEFAULT_FEATURES]
    batch = from_formulas(texts)[0]
    many = {n: from_formulas([texts[i % len(texts)] for i in range(n)])[0] for n in (35_000, 100_000)}
    one = batch.take(np.array([0]))

    def all_of(compositions: object) -> list[object]:
        return [featurizer.transform(compositions) for featurizer in featurizers]

    all_of(one)
    found = {"reading, formulas/s": len(texts) / _median(lambda: from_formulas(texts), repeats)}
    for n, compositions in many.items():
        found[f"default features of {n:,}, s"] = _median(lambda c=compositions: all_of(c), repeats)
    found["default features of one, ms"] = 1e3 * _median(lambda: all_of(one), 50)
    for n, compositions in many.items():
        found[f"working memory for magpie of {n:,}, MB"] = _working_memory(featurizers[0], compositions)
    found["peak of the process, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _median(work: Callable[[], object], repeats: int) -> float:
    return statistics.median(seconds(work) for _ in range(repeats))


def _working_memory(featurizer: object, compositions: object) -> float:
    """Peak of allocations during `transform` beyond the table that it returns."""
    tracemalloc.start()
    table = featurizer.transform(compositions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - table.nbytes) / 2**20


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="CSV, also gzipped; the embedded data set without it")
    parser.add_argument("--column", default="composition")
    parser.add_argument("--peer-formulas", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    texts = formulas(options.data, options.column)
    found = ours_alone(texts, options.repeats) | against_matminer(texts, options.peer_formulas, options.repeats)
    for name, value in found.items():
        mark = f"   (mark {MARKS[name]:,g})" if name in MARKS else ""
        print(f"{name:42} {value:>14,.6g}{mark}")
    if options.save:
        said = {"formulas": len(texts), "python": platform.python_version(), "numpy": np.__version__}
        RESULTS.write_text(json.dumps({"run": said, "marks": MARKS, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
