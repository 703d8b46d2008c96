"""What a round changed, as one self-contained HTML page: the verdict first, how to go back last."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from matloop.core.release import release
from matloop.metrics.estimate import Estimate
from matloop.monitor.pages.render import OWN as SHARED
from matloop.monitor.retrain.changes import Changes, Moved, TargetChange
from matloop.monitor.retrain.contest import SETS
from matloop.monitor.retrain.pages.figures import data_figure, error_figure, family_figure, lean_figure
from matloop.monitor.retrain.paired import Paired
from matloop.report import words
from matloop.report.figures.figure import Figure
from matloop.report.page import page_parts
from matloop.report.target_view import KeyNumber
from matloop.report.templating import TEMPLATES, environment

OWN = Path(__file__).parent / "templates"
MOST_ASIDE, MOST_CORRECTED = 200, 50
_TONES = {"promoted": ("good", "✓"), "waits": ("unsure", "?"), "worse": ("bad", "✗"), "": ("plain", "=")}
_LABELS = {
    "loss": "mean loss",
    "interval score": "interval score",
    "coverage": "held by 90 % intervals",
    "width": "width of intervals",
    "large errors": "share of large errors",
    "in domain": "in the domain",
}
_SECTIONS = (
    ("answer", "Answer"),
    ("why", "Why now"),
    ("data", "Data"),
    ("scores", "Before and after"),
    ("moved", "What moved"),
    ("leans", "What it leans on"),
    ("history", "Rounds"),
    ("back", "Going back"),
)
_SHARES = ("coverage", "large errors", "in domain")


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One score on one set, in words."""

    where: str
    name: str
    before: tuple[str, str]
    after: tuple[str, str]
    gain: tuple[str, str]
    p: str
    mark: str


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target, in words."""

    name: str
    answer: str
    why: tuple[str, ...]
    scores: tuple[ScoreRow, ...]
    errors: Figure | None
    families: Figure | None
    moved: tuple[Moved, ...]
    leans: Figure | None
    no_leans: str


@dataclass(frozen=True, slots=True)
class ChangedView:
    """The page, worked out before the template is filled."""

    title: str
    kind: str
    version: str
    caution: tuple[str, str] | None
    sections: tuple[tuple[str, str], ...]
    question: str
    tone: str
    mark: str
    headline: str
    sentence: str
    reasons: tuple[str, ...]
    keys: tuple[KeyNumber, ...]
    facts: tuple[tuple[str, str], ...]
    called: tuple[tuple[str, str], ...]
    data: Figure | None
    amounts: tuple[tuple[str, str], ...]
    corrected: tuple[tuple[str, str], ...]
    aside: tuple[tuple[str, str, str], ...]
    n_aside: int
    targets: tuple[TargetView, ...]
    several: bool
    history: tuple[tuple[str, str, str, str], ...]
    commands: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def write_changed(changes: Changes) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    return _environment().get_template("changed.html.j2").render(view=changed_view(changes), **page_parts())


@cache
def _environment() -> Environment:
    return environment().overlay(loader=FileSystemLoader([OWN, SHARED, TEMPLATES]))


def changed_view(changes: Changes) -> ChangedView:
    """Numbers as words."""
    kind = "promoted" if changes.outcome == "promoted" else "waits" if changes.waits else changes.answer
    tone, mark = _TONES.get(kind, _TONES[""])
    several = len(changes.targets) > 1
    data = changes.data
    return ChangedView(
        title=f"{changes.name}: what changed", kind="retraining", version=release(), caution=None, sections=_SECTIONS,
        question=changes.question or "Is the model that was trained anew better than the one in use?", tone=tone,
        mark=mark, headline=changes.headline, sentence=changes.sentence, reasons=_reasons(changes, several),
        keys=_keys(changes), facts=_facts(changes), called=changes.reasons,
        data=data_figure(data.families, data.elements), amounts=_amounts(changes),
        corrected=data.corrected[:MOST_CORRECTED],
        aside=tuple((one.origin, one.shown, one.reason) for one in data.aside[:MOST_ASIDE]), n_aside=len(data.aside),
        targets=tuple(_target(one, place) for place, one in enumerate(changes.targets)), several=several,
        history=changes.history, commands=_commands(changes), notes=changes.notes,
    )  # fmt: skip


def _reasons(changes: Changes, several: bool) -> tuple[str, ...]:
    verdicts = tuple(
        f"{one.contest.target}: {why}" if several else why for one in changes.targets for why in one.contest.why
    )
    return (*changes.hurried, *(one for one in verdicts if not changes.sentence.endswith(f": {one}.")))


def _keys(changes: Changes) -> tuple[KeyNumber, ...]:
    """The metric of the first target on both sets, and the rows."""
    keys = []
    first = changes.targets[0].contest
    for part in first.sets:
        label = words.metric_words(part.metric.score).label
        before, after = (
            _metric(first.metric, e, first.unit)[0] for e in (part.metric.champion, part.metric.challenger)
        )
        below = f"{part.metric.n_rows:,} rows, {part.metric.n_groups:,} groups"
        keys.append(KeyNumber(f"{label}, {SETS[part.where]}", f"{before} → {after}", below))
    rows = " → ".join(words.count(n) for n in changes.data.rows)
    keys.append(KeyNumber("Rows learnt from", rows, ""))
    return tuple(keys)


def _facts(changes: Changes) -> tuple[tuple[str, str], ...]:
    return (
        ("Champion", changes.champion), ("Challenger", changes.challenger),
        *((f"Model of {one.contest.target}", " → ".join(one.models)) for one in changes.targets if all(one.models)),
        ("Round", f"{changes.number}, begun {_minute(changes.begun)}"),
        ("Decided", f"{_minute(changes.decided)} by {changes.who}" if changes.decided else "not yet"),
        ("Looks at the vault", f"{changes.looks}"), ("Run of the challenger", changes.run),
    )  # fmt: skip


def _minute(time: str) -> str:
    return f"{time[:16].replace('T', ' ')} UTC"


def _amounts(changes: Changes) -> tuple[tuple[str, str], ...]:
    data = changes.data
    return (
        ("New rows that arrived", words.count(data.arrived)), ("joined the data", words.count(data.added)),
        ("of them with material of the vault", words.count(data.vaulted)),
        ("wait as rows later in time", words.count(data.later)),
        ("earlier rows corrected", words.count(len(data.corrected))), ("set aside", words.count(len(data.aside))),
        ("version of the data", f"{data.version}"),
    )  # fmt: skip


def _target(one: TargetChange, place: int) -> TargetView:
    contest = one.contest
    rows = [
        _score(part.where, found, contest.unit, one.level)
        for part in contest.sets
        for found in (part.metric, *part.others)
        if found.score != "loss" and math.isfinite(found.gain.value)
    ]
    unit = words.unit_text(contest.unit)
    return TargetView(
        contest.target, contest.answer, contest.why, tuple(rows), error_figure(f"errors-{place}", one, unit),
        family_figure(f"families-{place}", one), one.moved, lean_figure(f"leans-{place}", one.leans), one.no_leans,
    )  # fmt: skip


def _score(where: str, found: Paired, unit: str, level: float) -> ScoreRow:
    own = found.score not in _LABELS
    name = words.metric_words(found.score).label if own else _LABELS[found.score].replace("90 %", f"{level:.0%}")
    before, after, gain = (
        _metric(found.score, e, unit) if own else _plain(found.score, e, unit, difference=e is found.gain)
        for e in (found.champion, found.challenger, found.gain)
    )
    judged = found.score not in ("width", "in domain")
    mark = "better" if judged and found.p_better < 0.025 else "worse" if judged and found.p_worse < 0.05 else ""
    p = words.p_value(min(found.p_better, found.p_worse)) if judged else ""
    return ScoreRow(SETS[where], name, before, after, gain, p, mark)  # type: ignore[index]


def _metric(name: str, found: Estimate, unit: str) -> tuple[str, str]:
    return words.metric_estimate(name, found, unit)


def _plain(name: str, found: Estimate, unit: str, *, difference: bool = False) -> tuple[str, str]:
    if name in _SHARES:
        return words.estimate(found, "points" if difference else "%", scale=100.0)
    return words.estimate(found, words.unit_text(unit))


def _commands(changes: Changes) -> tuple[tuple[str, str], ...]:
    home = changes.home
    if changes.waits:
        return (("Put the challenger into use", f"matloop retrain promote {home} --why '...'"),
                ("Keep the champion", f"matloop retrain decline {home} --why '...'"))  # fmt: skip
    if changes.outcome == "promoted":
        return (("Go back to the champion before", f"matloop retrain rollback {home} --why '...'"),
                ("Make every decision again from the log", f"matloop retrain replay {home}"))  # fmt: skip
    return (("Nothing to go back from; look again when more labels have come", f"matloop retrain check {home}"),
            ("Make every decision again from the log", f"matloop retrain replay {home}"))  # fmt: skip
