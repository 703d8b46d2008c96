"""Asking through a proxy, where a person says so: which hosts, by which one, and what can still be checked then.

A proxy looks names up itself. Where one is used, whether a name stands for an address in the local network is for the
proxy to refuse; only what is local by its very spelling is refused here. So a proxy is never used unasked, not even if
the environment names one.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING
from urllib.request import getproxies_environment, proxy_bypass

from matloop.core.errors import ConfigError
from matloop.core.optional import require
from matloop.data.harvest.addresses import EXTRA, AddressRefused, Host, is_public

if TYPE_CHECKING:
    import httpx
else:
    httpx = require("httpx", extra=EXTRA)

SETTING = "MATLOOP_PROXY"
"""Set to "environment" for HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or to the address of a proxy; NO_PROXY is heeded."""
ENVIRONMENT = "environment"
_LOCAL = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet")


def proxy_setting() -> str:
    """What a person has set, "" for no proxy."""
    return os.environ.get(SETTING, "").strip()


def proxy_of(host: Host, setting: str) -> httpx.Proxy | None:
    """The proxy through which a host is asked, None where it is asked itself.

    Parameters
    ----------
    setting : as `SETTING`.

    Raises
    ------
    ConfigError : it is no address of a proxy that is understood; a password in it is not shown.
    """
    if not setting or proxy_bypass(str(host)):
        return None
    known = getproxies_environment()
    address = setting if setting != ENVIRONMENT else known.get(host.scheme) or known.get("all") or ""
    if not address:
        return None
    try:
        found = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigError(f"{SETTING}: the address of the proxy cannot be read.") from error
    if found.url.scheme not in ("http", "https") or not found.url.host:
        raise ConfigError(f"{SETTING}: {found.url.scheme or 'a bare name'} is no proxy of http or https.")
    return found


def unused_proxy(host: Host) -> str:
    """What to say of a failed connection, where the environment names a proxy that was not used; else ""."""
    known = getproxies_environment()
    if proxy_setting() or not (known.get(host.scheme) or known.get("all")) or proxy_bypass(str(host)):
        return ""
    return f" The environment names a proxy; it is used only with {SETTING}={ENVIRONMENT}."


def refuse_local(host: Host, *, allow_local: bool | frozenset[str] = False) -> None:
    """Refuse what is local by its spelling: addresses in any of their forms, names without a dot, "x.local".

    Raises
    ------
    AddressRefused : it is; the message says how to allow it.
    """
    if allow_local if isinstance(allow_local, bool) else str(host) in allow_local:
        return
    if _is_local(host.name):
        raise AddressRefused(
            f"{host}: lies in the local network by its name. It is not asked, nor is the proxy for it; name it "
            "yourself and allow it (--allow-local) if you trust it."
        )


def _is_local(name: str) -> bool:
    try:
        return not is_public(str(ipaddress.ip_address(name.partition("%")[0])))
    except ValueError:
        pass
    try:  # "127.1", "0x7f.1" and "2130706433" are addresses, too
        return not is_public(socket.inet_ntoa(socket.inet_aton(name)))
    except (OSError, UnicodeError):
        return "." not in name or name.endswith(_LOCAL)
