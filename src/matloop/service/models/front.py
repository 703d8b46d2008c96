"""Every request comes here: checked, counted, answered. Predictions are made here, the rest is passed on.

The way of a prediction is written by hand and not through FastAPI: it is what is asked thousands of times a second.
What FastAPI declares of it (`matloop.service.models.app`) is held against this by tests.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require
from matloop.monitor.record import Answered
from matloop.service.keys import Key
from matloop.service.models.asked import Asked, several, single
from matloop.service.models.gate import Gate, Headers, as_headers
from matloop.service.models.keeper import Keeper
from matloop.service.models.line import Line
from matloop.service.models.meters import Meters
from matloop.service.models.refused import Refused, title
from matloop.service.models.shelf import Served
from matloop.service.models.told import ALWAYS, Told

if TYPE_CHECKING:
    import orjson
else:
    orjson = require("orjson", extra="serve")

logger = logging.getLogger(__name__)
access = logging.getLogger("matloop.access")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MODELS = "/v1/models/"
OPEN = frozenset({"/health", "/ready"})
JSON = (b"content-type", b"application/json")
HEADERS = (
    (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


class Front:
    """The application of one worker (ASGI).

    Parameters
    ----------
    app : what answers everything else. connections : how many are open now. write : takes what is to be logged.
    """

    def __init__(
        self, app: Any, keeper: Keeper, gate: Gate, line: Line, meters: Meters, *,
        write: Callable[[Answered], object] | None = None,
    ) -> None:  # fmt: skip
        self.app, self.keeper, self.gate, self.line, self.meters, self.write = app, keeper, gate, line, meters, write
        self.settings = keeper.settings
        self.connections: Callable[[], int] = lambda: 0
        self.draining = False
        self._bytes = 0
        self._start, self._count = f"{int(time.time()):x}{secrets.token_hex(4)}", 0

    def new_request(self) -> str:
        """An id that no other request has, in any worker."""
        self._count += 1
        return f"{self._start}-{self._count:x}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        started, request = asyncio.get_running_loop().time(), self.new_request()
        headers, path, method = as_headers(scope["headers"]), scope["path"], scope["method"]
        status, who = 500, ""
        try:
            try:
                if self.connections() > self.settings.limits.connections:
                    raise Refused(503, "too many connections are open. Come again in a moment.", "connections", 1.0)
                if method == "POST" and path.startswith(MODELS):
                    status, who = await self._predict(path[len(MODELS) :], headers, receive, send, started, request)
                    return
                key = self._let_in(scope, headers)
                who = key.name if key else ""
                status = await self._pass_on(scope, receive, send, headers, started, request)
            except Refused as no:
                status, who = no.status, who or no.who
                self.meters.said_no(status, no.cause)
                await _answer(send, status, problem(no, request), request, _headers(no))
        except Exception:
            logger.exception("%s %s could not be answered", method, path[:200])
            self.meters.said_no(500, "fault")
            await _answer(send, 500, problem(FAULT, request), request, ())
        finally:
            if self.settings.lines:
                _note(scope, status, who, asyncio.get_running_loop().time() - started)

    def _let_in(self, scope: Scope, headers: Headers) -> Key | None:
        """Whose key it is; who has none sees the page nevertheless, with a field for one."""
        path = scope["path"]
        if path in OPEN:
            return None
        try:
            return self.gate.look(headers, _what(scope["method"], path))
        except Refused as no:
            if path == "/" and no.status in (401, 403) and b"origin" not in headers:
                scope["matloop.locked"] = True
                return None
            raise

    async def _predict(
        self, path: str, headers: Headers, receive: Receive, send: Send, started: float, request: str
    ) -> tuple[int, str]:
        """The way of a prediction; returns status and who asked."""
        name, _, kind = path.partition("/")
        if kind not in ("predict", "predict/batch"):
            raise Refused(404, f"there is no {MODELS}{path[:100]}", "path")
        key = self.gate.look(headers, "run")
        served = self.keeper.shelf.find(name)
        if served is None:
            known = ", ".join(self.keeper.shelf.names)
            raise Refused(404, f"there is no model {name[:80]!r} here, only {known[:500]}.", "unknown")
        until = started + self.settings.limits.seconds
        asked = _NONE
        try:
            body = await self._read(headers, receive, until)
            try:
                alone = kind == "predict"
                asked = single(body, served) if alone else several(body, served, self.settings.limits.rows)
                self.gate.share(key, asked.n)
                told = await self.line.ask(served, asked.columns, asked.n, until)
            finally:
                self._bytes -= len(body)
            if alone and told.unreadable:
                raise Refused(422, told.unreadable[0], "unreadable")
        except Refused as no:
            self._log(started, request, served, asked, key, told=None, no=no)
            no.who = key.name if key else ""
            raise
        content = orjson.dumps(one(request, served, asked, told) if alone else many(request, served, asked, told))
        self.meters.answered(served, kind, asked.n, told, asyncio.get_running_loop().time() - started)
        await _answer(send, 200, content, request, ())
        self._log(started, request, served, asked, key, told=told, no=None)
        return 200, key.name if key else ""

    async def _read(self, headers: Headers, receive: Receive, until: float) -> bytes:
        """The body, within size and time; its bytes are counted until they are taken off."""
        kind = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refused(415, "the body is to be JSON: Content-Type: application/json.", "kind")
        if b"content-encoding" in headers:
            raise Refused(415, "bodies that are packed (Content-Encoding) are not taken.", "kind")
        return await self._body(headers, receive, until)

    async def _body(self, headers: Headers, receive: Receive, until: float) -> bytes:
        limits = self.settings.limits
        most = int(limits.megabytes * 2**20)
        said = headers.get(b"content-length", b"0")
        if said.isdigit() and int(said) > most:
            raise _too_large(most)
        if self._bytes > limits.waiting_megabytes * 2**20:
            raise Refused(503, "too much is being sent at once. Come again in a moment.", "full", 1.0)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout_at(until):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(408, "the connection was closed before the request was whole.", "left")
                    part = message.get("body", b"")
                    size += len(part)
                    self._bytes += len(part)
                    if size > most:
                        raise _too_large(most)
                    parts.append(part)
                    more = message.get("more_body", False)
        except TimeoutError as error:
            self._bytes -= size
            raise Refused(408, f"the request was not whole after {limits.seconds:g} s.", "slow") from error
        except BaseException:
            self._bytes -= size
            raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, started: float, request: str
    ) -> int:
        """Everything else: the body is read first, so that its size and time are bounded here too."""
        status = 500
        body = b""
        if scope["method"] not in ("GET", "HEAD"):
            body = await self._body(headers, receive, started + self.settings.limits.seconds)
        given = False

        async def whole() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in message.get("headers", ())}
                more = [pair for pair in HEADERS if pair[0] not in own]
                message["headers"] = [*message.get("headers", []), *more, (b"x-request-id", request.encode())]
            await send(message)

        scope["matloop.request"] = request
        try:
            await self.app(scope, whole, noted)
        finally:
            self._bytes -= len(body)
        return status

    def _log(
        self, started: float, request: str, served: Served, asked: Asked, key: Key | None, *,
        told: Told | None, no: Refused | None,
    ) -> None:  # fmt: skip
        """Hand the log what was asked and answered; it neither waits nor fails."""
        if self.write is None:
            return
        ms = 1000 * (asyncio.get_running_loop().time() - started)
        unreadable = {str(row): why for row, why in told.unreadable.items()} if told else {}
        if no is not None and no.cause == "unreadable":
            unreadable = {"0": no.detail}
        targets = {
            name: {column: list(columns[column]) for column in ALWAYS}
            for name, columns in (told.targets if told else {}).items()
        }
        self.write(Answered(
            datetime.now(UTC).isoformat(timespec="milliseconds"), request, served.name, served.bundle, asked.n,
            served.number, {name: list(values) for name, values in asked.columns.items()}, targets, unreadable,
            round(ms, 3), no.status if no else 200, no.detail if no else "", key.name if key else "", asked.ids,
        ))  # fmt: skip


_NONE = Asked({}, 0, [])
FAULT = Refused(500, "this should not have happened; whoever runs this server finds more in its log.", "fault")


def one(request: str, served: Served, asked: Asked, told: Told) -> dict[str, Any]:
    """The answer to one row."""
    found: dict[str, Any] = _who(request, served)
    if asked.ids:
        found["id"] = asked.ids[0]
    found["predictions"] = {
        name: {**told.about[name]} | {column: values[0] for column, values in columns.items()}
        for name, columns in told.targets.items()
    }
    return found


def many(request: str, served: Served, asked: Asked, told: Told) -> dict[str, Any]:
    """The answer to many rows, column by column."""
    found = _who(request, served) | {"n": asked.n}
    if asked.ids:
        found["ids"] = asked.ids
    found["predictions"] = {name: {**told.about[name], **columns} for name, columns in told.targets.items()}
    found["unreadable"] = {str(row): why for row, why in sorted(told.unreadable.items())}
    return found


def _who(request: str, served: Served) -> dict[str, Any]:
    return {"request_id": request, "model": served.name, "version": served.version, "bundle": served.bundle}


def problem(no: Refused, request: str) -> bytes:
    """The body of a refusal."""
    told = {"status": no.status, "title": title(no.status), "detail": no.detail, "request_id": request}
    return bytes(orjson.dumps({"error": told}))


def _headers(no: Refused) -> tuple[tuple[bytes, bytes], ...]:
    found = []
    if no.after:
        found.append((b"retry-after", str(max(1, int(-(-no.after // 1)))).encode()))
    if no.status == 401:
        found.append((b"www-authenticate", b'Bearer realm="matloop"'))
    if no.cause in ("slow", "connections", "size"):
        found.append((b"connection", b"close"))
    return tuple(found)


async def _answer(send: Send, status: int, body: bytes, request: str, more: tuple[tuple[bytes, bytes], ...]) -> None:
    headers = [JSON, (b"content-length", str(len(body)).encode()), (b"x-request-id", request.encode()), *HEADERS, *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _too_large(most: int) -> Refused:
    return Refused(413, f"the body is larger than {most / 2**20:g} MiB. Send several.", "size")


def _what(method: str, path: str) -> str:
    if path.startswith("/v1/admin") or method not in ("GET", "HEAD", "POST"):
        return "admin"
    return "run" if method == "POST" else "read"


def _note(scope: Scope, status: int, who: str, seconds: float) -> None:
    """One line: who, what, answer, time; what stands behind a question mark is left out."""
    client = scope.get("client") or ("-", 0)
    path = scope["path"][:300].encode("ascii", "backslashreplace").decode()
    access.info("%s %s %s %s %d %.1f ms", client[0], who or "-", scope["method"], path, status, 1000 * seconds)
