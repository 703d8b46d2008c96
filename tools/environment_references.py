"""Make tests/represent/structural/environments_matminer_0_10_1.npz: site fingerprints of matminer 0.10.1.

    python tools/environment_references.py tests/represent/structural/environments_matminer_0_10_1.npz

Needs matminer 0.10.1 and pymatgen. The crystals are the sample ones of `matloop.testing` with displaced atoms, so that
nothing is decided by rounding; one has oxidation states. Left out: oganesson, of which pymatgen has no radius, and the
needle, where matminer finds no closed Voronoi cells; places are wrapped into the cell, without which it fails. The file
holds the crystals (`lattices`, `offsets`, `numbers`, `coordinates`, `oxidation`), and per featurizer `<name>/columns`
and `<name>/values`, a line per site.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from matminer.featurizers.site.fingerprint import CrystalNNFingerprint, OPSiteFingerprint, VoronoiFingerprint
from matminer.featurizers.site.misc import CoordinationNumber
from pymatgen.core import Lattice, Species, Structure
from pymatgen.core.local_env import CrystalNN, VoronoiNN

from matloop.core.elements import SYMBOLS
from matloop.matter.structures import Structures
from matloop.testing.structures import sample_structures

GEOMETRIC = {"distance_cutoffs": None, "x_diff_weight": 0.0, "porous_adjustment": False}
LEFT_OUT = ("superheavy", "needle")
STATES = {56: 2.0, 22: 4.0, 8: -2.0}


def crystals() -> tuple[Structures, np.ndarray]:
    """The sample crystals with displaced atoms, and oxidation states (NaN for none)."""
    sample = sample_structures()
    rows = np.flatnonzero(
        sample.periodic.all(axis=1) & sample.ordered & (sample.sizes > 1) & ~np.isin(sample.names, LEFT_OUT)
    )
    batch = sample.take(rows)
    with_states = batch.names[batch.rows] == "perovskite, distorted"
    states = [STATES.get(int(z), np.nan) for z in batch.numbers]
    return batch, np.where(with_states, states, np.nan)


def features(peer: object, structures: list[Structure]) -> np.ndarray:
    return np.array([peer.featurize(one, site) for one in structures for site in range(len(one))], dtype=float)


def main(path: Path) -> None:
    warnings.simplefilter("ignore")
    batch, states = crystals()
    moved = batch.coordinates + np.random.default_rng(0).normal(scale=0.02, size=batch.coordinates.shape)
    moved = np.round(moved % 1.0, 8)
    species = [
        Species(SYMBOLS[z], q) if np.isfinite(q) else SYMBOLS[z] for z, q in zip(batch.numbers, states, strict=True)
    ]
    structures = [
        Structure(Lattice(batch.lattices[row]), species[start:end], moved[start:end])
        for row, (start, end) in enumerate(zip(batch.offsets[:-1], batch.offsets[1:], strict=True))
    ]
    made = {
        "lattices": batch.lattices, "offsets": batch.offsets, "numbers": batch.numbers, "coordinates": moved,
        "oxidation": states,
    }  # fmt: skip
    peers = {
        "crystal_nn": CrystalNNFingerprint.from_preset("ops"),
        "crystal_nn, geometric": CrystalNNFingerprint.from_preset("ops", **GEOMETRIC),
        "op_site": OPSiteFingerprint(),
        "voronoi": VoronoiFingerprint(),
        "CN_CrystalNN": CoordinationNumber.from_preset("CrystalNN"),
        "CN_CrystalNN_weighted": CoordinationNumber(CrystalNN(weighted_cn=True), use_weights="sum"),
        "CN_VoronoiNN": CoordinationNumber.from_preset("VoronoiNN"),
        "CN_VoronoiNN_effective": CoordinationNumber(VoronoiNN(), use_weights="effective"),
        "CN_MinimumDistanceNN": CoordinationNumber.from_preset("MinimumDistanceNN"),
    }
    for name, peer in peers.items():
        made[f"{name}/columns"] = np.array(peer.feature_labels())
        made[f"{name}/values"] = features(peer, structures)
    np.savez_compressed(path, **made)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
