"""An exported folder measured in a process that can import nothing else, and compared with the bundle it came from."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.children import THREADS
from matloop.core.errors import RunError
from matloop.deploy.bundle import Bundle
from matloop.deploy.edge.rows import Rows, columns_for
from matloop.deploy.edge.runtime import Runner
from matloop.doubt.prediction import Prediction

__all__ = ["Difference", "Measured", "columns_for", "measure"]

TOLERANCE = {"numpy": 1e-12, "onnx": 1e-6}
"""Largest difference, relative to the spread of the values, up to which values count as those of the bundle."""
LIBRARIES = {"numpy": ("numpy",), "onnx": ("numpy", "onnxruntime", "coloredlogs", "flatbuffers", "google", "packaging")}
_PARTS = ("value", "low", "high", "std", "proba")
_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the values of one target are from those of the bundle.

    largest : of any number, in its unit. relative : the same over the standard deviation of the values of the bundle.
    flags : rows whose in-domain flag (or, with numpy, its reason) differs.
    """

    target: str
    largest: float
    relative: float
    flags: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What an export costs, and how near it comes.

    load_s : from the start of the import to the first answer. one_ms, one_p99_ms : one row, median and 99th percentile
    of the processor time. thousand_ms : 1,000 rows at once. peak_mb : resident memory of the process.
    rows, source : what it was compared on.
    differences : by target. tolerance : relative.
    """

    load_s: float
    one_ms: float
    one_p99_ms: float
    thousand_ms: float
    peak_mb: float
    rows: int
    source: str
    differences: tuple[Difference, ...]
    tolerance: float

    @property
    def same(self) -> bool:
        """Whether every value is that of the bundle, within the tolerance."""
        return all(one.relative <= self.tolerance and not one.flags for one in self.differences)

    def lines(self) -> Iterator[str]:
        """In words."""
        yield (
            f"ready in {self.load_s:.2f} s; one row {self.one_ms:.2f} ms (99 % under {self.one_p99_ms:.2f} ms); "
            f"1,000 rows {self.thousand_ms:.0f} ms; {self.peak_mb:.0f} MB"
        )
        for one in self.differences:
            what = "equal bits" if one.largest == 0.0 else f"largest difference {one.largest:.2g}"
            rest = f", relative {one.relative:.1g}, allowed {self.tolerance:g}" if one.largest else ""
            flags = f"; {one.flags} domain flags differ" if one.flags else ""
            yield f"{one.target}: {what}{rest} on {self.rows:,} rows ({self.source}){flags}"


def measure(folder: Path, bundle: Bundle, rows: Rows, to: str) -> Measured:
    """Time an exported folder in another process, and compare its answers with those of the bundle here.

    Raises
    ------
    RunError : the process failed; the message says how.
    """
    figures, found = _probed(folder, rows.columns, LIBRARIES[to])
    expected = Runner(bundle).predict(rows.columns).predictions
    differences = tuple(_difference(target, expected[target], found, reasons=to == "numpy") for target in expected)
    return Measured(
        **{name: float(figures[name]) for name in ("load_s", "one_ms", "one_p99_ms", "thousand_ms", "peak_mb")},
        rows=len(rows), source=rows.source, differences=differences, tolerance=TOLERANCE[to],
    )  # fmt: skip


def _probed(
    folder: Path, columns: Mapping[str, Sequence[Any]], libraries: Sequence[str]
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    with tempfile.TemporaryDirectory() as temporary:
        given, out = Path(temporary) / "rows.json", Path(temporary) / "out.npz"
        given.write_text(json.dumps(dict(columns)), "utf-8")
        script = Path(__file__).with_name("probe.py")
        threads = {f"{name}_NUM_THREADS": "1" for name in THREADS}
        command = [sys.executable, "-P", str(script), str(folder), str(given), str(out), ",".join(libraries)]
        try:
            done = subprocess.run(
                command, env={**os.environ, **threads}, capture_output=True, text=True, timeout=_SECONDS, check=False
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RunError(f"the export did not answer {len(columns)} rows within {_SECONDS:g} s.") from error
        if done.returncode or not out.is_file():
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise RunError(f"the export does not run by itself: {last[0]}. Serve the bundle with matloop instead.")
        with np.load(out, allow_pickle=False) as arrays:
            names = arrays["names"].tolist()
            return json.loads(str(arrays["figures"])), {name: arrays[f"array{k}"] for k, name in enumerate(names)}


def _difference(target: str, expected: Prediction, found: Mapping[str, np.ndarray], *, reasons: bool) -> Difference:
    largest, relative = 0.0, 0.0
    known = expected.value[np.isfinite(expected.value)]
    spread = float(known.std()) if len(known) and not expected.classes else 1.0
    for part in _PARTS:
        gap = _gap(getattr(expected, part), found[f"{target}\n{part}"])
        largest = max(largest, gap)
        relative = max(relative, gap / max(spread, 1e-300))
    flags = expected.in_domain != found[f"{target}\nin_domain"]
    if reasons:
        flags |= expected.reason != found[f"{target}\nreason"]
    return Difference(target, largest, relative, int(flags.sum()))


def _gap(expected: FloatArray, found: FloatArray) -> float:
    if expected.shape != found.shape or (np.isnan(expected) != np.isnan(found)).any():
        return math.inf
    equal = (expected == found) | np.isnan(expected)
    return float(np.abs(expected[~equal] - found[~equal]).max(initial=0.0))
