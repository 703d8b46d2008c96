"""Features of whole structures: ours against matminer 0.10.1, in one process, on one core, with the values' difference.

    python benchmarks/features_structures.py --data FOLDER [--rows 60] [--only rdf,grdf] [--save]

FOLDER holds `matbench_phonons/structures.jsonl.gz` (lines with lattice, elements, frac_coords). Needs matminer (extra
`bench`). Ours describes all rows in one call from flat arrays, reading not counted; matminer gets pymatgen structures,
every k-th row, one by one, and what it would learn in `fit` given beforehand. The ratio is that of rows per second,
round by round, on the same rows, so that a busy machine slows both.
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "features_structures.json"
RAISED = (ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError)
MARK, MARK_MS = 50.0, 1.0
MARKED = (
    "rdf", "rdf 20 A", "partial_rdf", "electronic_rdf", "grdf", "chemical_ordering", "heterogeneity",
    "packing_efficiency",
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One featurizer and what it is compared with.

    ours : the featurizer. peer : structure -> values. translate : what makes of our row (features, the structure's row)
    the peer's values. same : makes our batch from that of the file; prepare : makes the peer's structure.
    """

    ours: Any
    peer: Callable[[Any], Any]
    translate: Callable[[np.ndarray, Any], np.ndarray] = lambda values, structure: values
    prepare: Callable[[Any], Any] = lambda structure: structure
    per_row: Callable[[Any], Any] | None = None
    """Where ours needs options by row to have the peer's values: structure -> featurizer; only for the values."""


