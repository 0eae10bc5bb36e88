"""What surrounds a handler: record → envelope → message → transaction → answer, and what becomes of failures.

`Handlers` is where a service registers its handlers, `Context` what they are given. `Consumer` runs
commands, events and state records, each in one transaction with its claim, its emitted messages and its kept
answer; queries are answered by `shared.queries`. Knows no broker: records come in, and answers and dead
letters go out, by `Outlets`.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Protocol, TypeVar, overload

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import inbox, outbox
from shared.database import is_away, is_locked, is_transient
from shared.dead_letters import Record, dead_letter
from shared.errors import Refusal, Refused
from shared.ids import derived_id, new_message_id
from shared.messaging import (
    Answer,
    Command,
    Envelope,
    Event,
    Message,
    Poison,
    Query,
    Rejection,
    State,
    Tombstone,
    Topic,
    Value,
    read_headers,
    timestamp,
    write_headers,
)
from shared.outbox import Outgoing

CLOCKS_AGREE_WITHIN = timedelta(seconds=2)
TRANSIENT_ATTEMPTS = 3
TRANSIENT_PAUSE_S = 0.02
_ID = re.compile(r"[a-z]{2,8}_[A-Za-z0-9]{1,64}", re.ASCII)
AWAY_PAUSE_S = 0.05
AWAY_PAUSE_MAX_S = 0.5

log = structlog.get_logger()

A = TypeVar("A", bound=Value)
F = TypeVar("F", bound=Callable[..., Any])


# What a service writes


@dataclass(slots=True)
class Reading:
    """What a query's handler is given.

    Attributes:
        db: A connection whose statements run alone.
        now: One instant for the whole batch, UTC.
    """

    db: AsyncConnection
    now: datetime


@dataclass(slots=True)
class Context:
    """What a handler of a command, event or state record is given.

    Attributes:
        db: The open transaction of this message.
        now: One instant for the whole message, UTC.
        envelope: What is said about the message beside its body.
        service: Who handles it.
        emitted: What is published if the transaction commits.
    """

    db: AsyncConnection
    now: datetime
    envelope: Envelope
    service: str
    emitted: list[Outgoing] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=count)

    def emit(self, message: Event | State | Tombstone) -> None:
        """Publish `message` after the commit, as a consequence of the one being handled."""
        self.emitted.append(
            _tombstone(message, self) if isinstance(message, Tombstone) else _outgoing(message, self)
        )

    def reject(self, rejection: Rejection, key: str | None) -> None:
        """Publish, under the key of its command, that a command was refused."""
        self.emitted.append(_outgoing_rejection(rejection, self, key))

    async def forget(self, entity_id: str) -> None:
        """Forget the answers to all messages that concerned an entity; that they were handled stays known.

        Whoever asks again has the handler run again, beside other repeats: it must refuse, or do nothing.
        """
        await inbox.forget(self.db, entity_id)

    def new_id(self, prefix: str) -> str:
        """An id for something new: a repeat of the message makes the same ids in the same order."""
        return derived_id(prefix, self.envelope.source, self.envelope.id, str(next(self._ids)))


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler and the message it is for. is_batch: takes a list of messages, gives a list of answers."""

    message: type[Message]
    handler: Callable[..., Awaitable[Any]]
    is_batch: bool = False


