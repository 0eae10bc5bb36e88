"""What a service is made of: its handlers, by the messages they are for, and what a handler is given.

`Context` is given to handlers of commands, events and states, `Batch` to those of many events or states at
once, `Reading` to those of queries, `Tick` to what runs as time passes. Knows no broker; what calls the
handlers is `shared.consumer`, `shared.batches`, `shared.queries` and `shared.timers`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Generic, TypeVar, overload

import typing_extensions
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import inbox, outbox
from shared.consequences import Cause, outgoing, outgoing_tombstone, resent
from shared.dead_letters import Record
from shared.errors import Missing, Refusal
from shared.ids import derived_id
from shared.messaging import (
    Answer,
    Command,
    Envelope,
    Event,
    Message,
    Query,
    SetAside,
    State,
    Tombstone,
    Topic,
    Value,
    read_headers,
)
from shared.outbox import Outgoing
from shared.refusals import refusal_answer, rejection_of

A = TypeVar("A", bound=Value)
F = TypeVar("F", bound=Callable[..., Any])
P = typing_extensions.TypeVar("P", default=Any)
"""The policy of a service: its settings that decide something, frozen."""

Handler = Callable[..., Awaitable[Any]]

Asked = Mapping[str, bool]
"""What other services were asked because of a message, by what the query says: whether there is any."""


class Later:
    """Returned by a handler that has set its message aside: no answer now, and its id stays free."""


# What a handler is given


@dataclass(slots=True)
class Reading(Generic[P]):
    """What a query's handler is given.

    Attributes:
        db: A connection whose statements run alone.
        now: One instant for the whole batch, UTC.
        asked: What other services were asked because of the query.
        policy: The service's settings that decide something.
    """

    db: AsyncConnection
    now: datetime
    asked: Asked = field(default_factory=dict)
    policy: P = None  # type: ignore[assignment]  # of a service that has none

    def ask(self, query: Query[Any]) -> None:
        """As `Context.ask`; not for handlers of batches."""
        _ask(query, self.asked)


@dataclass(slots=True)
class Context(Generic[P]):
    """What a handler of a command, event or state record is given.

    Attributes:
        db: The open transaction of this message.
        now: One instant for the whole message, UTC.
        envelope: What is said about the message beside its body.
        service: Who handles it.
        record: The message as it came; None where no record brought it.
        policy: The service's settings that decide something.
        asked: What other services were asked because of this message.
        emitted: What is published if the transaction commits.
    """

    db: AsyncConnection
    now: datetime
    envelope: Envelope
    service: str
    record: Record | None = None
    policy: P = None  # type: ignore[assignment]  # of a service that has none
    asked: Asked = field(default_factory=dict)
    emitted: list[Outgoing] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=count)

    def emit(self, message: Event | State | Tombstone) -> None:
        """Publish `message` after the commit, as a consequence of the one being handled."""
        if isinstance(message, Tombstone):
            self.emitted.append(outgoing_tombstone(message, self._cause))
        else:
            self.emitted.append(outgoing(message, self._cause))

    def ask(self, query: Query[Any]) -> None:
        """Ask the owner for what is not known here: the message is handled again with what comes back.

        What comes back is given to this service's own handler of that state first. Returns only where the
        owner has said that there is none.

        Raises:
            Missing: for the runtime; everything done so far is undone.
        """
        _ask(query, self.asked)

    def as_it_came(self) -> SetAside:
        """The message's record, to be kept until it can be handled; then return `Later`.

        Headers under names that cannot be written, which are none of ours, are left out.

        Raises:
            TooLarge: it could not be published once more.
        """
        came = self.record
        if came is None or came.value is None:
            raise ValueError("nothing came that could be set aside")
        since = min(self.envelope.waiting_since or self.now, self.now)  # anybody may have written it
        headers = tuple(header for header in came.headers if _is_writable(header[0]))
        waiting = SetAside(came.topic, came.key, came.value, headers, since)
        outbox.expect_to_fit(resent(waiting))
        return waiting

    def resend(self, waiting: Iterable[SetAside]) -> None:
        """Publish records that were set aside once more on their own topic, to be handled now."""
        self.emitted.extend(resent(record) for record in waiting)

    async def forget(self, entity_id: str) -> None:
        """Forget the answers to all messages that concerned an entity; that they were handled stays known.

        Whoever asks again has the handler run again, beside other repeats: it must refuse, or do nothing.
        """
        await inbox.forget(self.db, entity_id)

    def new_id(self, prefix: str) -> str:
        """An id for something new: a repeat of the message makes the same ids in the same order."""
        return derived_id(prefix, self.envelope.source, self.envelope.id, str(next(self._ids)))

    @property
    def _cause(self) -> Cause:
        return Cause.of(self.envelope, self.service, self.now)


@dataclass(slots=True)
class Batch(Generic[P]):
    """What a handler of many events or states at once is given; it can neither publish nor ask.

    No message is claimed: one may come again, alone or among others, and an entity may occur several times in
    one batch. What is done must be guarded by versions or business ids.

    Attributes:
        db: The open transaction of the whole batch.
        now: One instant for the whole batch, UTC.
        service: Who handles it.
        policy: The service's settings that decide something.
    """

    db: AsyncConnection
    now: datetime
    service: str
    policy: P = None  # type: ignore[assignment]  # of a service that has none


@dataclass(slots=True)
class Tick(Generic[P]):
    """What a handler that runs as time passes is given.

    Attributes:
        db: The open transaction of this run.
        now: An instant up to which the service knows everything that it waits for, UTC: what was on the
            topics the handler names by then has been handled.
        service: Who runs it.
        policy: The service's settings that decide something.
        handlers: Of the service.
        emitted: What is published if the transaction commits.
    """

    db: AsyncConnection
    now: datetime
    service: str
    handlers: "Handlers"
    policy: P = None  # type: ignore[assignment]  # of a service that has none
    emitted: list[Outgoing] = field(default_factory=list)

    def emit(self, message: Event | State, correlation_id: str | None = None) -> None:
        """Publish `message` after the commit; correlation_id: of the conversation it belongs to."""
        self.emitted.append(outgoing(message, Cause(self.service, self.now, correlation_id)))

    def resend(self, waiting: Iterable[SetAside]) -> None:
        """Publish records that were set aside once more on their own topic, to be handled now."""
        self.emitted.extend(resent(record) for record in waiting)

    async def refuse(self, waiting: SetAside, refusal: Refusal) -> None:
        """Refuse a command that was set aside: said as an event, and kept as the answer to its id.

        Nothing is done where it was handled in the meantime. Before the record is deleted: a repeat that has
        its id claimed would wait for the deletion.
        """
        envelope = read_headers(waiting.headers)
        command = self.handlers.by_type[envelope.type].message.from_json(waiting.value)
        digest = inbox.digest(waiting.value)
        if await inbox.claim(self.db, self.service, envelope, digest, command.partition_key):
            await inbox.keep(self.db, self.service, envelope, refusal_answer(refusal))
            cause = Cause.of(envelope, self.service, self.now)
            self.emitted.append(rejection_of(command, waiting.key, refusal, cause))


def _is_writable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ask(query: Query[Any], asked: Asked) -> None:
    if asked.get(query_key(query), True):
        raise Missing(query)


def query_key(query: Query[Any]) -> str:
    """What a query says, as text."""
    return f"{query.type} {query.model_dump_json()}"


# What a service registers


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler and the message it is for.

    is_batch: takes a list of messages; of queries it gives a list of answers.
    """

    message: type[Message]
    handler: Handler
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class Timed:
    """A handler that runs as time passes.

    Attributes:
        every_s: Seconds from the end of one run to the beginning of the next.
        having_read: What the service must have read to the end before.
    """

    handler: Callable[[Tick[Any]], Awaitable[bool]]
    every_s: float
    having_read: tuple[Topic, ...]

    @property
    def name(self) -> str:
        """The function's own."""
        return self.handler.__name__


