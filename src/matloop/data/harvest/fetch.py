"""Asking servers politely: paced per host, bounded in time and size, patient with failures, checked addresses.

    async with Fetcher(folder, Policy()) as fetch:
        response = await fetch.get("https://example.org/v1/info", headers={"X-API-KEY": key})
        records = response.json()

or without `async`: `response = fetch_now(url, folder)`. Nothing that is given in `headers` is ever written down,
logged, named in an error, or sent to another host than the one that was asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from matloop.core.files import sha256
from matloop.core.optional import require
from matloop.core.release import release
from matloop.data.harvest.addresses import (
    EXTRA,
    AddressRefused,
    Host,
    host_of,
    parsed,
    pinned,
    resolved,
    secrets_in,
    shown,
)
from matloop.data.harvest.partial import Part
from matloop.data.harvest.proxies import proxy_of, refuse_local, unused_proxy
from matloop.data.harvest.responses import HEADERS, FetchError, Kept, Response, body_of

if TYPE_CHECKING:
    import httpx
else:
    httpx = require("httpx", extra=EXTRA)

T = TypeVar("T")
Take = Callable[["httpx.Response", str], Awaitable[bytes]]
"""Reads an open answer that went well; the second is the address for messages."""
logger = logging.getLogger(__name__)
Memory = Literal["reuse", "ask", "replay"]
"""reuse : what is kept is not asked for again. ask : always asked, and kept. replay : only what is kept, no network."""
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""States of HTTP that may pass."""
MOVED = frozenset({301, 302, 303, 307, 308})
_PLAIN = frozenset({"accept", "accept-encoding", "accept-language", "if-range", "range", "user-agent"})
_GAIN = 1 << 20  # bytes that make a broken try of a large file worth another one
_OWN_LOGS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")


@dataclass(frozen=True, slots=True)
class Policy:
    """How servers are treated.

    rate : requests per second and host. at_once : requests under way per host. seconds : bound of one try, from asking
    to the last byte. tries : of one request. pause : seconds before the second try, doubled before each further one.
    longest_pause : no wait is longer; a server that asks for more is left alone. most_bytes : of one unpacked answer.
    redirects : followed. allow_local : addresses of the local network may be asked (True, or for these hosts only,
    such as "localhost:8000"). seed : of the jitter in the pauses. rates : other rates by name of the host.
    proxy : through which is asked, see `matloop.data.harvest.proxies.SETTING`; "" for none. Which addresses names stand
    for is then checked by the proxy alone.
    """

    rate: float = 3.0
    at_once: int = 2
    seconds: float = 60.0
    tries: int = 5
    pause: float = 1.0
    longest_pause: float = 120.0
    most_bytes: int = 100_000_000
    redirects: int = 5
    allow_local: bool | frozenset[str] = False
    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    proxy: str = ""


class _Gate:
    """The pace of one host."""

    def __init__(self, rate: float, at_once: int) -> None:
        self._every = 1.0 / rate if rate > 0 else 0.0
        self._places = asyncio.Semaphore(at_once)
        self._next = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        async with self._places:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._every
            if start > now:
                await asyncio.sleep(start - now)
            yield

    def rest(self, seconds: float) -> None:
        """Ask nothing of the host for a while."""
        self._next = max(self._next, time.monotonic() + seconds)


