"""How fast order events come into what is kept of them: `python -m bench.projections --events=1000000`.

Starts a system of its own in a temporary folder and publishes the events: half are confirmed and started
orders, for the facts credit scores by, half order totals, for the figures of customers. They are read twice:
a sample by a consumer that commits per event (the same handlers, one transaction and one commit of the offset
for each, one after the other); then, from empty tables, all of them by the service itself, as a process.
Prints events a second of both and their ratio, and checks that every order and customer is there.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ops.local import LocalStack
from ops.settings import Settings
from services.credit.handlers import handlers as credit
from services.credit.policy import CreditPolicy
from services.customers.handlers import handlers as customers
from shared.consequences import Cause, outgoing
from shared.consumer import Consumer
from shared.contracts.orders.events import OrderConfirmed, OrderProcessingStarted, OrderTotals
from shared.database import new_engine
from shared.handlers import Handlers, Service
from shared.kafka import PARTITIONS, new_producer
from shared.messaging import Answer, Envelope, Event, State, Topic
from shared.outbox import Outgoing
from shared.telemetry import configure_logging

EVENTS_OF_AN_ORDER = 2
EVENTS_OF_A_CUSTOMER = 50
PUBLISHED_AT_ONCE = 2_000
LOOK_EVERY_S = 0.1
BEGAN_AT = datetime(2024, 1, 1, tzinfo=UTC)

console = Console(width=160)


@dataclass(frozen=True)
class Projection:
    """Something that is kept of events.

    Attributes:
        topic: Where they are.
        table: Where it is kept, one row for each order or customer.
        events_of_a_row: How many events tell of one of them.
    """

    handlers: Handlers
    topic: Topic
    table: str
    events_of_a_row: int
    policy: Any = None


PROJECTIONS = (
    Projection(credit, OrderConfirmed.topic, "order_facts", EVENTS_OF_AN_ORDER, CreditPolicy()),
    Projection(customers, OrderTotals.topic, "figures", EVENTS_OF_A_CUSTOMER),
)


class Nowhere:
    """`Outlets` of a consumer whose messages lead to nothing."""

    def is_asked(self, envelope: Envelope) -> bool:
        """Nobody asks."""
        return False

    async def answer(self, envelope: Envelope, answer: Answer[Any]) -> None:
        """Nobody asked."""

    async def bury(self, letter: Outgoing) -> None:
        """An event that cannot be handled is a fault of this program."""
        raise RuntimeError(f"a dead letter: {dict(letter.headers)}")

    def wake_relay(self) -> None:
        """Nothing is published."""


async def main(events: int, sample: int) -> None:
    """Run it all and print."""
    configure_logging("bench", "warning")
    with tempfile.TemporaryDirectory() as folder, _progress() as progress:
        settings = Settings(0, 0, 0, Path(folder) / "state", trains_startup_cache=False)
        async with LocalStack(settings) as stack:
            for name in ("gateway-0", "customers-0", "orders-0", "credit-0"):
                stack.hold(name)
                await stack.terminate(name)
            half = events // 2
            await _publish(stack.kafka_bootstrap_servers, half, progress)
            results = [
                await _measured(stack, each, half, min(sample, half), progress) for each in PROJECTIONS
            ]
    for result in results:
        console.print(result)


async def _measured(
    stack: LocalStack, projection: Projection, events: int, sample: int, progress: Progress
) -> str:
    name = projection.handlers.service
    # on the loop that services run on, which cannot start processes as another user
    each_s = await asyncio.to_thread(uvloop.run, _one_by_one(stack, projection, sample, progress))
    engine = _engine(stack, name)
    async with engine.begin() as db:
        await db.execute(text(f"truncate {projection.table}"))
    batches_s = await _by_the_service(stack, projection, events, progress)
    async with engine.connect() as db:
        kept = (await db.execute(text(f"select count(*) from {projection.table}"))).scalar_one()  # noqa: S608
    await engine.dispose()
    expected = -(-events // projection.events_of_a_row)
    if kept != expected:
        raise SystemExit(f"{name} keeps {kept} rows of {projection.table}, not {expected}")
    in_batches, one_by_one = events / batches_s, sample / each_s
    return (
        f"{name}, {projection.table}: {events} events, {in_batches:.0f} a second; committed one by one"
        f" (a sample of {sample}) {one_by_one:.0f} a second; ratio {in_batches / one_by_one:.1f}"
    )


# Events


async def _publish(bootstrap_servers: str, half: int, progress: Progress) -> None:
    producer = new_producer(bootstrap_servers, acks=1)
    await producer.start()
    cause = Cause("orders", datetime.now(UTC), correlation_id="bench")
    parts: list[Iterator[Event | State]] = [_orders(), _totals(half)]
    all_of_them = itertools.chain.from_iterable(itertools.islice(part, half) for part in parts)
    task = progress.add_task("publish", total=2 * half)
    while some := list(itertools.islice(all_of_them, PUBLISHED_AT_ONCE)):
        records = [outgoing(message, cause) for message in some]
        sent = [
            await producer.send(each.topic, each.value, key=each.key, headers=list(each.headers))
            for each in records
        ]
        await asyncio.gather(*sent)
        progress.advance(task, len(some))
    await producer.stop()


def _orders() -> Iterator[Event | State]:
    for number in itertools.count():
        order: dict[str, Any] = {
            "customer_id": f"cust_{number % 20_000:06}",
            "order_id": f"so_{number:08}",
            "external_ref": f"ERP-{number:08}",
            "source": "/erp",
            "order_number": f"ORD-2024-{number:08}",
            "order_date": BEGAN_AT + timedelta(minutes=number),
            "currency": "USD",
            "total_amount": Decimal(number % 100_000) / 100,
            "payment_terms": "net_30",
        }
        yield OrderConfirmed(version=2, status="confirmed", previous_status="pending", **order)
        yield OrderProcessingStarted(version=3, status="processing", previous_status="confirmed", **order)


def _totals(events: int) -> Iterator[Event | State]:
    """Each customer's again and again, as orders come in turn."""
    having = -(-events // EVENTS_OF_A_CUSTOMER)
    for number in itertools.count():
        orders = number // having + 1
        yield OrderTotals(
            customer_id=f"cust_{number % having:06}",
            version=orders,
            lifetime_value=Decimal(orders * 12_550) / 100,
            total_orders=orders,
            last_order_date=BEGAN_AT + timedelta(days=orders),
        )


# Readers


async def _one_by_one(stack: LocalStack, projection: Projection, sample: int, progress: Progress) -> float:
    """Seconds that a consumer takes which commits per event."""
    engine = _engine(stack, projection.handlers.service)
    reader = AIOKafkaConsumer(
        projection.topic.name,
        bootstrap_servers=stack.kafka_bootstrap_servers,
        group_id=f"bench-{projection.handlers.service}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    consumer = Consumer(Service(projection.handlers, engine, projection.policy), Nowhere())
    await reader.start()
    task = progress.add_task(f"{projection.handlers.service}, one by one", total=sample)
    try:
        began_at = 0.0
        for number in range(sample + 1):
            record = await reader.getone()
            began_at = began_at or time.perf_counter()  # the first one waits for the group
            if number == sample:
                break
            await consumer.handle(record)
            await reader.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
            progress.advance(task)
        return time.perf_counter() - began_at
    finally:
        await reader.stop()
        await engine.dispose()


async def _by_the_service(
    stack: LocalStack, projection: Projection, events: int, progress: Progress
) -> float:
    """Seconds that the service takes for all, by its commits from the first one that is seen."""
    name = projection.handlers.service
    task = progress.add_task(f"{name}, in batches", total=events)
    stack.resume(f"{name}-0")
    async with _admin(stack.kafka_bootstrap_servers) as admin:
        first, began_at, done = 0, 0.0, 0
        while done < events:
            await asyncio.sleep(LOOK_EVERY_S)
            done = await _committed(admin, name, projection.topic)
            if done and not first:
                first, began_at = done, time.perf_counter()
            progress.update(task, completed=done)
        took_s = time.perf_counter() - began_at
    stack.hold(f"{name}-0")
    await stack.terminate(f"{name}-0")
    return took_s * events / max(1, events - first)


def _engine(stack: LocalStack, service: str) -> AsyncEngine:
    return new_engine(stack.database_owner_url(service), pool_size=4, application_name="bench")


async def _committed(admin: AIOKafkaAdminClient, group: str, topic: Topic) -> int:
    partitions = [TopicPartition(topic.name, number) for number in range(PARTITIONS)]
    found = await admin.list_consumer_group_offsets(group, partitions=partitions)
    return sum(max(0, at.offset) for at in found.values())


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--sample", type=int, default=10_000)
    given = arguments.parse_args()
    asyncio.run(main(given.events, given.sample))