class Handlers:
    """The handlers of one service, by the wire type they are for."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.by_type: dict[str, Registered] = {}

    @overload
    def on(
        self, message: type[Command[A]]
    ) -> Callable[[Callable[[Any, Context], Awaitable[Answer[A]]]], Any]: ...
    @overload
    def on(
        self, message: type[Query[A]]
    ) -> Callable[[Callable[[Any, Reading], Awaitable[Answer[A]]]], Any]: ...
    @overload
    def on(
        self, message: type[Event | State]
    ) -> Callable[[Callable[[Any, Context], Awaitable[None]]], Any]: ...
    def on(self, message: type[Message]) -> Callable[[F], Any]:
        """Register the decorated function as the handler of `message`."""
        return lambda handler: self._register(Registered(message, handler))

    def on_batch(
        self, message: type[Query[A]]
    ) -> Callable[[Callable[[Any, Reading], Awaitable[Sequence[Answer[A] | Refusal]]]], Any]:
        """Register a function that answers many queries of one type at once, in their order."""
        return lambda handler: self._register(Registered(message, handler, is_batch=True))

    def topics(self, *kinds: str) -> dict[str, Topic]:
        """The topics of these kinds that something is registered for, by name."""
        found = (registered.message.topic for registered in self.by_type.values())
        return {topic.name: topic for topic in found if topic.kind in kinds}

    def _register(self, registered: Registered) -> Callable[..., Awaitable[Any]]:
        wire_type = registered.message.type
        if wire_type in self.by_type:
            raise ValueError(f"{self.service} has two handlers for {wire_type}")
        self.by_type[wire_type] = registered
        return registered.handler


# What the runtime does with it


class Outlets(Protocol):
    """Where what a message leads to goes."""

    def is_asked(self, envelope: Envelope) -> bool:
        """Whether an answer is awaited at a place that may be answered to."""
        ...

    async def answer(self, envelope: Envelope, answer: Answer[Any]) -> None:
        """Send an answer; one that gets lost is asked for again."""
        ...

    async def bury(self, letter: Outgoing) -> None:
        """Publish a dead letter; returns when the broker has it."""
        ...

    def wake_relay(self) -> None:
        """Something was committed to the outbox."""
        ...


@dataclass(frozen=True, slots=True)
class _Delivery:
    record: Record
    envelope: Envelope
    now: datetime
    digest: bytes


class Consumer:
    """Handles commands, events and state records, one at a time for each call of `handle`."""

    def __init__(self, handlers: Handlers, engine: AsyncEngine, outlets: Outlets) -> None:
        self._handlers = handlers
        self._service = handlers.service
        self._topics = handlers.topics("commands", "events", "state")
        self._engine = engine
        self._outlets = outlets

    async def handle(self, record: Record) -> None:
        """Handle one record to its end: its effect, its refusal or its dead letter. Raises nothing."""
        first_seen = datetime.now(UTC)
        pause = AWAY_PAUSE_S
        for attempt in count(1):
            try:
                await self._try(record)
            except Exception as error:  # whatever it is, the record must not stop its partition
                if is_away(error) or is_locked(error):
                    log.warning("database.away", error=type(error).__name__, locked=is_locked(error))
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, AWAY_PAUSE_MAX_S)
                    continue
                if is_transient(error) and attempt < TRANSIENT_ATTEMPTS:
                    await asyncio.sleep(TRANSIENT_PAUSE_S * attempt * (1 + random.random()))  # noqa: S311  # jitter
                    continue
                await self._give_up(record, error, attempt, first_seen)
            return

    async def _try(self, record: Record) -> None:
        envelope = read_headers(record.headers)
        delivery = _Delivery(record, envelope, datetime.now(UTC), inbox.digest(record.value))
        if is_expired(envelope, delivery.now):
            log.info("message.expired", type=envelope.type, id=envelope.id)
            return
        registered = self._registered(record, envelope)
        if registered is None:
            return
        if record.value is None and registered.message.topic.is_compacted:
            log.debug("tombstone.skipped", type=envelope.type)  # no handler of ours follows a state yet
            return
        message = decode(registered, record)
        started = time.perf_counter()
        answer = await self._carry_out(registered, message, delivery)
        log.info(
            "message.handled",
            type=envelope.type,
            id=envelope.id,
            outcome=_outcome(answer),
            took_ms=round((time.perf_counter() - started) * 1000, 1),
        )
        if answer is not None and self._outlets.is_asked(envelope):
            await self._outlets.answer(envelope, answer)

    def _registered(self, record: Record, envelope: Envelope) -> Registered | None:
        registered = self._handlers.by_type.get(envelope.type)
        if registered is not None and registered.message.topic.name == record.topic:
            return registered
        if self._topics[record.topic].kind == "commands":
            raise Poison("unknown_type", f"{envelope.type} is no message of {record.topic}")
        log.debug("message.skipped", type=envelope.type)
        return None

    async def _carry_out(
        self, registered: Registered, message: Message, delivery: _Delivery
    ) -> Answer[Any] | None:
        """The message's effect in one transaction, or what an earlier delivery of it left."""
        try:
            async with self._engine.begin() as db:
                if not await self._claim(db, message, delivery):
                    kept = await inbox.kept(db, self._service, delivery.envelope)
                    if not self._is_to_be_decided_again(kept, delivery):
                        return self._replayed(kept, delivery)
                context = Context(db, delivery.now, delivery.envelope, self._service)
                answer: Answer[Any] | None = await registered.handler(message, context)
                if context.emitted:
                    await outbox.put(db, context.emitted)
                if answer is not None:
                    await inbox.keep(db, self._service, delivery.envelope, answer)
        except Refused as refused:
            return await self._refuse(message, delivery, refused.refusal)
        self._outlets.wake_relay()
        return answer

    async def _claim(self, db: AsyncConnection, message: Message, delivery: _Delivery) -> bool:
        return await inbox.claim(db, self._service, delivery.envelope, delivery.digest, message.partition_key)

    def _is_to_be_decided_again(self, kept: inbox.Kept, delivery: _Delivery) -> bool:
        """Whether somebody awaits an answer that was forgotten with the entity it told of."""
        return (
            kept.is_forgotten and kept.digest == delivery.digest and self._outlets.is_asked(delivery.envelope)
        )

    def _replayed(self, kept: inbox.Kept, delivery: _Delivery) -> Answer[Any] | None:
        if kept.digest == delivery.digest:
            return kept.answer
        if self._outlets.is_asked(delivery.envelope):
            raise Refused("idempotency_key_reused", "this key came before, with another body")
        raise Poison("message_id_reused", "this ce_id came before from this ce_source, with another body")

    async def _refuse(self, message: Message, delivery: _Delivery, refusal: Refusal) -> Answer[Any]:
        """Tell whoever asked and keep nothing; where nobody did, keep the refusal and say it as an event."""
        answer: Answer[Any] = refusal_answer(refusal)
        if self._outlets.is_asked(delivery.envelope):
            return answer
        rejection = message.topic.rejection
        if rejection is None:
            raise Poison("refused", f"{refusal.code}: nobody asked and no event says so")
        async with self._engine.begin() as db:
            if await self._claim(db, message, delivery):
                context = Context(db, delivery.now, delivery.envelope, self._service)
                context.reject(_rejection(rejection, message, refusal), _key_of(message, delivery.record))
                await outbox.put(db, context.emitted)
                await inbox.keep(db, self._service, delivery.envelope, answer)
        self._outlets.wake_relay()
        return answer

    async def _give_up(self, record: Record, error: Exception, attempts: int, first_seen: datetime) -> None:
        unexpected = not isinstance(error, Poison)
        log.error(
            "message.dead",
            topic=record.topic,
            offset=record.offset,
            error=type(error).__name__,
            exc_info=unexpected,
        )
        await self._outlets.bury(dead_letter(record, self._service, error, attempts, first_seen))
        await answer_failure(self._outlets, record, error)


