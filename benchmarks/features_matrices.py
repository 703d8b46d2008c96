"""Matrices, powder patterns and DScribe's descriptors of structures: ours against the peers, with the differences.

    python benchmarks/features_matrices.py [--data FOLDER] [--rows N] [--save]

One process, one core, processor times. Needs DScribe 2.1 and pymatgen; matminer 0.10.1 for the orbital-field matrix.
With ASE 3.27 and later DScribe's sine matrix, MBTR, LMBTR and Valle-Oganov fail (its issue 165): what a peer cannot do
is named, so run it with ASE 3.26. Ours goes from a batch of structures to features; the peers get
objects that were made before. The ratio is that of times, round by round, so that a busy machine slows both. FOLDER
holds `matbench_phonons/structures.jsonl.gz` (1,265 crystals); without it, made-up crystals with displaced atoms are
taken.
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
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "features_matrices.json"
MARKS = dict.fromkeys(("structure_coulomb_matrix", "sine_matrix", "ewald_matrix"), 1.0) | dict.fromkeys(
    ("soap", "soap, inner", "soap, sites", "soap, species", "acsf", "acsf, species", "mbtr, inverse_distance",
     "mbtr, cosine", "mbtr, species", "local_mbtr, inverse_distance", "local_mbtr, cosine", "valle_oganov, distance",
     "valle_oganov, angle"), 1 / 1.1,
)  # fmt: skip
"""Times the peer, at least: matrices as fast, what DScribe sells at most a tenth slower."""

FEW = 40
"""Rows, the first ones, where elements are kept apart: the columns grow with the elements."""


@dataclass(frozen=True)
class Case:
    """One comparison: ours and the peer's call on the rows, and what of the values is compared."""

    ours: Callable[[Any], Any]
    peer: Callable[[Any], Any]
    rows: int
    """Rows, at most; the peer is slow."""
    like: Callable[[Any], Any] = np.asarray
    """Of the peer's values, those of ours."""
    scale: float = 1.0