class Fetcher:
    """Asks servers, and keeps what they answer.

    Parameters
    ----------
    folder : where answers are kept; None keeps nothing. policy : how servers are treated. memory : see `Memory`.

    Examples
    --------
    >>> async def info():                                                                        # doctest: +SKIP
    ...     async with Fetcher(Path("cache")) as fetch:
    ...         return (await fetch.get("https://optimade.materialsproject.org/v1/info")).json()
    """

    def __init__(self, folder: Path | None, policy: Policy | None = None, *, memory: Memory = "reuse") -> None:
        self.policy = policy or Policy()
        self.memory = memory
        self.kept = None if folder is None else Kept(folder)
        self._clients: dict[Host, httpx.AsyncClient] = {}
        self._gates: dict[Host, _Gate] = {}
        self._certificates: Any = None

    async def __aenter__(self) -> Fetcher:
        for name in _OWN_LOGS:  # these write whole addresses and headers, keys included
            _silence(logging.getLogger(name))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, memory: Memory | None = None,
        check: Callable[[Response], object] | None = None,
    ) -> Response:  # fmt: skip
        """The answer to GET, kept or asked for.

        Parameters
        ----------
        headers : further ones, such as a key. They go to the host of `url` alone. memory : instead of the fetcher's.
        check : called with the answer before it is kept; a `FetchError` that it raises counts as a failed try.

        Raises
        ------
        AddressRefused : the address, or one that a redirect leads to, is not asked.
        FetchError : no whole answer with a state 2xx came within all tries; `kind` and `status` say what came.
        DataError : what is kept is damaged. RunError : it cannot be kept (disk full).
        """
        target = parsed(url)
        name = shown(target)
        mode = memory or self.memory
        if mode != "ask" and self.kept is not None and (found := self.kept.find(name)) is not None:
            return found
        if mode == "replay":
            raise FetchError(f"{name}: no answer of it is kept, and nothing is asked for offline.", kind="missing")
        response = await self._tried(target, dict(headers or {}), check)
        if self.kept is not None:
            self.kept.keep(response)
        return response

    async def get_file(self, url: str, path: Path) -> Response:
        """The answer to GET as the file `path`; where it breaks off, only the rest is asked for, also by a later call.

        A try that brings a new megabyte is not counted. `body` of what is returned is empty.

        Raises
        ------
        AddressRefused, FetchError, RunError : as `get`; what came is left at `path` if it can be gone on with.
        """
        target = parsed(url)
        part = Part(path, shown(target), self.policy.most_bytes)
        most, number = part.size, 1
        try:
            while True:
                try:
                    response = await self._followed(target, part.headers(), secrets_in(target), part.take)
                    return replace(response, sha256=sha256(path))
                except FetchError as error:
                    if error.status == 416:  # what came is longer than the file is now
                        part.drop()
                    elif part.size >= most + _GAIN:
                        most, number = part.size, 0
                    if not (_may_pass(error) or error.status == 416) or number >= self.policy.tries:
                        raise
                    number += 1
                    await self._rest(target, max(number - 1, 1), error)
        except FetchError:
            part.kept()
            raise

    # ---- tries ----

    async def _tried(
        self, url: httpx.URL, headers: dict[str, str], check: Callable[[Response], object] | None
    ) -> Response:
        secrets = _secrets(url, headers)
        for number in range(1, self.policy.tries + 1):
            try:
                response = await self._followed(url, headers, secrets)
                if check is not None:
                    check(response)
                return response
            except FetchError as error:
                if not _may_pass(error) or number == self.policy.tries:
                    raise
                await self._rest(url, number, error)
        raise AssertionError("there is at least one try")

    async def _rest(self, url: httpx.URL, number: int, error: FetchError) -> None:
        policy = self.policy
        draw = random.Random(f"{policy.seed} {shown(url)} {number}").uniform(0.5, 1.5)
        wait = min(policy.pause * 2.0 ** (number - 1) * draw, policy.longest_pause)
        if error.wait is not None:
            if error.wait > policy.longest_pause:
                raise FetchError(
                    f"{error} The server asks to wait {error.wait:,.0f} s; call again after that.",
                    kind=error.kind, status=error.status, wait=error.wait,
                ) from error  # fmt: skip
            wait = max(wait, error.wait)
            self._gate(host_of(url)).rest(error.wait)
        logger.info("%s: try %d failed; the next one follows in %.1f s", shown(url), number, wait)
        await asyncio.sleep(wait)

    async def _followed(
        self, url: httpx.URL, headers: dict[str, str], secrets: tuple[str, ...], take: Take | None = None
    ) -> Response:
        """The answer behind redirects, each of which is checked as the first address was."""
        asked, here = shown(url), url
        for number in range(self.policy.redirects + 1):
            own = headers if host_of(here) == host_of(url) else _plain(headers)
            try:
                status, told, body = await self._bounded(here, own, take or self._body)
            except AddressRefused as error:
                raise AddressRefused(f"{asked}: redirects. {error}" if number else str(error)) from error
            if status not in MOVED:
                return _answer(asked, here, status, told, body, secrets)
            here = _next(asked, here, told.get("location", ""))
            if here.scheme == "http" and url.scheme == "https":
                raise AddressRefused(f"{asked}: redirects from https to {shown(here)}, which anybody can read.")
        raise FetchError(f"{asked}: redirects more than {self.policy.redirects} times.", kind="redirect")

    async def _bounded(
        self, url: httpx.URL, headers: dict[str, str], take: Take
    ) -> tuple[int, Mapping[str, str], bytes]:
        name, policy = shown(url), self.policy
        async with self._gate(host_of(url)).turn():
            try:
                async with asyncio.timeout(policy.seconds):
                    return await self._asked(url, headers, name, take)
            except TimeoutError as error:
                raise FetchError(f"{name}: no whole answer within {policy.seconds:g} s.", kind="timeout") from error
            except httpx.TimeoutException as error:
                raise FetchError(f"{name}: no whole answer within {policy.seconds:g} s.", kind="timeout") from error
            except httpx.TransportError as error:
                what = masked(str(error) or type(error).__name__, _secrets(url, headers))
                unused = "" if policy.proxy else unused_proxy(host_of(url))
                raise FetchError(f"{name}: the connection failed ({what}).{unused}", kind="connection") from error

    async def _asked(
        self, url: httpx.URL, headers: dict[str, str], name: str, take: Take
    ) -> tuple[int, Mapping[str, str], bytes]:
        host = host_of(url)
        proxy = proxy_of(host, self.policy.proxy)
        client = self._client(host, proxy)
        if proxy is None:
            addresses = await self._addresses(host, name)
        else:
            refuse_local(host, allow_local=self.policy.allow_local)
            addresses = ("",)  # which the proxy looks up
        for place, address in enumerate(addresses):
            target, own, extensions = pinned(url, address) if address else (url, {}, {})
            request = client.build_request("GET", target, headers={**headers, **own}, extensions=dict(extensions))
            try:
                answer = await client.send(request, stream=True)
            except httpx.ConnectError:
                if place + 1 < len(addresses):
                    continue
                raise
            try:
                if answer.status_code in MOVED:
                    return answer.status_code, answer.headers, b""
                reads = take if answer.is_success else self._said
                return answer.status_code, answer.headers, await reads(answer, name)
            finally:
                await answer.aclose()
        raise FetchError(f"{name}: the host {host} has no address.", kind="connection")

    async def _addresses(self, host: Host, name: str) -> tuple[str, ...]:
        try:
            return await resolved(host, allow_local=self.policy.allow_local)
        except (OSError, UnicodeError) as error:
            raise FetchError(
                f"{name}: the host {host} is not known ({error}).{unused_proxy(host)}", kind="connection"
            ) from error

    async def _body(self, answer: httpx.Response, name: str) -> bytes:
        return await body_of(answer, self.policy.most_bytes, name)

    async def _said(self, answer: httpx.Response, name: str) -> bytes:
        """What is said about a failure; a long or damaged text is not worth more than its state."""
        try:
            return await body_of(answer, min(self.policy.most_bytes, 100_000), name)
        except FetchError:
            return b""

    def _client(self, host: Host, proxy: httpx.Proxy | None) -> httpx.AsyncClient:
        """One per host, so that no connection is shared between names that stand for one address."""
        if host not in self._clients:
            if self._certificates is None and host.scheme == "https":
                self._certificates = httpx.create_ssl_context()
            self._clients[host] = httpx.AsyncClient(
                trust_env=False, proxy=proxy, follow_redirects=False, timeout=self.policy.seconds,
                verify=self._certificates if host.scheme == "https" else False,
                limits=httpx.Limits(max_connections=self.policy.at_once),
                headers={
                    "User-Agent": f"matloop/{release()}",
                    "Accept": "application/json, */*;q=0.5", "Accept-Encoding": "gzip",
                },
            )  # fmt: skip
        return self._clients[host]

    def _gate(self, host: Host) -> _Gate:
        if host not in self._gates:
            rate = self.policy.rates.get(host.name, self.policy.rate)
            self._gates[host] = _Gate(rate, self.policy.at_once)
        return self._gates[host]


