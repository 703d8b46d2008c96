"""What the profile of a table costs: seconds and memory by rows, beside what pandas takes to describe the same table.

    python benchmarks/profile.py [--data FOLDER] [--most ROWS] [--save]

FOLDER holds `matbench_mp_e_form.csv.gz` (132,752 compositions, space groups, energies). Tables of other sizes
are made of its rows: repeated ones get another number and are no copies. Each profile runs in a process of its
own, on one core; memory is the largest resident size of that process, with the page written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "profile.json"
MARKS = {"130,000 rows, s": 30.0}
ROWS = (10_000, 100_000, 132_752, 1_000_000)


def table(data: Path, n: int, path: Path) -> None:
    """`n` rows as CSV."""
    import numpy as np
    import pandas as pd

    whole = pd.read_csv(data / "matbench_mp_e_form.csv.gz").drop(columns=["mbid", "fold"])
    rows = np.arange(n) % len(whole)
    found = whole.iloc[rows].reset_index(drop=True)
    rng = np.random.default_rng(0)
    found["target"] += rng.normal(0, 0.01, n) * (np.arange(n) >= len(whole))
    found["measured"] = found["target"] + rng.normal(0, 0.1, n)
    found.to_csv(path, index=False)


def ours(path: str) -> None:
    """Read, profile, write the page; in a process of its own."""
    from matloop.pipeline.profile import profile_data

    begun = time.monotonic()
    processor = time.process_time()
    profile_data(path, targets=["target"], out=Path(path).with_suffix(".html"))
    tell(time.monotonic() - begun, time.process_time() - processor)


def theirs(path: str) -> None:
    """The dumbest check: pandas reads the table and describes its columns."""
    import pandas as pd

    begun = time.monotonic()
    processor = time.process_time()
    pd.read_csv(path).describe(include="all")
    tell(time.monotonic() - begun, time.process_time() - processor)


def tell(wall: float, processor: float) -> None:
    """One line of JSON for the parent."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall, s": wall, "processor, s": processor, "peak memory, MB": peak}))


def measured(who: str, path: Path) -> dict[str, float]:
    """A profile in a child."""
    call = [sys.executable, __file__, "--child", who, "--table", str(path)]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(call, capture_output=True, text=True, check=True, env={**os.environ, **limits})
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print, and with --save keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--child", choices=("matloop", "pandas"))
    parser.add_argument("--table")
    given = parser.parse_args()
    if given.child:
        (ours if given.child == "matloop" else theirs)(given.table)
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in (n for n in ROWS if n <= given.most):
            path = Path(folder) / f"rows{n}.csv"
            table(given.data, n, path)
            found[str(n)] = {who: measured(who, path) for who in ("matloop", "pandas")}
            for who, one in found[str(n)].items():
                print(f"{n:>9,} rows  {who:8} " + "  ".join(f"{name} {value:,.1f}" for name, value in one.items()))
    if given.save:
        result = {"rows": found, "marks": MARKS, "machine": platform.machine(), "python": platform.python_version()}
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
