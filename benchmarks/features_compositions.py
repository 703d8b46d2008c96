"""Every composition set: ours against matminer 0.10.1, in one process, on one core, with the difference of the values.

    python benchmarks/features_compositions.py [--data FOLDER] [--formulas 4000] [--save]

Needs matminer (extra `bench`). FOLDER holds matbench_expt_gap, matbench_glass, matbench_steels, mpea_alloys and
supercon_tc as CSV; without it the formulas of the embedded data set are taken. Ours goes from formula strings to a
table; matminer from pymatgen compositions made beforehand. The peer gets fewer formulas because it is slow, and none
that would take it minutes: for oxidation states whole numbers with few combinations, for packing up to four elements.
Rates are per second of processor time on one core, so that what else runs on the machine counts less; rates and ratios
are medians over rounds, and no round finds what the last one kept. "All sets" is every registered name on the same
formulas one after the other.
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
import warnings
from collections.abc import Callable, Sequence
from math import comb, gcd, prod
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "features_compositions.json"
MARKS = {"all sets, formulas/s": 5_000, "largest difference": 1e-8}
FILES = {
    "matbench_expt_gap/matbench_expt_gap.csv.gz": "composition",
    "matbench_glass/matbench_glass.csv.gz": "composition",
    "matbench_steels/matbench_steels.csv": "composition",
    "mpea_alloys/mpea.csv.gz": "FORMULA",
    "supercon_tc/supercon.csv.gz": "name",
}
COMBINATIONS = 3_000  # of oxidation states for the peer: some seconds for the slowest formula
PRESETS = {"pymatgen": "matminer", "megnet": "megnet_el", "optical": "optical", "transport": "mp_transport"}
CALL = "elements(source='{}')"


def formulas(folder: Path | None, n: int) -> list[str]:
    """About n distinct formulas, taken evenly from the files of `folder` or the embedded set."""
    if folder is None:
        from matloop.data.collect import collect
        from matloop.problem import Source

        return _spread([str(text) for text in collect(Source("ricci-transport")).columns["pretty_formula"]], n)
    found: list[str] = []
    for name, column in FILES.items():
        path = folder / name
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
            found += _spread([row[column].replace(" ", "") for row in csv.DictReader(stream)], n // len(FILES))
    return found


def _spread(texts: Sequence[str], n: int) -> list[str]:
    distinct = list(dict.fromkeys(texts))
    return distinct[:: max(len(distinct) // n, 1)][:n]


def _turned(texts: list[str], round_: int) -> list[str]:
    """Another order in each round: states of ions that are kept from the last one shall not serve again."""
    return texts[round_ + 1 :] + texts[: round_ + 1]


def peers() -> dict[str, object]:
    """matminer's featurizers by our names, and what they are asked for."""
    from matminer.featurizers.composition.alloy import Miedema, YangSolidSolution
    from matminer.featurizers.composition.composite import ElementProperty, Meredig
    from matminer.featurizers.composition.element import BandCenter, ElementFraction, Stoichiometry, TMetalFraction
    from matminer.featurizers.composition.ion import (
        CationProperty,
        ElectronAffinity,
        ElectronegativityDiff,
        IonProperty,
        OxidationStates,
    )
    from matminer.featurizers.composition.orbital import ValenceOrbital
    from matminer.featurizers.composition.packing import AtomicPackingEfficiency

    return {
        "magpie": ElementProperty.from_preset("magpie"),
        "deml": ElementProperty.from_preset("deml"),
        **{CALL.format(source): ElementProperty.from_preset(preset) for source, preset in PRESETS.items()},
        "fractions": ElementFraction(),
        "stoichiometry": Stoichiometry(),
        "valence": ValenceOrbital(),
        "meredig": Meredig(),
        "transition_metal": TMetalFraction(),
        "band_center": BandCenter(),
        "ionic": IonProperty(),
        "oxidation": OxidationStates.from_preset("deml"),
        "cations": CationProperty.from_preset("deml"),
        "electron_affinity": ElectronAffinity(),
        "electronegativity_difference": ElectronegativityDiff(),
        "packing": AtomicPackingEfficiency(),
        "miedema": Miedema(),
        "alloy": YangSolidSolution(),
    }


OF_IONS = ("oxidation", "cations", "electron_affinity", "electronegativity_difference")


def possible(name: str, composition: object) -> bool:
    """Whether the peer ends soon on this composition."""
    if name == "packing":
        return len(composition) <= 4
    if name not in (*OF_IONS, "ionic"):
        return True
    if len(composition) < 2 or any(amount != int(amount) for amount in composition.values()):
        return False
    if gcd(*(int(amount) for amount in composition.values())) > 1:  # ours are reduced first
        return False
    ways = [
        comb(int(n) + len(e.icsd_oxidation_states or e.common_oxidation_states), int(n)) for e, n in composition.items()
    ]
    return max(ways) <= COMBINATIONS and prod(int(n) * 6 for n in composition.values()) <= 100 * COMBINATIONS


