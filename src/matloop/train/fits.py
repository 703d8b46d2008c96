"""A pool of killable worker processes that fit recipes; a finished fit is a file and never done twice."""

from __future__ import annotations

import hashlib
import json
import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from matloop.core.arrayfile import read_arrays, write_arrays
from matloop.core.arrays import Arrays, FloatArray, IntArray, nested, under
from matloop.core.children import LEAST_GB, Child, Parcel
from matloop.core.errors import BundleError, RunError
from matloop.core.files import write_atomic, write_text
from matloop.core.jsonable import dumps, to_jsonable
from matloop.problem.question import Loss
from matloop.train.change import Change
from matloop.train.recipe_model import Border, Output, RecipeModel, combine
from matloop.train.values import Development, LossCurve, Recipe

_LIBRARIES = ("matloop", "numpy", "scipy", "scikit-learn", "lightgbm", "torch")
_START_S = 60.0  # a worker may take so long to import its libraries before its fit counts
_TICK = 0.5  # seconds between looks at the clock while waiting


@dataclass(frozen=True, slots=True)
class FitTask:
    """One fit: `recipe` on the rows `train` (positions in the development), then predictions of the rows `predict`.

    `keep` asks for the fitted model, too, as arrays of a `RecipeModel`. `change` alters the training rows first.
    """

    recipe: Recipe
    train: IntArray
    predict: IntArray
    seed: int
    keep: bool = False
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class FitResult:
    """What came of a fit; `failed` says why it did not work (then the arrays are empty), or is empty.

    seconds : time of fitting, summed over members. predict_ms : time to predict one row alone.
    model : arrays of a `RecipeModel` if the task said keep.
    overdue : whether it was stopped because it took longer than a single fit may.
    """

    value: FloatArray
    proba: FloatArray
    spread: FloatArray
    seconds: float = 0.0
    predict_ms: float = float("nan")
    model: Arrays | None = None
    failed: str = ""
    curves: tuple[LossCurve, ...] = ()
    overdue: bool = False


OnDone = Callable[[int, FitResult], object]


def search_loss(development: Development) -> Loss:
    """The loss that candidates are fitted with unless they say otherwise: the asked one, or what suits the metric."""
    if development.loss != "auto":
        return development.loss
    if development.task == "classification":
        return "cross_entropy"
    return "mse" if development.metric in ("mse", "rmse", "r2") else "mae"


def failure(reason: str, *, overdue: bool = False) -> FitResult:
    """The result of a fit that did not work."""
    nothing = np.zeros(0)
    return FitResult(nothing, np.zeros((0, 0)), nothing, failed=reason, overdue=overdue)


@dataclass(slots=True, eq=False)
class _Worker:
    """A running process and what it is at."""

    child: Child
    job: _Job | None = None
    until: float | None = None


@dataclass(slots=True)
class _Job:
    """One member of one or several tasks: what is fitted, its file, and who waits for it."""

    key: str
    order: dict[str, Any]
    path: Path
    waiting: list[tuple[int, int]] = field(default_factory=list)


