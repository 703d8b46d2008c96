"""Failures, latency and gaps of answers: what the log says of itself, without any measured value."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from matloop.core.arrays import BoolArray, FloatArray, IntArray
from matloop.evaluate.words import number, percent
from matloop.monitor.contract import Finding, Severity
from matloop.monitor.decay.betting import Test, above
from matloop.monitor.record import Answered

UNREADABLE = 0.05
"""Share of rows without a prediction that is usual: slips of the pen, elements without data."""
REFUSED = 0.02
"""Share of requests that may be refused (status 400 and above)."""
SLOW = 0.05
"""Share of requests that may take longer per row than the problem allows."""
CAUSES = 200
"""Distinct causes that are kept; further ones are counted as others."""
WHO = 10_000
"""Names of keys that are kept."""
GAP_S = 3600.0
"""A time without answers below this is never remarkable."""
GAP_FACTOR = 20.0
"""Times the usual gap (its 99 % quantile) from which a gap is told."""
_QUOTED = re.compile(r"'[^']{0,300}'|\"[^\"]{0,300}\"|`[^`]{0,300}`|«[^»]*»")
_NUMBER = re.compile(r"(?<![A-Za-z])[-+]?\d[\d,_]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why answers are missing. said : the reason with values taken out. count : rows or requests. example : one of them
    as it was, with the request. first, last : seconds since 1970."""

    said: str
    count: int
    kind: str
    example: str
    request: str
    first: float
    last: float


@dataclass(slots=True)
class Run:
    """Gathered while a log is read once; a few numbers per request, so that a million of them need some 60 MB.

    failed, outside : rows without prediction, and rows outside the domain of any target. width : mean width of the
    intervals of the first target that has some, NaN without.
    """

    time: array[float] = field(default_factory=lambda: array("d"))
    ms: array[float] = field(default_factory=lambda: array("d"))
    rows: array[int] = field(default_factory=lambda: array("q"))
    failed: array[int] = field(default_factory=lambda: array("q"))
    status: array[int] = field(default_factory=lambda: array("h"))
    refused: array[int] = field(default_factory=lambda: array("b"))
    outside: array[int] = field(default_factory=lambda: array("q"))
    width: array[float] = field(default_factory=lambda: array("d"))
    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    who: Counter[str] = field(default_factory=Counter)

    def add(self, time: float, answered: Answered) -> None:
        """Count one answer."""
        numbers = numbers_of(answered)
        self.time.append(time)
        for name in NUMBERS:
            getattr(self, name).append(getattr(numbers, name))
        if len(self.who) < WHO or answered.who in self.who:
            self.who[answered.who] += 1
        for kind, said, why, row in causes_of(answered):
            known = self.causes.get((kind, said))
            if known is None and len(self.causes) >= CAUSES:
                self.others[kind] += 1
                continue
            if known is None:
                known = Cause(said, 0, kind, why[:300], answered.request + row, time, time)
            self.causes[kind, said] = Cause(
                said, known.count + 1, kind, known.example, known.request, known.first, time
            )  # fmt: skip


class Numbers(NamedTuple):
    """What is counted of one answer; see `Run`."""  # a tuple: one is made for every line of a log

    ms: float
    rows: int
    failed: int
    status: int
    refused: bool
    outside: int
    width: float


NUMBERS = Numbers._fields


def numbers_of(answered: Answered) -> Numbers:
    """The numbers of one answer."""
    return Numbers(
        answered.ms, answered.n, len(answered.unreadable), answered.status, _refused_whole(answered),
        _outside(answered), _width(answered),
    )  # fmt: skip


def causes_of(answered: Answered) -> Iterator[tuple[str, str, str, str]]:
    """Why predictions are missing: kind, reason without what differs from row to row, reason, and "/row" or ""."""
    if _refused_whole(answered):
        why = f"HTTP {answered.status}: {answered.why}"
        yield "refused", f"HTTP {answered.status}" + normal(why)[len("HTTP …") :], why, ""
    for row, why in answered.unreadable.items():
        yield "unreadable", normal(str(why)), str(why), f"/{row}"