def read(folder: Path) -> tuple[Any, list[Any]]:
    """The batch and the same as pymatgen structures."""
    from pymatgen.core import Structure

    from matloop.core.elements import Z_OF
    from matloop.matter.structures import from_arrays

    with gzip.open(folder / "matbench_phonons" / "structures.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream]
    batch = from_arrays(
        np.array([row["lattice"] for row in rows]),
        [np.array(row["frac_coords"]) for row in rows],
        [[Z_OF[symbol] for symbol in row["elements"]] for row in rows],
    )
    return batch, [Structure(row["lattice"], row["elements"], row["frac_coords"]) for row in rows]


def batch_of(structures: Sequence[Any]) -> Any:
    """pymatgen structures with their oxidation states as a batch."""
    from matloop.matter.structures import from_arrays

    batch = from_arrays(
        np.array([s.lattice.matrix for s in structures]),
        [s.frac_coords for s in structures],
        [[site.specie.Z for site in s] for s in structures],
    )
    states = [getattr(site.specie, "oxi_state", None) for s in structures for site in s]
    return replace(batch, oxidation=np.array([np.nan if q is None else q for q in states], dtype=float))


def with_states(structure: Any) -> Any:
    """The structure with the oxidation states that ours assumes, None where it knows none."""
    from matloop.represent.structural.charges import site_charges

    charges, refused = site_charges(batch_of([structure]))
    if refused:
        return None
    decorated = structure.copy()
    decorated.add_oxidation_state_by_site(charges.tolist())
    return decorated


def as_electronic_rdf_has_it(structure: Any) -> Any:
    """The cell that matminer makes of a structure before it takes distances, with the charges that it assigns."""
    from pymatgen.analysis.local_env import ValenceIonicRadiusEvaluator
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    made = ValenceIonicRadiusEvaluator(SpacegroupAnalyzer(structure).find_primitive() or structure).structure
    return made if all(hasattr(site.specie, "oxi_state") for site in made) else None


def trials(parameters: str) -> dict[str, Trial]:
    """What is compared, by name; `parameters` is the IUCr's list of bond valences that matminer carries."""
    from matminer.featurizers import site as of_sites
    from matminer.featurizers import structure as peers
    from matminer.featurizers.structure import matrix
    from matminer.featurizers.structure.sites import SiteStatsFingerprint

    from matloop.represent.structural.bag_of_bonds import CrystalBagOfBondsFeaturizer
    from matloop.represent.structural.bond_fractions import BondFractionsFeaturizer
    from matloop.represent.structural.density import DensityFeaturizer
    from matloop.represent.structural.dimensionality import DimensionalityFeaturizer
    from matloop.represent.structural.electronic import ElectronicRdfFeaturizer
    from matloop.represent.structural.generalised import AngularFourierFeaturizer, GrdfFeaturizer
    from matloop.represent.structural.global_symmetry import GlobalSymmetryFeaturizer
    from matloop.represent.structural.instability import InstabilityFeaturizer
    from matloop.represent.structural.radial import PartialRdfFeaturizer, RdfFeaturizer
    from matloop.represent.structural.voronoi_shape import (
        ChemicalOrderingFeaturizer,
        HeterogeneityFeaturizer,
        PackingEfficiencyFeaturizer,
    )

    numbers = ["spacegroup_num", "crystal_system_int", "is_centrosymmetric", "n_symmetry_ops"]
    pooled = ("mean", "std_dev", "minimum", "maximum")
    grdf = of_sites.GeneralizedRadialDistributionFunction.from_preset("gaussian")
    bins = of_sites.GeneralizedRadialDistributionFunction.from_preset("histogram")
    afs = of_sites.AngularFourierSeries.from_preset("gaussian", width=1.0, spacing=1.0, cutoff=5.0)
    shown = peers.PartialRadialDistributionFunction(cutoff=10.0, bin_size=0.5)

    def elements(structure: Any) -> tuple[str, ...]:
        return tuple(sorted({str(e) for e in structure.composition.element_composition}))

    def partial(structure: Any) -> np.ndarray:
        return shown.fit([structure]).featurize(structure)

    def fractions(structure: Any) -> Any:
        return peers.BondFractions().fit([structure]).featurize(structure)

    def bags(structure: Any) -> CrystalBagOfBondsFeaturizer:
        counts = {e: int(n) for e, n in structure.composition.get_el_amt_dict().items()}
        names = elements(structure)
        found = [(a, counts[a]) for a in names]
        for k, a in enumerate(names):
            found += [(a + "-" + a, counts[a] * (counts[a] - 1) // 2)] if counts[a] > 1 else []
            found += [(a + "-" + b, counts[a] * counts[b]) for b in names[k + 1 :]]
        return CrystalBagOfBondsFeaturizer(bags=tuple(found))

    def bagged(structure: Any) -> np.ndarray:
        bag = peers.BagofBonds().bag(structure)
        names = {tuple(sorted(str(e) for e in key)): values for key, values in bag.items()}
        found = []
        for name, _ in bags(structure).bags:
            values = names[tuple(sorted(name.split("-")))][::-1]
            found.append(np.array(values[:: 2 if "-" in name else 1]) * (matrix.ANG_TO_BOHR if "-" in name else 1.0))
        return np.concatenate(found)

    def triangle(values: np.ndarray) -> np.ndarray:
        n = len(afs.bins)
        rows, columns = np.triu_indices(n)
        return np.array(values).reshape(n, n, -1)[rows, columns].ravel()

    return {
        "density": Trial(DensityFeaturizer(), peers.DensityFeatures().featurize),
        "global_symmetry": Trial(GlobalSymmetryFeaturizer(), peers.GlobalSymmetryFeatures(numbers).featurize),
        "rdf": Trial(RdfFeaturizer(), peers.RadialDistributionFunction(cutoff=10.0).featurize, lambda v, s: v * len(s)),
        "rdf 20 A": Trial(
            RdfFeaturizer(cutoff=20.0), peers.RadialDistributionFunction().featurize, lambda v, s: v * len(s)
        ),
        "partial_rdf": Trial(
            PartialRdfFeaturizer(), partial, per_row=lambda s: PartialRdfFeaturizer(elements=elements(s))
        ),
        "electronic_rdf": Trial(
            ElectronicRdfFeaturizer(bin_size=0.05),
            lambda s: peers.ElectronicRadialDistributionFunction(cutoff=10.0).featurize(s)[:-1],
            prepare=as_electronic_rdf_has_it,
        ),
        "grdf": Trial(GrdfFeaturizer(), SiteStatsFingerprint(grdf, stats=pooled).featurize),
        "grdf histogram": Trial(
            GrdfFeaturizer(function="histogram"), SiteStatsFingerprint(bins, stats=pooled).featurize
        ),
        "angular_fourier 5 A": Trial(
            AngularFourierFeaturizer(cutoff=5.0),
            lambda s: triangle(SiteStatsFingerprint(afs, stats=("mean", "std_dev")).featurize(s)),
        ),
        "chemical_ordering": Trial(ChemicalOrderingFeaturizer(), peers.ChemicalOrdering().featurize),
        "heterogeneity": Trial(HeterogeneityFeaturizer(), peers.StructuralHeterogeneity().featurize),
        "packing_efficiency": Trial(PackingEfficiencyFeaturizer(), peers.MaximumPackingEfficiency().featurize),
        "dimensionality": Trial(DimensionalityFeaturizer(), peers.Dimensionality().featurize, lambda v, s: v[:1]),
        "bond_fractions": Trial(
            BondFractionsFeaturizer(), fractions, per_row=lambda s: BondFractionsFeaturizer(elements=elements(s))
        ),
        "global_instability": Trial(
            InstabilityFeaturizer(parameters=parameters),
            peers.GlobalInstabilityIndex().featurize,
            prepare=with_states,
        ),
        "crystal_bag_of_bonds": Trial(CrystalBagOfBondsFeaturizer(), bagged, per_row=bags),
    }


def differences(trial: Trial, structures: Sequence[Any]) -> dict[str, float]:
    """Largest difference of the values, relative to 1 or the peer's size, and how many of how many agree to 1e-6."""
    worst, agree, total, rows_off, compared, failed = 0.0, 0, 0, 0, 0, 0
    for structure in structures:
        prepared = trial.prepare(structure)
        if prepared is None:
            continue
        featurizer = trial.per_row(prepared) if trial.per_row else trial.ours
        try:
            theirs = np.array(trial.peer(prepared), dtype=float)
        except RAISED:
            failed += 1
            continue
        ours = trial.translate(featurizer.transform(batch_of([prepared]))[0], prepared)
        if np.isnan(ours).any() or np.isnan(theirs).any():
            failed += 1
            continue
        off = np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))
        worst, agree, total = max(worst, float(off.max())), agree + int((off < 1e-6).sum()), total + off.size
        compared, rows_off = compared + 1, rows_off + int((off >= 1e-6).any())
    return {
        "rows compared": compared, "rows without value on one side": failed, "rows that differ": rows_off,
        "values": total, "values that agree": agree, "largest difference": worst,
    }  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def speed(trial: Trial, batch: Any, structures: Sequence[Any], rows: np.ndarray, repeats: int) -> dict[str, float]:
    """Milliseconds per row of both, and the ratio, medians over rounds."""
    prepared = [(row, made) for row in rows.tolist() if (made := trial.prepare(structures[row])) is not None]
    part = batch.take(np.array([row for row, _ in prepared]))
    rounds = []
    for _ in range(repeats):
        ours = statistics.median(seconds(lambda: trial.ours.transform(part)) for _ in range(3))
        theirs = seconds(lambda: [_tried(trial.peer, made) for _, made in prepared])
        rounds.append((1e3 * ours / len(prepared), 1e3 * theirs / len(prepared), theirs / ours))
    mine, peer, ratio = (statistics.median(r[k] for r in rounds) for k in range(3))
    return {"ms per row": mine, "matminer ms per row": peer, "times matminer": ratio}


def _tried(peer: Callable[[Any], Any], structure: Any) -> object:
    try:
        return peer(structure)
    except RAISED:  # the time until it fails counts too
        return None


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=60, help="rows of the peer, for speed and values")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="names, comma-separated")
    parser.add_argument("--values-only", action="store_true")
    parser.add_argument("--save", action="store_true", help=f"add to {RESULTS.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    import matminer

    batch, structures = read(options.data)
    rows = np.unique(np.linspace(0, len(batch) - 1, min(options.rows, len(batch))).astype(int))
    listed = trials(str(Path(matminer.__file__).parent / "utils" / "data_files" / "bvparm2020.cif"))
    chosen = options.only.split(",") if options.only else list(listed)
    found: dict[str, dict[str, float]] = {}
    for name in chosen:
        found[name] = differences(listed[name], [structures[row] for row in rows])
        if not options.values_only:
            found[name] |= speed(listed[name], batch, structures, rows, options.repeats)
        if name in MARKED and not options.values_only:
            found[name] |= {"mark, times matminer": MARK, "mark, ms per row": MARK_MS}
        print(name, json.dumps({key: float(f"{value:.4g}") for key, value in found[name].items()}), flush=True)
    print(f"peak of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if options.save:
        kept = json.loads(RESULTS.read_text())["found"] if RESULTS.exists() else {}
        said = {"rows": len(rows), "python": platform.python_version(), "numpy": np.__version__}
        RESULTS.write_text(json.dumps({"run": said, "found": kept | found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
