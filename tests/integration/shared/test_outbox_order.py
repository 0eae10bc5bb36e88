import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consumer import Consumer
from shared.database import new_engine
from shared.handlers import Context, Handlers, Service
from shared.messaging import Answer, Command, Done, Envelope, State, write_headers
from tests.support.kafka import Published, a_topic
from tests.support.mailbox import Mailbox
from tests.support.postgres import Database

WRITERS = 16
CHANGES = 400
COUNTERS = 3


class Counted(State):
    """The state of a throw-away aggregate."""

    topic = a_topic("state")
    type = "counter.state.v1"
    key = "counter_id"

    counter_id: str


class Count(Command[Done]):
    """A throw-away command."""

    topic = a_topic("commands")
    type = "counter.count.v1"
    key = "counter_id"

    counter_id: str


handlers = Handlers("test")


@handlers.on(Count)
async def count(command: Count, context: Context) -> Answer[Done]:
    """Raise the counter's version."""
    changed = await context.db.execute(
        text("update counters set version = version + 1 where id = :id returning version"),
        {"id": command.counter_id},
    )
    context.emit(Counted(counter_id=command.counter_id, version=changed.scalar_one()))
    return Answer(b"{}")


@pytest.fixture
async def wide_engine(customers_database: Database) -> AsyncIterator[AsyncEngine]:
    owner = new_engine(customers_database.owner, pool_size=1, application_name="test")
    async with owner.begin() as db:
        await db.execute(text("create table counters (id text primary key, version int not null)"))
        await db.execute(
            text(f"insert into counters select n::text, 0 from generate_series(1, {COUNTERS}) n")
        )
    await owner.dispose()
    engine = new_engine(customers_database.runtime, pool_size=WRITERS, application_name="test")
    yield engine
    await engine.dispose()


@pytest.mark.integration
async def test_ids_of_outbox_rows_never_go_against_the_order_of_versions(wide_engine: AsyncEngine) -> None:
    consumer = Consumer(Service(handlers, wide_engine), Mailbox())
    todo = [str(number % COUNTERS + 1) for number in range(CHANGES)]

    async def writer() -> None:
        while todo:
            command = Count(counter_id=todo.pop())
            envelope = Envelope(id=uuid4().hex, source="/test", type=command.type)
            await consumer.handle(
                Published(command.topic.name, b"key", command.to_json(), write_headers(envelope))
            )

    await asyncio.gather(*(writer() for _ in range(WRITERS)))

    versions: dict[str, list[int]] = defaultdict(list)
    async with wide_engine.connect() as db:
        for (value,) in await db.execute(text("select value from outbox order by id")):
            state = json.loads(value)
            versions[state["counter_id"]].append(state["version"])
    assert sum(map(len, versions.values())) == CHANGES
    for counted in versions.values():
        assert counted == list(range(1, len(counted) + 1))