class Handlers:
    """The handlers of one service, by the wire type they are for.

    parts: the same of parts of the service, which are taken over.
    """

    def __init__(self, service: str, *parts: "Handlers") -> None:
        self.service = service
        self.by_type: dict[str, Registered] = {}
        self.of_tombstones: dict[str, Registered] = {}
        self.timed: list[Timed] = []
        for part in parts:
            for registered in part.by_type.values():
                self._register(self.by_type, registered)
            for registered in part.of_tombstones.values():
                self._register(self.of_tombstones, registered)
            self.timed += part.timed

    @overload
    def on(
        self, message: type[Command[A]]
    ) -> Callable[[Callable[[Any, Context[Any]], Awaitable[Answer[A] | Later]]], Any]: ...
    @overload
    def on(
        self, message: type[Query[A]]
    ) -> Callable[[Callable[[Any, Reading], Awaitable[Answer[A]]]], Any]: ...
    @overload
    def on(
        self, message: type[Event | State]
    ) -> Callable[[Callable[[Any, Context[Any]], Awaitable[None]]], Any]: ...
    def on(self, message: type[Message]) -> Callable[[F], Any]:
        """Register the decorated function as the handler of `message`."""
        return lambda handler: self._register(self.by_type, Registered(message, handler))

    @overload
    def on_batch(
        self, message: type[Query[A]], /
    ) -> Callable[[Callable[[Any, Reading], Awaitable[Sequence[Answer[A] | Refusal]]]], Any]: ...
    @overload
    def on_batch(
        self, *messages: type[Event | State]
    ) -> Callable[[Callable[[Any, Batch[Any]], Awaitable[None]]], Any]: ...
    def on_batch(self, *messages: type[Message]) -> Callable[[F], Any]:
        """Register a function that is given many messages at once, in their order.

        Either answers queries of one type, or takes in events or states of one topic, up to
        `shared.batches.BATCH_MAX` of one partition.
        """
        if len({message.topic.name for message in messages}) != 1:
            raise ValueError("a batch is of one topic")

        def register(handler: F) -> Any:
            for message in messages:
                self._register(self.by_type, Registered(message, handler, is_batch=True))
            return handler

        return register

    def on_tombstone(
        self, of: type[State]
    ) -> Callable[[Callable[[Tombstone, Context[Any]], Awaitable[None]]], Any]:
        """Register a function that is told when an entity is no more; others skip such records."""
        return lambda handler: self._register(self.of_tombstones, Registered(of, handler))

    def every(
        self, seconds: float, having_read: Sequence[Topic] = ()
    ) -> Callable[[Callable[[Tick[Any]], Awaitable[bool]]], Any]:
        """Register a function that runs every so many seconds, in one process for each database.

        It gives whether there may be more to do, and then runs again at once, in a new transaction.

        having_read: topics of which everything must have been handled that was on them when the run began:
            a time-out may fire only on proof that what it waits for has not come.
        """

        def register(handler: Callable[[Tick[Any]], Awaitable[bool]]) -> Any:
            self.timed.append(Timed(handler, seconds, tuple(having_read)))
            return handler

        return register

    def topics(self, *kinds: str) -> dict[str, Topic]:
        """The topics of these kinds that something is registered for, by name."""
        registered = (*self.by_type.values(), *self.of_tombstones.values())
        found = (each.message.topic for each in registered)
        return {topic.name: topic for topic in found if topic.kind in kinds}

    def _register(self, among: dict[str, Registered], registered: Registered) -> Any:
        wire_type = registered.message.type
        if wire_type in among:
            raise ValueError(f"{self.service} has two handlers for {wire_type}")
        among[wire_type] = registered
        return registered.handler


@dataclass(frozen=True, slots=True)
class Service:
    """A service: what it does on which message, where its data is, and what it goes by.

    policy: its settings that decide something; None where it has none.
    """

    handlers: Handlers
    engine: AsyncEngine
    policy: Any = None

    @property
    def name(self) -> str:
        """Its name, and that of its consumer group."""
        return self.handlers.service