def _silence(log: logging.Logger) -> None:
    if _nothing not in log.filters:
        log.addFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    del record
    return False


# ---- answers ----


def _answer(
    asked: str, final: httpx.URL, status: int, told: Mapping[str, str], body: bytes, secrets: tuple[str, ...]
) -> Response:
    if not 200 <= status < 300:
        raise FetchError(
            f"{asked}: the server answers {status}{_reason(body, secrets)}",
            kind="status", status=status, wait=_wait(told),
        )  # fmt: skip
    for secret in secrets:
        if secret.encode() in body:
            raise FetchError(f"{asked}: the answer repeats the key that was sent; it is not kept.", kind="status")
    headers = {name: masked(told[name], secrets) for name in HEADERS if name in told}
    return Response(
        asked, status, headers, body, hashlib.sha256(body).hexdigest(),
        datetime.now(UTC).isoformat(timespec="seconds"), masked(shown(final), secrets),
    )  # fmt: skip


def _next(asked: str, here: httpx.URL, location: str) -> httpx.URL:
    try:
        return parsed(str(here.join(location)))
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchError(f"{asked}: redirects to an unreadable address.", kind="redirect") from error
    except AddressRefused as error:
        raise AddressRefused(f"{asked}: redirects. {error}") from error


def _reason(body: bytes, secrets: tuple[str, ...]) -> str:
    """What a server says about a failure, in one line without keys."""
    text = masked(" ".join(body[:2000].decode("utf-8", "replace").split()), secrets)
    if not text or text.startswith("<"):
        return "."
    return f": {text[:300]}"


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """`text` without any of `secrets`."""
    for secret in secrets:
        text = text.replace(secret, "...")
    return text


