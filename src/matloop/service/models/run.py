"""From the options of `matloop serve` to running workers."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matloop.core.errors import ConfigError, MissingExtra
from matloop.core.optional import available
from matloop.service.address import listening
from matloop.service.models.settings import Limits, Settings, checked
from matloop.service.models.sources import spelled
from matloop.service.models.supervisor import Supervisor

USUAL = Limits()
NEEDED = ("fastapi", "uvicorn", "httptools", "orjson", "prometheus_client")


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers; `run` keeps it going until the process is told to stop."""

    settings: Settings
    supervisor: Supervisor

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self.settings.address

    def lines(self) -> list[str]:
        """What is served, and where."""
        lines = [f"{self.url}  (the page; OpenAPI: {self.url}/openapi.json)"]
        for model in self.supervisor.models:
            targets = ", ".join(target["name"] for target in model["targets"])
            lines.append(f"  {model['spelled']}: {targets} from {', '.join(model['columns'])}")
        return [*lines, f"  {self._who()} Stop with Ctrl-C."]

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"url": self.url, "models": self.supervisor.models, "workers": self.settings.workers,
                "log": self.settings.log}  # fmt: skip

    def run(self) -> None:
        """Answer until SIGTERM or Ctrl-C; SIGHUP loads anew what changed."""
        self.supervisor.run()

    def stop(self) -> None:
        """End all workers."""
        self.supervisor.stop()

    def _who(self) -> str:
        keys = ", ".join(f"{name} ({scope})" for name, scope in self.supervisor.keys)
        if not keys:
            everybody = "Everybody who can reach it" if not self.settings.local else "This machine"
            return f"{everybody} may ask."
        return f"{'Everybody, and ' if self.settings.public else 'Only '}these keys may ask: {keys}."


def prepared(
    bundles: Sequence[str], *, store: str = "", host: str = "127.0.0.1", port: int = 8000, workers: int = 1,
    keys: Path | None = None, public: bool = False, names: Sequence[str] = (), base_url: str = "",
    log: Path | None = None, certificate: Path | None = None, private_key: Path | None = None, watch: float = 10.0,
    lines: bool = False, limits: Limits = USUAL,
) -> Serving:  # fmt: skip
    """A server whose models are loaded and that answers already.

    Parameters
    ----------
    bundles : a folder, NAME=FOLDER, or NAME@champion of the registry in `store`. The others: see
        `matloop.service.models.settings.Settings`.

    Raises
    ------
    MissingExtra : what a server needs is not installed. ConfigError : options that are not safe together, or a port
        that is taken. BundleError : a bundle is damaged or was changed. DataError : the keys cannot be read.
    """
    missing = [name for name in NEEDED if not available(name)]
    if missing:
        raise MissingExtra(f"{missing[0]!r} is not installed. Install it with: pip install 'matloop[serve]'")
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError("serving models needs Linux or macOS (on Windows: WSL), where processes share a socket.")
    settings = Settings(
        tuple(bundles), store, host, port, workers, str(keys.absolute()) if keys else "", public, tuple(names),
        base_url.rstrip("/"), str(log.absolute()) if log else "", str(certificate.absolute()) if certificate else "",
        str(private_key.absolute()) if private_key else "", watch, lines, limits,
    )  # fmt: skip
    for text in settings.bundles:
        spelled(text, store=store)
    opened = listening(host, port, waiting=2048)
    supervisor = None
    try:
        settings = replace(settings, port=opened.getsockname()[1])
        supervisor = Supervisor(settings, opened)
        supervisor.start()
        return Serving(settings, supervisor)
    except BaseException:
        if supervisor is not None:
            supervisor.stop()
        opened.close()
        raise


__all__ = ["Limits", "Serving", "Settings", "checked", "prepared"]