def by_peer(name: str, featurizer: object, composition: object) -> list[float]:
    """Numbers of the peer; for ions its states are guessed first; an error is a row without values."""
    try:
        given = composition.add_charges_from_oxi_state_guesses() if name in OF_IONS else composition
        found = [float(value) for value in featurizer.featurize(given)]
        return [value - _metallic_again(featurizer, composition) for value in found] if name == "miedema" else found
    except (ValueError, TypeError, ZeroDivisionError):
        return [np.nan] * len(featurizer.feature_labels())


def _metallic_again(miedema: object, composition: object) -> float:
    """What the peer adds for each pair, ours once: eV/atom to make metals of non-metals."""
    table = miedema.df_dataset["H_trans"]
    once = sum(fraction * table[e.symbol] for e, fraction in composition.fractional_composition.items())
    return max(len(composition) - 2, 0) * once / 96.4853


def against_matminer(texts: list[str], n_peer: int, repeats: int) -> dict[str, float]:
    """Rates, ratio, largest difference (relative above 1) and how many values agree, per featurizer."""
    from pymatgen.core import Composition

    from matloop.represent.spec import made

    found: dict[str, float] = {}
    for name, peer in peers().items():
        ours = made(name)
        all_few = [(text, Composition(text)) for text in _spread(texts, 4 * n_peer)]
        few = [(text, c) for text, c in all_few if possible(name, c)][: n_peer // (10 if name == "packing" else 1)]
        rounds, theirs = [], np.empty((0, 0))
        for round_ in range(repeats):
            turned = _turned(texts, round_)
            fast = len(texts) / seconds(lambda ours=ours, turned=turned: ours.transform(turned))
            if name == "packing":  # it keeps the clusters of 128 systems, and takes seconds to list others
                type(peer)._create_cluster_lookup_tool.cache_clear()
            begun = time.process_time()
            theirs = np.array([by_peer(name, peer, c) for _, c in few])
            rounds.append((fast, len(few) / (time.process_time() - begun)))
        found[f"{name}, formulas/s"] = statistics.median(fast for fast, _ in rounds)
        found[f"{name}, matminer formulas/s"] = statistics.median(slow for _, slow in rounds)
        found[f"{name}, times matminer"] = statistics.median(fast / slow for fast, slow in rounds)
        found |= _compared(name, ours, [text for text, _ in few], theirs, peer.feature_labels())
    found["largest difference"] = max(v for k, v in found.items() if k.endswith("largest difference"))
    return found


def _compared(name: str, ours: object, few: list[str], theirs: np.ndarray, labels: list[str]) -> dict[str, float]:
    names = list(ours.get_feature_names_out())
    alike = {"fractions": lambda label: f"fraction {label}", "meredig": lambda label: f"Meredig {label}"}
    wanted = [alike.get(name, str)(label) for label in labels]
    shared = [(j, names.index(label)) for j, label in enumerate(wanted) if label in names]
    values = ours.transform(few)[:, [b for _, b in shared]]
    expected = theirs[:, [a for a, _ in shared]]
    both = np.isfinite(values) & np.isfinite(expected)
    difference = np.abs(values - expected)[both] / np.maximum(np.abs(expected[both]), 1.0)
    return {
        f"{name}, values compared": int(both.sum()),
        f"{name}, values that agree": int((difference <= 1e-8).sum()),
        f"{name}, values of matminer alone": int((np.isfinite(expected) & ~np.isfinite(values)).sum()),
        f"{name}, largest difference": float(difference.max(initial=0.0)),
    }


def all_sets(texts: list[str], repeats: int) -> dict[str, float]:
    """Every registered composition set, one by one and all together; from a batch that is read once."""
    from matloop.matter.compositions import from_formulas
    from matloop.represent import FEATURIZERS

    kinds = {name: FEATURIZERS.load(name) for name in FEATURIZERS}
    sets = {name: kind() for name, kind in kinds.items() if getattr(kind, "kind", "composition") == "composition"}
    took: dict[str, list[float]] = {name: [] for name in sets}
    totals = []
    for round_ in range(repeats + 1):
        turned = _turned(texts, round_ + repeats)
        begun = time.process_time()
        batch = from_formulas(turned)[0]
        for name, featurizer in sets.items():
            one = seconds(lambda featurizer=featurizer, batch=batch: featurizer.transform(batch))
            if round_:  # the first round reads tables
                took[name].append(one)
        totals.append(time.process_time() - begun)
    alone = {f"{name}, alone, formulas/s": len(texts) / statistics.median(times) for name, times in took.items()}
    return {
        **alone,
        "all sets, number": len(sets),
        "all sets, formulas/s": len(texts) / statistics.median(totals[1:]),
        "peak of the process, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the sets; the embedded data set without it")
    parser.add_argument("--formulas", type=int, default=4000)
    parser.add_argument("--peer-formulas", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    texts = formulas(options.data, options.formulas)
    found = all_sets(texts, options.repeats) | against_matminer(texts, options.peer_formulas, options.repeats)
    for name, value in found.items():
        mark = f"   (mark {MARKS[name]:,g})" if name in MARKS else ""
        print(f"{name:60} {value:>14,.6g}{mark}")
    if options.save:
        said = {"formulas": len(texts), "python": platform.python_version(), "numpy": np.__version__}
        RESULTS.write_text(json.dumps({"run": said, "marks": MARKS, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
