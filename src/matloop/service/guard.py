"""What stands before every request: the name it was sent to, keys, size, the log."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from matloop.service.address import is_called
from matloop.service.keys import Key, matching
from matloop.service.optimade.answers import Provider, encoded, fault
from matloop.service.settings import Settings, allowed_names

logger = logging.getLogger("matloop.access")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
READS = ("GET", "HEAD", "OPTIONS")
_SECRET = re.compile(r"(?i)((?:api[-_]?key|key|token|secret|password|authorization)=)[^&\s]*")
HEADERS = (
    (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"x-frame-options", b"DENY"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a request goes no further."""

    status: int
    title: str
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Guard:
    """The application behind the checks (ASGI)."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self.app, self.settings, self.names = app, settings, allowed_names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and write a line about it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        denied, key = self.look(scope["method"], headers)
        scope["matloop.key"] = key
        try:
            if denied is None:
                await self.app(scope, receive, noted)
            else:
                await _refuse(denied, self.settings.provider, scope["path"], noted)
        finally:
            _log(scope, status, time.perf_counter() - started, key)

    def look(self, method: str, headers: dict[bytes, str]) -> tuple[Denied | None, Key | None]:
        """Whether a request goes on, and whose key it carries."""
        host = headers.get(b"host", "")
        if not is_called(host, self.names, local=self.settings.local):
            said = "This server is not called so. If it should be: matloop data serve ... --name NAME"
            return Denied(421, "Misdirected Request", f"{host[:100]!r}: {said}"), None
        given = _given(headers)
        key = matching(self.settings.keys, given) if given else None
        if given and key is None:
            return _unknown("this key is not known here."), None
        if key is not None and key.expired():
            return _unknown(f'the key "{key.name}" has expired.'), key
        if method not in READS:
            return self._writing(headers, key), key
        if key is None and not self.settings.open_to_read:
            return _unknown("reading needs a key: Authorization: Bearer KEY."), None
        return None, key

    def _writing(self, headers: dict[bytes, str], key: Key | None) -> Denied | None:
        settings = self.settings
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.lower() != headers.get(b"host", "").lower():
            return Denied(403, "Forbidden", "pages of other sites may not change anything here.")
        if key is not None:
            return None if key.allows("write") else Denied(403, "Forbidden", f'the key "{key.name}" may not write.')
        if settings.keys:
            return _unknown("writing needs a key: Authorization: Bearer KEY.")
        if settings.local and settings.writable:
            return None
        return Denied(403, "Forbidden", "this server lets nobody write. Start it with --writable, or with --keys FILE.")


def _given(headers: dict[bytes, str]) -> str:
    kind, _, text = headers.get(b"authorization", "").partition(" ")
    if kind.lower() == "bearer" and text.strip():
        return text.strip()
    return headers.get(b"x-api-key", "").strip()


def _unknown(said: str) -> Denied:
    return Denied(401, "Unauthorized", said, ((b"www-authenticate", b'Bearer realm="matloop"'),))


async def _refuse(denied: Denied, provider: Provider, path: str, send: Send) -> None:
    body = encoded(fault(provider, path, denied.status, denied.title, denied.detail))
    headers = [(b"content-type", b"application/vnd.api+json"), (b"content-length", str(len(body)).encode()),
               *denied.headers]  # fmt: skip
    await send({"type": "http.response.start", "status": denied.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _log(scope: Scope, status: int, seconds: float, key: Key | None) -> None:
    """One line: who, what, answer, time; a key is named, never shown."""
    client = scope.get("client") or ("-", 0)
    query = scope.get("query_string", b"").decode("latin-1")
    target = scope.get("raw_path", scope["path"].encode()).decode("latin-1") + (f"?{query}" if query else "")
    shown = _SECRET.sub(r"\1...", target)[:500].encode("ascii", "backslashreplace").decode()
    logger.info(
        "%s %s %s %s %d %.0f ms", client[0], key.name if key else "-", scope["method"], shown, status, 1000 * seconds
    )
