"""The page of one look at a model in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from matloop.core.files import write_text
from matloop.core.release import release
from matloop.monitor.contract import Finding
from matloop.monitor.drift.values import ColumnDrift, ElementDrift
from matloop.monitor.pages.figures import (
    elements_figure,
    evidence_figure,
    map_figure,
    quality_figures,
    time_figures,
)
from matloop.monitor.pages.render import render
from matloop.monitor.watch import Watched
from matloop.report.figures.figure import Figure
from matloop.report.target_view import KeyNumber
from matloop.report.words import count, counted, number, p_value, percent

TONES = {"yes": ("good", "✓"), "unknown": ("unsure", "?"), "care": ("unsure", "!"), "no": ("bad", "✗")}
HEADS = {
    "drift": "Questions", "chemistry": "Chemistry", "domain": "Domain", "width": "Interval width",
    "latency": "Latency", "failures": "Failures", "error": "Error", "coverage": "Coverage", "log": "Log",
}  # fmt: skip
SHOWN_COLUMNS = 15
SHOWN_ELEMENTS = 12
SHOWN_CAUSES = 20


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding in words."""

    head: str
    mark: str
    said: str
    todo: str


@dataclass(frozen=True, slots=True)
class WatchedView:
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
    todo: str
    keys: tuple[KeyNumber, ...]
    facts: tuple[tuple[str, str], ...]
    loud: tuple[FindingRow, ...]
    quiet: tuple[FindingRow, ...]
    quality: tuple[Figure, ...]
    quality_notes: tuple[str, ...]
    evidence: Figure | None
    columns: tuple[tuple[str, str, str, str, str, str], ...]
    columns_note: str
    whole: str
    map: Figure | None
    elements: Figure | None
    new_elements: tuple[tuple[str, str, str], ...]
    families: tuple[tuple[str, str, str, str], ...]
    systems: str
    outputs: tuple[tuple[str, str, str, str], ...]
    times: tuple[Figure, ...]
    causes: tuple[tuple[str, str, str, str], ...]
    statuses: str
    notes: tuple[str, ...]


def watched_page(found: Watched) -> str:
    """The page as HTML text; nothing in it asks the network for anything."""
    return render("watched.html.j2", watched_view(found))


def write_page(found: Watched, path: Path | str) -> Path:
    """Write the page to a file.

    Raises
    ------
    RunError : it cannot be written.
    """
    path = Path(path)
    write_text(path, watched_page(found))
    return path


def watched_view(found: Watched) -> WatchedView:
    """Numbers as words."""
    tone, mark = TONES[found.trust.answer]
    drift = found.drift
    chemistry = drift.chemistry if drift else None
    rows = [_row(one) for one in found.findings]
    loud = tuple(row for row in rows if row.mark)
    quality = quality_figures(found.quality)
    times = time_figures(found.run, found.predict_ms)
    sections = [("answer", "Answer"), ("findings", "What was noticed")]
    sections += [("quality", "Errors")] if found.quality else []
    sections += [("drift", "What is asked")] if drift and drift.columns else []
    sections += [("chemistry", "Chemistry")] if chemistry else []
    sections += [("outputs", "What is answered")] if drift and drift.outputs else []
    sections += [("service", "Service"), ("log", "Log")]
    return WatchedView(
        title=found.name, kind="monitoring", version=release(), caution=None, sections=tuple(sections),
        question=found.question, tone=tone, mark=mark, headline=_headline(found), sentence=found.trust.why,
        todo=found.trust.todo, keys=_keys(found), facts=_facts(found), loud=loud,
        quiet=tuple(row for row in rows if not row.mark), quality=quality, quality_notes=_quality_notes(found),
        evidence=evidence_figure(drift.followed) if drift else None,
        columns=tuple(_column(one) for one in (drift.columns if drift else ())[:SHOWN_COLUMNS]),
        columns_note=_columns_note(found), whole=_whole(found), map=map_figure(drift.map if drift else None),
        elements=elements_figure(chemistry.elements) if chemistry else None,
        new_elements=tuple(_element(one) for one in (chemistry.new_elements if chemistry else ())[:SHOWN_ELEMENTS]),
        families=tuple(
            (one.name, percent(one.before), percent(one.after), ", ".join(one.examples[:4]))
            for one in (chemistry.families if chemistry else ()) if one.n_before or one.n_after
        ),
        systems=_systems(found), outputs=_outputs(found), times=times, causes=_causes(found),
        statuses=", ".join(f"{count(n)} × {status}" for status, n in found.running.statuses.items()),
        notes=_notes(found),
    )  # fmt: skip


def _headline(found: Watched) -> str:
    text = found.trust.headline
    subject = "The model " if text.startswith("can") else "The model is " if text.startswith("to be") else ""
    return (subject + text)[0].upper() + (subject + text)[1:] + "."


def _row(one: Finding) -> FindingRow:
    mark = {"alarm": "alarm", "warning": "likely"}.get(one.severity, "")
    return FindingRow(HEADS[one.kind], mark, one.said, one.todo)


