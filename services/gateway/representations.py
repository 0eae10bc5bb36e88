"""Responses made from finished answers: the service built the JSON, here it is only wrapped."""

from collections.abc import Iterable
from typing import TypeVar

from litestar.types import Receive, Scope, Send

from services.gateway.entity_tags import entity_tag, is_known
from shared.messaging import Answer, Value

A = TypeVar("A", bound=Value)

JSON = b"application/json"


class Reply:
    """A finished response, sent as it stands.

    Litestar's own response classes cost several times as much and do no more for finished bytes.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_reply(status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """A response of finished JSON."""
    length = b"%d" % len(body)
    return Reply(status, [(b"content-type", JSON), (b"content-length", length), *headers], body)


def detail(answer: Answer[A], known: frozenset[bytes]) -> Reply:
    """An entity in full under its ETag: 200, or 304 where the client says it has it."""
    tag = entity_tag(answer.facts["version"])
    headers = [(b"etag", tag), (b"cache-control", b"private, no-cache")]
    if is_known(tag, known):
        return Reply(304, headers)
    return json_reply(200, _data(answer), headers)


def created(answer: Answer[A], location: str) -> Reply:
    """201 for an entity that is now at the path `location`; says where the answer is a kept one."""
    headers = [(b"location", location.encode("ascii")), (b"etag", entity_tag(answer.facts["version"]))]
    if "replayed" in answer.facts:
        headers.append((b"idempotency-replayed", b"true"))
    return json_reply(201, _data(answer), headers)


def _data(answer: Answer[A]) -> bytes:
    return b'{"data":' + answer.body + b"}"
