"""Telling somebody: to a file, a webhook, or mails as files; each alert once, until what it is about has gone."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from matloop.core.errors import ConfigError, RunError
from matloop.core.files import write_bytes, write_text
from matloop.core.jsonable import to_jsonable
from matloop.monitor.contract import Finding, Severity

logger = logging.getLogger(__name__)
Way = Literal["log", "webhook", "mail"]
RANK: dict[str, int] = {"note": 0, "warning": 1, "alarm": 2}
TIMEOUT_S = 10.0
TRIES = 3
PAUSE_S = 1.0
_NOTES = 10_000


@dataclass(frozen=True, slots=True)
class Alert:
    """Where to tell what. place : file, folder of mails, or address of the webhook. from_ : least severity. private : a
    webhook may be in a private network or on this machine. to, sender : of mails."""

    way: Way
    place: str
    from_: Severity = "alarm"
    private: bool = False
    to: str = "materials@localhost"
    sender: str = "matloop@localhost"

    @property
    def shown(self) -> str:
        """The place without what may be secret: of an address only the host."""
        if self.way != "webhook":
            return f"{self.way} {self.place}"
        return f"webhook at {urlsplit(self.place).hostname}"


@dataclass(frozen=True, slots=True)
class Sent:
    """What was told. new : findings that were told now. known : told before and still there. cleared : gone since the
    last look. failed : {place: why it could not be told}; such are told at the next look."""

    new: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What to tell the user."""
        return [
            *[f"alert: {name}" for name in self.new], *[f"over: {name}" for name in self.cleared],
            *[f"alert not delivered to {place}: {why}" for place, why in self.failed.items()],
        ]  # fmt: skip


def parse_alert(text: str, *, from_: Severity = "alarm", private: bool = False) -> Alert:
    """An alert as a command line has it: "log=FILE", "webhook=https://...", "mail=FOLDER", "mail=FOLDER,to=A@B".

    Raises
    ------
    ConfigError : it is none of these, or the address is none that is allowed.
    """
    way, equals, place = text.partition("=")
    way = way.strip()
    if not equals or way not in ("log", "webhook", "mail") or not place.strip():
        raise ConfigError(
            f"{text[:60]!r} is no alert: write log=FILE, webhook=https://..., or mail=FOLDER[,to=NAME@HOST]."
        )
    if way == "webhook":
        split = urlsplit(place.strip())
        if split.scheme not in ("http", "https") or not split.hostname:
            raise ConfigError(f"webhook at {split.hostname or '?'}: an address begins with https:// or http://.")
        return Alert("webhook", place.strip(), from_, private)
    place, _, to = place.partition(",to=")
    if to and not re.fullmatch(r"[^\s,;<>\r\n]+@[^\s,;<>\r\n]+", to):
        raise ConfigError(f"{to[:60]!r} is no mail address: write mail=FOLDER,to=NAME@HOST.")
    made = Alert("log" if way == "log" else "mail", place, from_)
    return Alert(made.way, place, from_, to=to) if to else made


def parse_alerts(texts: Sequence[str], *, from_: str = "alarm", private: bool = False) -> list[Alert]:
    """Several of them, with the least severity that is told.

    Raises
    ------
    ConfigError : as `parse_alert`, or no such severity.
    """
    if from_ not in RANK:
        raise ConfigError(f"{from_!r} is no severity: take {', '.join(RANK)}.")
    return [parse_alert(text, from_=cast(Severity, from_), private=private) for text in texts]


def tell(
    findings: Sequence[Finding], alerts: Sequence[Alert], state: Path, *, about: str, family: str = "",
    now: datetime | None = None,
) -> Sent:  # fmt: skip
    """Tell new findings to every place that wants them, and which earlier ones are over.

    Parameters
    ----------
    state : file that keeps what was told; one per log. about : the model, for the subject. family : beginning of
        the names of other versions, whose findings are over since this one is watched; "" for none.

    Raises
    ------
    RunError : the state cannot be written.
    """
    now = now or datetime.now(UTC)
    known = _read(state)
    new: dict[str, None] = {}
    cleared: dict[str, None] = {}
    failed: dict[str, str] = {}
    kept: dict[str, dict[str, str]] = {}
    still: dict[str, None] = {}
    for alert in alerts:
        place = _name(alert)
        told = known.get(place, {})
        wanted = {_key(one, about): one for one in findings if RANK[one.severity] >= RANK[alert.from_]}
        fresh = {key: one for key, one in wanted.items() if RANK[one.severity] > RANK.get(told.get(key, ""), -1)}
        mine = {key for key in told if key.startswith(f"{about}: ") or (family and key.startswith(family))}
        gone = sorted(mine - set(wanted))
        others = {key: severity for key, severity in told.items() if key not in mine}
        kept[place] = others | {
            key: max(told.get(key, one.severity), one.severity, key=RANK.__getitem__) for key, one in wanted.items()
        }
        still |= dict.fromkeys(key for key in wanted if key not in fresh)
        if not fresh and not gone:
            continue
        try:
            _WAYS[alert.way](alert, _message(list(fresh.values()), gone, about, now))
        except (OSError, RunError, ConfigError, http.client.HTTPException) as error:
            failed[alert.shown] = _plain(error, alert)
            kept[place] = dict(told)
            logger.warning("alert not delivered to %s: %s", alert.shown, failed[alert.shown])
            continue
        new |= dict.fromkeys(fresh)
        cleared |= dict.fromkeys(gone)
    if alerts:
        write_text(state, json.dumps(known | kept, indent=1, sort_keys=True) + "\n")
    return Sent(tuple(new), tuple(still), tuple(cleared), failed)


