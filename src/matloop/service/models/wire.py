"""Connections that end in time: of those who say nothing, who are slow, who do not read what they asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from matloop.core.optional import require

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Http
else:
    Http = require("uvicorn.protocols.http.httptools_impl", extra="serve").HttpToolsProtocol

HEADERS_S = 15.0
"""Seconds from the first byte of a request (or from the connection) to the end of its headers."""
MOST_HEADERS = 64 * 2**10
"""Bytes of address and headers."""
HARD = 1.25
"""Connections above the allowed number that are still told to come again; more are closed at once."""
_SAID = (
    b'{"error":{"status":503,"title":"Service Unavailable","detail":"too many connections are open","request_id":""}}'
)
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_SAID), _SAID)
)
LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def protocol(seconds: float, connections: int) -> type[Any]:
    """The protocol for a server.

    Parameters
    ----------
    seconds : that may pass while somebody reads nothing of an answer. connections : see `HARD`.
    """

    class Bounded(Http):
        """HTTP with ends."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._size = 0
            self._stuck: asyncio.TimerHandle | None = None
            self._timer: asyncio.TimerHandle | None = None
            if len(self.connections) > HARD * connections:
                transport.write(FULL)
                transport.close()
                return
            self._expect()

        def connection_lost(self, exc: Exception | None) -> None:
            self._heard()
            if self._stuck is not None:
                self._stuck.cancel()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._size = 0
            if self._timer is None:
                self._expect()
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._grown(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._grown(len(name) + len(value))
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._heard()
            super().on_headers_complete()

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._stuck is None:
                self._stuck = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._stuck is not None:
                self._stuck.cancel()
                self._stuck = None

        def _expect(self) -> None:
            self._timer = self.loop.call_later(HEADERS_S, self._silent)

        def _heard(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _silent(self) -> None:
            self._timer = None
            if not self.transport.is_closing():
                self.transport.close()

        def _grown(self, size: int) -> None:
            self._size += size
            if self._size > MOST_HEADERS and not self.transport.is_closing():
                self.transport.write(LARGE)
                self.transport.close()

    return Bounded
