"""What a message is: its kinds, its topic, its envelope, and the envelope's Kafka headers.

CloudEvents 1.0 in Kafka binary mode: the value is the data, attributes are `ce_*` headers. Pure: knows no
broker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import ClassVar, Generic, Literal, NamedTuple, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

CONTENT_TYPE = "application/json"
SPEC_VERSION = "1.0"
ATTRIBUTE_MAX_CHARS = 255
WAITING_SINCE = "waiting_since"
SEQUENCE_DIGITS = 12  # CloudEvents asks for a lexicographic order; 12 digits outlast any aggregate

_REQUIRED = frozenset({"ce_id", "ce_source", "ce_type"})
# into what follows from a message: none of them may make it grow
_COPIED = frozenset({"ce_correlationid", "ce_traceparent", "caller", "ask_id"})

Headers = Sequence[tuple[str, bytes]]
TopicKind = Literal["commands", "queries", "events", "state", "replies"]


class Value(BaseModel):
    """A part of a message or an answer; unknown members are ignored, instances never change."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=False)


A = TypeVar("A", bound=Value)


class Message(Value):
    """What travels on a topic. Subclasses say where (`topic`), as what (`type`) and under which key.

    topic: the topic it is published on.
    type: the wire type, `<entity>.<verb or participle>.v<major>`.
    key: name of the member whose value is the Kafka key; None where it may go to any partition.
    """

    topic: ClassVar["Topic"]
    type: ClassVar[str]
    key: ClassVar[str | None]

    def to_json(self) -> bytes:
        """The value on the wire: only members that were set, in their declared order."""
        return self.model_dump_json(exclude_unset=True).encode()

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """Decode a record's value.

        Raises:
            Poison: the value is not what the published schema says; the reason quotes no value.
        """
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            raise Poison("invalid_body", _where_and_why(error)) from None

    @property
    def partition_key(self) -> str | None:
        """The Kafka key: everything of one key keeps its order; None where the message names none."""
        return None if self.key is None else getattr(self, self.key)

    @property
    def record_key(self) -> bytes | None:
        """The same as it stands on the record."""
        return None if self.partition_key is None else self.partition_key.encode()

    @property
    def subject(self) -> str | None:
        """The id of the entity the type speaks of (`order.placed.v1`: `order_id`), else the key."""
        return getattr(self, _entity_id(self.type), None) or self.partition_key

    @property
    def sequence(self) -> int | None:
        """The aggregate's version this message carries, None where it carries none."""
        return getattr(self, "version", None)


@cache
def _entity_id(wire_type: str) -> str:
    return f"{wire_type.partition('.')[0]}_id"


@cache
def _schema(wire_type: str) -> str:
    entity_and_verb, _, major = wire_type.rpartition(".v")
    return f"/schemas/{entity_and_verb}/{major}.0.json"


class Request(Message, Generic[A]):
    """A message that is answered with an `A`."""


def answer_type(request: Request[A]) -> type[A]:
    """The class of a request's answer, as its class statement names it."""
    for base in type(request).__mro__:
        arguments = base.__pydantic_generic_metadata__["args"] if issubclass(base, Request) else ()
        if arguments:
            return cast(type[A], arguments[0])
    raise TypeError(f"{type(request).__name__} does not name its answer")


class Query(Request[A], Generic[A]):
    """Reads, changes nothing; may be dropped and asked again."""


class Command(Request[A], Generic[A]):
    """Changes something, exactly once for each envelope id.

    expires: whether it is dropped once nobody waits for its answer any more.
    """

    expires: ClassVar[bool] = True


class Event(Message):
    """A fact; published by one service, followed by anyone."""


class State(Message):
    """An entity as it is now, under a version; for compacted topics."""

    version: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Says on a compacted topic that an entity is no more: a record of its key without a value.

    Attributes:
        of: The state that the topic held of it.
        entity_id: The key.
        version: The entity's last one.
    """

    of: type[State]
    entity_id: str
    version: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that waits until it can be handled, as it came.

    Attributes:
        since: When it was set aside first.
    """

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    since: datetime


class Rejection(Event):
    """Says that a command for which nobody awaited an answer was refused; nothing changed.

    command: the refused command's type. code: stable reason. detail: the reason for people, without personal
    data. Subclasses add the business ids the command may have named; absent where it named none.
    """

    command: str
    code: str
    detail: str


class Done(Value):
    """The answer of a command that has nothing to tell but that it was carried out."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is made at the broker.

    Attributes:
        name: `<domain>.<entity>.<kind>.v<major>`.
        kind: Decides the cleanup policy, how records are handled, and what an unknown type means.
        key: The member whose value is the key, None where there is no rule.
        groups: Consumer groups of this product; each has a dead-letter topic of its own.
        retention: How long records are kept; ignored for compacted state.
        personal: Whether records can hold personal data: its dead letters are kept 7 days instead of 30.
        rejection: On commands topics, the event that says a refusal nobody awaited.
    """

    name: str
    kind: TopicKind
    key: str | None
    groups: tuple[str, ...]
    retention: timedelta
    personal: bool = False
    rejection: type[Rejection] | None = None

    @property
    def is_compacted(self) -> bool:
        """Whether only the newest record of each key is kept."""
        return self.kind == "state"


