"""The bus in memory: the gateway's `Rpc`, the topics and the relay of the system in process, no broker.

Deterministic: a request is answered, then everything that follows from it is delivered, in the order of the
outbox, before the asker goes on. Records cross as bytes and headers, as on a real topic, and stay to be
looked at.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from aiokafka.partitioner import murmur2
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.errors import DeadlineExceeded, granted
from shared.handlers import Service
from shared.ids import new_message_id
from shared.kafka import PARTITIONS
from shared.messaging import (
    GATEWAY_REPLIES,
    SERVICES_REPLIES,
    Answer,
    Command,
    Envelope,
    Headers,
    Query,
    Request,
    Value,
    answer_type,
    timestamp,
    write_headers,
)
from shared.outbox import Outgoing, outbox
from shared.owners import Owners
from shared.queries import Queries
from shared.rpc import Asking
from tests.support.kafka import Published
from tests.support.passing_time import pass_time

A = TypeVar("A", bound=Value)


class Bus:
    """Carries records between the gateway and services.

    records: everything that was ever published, in its order.
    """

    def __init__(self, services: Sequence[Service]) -> None:
        self.records: list[Published] = []
        self._ends: Counter[tuple[str, int]] = Counter()
        self._waiting: dict[str, asyncio.Future[Answer[Any]]] = {}
        self._relaying = asyncio.Lock()
        self._services = services
        self._consumers: dict[str, list[tuple[str, Consumer]]] = {}
        self._held: dict[tuple[str, str], list[Published]] = {}
        self._queries: dict[str, Queries] = {}
        for service in services:
            owners = Owners(service, self, self.wake_relay)
            consumer = Consumer(service, self, owners)
            queries = Queries(service, self, owners)
            for topic in service.handlers.topics("commands", "events", "state"):
                self._consumers.setdefault(topic, []).append((service.name, consumer))
            for topic in service.handlers.topics("queries"):
                self._queries[topic] = queries

    # Rpc, which the gateway asks

    async def ask(self, request: Request[A], asking: Asking) -> A:
        """The answer as a value."""
        answer = await self.relay(request, asking)
        return answer_type(request).model_validate_json(answer.body)

    async def relay(self, request: Request[A], asking: Asking) -> Answer[A]:
        """The answer's bytes and facts; by then everything that follows from it is delivered too."""
        ask_id = uuid4().hex
        answered = self._waiting[ask_id] = asyncio.get_running_loop().create_future()
        headers = write_headers(_envelope(request, asking, ask_id))
        try:
            async with asyncio.timeout(asking.deadline_s):
                asked = Outgoing(request.topic.name, request.record_key, request.to_json(), headers)
                # a service that asks does so while a relay is at work
                await _whole(self._deliver(asked) if isinstance(request, Query) else self._follow(asked))
                answer: Answer[A] = await answered
        except TimeoutError:
            raise DeadlineExceeded(request.type, is_acknowledged=True) from None
        finally:
            del self._waiting[ask_id]
        return granted(answer)

    async def hand_over(self, request: Command[Any], asking: Asking) -> None:
        """Publish it; its answer is one that nobody waits for."""
        headers = write_headers(_envelope(request, asking, ask_id=uuid4().hex))
        await self.publish(request.topic.name, request.record_key, request.to_json(), headers)

    def faults(self) -> list[str]:
        """None: it is always there."""
        return []

    # Topics

    async def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Put a record on a topic, as anybody may, and have it handled with all that follows from it."""
        await self._follow(Outgoing(topic, key, value, headers))

    async def _follow(self, outgoing: Outgoing) -> None:
        await self._deliver(outgoing)
        await self._relay_all()

    async def _deliver(self, outgoing: Outgoing) -> None:
        record = self._appended(outgoing)
        for name, consumer in self._consumers.get(record.topic, ()):
            if (record.topic, name) in self._held:
                self._held[record.topic, name].append(record)
            else:
                await consumer.handle(record)
        if queries := self._queries.get(record.topic):
            await queries.take([record])
            await queries.finish()

    def _appended(self, outgoing: Outgoing) -> Published:
        partition = (murmur2(outgoing.key) & 0x7FFFFFFF) % PARTITIONS if outgoing.key is not None else 0
        offset = self._ends[outgoing.topic, partition]
        self._ends[outgoing.topic, partition] += 1
        headers = tuple(outgoing.headers)
        record = Published(outgoing.topic, outgoing.key, outgoing.value, headers, partition, offset)
        self.records.append(record)
        return record

    async def _relay_all(self) -> None:
        """Publish what is in the outboxes until nothing is left, one relay at a time as in production."""
        async with self._relaying:
            while rows := [row for service in self._services for row in await _taken(service.engine)]:
                for row in rows:
                    await self._deliver(row)

    # Time

    async def pass_time(self, now: datetime) -> None:
        """Run whatever services do as time passes, as of `now`, with all that follows from it."""
        for service in self._services:
            await pass_time(service, now, self.wake_relay)
        await self._relay_all()

    @asynccontextmanager
    async def holding(self, topic: str, service: str) -> AsyncIterator[None]:
        """Within the block a service gets nothing of a topic; afterwards everything it missed."""
        held = self._held[topic, service] = []
        yield
        del self._held[topic, service]
        consumers = [consumer for name, consumer in self._consumers[topic] if name == service]
        for record in held:
            for consumer in consumers:
                await consumer.handle(record)
        await self._relay_all()

    # Outlets, where the runtime puts what a message leads to

    def is_asked(self, envelope: Envelope) -> bool:
        """Whether an answer is awaited on one of the replies topics."""
        return envelope.reply_to in (GATEWAY_REPLIES.name, SERVICES_REPLIES.name)

    async def answer(self, envelope: Envelope, answer: Answer[Any]) -> None:
        """Give the answer to whoever waits for it; one that nobody waits for is dropped."""
        waiting = self._waiting.get(envelope.ask_id or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def bury(self, letter: Outgoing) -> None:
        """Publish a dead letter."""
        self._appended(letter)

    def wake_relay(self) -> None:
        """Whoever published the record relays once it is handled."""


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do it to the end, also for an asker who gives up meanwhile: no service hears of that."""
    going_on = asyncio.create_task(work)
    try:
        await asyncio.shield(going_on)
    except asyncio.CancelledError:
        await going_on
        raise


async def _taken(engine: AsyncEngine) -> list[Outgoing]:
    async with engine.begin() as db:
        rows = (await db.execute(select(outbox).order_by(outbox.c.id))).all()
        await db.execute(delete(outbox).where(outbox.c.id.in_([row.id for row in rows])))
    return [
        Outgoing(
            row.topic,
            row.key,
            row.value,
            [(name, value.encode()) for name, value in json.loads(row.headers).items()],
        )
        for row in rows
    ]


def _envelope(request: Request[Any], asking: Asking, ask_id: str) -> Envelope:
    now = datetime.now(UTC)
    expires = not isinstance(request, Command) or request.expires
    return Envelope(
        id=asking.message_id or new_message_id(),
        source="/customers-api/gateway",
        type=request.type,
        subject=request.subject,
        time=timestamp(now),
        partition_key=request.partition_key,
        correlation_id=asking.request_id,
        traceparent=asking.traceparent,
        expires_at=now + timedelta(seconds=asking.deadline_s) if expires else None,
        reply_to=GATEWAY_REPLIES.name,
        reply_partition=0,
        ask_id=ask_id,
        caller=asking.caller,
    )
