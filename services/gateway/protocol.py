"""HTTP on the wire: uvicorn's protocol, but for three things.

Head and body of an answer go out in one write: uvicorn writes them apart, and each write is a system call and
a packet, the dearest single part of a small answer (docs/decisions/0011-one-write-an-answer.md).

A process that ends says so in the next answer on each connection, instead of closing those that are idle just
then: a client may be sending on one of them, and would not know whether it was heard.

What is no HTTP, an unknown method too, is answered as every error is, with a problem.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.problems import MEDIA_TYPE, Problem, rendered
from shared.ids import new_message_id

LINGER_S = 1.0
NO_HTTP = "The request line or a header is not well-formed HTTP/1.1, or its method is none of HTTP's."


class JoinedWrites:
    """A transport that gathers what is written within a turn of the event loop, and writes it once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write with the rest of this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Write what is left, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts = []


class Protocol(HttpToolsProtocol):
    """`uvicorn --http services.gateway.protocol:Protocol`."""

    _is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin, with writes joined."""
        super().connection_made(JoinedWrites(transport))  # type: ignore[arg-type]  # stands for a transport

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        super().on_headers_complete()
        if self._is_ending and self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """End the connection with the answer under way, else with the next, else after LINGER_S."""
        self._is_ending = True
        if self._is_idle():
            self.loop.call_later(LINGER_S, self._close_where_idle)
        else:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Tell whoever sent what the parser does not take for HTTP, and end the connection."""
        request_id = new_message_id()
        scope: Any = {"state": {"request_id": request_id}, "headers": []}
        body = rendered(Problem("invalid_header", NO_HTTP), scope)
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\nx-content-type-options: nosniff\r\n"
            "cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _close_where_idle(self) -> None:
        if self._is_idle():
            self.transport.close()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete
