"""A server of this machine that answers as a test says, well or badly."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Asked:
    """One request: path, parameters, headers, and how often the same was asked before (`number`)."""

    def __init__(self, handler: BaseHTTPRequestHandler, number: int) -> None:
        parts = urlsplit(handler.path)
        self.path, self.number, self.handler = parts.path, number, handler
        self.params = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.headers = dict(handler.headers.items())

    def send(self, body: Any = b"{}", status: int = 200, *, packed: bool = False, **headers: str) -> None:
        """A whole answer, of bytes or as JSON; `packed` by gzip. `Retry_After="1"` is a header."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if packed:
            content, headers["Content-Encoding"] = gzip.compress(content, 1), "gzip"
        self.raw(content, status, **{"Content-Length": str(len(content)), **headers})

    def raw(self, content: bytes, status: int = 200, **headers: str) -> None:
        """An answer exactly as given, also a wrong one."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(content)


class Web:
    """A running server: `answer(asked)` decides, `log` holds (path, headers, parameters) of all requests.

    `answer` may be replaced; `stop` is set when it is closed, for answers that wait.
    """

    def __init__(self, answer: Callable[[Asked], object], port: int = 0) -> None:
        self.log: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.stop = threading.Event()
        self.answer = answer
        web, lock, counts = self, threading.Lock(), Counter[str]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                with lock:
                    asked = Asked(self, counts[self.path])
                    counts[self.path] += 1
                    web.log.append((asked.path, asked.headers, asked.params))
                try:
                    web.answer(asked)
                    self.wfile.flush()
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                del args

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for path, _, _ in self.log]

    def close(self) -> None:
        """Answer nothing more."""
        self.stop.set()
        self.server.shutdown()
        self.server.server_close()
