import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.handlers import Context, Handlers, Tick
from shared.kafka import create_topics
from shared.messaging import SERVICES_REPLIES, Envelope, Event, write_headers
from tests.support.eventually import eventually
from tests.support.kafka import a_topic, publish
from tests.support.postgres import Database
from tests.support.service import running

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

SERVICE = f"test-{uuid4().hex[:8]}"


class Said(Event):
    """Something was said."""

    topic = a_topic("events", groups=[SERVICE])
    type = "thing.said.v1"
    key = "thing_id"

    thing_id: str


async def test_what_runs_as_time_passes_knows_everything_that_was_there_when_it_began(
    kafka: str, customers_database: Database
) -> None:
    handlers = Handlers(SERVICE)
    heard, go_on = asyncio.Event(), asyncio.Event()
    known = 0
    runs: list[tuple[datetime, int]] = []

    @handlers.on(Said)
    async def hear(said: Said, context: Context) -> None:
        nonlocal known
        heard.set()
        await go_on.wait()
        known += 1

    @handlers.every(0.02, having_read=[Said.topic])
    async def look(tick: Tick) -> bool:
        runs.append((tick.now, known))
        return False

    await create_topics(kafka, [Said.topic, SERVICES_REPLIES])
    async with running(handlers, kafka, customers_database, replica="0", kafka_session_timeout_ms=3000):
        await eventually(lambda: runs)
        for number in range(3):
            said = Said(thing_id=f"thing-{number}")
            headers = write_headers(Envelope(id=uuid4().hex, source="/elsewhere", type=said.type))
            await publish(kafka, Said.topic.name, said.record_key, said.to_json(), headers)
        published_at = datetime.now(UTC)
        await heard.wait()
        go_on.set()
        later = await eventually(lambda: [known for now, known in runs if now > published_at])

    assert set(later) == {3}