def crystals(folder: Path | None) -> Any:
    """The batch of structures."""
    from matloop.core.elements import Z_OF
    from matloop.matter.structures import from_arrays
    from matloop.testing.structures import repeated, sample_structures

    if folder is None:
        batch = repeated(sample_structures().take(np.arange(8)), (2, 2, 1))
        shift = np.random.default_rng(0).normal(scale=0.01, size=batch.coordinates.shape)
        return replace(batch, coordinates=batch.coordinates + shift)
    with gzip.open(folder / "matbench_phonons" / "structures.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream]
    return from_arrays(
        np.array([row["lattice"] for row in rows]),
        [np.array(row["frac_coords"]) % 1.0 for row in rows],
        [[Z_OF[symbol] for symbol in row["elements"]] for row in rows],
    )


def atoms_of(batch: Any, *, alike: bool) -> list[Any]:
    """ASE's objects; all hydrogen where elements are not kept apart."""
    from ase import Atoms

    positions, bounds = batch.positions, batch.offsets.tolist()
    found = []
    for row in range(len(batch)):
        part = slice(bounds[row], bounds[row + 1])
        numbers = np.ones(part.stop - part.start, int) if alike else batch.numbers[part]
        found.append(Atoms(numbers=numbers, positions=positions[part], cell=batch.lattices[row], pbc=True))
    return found


def crystals_of(batch: Any) -> list[Any]:
    from pymatgen.core import Lattice, Structure

    bounds = batch.offsets.tolist()
    return [
        Structure(Lattice(batch.lattices[row]), batch.numbers[a:b].tolist(), batch.coordinates[a:b])
        for row, (a, b) in enumerate(pairwise(bounds))
    ]


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def matrix_cases(largest: int, rows: int) -> dict[str, Case]:
    from dscribe.descriptors import CoulombMatrix, EwaldSumMatrix, SineMatrix

    from matloop.represent import FEATURIZERS

    found = {}
    for name, peer in (
        ("structure_coulomb_matrix", CoulombMatrix), ("sine_matrix", SineMatrix), ("ewald_matrix", EwaldSumMatrix),
    ):  # fmt: skip
        made = peer(n_atoms_max=largest, permutation="eigenspectrum")
        ours = FEATURIZERS.load(name)(atoms=largest)
        found[name] = Case(ours.transform, lambda batch, made=made: made.create(atoms_of_kept(batch, False)), rows)
    return found


_KEPT: dict[tuple[int, bool], tuple[Any, list[Any]]] = {}


def atoms_of_kept(batch: Any, alike: bool) -> list[Any]:
    """Made once per batch, outside of what is timed."""
    key = (id(batch), alike)
    if key not in _KEPT:
        _KEPT[key] = batch, atoms_of(batch, alike=alike)  # the batch is kept as well: its id stays its own
    return _KEPT[key][1]


def described_cases(batch: Any, rows: int) -> dict[str, Case]:
    """SOAP, ACSF and histograms: atoms alike on all rows, elements kept apart on some."""
    import dscribe.descriptors as peers

    from matloop.core.elements import SYMBOLS
    from matloop.represent.structural.acsf import AcsfFeaturizer
    from matloop.represent.structural.soap import SoapFeaturizer

    few = batch.take(np.arange(min(len(batch), FEW)))
    species = tuple(SYMBOLS[z] for z in np.unique(few.numbers).tolist())
    soap = {"r_cut": 6.0, "n_max": 8, "l_max": 6, "sigma": 0.5, "periodic": True}
    ours, acsf = SoapFeaturizer(), AcsfFeaturizer()
    functions = {"r_cut": 6.0, "g2_params": acsf.g2, "g4_params": acsf.g4, "periodic": True}

    def of(peer: Any, *, alike: bool = True) -> Callable[[Any], Any]:
        return lambda batch: peer.create(atoms_of_kept(batch, alike))

    found = {
        "soap": Case(ours.transform, of(peers.SOAP(**soap, species=[1], average="outer")), rows),
        "soap, inner": Case(
            SoapFeaturizer(average="inner").transform, of(peers.SOAP(**soap, species=[1], average="inner")), rows
        ),
        "soap, sites": Case(ours.sites, of(peers.SOAP(**soap, species=[1])), rows, _joined),
        "soap, species": Case(
            SoapFeaturizer(species=species, compression="mu1nu1").transform,
            of(peers.SOAP(**soap, species=species, average="outer", compression={"mode": "mu1nu1"}), alike=False), FEW,
        ),
        "acsf": Case(acsf.sites, of(peers.ACSF(**functions, species=[1])), rows, _joined),
        "acsf, species": Case(
            AcsfFeaturizer(species=species).sites, of(peers.ACSF(**functions, species=species), alike=False), FEW,
            _joined,
        ),
    }  # fmt: skip
    return found | histogram_cases(peers, of, species, min(rows, 60))


def histogram_cases(peers: Any, of: Callable[..., Any], species: tuple[str, ...], rows: int) -> dict[str, Case]:
    from matloop.represent.structural.many_body import USUAL_GRIDS
    from matloop.represent.structural.mbtr import LocalMbtrFeaturizer, MbtrFeaturizer
    from matloop.represent.structural.valle_oganov import ValleOganovFeaturizer

    found = {}
    for term, half in (("inverse_distance", 1.0), ("cosine", 0.5)):
        low, high, sigma = USUAL_GRIDS[term]
        shared = {
            "geometry": {"function": term}, "grid": {"min": low, "max": high, "sigma": sigma, "n": 50},
            "periodic": True,
        }  # fmt: skip
        fading = {"function": "exp", "r_cut": 6.0, "threshold": 1e-3}
        local = {"function": "exp", "scale": -half * np.log(1e-3) / 6.0, "threshold": 1e-3}
        whole = peers.MBTR(**shared, species=[1], weighting=fading, normalization="n_atoms")
        around = peers.LMBTR(**shared, species=[1], weighting=local)
        found[f"mbtr, {term}"] = Case(MbtrFeaturizer((term,)).transform, of(whole), rows)
        found[f"local_mbtr, {term}"] = Case(LocalMbtrFeaturizer((term,)).sites, of(around), rows, _without_centre)
        if term == "inverse_distance":
            kept = peers.MBTR(**shared, species=species, weighting=fading, normalization="n_atoms")
            ours = MbtrFeaturizer((term,), species=species)
            found["mbtr, species"] = Case(ours.transform, of(kept, alike=False), FEW)
    for term, width in (("distance", 0.1), ("angle", 4.0)):
        peer = peers.ValleOganov(species=[1], function=term, n=50, sigma=width, r_cut=6.0)
        ours = ValleOganovFeaturizer((term,), widths=(width,))
        found[f"valle_oganov, {term}"] = Case(ours.transform, of(peer), min(rows, 20))
    return found


def _joined(parts: Any) -> Any:
    return np.concatenate([np.asarray(part).reshape(-1, np.shape(part)[-1]) for part in parts])


def _without_centre(parts: Any) -> Any:
    """LMBTR of one kind of atoms without the blocks of its ghost atom: X-1; 1-X-1 and X-1-1 of six."""
    values = _joined(parts)
    blocks = [1] if values.shape[1] == 100 else [2, 4]
    return np.concatenate([values[:, 50 * block : 50 * (block + 1)] for block in blocks], axis=1)


def crystal_cases() -> dict[str, Case]:
    """Powder patterns, and the orbital-field matrix where matminer is there."""
    from pymatgen.analysis.diffraction.xrd import XRDCalculator

    from matloop.represent.structural.powder import PowderFeaturizer, powder_peaks

    calculator = XRDCalculator()

    def peaks(batch: Any) -> Any:
        found = powder_peaks(batch, 1.54184, 0.0, 90.0)
        listed = []
        for a, b in zip(found.offsets[:-1].tolist(), found.offsets[1:].tolist(), strict=True):
            share = 100 * found.intensities[a:b] / found.intensities[a:b].max()
            listed.append(np.stack([found.two_theta[a:b], share])[:, share > 1e-3])
        return np.concatenate(listed, axis=1)

    def theirs(batch: Any) -> Any:
        return [calculator.get_pattern(crystal, two_theta_range=(0, 90)) for crystal in crystals_of_kept(batch)]

    def like(patterns: Any) -> Any:
        return np.concatenate([np.stack([pattern.x, pattern.y]) for pattern in patterns], axis=1)

    found = {
        "powder, peaks": Case(peaks, theirs, 200, like),
        "powder": Case(PowderFeaturizer().transform, theirs, 200, lambda patterns: None),
    }
    try:
        from matminer.featurizers.structure.matrix import OrbitalFieldMatrix
    except ImportError:
        return found
    from matloop.represent.structural.orbital_field import OrbitalFieldFeaturizer

    matrix = OrbitalFieldMatrix()
    found["orbital_field_matrix"] = Case(
        OrbitalFieldFeaturizer().transform,
        lambda batch: [matrix.featurize(crystal.copy()) for crystal in crystals_of_kept(batch)], 6, lambda rows: None,
    )  # fmt: skip
    return found


_CRYSTALS: dict[int, tuple[Any, list[Any]]] = {}


def crystals_of_kept(batch: Any) -> list[Any]:
    if id(batch) not in _CRYSTALS:
        _CRYSTALS[id(batch)] = batch, crystals_of(batch)
    return _CRYSTALS[id(batch)][1]


def measured(case: Case, batch: Any, repeats: int) -> dict[str, float]:
    """Milliseconds per structure of both, their ratio, and how the values differ."""
    rows = np.linspace(0, len(batch) - 1, min(case.rows, len(batch))).astype(int)
    part = batch.take(rows) if case.rows != FEW else batch.take(np.arange(min(FEW, len(batch))))
    peer = case.peer(part)
    ours = case.ours(part)
    rounds = [(seconds(lambda: case.ours(part)), seconds(lambda: case.peer(part))) for _ in range(repeats)]
    found = {
        "rows": float(len(part)),
        "ours, ms": 1e3 * statistics.median(r[0] for r in rounds) / len(part),
        "peer, ms": 1e3 * statistics.median(r[1] for r in rounds) / len(part),
        "times peer": statistics.median(theirs / mine for mine, theirs in rounds),
    }
    expected = case.like(peer)
    if expected is not None:
        size = np.abs(expected).max()
        found["largest difference"] = float(np.abs(ours - expected).max())
        found["of"] = float(size)
        found["values within 1e-8 of the largest"] = float((np.abs(ours - expected) <= 1e-8 * size).mean())
    return found


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with matbench_phonons; made-up crystals without it")
    parser.add_argument("--rows", type=int, default=200, help="structures for the quicker peers")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    batch = crystals(options.data)
    cases = matrix_cases(int(batch.sizes.max()), len(batch)) | described_cases(batch, options.rows) | crystal_cases()
    found: dict[str, dict[str, float] | str] = {}
    for name, case in cases.items():
        try:
            found[name] = measured(case, batch, options.repeats)
        except TypeError as error:
            found[name] = f"the peer fails: {error}"
        print(f"{name:30} {_shown(found[name])}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of the process, MB        {peak:,.0f}")
    missed = [n for n, mark in MARKS.items() if isinstance(f := found.get(n), dict) and f["times peer"] < mark]
    print(f"below their marks: {', '.join(missed) or 'none'}")
    if options.save:
        said = {"structures": len(batch), "python": platform.python_version(), "numpy": np.__version__}
        said |= {library: version(library) for library in ("dscribe", "ase", "pymatgen", "matscipy")}
        RESULTS.write_text(json.dumps({"run": said, "marks": MARKS, "peak, MB": peak, "found": found}, indent=1) + "\n")


def _shown(found: dict[str, float] | str) -> str:
    return found if isinstance(found, str) else ", ".join(f"{key} {value:.4g}" for key, value in found.items())


if __name__ == "__main__":
    main()