def _refused_whole(answered: Answered) -> bool:
    """A single row that cannot be read is refused by the service, too; it counts once, as a row."""
    return answered.status >= 400 and not answered.unreadable


def _outside(answered: Answered) -> int:
    columns = [values["in_domain"] for values in answered.targets.values() if "in_domain" in values]
    if not columns:
        return 0
    known = [str(row) not in answered.unreadable for row in range(answered.n)] if answered.unreadable else None
    rows = zip(*columns, strict=True)
    return sum(not all(row) for k, row in enumerate(rows) if known is None or known[k])


def _width(answered: Answered) -> float:
    for values in answered.targets.values():
        pairs = zip(values.get("low", ()), values.get("high", ()), strict=False)
        found = [high - low for low, high in pairs if isinstance(low, int | float) and isinstance(high, int | float)]
        if found:
            return sum(found) / len(found)
    return math.nan


def normal(why: str) -> str:
    """A reason with what differs from row to row taken out: quoted values and numbers.

    Examples
    --------
    >>> normal("row 17, column 'formula': 'Xx2O' contains no known element 'Xx'")
    'row …, column …: … contains no known element …'
    """
    return " ".join(_NUMBER.sub("…", _QUOTED.sub("…", why[:500])).split())


@dataclass(frozen=True, slots=True)
class Running:
    """What the log says of itself. latency : {"p50": ms per row of ...}. ms_per_row, time : (m,) of the m answered
    requests. gaps : (start, end) of remarkable times without answers, seconds since 1970, the longest first."""

    requests: int
    rows: int
    unreadable: int
    refused: int
    statuses: Mapping[int, int]
    causes: tuple[Cause, ...]
    latency: Mapping[str, float]
    ms_per_row: FloatArray
    time: FloatArray
    gaps: tuple[tuple[float, float], ...]
    findings: tuple[Finding, ...]


def running(run: Run, *, predict_ms: float | None = None, alpha: float = 0.05, now: float | None = None) -> Running:
    """Judge what was gathered.

    Parameters
    ----------
    predict_ms : what the problem allows for one row; None: no limit. now : seconds since 1970, to tell a log that has
        gone silent; None: not looked at.
    """
    time, ms = np.asarray(run.time), np.asarray(run.ms)
    rows, failed = np.asarray(run.rows, dtype=np.int64), np.asarray(run.failed, dtype=np.int64)
    status = np.asarray(run.status, dtype=np.int64)
    refused = np.asarray(run.refused, dtype=bool)
    answered = ~refused & (rows > 0)
    per_row = ms[answered] / rows[answered]
    causes = tuple(sorted(run.causes.values(), key=lambda cause: (-cause.count, cause.kind, cause.said)))
    gaps = _gaps(time)
    findings = [
        *_unreadable(rows[answered], failed[answered], causes, alpha / 3.0),
        *_refused(refused, causes, alpha / 3.0),
        *_latency(per_row, ms[answered], predict_ms, alpha / 3.0),
        *_silence(time, gaps, now),
    ]
    latency = {f"p{q:g}": float(np.percentile(per_row, q)) for q in (50, 95, 99)} if len(per_row) else {}
    statuses = Counter(status.tolist())
    return Running(
        len(time), int(rows.sum()), int(failed.sum()), int(refused.sum()), dict(sorted(statuses.items())),
        causes, latency, per_row, time[answered], gaps, tuple(findings),
    )  # fmt: skip


def _unreadable(rows: IntArray, failed: IntArray, causes: tuple[Cause, ...], alpha: float) -> list[Finding]:
    total, bad = int(rows.sum()), int(failed.sum())
    if not bad:
        return []
    # rows of one request share their fate (one table, one slip): the request is the observation
    test = above(np.minimum(failed / rows, 1.0), UNREADABLE, alpha)
    main = next(cause for cause in causes if cause.kind == "unreadable")
    said = f"{bad:,} of {total:,} rows ({percent(bad / total)}) have no prediction; most often ({main.count:,}): "
    said += f"{main.said.rstrip('.')}."
    figures = {"n": total, "count": bad, "after": bad / total, "allowed": UNREADABLE, "p": test.p}
    return [Finding("failures", "rows without prediction", said, _of(test), figures, _todo(test, main))]


