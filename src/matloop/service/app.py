"""The application: OPTIMADE, REST and a page for people over one store."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matloop.core.errors import MatloopError, RunError
from matloop.core.optional import require
from matloop.data.store.store import Store, open_store
from matloop.service.guard import Guard
from matloop.service.landing import landing_page
from matloop.service.optimade.answers import MEDIA, encoded, fault, refusal
from matloop.service.optimade.interface import Interface, Request, unversioned
from matloop.service.optimade.state import Moments, What
from matloop.service.rest.routes import add_routes
from matloop.service.settings import Settings, checked
from matloop.service.timed import limited

if TYPE_CHECKING:
    import fastapi
    from anyio import to_thread as threads
    from fastapi.responses import HTMLResponse, Response
else:
    fastapi = require("fastapi", extra="serve")
    threads = require("anyio.to_thread", extra="serve")
    HTMLResponse = require("fastapi.responses", extra="serve").HTMLResponse
    Response = require("fastapi.responses", extra="serve").Response

logger = logging.getLogger(__name__)
AT_ONCE = 10
"""Requests that are worked on at the same time: fewer than the connections to the database, which wait otherwise."""
WAIT = 5
"""Seconds after which to ask again while the database is away."""


@dataclass(frozen=True, slots=True)
class Service:
    """What answers: the store, and the OPTIMADE interface of it."""

    settings: Settings
    store: Store
    interface: Interface


def make_service(settings: Settings) -> Service:
    """Open the store and look at it once.

    Raises
    ------
    ConfigError : the settings are not safe. NotInStore, DataError, RunError : the store cannot be opened or served.
    """
    checked(settings)
    store = open_store(settings.place, create=False, patience=settings.patience)
    limited(store.database)
    try:
        what = What(settings.dataset, settings.version, settings.private, settings.provider.prefix)
        moments = Moments(store.database, what)
        moments.now()
    except BaseException:
        store.close()
        raise
    return Service(settings, store, Interface(store.database, moments, settings.provider, settings.seconds))


def make_app(service: Service) -> Any:
    """The application for a server (ASGI)."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        del app
        threads.current_default_thread_limiter().total_tokens = AT_ONCE
        yield
        service.store.close()

    app = fastapi.FastAPI(
        title="matloop store", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json", lifespan=lifespan,
        description="Datasets, versions and records of a store. The OPTIMADE interface is at /v1.",
    )  # fmt: skip
    settings = service.settings
    add_routes(app, service.store, settings)

    def landing(request: fastapi.Request) -> Response:
        state = service.interface.moments.now()
        return HTMLResponse(landing_page(state, settings, _base(settings, request)))

    def versions() -> Response:
        return Response("version\n1\n", media_type="text/csv; header=present")

    def optimade(request: fastapi.Request, path: str) -> Response:
        del path
        asked = Request(_base(settings, request), _raw(request), tuple(request.query_params.multi_items()))
        return answered(settings, asked, lambda: service.interface.answer(asked))

    def told(request: fastapi.Request, error: MatloopError) -> Response:
        asked = Request("", request.url.path)
        return _refused(settings, asked, error)

    for path, handler in (("/", landing), ("/versions", versions), ("/{path:path}", optimade)):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_exception_handler(MatloopError, told)
    app.add_exception_handler(404, _nothing(settings))
    app.add_exception_handler(405, _nothing(settings))
    return Guard(app, settings)


def answered(settings: Settings, asked: Request, work: Callable[[], dict[str, Any]]) -> Response:
    """The answer to a request for JSON, or why there is none."""
    try:
        return Response(encoded(work()), media_type=MEDIA)
    except MatloopError as error:
        return _refused(settings, asked, error)
    except Exception:
        logger.exception("%s could not be answered", asked.path)
        body = fault(settings.provider, asked.path, 500, "Internal Server Error", "this should not have happened.")
        return Response(encoded(body), 500, media_type=MEDIA)


def _refused(settings: Settings, asked: Request, error: MatloopError) -> Response:
    status, title, detail = refusal(error)
    headers = {}
    if isinstance(error, RunError):
        logger.warning("%s", error)
        status, title, detail = 503, "Service Unavailable", "the database cannot answer now. Ask again in a moment."
        headers = {"Retry-After": str(WAIT)}
    elif status == 500:
        logger.warning("%s: %s", asked.path, error)
        detail = "the data cannot be read; whoever runs this server finds more in its log."
    return Response(
        encoded(fault(settings.provider, unversioned(asked.representation), status, title, detail)),
        status,
        headers,
        MEDIA,
    )


def _nothing(settings: Settings) -> Callable[[Any, Any], Any]:
    async def handler(request: Any, error: Any) -> Response:
        body = fault(settings.provider, request.url.path, error.status_code, str(error.detail), str(error.detail))
        return Response(encoded(body), error.status_code, getattr(error, "headers", None), MEDIA)

    return handler


def _base(settings: Settings, request: Any) -> str:
    return settings.base_url or f"{request.url.scheme}://{request.url.netloc}"


def _raw(request: Any) -> str:
    """The path as it was sent, so that an id may hold what means something in paths."""
    return bytes(request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1").partition("?")[0]
