"""Reading header lines off an ASGI scope: request id, trace context. Refuses nothing."""

import re

from litestar.types import HTTPScope

from shared.ids import new_message_id

REQUEST_ID_MAX_CHARS = 128

_VISIBLE_ASCII = re.compile(rb"[\x21-\x7e]+")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def header_lines(scope: HTTPScope, name: bytes) -> list[bytes]:
    """The values of all lines of a header, in their order; `name` in lower case."""
    return [value for key, value in scope["headers"] if key == name]


def request_id_of(scope: HTTPScope) -> str:
    """The client's X-Request-Id where it is 1 to 128 visible ASCII characters, else a new UUIDv7."""
    lines = header_lines(scope, b"x-request-id")
    if len(lines) == 1 and len(lines[0]) <= REQUEST_ID_MAX_CHARS and _VISIBLE_ASCII.fullmatch(lines[0]):
        return lines[0].decode("ascii")
    return new_message_id()


def traceparent_of(scope: HTTPScope) -> str | None:
    """The W3C trace context the client sent; None where there is not one well-formed line."""
    lines = header_lines(scope, b"traceparent")
    if len(lines) == 1 and _TRACEPARENT.fullmatch(lines[0]):
        return lines[0].decode("ascii")
    return None
