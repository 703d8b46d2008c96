"""An exported model beside the library it came from: size, start, one row, 1,000 rows, memory and difference.

    python benchmarks/edge.py BUNDLE [--table TABLE] [--out FOLDER] [--rounds 3] [--save]

Three ways, each in a process of its own with one thread: `library` is `matloop.deploy.answering.Answerer` on the
bundle, `numpy` and `onnx` are what `matloop export` writes (the second needs the extra `edge`). Sizes: of the export,
and of the packages that a process has loaded files from. Times of rows are processor times, the median of the rounds;
the start is of the clock. The difference is that of the values.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

RESULTS = Path(__file__).parent / "results" / "edge.json"
PROBE = """
import json, sys, time
began = time.perf_counter()
way, place, rows = sys.argv[1:4]
columns = json.loads(open(rows, encoding="utf-8").read())
if way == "library":
    from matloop.deploy.answering import Answerer
    model = Answerer.open(place)
    ask = model.answer_columns
else:
    sys.path.insert(0, place)
    from runner import load
    ask = load().predict
def row(k):
    return {name: [values[k % len(values)]] for name, values in columns.items()}
ask(row(0))
start = time.perf_counter() - began
def timed(call, n):
    found = []
    for k in range(n):
        at = time.process_time()
        call(k)
        found.append(1000 * (time.process_time() - at))
    return sorted(found)
one = timed(lambda k: ask(row(k)), 300)
many = {name: [values[k % len(values)] for k in range(1000)] for name, values in columns.items()}
thousand = timed(lambda k: ask(many), 7)
peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
roots = {}
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None) or ""
    if "site-packages" in path:
        head, _, rest = path.partition("site-packages")
        roots[rest.strip("/").split("/")[0]] = head + "site-packages"
print(json.dumps({
    "start_s": start, "one_ms": one[150], "one_p99_ms": one[297], "thousand_ms": thousand[3], "peak_mb": peak,
    "packages": roots,
    "value": [p.value.tolist() for p in ask(many).predictions.values()],
}))
"""


def weight(paths: list[Path]) -> float:
    """Megabytes of files and of what is below folders; a package's bundled libraries beside it count."""
    total = 0
    for path in paths:
        files = [path] if path.is_file() else path.rglob("*")
        total += sum(one.stat().st_size for one in files if one.is_file() and "__pycache__" not in one.parts)
    return total / 1e6


def installed(packages: dict[str, str]) -> float:
    """Megabytes of the packages that a process loaded from."""
    found = []
    for name, root in packages.items():
        found += [Path(root) / name, Path(root) / f"{name}.libs"]
    return weight([path for path in found if path.exists()])


def asked(way: str, place: Path, rows: Path) -> dict[str, Any]:
    """One process."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, way, str(place), str(rows)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--table", default=None)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    from matloop.core.optional import available
    from matloop.deploy.bundle import load_bundle
    from matloop.deploy.edge.export import export_bundle
    from matloop.deploy.edge.rows import columns_for

    with tempfile.TemporaryDirectory() as temporary:
        root = given.out or Path(temporary)
        rows = Path(temporary) / "rows.json"
        loaded = load_bundle(given.bundle)
        rows.write_text(json.dumps(dict(columns_for(given.bundle, loaded, given.table).columns)), "utf-8")
        places = {"library": given.bundle}
        for way in ("numpy", *(("onnx",) if available("onnx") and available("onnxruntime") else ())):
            export_bundle(given.bundle, root / way, to=way, table=given.table)
            places[way] = root / way
        export_bundle(given.bundle, root / "one.pyz", table=given.table)
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in places}
        for _ in range(given.rounds):
            for way, place in places.items():
                found[way].append(asked(way, place, rows))
        sizes = {way: weight([place]) for way, place in places.items()}
        sizes["one file"] = weight([root / "one.pyz"])
    report = {"machine": platform.machine(), "python": platform.python_version(), "model": loaded.manifest.name}
    expected = found["library"][0]["value"]
    print(
        f"{'':9}{'export':>9}{'packages':>10}{'start':>8}{'one row':>10}{'p99':>9}{'1,000':>9}"
        f"{'memory':>9}{'difference':>12}"
    )
    for way, rounds in found.items():
        middle = {
            name: statistics.median(one[name] for one in rounds)
            for name in ("start_s", "one_ms", "one_p99_ms", "thousand_ms", "peak_mb")
        }
        middle["difference"] = max(
            abs(a - b) for mine, theirs in zip(rounds[0]["value"], expected, strict=True)
            for a, b in zip(mine, theirs, strict=True) if a == a
        )  # fmt: skip
        middle["export_mb"], middle["packages_mb"] = sizes[way], installed(rounds[0]["packages"])
        report[way] = {name: float(f"{value:.4g}") for name, value in middle.items()}
        print(
            f"{way:9}{sizes[way]:6.1f} MB{middle['packages_mb']:7.0f} MB{middle['start_s']:6.2f} s"
            f"{middle['one_ms']:7.2f} ms{middle['one_p99_ms']:6.2f} ms{middle['thousand_ms']:6.0f} ms"
            f"{middle['peak_mb']:6.0f} MB{middle['difference']:12.2g}"
        )
    print(f"as one file: {sizes['one file']:.1f} MB")
    if given.save:
        RESULTS.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
