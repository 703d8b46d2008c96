"""From the options of the command to a running server."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.store.address import address
from matloop.service.address import listening
from matloop.service.app import Service, make_app, make_service
from matloop.service.keys import keys_of_environment, new_key, read_keys
from matloop.service.optimade.answers import Provider
from matloop.service.settings import Settings, checked
from matloop.service.visible import Served

if TYPE_CHECKING:
    import uvicorn
else:
    uvicorn = require("uvicorn", extra="serve")

GRACE = 10
"""Seconds that running requests have when the server is stopped."""
MOST = 200
"""Connections at once; more are told to come again (503)."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has its port and waits for `run`."""

    service: Service
    socket: socket.socket
    quiet: bool = False

    @property
    def url(self) -> str:
        return self.service.settings.address

    def lines(self) -> list[str]:
        """What is served, and where."""
        state, settings = self.service.interface.moments.now(), self.service.settings
        lines = [f"{settings.address}  OPTIMADE {settings.address}/v1, REST {settings.address}/api/v1"]
        lines += [_part(part) for part in state.parts]
        lines.append(f"  {state.available:,} structures, {state.without:,} records with a formula only (REST has them)")
        if state.hidden:
            lines.append(
                f"  {state.hidden:,} records are not shown: they may not be shared, or have no licence. Give the "
                "dataset one (matloop data describe ... --licence CC-BY-4.0), or see all on this machine with "
                "--include-private."
            )
        lines.append(f"  {_who(settings)} Stop with Ctrl-C.")
        return lines

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        state = self.service.interface.moments.now()
        parts = [{"dataset": part.name, "version": part.number, "records": part.n_records} for part in state.parts]
        return {"url": self.url, "optimade": f"{self.url}/v1", "rest": f"{self.url}/api/v1", "datasets": parts,
                "structures": state.available, "without_structure": state.without, "hidden": state.hidden}  # fmt: skip

    def run(self) -> None:
        """Answer until the process is told to stop (Ctrl-C, or SIGTERM); requests that are running are finished."""
        if not self.quiet:
            _log()
        config = uvicorn.Config(
            make_app(self.service), access_log=False, log_level="warning", server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=GRACE, timeout_keep_alive=15, limit_concurrency=MOST, lifespan="on",
        )  # fmt: skip
        before = signal.signal(signal.SIGTERM, _stopped)
        try:
            uvicorn.Server(config).run(sockets=[self.socket])
        except KeyboardInterrupt:
            return
        finally:
            signal.signal(signal.SIGTERM, before)
            self.socket.close()


def _stopped(number: int, frame: object) -> None:
    """SIGTERM ends as Ctrl-C does."""
    del number, frame
    raise KeyboardInterrupt


def prepared(
    place: str, *, host: str = "127.0.0.1", port: int = 8000, base_url: str = "", names: Sequence[str] = (),
    keys: Path | None = None, public: bool = False, writable: bool = False, private: bool = False,
    prefix: str = "matloop", name: str = "", email: str = "", seconds: float = 30.0, megabytes: float = 64.0,
    quiet: bool = False,
) -> Running:  # fmt: skip
    """A server for "STORE" or "STORE#DATASET@VERSION" that has opened the store and taken its port.

    Raises
    ------
    ConfigError : options that are not safe together, or a port that is taken. DataError, NotInStore, RunError : the
        store or the keys cannot be read.
    """
    where = address(place)
    if not where.query.everything:
        raise ConfigError("a query cannot be served, only datasets: leave out what stands behind the question mark.")
    shown = (*(read_keys(keys) if keys else ()), *keys_of_environment())
    provider = Provider(prefix, name or _called(where.place, where.dataset), email=email)
    settings = checked(Settings(
        where.place, where.dataset, where.version, host, port, base_url.rstrip("/"), tuple(names), shown, public,
        writable, private, provider, seconds, megabytes,
    ))  # fmt: skip
    opened = listening(host, port)
    try:
        return Running(make_service(replace(settings, port=opened.getsockname()[1])), opened, quiet)
    except BaseException:
        opened.close()
        raise


def _called(place: str, dataset: str) -> str:
    """What to call the data: the dataset, or the file or database without its folder, user and password."""
    return dataset or place.rstrip("/").replace("\\", "/").rpartition("/")[2].partition("?")[0] or "A matloop store"


def _part(part: Served) -> str:
    words = (part.title, f"{part.n_records:,} records", part.licence or "licence by record")
    return f"  {part.name}@{part.number}: {', '.join(filter(None, words))}"


def _who(settings: Settings) -> str:
    keys = [f"{key.name} ({key.scope})" for key in settings.keys]
    reading = "Everybody who can reach it may read" if settings.open_to_read else "Only keys may read"
    if keys:
        return f"{reading}; keys: {', '.join(keys)}."
    writing = "may read and write" if settings.writable else "may read, nobody may write"
    return f"This machine {writing}." if settings.local and not settings.public else f"{reading}, nobody may write."


def _log() -> None:
    """A line per request on stderr."""
    access = logging.getLogger("matloop.access")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    access.handlers, access.propagate = [handler], False
    access.setLevel(logging.INFO)


PURPOSES = {
    "read": "reading", "write": "reading and writing", "run": "reading and asking models",
    "admin": "everything, also changing what is served",
}  # fmt: skip


def _server(scope: str) -> str:
    return "serve BUNDLE" if scope in ("run", "admin") else "data serve STORE"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made."""

    name: str
    scope: str
    key: str
    file: str

    def lines(self) -> list[str]:
        """The key, once."""
        return [
            self.key,
            f'The key of "{self.name}" for {PURPOSES[self.scope]}; only its hash is kept, in {self.file}, so note it '
            "now.",
            f"Use: matloop {_server(self.scope)} --keys {self.file}; curl -H 'Authorization: Bearer {self.key[:8]}...'",
        ]


def make_key(name: str, scope: str, file: Path, *, until: str = "", rate: int = 0) -> NewKey:
    """A new key, its hash in a file; see `matloop.service.keys.new_key`.

    Raises
    ------
    ConfigError, DataError : it cannot be made.
    """
    text = new_key(name, scope, file, until=until, rate=rate)  # type: ignore[arg-type]
    return NewKey(name, scope, text, str(file))