GATEWAY_REPLIES = Topic(
    "gateway.replies.v1", kind="replies", key=None, groups=(), retention=timedelta(minutes=10), personal=True
)
SERVICES_REPLIES = Topic(
    "services.replies.v1", kind="replies", key=None, groups=(), retention=timedelta(minutes=10), personal=True
)


@dataclass(frozen=True, slots=True)
class Answer(Generic[A]):
    """A finished answer: the bytes of an `A` as JSON, built once, passed on unparsed.

    Attributes:
        body: UTF-8 JSON in its final shape.
        facts: What else is to be known of it, carried as headers: `version` (becomes the ETag), `total`,
            `replayed` ("true" for the kept answer of an earlier delivery), `refusal` (the code).
    """

    body: bytes
    facts: Mapping[str, str] = field(default_factory=dict)


class Poison(Exception):
    """A record that can never be handled; it becomes a dead letter.

    Attributes:
        code: `bad_envelope`, `unknown_type`, `invalid_body` or `message_id_reused`.
        reason: For people; at most 500 characters, without values from the body.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}"[:500])
        self.code = code
        self.reason = reason[:500]


class Envelope(NamedTuple):
    """What is said about a message beside its body; `messages.md` in docs lists the headers.

    Attributes:
        id: Unique with `source`; the same when the message is sent again.
        correlation_id: Names the whole conversation; the id of its first message.
        causation_id: The id of the message directly before.
        expires_at: Not to be handled after this instant; None: never expires.
        reply_to, reply_partition, ask_id: Where an answer is awaited and under which mark; None: nobody
        asked.
        caller: Who asked at the gateway.
        waiting_since: When it was set aside, of a message that waited to be handled; it does not expire.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    partition_key: str | None = None
    sequence: int | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    expires_at: datetime | None = None
    reply_to: str | None = None
    reply_partition: int | None = None
    ask_id: str | None = None
    caller: str | None = None
    waiting_since: datetime | None = None

    @property
    def conversation(self) -> str:
        """The correlation id for what follows from this message."""
        return self.correlation_id or self.id


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def write_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    """The Kafka headers of an envelope, in the order of the specification; what is None is left out."""
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": envelope.id,
        "ce_source": envelope.source,
        "ce_type": envelope.type,
        "ce_subject": envelope.subject,
        "ce_time": envelope.time,
        "ce_dataschema": _schema(envelope.type),
        "content-type": CONTENT_TYPE,
        "ce_partitionkey": envelope.partition_key,
        "ce_sequence": None if envelope.sequence is None else f"{envelope.sequence:0{SEQUENCE_DIGITS}}",
        "ce_correlationid": envelope.correlation_id,
        "ce_causationid": envelope.causation_id,
        "ce_traceparent": envelope.traceparent,
        "ce_expirytime": None if envelope.expires_at is None else timestamp(envelope.expires_at),
        "reply_to": envelope.reply_to,
        "reply_partition": None if envelope.reply_partition is None else str(envelope.reply_partition),
        "ask_id": envelope.ask_id,
        "caller": envelope.caller,
        WAITING_SINCE: None if envelope.waiting_since is None else timestamp(envelope.waiting_since),
    }
    return [(name, value.encode()) for name, value in attributes.items() if value is not None]


def read_headers(headers: Headers) -> Envelope:
    """The envelope of a record.

    Raises:
        Poison: `bad_envelope`; a required header is missing, unreadable or not of binary CloudEvents 1.0.
    """
    try:
        given = {name: value.decode() for name, value in headers}
        if given.get("ce_specversion") != SPEC_VERSION:
            raise Poison("bad_envelope", f"header ce_specversion must be {SPEC_VERSION}")
        if given["content-type"].partition(";")[0].strip() != CONTENT_TYPE:
            raise Poison("bad_envelope", f"header content-type must be {CONTENT_TYPE}")
        return _envelope(given)
    except KeyError as missing:
        raise Poison("bad_envelope", f"header {missing.args[0]} is missing") from None
    except (ValueError, AttributeError):  # not UTF-8, a null header, a number or an instant that is none
        raise Poison("bad_envelope", "a header is not readable") from None


def _envelope(given: Mapping[str, str]) -> Envelope:
    for name in _REQUIRED | _COPIED & given.keys():
        if not 1 <= len(given[name]) <= ATTRIBUTE_MAX_CHARS or not given[name].isprintable():
            raise Poison(
                "bad_envelope", f"header {name} must have 1 to {ATTRIBUTE_MAX_CHARS} printable characters"
            )
    partition, sequence = given.get("reply_partition"), given.get("ce_sequence")
    expiry, waiting_since = given.get("ce_expirytime"), given.get(WAITING_SINCE)
    return Envelope(
        id=given["ce_id"],
        source=given["ce_source"],
        type=given["ce_type"],
        subject=given.get("ce_subject"),
        time=given.get("ce_time"),
        partition_key=given.get("ce_partitionkey"),
        sequence=None if sequence is None else int(sequence),
        correlation_id=given.get("ce_correlationid"),
        causation_id=given.get("ce_causationid"),
        traceparent=given.get("ce_traceparent"),
        expires_at=None if expiry is None else _instant(expiry),
        reply_to=given.get("reply_to"),
        reply_partition=None if partition is None else int(partition),
        ask_id=given.get("ask_id"),
        caller=given.get("caller"),
        waiting_since=None if waiting_since is None else _instant(waiting_since),
    )


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return at


def _where_and_why(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or '(body)'}: {problem['type']}" for problem in problems
    )
