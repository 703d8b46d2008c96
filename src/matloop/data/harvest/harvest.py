"""Many databases at once: each is walked page by page, every page is kept before the next is asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matloop.core.progress import SILENT, Progress
from matloop.data.harvest.addresses import AddressRefused
from matloop.data.harvest.chains import Chain, Gap, Journal, Order, Step
from matloop.data.harvest.dialects import dialect_of
from matloop.data.harvest.fetch import Fetcher
from matloop.data.harvest.filters import foreign
from matloop.data.harvest.mapping import Facts, facts_of, identity
from matloop.data.harvest.pages import EVERY, Page, asked_fields, next_url, size_of, skipped_to
from matloop.data.harvest.responses import FetchError, Kept, Response
from matloop.problem.fault import did_you_mean, nearest

MOST_GAPS = 3
"""Pages in a row that may fail; then the database is left alone."""
GONE = ("connection", "timeout")
"""Failures after which nothing else is asked of a database."""
MOST_EMPTY = 2
"""Pages in a row without anything new; then the links lead in a circle."""


@dataclass(slots=True)
class _Walk:
    """One database on its way."""

    journal: Journal
    chain: Chain
    fetch: Fetcher
    progress: Progress
    seen: set[str] = field(default_factory=set)
    begun: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Walked:
    """How far a database is, and how long it took this time."""

    chain: Chain
    seconds: float
    asked: int


async def walk_all(
    orders: Sequence[Order], fetch: Fetcher, folder: Path, *, again: bool = False, progress: Progress = SILENT
) -> tuple[Walked, ...]:
    """Walk the pages of all orders, together; what an earlier call has is not asked for again.

    Parameters
    ----------
    folder : of journals and kept answers. again : forget what earlier calls have, and ask for everything.

    Raises
    ------
    RunError : the disk is full, or the same harvest runs already; what came before is kept.
    """
    tasks = [asyncio.create_task(_walked(one, fetch, folder, again, progress)) for one in orders]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


async def _walked(order: Order, fetch: Fetcher, folder: Path, again: bool, progress: Progress) -> Walked:
    journal = Journal(folder, order)
    with journal.held():
        chain = journal.read()
        walk = _Walk(journal, chain, fetch, progress)
        before = len(chain.steps)
        if chain.state != "complete" or again:
            before = 0 if again else before
            if (chain.begun and not again) or await _begin(walk):
                await _go_on(walk)
        return Walked(chain, time.monotonic() - walk.begun, len(chain.steps) - before)


# ---- beginning ----


async def _begin(walk: _Walk) -> bool:
    """Ask what the database has, find a first page that it gives, and write that down; whether there is one."""
    order, chain = walk.chain.order, walk.chain
    info, facts, why = await _facts(walk)
    if why:
        _end(walk, "partial", why)
        return False
    page, dialect = order.provider.page, dialect_of(order.provider)
    fields = asked_fields(order.provider, facts, order.fields) if dialect.tells_itself else order.fields
    notes = _unknown_fields(order, facts)
    if order.limit:
        page = min(page, max(order.limit, 1))
    while True:
        url = dialect.first_url(order.provider, order.filter, page=page, fields=fields)
        try:
            response, found = await _asked(walk, url)
        except (FetchError, AddressRefused) as error:
            status = getattr(error, "status", 0)
            if status == 403 and page > 1:  # what the standard asks for where a page is too large
                page //= 2
            elif status in (400, 422, 501) and fields:
                fields = ()
                notes = ["the server refused the fields that were asked for; it gives those of its own choice"]
            else:
                _end(walk, "refused" if status in (400, 422) else "partial", str(error))
                return False
            continue
        walk.journal.note(chain, "begin", url=url, info=info)
        _took(walk, url, response, found)
        for text in (*notes, *(f"the server warns: {one}" for one in found.warnings)):
            walk.journal.note(chain, "said", text=text)
        return True


def _unknown_fields(order: Order, facts: Facts) -> list[str]:
    """Fields that somebody asked for, and the database does not list."""
    own = (
        set(order.fields) - set(foreign(order.fields, order.provider.prefix) if order.provider.prefix else ()) - {EVERY}
    )
    missing = sorted(own - facts.properties) if facts.properties else []
    names = sorted(facts.properties)
    return [f"{one} is none of its properties. {did_you_mean(one, names) if nearest(one, names) else ''}".strip()
            for one in missing]  # fmt: skip


async def _facts(walk: _Walk) -> tuple[dict[str, str], Facts, str]:
    """The kept answers about the database, what they say, and why nothing can be asked ("" if it can)."""
    told: dict[str, Any] = {}
    info: dict[str, str] = {}
    if not dialect_of(walk.chain.order.provider).tells_itself:
        return info, Facts(), ""
    for name, path in (("info", "info"), ("structures", "info/structures")):
        try:
            response = await walk.fetch.get(
                f"{walk.chain.order.provider.url}/{path}", memory="ask", check=lambda one: one.json()
            )
        except AddressRefused as error:
            return {}, Facts(), str(error)
        except FetchError as error:
            if error.kind in GONE:
                return {}, Facts(), str(error)
            continue
        told[name], info[name] = response.json(), response.sha256
    return info, facts_of(told.get("info"), told.get("structures")), ""


def facts_kept(chain: Chain, kept: Kept) -> Facts:
    """What the database said of itself when the chain began."""
    told = {name: Response("", 200, {}, kept.body(digest), digest, "").json() for name, digest in chain.info.items()}
    return facts_of(told.get("info"), told.get("structures"))


async def _asked(walk: _Walk, url: str) -> tuple[Response, Page]:
    found: list[Page] = []
    dialect = dialect_of(walk.chain.order.provider)

    def check(response: Response) -> None:
        found[:] = [dialect.read_page(response)]

    response = await dialect.get(walk.fetch, url, check)
    return response, found[0]


# ---- page by page ----


async def _go_on(walk: _Walk) -> None:
    chain = walk.chain
    walk.seen = seen_ids(chain, _kept(walk))
    for gap in sorted(chain.gaps.values(), key=lambda one: one.number):
        why = await _filled(walk, gap)
        if why:
            return _end(walk, "partial", why)
    visited = chain.visited()
    failed = empty = 0
    while chain.here is not None and not _enough(chain):
        url = chain.here
        if url in visited:
            return _circle(walk, f"the links to the next page lead in a circle ({url})")
        visited.add(url)
        try:
            response, page = await _asked(walk, url)
        except (FetchError, AddressRefused) as error:
            failed += 1
            if not _leaped(walk, url, str(error)) or failed >= MOST_GAPS:
                return _end(walk, "partial", str(error))
            continue
        failed = 0
        new = _took(walk, url, response, page)
        empty = 0 if new else empty + 1
        if empty >= MOST_EMPTY and chain.here is not None:
            return _circle(walk, f"{empty} pages in a row held nothing new: the links lead in a circle")
    return _ended(walk)


def _took(walk: _Walk, url: str, response: Response, page: Page) -> int:
    """Write down a page that came; how many entries in it are new."""
    chain = walk.chain
    again, new = _recognised(page, walk.seen)
    follow, said = next_url(url, page)
    step = Step(chain.number, url, response.sha256, response.retrieved, len(page.entries), again)
    walk.journal.note(chain, "page", step=_plain(step), next=follow, returned=page.returned)
    if said and said not in chain.notes:
        walk.journal.note(chain, "said", text=said)
    total = f" of {chain.returned:,}" if chain.returned is not None else ""
    walk.progress.tell(f"{chain.order.provider.name}: {chain.entries:,}{total} records")
    return new


def _leaped(walk: _Walk, url: str, why: str) -> bool:
    """Write down a page that did not come; whether the one behind it can be known."""
    chain = walk.chain
    last = chain.steps.get(max(chain.steps, default=-1))
    n = size_of(url) or (last.entries if last else 0)
    follow = skipped_to(url, n)
    if follow is not None and chain.returned is not None and _offset(follow) >= chain.returned:
        follow = None
    walk.journal.note(chain, "gap", gap=_plain(Gap(chain.number, url, why.removeprefix(f"{url}: "))), next=follow)
    return follow is not None


async def _filled(walk: _Walk, gap: Gap) -> str:
    """Ask once more for a page that failed in an earlier call; why nothing more can be asked, "" if it can."""
    try:
        response, page = await _asked(walk, gap.url)
    except (FetchError, AddressRefused) as error:
        return str(error) if isinstance(error, FetchError) and error.kind in GONE else ""
    again, _ = _recognised(page, walk.seen)
    step = Step(gap.number, gap.url, response.sha256, response.retrieved, len(page.entries), again)
    walk.journal.note(walk.chain, "page", step=_plain(step), next=next_url(gap.url, page)[0], returned=page.returned)
    return ""


def _recognised(page: Page, seen: set[str]) -> tuple[tuple[str, ...], int]:
    """Ids of a page that were seen before, and the number of new ones; from now on all are seen."""
    again, new = [], 0
    for entry in page.entries:
        called = identity(entry)
        if called in seen:
            again.append(called)
        else:
            new += 1
        if called:
            seen.add(called)
    return tuple(again), new


def _enough(chain: Chain) -> bool:
    return bool(chain.order.limit) and chain.entries >= chain.order.limit


def _ended(walk: _Walk) -> None:
    chain = walk.chain
    if chain.gaps:
        return _end(walk, "partial", f"{len(chain.gaps)} pages did not come")
    if chain.returned is not None and chain.entries < chain.returned and not _enough(chain):
        return _end(
            walk,
            "partial",
            f"{chain.returned:,} records were announced, {chain.entries:,} came; ask for all again with --refresh",
        )
    return _end(walk, "complete", "")


def _circle(walk: _Walk, why: str) -> None:
    chain = walk.chain
    if chain.gaps or chain.returned is None or chain.entries < chain.returned:
        return _end(walk, "partial", why)
    walk.journal.note(chain, "said", text=f"{why}; all announced records had come")
    return _end(walk, "complete", "")


def _end(walk: _Walk, state: str, why: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if not walk.chain.begun and state != "complete":  # nothing was begun: the next call begins
        walk.chain.state, walk.chain.why, walk.chain.ended = state, why, now
        return
    walk.journal.note(walk.chain, "end", state=state, why=why, time=now)


# ---- shared ----


def seen_ids(chain: Chain, kept: Kept) -> set[str]:
    """The ids in the pages that came."""
    found: set[str] = set()
    read_page = dialect_of(chain.order.provider).read_page
    for step in chain.steps.values():
        page = read_page(Response(step.url, 200, {}, kept.body(step.sha256), step.sha256, step.retrieved))
        found.update(filter(None, map(identity, page.entries)))
    return found


def _kept(walk: _Walk) -> Kept:
    if walk.fetch.kept is None:
        raise ValueError("a harvest needs a folder for the answers")
    return walk.fetch.kept


def _offset(url: str) -> int:
    _, _, rest = url.partition("page_offset=" if "page_offset=" in url else "_skip=")
    digits = rest.partition("&")[0]
    return int(digits) if digits.isdigit() else -1


def _plain(value: Step | Gap) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
