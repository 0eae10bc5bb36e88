"""What services say, by the command that led to it.

Every event carries the conversation it belongs to; that of a command without one is the command's own id.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.credit.topics import EVENTS as CREDIT_EVENTS
from shared.contracts.credit.topics import ReceivableCommandRejected
from shared.contracts.customers.topics import EVENTS as CUSTOMERS_EVENTS
from shared.contracts.customers.topics import CustomerCommandRejected
from shared.contracts.orders.events import OrderRejected
from shared.contracts.orders.topics import EVENTS as ORDERS_EVENTS
from shared.contracts.orders.topics import OrderCommandRejected
from shared.kafka import CONSUMER_SETTINGS, PARTITIONS, stop_quickly
from shared.messaging import Event, Poison, read_headers
from shared.record_parsing import poll

REFUSALS: tuple[type[Event], ...] = (
    *(OrderRejected, OrderCommandRejected),
    *(CustomerCommandRejected, ReceivableCommandRejected),
)
FOLLOWED = [
    TopicPartition(topic.name, number)
    for topic in (CUSTOMERS_EVENTS, ORDERS_EVENTS, CREDIT_EVENTS)
    for number in range(PARTITIONS)
]
POLL_MS = 500


class NotDone(Exception):
    """A command was refused; the reason, for people."""


class Hearing:
    """What was said so far, by conversation."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, str]] = {}
        self._waiting: dict[str, asyncio.Event] = {}

    def take(self, headers: list[tuple[str, bytes]], value: bytes | None) -> None:
        """Hear one event; what is none is let pass."""
        try:
            envelope = read_headers(headers)
        except Poison:
            return
        said = self._said.setdefault(envelope.conversation, {})
        is_refusal = any(envelope.type == refusal.type for refusal in REFUSALS)
        said[envelope.type] = _reason(value) if is_refusal else ""
        if waiting := self._waiting.get(envelope.conversation):
            waiting.set()

    def has_heard(self, conversation: str, event: type[Event]) -> bool:
        """Whether an event was said in a conversation."""
        return event.type in self._said.get(conversation, {})

    async def hears(self, conversation: str, event: type[Event]) -> None:
        """Wait until it is said.

        Raises:
            NotDone: a refusal was said instead.
        """
        heard = self._waiting.setdefault(conversation, asyncio.Event())
        try:
            while not self.has_heard(conversation, event):
                said = self._said.get(conversation, {})
                if reasons := [said[refusal.type] for refusal in REFUSALS if refusal.type in said]:
                    raise NotDone(reasons[0])
                heard.clear()
                await heard.wait()
        finally:
            del self._waiting[conversation]


@asynccontextmanager
async def hearing(servers: str, from_the_beginning: bool) -> AsyncIterator[Hearing]:
    """Follows the events of all services; within the block everything said so far is known already.

    from_the_beginning: of the topics; otherwise only what is said from now on.
    """
    told = Hearing()
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=None, enable_auto_commit=False, **CONSUMER_SETTINGS
    )
    consumer.assign(FOLLOWED)
    await consumer.start()
    try:
        seek = consumer.seek_to_beginning if from_the_beginning else consumer.seek_to_end
        await seek(*FOLLOWED)
        ends = await consumer.end_offsets(FOLLOWED)
        while any([await consumer.position(each) < end for each, end in ends.items()]):
            await _hear(consumer, told)
        going_on = asyncio.create_task(_go_on_hearing(consumer, told))
        try:
            yield told
        finally:
            going_on.cancel()
            await asyncio.gather(going_on, return_exceptions=True)
    finally:
        await stop_quickly(consumer)


async def _go_on_hearing(consumer: Any, told: Hearing) -> None:
    while True:
        await _hear(consumer, told)


async def _hear(consumer: Any, told: Hearing) -> None:
    for records in (await poll(consumer, POLL_MS)).values():
        for record in records:
            told.take(record.headers, record.value)


def _reason(value: bytes | None) -> str:
    said = json.loads(value or b"{}")
    return str(said.get("reason") or f"{said.get('code')}: {said.get('detail')}")
