"""Reading structures: ours against pymatgen and ASE, in one process, on one core.

    python benchmarks/structures_io.py --data FOLDER [--rows 300] [--rounds 3] [--save]

FOLDER holds `matbench_phonons`, `mattergen_structures` and `cdvae_perov_5`. All begin with the texts of files in
memory. The ratio is that of rows per second, round by round, so that a busy machine slows all. Every row is compared
with pymatgen's: cell, and the farthest that a site lies from its counterpart of the same species.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import ase.io  # noqa: E402
import numpy as np  # noqa: E402
from pymatgen.core import Structure  # noqa: E402
from pymatgen.io.cif import CifParser, CifWriter  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

from matloop.matter.structures import Structures  # noqa: E402
from matloop.matter.structures_read import read_structures  # noqa: E402
from matloop.matter.structures_write import to_extxyz, to_poscar, to_pymatgen  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "structures_io.json"
MARKS = {"CIF, symmetrised": 75.0, "JSON of pymatgen": 250.0}
"""Rows per second: 45,000 symmetrised CIF in ten minutes, 45,000 lines of JSON in three."""

Peer = Callable[[Any], Any]


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as stream:
        return [json.loads(line) for line in stream]


def _spread(rows: list[Any], most: int) -> list[Any]:
    return rows[:: max(1, len(rows) // most)][:most]


def _cif(text: str) -> Structure:
    return CifParser.from_str(text).parse_structures(primitive=False)[0]


def _ase(kind: str) -> Peer:
    return lambda text: ase.io.read(io.StringIO(text), format=kind)


def cases(folder: Path, most: int) -> dict[str, tuple[list[str], dict[str, Peer]]]:
    """Texts by what they are, and who else reads them; pymatgen first where it does."""
    with gzip.open(folder / "cdvae_perov_5" / "val.csv.gz", "rt") as stream:
        perovskites = _spread([row["cif"] for row in csv.DictReader(stream)], most)
    phonons = _spread(_lines(folder / "matbench_phonons" / "structures.jsonl.gz"), most)
    batch = read_structures(phonons)[0]
    objects = to_pymatgen(batch)
    generated = _spread([row["cif"] for row in _lines(folder / "mattergen_structures" / "structures.jsonl.gz")], most)
    symmetrised = [str(CifWriter(one, symprec=0.01)) for one in objects]
    cif = {"pymatgen": _cif, "ASE": _ase("cif")}
    return {
        "CIF, P 1, 5 atoms": (perovskites, cif),
        "CIF, generated": (generated, cif),
        "CIF, symmetrised": (symmetrised, cif),
        "POSCAR": (to_poscar(batch), {"pymatgen": lambda t: Structure.from_str(t, "poscar"), "ASE": _ase("vasp")}),
        "extended XYZ": (to_extxyz(batch), {"ASE": _ase("extxyz")}),
        "JSON of pymatgen": ([one.to_json() for one in objects], {"pymatgen": lambda t: Structure.from_str(t, "json")}),
    }


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def farthest(ours: Structures, theirs: Structures) -> tuple[float, int]:
    """The farthest that a site lies from its counterpart, Angstrom, and how many rows have other sites or cells."""
    worst, other = 0.0, 0
    for row in range(len(ours)):
        a, b = ours.take(np.array([row])), theirs.take(np.array([row]))
        if len(a.coordinates) != len(b.coordinates) or np.abs(a.lattices - b.lattices).max() > 1e-9:
            other += 1
            continue
        steps = a.coordinates[:, None] - b.coordinates[None]
        apart = np.linalg.norm((steps - np.round(steps)) @ a.lattices[0], axis=2)
        apart[a.site_numbers[:, None] != b.site_numbers[None]] = 1e3
        i, j = linear_sum_assignment(apart)
        worst = max(worst, float(apart[i, j].max()))
    return worst, other


def measured(texts: list[str], peers: dict[str, Peer], rounds: int) -> dict[str, Any]:
    """Rates and ratios of one kind of text, and the comparison with pymatgen."""
    times: dict[str, list[float]] = {"ours": [], **{name: [] for name in peers}}
    for _ in range(rounds):
        times["ours"].append(_timed(lambda: read_structures(texts)))
        for name, peer in peers.items():
            times[name].append(_timed(lambda peer=peer: [peer(text) for text in texts]))
    ours, reasons = read_structures(texts)
    found: dict[str, Any] = {
        "rows": len(texts),
        "unread": len(reasons),
        "rows_per_s": {name: len(texts) / statistics.median(spent) for name, spent in times.items()},
        "ratio": {
            name: statistics.median(b / a for a, b in zip(times["ours"], times[name], strict=True)) for name in peers
        },
    }
    name, peer = next(iter(peers.items()))
    worst, other = farthest(ours, read_structures([peer(text) for text in texts])[0])
    return {**found, "compared_with": name, "farthest_A": worst, "rows_with_other_sites": other}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = {}
    for name, (texts, peers) in cases(options.data, options.rows).items():
        found[name] = one = measured(texts, peers, options.rounds)
        rates = ", ".join(f"{who} {rate:,.0f}" for who, rate in one["rows_per_s"].items())
        ratios = ", ".join(f"{ratio:.1f}x {who}" for who, ratio in one["ratio"].items())
        mark = f"; mark {MARKS[name]:.0f}/s" if name in MARKS else ""
        print(
            f"{name}: rows/s {rates} ({ratios}){mark}; farthest site {one['farthest_A']:.2g} A, "
            f"{one['rows_with_other_sites']} of {one['rows']} rows other than {one['compared_with']}"
        )
    if options.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"machine": platform.machine(), "cases": found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
