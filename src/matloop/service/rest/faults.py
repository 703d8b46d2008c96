"""Why a request to the store is not fulfilled, with the status of HTTP, and the record and field it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matloop.core.errors import ConfigError, DataError, MatloopError, RunError
from matloop.data.store.values import NotInStore, VersionConflict
from matloop.service.timed import TooLong

MOST = 20
"""Faults that are listed in one answer."""
TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 413: "Content Too Large", 415: "Unsupported Media Type",
    422: "Unprocessable Content", 500: "Internal Server Error", 503: "Service Unavailable", 504: "Gateway Timeout",
    507: "Insufficient Storage",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one record: `place` counts from 0, `key` and `field` are "" where they are not known."""

    detail: str
    place: int = 0
    key: str = ""
    field: str = ""

    def as_json(self) -> dict[str, Any]:
        source: dict[str, Any] = {"record": self.place}
        source |= {"key": self.key} if self.key else {}
        source |= {"field": self.field} if self.field else {}
        return {"status": "422", "title": TITLES[422], "detail": self.detail, "source": source}


class BadBody(DataError):
    """A body that cannot be used: `status` says how, `faults` which records."""

    def __init__(self, detail: str, status: int = 400, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.status, self.faults = status, tuple(faults)


def told(error: MatloopError, *, writing: bool) -> tuple[int, dict[str, Any]]:
    """Status and body for an error; what only means something on the server's machine is not told."""
    if isinstance(error, BadBody) and error.faults:
        more = [{"status": "422", "title": TITLES[422], "detail": f"and {len(error.faults) - MOST} more"}]
        return error.status, {
            "errors": [one.as_json() for one in error.faults[:MOST]] + (more if len(error.faults) > MOST else [])
        }
    status = _status(error, writing)
    detail = str(error)
    if status in (500, 503):
        detail = "the database cannot answer now. Ask again in a moment." if status == 503 else "the data are damaged."
    return status, {"errors": [{"status": str(status), "title": TITLES[status], "detail": detail}]}


def _status(error: MatloopError, writing: bool) -> int:
    if isinstance(error, BadBody):
        return error.status
    if isinstance(error, VersionConflict):
        return 409
    if isinstance(error, NotInStore):
        return 404
    if isinstance(error, ConfigError):
        return 400
    if isinstance(error, TooLong):
        return 504
    if isinstance(error, RunError):
        return 507 if "disk is full" in str(error) else 503
    if not writing:
        return 500
    return 409 if "is there already" in str(error) else 422
