"""The store measured: a million compositions in, questions, a walk over all, structures beside ASE's database.

    python benchmarks/store.py [--rows 1000000] [--on sqlite|postgresql] [--structures 4000] [--save]

Formulas are random, of 2 to 5 of 80 elements, common ones more often: nearly as many chemical systems as there can be,
which is the hard case. PostgreSQL is a server of its own with the settings it has when it is installed. Seconds are of
the clock, `cpu_s` those of this process alone, so that a busy machine can be told. Each question is asked five times;
the median counts, and the records themselves are built.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402

from matloop.core.elements import SYMBOLS  # noqa: E402
from matloop.data.store.query import query  # noqa: E402
from matloop.data.store.store import Store, open_store  # noqa: E402
from matloop.data.store.values import Origin, Property, Record  # noqa: E402
from matloop.data.store.verify import verify  # noqa: E402
from matloop.matter.structures import from_arrays  # noqa: E402
from matloop.pipeline.shelve import add_table  # noqa: E402
from matloop.testing.postgres import server  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "store.json"
MARKS = {"ingest_1e6_s": 60.0, "query_ms": 50.0, "structures_45000_s": 180.0}
COMMON = ["O", "H", "S", "F", "N", "Cl", "Fe", "Mn", "Ti", "Li", "Na", "Si", "Al"]
ELEMENTS = (COMMON + [one for one in SYMBOLS[1:95] if one not in COMMON])[:80]
QUESTIONS: dict[str, tuple[dict[str, Any], int | None]] = {
    "a formula": ({"formula": "Fe2O3"}, None),
    "a chemical system": ({"system": "Fe-O"}, None),
    "two elements, 100 records": ({"has_all": "Mn,O"}, 100),
    "four elements": ({"has_all": "Mn,O,Li,Fe"}, None),
    "the most common element, 100 records": ({"has_all": "O"}, 100),
    "only these four, 100 records": ({"has_only": "Fe,O,Li,Mn"}, 100),
    "either of two, 100 records": ({"has_any": "Pt,Au"}, 100),
    "one element alone, 100 records": ({"n_elements": 1}, 100),
    "a kind of formula, 100 records": ({"anonymous": "AB"}, 100),
    "a narrow range": ({"where": "band_gap > 7.9999 eV"}, None),
    "a wide range, 100 records": ({"where": "band_gap > 3000 meV"}, 100),
    "elements and a range, 100 records": ({"has_all": "Mn,O", "where": "band_gap > 3 eV"}, 100),
    "a key": ({"key": "r777"}, None),
}


def formulas(n: int, seed: int = 0) -> Iterator[str]:
    """Random compositions."""
    r = random.Random(seed)
    weights = [1 / (1 + i) ** 0.5 for i in range(len(ELEMENTS))]
    for _ in range(n):
        chosen = dict.fromkeys(r.choices(ELEMENTS, weights, k=r.choice((2, 3, 3, 3, 4, 4, 5))))
        yield "".join(f"{symbol}{r.randint(1, 12)}" for symbol in chosen)


def records(n: int) -> Iterator[Record]:
    """Compositions with a band gap, and where each comes from."""
    r = random.Random(1)
    for i, formula in enumerate(formulas(n)):
        gap = Property("band_gap", r.random() * 8, "eV", method="PBE")
        yield Record(f"r{i}", formula, None, (gap,), Origin("file", licence="CC0", sha256="ab" * 32, place=f"row {i}"))


def timed(work: Any) -> tuple[Any, float, float]:
    """What `work` returns, seconds of the clock, and of this process."""
    clock, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - clock, time.process_time() - cpu


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ingested(store: Store, n: int) -> dict[str, Any]:
    _, making, making_cpu = timed(lambda: sum(1 for _ in records(n)))
    _, tenth, _ = timed(lambda: store.add("tenth", records(n // 10)))
    early = peak_mb()
    version, seconds, cpu = timed(lambda: store.add("all", records(n)))
    return {
        "rows": n, "s": seconds, "cpu_s": cpu, "making_records_s": making, "making_records_cpu_s": making_cpu,
        "rows_per_s": n / seconds, "tenth_s": tenth, "peak_mb_after_a_tenth": early, "peak_mb": peak_mb(),
        "bytes_per_row": store.facts()["bytes"] / (1.1 * n), "fingerprint": version.fingerprint,
        "scaled_to_1e6_s": seconds * 1e6 / n,
    }  # fmt: skip


def from_csv(place: str, folder: Path, n: int) -> dict[str, Any]:
    table = folder / "table.csv"
    r = random.Random(2)
    with table.open("w") as stream:
        stream.write("id,formula,band_gap (eV)\n")
        for i, formula in enumerate(formulas(n)):
            stream.write(f"m{i},{formula},{r.random() * 8:.4f}\n")
    _, seconds, cpu = timed(lambda: add_table(str(table), f"{place}#csv"))
    return {"rows": n, "s": seconds, "cpu_s": cpu, "scaled_to_1e6_s": seconds * 1e6 / n}


def asked(store: Store) -> dict[str, Any]:
    found = {}
    for name, (question, limit) in QUESTIONS.items():
        times = []
        for _ in range(5):
            got, seconds, _ = timed(lambda q=question, k=limit: len(list(store.records("all", query(**q), limit=k))))
            times.append(seconds * 1e3)
        total, counting, _ = timed(lambda q=question: store.count("all", query(**q)))
        found[name] = {"records": got, "of": total, "ms": statistics.median(times), "count_ms": counting * 1e3}
        print(f"  {name:<40} {found[name]['ms']:8.1f} ms  {got} of {total}, counted in {counting * 1e3:.0f} ms")
    return found


def changed(store: Store, n: int) -> dict[str, Any]:
    some = [Record(f"r{i}", "Si", properties=(Property("band_gap", 1.1, "eV"),)) for i in range(0, n, 100)]
    _, correcting, _ = timed(lambda: store.update("all", some))
    difference, comparing, _ = timed(lambda: store.diff("all", 1))
    walked, walking, _ = timed(lambda: sum(1 for _ in store.records("all", version=1, limit=n // 10)))
    again, checking, _ = timed(lambda: store.add("tenth", records(n // 10)).number)
    assert len(difference.changed) == len(some)
    assert again == 1
    return {
        "corrected": len(some), "correct_s": correcting, "diff_s": comparing, "walked": walked,
        "walk_records_per_s": walked / walking, "same_again_rows_per_s": n // 10 / checking,
    }  # fmt: skip


def structures(n: int) -> list[Record]:
    """Cells of 2 to 40 sites, each another one."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        k = int(rng.integers(2, 41))
        cell = from_arrays(np.diag(rng.uniform(3, 12, 3))[None], [rng.random((k, 3))], [rng.integers(1, 90, k)])
        found.append(Record(f"s{i}", "", cell, (Property("energy", float(rng.normal()), "eV"),), Origin("file")))
    return found


