"""One look at a model in use: what it was asked, how it answered, and whether it can still be trusted."""

from __future__ import annotations

import html
import time as clock
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import to_jsonable
from matloop.core.release import release
from matloop.deploy.bundle import identity, load_bundle
from matloop.deploy.reference import load_reference
from matloop.monitor.alerts import RANK, Alert, Sent, parse_alert, tell
from matloop.monitor.contract import Finding
from matloop.monitor.decay.quality import Quality, quality
from matloop.monitor.decay.running import Run, Running, running
from matloop.monitor.decay.yardstick import DETECTORS
from matloop.monitor.drift.compare import Drift, drift
from matloop.monitor.expected import expected_of, problem_of
from matloop.monitor.gather import Gathered, gather
from matloop.monitor.labels import Told
from matloop.monitor.log import PredictionLog, When
from matloop.monitor.meant import Follow, meant
from matloop.monitor.reading import Tally, moment
from matloop.monitor.sample import sample_of
from matloop.monitor.seen import seen_in_training
from matloop.monitor.verdict import Trust, trust

MOST = 4000
"""Rows of the window, and of all since the start, that are compared with training."""
STATE = "alerts.json"


@dataclass(frozen=True, slots=True)
class Watched:
    """What one look found.

    name, question, bundle : of the model. since, until : of the window, seconds since 1970 (the ends of what was read
    where nothing was said). looked : when. trust : the verdict. findings : the gravest first. running : requests,
    failures, latency of the window. run : the same per request, for figures. quality : by target, from all labels that
    were told. drift : None where there was nothing to compare. read : what the reading met. others : {bundle: requests}
    in the window that other bundles answered. told : what became of new labels. sent : alerts. shares : of how many
    rows one was compared (window, since the start).
    """

    name: str
    question: str
    bundle: str
    since: float
    until: float
    looked: float
    trust: Trust
    findings: tuple[Finding, ...]
    running: Running
    run: Run
    quality: tuple[Quality, ...]
    drift: Drift | None
    read: Tally
    others: dict[str, int] = field(default_factory=dict)
    told: Told | None = None
    sent: Sent = field(default_factory=Sent)
    shares: tuple[int, int] = (1, 1)
    predict_ms: float | None = None

    @property
    def alarm(self) -> bool:
        """Whether any finding is an alarm."""
        return any(one.severity == "alarm" for one in self.findings)

    def lines(self) -> list[str]:
        """What to tell the user, the verdict first."""
        window = f"{_day(self.since)} to {_day(self.until)}"
        head = [
            f"{self.name}: {self.trust.headline}", f"  {self.trust.why}",
            f"  {self.running.requests:,} requests with {self.running.rows:,} rows, {window}",
        ]  # fmt: skip
        told = [f"  {line}" for line in self.told.lines()] if self.told else []
        found = [f"  {one.severity}: {one.said}" for one in self.findings]
        do = [f"What to do: {self.trust.todo}"] if self.trust.todo else []
        return [*head, *told, *found, *do, *self.sent.lines()]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "model": self.name, "bundle": self.bundle, "since": _iso(self.since), "until": _iso(self.until),
            "looked": _iso(self.looked), "verdict": to_jsonable(self.trust), "alarm": self.alarm,
            "findings": to_jsonable(self.findings),
            "requests": self.running.requests, "rows": self.running.rows, "unreadable": self.running.unreadable,
            "refused": self.running.refused, "latency_ms": dict(self.running.latency),
            "causes": to_jsonable(self.running.causes[:50]),
            "labels": {
                one.target: {"n": one.n, "repeated": one.repeated, "silent": one.silent} for one in self.quality
            },
            "told": self.told.as_json() if self.told else None, "read": to_jsonable(self.read),
            "others": dict(self.others), "alerts": to_jsonable(self.sent), "matloop": release(),
        }  # fmt: skip

    def _repr_html_(self) -> str:
        head, why, *rest = (html.escape(line.strip()) for line in self.lines())
        return f"<p><b>{head}</b></p><p>{why}</p><ul>{''.join(f'<li>{line}</li>' for line in rest)}</ul>"