def _secrets(url: httpx.URL, headers: Mapping[str, str]) -> tuple[str, ...]:
    values = [value for name, value in headers.items() if name.lower() not in _PLAIN]
    parts = [part for value in values for part in (value, *value.split())]  # "Bearer abc": also the key alone
    return tuple(sorted({part for part in (*parts, *secrets_in(url)) if len(part) >= 8}, key=len, reverse=True))


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in _PLAIN}


def _may_pass(error: FetchError) -> bool:
    return error.kind in ("connection", "timeout", "damaged") or error.status in AGAIN


def _wait(told: Mapping[str, str]) -> float | None:
    """Seconds of the header Retry-After, which is a number or a date; None where there is none."""
    text = told.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0)


# ---- without async ----


def fetch_now(
    url: str, folder: Path | None = None, policy: Policy | None = None, *, memory: Memory = "reuse",
    headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """`Fetcher.get` for a caller that waits."""

    async def one() -> Response:
        async with Fetcher(folder, policy, memory=memory) as fetch:
            return await fetch.get(url, headers=headers)

    return run(one())


def fetch_file_now(url: str, path: Path, policy: Policy | None = None) -> Response:
    """`Fetcher.get_file` for a caller that waits."""

    async def one() -> Response:
        async with Fetcher(None, policy) as fetch:
            return await fetch.get_file(url, path)

    return run(one())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine, also where a loop is already running (in a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    found: list[T] = []
    faults: list[BaseException] = []

    def apart() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of the caller
            faults.append(error)

    thread = threading.Thread(target=apart)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return found[0]