def is_expired(envelope: Envelope, now: datetime) -> bool:
    """Whether nobody waits for this any more; clocks may differ by two seconds."""
    return envelope.expires_at is not None and envelope.expires_at < now - CLOCKS_AGREE_WITHIN


def decode(registered: Registered, record: Record) -> Message:
    """The record's body as the registered message.

    Raises:
        Poison: empty, or not what the schema says.
    """
    if record.value is None:
        raise Poison("bad_envelope", "the value is empty")
    return registered.message.from_json(record.value)


def refusal_answer(refusal: Refusal) -> Answer[Any]:
    """A refusal as the answer that carries it."""
    return Answer(refusal.model_dump_json().encode(), {"refusal": refusal.code})


async def answer_failure(outlets: Outlets, record: Record, error: Exception | None = None) -> None:
    """Tell whoever asked that the request failed here, where the record tells who that is.

    error: what made a dead letter of it; only of a record that was wrong itself the reason is told.
    """
    try:
        envelope = read_headers(record.headers)
    except Poison:
        return
    if outlets.is_asked(envelope):
        code, detail = "internal_error", "the request failed"
        if isinstance(error, Poison):
            code, detail = error.code, str(error)
        await outlets.answer(envelope, refusal_answer(Refusal(code=code, detail=detail)))


def _outcome(answer: Answer[Any] | None) -> str:
    if answer is None:
        return "done"
    if "refusal" in answer.facts:
        return answer.facts["refusal"]
    return "replayed" if "replayed" in answer.facts else "done"


def _rejection(kind: type[Rejection], message: Message, refusal: Refusal) -> Rejection:
    named = {
        name: getattr(message, name, None)
        for name in kind.model_fields.keys() - Rejection.model_fields.keys()
    }
    ids = {name: value for name, value in named.items() if value is not None}
    return kind(command=message.type, code=refusal.code, detail=refusal.detail, **ids)


def _outgoing(message: Event | State, cause: Context) -> Outgoing:
    envelope = _consequence(
        cause, message.type, subject=message.subject, key=message.partition_key, sequence=message.sequence
    )
    return _record(message.topic, envelope, message.partition_key, message.to_json())


def _key_of(message: Message, record: Record) -> str | None:
    """The key a command names; else that of its record, where it has the form of an id.

    Anything else might be personal, and goes no further.
    """
    if message.partition_key is not None:
        return message.partition_key
    key = (record.key or b"").decode(errors="replace")
    return key if _ID.fullmatch(key) else None


def _outgoing_rejection(rejection: Rejection, cause: Context, key: str | None) -> Outgoing:
    envelope = _consequence(cause, rejection.type, subject=key, key=key)
    return _record(rejection.topic, envelope, key, rejection.to_json())


def _tombstone(gone: Tombstone, cause: Context) -> Outgoing:
    envelope = _consequence(
        cause, gone.of.type, subject=gone.entity_id, key=gone.entity_id, sequence=gone.version
    )
    return _record(gone.of.topic, envelope, gone.entity_id, value=None)


def _consequence(
    cause: Context, wire_type: str, subject: str | None, key: str | None, sequence: int | None = None
) -> Envelope:
    return Envelope(
        id=new_message_id(),
        source=f"/customers-api/{cause.service}",
        type=wire_type,
        subject=subject,
        time=timestamp(cause.now),
        partition_key=key,
        sequence=sequence,
        correlation_id=cause.envelope.conversation,
        causation_id=cause.envelope.id,
        traceparent=cause.envelope.traceparent,
    )


def _record(topic: Topic, envelope: Envelope, key: str | None, value: bytes | None) -> Outgoing:
    return Outgoing(
        topic=topic.name,
        key=None if key is None else key.encode(),
        value=value,
        headers=write_headers(envelope),
    )
