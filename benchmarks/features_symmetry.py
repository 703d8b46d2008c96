"""Site features of structures: ours against matminer 0.10.1 and DScribe 2.1.2, in one process, on one core.

    python benchmarks/features_symmetry.py --data FOLDER [--structures 200] [--save]

FOLDER holds `matbench_phonons`, `mattergen_structures` and `cdvae_perov_5`. Needs both peers. Ours begins with a batch
of structures and counts neighbours and Voronoi cells anew in each round; the peers begin with their own objects. The
ratio is that of sites per second, round by round, so that a busy machine slows both. Values of all sites are compared:
the largest difference relative to the largest value of the column, and how many differ by more than 1e-6 of it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
from pymatgen.core import Structure  # noqa: E402
from pymatgen.io.ase import AseAtomsAdaptor  # noqa: E402

from matloop.matter.neighbours import Vicinity  # noqa: E402
from matloop.matter.structures import Structures  # noqa: E402
from matloop.matter.structures_read import read_structures  # noqa: E402
from matloop.represent.structural.agni import AgniFeaturizer  # noqa: E402
from matloop.represent.structural.bond_order import BondOrderFeaturizer  # noqa: E402
from matloop.represent.structural.bond_statistics import COLUMNS, BondStatisticsFeaturizer  # noqa: E402
from matloop.represent.structural.chebyshev import ChebyshevFeaturizer  # noqa: E402
from matloop.represent.structural.featurizer import SiteFeaturizer  # noqa: E402
from matloop.represent.structural.local_difference import LocalDifferenceFeaturizer  # noqa: E402
from matloop.represent.structural.symmetry_functions import (  # noqa: E402
    GaussianSymmetryFeaturizer,
    SymmetryFunctionsFeaturizer,
)

RESULTS = Path(__file__).parent / "results" / "features_symmetry.json"
G2 = tuple((eta, shift) for eta in (0.05, 0.5, 4.0) for shift in (0.0, 2.0, 4.0))
G4 = tuple((eta, zeta, sign) for eta in (0.005, 0.05) for zeta in (1.0, 4.0) for sign in (1.0, -1.0))
DIFFERS = 1e-6


@dataclass(frozen=True, slots=True)
class Match:
    """One of ours, its columns that are compared, and what the peer gives for one structure, shape (sites, columns)."""

    ours: SiteFeaturizer
    columns: slice
    peer: Callable[[Structure], np.ndarray]


def read(folder: Path, name: str, most: int) -> list[Structure]:
    """Ordered structures of one set, evenly spread; sites put into the cell, where pymatgen's neighbours are right."""
    if name == "cdvae_perov_5":
        with gzip.open(folder / name / "val.csv.gz", "rt") as stream:
            records = list(csv.DictReader(stream))
    else:
        with gzip.open(folder / name / "structures.jsonl.gz", "rt") as stream:
            records = [json.loads(line) for line in stream]
    found = [_structure(record) for record in records[:: max(len(records) // most, 1)][:most]]
    return [Structure(one.lattice, one.species, one.frac_coords % 1.0 % 1.0) for one in found if one.is_ordered]


def _structure(record: dict) -> Structure:
    if "cif" in record:
        return Structure.from_str(record["cif"], fmt="cif")
    return Structure(record["lattice"], record["elements"], record["frac_coords"])


def matches() -> dict[str, Match]:
    """What both sides have."""
    from dscribe.descriptors import ACSF
    from matminer.featurizers.site import (
        AGNIFingerprints,
        AverageBondAngle,
        AverageBondLength,
        BondOrientationalParameter,
        GaussianSymmFunc,
        LocalPropertyDifference,
    )
    from pymatgen.analysis.local_env import VoronoiNN

    def sites(featurizer: object) -> Callable[[Structure], np.ndarray]:
        return lambda one: np.array([featurizer.featurize(one, k) for k in range(len(one))], dtype=float)

    every = slice(None)
    length, angle = (COLUMNS.index(name) for name in ("bond length average", "bond angle to nearest"))
    tolerant = VoronoiNN(tol=0.01)
    gaussian = SymmetryFunctionsFeaturizer(6.0, g2=G2, g4=G4, weights=("uniform",))
    acsf = ACSF(r_cut=6.0, g2_params=G2, g4_params=G4, species=["X"], periodic=True)
    return {
        "gaussian symmetry": Match(GaussianSymmetryFeaturizer(), every, sites(GaussianSymmFunc())),
        "AGNI": Match(AgniFeaturizer(directions=("x", "y", "z")), every, sites(AGNIFingerprints())),
        "bond order": Match(BondOrderFeaturizer(), every, sites(BondOrientationalParameter())),
        "local difference": Match(
            LocalDifferenceFeaturizer(), every, sites(LocalPropertyDifference.from_preset("ward-prb-2017"))
        ),
        "bond length": Match(BondStatisticsFeaturizer(), slice(length, length + 1), sites(AverageBondLength(tolerant))),
        "bond angle": Match(BondStatisticsFeaturizer(), slice(angle, angle + 1), sites(AverageBondAngle(tolerant))),
        "ACSF, atoms alike": Match(gaussian, every, lambda one: acsf.create(_alike(one))[:, 1:]),
    }


def _alike(structure: Structure) -> object:
    atoms = AseAtomsAdaptor.get_atoms(structure)
    atoms.numbers[:] = 0
    return atoms


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def compared(match: Match, crystals: list[Structure], few: list[Structure], repeats: int) -> dict[str, float]:
    """Rates, ratio, working memory and differences of one featurizer."""
    batch, part = read_structures(crystals)[0], read_structures(few)[0]
    n, m = len(batch.coordinates), len(part.coordinates)
    ours = match.ours.sites(part)[:, match.columns]
    theirs = np.concatenate([match.peer(one) for one in few])
    rounds = []
    for _ in range(repeats):
        fast = n / seconds(lambda: match.ours.sites(batch))
        slow = m / seconds(lambda: [match.peer(one) for one in few])
        rounds.append((fast, slow, fast / slow))
    away = np.abs(ours - theirs) / np.maximum(np.abs(theirs).max(axis=0), 1e-6)
    return {
        "sites/s": statistics.median(r[0] for r in rounds),
        "peer, sites/s": statistics.median(r[1] for r in rounds),
        "times the peer": statistics.median(r[2] for r in rounds),
        "memory, MB": memory(match.ours, batch),
        "largest relative difference": float(away.max()),
        "values that differ": int((away > DIFFERS).sum()),
        "values": away.size,
    }


def memory(featurizer: SiteFeaturizer, batch: Structures) -> float:
    """Peak of allocations, of which the result is a part."""
    tracemalloc.start()
    featurizer.sites(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def alone(crystals: list[Structure], repeats: int) -> dict[str, float]:
    """Values, and forces from them, where no peer has the same."""
    batch = read_structures(crystals)[0]
    found = {}
    featurizers = {
        "symmetry functions": SymmetryFunctionsFeaturizer(),
        "G5 alone": SymmetryFunctionsFeaturizer(g2=0, g4=0, g5=6),
        "chebyshev": ChebyshevFeaturizer(),
        "gaussian symmetry": GaussianSymmetryFeaturizer(),
    }
    for name, featurizer in featurizers.items():
        slopes = np.ones((len(batch.coordinates), len(featurizer.site_columns())))
        counting = statistics.median(
            seconds(lambda f=featurizer: Vicinity(batch).within(f.cutoff)) for _ in range(repeats)
        )
        values = statistics.median(seconds(lambda f=featurizer: f.sites(batch)) for _ in range(repeats))
        forces = statistics.median(seconds(lambda f=featurizer, s=slopes: f.forces(batch, s)) for _ in range(repeats))
        found[f"{name}, sites/s"] = len(slopes) / values
        found[f"{name}, share of counting neighbours"] = counting / values
        found[f"{name}, forces, times the values"] = forces / values
    return found


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--structures", type=int, default=200, help="of each set, for ours")
    parser.add_argument("--peer-structures", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="one comparison by name")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, dict[str, float]] = {}
    for name in ("matbench_phonons", "mattergen_structures", "cdvae_perov_5"):
        crystals = read(options.data, name, options.structures)
        few = crystals[:: max(len(crystals) // options.peer_structures, 1)][: options.peer_structures]
        for what, match in matches().items():
            if options.only in what:
                found[f"{name}: {what}"] = told(f"{name}: {what}", compared(match, crystals, few, options.repeats))
        if not options.only:
            found[f"{name}: alone"] = told(f"{name}: alone", alone(crystals, options.repeats))
    if options.save:
        said = {"structures": options.structures, "python": platform.python_version(), "numpy": np.__version__}
        RESULTS.write_text(json.dumps({"run": said, "found": found}, indent=1) + "\n")


def told(name: str, values: dict[str, float]) -> dict[str, float]:
    """Print the values and hand them on."""
    print(name)
    for key, value in values.items():
        print(f"  {key:50} {value:>14,.6g}", flush=True)
    return values


if __name__ == "__main__":
    main()
