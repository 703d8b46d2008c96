"""What the prediction log says: alarms of the monitoring, and answers whose values were measured since."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matloop.core.errors import DataError
from matloop.data.words import shown
from matloop.monitor.contract import Finding
from matloop.monitor.log import PredictionLog
from matloop.monitor.retrain.home import Home
from matloop.monitor.retrain.plan import Plan
from matloop.monitor.retrain.sources import TIME, columns_needed
from matloop.monitor.retrain.state import Champion
from matloop.monitor.retrain.tables import Texts
from matloop.monitor.watch import monitor
from matloop.problem.question import Problem


@dataclass(frozen=True, slots=True)
class Logged:
    """findings : of the monitoring, over all answers of the champion. labelled : answers that have measured values, as
    rows of the data. notes : what could not be read."""

    findings: tuple[Finding, ...] = ()
    labelled: tuple[Texts, ...] = ()
    notes: tuple[str, ...] = ()


def logged(home: Home, plan: Plan, problem: Problem, champion: Champion) -> Logged:
    """Look at the log of the plan; nothing without one."""
    if not plan.labels.log:
        return Logged()
    folder = Path(os.path.normpath(home.path / plan.labels.log))
    notes: list[str] = []
    findings: tuple[Finding, ...] = ()
    labelled: tuple[Texts, ...] = ()
    if plan.when.drift or plan.when.decay:
        try:
            findings = monitor(folder, bundle=os.path.normpath(home.path / champion.bundle)).findings
        except DataError as error:
            notes.append(f"the log says nothing of the champion yet: {error}")
    try:
        table = labelled_rows(PredictionLog(folder), problem)
        labelled = (table,) if len(table) else ()
    except DataError as error:
        notes.append(f"no labels from the log: {error}")
    return Logged(findings, labelled, tuple(dict.fromkeys(notes)))


def labelled_rows(log: PredictionLog, problem: Problem) -> Texts:
    """Answers with a measured value, as rows with the columns of the inputs and targets, and when they were told.

    Raises
    ------
    DataError : there is no log.
    """
    known: dict[str, tuple[float, dict[str, str]]] = {}
    for target in problem.targets:
        for labels in (found for name, found in log.labels().items() if name == target.name):
            for row, request in enumerate(labels.request.tolist()):
                truth = labels.truth[row]
                word = labels.classes[int(truth)] if labels.classes else shown(float(truth))
                told, values = known.get(request, (0.0, {}))
                known[request] = (max(told, float(labels.told[row])), {**values, target.column: word})
    wanted = columns_needed(problem)
    names = (*wanted, *(target.column for target in problem.targets), TIME)
    rows = []
    for answered in log.read():
        for row in range(answered.n):
            found = known.get(f"{answered.request}/{row}")
            if found is not None:
                cells = [_cell(answered.inputs, name, row) for name in wanted]
                rows.append((*cells, *(found[1].get(t.column, "") for t in problem.targets), repr(found[0])))
    return Texts(names, tuple(rows))


def _cell(inputs: Mapping[str, Sequence[object]], name: str, row: int) -> str:
    values = inputs.get(name, ())
    return shown(values[row]) if row < len(values) else ""
