"""How fast matloop starts and predicts, against the nearest thing that does less, in one run.

    python benchmarks/speed.py --bundle runs/thermopower/<id>/bundle [--save]

Prints medians over repeats: `matloop --help` beside an empty typer program; `matloop predict` of 100,000 formulas as a
whole process; one row in a warm process.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EMPTY = "import typer\napp = typer.Typer()\n@app.command()\ndef hello() -> None:\n    'Nothing.'\napp()\n"
MARKS = {"help ratio": 1.6, "predict 100,000 formulas, s": 20.0, "one row, ms": 5.0}


def whole(command: list[str]) -> float:
    """Seconds of one whole process."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def help_ratio(repeats: int) -> dict[str, float]:
    """`matloop --help` over an empty typer program, pair by pair."""
    matloop = str(Path(sys.executable).with_name("matloop"))
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        pairs = [
            (whole([matloop, "--help"]), whole([sys.executable, str(empty), "--help"])) for _ in range(repeats + 1)
        ][1:]
    return {
        "help ratio": statistics.median(ours / theirs for ours, theirs in pairs),
        "help, s": statistics.median(ours for ours, _ in pairs),
        "empty typer, s": statistics.median(theirs for _, theirs in pairs),
    }


def many_formulas(n: int) -> list[str]:
    """`n` different formulas made from those of the embedded data set."""
    from matloop.data.collect import collect
    from matloop.problem import Source

    known = [str(text) for text in collect(Source("ricci-transport")).columns["pretty_formula"]]
    return [known[i % len(known)] + (f"Fe0.{i // len(known)}" if i >= len(known) else "") for i in range(n)]


def predict_many(bundle: Path, n: int, repeats: int) -> dict[str, float]:
    """`matloop predict` on `n` formulas as a whole process."""
    column = json.loads((bundle / "manifest.json").read_text())["inputs"][0]["column"]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "formulas.csv"
        table.write_text("\n".join([column, *many_formulas(n)]) + "\n")
        matloop = str(Path(sys.executable).with_name("matloop"))
        command = [matloop, "predict", str(bundle), str(table), "-o", str(Path(folder) / "out.csv")]
        taken = [whole(command) for _ in range(repeats)]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return {f"predict {n:,} formulas, s": statistics.median(taken), "predict peak, GB": peak}


def one_row(bundle: Path, repeats: int) -> dict[str, float]:
    """One formula in a warm process."""
    import pandas as pd

    from matloop.deploy.bundle import load_bundle
    from matloop.deploy.predict import predict_frame

    loaded = load_bundle(bundle)
    column = loaded.manifest.inputs[0].column
    taken = []
    for formula in many_formulas(repeats + 20):
        frame = pd.DataFrame({column: [formula]})
        begun = time.perf_counter()
        predict_frame(loaded, frame)
        taken.append(time.perf_counter() - begun)
    return {
        "one row, ms": 1000 * statistics.median(taken[20:]),
        "one row, 95th percentile, ms": 1000 * sorted(taken[20:])[int(0.95 * repeats)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="the demo's bundle; the newest below runs/ if not given")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/speed.json")
    options = parser.parse_args()
    bundles = sorted(Path("runs").glob("thermopower/*/bundle/manifest.json"), key=lambda path: path.stat().st_mtime)
    bundle = options.bundle or (bundles[-1].parent if bundles else None)
    found = help_ratio(options.repeats)
    if bundle is None:
        print("no bundle: run `make demo` first, or give --bundle, to time predictions")
    else:
        found |= predict_many(bundle, 100_000, 3) | one_row(bundle, 200)
    for name, value in found.items():
        print(f"{name:35s} {value:10.3f}" + (f"   mark {MARKS[name]:g}" if name in MARKS else ""))
    if options.save:
        Path(__file__).with_name("results").mkdir(exist_ok=True)
        (Path(__file__).with_name("results") / "speed.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
