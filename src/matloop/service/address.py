"""Where a server listens, and by which names it may be called."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from matloop.core.errors import ConfigError


def listening(host: str, port: int, *, waiting: int = 128) -> socket.socket:
    """A socket that listens, with so many connections `waiting` at most.

    Raises
    ------
    ConfigError : the address is none of this machine, or somebody else listens there.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"--port {port}: ports are numbers up to 65535 (0: any free one).")
    try:
        (family, _, _, _, where), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"--host {host}: is no address of this machine ({error}).") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        opened.listen(waiting)
    except OSError as error:
        opened.close()
        raise ConfigError(
            f"{host}:{port} cannot be used ({error.strerror}). Is a server running there already? Take another port: "
            "--port 0 for any."
        ) from error
    return opened


def is_called(host: str, names: Collection[str], *, local: bool) -> bool:
    """Whether the header Host has a name that is ours, or the address of a machine: a page of another site that has its
    name lead here (DNS rebinding) still sends its own name. Where only this machine comes in (`local`), its loopback
    addresses."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return False
    if name in names:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not local