def _keys(found: Watched) -> tuple[KeyNumber, ...]:
    ran = found.running
    alarms = sum(one.severity == "alarm" for one in found.findings)
    likely = sum(one.severity == "warning" for one in found.findings)
    keys = [
        KeyNumber(
            "Alarms", count(alarms), f"{counted(likely, 'likely change')}" if likely else "nothing else to watch"
        ),
        KeyNumber("Rows answered", count(ran.rows - ran.unreadable), f"in {counted(ran.requests, 'request')}"),
        KeyNumber("Measured values", count(sum(one.n for one in found.quality)), _error_words(found)),
    ]
    if found.drift and found.drift.outputs:
        one = found.drift.outputs[0]
        keys.append(KeyNumber("Outside the domain", percent(one.outside[1]), f"{percent(one.outside[0])} in training"))
    if ran.latency:
        limit = "" if found.predict_ms is None else f"{number(found.predict_ms)} ms allowed"
        keys.append(KeyNumber("Time per row", f"{number(ran.latency['p50'])} ms", limit))
    return tuple(keys)


def _error_words(found: Watched) -> str:
    for one in found.quality:
        for course in one.courses:
            if course.name != "coverage" and len(course.mean):
                return f"mean error {number(float(course.mean[-1]))} {course.unit}".strip()
    return "none told yet"


def _facts(found: Watched) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Window", f"{_clock(found.since)} to {_clock(found.until)}"), ("Looked at", _clock(found.looked)),
        ("Bundle", found.bundle),
    ]  # fmt: skip
    if found.drift:
        facts.append(
            ("Compared", f"{counted(found.drift.n_now, 'distinct question')} with "
                         f"{counted(found.drift.n_reference, 'row')} learnt from")
        )  # fmt: skip
    return tuple(facts)


def _quality_notes(found: Watched) -> tuple[str, ...]:
    notes = []
    for one in found.quality:
        if one.repeated:
            said = f"{one.target}: {counted(one.repeated, 'answer')} had the material and measured value of another"
            notes.append(f"{said}; each counts once.")
        if one.silent:
            notes.append(f"{one.target}: {counted(one.silent, 'measured value')} belong to rows without prediction.")
    if found.told:
        notes += [line.strip() for line in found.told.lines()]
    return tuple(notes)


def _column(one: ColumnDrift) -> tuple[str, str, str, str, str, str]:
    if one.kind == "number":
        moved = f"{number(one.before)} → {number(one.after)}"
    else:
        moved = ", ".join(list(one.new)[:3]) or "–"
    return (one.name, one.what, moved, number(one.distance, 2), number(one.psi, 2), p_value(one.holm))


def _columns_note(found: Watched) -> str:
    if not found.drift or len(found.drift.columns) <= SHOWN_COLUMNS:
        return ""
    return f"The {SHOWN_COLUMNS} of {counted(len(found.drift.columns), 'column')} that moved most."


def _whole(found: Watched) -> str:
    whole = found.drift.whole if found.drift else None
    if whole is None:
        return ""
    return (
        f"A classifier tells rows asked from rows learnt from with an area under the curve of {number(whole.auc)} "
        f"(0.5: it cannot; p {p_value(whole.p_classifier)}); maximum mean discrepancy {number(whole.mmd, 2)} "
        f"(p {p_value(whole.p_mmd)})."
    )


def _element(one: ElementDrift) -> tuple[str, str, str]:
    return (one.symbol, percent(one.after), ", ".join(one.examples[:5]))


def _systems(found: Watched) -> str:
    chemistry = found.drift.chemistry if found.drift else None
    if chemistry is None:
        return ""
    return (
        f"{percent(chemistry.systems_new)} of the materials asked are of chemical systems that the rows kept do not "
        f"hold; chance alone would give {percent(chemistry.systems_expected)}."
    )


def _outputs(found: Watched) -> tuple[tuple[str, str, str, str], ...]:
    rows = []
    for one in found.drift.outputs if found.drift else ():
        value = f"{number(one.value.before)} → {number(one.value.after)}" if one.value else "–"
        width = f"{number(one.width.before)} → {number(one.width.after)}" if one.width else "–"
        rows.append((one.target, value, width, f"{percent(one.outside[0])} → {percent(one.outside[1])}"))
    return tuple(rows)


def _causes(found: Watched) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(
        (
            one.said,
            count(one.count),
            one.example if one.example != one.said else "",
            f"{one.request}, {_clock(one.last)}",
        )
        for one in found.running.causes[:SHOWN_CAUSES]
    )


def _notes(found: Watched) -> tuple[str, ...]:
    read = found.read
    notes = [f"{counted(read.segments, 'segment')} of the log read, {counted(read.requests, 'request')} in all."]
    every = max(found.shares)
    if every > 1:
        notes.append(f"Of very many rows one in {every} was compared with training, chosen by a digest of its name.")
    notes += [f"Told: {line}" for line in _sent(found)]
    return tuple(notes)


def _sent(found: Watched) -> Sequence[str]:
    return found.sent.lines()


def _clock(at: float) -> str:
    if at in (float("inf"), float("-inf")):
        return "now" if at > 0 else "the start"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
