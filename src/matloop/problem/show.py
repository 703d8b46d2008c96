"""A problem as a small table for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matloop.problem.question import Problem, Success, Target


def problem_html(problem: Problem) -> str:
    """An HTML table: question, data, inputs, targets with their goals, limits; every text escaped."""
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{escape(head)}</th>'
        f'<td style="text-align:left">{"<br>".join(escape(line) for line in lines)}</td></tr>'
        for head, lines in problem_rows(problem)
        if any(lines)
    )
    return f'<table><caption style="text-align:left"><b>{escape(problem.name)}</b></caption>{rows}</table>'


def problem_rows(problem: Problem) -> Iterable[tuple[str, list[str]]]:
    """Heading and lines of each part of the question, as plain text."""
    yield "question", [problem.question]
    yield "data", [problem.data.source]
    yield "inputs", [f"{entry.name}: {entry.kind}{_in(entry.unit)}" for entry in problem.inputs]
    yield "targets", [_target(target) for target in problem.targets]
    yield "groups", [problem.roles.group]
    protocol = problem.protocol
    sealed = f"{protocol.test_fraction:.0%} of the rows sealed, {protocol.folds} folds, seeds {list(protocol.seeds)}"
    yield "protocol", [f"{sealed}, {protocol.depth}"]
    yield "limits", [f"{problem.limits.minutes:g} minutes"]


def _target(target: Target) -> str:
    log = ", log scale" if target.scale == "log" else ""
    goal = f"; goal: {goal_text(target.success, target.unit)}" if target.success else ""
    return f"{target.name}: {target.task}{_in(target.unit)}{log}{goal}"


def goal_text(success: Success, unit: str = "") -> str:
    """The goal as a short phrase: `mae at most 118 uV/K`."""
    if success.at_most is not None:
        phrase = f"{success.metric} at most {success.at_most:g}"
    elif success.at_least is not None:
        phrase = f"{success.metric} at least {success.at_least:g}"
    else:
        phrase = success.metric
    return f"{phrase} {unit}".rstrip() if success.metric in ("mae", "rmse", "max_error") else phrase


def _in(unit: str) -> str:
    return f" in {unit}" if unit else ""
