"""One process that answers: `python -m matloop.service.models.worker`, started and watched by the supervisor.

It is told what to do by lines of JSON on standard input (settings first, then orders) and says on standard output that
it is ready, that it lives, and what the others should do too. When standard input ends, it stops: its parent is gone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from matloop.core.errors import MatloopError
from matloop.core.jsonable import from_jsonable
from matloop.core.optional import require
from matloop.service.models.app import make_front, obey
from matloop.service.models.settings import Settings
from matloop.service.models.wire import HARD, protocol

if TYPE_CHECKING:
    import uvicorn
else:
    uvicorn = require("uvicorn", extra="serve")

logger = logging.getLogger(__name__)
BEAT_S = 2.0
"""Seconds between two signs of life."""
GRACE_S = 5
"""Seconds beyond those of one request that running requests have when the server is stopped."""
SPARE = 256
"""Files beside connections: libraries, log, metrics."""


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker is told first. shared : folder in common with the others. fd : of the socket."""

    settings: Settings
    shared: str
    fd: int
    name: str


class Voice:
    """Lines to the supervisor; what libraries print goes to standard error instead."""

    def __init__(self) -> None:
        self._out: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def say(self, **what: Any) -> None:
        """One line; a supervisor that is gone hears nothing."""
        with self._lock:
            try:
                self._out.write(json.dumps(what) + "\n")
                self._out.flush()
            except OSError:
                logger.debug("the supervisor is gone")


def main() -> None:
    """Serve until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor, which stops its workers one way
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    voice = Voice()
    post = from_jsonable(Post, json.loads(sys.stdin.readline()))
    _logging(post.settings)
    try:
        code = serve(post, voice)
    except MatloopError as error:
        voice.say(failed=str(error), kind=type(error).__name__, code=error.exit_code)
        code = error.exit_code
    sys.stdout.flush()
    sys.exit(code)


def serve(post: Post, voice: Voice) -> int:
    """Load the models, answer, stop."""
    settings, limits = post.settings, post.settings.limits
    sys.setswitchinterval(0.0005)  # the loop waits for the answering thread no longer than that
    front = make_front(
        settings, shared=Path(post.shared), worker=post.name, tell=lambda order: voice.say(order=dict(order))
    )
    listening = socket.socket(fileno=post.fd)
    config = uvicorn.Config(
        front, access_log=False, log_level="warning", server_header=False, proxy_headers=False, ws="none",
        timeout_graceful_shutdown=int(limits.seconds) + GRACE_S, timeout_keep_alive=30, lifespan="on", backlog=2048,
        http=protocol(limits.seconds, _files(limits.connections)), ssl_certfile=settings.certificate or None,
        ssl_keyfile=settings.private_key or None,
    )  # fmt: skip
    server = uvicorn.Server(config)
    front.connections = lambda: len(server.server_state.connections)

    def hear() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            try:
                obey(front, order)
                if order["do"] == "reload" and settings.certificate:
                    config.ssl.load_cert_chain(settings.certificate, settings.private_key)
            except (MatloopError, KeyError, OSError) as error:
                logger.warning("nothing was changed: %s", error)
        server.should_exit = True

    async def alive() -> None:
        while not server.started:
            await asyncio.sleep(0.005)
        threading.Thread(target=hear, name="matloop-orders", daemon=True).start()
        models = [{"name": one.name, "spelled": one.spelled, "question": one.facts["question"],
                   "columns": list(one.answerer.columns), "targets": one.facts["targets"]}
                  for one in front.keeper.shelf.models]  # fmt: skip
        voice.say(ready=models, keys=[[key.name, key.scope] for key in front.keeper.keys])
        while True:
            since = front.line.since
            voice.say(alive=round(time.monotonic() - since, 1) if since else 0.0)
            await asyncio.sleep(BEAT_S)

    async def work() -> None:
        beating = asyncio.create_task(alive())
        try:
            await server.serve(sockets=[listening])
        finally:
            beating.cancel()

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(work())
    return 0


def _files(connections: int) -> int:
    """Connections that may be open at once: as many as asked for, if the system lets this process have the files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = int(HARD * connections) + SPARE
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    fewer = max(16, int((soft - SPARE) / HARD))
    logger.warning("the system allows %d open files: at most %d connections (ulimit -n).", soft, fewer)
    return fewer


def _logging(settings: Settings) -> None:
    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=logging.ERROR)
    logging.getLogger("matloop").setLevel(logging.WARNING)
    if settings.lines:
        access = logging.getLogger("matloop.access")
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        access.handlers, access.propagate = [handler], False
        access.setLevel(logging.INFO)


if __name__ == "__main__":
    main()
