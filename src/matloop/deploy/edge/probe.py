"""Run in a process of its own: load an exported folder with the standard library and numpy alone, and time it.

Usage: python probe.py FOLDER ROWS.json OUT.npz LIBRARY,LIBRARY,...   (libraries that may be imported beside)
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_ONE_ROW_SECONDS = 0.3
_BATCH_SECONDS = 0.5


class OnlyThese(importlib.abc.MetaPathFinder):
    """Refuses every import but of the standard library and the packages named."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = {*sys.stdlib_module_names, *allowed}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """None where another finder may look; ModuleNotFoundError for the rest."""
        if name.partition(".")[0] not in self.allowed:
            raise ModuleNotFoundError(f"{name!r} may not be imported here", name=name)


def probe(folder: Path, columns: dict[str, list[Any]], libraries: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """Times and memory, and the predictions of the given columns."""
    began = time.perf_counter()
    package = next(folder.glob("*/deploy/edge/runtime.py")).parents[2].name
    sys.meta_path.insert(0, OnlyThese([*libraries, package, "runner"]))
    sys.path.insert(0, str(folder))
    runner = importlib.import_module("runner").load()
    first = {name: values[:1] for name, values in columns.items()}
    runner.predict(first)
    ready = time.perf_counter() - began
    n = len(next(iter(columns.values())))
    if not n:
        return {"load_s": ready}, None
    times = _times(
        lambda k: runner.predict({name: [values[k % n]] for name, values in columns.items()}), 200, _ONE_ROW_SECONDS
    )
    many = {name: [values[k % n] for k in range(1000)] for name, values in columns.items()}
    batches = _times(lambda k: runner.predict(many), 5, _BATCH_SECONDS)
    found = {
        "load_s": ready,
        "one_ms": 1000 * _quantile(times, 0.5),
        "one_p99_ms": 1000 * _quantile(times, 0.99),
        "thousand_ms": 1000 * _quantile(batches, 0.5),
        "peak_mb": _peak_mb(),
    }
    return found, runner.predict(columns)


def _times(call: Any, most: int, seconds: float) -> list[float]:
    """Processor times, so that a busy machine does not count; there is one thread."""
    found: list[float] = []
    while len(found) < most and (len(found) < 2 or sum(found) < seconds):
        began = time.process_time()
        call(len(found))
        found.append(time.process_time() - began)
    return found


def _quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def _peak_mb() -> float:
    """The largest resident memory of this process, MB."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    if importlib.util.find_spec("resource") is None:
        return float("nan")
    resource: Any = importlib.import_module("resource")
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _main(arguments: Sequence[str]) -> None:
    folder, rows, out, libraries = arguments
    columns = json.loads(Path(rows).read_text("utf-8"))
    figures, answered = probe(Path(folder), columns, [name for name in libraries.split(",") if name])
    arrays: dict[str, Any] = {}
    numpy: Any = importlib.import_module("numpy")
    if answered is not None:
        for target, prediction in answered.predictions.items():
            for name in ("value", "low", "high", "std", "proba", "in_domain", "reason"):
                arrays[f"{target}\n{name}"] = getattr(prediction, name)
    names = numpy.array(list(arrays), dtype=numpy.str_)
    numpy.savez(
        out,
        names=names,
        figures=numpy.array(json.dumps(figures)),
        **dict(zip(_keys(len(arrays)), arrays.values(), strict=True)),
    )


def _keys(n: int) -> list[str]:
    return [f"array{k}" for k in range(n)]


if __name__ == "__main__":
    _main(sys.argv[1:])
