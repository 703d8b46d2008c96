"""How a store is served: what of it, where, to whom."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from matloop.core.errors import ConfigError
from matloop.service.keys import Key
from matloop.service.optimade.answers import Provider

_PREFIX = re.compile(r"[a-z][a-z0-9]{0,30}")


@dataclass(frozen=True, slots=True)
class Settings:
    """place, dataset, version : what is served (all datasets in their latest version by default). host, port : where.
    base_url : how it is called from outside, where something stands before it. names : further names it may be called
    by. keys : who may read and write. public : that everybody may read. writable : that this machine may write without
    a key. private : that also is served what may not be shared. seconds : that a question to the database may take.
    megabytes : of one change. patience : seconds to wait for another writer or for a database that is away.
    """

    place: str
    dataset: str = ""
    version: int = 0
    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = ""
    names: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    public: bool = False
    writable: bool = False
    private: bool = False
    provider: Provider = field(default_factory=Provider)
    seconds: float = 30.0
    megabytes: float = 64.0
    patience: float = 5.0

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def open_to_read(self) -> bool:
        return self.public or not self.keys

    @property
    def address(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{shown}:{self.port}"


def checked(settings: Settings) -> Settings:
    """The settings, if they are safe together.

    Raises
    ------
    ConfigError : others could read or write what they should not, or a value cannot be read.
    """
    if not settings.local and not settings.keys and not settings.public:
        raise ConfigError(
            f"--host {settings.host} lets other machines in. Say who may read: --keys FILE (matloop data serve-key), "
            "or --public for everybody."
        )
    if not settings.local and settings.private:
        raise ConfigError(f"--include-private is for this machine only, and --host {settings.host} lets others in.")
    if settings.private and settings.public:
        raise ConfigError("--include-private and --public do not go together.")
    if settings.base_url and settings.private:
        raise ConfigError("--include-private is for this machine only; --base-url says that others come in.")
    if settings.writable and not settings.local and not settings.keys:
        raise ConfigError("writing from other machines needs keys: --keys FILE (matloop data serve-key).")
    if settings.base_url and not re.fullmatch(r"https?://[^\s?#]+", settings.base_url):
        raise ConfigError(f"--base-url {settings.base_url!r} is no address. Write https://data.our-lab.org/optimade")
    if settings.base_url and settings.local and not settings.keys and not settings.public:
        raise ConfigError(
            "--base-url says that others come in by a server before this one. Say who may read: --keys FILE, or "
            "--public."
        )
    if not _PREFIX.fullmatch(settings.provider.prefix):
        raise ConfigError(f"--prefix {settings.provider.prefix!r}: use small letters and digits, a letter first.")
    if not 0 <= settings.port <= 65535:
        raise ConfigError(f"--port {settings.port}: ports are numbers up to 65535 (0: any free one).")
    return settings


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def allowed_names(settings: Settings) -> frozenset[str]:
    """Names that the header Host may have, in small letters and without a port; addresses of machines beside them."""
    own = {"localhost", settings.host.lower(), *(name.lower() for name in settings.names)}
    if settings.base_url:
        own.add((urlsplit(settings.base_url).hostname or "").lower())
    return frozenset(own)
