"""What every request passes first and every answer last: id, size, origin, rate, headers, a line.

Pure ASGI. Who is allowed what is `access`'s.
"""

import re
import time
import uuid
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import problem
from server.measures import Measures
from server.rate_limit import RateLimit
from server.settings import Settings

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN_ROUTE: Final = "unknown"
METHODS: Final = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}

# A caller's own id is kept when it cannot spoil a log line.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # Answers are about people; nothing on the way keeps them.
    "Cache-Control": "no-store",
}


class Border:
    """The outermost layer of the app."""

    def __init__(
        self, app: ASGIApp, settings: Settings, measures: Measures, clients: RateLimit
    ) -> None:
        self.app = app
        self._settings = settings
        self._measures = measures
        self._clients = clients
        self._log = structlog.get_logger("gonio.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = MutableHeaders(scope=message)
                answered["X-Request-ID"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    answered[name] = value
                if self._settings.secure:
                    answered["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        refusal = self._refusal(scope, headers)
        broken: str | None = None
        try:
            if refusal is not None:
                await refusal(scope, receive, send_on)
            else:
                await self.app(scope, self._limited(receive), send_on)
        except Exception as error:
            broken = type(error).__name__
            raise
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
            # Anybody can invent methods; each would be a series of its own.
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._measures.requests.labels(method, route, str(status)).inc()
            self._measures.seconds.labels(route).observe(seconds)
            self._log.info(
                "request",
                request_id=request_id,
                method=method,
                route=route,
                status=status,
                ms=round(1e3 * seconds, 2),
                **({} if broken is None else {"error": broken}),
            )

    def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        """What is refused before anything is read."""
        path = scope["path"]
        client = scope["client"][0] if scope.get("client") else ""
        wait_s = self._clients.wait_s(client)
        if wait_s > 0:
            return problem.answer(
                429,
                "This client asks too often; wait as long as Retry-After says.",
                path,
                headers={"Retry-After": str(max(1, round(wait_s)))},
            )
        length = headers.get("content-length", "0")
        most = self._settings.largest_body_bytes
        if length.isascii() and length.isdigit() and int(length[:20]) > most:
            return problem.answer(413, f"The request is larger than {most} bytes; send less.", path)
        origin = headers.get("origin")
        if (
            scope["method"] not in SAFE_METHODS
            and origin is not None
            and origin not in self._settings.origins
        ):
            return problem.answer(
                403,
                "The page that sent this is not of this server; set GONIO_PUBLIC_ORIGIN to the "
                "address that browsers use.",
                path,
                type_="urn:gonio:problem:origin",
            )
        return None

    def _limited(self, receive: Receive) -> Receive:
        """The body, cut off where it becomes too long, whatever its headers promised."""
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._settings.largest_body_bytes:
                    raise HTTPException(413)
            return message

        return limited
