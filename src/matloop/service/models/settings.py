"""How models are served: which, where, to whom, within which limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matloop.core.errors import ConfigError
from matloop.service.keys import Key
from matloop.service.settings import is_loopback


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all at once, may take.

    megabytes : of one body. rows : of one batch. seconds : from the first byte of a request to its answer. waiting :
    requests that may wait in one worker; more are told to come again (503). waiting_rows : the same for their rows.
    waiting_megabytes : bodies of all requests that are being read or answered in one worker. connections : open at once
    in one worker. rate : rows per minute of a key that has no limit of its own, and of all who have no key together; 0
    for none.
    """

    megabytes: float = 16.0
    rows: int = 20_000
    seconds: float = 30.0
    waiting: int = 1_000
    waiting_rows: int = 100_000
    waiting_megabytes: float = 128.0
    connections: int = 4_000
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """bundles : as on the command line, see `matloop.service.models.sources.spelled`. store : where registered models
    are. host, port : where it listens. workers : processes. keys_file : who may ask (`matloop data serve-key`).
    public : that everybody may. names : further names the server may be called by. base_url : its address from outside.
    log : folder for what was asked and answered, "" for none. certificate, private_key : files for HTTPS. watch :
    seconds between looks at the registry for another champion. lines : a line per request on stderr.
    """

    bundles: tuple[str, ...]
    store: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    keys_file: str = ""
    public: bool = False
    names: tuple[str, ...] = ()
    base_url: str = ""
    log: str = ""
    certificate: str = ""
    private_key: str = ""
    watch: float = 10.0
    lines: bool = False
    limits: Limits = Limits()

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where it is asked."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"{'https' if self.certificate else 'http'}://{shown}:{self.port}"


def checked(settings: Settings, keys: tuple[Key, ...]) -> Settings:
    """The settings, if they are safe together.

    Raises
    ------
    ConfigError : others could ask who should not, or a value cannot be used.
    """
    if not settings.bundles:
        raise ConfigError("say what to serve: matloop serve runs/steels/1f3a/bundle")
    if not (settings.local and not settings.base_url) and not keys and not settings.public:
        raise ConfigError(
            f"--host {settings.host} lets other machines in. Say who may ask: --keys FILE (matloop data serve-key "
            "--scope run), or --public for everybody."
        )
    if bool(settings.certificate) != bool(settings.private_key):
        raise ConfigError("HTTPS needs both: --tls-cert FILE and --tls-key FILE.")
    for option, file in (("--tls-cert", settings.certificate), ("--tls-key", settings.private_key)):
        if file and not Path(file).is_file():
            raise ConfigError(f"{option} {file}: there is no such file.")
    if not 0 <= settings.port <= 65535:
        raise ConfigError(f"--port {settings.port}: ports are numbers up to 65535 (0: any free one).")
    if not 1 <= settings.workers <= 256:
        raise ConfigError(f"--workers {settings.workers}: a number of processes, from 1 to 256.")
    limits = settings.limits
    for option, value, least in (
        ("--megabytes", limits.megabytes, 0.001), ("--rows", limits.rows, 1), ("--seconds", limits.seconds, 0.1),
        ("--waiting", limits.waiting, 1), ("--connections", limits.connections, 1), ("--rate", limits.rate, 0),
    ):  # fmt: skip
        if not value >= least:
            raise ConfigError(f"{option} {value:g}: at least {least:g}.")
    return settings
