import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka.errors import ProducerFenced
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import reading
from shared.kafka import create_topics, new_fenced_producer, start_fenced, stop_quickly
from shared.messaging import Topic
from shared.outbox import BATCH, Outgoing, Relay, put
from tests.support.eventually import eventually
from tests.support.kafka import a_topic, records_of

pytestmark = [pytest.mark.integration, pytest.mark.kafka]


@pytest.fixture
async def topic(kafka: str) -> Topic:
    topic = a_topic("state")
    await create_topics(kafka, [topic])
    return topic


@pytest.fixture
def transactional_id() -> str:
    return f"test-{uuid4().hex}"


async def store(engine: AsyncEngine, topic: Topic, *versions: int, key: bytes = b"one") -> None:
    async with engine.begin() as db:
        await put(db, [Outgoing(topic.name, key, b"%d" % version, [("n", b"1")]) for version in versions])


async def waiting(engine: AsyncEngine) -> int:
    async with reading(engine).connect() as db:
        return int((await db.execute(text("select count(*) from outbox"))).scalar_one())


async def versions_on(kafka: str, topic: Topic, key: bytes = b"one") -> list[int]:
    return [int(record.value or b"0") for record in await records_of(kafka, topic.name) if record.key == key]


@asynccontextmanager
async def running(engine: AsyncEngine, kafka: str, transactional_id: str) -> AsyncIterator[Relay]:
    relay = Relay(engine, kafka, transactional_id)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        relay.stop()
        await task


async def test_rows_are_published_in_the_order_of_their_ids_and_deleted(
    engine: AsyncEngine, kafka: str, topic: Topic, transactional_id: str
) -> None:
    many = range(1, 2 * BATCH + 50)
    await store(engine, topic, *many)
    async with running(engine, kafka, transactional_id):
        await eventually(lambda: waiting(engine), lambda count: count == 0)
    assert await versions_on(kafka, topic) == list(many)


async def test_key_value_and_headers_arrive_as_they_were_put_and_a_null_value_is_a_tombstone(
    engine: AsyncEngine, kafka: str, topic: Topic, transactional_id: str
) -> None:
    async with engine.begin() as db:
        headers = [("ce_id", "ü-1".encode()), ("ce_type", b"thing.state.v1")]
        await put(db, [Outgoing(topic.name, b"k", '{"a":"é"}'.encode(), headers)])
        await put(db, [Outgoing(topic.name, b"k", None, headers)])
    async with running(engine, kafka, transactional_id):
        await eventually(lambda: waiting(engine), lambda count: count == 0)
    whole, tombstone = await records_of(kafka, topic.name)
    assert (whole.key, whole.value, list(whole.headers)) == (b"k", '{"a":"é"}'.encode(), headers)
    assert tombstone.value is None


async def test_a_holder_that_was_stopped_between_reading_and_sending_cannot_publish_after_its_successor(
    engine: AsyncEngine, kafka: str, topic: Topic, transactional_id: str
) -> None:
    await store(engine, topic, 7)
    stopped = new_fenced_producer(kafka, transactional_id)
    await start_fenced(stopped)
    await (await stopped.send(topic.name, b"6", key=b"one"))  # it has been at work on this partition
    async with reading(engine).connect() as db:
        read_before_the_stop = (await db.execute(text("select key, value from outbox"))).one()

    async with running(engine, kafka, transactional_id):
        await store(engine, topic, 8)
        await eventually(lambda: waiting(engine), lambda count: count == 0)

    with pytest.raises(ProducerFenced):
        await (await stopped.send(topic.name, read_before_the_stop.value, key=read_before_the_stop.key))
    await stop_quickly(stopped)
    assert await versions_on(kafka, topic) == [6, 7, 8]


async def test_of_two_relays_one_is_at_work_and_the_other_takes_over(
    engine: AsyncEngine, kafka: str, topic: Topic, transactional_id: str
) -> None:
    async with running(engine, kafka, transactional_id) as second_choice:
        await eventually(lambda: second_choice.is_holder)
        async with running(engine, kafka, transactional_id) as first_choice:
            await store(engine, topic, 1)
            await eventually(lambda: waiting(engine), lambda count: count == 0)
            assert (second_choice.is_holder, first_choice.is_holder) == (True, False)
            second_choice.stop()
            await eventually(lambda: first_choice.is_holder)
            await store(engine, topic, 2)
            await eventually(lambda: waiting(engine), lambda count: count == 0)
    assert await versions_on(kafka, topic) == [1, 2]


async def test_a_relay_whose_connection_is_cut_begins_again(
    engine: AsyncEngine, kafka: str, topic: Topic, transactional_id: str
) -> None:
    async with running(engine, kafka, transactional_id) as relay:
        await eventually(lambda: relay.is_holder)
        async with reading(engine).connect() as db:
            ours = "database = (select oid from pg_database where datname = current_database())"
            held = f"select pid from pg_locks where locktype = 'advisory' and granted and {ours}"
            await db.execute(text(f"select pg_terminate_backend(pid) from ({held}) held"))
        await store(engine, topic, 1)
        await eventually(lambda: waiting(engine), lambda count: count == 0)
    assert set(await versions_on(kafka, topic)) == {1}


async def test_rows_of_a_transaction_that_is_undone_are_never_published(
    engine: AsyncEngine, kafka: str, topic: Topic, transactional_id: str
) -> None:
    async with engine.connect() as db:
        await put(db, [Outgoing(topic.name, b"one", b"1", [])])
        await db.rollback()
    await store(engine, topic, 2)
    async with running(engine, kafka, transactional_id):
        await eventually(lambda: waiting(engine), lambda count: count == 0)
    assert await versions_on(kafka, topic) == [2]
