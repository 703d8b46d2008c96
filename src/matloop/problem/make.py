"""A question from Python keywords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol as Shape

from matloop.core.errors import ConfigError, all_faults
from matloop.problem.question import (
    IN_MEMORY,
    Input,
    InputKind,
    Limits,
    Problem,
    Roles,
    Source,
    Success,
    Target,
    Task,
)
from matloop.problem.validate import Known, faults


class TableLike(Shape):
    """A pandas DataFrame, or what has columns like one."""

    @property
    def columns(self) -> object: ...


def problem_from(
    table: TableLike | Path | str,
    *,
    inputs: Mapping[str, InputKind | Input],
    target: str | Target | Sequence[str | Target],
    task: Task = "regression",
    success: Success | None = None,
    group: str = "",
    minutes: float = 10.0,
    name: str = "",
) -> Problem:
    """A problem about a table, the rest as accepted defaults; `dataclasses.replace` changes any other field.

    Parameters
    ----------
    table : a path, the name of a data set that matloop carries, or a DataFrame (then it is handed to `run` again).
    inputs : column -> "composition", "structure", "molecule", "number" or "category", or an `Input` with all it says.
    target : the column asked for, or a `Target`, or several of them.
    task, success : of targets given by name.
    group : column (or "reduced_formula", "molecule", "scaffold") whose rows never straddle a split.
    minutes : what search and evidence may cost together, > 0.
    name : what the run folder is called; made from the table and the target where it is empty.

    Raises
    ------
    ConfigError : the question contradicts itself; the message lists every fault.

    Examples
    --------
    >>> problem = problem_from("steels.csv", inputs={"composition": "composition", "T (K)": "number"}, target="yield")
    >>> problem.targets[0].task, problem.name
    ('regression', 'steels-yield')
    """
    several = [target] if isinstance(target, str | Target) else list(target)
    targets = tuple(
        each if isinstance(each, Target) else Target(each, each, task=task, success=success) for each in several
    )
    source = str(table) if isinstance(table, str | Path) else IN_MEMORY
    stem = Path(source).name.split(".")[0] if isinstance(table, str | Path) else "table"
    return checked(
        Problem(
            name=name or folder_name("-".join([stem, *(each.name for each in targets[:1])])),
            data=Source(source),
            inputs=tuple(
                each if isinstance(each, Input) else Input(column, each, column) for column, each in inputs.items()
            ),
            targets=targets,
            roles=Roles(group=group),
            limits=Limits(minutes=float(minutes)),
        )
    )


def checked(problem: Problem, known: Known | None = None) -> Problem:
    """The same problem.

    Raises
    ------
    ConfigError : it contradicts itself; the message lists every fault.
    """
    if found := faults(problem, known):
        raise ConfigError(all_faults("The problem contradicts itself:", found, limit=30))
    return problem


def folder_name(words: str) -> str:
    """`words` as the name of a folder: letters, digits, - and _ only."""
    kept = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in words)
    while "--" in kept:
        kept = kept.replace("--", "-")
    return kept.strip("-")[:60].rstrip("-") or "problem"
