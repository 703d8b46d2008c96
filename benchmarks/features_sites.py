"""Fingerprints of local environments: ours against matminer 0.10.1, in one process, on one core, with the differences.

    python benchmarks/features_sites.py [--data FOLDER] [--rows N] [--save]

Needs matminer (extra `bench`) and matscipy. Ours goes from a batch of structures to the features of all sites,
neighbour lists included; matminer from pymatgen structures, site by site, with its cache of Voronoi cells. matminer
gets fewer structures because it is slow. Times are processor times; the ratio is that of sites per second, round by
round, so that a busy machine slows both. FOLDER holds `matbench_phonons/structures.jsonl.gz` (1,265 crystals); without
it, made-up crystals with displaced atoms are taken.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import resource
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "features_sites.json"
NAMES = ("crystal_nn", "op_site", "voronoi")
MARKS = {f"{name}, times matminer": 30 for name in NAMES} | {f"{name}, 63 sites, s": 0.1 for name in NAMES}


def crystals(folder: Path | None) -> object:
    """The batch of structures."""
    from dataclasses import replace

    from matloop.core.elements import Z_OF
    from matloop.matter.structures import from_arrays
    from matloop.testing.structures import repeated, sample_structures

    if folder is None:
        sample = sample_structures()
        batch = repeated(sample.take(np.array([0, 1, 2, 3, 4, 5, 6, 7])), (2, 2, 1))
        shift = np.random.default_rng(0).normal(scale=0.01, size=batch.coordinates.shape)
        return replace(batch, coordinates=batch.coordinates + shift)
    with gzip.open(folder / "matbench_phonons" / "structures.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream]
    return from_arrays(
        np.array([row["lattice"] for row in rows]),
        [np.array(row["frac_coords"]) for row in rows],
        [[Z_OF[symbol] for symbol in row["elements"]] for row in rows],
    )


def large_cell() -> object:
    """A cell of 63 sites: rock salt with a vacancy, atoms displaced."""
    from dataclasses import replace

    from matloop.matter.structures import from_arrays
    from matloop.testing.structures import repeated, sample_structures

    salt = repeated(sample_structures().take(np.array([0])), (2, 2, 2))
    shift = np.random.default_rng(1).normal(scale=0.005, size=salt.coordinates.shape)
    salt = replace(salt, coordinates=salt.coordinates + shift)
    return from_arrays(salt.lattices, [salt.coordinates[1:]], [salt.numbers[1:]])


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def peers() -> dict[str, object]:
    """matminer's featurizers by our names."""
    from matminer.featurizers.site.fingerprint import CrystalNNFingerprint, OPSiteFingerprint, VoronoiFingerprint

    return {
        "crystal_nn": CrystalNNFingerprint.from_preset("ops"),
        "op_site": OPSiteFingerprint(),
        "voronoi": VoronoiFingerprint(),
    }


def as_pymatgen(batch: object) -> list[object]:
    from pymatgen.core import Lattice, Structure

    from matloop.core.elements import SYMBOLS

    return [
        Structure(
            Lattice(batch.lattices[row]),
            [SYMBOLS[z] for z in batch.numbers[batch.offsets[row] : batch.offsets[row + 1]]],
            batch.coordinates[batch.offsets[row] : batch.offsets[row + 1]],
        )
        for row in range(len(batch))
    ]


def by_matminer(peer: object, structures: list[object]) -> np.ndarray:
    """Features of all sites, NaN where matminer fails."""
    from matminer.utils.caching import _get_all_nearest_neighbors

    _get_all_nearest_neighbors.cache_clear()
    n = len(peer.feature_labels())
    found = []
    for structure in structures:
        for site in range(len(structure)):
            try:
                found.append(np.asarray(peer.featurize(structure, site), dtype=float))
            except (RuntimeError, ValueError, IndexError):
                found.append(np.full(n, np.nan))
    return np.array(found)


def compared(name: str, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    both = np.isfinite(ours) & np.isfinite(theirs)
    difference = np.where(both, np.abs(ours - theirs), np.nan)
    return {
        f"{name}, values compared": int(both.sum()),
        f"{name}, values equal within 1e-6": int((difference[both] <= 1e-6).sum()),
        f"{name}, sites compared": int(both.any(axis=1).sum()),
        f"{name}, sites equal in all columns": int((np.nan_to_num(difference) <= 1e-6).all(axis=1).sum()),
        f"{name}, median of the others": float(np.median(difference[both & (difference > 1e-6)]))
        if (difference[both] > 1e-6).any()
        else 0.0,
        f"{name}, largest difference": float(difference[both].max()),
    }


def against_matminer(batch: object, n_peer: int, repeats: int) -> dict[str, float]:
    """Rates, ratios and differences."""
    from matloop.represent import FEATURIZERS

    few = batch.take(np.linspace(0, len(batch) - 1, min(n_peer, len(batch))).astype(int))
    structures = as_pymatgen(few)
    large = large_cell()
    found: dict[str, float] = {"structures compared": len(few), "sites compared": len(few.coordinates)}
    for name, peer in peers().items():
        ours = FEATURIZERS.load(name)()
        values = ours.sites(few)
        rounds, theirs = [], np.empty(0)
        for round_ in range(repeats):
            fast = len(batch.coordinates) / seconds(lambda ours=ours: ours.transform(batch))
            begun = time.process_time()
            part = structures if round_ == 0 else structures[: max(len(structures) // 10, 1)]
            table = by_matminer(peer, part)
            slow = len(table) / (time.process_time() - begun)
            theirs = table if round_ == 0 else theirs
            rounds.append((fast, slow, fast / slow))
        found[f"{name}, sites/s"] = statistics.median(r[0] for r in rounds)
        found[f"{name}, matminer sites/s"] = statistics.median(r[1] for r in rounds)
        found[f"{name}, times matminer"] = statistics.median(r[2] for r in rounds)
        found[f"{name}, 63 sites, s"] = statistics.median(
            seconds(lambda ours=ours: ours.transform(large)) for _ in range(7)
        )
        found |= compared(name, values, theirs)
    found["peak of the process, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with matbench_phonons/structures.jsonl.gz")
    parser.add_argument("--rows", type=int, default=100, help="structures that matminer gets")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    batch = crystals(options.data)
    found = against_matminer(batch, options.rows, options.repeats)
    for name, value in found.items():
        mark = f"   (mark {MARKS[name]:,g})" if name in MARKS else ""
        print(f"{name:44} {value:>14,.6g}{mark}")
    if options.save:
        said = {"structures": len(batch), "python": platform.python_version(), "numpy": np.__version__}
        RESULTS.write_text(json.dumps({"run": said, "marks": MARKS, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
