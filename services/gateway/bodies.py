"""Request bodies: read within limits and decoded exactly."""

import asyncio

from services.gateway.decoding import BLANKS, decoded
from services.gateway.field_errors import pointer
from services.gateway.headers import header_lines
from services.gateway.media_types import is_json
from services.gateway.problems import FieldError, Problem, invalid_members
from services.gateway.requests import HttpRequest
from services.gateway.settings import GatewaySettings


async def read_members(request: HttpRequest) -> dict[str, object]:
    """The members of the JSON object that a request carries.

    A client that takes longer than `body_within_s` gets 400 `malformed_json` and its connection is closed:
    half a body is as unreadable as a broken one, and a sender that slow must not hold the connection. After
    413 the connection stays and the server throws away what still comes, so that the client reads the answer.

    Raises:
        Problem: `unsupported_media_type`, `payload_too_large`, `malformed_json`, `duplicate_member`, or
            `validation_error` where it is not an object.
    """
    _refuse_media_type(request)
    return _members(await _read(request))


async def read_members_if_any(request: HttpRequest) -> dict[str, object]:
    """The same where a body may be left out: blank is none, and is of any media type.

    Raises:
        Problem: as `read_members`.
    """
    body = await _read(request)
    if not body.strip(BLANKS):
        return {}
    _refuse_media_type(request)
    return _members(body)


def _members(body: bytes) -> dict[str, object]:
    value = decoded(body)
    if not isinstance(value, dict):
        raise invalid_members([FieldError("invalid_type", "must be an object", pointer())])
    return value


def _refuse_media_type(request: HttpRequest) -> None:
    types = header_lines(request.scope, b"content-type")
    if not all(map(is_json, types)):
        raise Problem("unsupported_media_type", "The body must be application/json.")
    if any(
        coding.strip().lower() != b"identity" for coding in header_lines(request.scope, b"content-encoding")
    ):
        raise Problem("unsupported_media_type", "The body must be sent without a content coding.")


async def _read(request: HttpRequest) -> bytes:
    settings: GatewaySettings = request.app.state.settings
    lengths = header_lines(request.scope, b"content-length")
    if lengths and lengths[0].isdigit() and int(lengths[0][:20]) > settings.body_max_bytes:
        raise _too_large(settings.body_max_bytes)
    try:
        async with asyncio.timeout(settings.body_within_s):
            return await _received(request, settings.body_max_bytes)
    except TimeoutError:
        detail = f"The body did not arrive within {settings.body_within_s:g} s."
        raise Problem("malformed_json", detail, headers={"Connection": "close"}) from None


async def _received(request: HttpRequest, max_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Problem("malformed_json", "The body ended early.")
        body += message["body"]
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if not message["more_body"]:
            return bytes(body)


def _too_large(max_bytes: int) -> Problem:
    return Problem("payload_too_large", f"The body must have at most {max_bytes} bytes.")
