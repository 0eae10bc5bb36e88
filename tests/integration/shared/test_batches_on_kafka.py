import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ops.ports import free_port
from shared.database import reading
from shared.handlers import Batch, Context, Handlers
from shared.kafka import create_topics, dead_letter_topic
from shared.messaging import Event, Message
from tests.support.builders import a_record
from tests.support.eventually import eventually
from tests.support.kafka import a_topic, publisher, records_of
from tests.support.postgres import Database
from tests.support.service import running

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

SERVICE = f"test-{uuid4().hex[:8]}"


class Measured(Event):
    """A meter was read; taken in batches."""

    topic = a_topic("events", groups=[SERVICE])
    type = "meter.measured.v1"
    key = "meter_id"

    meter_id: str
    number: int


class Replaced(Event):
    """A meter was replaced; handled by itself."""

    topic = Measured.topic
    type = "meter.replaced.v1"
    key = "meter_id"

    meter_id: str


handlers = Handlers(SERVICE)

INSERT = text(
    "insert into readings (meter, number) "
    "select * from unnest(cast(:meters as text[]), cast(:numbers as int[])) on conflict do nothing"
)


@handlers.on_batch(Measured)
async def remember(measured: Sequence[Measured], batch: Batch) -> None:
    """Write down which came."""
    given = {"meters": [each.meter_id for each in measured], "numbers": [each.number for each in measured]}
    await batch.db.execute(INSERT, given)


@handlers.on(Replaced)
async def replace(replaced: Replaced, context: Context) -> None:
    """Write that down."""
    insert = text("insert into readings (meter, number) values (:meter, -1) on conflict do nothing")
    await context.db.execute(insert, {"meter": replaced.meter_id})


@pytest.fixture(autouse=True)
async def readings(kafka: str, owner_engine: AsyncEngine) -> None:
    await create_topics(kafka, [Measured.topic])
    async with owner_engine.begin() as db:
        await db.execute(text("create table readings (meter text, number int, primary key (meter, number))"))


def member(
    kafka: str, database: Database, replica: str = "0", metrics_port: int = 0
) -> AbstractAsyncContextManager[None]:
    settings = {"replica": replica, "metrics_port": metrics_port, "kafka_session_timeout_ms": 3000}
    return running(handlers, kafka, database, **settings)


async def publish(kafka: str, *messages: Message, spoilt: int = 0) -> None:
    async with publisher(kafka) as producer:
        for message in messages:
            record = a_record(message)
            await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
        for _ in range(spoilt):
            await producer.send(record.topic, b"{", key=record.key, headers=list(record.headers))


async def numbers_of(engine: AsyncEngine, meter: str) -> list[int]:
    async with reading(engine).connect() as db:
        found = await db.scalars(
            text("select number from readings where meter = :meter order by number"), {"meter": meter}
        )
        return list(found)


async def test_batches_records_by_themselves_and_poison_share_a_topic_and_all_come_to_their_end(
    kafka: str, customers_database: Database, engine: AsyncEngine
) -> None:
    meter = uuid4().hex
    measured = [Measured(meter_id=meter, number=number) for number in range(1_200)]
    await publish(kafka, *measured, Replaced(meter_id=meter), spoilt=1)

    async with member(kafka, customers_database):
        await eventually(lambda: numbers_of(engine, meter), lambda found: len(found) == 1_201, within_s=60)
        letters = await eventually(lambda: records_of(kafka, dead_letter_topic(Measured.topic.name, SERVICE)))

    assert await numbers_of(engine, meter) == list(range(-1, 1_200))
    assert [letter.value for letter in letters if letter.key == meter.encode()] == [b"{"]


async def test_members_that_come_and_go_leave_nothing_out(
    kafka: str, customers_database: Database, engine: AsyncEngine
) -> None:
    meters = [uuid4().hex for _ in range(12)]
    rounds = 6

    async def publish_round(number: int) -> None:
        numbers = range(number * 50, number * 50 + 50)
        await publish(kafka, *(Measured(meter_id=each, number=at) for at in numbers for each in meters))

    async with member(kafka, customers_database, "a"):
        await publish_round(0)
        for number in range(1, rounds):
            async with member(kafka, customers_database, "b"):
                await publish_round(number)
        for meter in meters:
            found = await eventually(
                lambda meter=meter: numbers_of(engine, meter),
                lambda found: len(found) == rounds * 50,
                within_s=60,
            )
            assert found == list(range(rounds * 50))


async def test_the_lag_of_what_is_followed_is_shown_while_it_lasts_and_is_none_afterwards(
    kafka: str, customers_database: Database, engine: AsyncEngine
) -> None:
    port = free_port()
    async with member(kafka, customers_database, metrics_port=port):
        await eventually(lambda: lag(port), lambda shown: shown == (0, 0))

        async with engine.begin() as db:
            await hold(db)
            await publish(kafka, *(Measured(meter_id=uuid4().hex, number=0) for _ in range(100)))
            shown = await eventually(lambda: lag(port), lambda shown: shown is not None and shown[0] == 100)
            assert shown is not None
            assert shown[1] > 0

        assert await eventually(lambda: lag(port), lambda shown: shown == (0, 0))
    with pytest.raises(httpx.ConnectError):
        await lag(port)


async def hold(db: AsyncConnection) -> None:
    """Nothing can be written until the transaction ends."""
    await db.execute(text("lock table readings in share mode"))


async def lag(port: int) -> tuple[float, float] | None:
    """Records and seconds as a scrape shows them; None before anything is known."""
    async with httpx.AsyncClient() as http:
        page = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    labels = re.escape(f'{{service="{SERVICE}",topic="{Measured.topic.name}"}} ')
    shown = [
        re.search(f"^customers_api_lag_{each}{labels}(.*)$", page, re.M) for each in ("records", "seconds")
    ]
    records, seconds = (None if found is None else float(found[1]) for found in shown)
    return None if records is None or seconds is None else (records, seconds)
