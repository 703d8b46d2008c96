"""Cost per row of every registered representation, with its defaults, on one core.

    python benchmarks/representations.py [--data FOLDER] [--only NAME,NAME] [--save]

`--data` is a folder with matbench_mp_e_form (formulas), lipophilicity or esol (SMILES) and matbench_phonons
(structures); without it the formulas of ricci-transport, some common molecules and some textbook crystals are taken.
Rows are described until two seconds are used up; importing the library and reading the rows do not count. With --save
the numbers go into results/representations.json, from which tools/representations.py writes the reference page.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "representations.json"
BUDGET_S = 2.0
CHUNK = {"composition": 2048, "molecule": 64, "structure": 64}
SMILES = ("CCO", "c1ccccc1C(=O)O", "CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "CC(C)Cc1ccc(cc1)C(C)C(=O)O")
CELLS = ((5.64, "NaCl", 4), (4.05, "Al", 4), (5.43, "Si", 4), (4.12, "CsCl", 1))


def opened(path: Path) -> Any:
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def cells(path: Path, column: str) -> list[str]:
    with opened(path) as stream:
        return [row[column] for row in csv.DictReader(stream)]


def formulas(data: Path | None) -> tuple[list[str], str]:
    if data is not None:
        return cells(data / "matbench_mp_e_form" / "matbench_mp_e_form.csv.gz", "composition")[
            ::6
        ], "matbench_mp_e_form"
    from matloop.data.collect import collect
    from matloop.problem import Source

    return [str(text) for text in collect(Source("ricci-transport")).columns["pretty_formula"]], "ricci-transport"


def molecules(data: Path | None) -> tuple[list[str], str]:
    found = sorted((data / "lipophilicity").glob("*.csv*")) if data is not None else []
    if not found:
        return list(SMILES) * 20, "common molecules"
    with opened(found[0]) as stream:
        column = next(name for name in csv.DictReader(stream).fieldnames or () if name.lower() == "smiles")
    return cells(found[0], column), "lipophilicity"


def structures(data: Path | None) -> tuple[Any, str]:
    from matloop.matter.structures_read import read_structures

    if data is None:
        places = [[0, 0, 0], [0.5] * 3]
        records = [
            {"lattice": (a * np.eye(3)).tolist(), "elements": ["Na", "Cl"], "frac_coords": places} for a, _, _ in CELLS
        ]
        return read_structures(records * 20)[0], "cubic cells"
    with gzip.open(data / "matbench_phonons" / "structures.jsonl.gz", "rt") as stream:
        records = [json.loads(line) for line in stream]
    kept = [{key: one[key] for key in ("lattice", "elements", "frac_coords")} for one in records]
    return read_structures(kept)[0], "matbench_phonons"


def chunks(batch: Any, size: int) -> Iterator[Any]:
    order = np.random.default_rng(0).permutation(len(batch))
    for start in range(0, len(batch), size):
        yield batch.take(order[start : start + size])


def cost(featurizer: Any, batch: Any, size: int) -> tuple[float, int]:
    """Milliseconds per row, and of how many rows."""
    featurizer.transform(batch.take(np.arange(2)))
    rows, used = 0, 0.0
    for part in chunks(batch, size):
        begun = time.process_time()
        featurizer.transform(part)
        used += time.process_time() - begun
        rows += len(part)
        if used > BUDGET_S:
            break
    return 1e3 * used / rows, rows


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from matloop.core.errors import MissingExtra
    from matloop.represent import FEATURIZERS
    from matloop.represent.batches import read
    from matloop.represent.spec import made

    batches = {}
    for kind, rows in (("composition", formulas), ("molecule", molecules), ("structure", structures)):
        texts, sample = rows(options.data)
        batches[kind] = (read(kind, texts)[0], sample)  # type: ignore[arg-type]
    found = json.loads(RESULTS.read_text())["found"] if RESULTS.exists() else {}
    found = {name: entry for name, entry in found.items() if name in FEATURIZERS}
    for name in options.only.split(",") if options.only else FEATURIZERS:
        try:
            featurizer = made(name)
        except MissingExtra as error:
            print(f"{name:28} {error}")
            continue
        batch, sample = batches[getattr(featurizer, "kind", "composition")]
        ms, rows = cost(featurizer, batch, CHUNK[featurizer.kind])
        columns = len(featurizer.get_feature_names_out())
        found[name] = {"kind": featurizer.kind, "columns": columns, "ms": float(f"{ms:.3g}"), "rows": rows,
                       "sample": sample}  # fmt: skip
        print(f"{name:28} {featurizer.kind:12} {columns:6} columns {ms:12.4g} ms per row of {sample} ({rows:,} rows)")
    if options.save:
        said = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
        RESULTS.write_text(json.dumps({"run": said, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
