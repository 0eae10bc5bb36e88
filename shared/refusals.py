"""Saying no: as an answer to whoever asked, or as an event where nobody did."""

import re
from typing import Any

from shared.consequences import Cause, outgoing_rejection
from shared.errors import Refusal
from shared.messaging import Answer, Message, Rejection
from shared.outbox import Outgoing

_ID = re.compile(r"[a-z]{2,8}_[A-Za-z0-9]{1,64}", re.ASCII)


def refusal_answer(refusal: Refusal) -> Answer[Any]:
    """A refusal as the answer that carries it."""
    return Answer(refusal.model_dump_json().encode(), {"refusal": refusal.code})


def rejection_of(command: Message, record_key: bytes | None, refusal: Refusal, cause: Cause) -> Outgoing:
    """The event that says a command was refused, which its topic must have one for.

    Raises:
        ValueError: the topic has none.
    """
    kind = command.topic.rejection
    if kind is None:
        raise ValueError(f"{command.topic.name} has no event that says a refusal")
    return outgoing_rejection(_rejection(kind, command, refusal), cause, _key_of(command, record_key))


def _rejection(kind: type[Rejection], command: Message, refusal: Refusal) -> Rejection:
    named = {
        name: getattr(command, name, None)
        for name in kind.model_fields.keys() - Rejection.model_fields.keys()
    }
    ids = {name: value for name, value in named.items() if value is not None}
    return kind(command=command.type, code=refusal.code, detail=refusal.detail, **ids)


def _key_of(command: Message, record_key: bytes | None) -> str | None:
    """The key a command names; else that of its record, where it has the form of an id.

    Anything else might be personal, and goes no further.
    """
    if command.partition_key is not None:
        return command.partition_key
    key = (record_key or b"").decode(errors="replace")
    return key if _ID.fullmatch(key) else None
