"""Who may come in: the name a request was sent to, where it comes from, its key, its share."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from matloop.service.address import is_called
from matloop.service.keys import Key, matching
from matloop.service.models.rates import Rates
from matloop.service.models.refused import Refused
from matloop.service.models.settings import Settings

Headers = dict[bytes, bytes]


class Gate:
    """Looks at every request before anything is read of it.

    `keys` may be replaced while it works.
    """

    def __init__(self, settings: Settings, keys: tuple[Key, ...], rates: Rates) -> None:
        self.settings, self.keys, self.rates = settings, keys, rates
        own = {"localhost", settings.host.lower(), *(name.lower() for name in settings.names)}
        if settings.base_url:
            own.add((urlsplit(settings.base_url).hostname or "").lower())
        self._names = frozenset(own)
        self._hosts: dict[bytes, bool] = {}

    def look(self, headers: Headers, what: str) -> Key | None:
        """The key of a request that may do `what` ("read", "run", "admin"); None where it needs none.

        Raises
        ------
        Refused : it may not (401, 403), or was sent to another name (421).
        """
        host = headers.get(b"host", b"")
        known = self._hosts.get(host)
        if known is None:
            known = is_called(host.decode("latin-1"), self._names, local=self.settings.local)
            if len(self._hosts) < 1000:
                self._hosts[host] = known
        if not known:
            said = "this server is not called so. If it should be: matloop serve ... --name NAME"
            raise Refused(421, f"{host[:100].decode('latin-1')!r}: {said}", "name")
        origin = headers.get(b"origin")
        if origin is not None and what != "read":
            own = urlsplit(origin.decode("latin-1")).netloc.lower()
            if own != host.decode("latin-1").lower():
                raise Refused(403, "pages of other sites may not ask here.", "origin")
        given = _given(headers)
        if given:
            return self._good(given, what)
        if self.keys and not (self.settings.public and what != "admin"):
            raise Refused(401, f"this needs a key for {what!r}: Authorization: Bearer KEY.", "key")
        if what == "admin" and not (self.settings.local and not self.settings.base_url):
            raise Refused(403, "changing what is served from another machine needs a key of scope admin.", "key")
        return None

    def _good(self, given: str, what: str) -> Key:
        key = matching(self.keys, given)
        if key is None:
            raise Refused(401, "this key is not known here.", "key")
        if key.expired():
            raise Refused(401, f'the key "{key.name}" has expired.', "expired")
        if not key.allows(what):
            raise Refused(403, f'the key "{key.name}" is for {key.scope!r}, and this needs {what!r}.', "scope")
        return key

    def share(self, key: Key | None, rows: int) -> None:
        """Count rows against the share of whoever asks.

        Raises
        ------
        Refused : it is used up (429).
        """
        limit = (key.rate if key else 0) or self.settings.limits.rate
        if limit:
            self.rates.take(key.hash if key else "", rows, limit)


def _given(headers: Headers) -> str:
    text = headers.get(b"authorization")
    if text is not None:
        kind, _, key = text.decode("latin-1").partition(" ")
        if kind.lower() == "bearer" and key.strip():
            return key.strip()
    return headers.get(b"x-api-key", b"").decode("latin-1").strip()


def as_headers(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers by their names; of equal ones the first counts."""
    found: Headers = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found