def _key(finding: Finding, about: str) -> str:
    return f"{about}: {finding.kind} of {finding.subject}"


def _name(alert: Alert) -> str:
    """What the state calls a place: a webhook's address may hold a secret, so a digest of it stands there."""
    return f"{alert.way} {hashlib.sha256(alert.place.encode()).hexdigest()[:16]}"


def _read(state: Path) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(state.read_text("utf-8"))
        return {place: dict(told) for place, told in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        logger.warning("%s cannot be read (%s): alerts that were told before are told again", state, error)
        return {}


def _message(fresh: list[Finding], gone: list[str], about: str, now: datetime) -> dict[str, Any]:
    fresh = sorted(fresh, key=lambda one: -RANK[one.severity])
    head = fresh[0].said if fresh else f"over: {gone[0]}"
    text = [f"{one.severity}: {one.said}" + (f"\n  {one.todo}" if one.todo else "") for one in fresh]
    text += [f"over: {name}" for name in gone]
    return {
        "time": now.isoformat(timespec="seconds"), "model": about, "severity": fresh[0].severity if fresh else "note",
        "text": f"{about}: {head}"[:500], "lines": text, "findings": to_jsonable(fresh), "cleared": gone,
    }  # fmt: skip


def _log(alert: Alert, message: dict[str, Any]) -> None:
    path = Path(alert.place)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n")


def _mail(alert: Alert, message: dict[str, Any]) -> None:
    mail = EmailMessage()
    mail["Subject"] = " ".join(f"[{message['severity']}] {message['text']}".split())[:200]
    mail["From"], mail["To"] = alert.sender, alert.to
    when = datetime.fromisoformat(message["time"])
    mail["Date"], mail["Message-ID"] = format_datetime(when), make_msgid(domain="matloop.invalid")
    mail.set_content("\n\n".join(message["lines"]) + "\n")
    folder = Path(alert.place)
    stem = f"{when:%Y%m%dT%H%M%S}-{message['severity']}"
    number = next(k for k in range(_NOTES) if not (folder / f"{stem}-{k}.eml").exists())
    write_bytes(folder / f"{stem}-{number}.eml", mail.as_bytes())


def _webhook(alert: Alert, message: dict[str, Any]) -> None:
    """POST as JSON; an answer of 500 and above, or none, is tried again; a redirection is not followed."""
    body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
    for attempt in range(1, TRIES + 1):
        try:
            status = _post(alert, body)
        except (OSError, http.client.HTTPException):
            if attempt == TRIES:
                raise
            status = 0
        if 200 <= status < 300:
            return
        if 0 < status < 500 and status != 429:
            raise RunError(f"it answered with status {status}. Correct the address, or what listens there.")
        if attempt < TRIES:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
    raise RunError(f"it answered with status {status} {TRIES} times.")


def _post(alert: Alert, body: bytes) -> int:
    split = urlsplit(alert.place)
    host, secure = split.hostname or "", split.scheme == "https"
    address = _address(host, split.port or (443 if secure else 80), private=alert.private)
    plain = socket.create_connection(address, timeout=TIMEOUT_S)
    connection = http.client.HTTPConnection(host, address[1], timeout=TIMEOUT_S)
    try:
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
        path = (split.path or "/") + (f"?{split.query}" if split.query else "")
        connection.request("POST", path, body, {"Content-Type": "application/json", "User-Agent": "matloop"})
        return connection.getresponse().status
    finally:
        connection.close()
        plain.close()


def _address(host: str, port: int, *, private: bool) -> tuple[str, int]:
    """The address that is connected to, looked up once: what was checked is what is used.

    Raises
    ------
    ConfigError : it is in a private network and that was not allowed.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        if private or ipaddress.ip_address(str(place[0]).split("%")[0]).is_global:
            return str(place[0]), port
    raise ConfigError(
        "it is in a private network or on this machine. Allow that with private=True (--private-webhook)."
    )


def _plain(error: Exception, alert: Alert) -> str:
    """The error without the address, which may hold a secret."""
    text = "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return text.replace(alert.place, "(address)") if alert.way == "webhook" else text


_WAYS: dict[Way, Callable[[Alert, dict[str, Any]], None]] = {"log": _log, "mail": _mail, "webhook": _webhook}
