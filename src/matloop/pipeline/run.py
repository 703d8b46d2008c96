"""The walk from a question to a report and a bundle: `matloop.run`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from matloop.core.errors import RunError
from matloop.core.progress import SILENT, Progress
from matloop.core.threads import one_thread
from matloop.data.collect import collect, from_frame
from matloop.data.table import RawTable
from matloop.models.foreign import checked
from matloop.pipeline import steps
from matloop.pipeline.account import citations, cleaning_summary, features_by_origin, split_summary
from matloop.pipeline.clock import Budget, Clock, seconds_trained
from matloop.pipeline.develop import fit_task
from matloop.pipeline.folder import RunFolder, find_run, run_id, slug
from matloop.pipeline.replay import differences
from matloop.pipeline.result import RunResult
from matloop.pipeline.store import read_record, write_pages, write_record
from matloop.pipeline.versions import versions
from matloop.problem.question import Problem
from matloop.report.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import BaseEstimator


def run(
    problem: Problem,
    *,
    folder: Path | str = "runs",
    base: Path | None = None,
    data: pd.DataFrame | None = None,
    estimators: Mapping[str, BaseEstimator] | None = None,
    replay: bool = False,
    progress: Progress = SILENT,
) -> RunResult:
    """Answer a question about materials: the whole walk, from the data to a report and a bundle.

    A run that was stopped (killed, disk full, Ctrl-C) goes on from its last finished step when called again with the
    same problem and data. A finished one is returned as it is.

    Parameters
    ----------
    folder : where runs are kept; this one goes to `folder/<problem.name>/<id>`.
    base : the folder that a relative `problem.data.source` starts from (the current one if not given).
    data : a table in memory, instead of reading `problem.data.source`.
    estimators : unfitted scikit-learn estimators by name, tried beside the built-in families (extra "foreign"). They
        belong to the question: give the same ones to go on with a stopped run, or to replay a finished one.
    replay : do a finished run again, exactly as far as it came, beside it, and compare the results.

    Raises
    ------
    ConfigError, DataError, RunError : what is wrong with question, data, or folder, and what to do.

    Examples
    --------
    >>> import matloop                                                           # doctest: +SKIP
    >>> result = matloop.run(matloop.load_problem("examples/thermopower.toml"))  # doctest: +SKIP
    >>> result.record.targets[0].evaluation.verdict.answer                       # doctest: +SKIP
    'met'
    """
    clock = Clock(progress)
    begun = time.monotonic()
    problem = with_estimators(problem, estimators or {})
    with clock.step("collect"):
        raw = collect(problem.data, base=base) if data is None else from_frame(data)
    home = Path(folder) / slug(problem.name)
    where = RunFolder(home / run_id(problem, raw.provenance.sha256), versions()["matloop"])
    if replay:
        return _replayed(problem, raw, where, clock, begun)
    with where.alone():
        went_on = where.state() is not None
        if where.begin(problem=problem.name, data=raw.provenance.sha256):
            return RunResult(where.path, read_record(where.path), finished_before=True)
        record = _walk(problem, raw, where, clock, begun, like=None)
        return RunResult(where.path, record, went_on=went_on)


def with_estimators(problem: Problem, estimators: Mapping[str, BaseEstimator]) -> Problem:
    """The problem with the caller's estimators as plain data beside those that it has already.

    Raises
    ------
    ConfigError : one is no scikit-learn estimator, is not for the task of any target, or has a parameter without a JSON
        form; the message names it.
    """
    every = {**problem.training.estimators, **estimators}
    if not every:
        return problem
    tasks = {target.name: fit_task(target) for target in problem.targets}
    return replace(problem, training=replace(problem.training, estimators=checked(every, tasks)))


def _walk(
    problem: Problem, raw: RawTable, where: RunFolder, clock: Clock, begun: float, *, like: RunFolder | None
) -> RunRecord:
    with one_thread():  # sums over several threads differ in the last digit from run to run
        return _walked(problem, raw, where, clock, begun, like=like)


def _walked(
    problem: Problem, raw: RawTable, where: RunFolder, clock: Clock, begun: float, *, like: RunFolder | None
) -> RunRecord:
    prepared = steps.prepare(problem, raw, where.path.parent / "vault", where, clock)
    budget = Budget(problem.limits.minutes * 60.0, spent=seconds_trained(where) + clock.seconds["profile"])
    where.log.append({"event": "training begins", "seconds left": round(budget.left, 1)})
    answered = []
    for number, target in enumerate(problem.targets):
        deadline = budget.share(len(problem.targets) - number) if like is None else None
        answered.append(steps.answer(prepared, target, where, clock, deadline=deadline, like=like))
    predictions, labels, looks = steps.look(prepared, answered, where, clock)
    targets = [
        steps.judge(prepared, each, predictions[each.target.name], labels[each.target.name], looks, where, clock)
        for each in answered
    ]
    steps.bundle(prepared, answered, targets, where, clock)
    record = RunRecord(
        run_id=where.path.name,
        folder=str(where.path),
        problem=problem,
        provenance=raw.provenance,
        cleaning=cleaning_summary(prepared.cleaned, prepared.n_flagged),
        split=split_summary(problem, prepared.sealed, prepared.table),
        features=features_by_origin(prepared.table),
        targets=tuple(targets),
        versions=versions(),
        timing={**clock.seconds, "total": time.monotonic() - begun},
        citations=citations(raw.provenance, prepared.table, [target.recipe for target in targets]),
        reproduce=(
            "matloop run problem.toml -o runs --replay"
            if not problem.training.estimators
            else "matloop.run(problem, estimators={...}, replay=True)  # in Python, with the same estimators",
            f"matloop predict {where.path}/bundle TABLE -o OUT.csv",
        ),
        notes=prepared.cleaned.notes,
        profile=prepared.profile,
    )
    with clock.step("report", where):
        write_record(where, record)
    where.finish()
    return record


def _replayed(problem: Problem, raw: RawTable, first: RunFolder, clock: Clock, begun: float) -> RunResult:
    """Do a finished run again beside it, with its own list of candidates and no clock, and compare."""
    if not (first.state() or {}).get("finished"):
        raise RunError(f"{first.path}: there is no finished run of this problem and data to replay. Run it first.")
    again = RunFolder(first.path.with_name(first.path.name + "-replay"), first.version)
    shutil.rmtree(again.path, ignore_errors=True)
    with again.alone():
        again.begin(problem=problem.name, data=raw.provenance.sha256, replay_of=first.path.name)
        record = _walk(problem, raw, again, clock, begun, like=first)
    return RunResult(again.path, record, differences=differences(read_record(first.path), record))


def report_again(path: Path) -> Path:
    """Make report.html and report.json of a finished run again from its files; returns the page.

    Raises
    ------
    RunError : `path` holds no finished run of this version.
    """
    folder = find_run(path)
    write_pages(RunFolder(folder, versions()["matloop"]), read_record(folder))
    return folder / "report.html"


def cite(path: Path) -> tuple[str, ...]:
    """What to cite for the data and methods of a finished run."""
    return read_record(find_run(path)).citations
