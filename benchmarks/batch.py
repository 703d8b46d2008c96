"""Batches: rows per second and peak memory, beside the plain loop of `predict_frame` over chunks of a data frame.

    python benchmarks/batch.py BUNDLE [--rows 1000000] [--workers 1,2] [--memory 100000,1000000] [--kill 5] [--save]

Formulas are generated (2 to 4 elements of 36, amounts 1 to 8; every hundredth cannot be read) into a Parquet file.
Each measurement is a process of its own, so that its memory is its own: `ours` is `matloop.predict_batch`, `loop` what
one would write by hand. Whole calls are timed, with starting and writing. `--kill N` ends one batch N times at any
moment by SIGKILL and compares the bytes of its result with those of one that nobody disturbed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

RESULTS = Path(__file__).parent / "results" / "batch.json"
ELEMENTS = [
    "Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Al", "Ga", "Si",
    "Ge", "Sn", "P", "As", "Sb", "Bi", "O", "S", "Se", "Te", "F", "Cl", "Br", "La", "Y", "Zr", "Nb",
]  # fmt: skip
CHUNK = 20_000


def generate(path: Path, n_rows: int) -> None:
    """Write `n_rows` formulas with an id and a note."""
    import duckdb
    import pandas as pd

    some = random.Random(7)
    formulas = []
    for row in range(n_rows):
        picked = some.sample(ELEMENTS, some.randint(2, 4))
        text = "".join(f"{symbol}{some.randint(1, 8)}" for symbol in picked)
        formulas.append(text if row % 100 else f"Xx{text}")
    frame = pd.DataFrame({"id": range(n_rows), "pretty_formula": formulas})
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY frame TO '{path}' (FORMAT parquet)")


def ours(bundle: str, table: str, out: str, workers: int) -> int:
    import matloop

    return matloop.predict_batch(bundle, table, out, workers=workers, anew=True).n_rows


def loop(bundle: str, table: str, out: str) -> int:
    """All of it in a data frame, chunk by chunk, then one file."""
    import duckdb
    import pandas as pd

    import matloop

    loaded = matloop.load_bundle(bundle)
    frame = duckdb.read_parquet(table).df()
    parts = [
        matloop.predict_frame(loaded, frame.iloc[start : start + CHUNK]).frame for start in range(0, len(frame), CHUNK)
    ]
    whole = pd.concat(parts)
    duckdb.from_df(whole).write_parquet(out)
    return len(whole)


def measured(task: str, *arguments: str) -> dict[str, float]:
    """Rows per second and peak memory (MB; of the process, and of its largest child) of a task as its own process."""
    done = subprocess.run([sys.executable, __file__, "--task", task, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def task(name: str, arguments: list[str]) -> None:
    begun = time.perf_counter()
    rows = ours(*arguments[:3], int(arguments[3])) if name == "ours" else loop(*arguments[:3])
    seconds = time.perf_counter() - begun
    own, child = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"rows/s": rows / seconds, "seconds": seconds, "MB": own, "MB of a child": child}))


def killed(bundle: str, table: str, folder: Path, times: int) -> dict[str, object]:
    """One batch that is ended `times` times, and one that is not; the moments differ from call to call."""
    undisturbed, out = folder / "undisturbed.parquet", folder / "killed.parquet"
    took = measured("ours", bundle, table, str(undisturbed), "2")["seconds"]
    command = [sys.executable, "-m", "matloop", "predict", bundle, table, "-o", str(out), "--workers", "2", "--quiet"]
    finished, some = [], random.Random(time.time_ns())
    for _ in range(times):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(some.uniform(0.3, 0.7) * took)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        finished.append(len(list((folder / ".killed.parquet.batch").glob("done-*"))))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (undisturbed, out)]
    return {"parts after each kill": finished, "same bytes": digests[0] == digests[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--memory", default="")
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--task", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if asked.task:
        task(asked.task[0], asked.task[1:])
        return
    found: dict[str, object] = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="matloop-batch-") as place:
        folder = Path(place)
        table = str(folder / "table.parquet")
        generate(Path(table), asked.rows)
        for workers in asked.workers.split(","):
            found[f"ours, {asked.rows:,} rows, {workers} workers"] = measured(
                "ours", asked.bundle, table, str(folder / f"{workers}.parquet"), workers
            )
        found[f"loop, {asked.rows:,} rows"] = measured("loop", asked.bundle, table, str(folder / "loop.parquet"))
        for rows in (int(text) for text in asked.memory.split(",") if text):
            path = folder / f"{rows}.parquet"
            generate(path, rows)
            for name, more in (("ours", ("1",)), ("loop", ())):
                found[f"{name}, {rows:,} rows, memory"] = measured(
                    name, asked.bundle, str(path), str(folder / "memory.parquet"), *more
                )
        if asked.kill:
            found["killed"] = killed(asked.bundle, table, folder, asked.kill)
    for name, value in found.items():
        shown = value if not isinstance(value, dict) else {
            key: round(one, 1) if isinstance(one, float) else one for key, one in value.items()}  # fmt: skip
        print(f"{name:<40} {shown}")
    if asked.save:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
