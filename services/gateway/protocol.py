"""HTTP on the wire: uvicorn's protocol, with head and body of an answer in one write.

uvicorn writes them apart, and each write is a system call and a packet: the dearest single part of a small
answer (docs/decisions/0011-one-write-an-answer.md).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin, with writes joined."""
        super().connection_made(JoinedWrites(transport))  # type: ignore[arg-type]  # stands for a transport
