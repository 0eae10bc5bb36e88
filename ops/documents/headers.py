"""What is published of a record's headers: which there are, what they mean, which of them are required."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.credit.topics import RECEIVABLE_COMMANDS
from shared.contracts.customers.requests import EraseCustomer, ImportCustomer
from shared.contracts.orders.topics import COMMANDS as COMMANDS_OF_ORDERS
from shared.contracts.schemas import Schema
from shared.messaging import (
    CONTENT_TYPE,
    GATEWAY_REPLIES,
    SEQUENCE_DIGITS,
    SPEC_VERSION,
    Command,
    Envelope,
    Message,
    Rejection,
    Request,
    timestamp,
    write_headers,
)

EXAMPLE_INSTANT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
MEANINGS = {
    "ce_specversion": "CloudEvents 1.0, Kafka binary mode.",
    "ce_id": "Unique with `ce_source`; the same when the message is sent again.",
    "ce_source": "Who sent it.",
    "ce_type": "The wire type.",
    "ce_subject": "The id of the entity it speaks of.",
    "ce_time": "When it was made, RFC 3339.",
    "ce_dataschema": "Names the schema of the value, which is in docs/asyncapi.yaml under the wire type.",
    "content-type": "The value is JSON.",
    "ce_partitionkey": "The record's key.",
    "ce_sequence": f"The aggregate's version, {SEQUENCE_DIGITS} digits, so that texts sort as numbers do.",
    "ce_correlationid": "Names the conversation: that of the message before, or its `ce_id` if it has none.",
    "ce_causationid": "The `ce_id` of the message directly before; absent where only time was the cause.",
    "ce_traceparent": "W3C trace context.",
    "ce_expirytime": "Not handled after this instant, RFC 3339 with an offset, unless it waits for its"
    " order by then; absent: never expires.",
    "reply_to": "The replies topic on which an answer is awaited; absent: nobody waits for one.",
    "reply_partition": "The partition of the replies topic that the asker reads, in decimal.",
    "ask_id": "The asker's mark, new for every asking; the answer carries it.",
    "caller": "Who asked at the gateway.",
    "waiting_since": "Since when a command waited for its order, RFC 3339: it is published once more, by us.",
    "version": "Of the entity, for the ETag: `c<aggregate version>-p<projection version>`.",
    "changed": "Names of the members of the answer that a change has changed, separated by commas.",
    "replayed": "`true` where this is the kept answer to an earlier delivery.",
    "refusal": "The code of a refusal; the value is a `Refusal`.",
}

# As shared.dead_letters writes them
OF_DEAD_LETTERS = {
    "dlq_topic": "Where the record lay.",
    "dlq_partition": "Its partition, in decimal.",
    "dlq_offset": "Its offset, in decimal.",
    "dlq_group": "The consumer group that could not handle it.",
    "dlq_error_class": "The class of the error.",
    "dlq_error": "The reason, at most 500 characters, without values from the body.",
    "dlq_attempts": "How often it was tried, in decimal.",
    "dlq_first_seen": "When it was tried first, RFC 3339.",
}

_ENVELOPE = ("ce_specversion", "ce_id", "ce_source", "ce_type", "content-type")
_ABOUT = ("ce_subject", "ce_partitionkey")
_CONVERSATION = ("ce_correlationid", "ce_causationid")
_ASKING = ("ce_expirytime", "reply_to", "reply_partition", "ask_id", "caller", "waiting_since")
_LIMITS: dict[str, Schema] = {
    "ce_specversion": {"const": SPEC_VERSION},
    "ce_id": {"minLength": 1, "maxLength": 255},
    "ce_source": {"minLength": 1, "maxLength": 255},
    "ce_time": {"format": "date-time"},
    "content-type": {"pattern": f"^{CONTENT_TYPE}"},
    "ce_sequence": {"pattern": rf"^\d{{{SEQUENCE_DIGITS}}}$"},
    "ce_expirytime": {"format": "date-time"},
    "reply_partition": {"pattern": r"^\d+$"},
    "waiting_since": {"format": "date-time"},
}


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """The headers that all messages of one kind have.

    Attributes:
        name: Under which it is published.
        required: Of requests, what we need; of what we say ourselves, what is always there.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def is_required_by_name(self) -> dict[str, bool]:
        """All of them, in the order in which they are written."""
        wanted = {*self.required, *self.optional}
        return {name: name in self.required for name in MEANINGS if name in wanted}


