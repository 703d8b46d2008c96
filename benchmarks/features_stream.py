"""Long tables through `matloop features make`: time and peak memory of the whole command, from file to file.

    python benchmarks/features_stream.py [--data FOLDER] [--rows 1000000] [--save]

`--data` is a folder with matbench_mp_e_form: its 132,752 formulas go through `auto`. Without it the formulas of
ricci-transport do. Then 100,000 and `--rows` formulas, drawn and joined from these, go through `magpie` to Parquet.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import random
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "features_stream.json"
MARKS = {
    "auto, s": 60, "auto, MB": 2000, "magpie of 1,000,000, s": 180, "magpie of 1,000,000, MB": 1500,
}  # fmt: skip


def formulas(data: Path | None) -> list[str]:
    if data is None:
        from matloop.data.collect import collect
        from matloop.problem import Source

        return [str(text) for text in collect(Source("ricci-transport")).columns["pretty_formula"]]
    with gzip.open(data / "matbench_mp_e_form" / "matbench_mp_e_form.csv.gz", "rt") as stream:
        return [row["composition"] for row in csv.DictReader(stream)]


def table(path: Path, known: list[str], n: int | None) -> Path:
    """The formulas themselves, or `n` made from them: every other one is two joined, so that most are distinct."""
    draw = random.Random(1)
    with path.open("w") as stream:
        stream.write("formula\n")
        if n is None:
            stream.writelines(f"{text}\n" for text in known)
        for row in range(n or 0):
            one = draw.choice(known)
            stream.write(f"{one}\n" if row % 2 else f"{one}{draw.choice(known)}\n".replace(" ", ""))
    return path


def command(source: Path, sets: str, folder: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of one call."""
    order = [sys.executable, "-m", "matloop", "features", "make", str(source), "--set", sets, "-q", "--no-cache",
             "-o", str(folder / f"{source.stem}.parquet")]  # fmt: skip
    begun = time.perf_counter()
    pid = os.spawnvpe(os.P_NOWAIT, order[0], order, {**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(order)} ended with {status}")
    return time.perf_counter() - begun, used.ru_maxrss / 1024


def main() -> None:
    """Measure, print, and with --save keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    known = formulas(options.data)
    found: dict[str, float] = {"formulas": len(known)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found["auto, s"], found["auto, MB"] = command(table(folder / "auto.csv", known, None), "auto", folder)
        for n in (100_000, options.rows):
            made = command(table(folder / f"n{n}.csv", known, n), "magpie", folder)
            found[f"magpie of {n:,}, s"], found[f"magpie of {n:,}, MB"] = made
    for name, value in found.items():
        print(f"{name:30} {value:>12,.4g}" + (f"   (mark {MARKS[name]:,})" if name in MARKS else ""))
    if options.save:
        said = {"python": platform.python_version(), "cores": os.cpu_count()}
        RESULTS.write_text(json.dumps({"run": said, "marks": MARKS, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
