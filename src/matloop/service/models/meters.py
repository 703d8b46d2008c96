"""Numbers for Prometheus, over all workers."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.service.models.shelf import Served, Shelf
from matloop.service.models.told import Told

if TYPE_CHECKING:
    import prometheus_client as prometheus
    from prometheus_client import multiprocess
else:
    prometheus = require("prometheus_client", extra="serve")
    multiprocess = require("prometheus_client.multiprocess", extra="serve")

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where workers keep their numbers; set before this module is imported."""
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


class Meters:
    """What is counted and measured."""

    def __init__(self) -> None:
        own = self.registry = prometheus.CollectorRegistry()
        self.requests = prometheus.Counter(
            "matloop_requests", "Requests for predictions that were answered.", ("model", "version", "kind"),
            registry=own,
        )  # fmt: skip
        self.refused = prometheus.Counter(
            "matloop_refused", "Requests that were not answered with predictions.", ("status", "cause"), registry=own
        )
        self.rows = prometheus.Counter(
            "matloop_rows", "Rows: predicted inside the domain, outside, or not readable.",
            ("model", "version", "outcome"), registry=own,
        )  # fmt: skip
        self.seconds = prometheus.Histogram(
            "matloop_request_seconds", "From request to answer.", ("kind",), buckets=SECONDS, registry=own
        )
        self.answering = prometheus.Histogram(
            "matloop_answering_rows", "Rows that were answered at once.", buckets=ROWS, registry=own
        )
        self.busy = prometheus.Counter("matloop_answering_seconds", "Time spent on predictions.", registry=own)
        self.waiting = self._gauge("matloop_waiting_requests", "Requests in the line now.")
        self.waiting_rows = self._gauge("matloop_waiting_rows", "Rows in the line now.")
        self.connections = self._gauge("matloop_connections", "Open connections.")
        self.lost = self._gauge("matloop_log_lost_requests", "Answers that could not be written into the log.")
        self.models = prometheus.Gauge(
            "matloop_model", "Models that are served.", ("model", "version", "bundle", "stage"), registry=own,
            multiprocess_mode="livemax",
        )  # fmt: skip
        self._shown: list[tuple[str, ...]] = []
        self._of = cache(self._children)
        self._said = cache(lambda status, cause: self.refused.labels(str(status), cause))

    def _gauge(self, name: str, about: str) -> Any:
        return prometheus.Gauge(name, about, registry=self.registry, multiprocess_mode="livesum")

    def _children(self, model: str, version: str, kind: str) -> tuple[Any, ...]:
        outcomes = (self.rows.labels(model, version, outcome) for outcome in ("inside", "outside", "unreadable"))
        return self.requests.labels(model, version, kind), self.seconds.labels(kind), *outcomes

    def answered(self, served: Served, kind: str, n: int, told: Told, seconds: float) -> None:
        """Count an answer; outside is a row that is so for any target."""
        requests, took, inside, outside, unreadable = self._of(served.name, served.version, kind)
        requests.inc()
        took.observe(seconds)
        lost = len(told.unreadable)
        flags = [columns["in_domain"] for columns in told.targets.values()]
        within = sum(map(all, zip(*flags, strict=True))) if len(flags) > 1 else sum(flags[0])
        for counter, count in ((inside, within), (outside, n - within - lost), (unreadable, lost)):
            if count:
                counter.inc(count)

    def said_no(self, status: int, cause: str) -> None:
        """Count a refusal."""
        self._said(status, cause).inc()

    def batch(self, rows: int, seconds: float) -> None:
        """Count what was answered at once."""
        self.answering.observe(rows)
        self.busy.inc(seconds)

    def shelf(self, shelf: Shelf) -> None:
        """Show what is served now."""
        now: list[tuple[str, ...]] = [(one.name, one.version, one.bundle, one.stage) for one in shelf.models]
        for gone in self._shown:
            if gone not in now:
                self.models.labels(*gone).set(0)
        for one in now:
            self.models.labels(*one).set(1)
        self._shown = now

    def text(self) -> bytes:
        """All numbers as Prometheus reads them."""
        if FOLDER not in os.environ:
            return bytes(prometheus.generate_latest(self.registry))
        all_workers = prometheus.CollectorRegistry()
        collect: Any = multiprocess.MultiProcessCollector
        collect(all_workers)
        return bytes(prometheus.generate_latest(all_workers))