class Fits:
    """Fits recipes on one development set in worker processes, one thread each.

    Parameters
    ----------
    development : the rows to learn from.
    folder : where data and results are kept; a second pool on the same folder finds finished fits there.
    workers : number of processes.
    memory_gb : limit of all workers' own memory together; a fit that needs more than its share fails with that reason.

    Examples
    --------
    >>> with Fits(development, folder=Path("fits"), workers=2) as fits:          # doctest: +SKIP
    ...     results = fits.run([FitTask(recipe, train, test, seed=0)], deadline=None)
    """

    def __init__(self, development: Development, *, folder: Path, workers: int, memory_gb: float | None = None) -> None:
        self.development = development
        self.folder = folder.absolute()
        self.workers = max(int(workers), 1)
        self.memory_gb = memory_gb
        self.border = Border(
            development.task, len(development.classes), development.scale, development.bounds
        )  # fmt: skip
        self.fresh = 0  # fits done by this pool, as against found in the folder
        self._pool: list[_Worker] = []
        self._news: queue.Queue[tuple[Child, Parcel | None]] = queue.Queue()
        self._data = _write_data(development, self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers."""
        for worker in self._pool:
            worker.child.kill()
        self._pool.clear()

    def run(
        self,
        tasks: Sequence[FitTask],
        *,
        deadline: float | None = None,
        on_done: OnDone | None = None,
        limit: float | None = None,
    ) -> list[FitResult | None]:
        """Fit all tasks, in their order as far as workers are free.

        Parameters
        ----------
        deadline : `time.monotonic()` value at which running fits are killed; None: never.
        on_done : called with the task's position and result as each is finished.
        limit : seconds that one member's fit may take; a longer one is killed and its result is `overdue`.

        Returns
        -------
        A result per task, None where the deadline came first.

        Raises
        ------
        RunError : the disk is full or the folder not writable. KeyboardInterrupt : running fits are killed before.
        """
        self._dismiss(self._busy())  # a second Ctrl-C may have cut the tidying of an interrupted call short
        desk = _Desk(self, tasks, on_done)
        desk.start()
        waiting = deque(desk.open_jobs())
        try:
            while waiting or self._busy():
                if deadline is not None and time.monotonic() >= deadline:
                    break
                self._hand_out(waiting, limit)
                self._listen(desk, deadline, limit)
                self._stop_overdue(desk)
        finally:
            self._dismiss(self._busy())
        return desk.results

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._pool if worker.job is not None]

    def _dismiss(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            worker.child.kill()
            self._pool.remove(worker)

    def _hand_out(self, waiting: deque[_Job], limit: float | None) -> None:
        self._dismiss([w for w in self._pool if w.job is None and not w.child.alive])
        while waiting:
            worker = next((w for w in self._pool if w.job is None), None)
            if worker is None:
                if len(self._pool) >= self.workers:
                    return
                worker = self._hired()
            worker.job = waiting.popleft()
            worker.until = None if limit is None else time.monotonic() + limit + _START_S
            worker.child.send(worker.job.order)

    def _listen(self, desk: _Desk, deadline: float | None, limit: float | None) -> None:
        now = time.monotonic()
        ends = [t for t in (deadline, *(w.until for w in self._busy())) if t is not None]
        patience = max(min([_TICK, *(end - now for end in ends)]), 0.0)
        try:
            child, parcel = self._news.get(timeout=patience + 0.001)
        except queue.Empty:
            return
        worker = next((w for w in self._pool if w.child is child), None)
        if worker is None:
            return  # said by a worker that was dismissed meanwhile
        answer = parcel.message if parcel else {}
        if answer.get("started"):
            worker.until = None if limit is None else time.monotonic() + limit
            return
        job, worker.job = worker.job, None
        if parcel is None:
            reason = worker.child.epitaph()
            self._dismiss([worker])
            if job is not None:
                desk.fail(job, reason, lasting=False)
            return
        if job is not None:
            self.fresh += 1
            self._note(desk, job, answer)

    def _note(self, desk: _Desk, job: _Job, answer: dict[str, Any]) -> None:
        if "fatal" in answer:
            raise RunError(answer["fatal"])
        if "reason" in answer:
            desk.fail(job, answer["reason"], lasting=not answer.get("again", False))
        else:
            desk.deliver(job)

    def _stop_overdue(self, desk: _Desk) -> None:
        now = time.monotonic()
        for worker in self._busy():
            if worker.until is not None and now >= worker.until and worker.job is not None:
                job = worker.job
                self._dismiss([worker])
                desk.fail(job, "a single fit takes longer than the limits allow", lasting=False, overdue=True)

    def _hired(self) -> _Worker:
        worker = _Worker(Child("matloop.train.worker", self._news))
        self._pool.append(worker)
        share = None if self.memory_gb is None else max(self.memory_gb / self.workers, LEAST_GB)
        worker.child.send({"data": str(self._data), "memory_gb": share})
        return worker


class _Desk:
    """Which tasks wait for which jobs; puts members' results together as they come."""

    def __init__(self, fits: Fits, tasks: Sequence[FitTask], on_done: OnDone | None) -> None:
        self.fits, self.tasks, self.on_done = fits, tasks, on_done
        self.results: list[FitResult | None] = [None] * len(tasks)
        self._parts: list[list[Arrays | None]] = [[None] * len(task.recipe.members) for task in tasks]
        self._jobs: dict[str, _Job] = {}

    def start(self) -> None:
        """Make a job of each member, and deliver those that were done before."""
        for at, task in enumerate(self.tasks):
            for part in range(len(task.recipe.members)):
                job = _job(self.fits.folder, self.fits._data, task, part)
                self._jobs.setdefault(job.key, job).waiting.append((at, part))
        for job in [job for job in self._jobs.values() if job.path.exists()]:
            try:
                self.deliver(job)
            except BundleError:
                job.path.unlink()  # damaged by a crash of the machine: fit again

    def open_jobs(self) -> list[_Job]:
        """Jobs that still have to be done, in the order of the tasks."""
        return list(self._jobs.values())

    def deliver(self, job: _Job) -> None:
        """A job's result file is there: hand it to all who wait."""
        arrays = read_arrays(job.path)
        self._jobs.pop(job.key, None)
        if "reason" in arrays:
            self._fail_waiting(job, str(arrays["reason"]), overdue=False)
            return
        for at, part in job.waiting:
            self._parts[at][part] = arrays
            if self.results[at] is None and all(p is not None for p in self._parts[at]):
                self._finish(at, _together(self.tasks[at], [p for p in self._parts[at] if p is not None], self.fits))

    def fail(self, job: _Job, reason: str, *, lasting: bool, overdue: bool = False) -> None:
        """A job failed; a `lasting` failure would fail again and is kept as a file."""
        if lasting:
            write_arrays(job.path, {"reason": np.array(reason)})
        self._jobs.pop(job.key, None)
        self._fail_waiting(job, reason, overdue=overdue)

    def _fail_waiting(self, job: _Job, reason: str, *, overdue: bool) -> None:
        for at, part in job.waiting:
            if self.results[at] is None:
                members = self.tasks[at].recipe.members
                who = f"{members[part].family}: " if len(members) > 1 else ""
                self._finish(at, failure(who + reason, overdue=overdue))

    def _finish(self, at: int, result: FitResult) -> None:
        self.results[at] = result
        if self.on_done is not None:
            self.on_done(at, result)


def _together(task: FitTask, parts: Sequence[Arrays], fits: Fits) -> FitResult:
    outputs = [Output(part["value"], part["proba"], part["spread"]) for part in parts]
    out = combine(outputs, task.recipe.weights, fits.border, task.recipe.threshold)
    pairs = zip(task.recipe.members, parts, strict=True)
    return FitResult(
        out.value,
        out.proba,
        out.spread,
        seconds=sum(float(part["seconds"]) for part in parts),
        predict_ms=sum(float(part["predict_ms"]) for part in parts),
        model=_model_arrays(task, parts, fits) if task.keep else None,
        curves=tuple(_curve(spec.label, part) for spec, part in pairs if "curve/train" in part),
    )


def _model_arrays(task: FitTask, parts: Sequence[Arrays], fits: Fits) -> Arrays:
    n_features = fits.development.table.X.shape[1]
    empty = RecipeModel((), np.array(task.recipe.weights, dtype=float), fits.border, n_features, task.recipe.threshold)
    arrays = empty.to_arrays()
    for k, part in enumerate(parts):
        arrays |= nested(f"member{k}", under("member", part))
    return arrays


def _curve(label: str, part: Arrays) -> LossCurve:
    return LossCurve(label, tuple(part["curve/train"].tolist()), tuple(part["curve/validation"].tolist()))


def _job(folder: Path, data: Path, task: FitTask, part: int) -> _Job:
    spec = to_jsonable(task.recipe.members[part])
    train, predict = _write_rows(folder, task.train), _write_rows(folder, task.predict)
    what = {"data": data.name, "spec": spec, "pseudo_labels": task.recipe.pseudo_labels, "train": train.stem,
            "predict": predict.stem, "seed": int(task.seed), "keep": task.keep}  # fmt: skip
    if task.change is not None:
        what["change"] = to_jsonable(task.change)
    key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
    path = folder / "results" / f"{key}.npz"
    return _Job(key, {**what, "key": key, "train": str(train), "predict": str(predict), "result": str(path)}, path)


def _write_rows(folder: Path, rows: IntArray) -> Path:
    content = np.ascontiguousarray(rows, dtype=np.int64)
    path = folder / "rows" / f"{hashlib.sha256(content.tobytes()).hexdigest()[:24]}.npy"
    if not path.exists():
        _save(path, content)
    return path


def _save(path: Path, array: FloatArray | IntArray) -> None:
    write_atomic(path, lambda stream: np.save(stream, array, allow_pickle=False))


def _write_data(development: Development, folder: Path) -> Path:
    """The development as memory-mappable files in a folder named by their content."""
    width = development.table.X.shape[1]
    unlabelled = np.zeros((0, width)) if development.unlabelled is None else development.unlabelled.X
    raw = {"X": development.table.X, "y": development.y, "weights": development.weights, "unlabelled": unlabelled}
    arrays = {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in raw.items()}
    facts = dumps({
        "task": development.task, "n_classes": len(development.classes), "scale": development.scale,
        "bounds": development.bounds, "loss": search_loss(development), "columns": development.table.columns(),
    })  # fmt: skip
    digest = hashlib.sha256((facts + _versions()).encode())
    for name, array in arrays.items():
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.tobytes())
    place = folder / f"data-{digest.hexdigest()[:24]}"
    if not (place / "facts.json").exists():
        for name, array in arrays.items():
            _save(place / f"{name}.npy", array)
        write_text(place / "facts.json", facts)
    return place


def _versions() -> str:
    """What the fits were made with: another release's fits are not taken for this one's."""
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} -")
    return ", ".join(found)
