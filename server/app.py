"""The application: settings in, routes and what stands around them joined.

Each part is made elsewhere; nothing is decided here but how they go together.
"""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any, Final

import anyio
import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel

from motion.warming import warmup
from server import auth, problem
from server.access import Anyone, Local, stated_rule
from server.api import audit, exercises, login, patients, plans, prescriptions, users
from server.border import Border
from server.engine import gonio_version
from server.measures import Measures
from server.rate_limit import RateLimit
from server.settings import Settings
from server.store.database import Store

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


# Where invitation links lead.
PAGES: Final = (
    ("/invitation", "invitation.html", "text/html"),
    ("/invitation.js", "invitation.js", "text/javascript"),
    ("/invitation.css", "invitation.css", "text/css"),
)


class Warmth:
    """Whether the kernels are compiled; they are, in a thread, while the server already answers."""

    def __init__(self, steps: Callable[[], Iterable[str]]) -> None:
        self._steps = steps
        self._warm = threading.Event()

    def __bool__(self) -> bool:
        return self._warm.is_set()

    def begin(self) -> threading.Thread:
        """Start compiling."""
        thread = threading.Thread(target=self._run, name="warming", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        log = structlog.get_logger("gonio.server")
        try:
            for _ in self._steps():
                pass
        except Exception as error:
            log.error("warming_failed", error=type(error).__name__)
            return
        self._warm.set()
        log.info("kernels_warm")


def _page(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    content = (resources.files("server") / "web" / name).read_bytes()

    async def page() -> Response:
        return Response(content, media_type=f"{media_type}; charset=utf-8")

    return page


class State(BaseModel):
    """What a probe reads."""

    status: str


def create_app(settings: Settings, *, warming: Callable[[], Iterable[str]] = warmup) -> FastAPI:
    """The server as an ASGI application. warming: the steps before it is ready.

    Raises StoreError where the database's URL cannot be used.
    """
    warmth = Warmth(warming)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(app.state.store.migrate)
        warmth.begin()
        yield
        app.state.store.close()

    app = FastAPI(
        title="Gonio",
        version=gonio_version(),
        summary="Sensor-guided exercise therapy: accounts, prescriptions and plans.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.store = Store(settings.database)
    app.state.measures = measures = Measures()
    app.state.passwords = auth.Passwords(settings)
    app.state.logins = RateLimit(settings.logins_a_minute, settings.clients_remembered)
    clients = RateLimit(settings.requests_a_minute, settings.clients_remembered)
    app.add_middleware(Border, settings=settings, measures=measures, clients=clients)
    problem.install(app)
    for module in (login, users, patients, prescriptions, plans, exercises, audit):
        # Not included but taken over, so that a route knows its whole path: figures, the audit log
        # and the test of the rules name it.
        app.router.routes.extend(module.router.routes)

    anyone = [Depends(Anyone())]

    @app.get("/health", dependencies=anyone, tags=["operation"])
    async def health() -> State:
        """The process answers."""
        return State(status="alive")

    @app.get("/ready", dependencies=anyone, tags=["operation"])
    async def ready(request: Request) -> Response:
        """Kernels are warm, and the database answers and is migrated; 503 until then."""
        async with app.state.store.turn():
            migrated = await anyio.to_thread.run_sync(app.state.store.migrated)
        measures.ready.set(bool(warmth and migrated))
        if not warmth:
            return problem.answer(503, "Kernels are being compiled; wait.", request.url.path)
        if not migrated:
            return problem.answer(
                503,
                "The database does not answer, or is of another version; look at the log.",
                request.url.path,
            )
        return JSONResponse({"status": "ready"})

    for path, name, media_type in PAGES:
        app.add_api_route(
            path, _page(name, media_type), dependencies=anyone, include_in_schema=False
        )

    @app.get("/metrics", dependencies=[Depends(Local())], tags=["operation"])
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(measures.text(), media_type=METRICS_TYPE)

    @app.get("/api/openapi.json", dependencies=anyone, tags=["operation"])
    async def openapi() -> JSONResponse:
        """This description."""
        return JSONResponse(app.openapi())

    describe = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(app, describe())
        return app.openapi_schema or {}

    app.openapi = described  # type: ignore[method-assign]
    return app


def api_routes(app: FastAPI) -> list[APIRoute]:
    """All routes that the app answers."""
    return [each for each in app.routes if isinstance(each, APIRoute)]


def _complete(app: FastAPI, document: dict[str, Any]) -> None:
    """What FastAPI cannot know: who may, and that refusals are problems."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    made = problem.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(made.pop("$defs", {}))
    schemas["Problem"] = made
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "cookie": {"type": "apiKey", "in": "cookie", "name": auth.COOKIE},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    for route in api_routes(app):
        stated = stated_rule(route)
        if stated is None or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation["description"] = (
                f"{operation.get('description', '')}\n\nFor {stated.rule.words}.".strip()
            )
            statuses = [429, 503]
            if not stated.rule.anyone:
                operation["security"] = [{"cookie": []}, {"bearer": []}]
                statuses += [401, 403]
            if "{" in route.path:
                statuses.append(404)
            if "422" in operation["responses"]:
                statuses.append(422)
            if "requestBody" in operation:
                statuses += [400, 409, 410, 413]
            for status, answer in problem.responses(*sorted(statuses)).items():
                operation["responses"][str(status)] = answer
