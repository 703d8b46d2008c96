"""Answers as the standard wants them: meta, links, errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from matloop.core.errors import ConfigError, MatloopError
from matloop.service.optimade.faults import Refused

API = "1.2.0"
SCHEMA = "https://schemas.optimade.org/openapi/v1.2/optimade.json"
MEDIA = "application/vnd.api+json"
HOME = "https://matloop.org"


@dataclass(frozen=True, slots=True)
class Provider:
    """Who offers the data: `prefix` is that of the properties which the standard does not know."""

    prefix: str = "matloop"
    name: str = "A matloop store"
    about: str = "Structures and properties out of a store of matloop."
    homepage: str = ""
    email: str = ""

    def as_json(self) -> dict[str, Any]:
        home = {"homepage": self.homepage} if self.homepage else {}
        return {"name": self.name, "description": self.about, "prefix": self.prefix, **home}


def meta(
    provider: Provider, representation: str, *, returned: int | None = None, available: int | None = None,
    more: bool = False, warnings: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """The meta object: `returned` entries fulfil the filter, of `available` ones."""
    found: dict[str, Any] = {
        "query": {"representation": representation},
        "api_version": API,
        "schema": SCHEMA,
        "time_stamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "provider": provider.as_json(),
        "implementation": {"name": "matloop", "version": version("matloop"), **_maintainer(provider)},
        "more_data_available": more,
    }
    if returned is not None:
        found["data_returned"] = returned
    if available is not None:
        found["data_available"] = available
    if warnings:
        found["warnings"] = [{"type": "warning", "detail": one} for one in dict.fromkeys(warnings)]
    return found


def _maintainer(provider: Provider) -> dict[str, Any]:
    return {"maintainer": {"email": provider.email}} if provider.email else {}


def fault(provider: Provider, representation: str, status: int, title: str, detail: str) -> dict[str, Any]:
    """The answer to a request that is not fulfilled."""
    return {
        "errors": [{"status": str(status), "title": title, "detail": detail}],
        "meta": meta(provider, representation, returned=0),
    }


def refusal(error: MatloopError) -> tuple[int, str, str]:
    """Status, title and words of an error."""
    if isinstance(error, Refused):
        return error.status, error.title, str(error)
    if isinstance(error, ConfigError):
        return 400, "Bad Request", str(error)
    return 500, "Internal Server Error", str(error)


def encoded(value: Any) -> bytes:
    """JSON, strict."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