OF_REQUESTS = HeaderSet(
    "RequestHeaders",
    required=_ENVELOPE,
    optional=(*_ABOUT, "ce_time", "ce_dataschema", *_CONVERSATION, "ce_traceparent", *_ASKING),
)
OF_FACTS = HeaderSet(
    "FactHeaders",
    required=(*_ENVELOPE, *_ABOUT, "ce_time", "ce_dataschema", "ce_sequence", "ce_correlationid"),
    optional=("ce_causationid", "ce_traceparent"),
)
OF_REJECTIONS = HeaderSet(
    "RejectionHeaders",
    required=(*_ENVELOPE, "ce_time", "ce_dataschema", *_CONVERSATION),
    optional=(*_ABOUT, "ce_traceparent"),
)
OF_ANSWERS = HeaderSet(
    "AnswerHeaders",
    required=("content-type", "ce_correlationid"),
    optional=("ask_id", "version", "changed", "replayed", "refusal"),
)


def header_set(contract: type[Message]) -> HeaderSet:
    """Which headers a message has."""
    if issubclass(contract, Request):
        return OF_REQUESTS
    return OF_REJECTIONS if issubclass(contract, Rejection) else OF_FACTS


def example_headers(example: Message) -> dict[str, str]:
    """The headers of the record of an example, each that its sender would give."""
    service = example.topic.name.partition(".")[0]
    envelope = Envelope(
        id="0192f0c1-5a6b-7c8d-9e0f-000000000002",
        source=f"/customers-api/{service}",
        type=example.type,
        subject=example.subject,
        time=timestamp(EXAMPLE_INSTANT),
        partition_key=example.partition_key,
        sequence=example.sequence,
        correlation_id="0192f0c1-5a6b-7c8d-9e0f-000000000001",
        causation_id="0192f0c1-5a6b-7c8d-9e0f-000000000001",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    if _is_from_outside(example):
        envelope = Envelope(id=envelope.id, source="/erp", type=example.type, time=envelope.time)
    elif isinstance(example, Request):
        envelope = _asking(envelope, example)
    return {name: value.decode() for name, value in write_headers(envelope)}


def _is_from_outside(example: Message) -> bool:
    """Whether other systems send it, and the gateway does not."""
    return isinstance(example, ImportCustomer | EraseCustomer) or example.topic in (
        COMMANDS_OF_ORDERS,
        RECEIVABLE_COMMANDS,
    )


def _asking(envelope: Envelope, example: Request[Any]) -> Envelope:
    """As the gateway asks."""
    expires = not isinstance(example, Command) or example.expires
    return envelope._replace(
        source="/customers-api/gateway",
        causation_id=None,
        expires_at=EXAMPLE_INSTANT + timedelta(seconds=5) if expires else None,
        reply_to=GATEWAY_REPLIES.name,
        reply_partition=7,
        ask_id="3f1c0a6de1f94a0c9a52d7b0c1e2f3a4",
        caller="anonymous",
    )


def header_schemas() -> dict[str, Schema]:
    """JSON Schemas of the header sets, by name. Each header is text; others may occur, now or later."""
    return {headers.name: _schema(headers) for headers in (OF_REQUESTS, OF_FACTS, OF_REJECTIONS, OF_ANSWERS)}


def _schema(headers: HeaderSet) -> Schema:
    return {
        "type": "object",
        "properties": {
            name: {"description": MEANINGS[name], "type": "string"} | _LIMITS.get(name, {})
            for name in headers.is_required_by_name
        },
        "required": [name for name, is_required in headers.is_required_by_name.items() if is_required],
    }
