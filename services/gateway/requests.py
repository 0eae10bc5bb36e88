"""What every route does with a request beside its body: check it, name its command, ask on its behalf."""

import asyncio
import re
import uuid
from typing import Any, TypeVar

import litestar
from litestar.datastructures import State

from services.gateway.headers import header_lines, traceparent_of
from services.gateway.media_types import accepts_json
from services.gateway.problems import Problem
from services.gateway.settings import GatewaySettings
from shared.errors import Refused
from shared.ids import derived_uuid, new_message_id
from shared.messaging import Answer, Command, Request, Value
from shared.rpc import Asking, Rpc

HttpRequest = litestar.Request[Any, Any, State]  # user and auth, which Litestar leaves open, are not used
A = TypeVar("A", bound=Value)

ANONYMOUS = "anonymous"  # who asks, as long as nobody has to say who they are

_BARE_KEY = re.compile(rb"[\x21\x23-\x7e][\x21-\x7e]*")
_QUOTED_KEY = re.compile(rb'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')
_ESCAPED = re.compile(rb'\\(["\\])')
_EASILY_ACCEPTED: tuple[list[bytes], ...] = ([], [b"*/*"], [b"application/json"])


async def refuse_unacceptable(request: HttpRequest) -> None:
    """Run before each handler under /api: every answer is JSON, so the client must accept it.

    Raises:
        Problem: `not_acceptable`.
    """
    lines = header_lines(request.scope, b"accept")
    if lines not in _EASILY_ACCEPTED and not accepts_json(b",".join(lines)):
        raise Problem("not_acceptable", "Answers are application/json; the Accept header does not allow it.")


def command_id(request: HttpRequest) -> uuid.UUID:
    """The id of the command that a request stands for.

    With an Idempotency-Key it is the same for the same caller, method and path, so that a repeat is the same
    command; without one it is a new UUIDv7.

    Raises:
        Problem: `invalid_header`.
    """
    key = idempotency_key(header_lines(request.scope, b"idempotency-key"))
    if key is None:
        return uuid.UUID(new_message_id())
    return derived_uuid("command", ANONYMOUS, request.scope["method"], request.scope["path"], key)


def idempotency_key(lines: list[bytes]) -> str | None:
    """The key of an `Idempotency-Key` header, the same whether it came quoted or bare; None without header.

    Raises:
        Problem: `invalid_header`; not 1 to 255 visible ASCII characters, or several lines.
    """
    if not lines:
        return None
    value = lines[0]
    if quoted := _QUOTED_KEY.fullmatch(value):
        value = _ESCAPED.sub(rb"\1", quoted[1])
    elif not _BARE_KEY.fullmatch(value):
        value = b""
    if len(lines) > 1 or not 1 <= len(value) <= 255:
        raise Problem("invalid_header", "Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return value.decode("ascii")


async def relay(
    request: HttpRequest, message: Request[A], message_id: str | None = None, wait_s: float | None = None
) -> Answer[A]:
    """Ask a service on behalf of a request and give its finished answer.

    message_id: the envelope's id; None makes a new one, as for a query.
    wait_s: how long the answer is waited for; None for as long as usual.
    Raises what `Rpc.relay` raises.
    """
    rpc: Rpc = request.app.state.rpc
    return await rpc.relay(message, _asking(request, message_id, wait_s))


async def relay_all(request: HttpRequest, *messages: Request[Any]) -> list[Answer[Any]]:
    """Ask several services at once on behalf of a request; all answers, in the order of the messages.

    One deadline holds for all. The first failure is that of the whole, and nobody else is waited for.
    Raises what `Rpc.relay` raises; of failures at the same moment a refusal.
    """
    try:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(relay(request, message)) for message in messages]
    except ExceptionGroup as failed:
        refusals = [each for each in failed.exceptions if isinstance(each, Refused)]
        raise [*refusals, *failed.exceptions][0] from None
    return [each.result() for each in asked]


async def hand_over(request: HttpRequest, message: Command[Any], message_id: str) -> None:
    """Give a command to its service on behalf of a request, to be carried out whenever it can be.

    Raises what `Rpc.hand_over` raises.
    """
    rpc: Rpc = request.app.state.rpc
    await rpc.hand_over(message, _asking(request, message_id))


def _asking(request: HttpRequest, message_id: str | None, wait_s: float | None = None) -> Asking:
    settings: GatewaySettings = request.app.state.settings
    return Asking(
        request_id=request.scope["state"]["request_id"],
        caller=ANONYMOUS,
        deadline_s=settings.deadline_s if wait_s is None else wait_s,
        traceparent=traceparent_of(request.scope),
        message_id=message_id,
    )
