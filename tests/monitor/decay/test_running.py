"""Failures by cause, latency against the problem's limit, gaps."""

from __future__ import annotations

import numpy as np

from matloop.monitor.decay.running import Run, normal, running
from matloop.monitor.record import Answered


def gathered(requests: int, *, gap: float = 0.0, **changes: object) -> Run:
    run = Run()
    for k in range(requests):
        at = 60.0 * k + (gap if k > requests // 2 else 0.0)
        values = {"n": 1, "ms": 2.0} | {name: what(k) for name, what in changes.items()}  # type: ignore[operator]
        run.add(at, Answered("", f"r{k}", "m", "b", **values))  # type: ignore[arg-type]
    return run


def test_reasons_lose_what_differs_from_row_to_row() -> None:
    assert normal("column 'formula': 'Xx2O' contains no known element 'Xx'") == (
        "column …: … contains no known element …"
    )
    assert normal("12,345 bytes, at most 1.5e6") == "… bytes, at most …"
    assert len(normal("'" * 10**6)) < 600


def test_causes_are_grouped_and_a_refused_row_counts_once() -> None:
    run = gathered(
        100, unreadable=lambda k: {"0": f"'X{k}' is no element"} if k % 10 == 0 else {},
        status=lambda k: 422 if k % 20 == 0 else 429 if k % 25 == 1 else 200,
        why=lambda k: f"come again in {k} s",
    )  # fmt: skip
    found = running(run)
    assert [(one.kind, one.said, one.count) for one in found.causes] == [
        ("unreadable", "… is no element", 10), ("refused", "HTTP 429: come again in … s", 4),
    ]  # fmt: skip
    assert found.causes[0].request == "r0/0"
    assert (found.unreadable, found.refused, dict(found.statuses)) == (10, 4, {200: 91, 422: 5, 429: 4})


def test_many_failures_are_an_alarm_with_an_example() -> None:
    run = gathered(300, unreadable=lambda k: {"0": f"row {k}: empty"} if k % 4 == 0 else {})
    (failures, *_) = running(run).findings
    assert (failures.kind, failures.severity) == ("failures", "alarm")
    assert failures.said == "75 of 300 rows (25 %) have no prediction; most often (75): row …: empty."
    assert failures.todo == "Look at request r0/0: row 0: empty"


def test_latency_against_the_limit() -> None:
    slow = gathered(300, ms=lambda k: 9.0 if k % 4 == 0 else 1.0)
    assert [one.severity for one in running(slow, predict_ms=5.0).findings] == ["alarm"]
    assert [one.severity for one in running(slow).findings] == ["note"]
    batches = gathered(300, n=lambda k: 10, ms=lambda k: 9.0)
    (finding,) = running(batches, predict_ms=5.0).findings
    assert (finding.severity, round(finding.figures["p50"], 3)) == ("note", 0.9)


def test_gaps_and_silence() -> None:
    found = running(gathered(200, gap=40_000.0), now=200 * 60.0 + 40_000.0 + 90_000.0)
    assert [one.subject for one in found.findings] == ["milliseconds per row", "gaps", "silence"]
    assert "11 hours" in found.findings[1].said
    assert found.findings[2].severity == "warning"
    assert found.gaps == ((6000.0, 46060.0),)


def test_outside_and_width_leave_unreadable_rows_out() -> None:
    said = {"y": {"value": [1.0, 2.0, None], "low": [0.0, 1.0, None], "high": [2.0, 5.0, None],
                  "in_domain": [True, False, False]}}  # fmt: skip
    run = gathered(1, n=lambda k: 3, targets=lambda k: said, unreadable=lambda k: {"2": "empty"})
    assert (list(run.outside), list(run.width)) == ([1], [3.0])


def test_an_empty_log_is_no_error() -> None:
    found = running(Run())
    assert (found.requests, found.findings, np.size(found.ms_per_row)) == (0, (), 0)
