"""Records that follow from a message: events, states, tombstones, refusals, and what is sent once more."""

from dataclasses import dataclass
from datetime import datetime

from shared.ids import new_message_id
from shared.messaging import (
    WAITING_SINCE,
    Envelope,
    Event,
    Rejection,
    SetAside,
    State,
    Tombstone,
    Topic,
    timestamp,
    write_headers,
)
from shared.outbox import Outgoing


@dataclass(frozen=True, slots=True)
class Cause:
    """What records follow from.

    Attributes:
        service: Who says them.
        at: When.
        correlation_id: Names the conversation; None begins a new one.
        causation_id: The message directly before; None where time alone is the cause.
    """

    service: str
    at: datetime
    correlation_id: str | None
    causation_id: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, envelope: Envelope, service: str, at: datetime) -> "Cause":
        """The message of an envelope, handled by `service`."""
        return cls(service, at, envelope.conversation, envelope.id, envelope.traceparent)


def outgoing(message: Event | State, cause: Cause) -> Outgoing:
    """An event or a state."""
    key = message.partition_key
    envelope = _consequence(cause, message.type, message.subject, key, message.sequence)
    return _record(message.topic, envelope, key, message.to_json())


def outgoing_rejection(rejection: Rejection, cause: Cause, key: str | None) -> Outgoing:
    """That a command was refused, under the command's key."""
    envelope = _consequence(cause, rejection.type, subject=key, key=key)
    return _record(rejection.topic, envelope, key, rejection.to_json())


def outgoing_tombstone(gone: Tombstone, cause: Cause) -> Outgoing:
    """That an entity is no more."""
    envelope = _consequence(cause, gone.of.type, gone.entity_id, gone.entity_id, gone.version)
    return _record(gone.of.topic, envelope, gone.entity_id, value=None)


def resent(waiting: SetAside) -> Outgoing:
    """A record as it came, and since when it waited; its expiry does not count any more."""
    since = (WAITING_SINCE, timestamp(waiting.since).encode())
    headers = [header for header in waiting.headers if header[0] != WAITING_SINCE]
    return Outgoing(waiting.topic, waiting.key, waiting.value, [*headers, since])


def _consequence(
    cause: Cause, wire_type: str, subject: str | None, key: str | None, sequence: int | None = None
) -> Envelope:
    own_id = new_message_id()
    return Envelope(
        id=own_id,
        source=f"/customers-api/{cause.service}",
        type=wire_type,
        subject=subject,
        time=timestamp(cause.at),
        partition_key=key,
        sequence=sequence,
        correlation_id=cause.correlation_id or own_id,
        causation_id=cause.causation_id,
        traceparent=cause.traceparent,
    )


def _record(topic: Topic, envelope: Envelope, key: str | None, value: bytes | None) -> Outgoing:
    return Outgoing(
        topic=topic.name,
        key=None if key is None else key.encode(),
        value=value,
        headers=write_headers(envelope),
    )