def with_structures(place: str, folder: Path, n: int) -> dict[str, Any]:
    made = structures(n)
    with open_store(place) as store:
        _, writing, _ = timed(lambda: store.add("structures", made))
        _, reading, _ = timed(lambda: sum(1 for _ in store.records("structures")))
        faults = list(verify(store)) if n <= 5000 else []
    assert not faults
    found = {
        "rows": n,
        "write_per_s": n / writing,
        "read_per_s": n / reading,
        "scaled_to_45000_s": 45_000 * writing / n,
    }
    with contextlib.suppress(ImportError):
        found["ase"] = in_ase(made, folder)
        found["ratio_write"] = found["write_per_s"] / found["ase"]["write_per_s"]
        found["ratio_read"] = found["read_per_s"] / found["ase"]["read_per_s"]
    return found


def in_ase(made: list[Record], folder: Path) -> dict[str, float]:
    """The same in a file of ASE's database, in one transaction."""
    from ase.db import connect

    from matloop.matter.structures import joined
    from matloop.matter.structures_write import to_ase

    atoms = to_ase(joined([one.structure for one in made if one.structure is not None]))
    path = folder / "ase.db"
    database = connect(path)

    def write() -> None:
        with database:
            for one, record in zip(atoms, made, strict=True):
                database.write(one, key_value_pairs={"energy_ev": record.properties[0].value, "name_of": record.key})

    _, writing, _ = timed(write)
    _, reading, _ = timed(lambda: [row.toatoms() for row in database.select()])
    return {"write_per_s": len(made) / writing, "read_per_s": len(made) / reading}


def measured(place: str, folder: Path, n: int, n_structures: int) -> dict[str, Any]:
    with open_store(place) as store:
        found = {"ingest": ingested(store, n)}
        print({name: round(value, 2) for name, value in found["ingest"].items() if isinstance(value, float)})
        found["questions"] = asked(store)
        found["changes"] = changed(store, n)
        print(found["changes"])
    found["csv"] = from_csv(place, folder, n // 5)
    print(found["csv"])
    found["structures"] = with_structures(place, folder, n_structures)
    print(found["structures"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--structures", type=int, default=4_000)
    parser.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        place = str(folder / "store.db") if options.on == "sqlite" else stack.enter_context(server()).url
        load = os.getloadavg()[0]
        found = measured(place, folder, options.rows, options.structures)
    found["load_before_and_after"] = [load, os.getloadavg()[0]]
    slowest = max(entry["ms"] for entry in found["questions"].values())
    print(f"1,000,000 rows: {found['ingest']['scaled_to_1e6_s']:.0f} s (mark {MARKS['ingest_1e6_s']:.0f})")
    print(f"slowest question: {slowest:.0f} ms (mark {MARKS['query_ms']:.0f})")
    whole = found["structures"]["scaled_to_45000_s"]
    print(f"45,000 structures: {whole:.0f} s (mark {MARKS['structures_45000_s']:.0f}, reading the lines included)")
    if options.save:
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"machine": platform.machine(), "marks": MARKS}
        RESULTS.write_text(json.dumps({**kept, options.on: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
