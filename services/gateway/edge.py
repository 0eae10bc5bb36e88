"""Around every request, known route or not: its id, the headers of every response, one access line.

Plain ASGI, because Litestar's middleware does not see unknown routes and its hooks cost more.
"""

from time import perf_counter

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from services.gateway.headers import request_id_of

PATH_MAX_CHARS = 2048  # longer ones cannot be a route's, and Litestar keeps the last 1,024 paths whole
NOWHERE = "/-"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Edge:
    """The application with an edge around it.

    The request id stands in `scope["state"]["request_id"]` for everything inside. The access line names the
    route's template and never the path, which holds ids.
    """

    __slots__ = ("_app",)

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        scope.setdefault("state", {})["request_id"] = request_id_of(scope)
        if len(scope["path"]) > PATH_MAX_CHARS:
            scope["path"] = NOWHERE
        outgoing = _Outgoing(scope, send)
        try:
            await self._app(scope, receive, outgoing.send)
        finally:
            log.info(
                "request.handled",
                method=scope["method"],
                route=scope.get("path_template"),
                status=outgoing.status,
                took_ms=round((perf_counter() - started) * 1000, 2),
                request_id=scope["state"]["request_id"],
            )


class _Outgoing:
    """What is sent back: adds the headers, drops the body of an answer to HEAD, and remembers the status."""

    __slots__ = ("_added", "_is_head", "_send", "status")

    def __init__(self, scope: HTTPScope, send: Send) -> None:
        request_id: str = scope["state"]["request_id"]
        self._added = ((b"x-request-id", request_id.encode("ascii")), (b"x-content-type-options", b"nosniff"))
        self._is_head = scope["method"] == "HEAD"
        self._send = send
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._added]
        elif self._is_head and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)
