"""The application: what is not a prediction is answered here, and all of it is described (OpenAPI)."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matloop
from matloop.core.errors import MatloopError
from matloop.core.optional import require
from matloop.monitor.log import PredictionLog
from matloop.service.models import bodies
from matloop.service.models.front import Front, problem
from matloop.service.models.gate import Gate
from matloop.service.models.keeper import Changed, Keeper
from matloop.service.models.line import Line
from matloop.service.models.meters import Meters
from matloop.service.models.page import models_page
from matloop.service.models.rates import Rates
from matloop.service.models.refused import Refused
from matloop.service.models.settings import Settings, checked
from matloop.service.models.shelf import Served

if TYPE_CHECKING:
    import fastapi
    from fastapi.responses import Response
else:
    fastapi = require("fastapi", extra="serve")
    Response = require("fastapi.responses", extra="serve").Response

logger = logging.getLogger(__name__)
TICK_S = 1.0
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
MARKDOWN = "text/markdown; charset=utf-8"
Order = Mapping[str, str]


def make_front(
    settings: Settings, *, shared: Path | None = None, worker: str = "w0",
    tell: Callable[[Order], None] = lambda order: None,
) -> Front:  # fmt: skip
    """The application of one worker, its models loaded.

    Parameters
    ----------
    shared : folder that all workers of a server have in common; a new one by default. tell : passes an order on to the
        other workers.

    Raises
    ------
    ConfigError, BundleError, DataError, MissingExtra : it cannot be served so.
    """
    folder = shared or Path(tempfile.mkdtemp(prefix="matloop-serve-"))
    keeper = Keeper(settings, folder / "bundles")
    checked(settings, keeper.keys)
    keeper.load()
    meters = Meters()
    line = Line(settings.limits, meters.batch)
    gate = Gate(settings, keeper.keys, Rates(folder / "rates"))
    front = Front(None, keeper, gate, line, meters)
    front.app = _api(front, worker, tell)
    meters.shelf(keeper.shelf)
    return front


def obey(front: Front, order: Order) -> Changed:
    """Do what an order says: {"do": "reload"}, or {"do": "unload", "model": "NAME@VERSION"}.

    Raises
    ------
    KeyError : there is no such model. DataError : the keys cannot be read.
    """
    changed = front.keeper.unload(order["model"]) if order["do"] == "unload" else front.keeper.load()
    front.gate.keys = front.keeper.keys
    front.meters.shelf(front.keeper.shelf)
    if changed.loaded or changed.gone:
        logger.warning("now served: %s", ", ".join(model.spelled for model in front.keeper.shelf.models) or "nothing")
    return changed


def _api(front: Front, worker: str, tell: Callable[[Order], None]) -> Any:
    settings = front.settings

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        del app
        front.line.start()
        writer = PredictionLog(settings.log).writer(worker) if settings.log else None
        front.write = writer.write if writer else None
        tasks = [asyncio.create_task(_tick(front, writer))]
        if settings.store and settings.watch > 0:
            tasks.append(asyncio.create_task(_watch(front)))
        yield
        front.draining = True
        for task in tasks:
            task.cancel()
        front.line.stop()
        if writer:
            writer.close()

    api = fastapi.FastAPI(
        title="matloop models", version=matloop.__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Predictions with intervals, and whether to trust them.",
        responses=_refusals(401, 403, 421, 500),
    )  # fmt: skip
    _predictions(api)
    _models(api, front)
    _state(api, front)
    _changes(api, front, tell)

    async def page(request: fastapi.Request) -> Response:
        base = settings.base_url or f"{request.url.scheme}://{request.url.netloc}"
        text, policy = models_page(front.keeper.shelf, base, locked=request.scope.get("matloop.locked", False))
        return Response(text, 200, {"content-security-policy": policy}, "text/html; charset=utf-8")

    api.add_api_route("/", page, methods=["GET", "HEAD"], include_in_schema=False)

    async def nothing(request: Any, error: Any) -> Response:
        no = Refused(error.status_code, str(error.detail), "path")
        content = problem(no, request.scope.get("matloop.request", ""))
        return Response(content, error.status_code, getattr(error, "headers", None), "application/json")

    async def wrong(request: Any, error: Any) -> Response:
        first = error.errors()[0]
        where = " ".join(str(part) for part in first.get("loc", ())[1:])
        no = Refused(422, f"{where}: {first.get('msg', 'cannot be read')}"[:500], "form")
        return Response(problem(no, request.scope.get("matloop.request", "")), 422, None, "application/json")

    api.add_exception_handler(fastapi.exceptions.RequestValidationError, wrong)
    api.add_exception_handler(fastapi.exceptions.StarletteHTTPException, nothing)
    return api


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": bodies.Problem} for status in statuses}


def _predictions(api: Any) -> None:
    """What `Front` answers before it comes here, for the description."""
    refusals = _refusals(400, 404, 408, 413, 415, 422, 429, 503, 504)

    async def predict(model: str, body: bodies.One) -> bodies.Answer:
        """One row: value, interval, whether the row is in the domain of the model, and why not. A row that cannot be
        read is refused (422) with the reason."""
        raise Refused(404, f"{model}: {body}")

    async def predict_batch(model: str, body: bodies.Rows | bodies.Columns) -> bodies.Answers:
        """Many rows, answered column by column; rows that cannot be read do not touch the others."""
        raise Refused(404, f"{model}: {body}")

    for path, handler in (("predict", predict), ("predict/batch", predict_batch)):
        api.add_api_route(
            f"/v1/models/{{model}}/{path}", handler, methods=["POST"], responses=refusals, tags=["predictions"],
            response_model_exclude_unset=True,
        )  # fmt: skip


def _models(api: Any, front: Front) -> None:
    def found(name: str) -> Served:
        served = front.keeper.shelf.find(name)
        if served is None:
            raise fastapi.HTTPException(404, f"there is no model {name[:80]!r} here.")
        return served

    async def models() -> bodies.ModelList:
        """All models and versions that are served."""
        return bodies.ModelList(models=[bodies.ModelFacts(**one.facts) for one in front.keeper.shelf.models])

    async def model(model: str) -> bodies.ModelFacts:
        """What is known of one model: NAME, NAME@VERSION or NAME@IDENTITY."""
        return bodies.ModelFacts(**found(model).facts)

    async def card(model: str) -> Response:
        """The model card (Markdown)."""
        return Response(found(model).card, media_type=MARKDOWN)

    api.add_api_route("/v1/models", models, tags=["models"])
    api.add_api_route("/v1/models/{model}", model, tags=["models"], responses=_refusals(404))
    api.add_api_route(
        "/v1/models/{model}/card", card, tags=["models"], response_class=Response,
        responses={200: {"content": {"text/markdown": {}}}, **_refusals(404)},
    )  # fmt: skip


def _state(api: Any, front: Front) -> None:
    async def health() -> bodies.Health:
        """Whether the process lives."""
        return bodies.Health(status="ok")

    async def ready(response: fastapi.Response) -> bodies.Health:
        """Whether it can predict: its models are loaded, and it is not being stopped."""
        if front.draining or not front.keeper.shelf.models:
            response.status_code = 503
            return bodies.Health(status="not ready")
        return bodies.Health(status="ready")

    async def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(front.meters.text(), media_type=PROMETHEUS)

    api.add_api_route("/health", health, tags=["state"])
    api.add_api_route("/ready", ready, tags=["state"], responses={503: {"model": bodies.Health}})
    api.add_api_route(
        "/metrics", metrics, tags=["state"], response_class=Response, responses={200: {"content": {"text/plain": {}}}}
    )


def _changes(api: Any, front: Front, tell: Callable[[Order], None]) -> None:
    async def done(order: Order) -> bodies.Change:
        try:
            changed = await asyncio.to_thread(obey, front, order)
        except KeyError as error:
            raise fastapi.HTTPException(404, f"there is no model {order['model'][:80]!r} here.") from error
        except MatloopError as error:
            raise fastapi.HTTPException(409, f"nothing was changed: {error}") from error
        tell(order)
        return bodies.Change(**changed.as_json())

    async def reload() -> bodies.Change:
        """Look at bundles and keys again; what changed is loaded anew, without a gap."""
        return await done({"do": "reload"})

    async def unload(model: str) -> bodies.Change:
        """Take a model away until the next start."""
        return await done({"do": "unload", "model": model})

    async def labels(told: bodies.Labels) -> bodies.Told:
        """Measured values for what was asked before, kept in the log for monitoring."""
        if not front.settings.log:
            raise fastapi.HTTPException(409, "this server keeps no log: matloop serve ... --log FOLDER")
        try:
            found = await asyncio.to_thread(PredictionLog(front.settings.log).label, told.columns, by=told.by)
        except MatloopError as error:
            raise fastapi.HTTPException(422, str(error)) from error
        return bodies.Told(lines=found.lines())

    sizes = _refusals(408, 413, 503)
    api.add_api_route("/v1/admin/reload", reload, methods=["POST"], tags=["admin"], responses=_refusals(409) | sizes)
    api.add_api_route(
        "/v1/models/{model}", unload, methods=["DELETE"], tags=["admin"], responses=_refusals(404) | sizes
    )
    api.add_api_route("/v1/labels", labels, methods=["POST"], tags=["labels"], responses=_refusals(409, 422) | sizes)


async def _watch(front: Front) -> None:
    """Serve another champion once the registry has one."""
    while True:
        await asyncio.sleep(front.settings.watch)
        try:
            if await asyncio.to_thread(front.keeper.moved):
                await asyncio.to_thread(obey, front, {"do": "reload"})
        except (MatloopError, OSError) as error:
            logger.warning("what is served stays as it was: %s", error)


async def _tick(front: Front, writer: Any) -> None:
    """What is shown of the present moment."""
    while True:
        meters, line = front.meters, front.line
        meters.waiting.set(line.requests)
        meters.waiting_rows.set(line.rows)
        meters.connections.set(front.connections())
        if writer is not None:
            meters.lost.set(writer.counts().lost_requests)
        await asyncio.sleep(TICK_S)