def monitor(
    log: PredictionLog | Path | str,
    *,
    bundle: Path | str | Follow,
    since: When | None = None,
    until: When | None = None,
    labels: Any = None,
    alerts: Sequence[Alert | str] = (),
    alpha: float = 0.05,
    detector: str = "betting",
) -> Watched:
    """Look at what a bundle was asked and answered.

    Parameters
    ----------
    log : the prediction log, or its folder. bundle : the one that answered; answers of others are counted and left out.
        With `Follow` it is what a registry means at this look; each version is watched from its own first answer on.
    since, until : window for drift, latency and failures ("7d", a date, a datetime); all by default. Error and
        coverage are always followed from the first label on, drift also from the first row on: a test that began anew
        with every window would raise a false alarm sooner or later.
    labels : measured values to be told first, see `PredictionLog.label`. alerts : whom to tell, see `parse_alert`.
    alpha : how often, at most, there is a false alarm of drift, and likewise of decay, however often one looks.
    detector : "betting", or another of `DETECTORS` for error and coverage.

    Raises
    ------
    NoAnswer : no answer of this bundle is in the log. DataError : no log, or labels that cannot be joined.
    BundleError : of the bundle. ConfigError : an option is unknown. Those of `Follow.now`.
    """
    if not 0.0 < alpha < 1.0:
        raise ConfigError(f"alpha is {alpha}: the rate of false alarms lies between 0 and 1, such as 0.05.")
    if detector not in DETECTORS:
        DETECTORS.load(detector)
    whom = [parse_alert(one) if isinstance(one, str) else one for one in alerts]
    log = log if isinstance(log, PredictionLog) else PredictionLog(log)
    which = meant(bundle)
    folder = which.folder
    loaded, own = load_bundle(folder), identity(folder)
    problem, reference = problem_of(folder), load_reference(folder)
    told = None
    if labels is not None:
        formulas = [item.column or item.name for item in loaded.manifest.inputs if item.kind == "composition"]
        told = log.label(labels, formulas=formulas)
    now = clock.time()
    start, end = moment(since, otherwise=float("-inf"), now=now), moment(until, otherwise=float("inf"), now=now)
    gathered = log.look(
        lambda columns: gather(columns, own, start, sample_of(loaded, MOST), sample_of(loaded, MOST, lasting=True)),
        until=end,
    )
    if not gathered.run.time and not gathered.begun.met:
        raise NoAnswer(" ".join([*(one.said for one in which.findings), _nothing(log, own, gathered.others)]))
    limit = problem.limits.predict_ms if problem is not None else None
    ran = running(gathered.run, predict_ms=limit, alpha=alpha, now=now if until is None else None)
    expected = expected_of(loaded, reference, problem)
    known = log.labels(bundle=own)
    judged = tuple(
        quality(known[name], expected[name], alpha=alpha / len(expected), detector=detector)
        for name in expected if name in known
    )  # fmt: skip
    compared = None
    if reference is not None and (window := gathered.window.seen(loaded)) is not None:
        compared = drift(
            seen_in_training(reference, loaded), window, alpha=alpha, since_start=gathered.begun.seen(loaded)
        )
    findings = [
        *(one for each in judged for one in each.findings), *(compared.findings if compared else ()), *ran.findings,
        *which.findings, *_about_log(gathered, reference is None, bool(judged)),
    ]  # fmt: skip
    findings.sort(key=lambda one: -RANK[one.severity])
    name = loaded.manifest.name
    about = which.spelled or name
    sent = tell(findings, whom, log.folder / STATE, about=about, family=which.family) if whom else Sent()
    times = gathered.run.time
    ends = (
        times[0] if times and start == float("-inf") else start,
        times[-1] if times and end == float("inf") else end,
    )
    return Watched(
        name, loaded.manifest.question, own, *ends, now, trust(findings, sum(one.n for one in judged)), tuple(findings),
        ran, gathered.run, judged, compared, gathered.read, gathered.others, told, sent,
        (gathered.window.every, gathered.begun.every), limit,
    )  # fmt: skip


class NoAnswer(DataError):
    """The log holds no answer of the bundle that is watched."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A look at which there was no answer yet, as after the start of a service or a promotion. said : why."""

    said: str
    alarm: bool = False

    def lines(self) -> list[str]:
        """What to tell the user."""
        return [f"nothing to judge yet: {self.said}"]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"waiting": self.said, "alarm": self.alarm, "matloop": release()}


def watching(every_s: float, log: PredictionLog | Path | str, **options: Any) -> Iterator[Watched | Waiting]:
    """`monitor` again and again, `every_s` seconds from the end of one look to the next; ends when it is left. What is
    `Follow`ed is looked up at every look, and a version without answers is waited for."""
    while True:
        try:
            yield monitor(log, **options)
        except NoAnswer as error:
            yield Waiting(str(error))
        clock.sleep(every_s)


def _about_log(gathered: Gathered, no_reference: bool, labelled: bool) -> list[Finding]:
    found = []
    damaged = {why: n for why, n in gathered.read.damaged.items() if why != "torn"}
    if damaged:
        said = ", ".join(f"{n:,} {why}" for why, n in sorted(damaged.items()))
        todo = "See who writes into the folder of the log, and whether its disk is sound."
        found.append(
            Finding("log", "damaged lines", f"Lines of the log could not be used: {said}.", "warning", damaged, todo)
        )
    if torn := gathered.read.damaged.get("torn", 0):
        said = f"{torn:,} lines of the log end within a line: a worker was stopped hard, or is writing just now."
        found.append(Finding("log", "torn lines", said, "note", {"count": torn}))
    if gathered.others:
        n = sum(gathered.others.values())
        said = (
            f"{n:,} requests were answered by other bundles ({', '.join(list(gathered.others)[:3])}) and are left out."
        )
        found.append(Finding("log", "other bundles", said, "note", dict(gathered.others)))
    if no_reference:
        said = "This bundle keeps no rows of its training (it was made by an earlier release): drift cannot be seen."
        found.append(
            Finding("log", "no reference", said, "note", {}, "Run the problem again to get a bundle with them.")
        )
    if not labelled:
        said = "No measured values were told yet: whether the errors have grown is unknown."
        found.append(
            Finding("log", "no labels", said, "note", {}, "Tell some: matloop monitor LOG --labels results.csv")
        )
    return found


def _nothing(log: PredictionLog, own: str, others: dict[str, int]) -> str:
    if not others:
        return f"{log.folder}: the log holds no answer yet. Ask the service something first."
    known = ", ".join(f"{name} ({n:,} requests)" for name, n in list(others.items())[:5])
    return f"{log.folder}: no answer was given by this bundle ({own}); there are some of: {known}. Take that bundle."


def _iso(at: float) -> str | None:
    if at in (float("inf"), float("-inf")) or at != at:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _day(at: float) -> str:
    found = _iso(at)
    return "the start" if at == float("-inf") else "now" if found is None else found[:16].replace("T", " ")
