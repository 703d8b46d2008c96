"""A worker process: takes fits as orders, writes results as arrays, and ends with its parent.

Started by `fits` as a child (`core.children`). The first order names the folder of the data, each further one is a fit.
"""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from matloop.core.arrayfile import write_arrays
from matloop.core.arrays import Arrays, FloatArray, nested
from matloop.core.children import limit_memory, serve
from matloop.core.errors import MatloopError, RunError
from matloop.core.jsonable import from_jsonable
from matloop.models.family import Spec
from matloop.represent.table import Columns
from matloop.train.change import Change
from matloop.train.recipe_model import Border, FitData, Member, fit_member, member_output

_TIMED_PREDICTS = 3
_WARM_ROWS = 24


def load_data(folder: Path) -> FitData:
    """The development rows that `fits` wrote, memory-mapped."""
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("X", "y", "weights", "unlabelled")}
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    columns = from_jsonable(Columns, facts.pop("columns"))
    bounds = facts.pop("bounds")
    limits = None if bounds is None else (float(bounds[0]), float(bounds[1]))
    return FitData(**arrays, columns=columns, bounds=limits, **facts)


def run_fit(order: dict[str, Any], data: FitData) -> Arrays:
    """Fit one spec and predict; the arrays of a result file."""
    spec = from_jsonable(Spec, order["spec"])
    train, predict = np.load(order["train"]), np.load(order["predict"])
    change = from_jsonable(Change, order.get("change", {}))
    altered = change.training(data, train) if "change" in order else data
    started = time.perf_counter()
    member = fit_member(spec, altered, train, order["seed"], pseudo_labels=order["pseudo_labels"])
    seconds = time.perf_counter() - started
    border = _border(data)
    rows = change.seen(np.asarray(data.X[predict]))
    out = member_output(member, rows, border)
    if not (np.isfinite(out.value).all() and np.isfinite(out.proba).all()):
        raise ArithmeticError("some predictions are not finite")
    arrays: Arrays = {
        "value": out.value,
        "proba": out.proba,
        "spread": np.nan_to_num(out.spread, nan=0.0, posinf=0.0),
        "seconds": np.array(seconds),
        "predict_ms": np.array(predict_ms(member, data.X[train[:1]], border)),
    }
    if order["keep"]:
        arrays |= nested("member", member.to_arrays())
        curve = getattr(member.model, "loss_curve_", None)
        if curve is not None:
            arrays |= {"curve/train": np.asarray(curve[0]), "curve/validation": np.asarray(curve[1])}
    return arrays


def _border(data: FitData) -> Border:
    return Border(data.task, data.n_classes, data.scale, data.bounds)


def predict_ms(member: Member, row: FloatArray, border: Border) -> float:
    """Milliseconds to predict one row alone: the median of a few tries after a warm one."""
    took = []
    for _ in range(_TIMED_PREDICTS + 1):
        started = time.perf_counter()
        member_output(member, np.asarray(row), border)
        took.append(time.perf_counter() - started)
    return 1000.0 * float(np.median(took[1:]))


def _answer(order: dict[str, Any], data: FitData) -> dict[str, Any]:
    try:
        write_arrays(Path(order["result"]), run_fit(order, data))
    except RunError as error:
        return {"key": order["key"], "fatal": str(error)}
    except MemoryError:
        return {"key": order["key"], "reason": "it needs more memory than it may have", "again": True}
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises must become this fit's reason, not the pool's end
        reason = str(error) if isinstance(error, MatloopError) else f"{type(error).__name__}: {error}"
        traceback.print_exc()
        return {"key": order["key"], "reason": " ".join(reason.split())[:500]}
    return {"key": order["key"]}


def _warm_up(order: dict[str, Any], data: FitData) -> None:
    """A tiny fit first, so that importing the family's libraries is not counted as time of its fits."""
    try:
        spec = from_jsonable(Spec, order["spec"])
        rows = np.load(order["train"])[:_WARM_ROWS]
        member_output(fit_member(spec, data, rows, 0), np.asarray(data.X[rows[:1]]), _border(data))
    except Exception:  # noqa: BLE001 - if it fails for good, the real fit will say so
        return


def main() -> None:
    """Serve fits until the parent ends."""
    service = serve()
    hello = service.order().message
    limit_memory(hello["memory_gb"])
    data = load_data(Path(hello["data"]))
    warm: set[str] = set()
    while True:
        order = service.order().message
        if order["spec"]["family"] not in warm:
            _warm_up(order, data)
            warm.add(order["spec"]["family"])
        service.answer({"key": order["key"], "started": True})
        service.answer(_answer(order, data))


if __name__ == "__main__":
    main()
