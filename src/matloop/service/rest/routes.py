"""The addresses under /api/v1."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode
from weakref import WeakKeyDictionary

from matloop.core.errors import ConfigError, MatloopError
from matloop.core.jsonable import to_jsonable
from matloop.core.optional import require
from matloop.data.store.store import Page, Store
from matloop.data.store.values import Version, checked_name
from matloop.service.optimade.answers import encoded
from matloop.service.rest.bodies import content, field, only_known, received, records
from matloop.service.rest.faults import TITLES, BadBody, told
from matloop.service.rest.reading import MOST, USUAL, Reader, asked, shown_record, whole
from matloop.service.settings import Settings
from matloop.service.timed import within

if TYPE_CHECKING:
    import fastapi
    from fastapi import Request
    from fastapi.responses import Response
    from starlette.concurrency import run_in_threadpool
else:
    fastapi = require("fastapi", extra="serve")
    Request = fastapi.Request
    Response = require("fastapi.responses", extra="serve").Response
    run_in_threadpool = require("starlette.concurrency", extra="serve").run_in_threadpool

logger = logging.getLogger(__name__)
WAIT = "5"
AT_ONCE = 3
"""Changes that are worked on at the same time; each needs two connections."""
Handler = TypeVar("Handler", bound=Callable[..., Any])
FACTS = ("title", "about", "licence", "citation")
_WRITE = ("records", "mode", "base", "message", "author")


def add_routes(app: Any, store: Store, settings: Settings) -> None:
    """Put the addresses into an application."""
    _reading(app, Reader(store, settings), settings)
    _writing(app, Reader(store, settings), settings)


def answer(
    work: Callable[[], Any], *, status: int = 200, writing: bool = False, seconds: float | None = None
) -> Response:
    """What `work` returns as JSON, or why it does not."""
    try:
        if seconds is None:
            found = work()
        else:
            with within(seconds):
                found = work()
        return Response(encoded(found), status, media_type="application/json")
    except MatloopError as error:
        return refused(error, writing=writing)
    except Exception:
        logger.exception("a request could not be answered")
        fault = {"status": "500", "title": TITLES[500], "detail": "this should not have happened."}
        return Response(encoded({"errors": [fault]}), 500, media_type="application/json")


def refused(error: MatloopError, *, writing: bool) -> Response:
    """Why a request is not fulfilled."""
    code, body = told(error, writing=writing)
    if code in (500, 503, 507):
        logger.warning("%s", error)
    headers = {"Retry-After": WAIT} if code == 503 else {}
    return Response(encoded(body), code, headers, "application/json")


# ---- reading ----


def _reading(app: Any, reader: Reader, settings: Settings) -> None:
    def get(path: str, about: str) -> Callable[[Handler], Handler]:
        return app.get(f"/api/v1{path}", summary=about, tags=["reading"])

    def done(work: Callable[[], Any]) -> Response:
        return answer(work, seconds=settings.seconds)

    @get("/datasets", "All datasets")
    def datasets() -> Response:
        return done(lambda: {"datasets": to_jsonable(reader.cards())})

    @get("/datasets/{name}", "One dataset and its latest version")
    def dataset(name: str) -> Response:
        return done(lambda: to_jsonable(reader.card(name)))

    @get("/datasets/{name}/versions", "All versions of a dataset")
    def versions(name: str) -> Response:
        def work() -> Any:
            reader.card(name)
            last = settings.version or 2**31
            return {"versions": to_jsonable([one for one in reader.store.history(name) if one.number <= last])}

        return done(work)

    @get("/datasets/{name}/diff", "What differs between two versions (old, new, limit)")
    def diff(name: str, request: Request) -> Response:
        return done(lambda: _diff(reader, name, request.query_params.multi_items()))

    @get("/datasets/{name}/history/{key:path}", "What happened to a record")
    def history(name: str, key: str) -> Response:
        return done(lambda: {"history": reader.past(name, key)})

    @get("/datasets/{name}/records", "Records of a query (has_all, formula, where, ...; limit, after, version)")
    def many(name: str, request: Request) -> Response:
        return done(lambda: _records(reader, name, request.query_params.multi_items(), request.url.path))

    @get("/datasets/{name}/records/{key:path}", "One record")
    def one(name: str, key: str, request: Request) -> Response:
        def work() -> Any:
            _, told_ = asked(request.query_params.multi_items(), ("version",))
            reader.card(name)
            return shown_record(reader.one(name, key, reader.number(name, whole(told_, "version", 0))))

        return done(work)


def _diff(reader: Reader, name: str, given: Any) -> Any:
    _, told_ = asked(given, ("old", "new", "limit"))
    reader.card(name)
    old, new = whole(told_, "old", 0), whole(told_, "new", 0)
    if not old:
        raise ConfigError("say which versions: ?old=1&new=2 (new: the latest one by default).")
    return reader.changes(name, reader.number(name, old), reader.number(name, new), whole(told_, "limit", USUAL, MOST))


def _records(reader: Reader, name: str, given: Any, path: str) -> Any:
    wanted, told_ = asked(given, ("limit", "after", "version", "count"))
    limit, after = whole(told_, "limit", USUAL, MOST), whole(told_, "after", 0)
    reader.card(name)
    version = reader.number(name, whole(told_, "version", 0))
    found: dict[str, Any] = {"dataset": name, "version": version}
    if told_.get("count", "").lower() in ("true", "yes", "1"):
        found["count"] = reader.count(name, wanted, version)
        if not limit or "limit" not in told_:
            return found
    page = reader.page(name, wanted, version, limit, after) if limit else Page((), None)
    rest = [pair for pair in given if pair[0] not in ("after", "version", "count")]
    following = None
    if page.after is not None:
        following = f"{quote(path)}?{urlencode([*rest, ('version', str(version)), ('after', str(page.after))])}"
    return {**found, "records": [shown_record(one) for one in page.records], "next": following}


# ---- writing ----


def _writing(app: Any, reader: Reader, settings: Settings) -> None:
    store = reader.store
    turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def change(request: Request, work: Callable[[Mapping[str, Any], str], Any], status: int = 200) -> Response:
        try:
            body = await received(request, settings.megabytes)
        except MatloopError as error:
            return refused(error, writing=True)
        media, key = request.headers.get("content-type", ""), request.scope.get("matloop.key")
        parameters = dict(request.query_params.multi_items())

        def done() -> Any:
            given = content(body, media) if body or request.method != "DELETE" else {}
            return work({**_parameters(parameters), **given}, key.name if key else "")

        async with turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
            return await run_in_threadpool(lambda: answer(done, status=status, writing=True))

    def route(method: str, path: str, about: str, status: int = 200) -> Callable[[Handler], Handler]:
        body = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}
        return app.api_route(f"/api/v1{path}", methods=[method], summary=about, tags=["writing"], status_code=status,
                             openapi_extra=body)  # fmt: skip

    def write(
        name: str, given: Mapping[str, Any], author: str, mode: str, facts: Mapping[str, str] | None = None
    ) -> Any:
        only_known(given, _WRITE)
        _writable(settings)
        found = records(field(given, "records", list, []))
        version = store.add(
            name, found, mode=mode, base=field(given, "base", int, None), message=field(given, "message", str, ""),  # type: ignore[arg-type]
            author=author or field(given, "author", str, ""),
        )  # fmt: skip
        if facts:
            store.describe(name, **facts)
        return _written(reader, version, [one.key for one in found])

    @route("POST", "/datasets", "A new dataset: name, title, about, licence, citation, records", 201)
    async def create(request: Request) -> Response:
        def work(given: Mapping[str, Any], author: str) -> Any:
            only_known(given, ("name", *FACTS, "records", "message", "author"))
            name = checked_name(field(given, "name", str, ""))
            _served(settings, name)
            if any(card.name == name for card in store.datasets()):
                raise BadBody(
                    f'there is a dataset "{name}" already. Add to it: POST /api/v1/datasets/{name}/records', 409
                )
            facts = {fact: field(given, fact, str, "") for fact in FACTS if fact in given}
            rest = {key: value for key, value in given.items() if key in ("records", "message", "author")}
            return write(name, {**rest, "base": 0}, author, "add", facts)

        return await change(request, work, 201)

    @route("PUT", "/datasets/{name}", "Title, about, licence and citation of a dataset")
    async def describe(name: str, request: Request) -> Response:
        def work(given: Mapping[str, Any], author: str) -> Any:
            del author
            only_known(given, FACTS)
            _writable(settings)
            reader.card(name)
            return to_jsonable(store.describe(name, **{fact: field(given, fact, str, "") for fact in given}))

        return await change(request, work)

    @route("POST", "/datasets/{name}/records", "Add records: records, mode (add, replace, whole), base, message", 201)
    async def add(name: str, request: Request) -> Response:
        def work(given: Mapping[str, Any], author: str) -> Any:
            reader.card(name)
            mode = field(given, "mode", str, "add")
            if mode not in ("add", "replace", "update", "whole"):
                raise BadBody(f'"mode" is {mode[:40]!r}; there are add, replace, update and whole.')
            return write(name, given, author, mode)

        return await change(request, work, 201)

    @route("PUT", "/datasets/{name}/records", "Correct records that are there: records, base, message")
    async def update(name: str, request: Request) -> Response:
        def work(given: Mapping[str, Any], author: str) -> Any:
            reader.card(name)
            only_known(given, [one for one in _WRITE if one != "mode"])
            return write(name, given, author, "update")

        return await change(request, work)

    @route("PUT", "/datasets/{name}/records/{key:path}", "Correct one record: record, base, message")
    async def update_one(name: str, key: str, request: Request) -> Response:
        def work(given: Mapping[str, Any], author: str) -> Any:
            reader.card(name)
            only_known(given, ("record", "base", "message", "author"))
            record = given.get("record")
            if not isinstance(record, dict) or record.get("key", key) != key:
                raise BadBody(f'"record" must be the whole record "{key[:200]}".', 422)
            rest = {one: value for one, value in given.items() if one != "record"}
            return write(name, {**rest, "records": [{**record, "key": key}]}, author, "update")

        return await change(request, work)

    def remove(name: str, keys: list[Any], given: Mapping[str, Any], author: str) -> Any:
        only_known(given, ("keys", "base", "message", "author"))
        _writable(settings)
        reader.card(name)
        if not keys or not all(isinstance(one, str) and one for one in keys):
            raise BadBody('say which: {"keys": ["...", "..."]}.', 422)
        version = store.delete(
            name, keys, base=field(given, "base", int, None), message=field(given, "message", str, ""),
            author=author or field(given, "author", str, ""),
        )  # fmt: skip
        return {"version": to_jsonable(version)}

    @route("DELETE", "/datasets/{name}/records", "Take records out: keys, base, message")
    async def delete(name: str, request: Request) -> Response:
        return await change(request, lambda given, author: remove(name, field(given, "keys", list, []), given, author))

    @route("DELETE", "/datasets/{name}/records/{key:path}", "Take one record out (base, message)")
    async def delete_one(name: str, key: str, request: Request) -> Response:
        return await change(request, lambda given, author: remove(name, [key], given, author))


def _parameters(told_: Mapping[str, str]) -> dict[str, Any]:
    """Base, mode, message and author may also stand in the address (JSON lines have no other place)."""
    only_known(told_, ("base", "mode", "message", "author"))
    return {**told_, **({"base": whole(told_, "base", 0)} if "base" in told_ else {})}


def _writable(settings: Settings) -> None:
    if settings.version:
        raise BadBody(f"version {settings.version} is served, which never changes. Serve the dataset without @.", 403)


def _served(settings: Settings, name: str) -> None:
    _writable(settings)
    if settings.dataset and name != settings.dataset:
        raise BadBody(f'only the dataset "{settings.dataset}" is served here.', 403)


def _written(reader: Reader, version: Version, keys: list[str]) -> dict[str, Any]:
    """The version, and how many of these records others will not see."""
    hidden = len(set(keys)) - len(reader.visible(version.dataset, version.number, list(dict.fromkeys(keys))))
    found: dict[str, Any] = {"version": to_jsonable(version), "hidden": hidden}
    if hidden:
        found["note"] = (
            "hidden records are stored and not shown: they may not be shared, or have no licence. Give them one "
            '("origin": {"licence": "CC-BY-4.0"}), or the dataset as a whole.'
        )
    return found
