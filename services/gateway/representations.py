"""Responses made from finished answers: the service built the JSON, here it is only wrapped or cut."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from litestar.types import Receive, Scope, Send

from services.gateway.entity_tags import entity_tag, is_known
from shared.messaging import Answer, Value

A = TypeVar("A", bound=Value)

JSON = b"application/json"
_KEPT_BY_THE_CLIENT_ALONE = (b"cache-control", b"private, no-cache")
_MEMBER = re.compile(r'\s*[{,]\s*"([^"]*)"\s*:\s*')  # no name in an answer needs escaping
_DECODER = json.JSONDecoder()


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
    headers = [(b"etag", tag), _KEPT_BY_THE_CLIENT_ALONE]
    if is_known(tag, known):
        return Reply(304, headers)
    return json_reply(200, _data(answer), headers)


def shown(answer: Answer[A]) -> Reply:
    """An entity in full that has no version."""
    return json_reply(200, _data(answer), [_KEPT_BY_THE_CLIENT_ALONE])


def page(answer: Answer[A]) -> Reply:
    """A page of a list; the answer is the whole body, `data` and `meta`."""
    return json_reply(200, answer.body, [_KEPT_BY_THE_CLIENT_ALONE])


def created(answer: Answer[A], location: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """201 for an entity that is now at the path `location`; says where the answer is a kept one."""
    return json_reply(201, _data(answer), [(b"location", location.encode("ascii")), *headers, *_mark(answer)])


def done(answer: Answer[A], headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """200 for what was done and made nothing new; says where the answer is a kept one."""
    return json_reply(200, _data(answer), [*headers, *_mark(answer)])


def changed(answer: Answer[A], headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """200 for an entity as it is after a change, in full."""
    return json_reply(200, _data(answer), headers)


def minimal(answer: Answer[A]) -> Reply:
    """200 for an entity after a change, with its id, the members that changed and `updated_at` alone."""
    kept = {"id", "updated_at", *answer.facts.get("changed", "").split(",")}
    written = written_members(answer.body.decode())
    members = [f'"{name}":{text}' for name, text in written if name in kept]
    body = f'{{"data":{{{",".join(members)}}}}}'
    return json_reply(200, body.encode(), [tag_of(answer), *applied([b"return=minimal"])])


def applied(preferences: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """The header that tells which preferences were honoured, where any was."""
    told = b", ".join(preferences)
    return [(b"preference-applied", told)] if told else []


def tag_of(answer: Answer[A]) -> tuple[bytes, bytes]:
    """The ETag header of an answer that has a version."""
    return (b"etag", entity_tag(answer.facts["version"]))


def written_members(body: str) -> Iterator[tuple[str, str]]:
    """The members of a JSON object by name, each value as it is written: numbers keep their decimals."""
    at = 0
    while found := _MEMBER.match(body, at):
        _, at = _DECODER.raw_decode(body, found.end())
        yield found[1], body[found.end() : at]


def _mark(answer: Answer[A]) -> list[tuple[bytes, bytes]]:
    return [(b"idempotency-replayed", b"true")] if "replayed" in answer.facts else []


def _data(answer: Answer[A]) -> bytes:
    return b'{"data":' + answer.body + b"}"
