"""Which addresses may be asked: looked up once, checked, and connected to the very address that was checked."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from matloop.core.errors import ConfigError
from matloop.core.optional import require

if TYPE_CHECKING:
    import httpx
else:
    httpx = require("httpx", extra="harvest")

EXTRA = "harvest"
PORTS = {"http": 80, "https": 443}
_SECRET = re.compile(
    r"(?i)(^|[_.-])(api_?key|apikey|key|token|access_token|auth|authorization|password|passwd|pwd|secret|sig|signature)$"
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
HIDDEN = "..."


class AddressRefused(ConfigError):
    """An address that is not asked: another scheme than http, inside the local network, or with a password in it."""


@dataclass(frozen=True, slots=True)
class Host:
    """A server by name: what connections, rates and keys belong to."""

    scheme: str
    name: str
    port: int

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port == PORTS[self.scheme] else f"{name}:{self.port}"


def parsed(url: str) -> httpx.URL:
    """An address of the web.

    Raises
    ------
    AddressRefused : it is none, of another scheme than http and https, or holds a user or a password.
    """
    try:
        found = httpx.URL(url.strip())
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise AddressRefused(
            f"{url.strip()[:100]!r} is no address. Write it like https://example.org/optimade"
        ) from error
    if found.scheme not in PORTS:
        raise AddressRefused(f"{shown(found)}: only http and https are asked, not {found.scheme or 'a bare name'!r}.")
    if not found.host:
        raise AddressRefused(f"{shown(found)}: names no host.")
    if found.userinfo:
        raise AddressRefused(
            f"{shown(found)}: holds a user or password. Addresses are kept in journals and reports; keys are taken "
            "from the environment or the keyring."
        )
    return found.copy_with(fragment=None)


def host_of(url: httpx.URL) -> Host:
    """The server of an address."""
    return Host(url.scheme, url.raw_host.decode("ascii").lower().rstrip("."), url.port or PORTS[url.scheme])


def shown(url: httpx.URL | str) -> str:
    """An address as it may be written down: without user, password, and values of parameters such as api_key."""
    try:
        found = httpx.URL(url) if isinstance(url, str) else url
    except (httpx.InvalidURL, ValueError):
        return "(an unreadable address)"
    if found.userinfo:
        found = found.copy_with(userinfo=b"")
    hidden = [name for name in found.params if _SECRET.search(name)]
    if not hidden:
        return str(found)
    base = str(found.copy_with(query=None))
    pairs = found.params.multi_items()
    parts = [f"{quote(k)}={HIDDEN if k in hidden else quote(v, safe='')}" for k, v in pairs]
    return f"{base}?{'&'.join(parts)}"


def secrets_in(url: httpx.URL) -> tuple[str, ...]:
    """Values of parameters that are keys."""
    return tuple(value for name, value in url.params.multi_items() if _SECRET.search(name) and value)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet; what wraps another one (mapped, 6to4, NAT64) is unwrapped."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if int(ip) >> 32 == 0:  # ::a.b.c.d, the old form of IPv4 in IPv6
            return False
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


async def resolved(host: Host, *, allow_local: bool | frozenset[str] = False) -> tuple[str, ...]:
    """The IP addresses of a host, all of them checked.

    Parameters
    ----------
    allow_local : True, or the hosts ("localhost:8000") that may lie in the local network.

    Raises
    ------
    AddressRefused : one of them lies in the local network. OSError : the name is not known.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = allow_local if isinstance(allow_local, bool) else str(host) in allow_local
    local = [] if allowed else [address for address in addresses if not is_public(address)]
    if local:
        raise AddressRefused(
            f"{host}: stands for {local[0]}, which lies in the local network or is reserved. It is not asked; name it "
            "yourself and allow it (--allow-local) if you trust it."
        )
    return addresses


def pinned(url: httpx.URL, address: str) -> tuple[httpx.URL, Mapping[str, str], Mapping[str, str]]:
    """The address to connect to, and the headers and extensions that still name the host: no second look-up happens."""
    host = host_of(url)
    return url.copy_with(host=address), {"Host": str(host)}, {"sni_hostname": host.name}


def local_hosts(urls: Sequence[str]) -> frozenset[str]:
    """The hosts of addresses that a person named, to be allowed as local ones."""
    return frozenset(str(host_of(parsed(url))) for url in urls)