def _refused(refused: BoolArray, causes: tuple[Cause, ...], alpha: float) -> list[Finding]:
    if not refused.any():
        return []
    test = above(refused.astype(np.float64), REFUSED, alpha)
    main = next(cause for cause in causes if cause.kind == "refused")
    share = float(refused.mean())
    said = f"{int(refused.sum()):,} of {len(refused):,} requests ({percent(share)}) were refused; most often "
    said += f"({main.count:,}): {main.said.rstrip('.')}."
    figures = {"n": len(refused), "count": int(refused.sum()), "after": share, "allowed": REFUSED, "p": test.p}
    return [Finding("failures", "refused requests", said, _of(test), figures, _todo(test, main))]


def _latency(per_row: FloatArray, ms: FloatArray, predict_ms: float | None, alpha: float) -> list[Finding]:
    if not len(per_row):
        return []
    p50, p95, p99 = (float(np.percentile(per_row, q)) for q in (50, 95, 99))
    figures = {"n": len(per_row), "p50": p50, "p95": p95, "p99": p99, "longest_request_ms": float(ms.max())}
    said = f"A row takes {number(p50)} ms in the median, {number(p99)} ms or more in the slowest 1 % of requests"
    if predict_ms is None:
        return [Finding("latency", "milliseconds per row", said + ".", "note", figures)]
    slow = (per_row > predict_ms).astype(np.float64)
    test = above(slow, SLOW, alpha)
    share = float(slow.mean())
    figures |= {"limit": predict_ms, "after": share, "allowed": SLOW, "p": test.p}
    said += f"; {percent(share)} of the requests take longer than the {number(predict_ms)} ms that the problem allows."
    todo = "" if _of(test) == "note" else "Give the service more workers or processors, or choose a faster model."
    return [Finding("latency", "milliseconds per row", said, _of(test), figures, todo)]


def _of(test: Test) -> Severity:
    """Alarm where the capital stands above the limit now, too; a bad spell that is long over is a warning."""
    if test.at is None:
        return "note"
    return "alarm" if float(test.log_capital[-1]) >= float(np.log(1.0 / test.alpha)) else "warning"


def _todo(test: Test, main: Cause) -> str:
    return "" if _of(test) == "note" else f"Look at request {main.request}: {main.example}"


def _gaps(time: FloatArray) -> tuple[tuple[float, float], ...]:
    if len(time) < 50:
        return ()
    gaps = np.diff(time)
    limit = max(GAP_S, GAP_FACTOR * float(np.percentile(gaps, 99)))
    longest = sorted(np.flatnonzero(gaps > limit).tolist(), key=lambda at: -gaps[at])[:10]
    return tuple((float(time[at]), float(time[at + 1])) for at in longest)


def _silence(time: FloatArray, gaps: tuple[tuple[float, float], ...], now: float | None) -> list[Finding]:
    found = []
    if gaps:
        start, end = gaps[0]
        said = f"{len(gaps)} times without any answer, the longest from {_clock(start)} to {_clock(end)} "
        said += f"({_long(end - start)})."
        found.append(Finding("log", "gaps", said, "note", {"count": len(gaps), "longest_s": end - start}))
    if now is not None and len(time) >= 50:
        usual = float(np.percentile(np.diff(time), 99))
        silent = now - float(time[-1])
        if silent > max(GAP_S, GAP_FACTOR * usual):
            said = f"Nothing was answered since {_clock(float(time[-1]))} ({_long(silent)})."
            todo = "See whether the service runs, and whether its log goes here."
            found.append(Finding("log", "silence", said, "warning", {"silent_s": silent, "usual_s": usual}, todo))
    return found


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _long(seconds: float) -> str:
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
