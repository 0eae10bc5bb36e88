import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from litestar.types import Receive, Scope, Send

from services.gateway.protocol import Protocol
from services.gateway.representations import json_reply
from tests.support.eventually import eventually

pytestmark = pytest.mark.integration

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await json_reply(200, b"{}")(scope, receive, send)


@pytest.fixture
async def listener() -> AsyncIterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
async def server(listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    config = uvicorn.Config(answering, http=Protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await eventually(lambda: server.started)
    yield server
    server.should_exit = True
    await serving


async def answer_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    return head


async def test_a_kept_connection_is_answered_once_more_by_a_process_that_ends(
    server: uvicorn.Server, listener: socket.socket
) -> None:
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    assert b"connection: close" not in await answer_on(reader, writer)
    server.should_exit = True
    await eventually(lambda: not server.servers or not server.servers[0].is_serving())
    assert b"connection: close" in await answer_on(reader, writer)
    assert await reader.read() == b""
    writer.close()


async def test_a_connection_on_which_nothing_is_asked_ends_with_the_process(
    server: uvicorn.Server, listener: socket.socket
) -> None:
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    await answer_on(reader, writer)
    server.should_exit = True
    assert await reader.read() == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    "line", [b"FOO / HTTP/1.1", b"get / HTTP/1.1", b"GET / HTTP/9", b"\x16\x03\x01", b"hello"]
)
async def test_what_is_no_http_is_answered_with_a_problem(
    server: uvicorn.Server, listener: socket.socket, line: bytes
) -> None:
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(line + b"\r\nHost: here\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()

    status, *lines = head.decode().split("\r\n")
    headers = dict(each.split(": ", 1) for each in lines)
    problem = json.loads(body)
    assert status == "HTTP/1.1 400 Bad Request"
    assert headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["code"]) == (400, "invalid_header")
    assert problem["request_id"] == headers["x-request-id"]
