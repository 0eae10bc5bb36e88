import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from shared.handlers import Context, Handlers, Reading
from shared.kafka import PARTITIONS, REPLY_PARTITIONS, create_topics
from shared.messaging import Answer, Command, Done, Query, Request
from shared.rpc import Asking, KafkaRpc
from tests.support.hostile import publish_unreadable_headers
from tests.support.kafka import a_topic
from tests.support.postgres import Database
from tests.support.service import running

pytestmark = [pytest.mark.integration, pytest.mark.kafka]

SERVICE = f"test-{uuid4().hex[:8]}"
REPLIES = a_topic("replies")
ASKED = Asking(request_id="r-1", caller="tester", deadline_s=8.0)


class Touch(Command[Done]):
    """Do nothing, and say that it is done."""

    topic = a_topic("commands", groups=[SERVICE])
    type = "thing.touch.v1"
    key = "thing_id"

    thing_id: str


class Look(Query[Done]):
    """Say that it is there."""

    topic = a_topic("queries", groups=[f"{SERVICE}-queries"])
    type = "thing.look.v1"
    key = "thing_id"

    thing_id: str


handlers = Handlers(SERVICE)


@handlers.on(Touch)
async def touch(command: Touch, context: Context) -> Answer[Done]:
    """Touch it."""
    return Answer(b"{}")


@handlers.on(Look)
async def look(query: Look, context: Reading) -> Answer[Done]:
    """Look at it."""
    return Answer(b"{}")


@pytest.fixture
async def rpc(kafka: str, customers_database: Database) -> AsyncIterator[KafkaRpc]:
    """Who asks the service, which runs beside."""
    await create_topics(kafka, [Touch.topic, Look.topic, REPLIES])
    rpc = KafkaRpc(kafka, "/test", REPLIES)
    async with running(handlers, kafka, customers_database, allowed_reply_topics=REPLIES.name):
        await rpc.start()
        yield rpc
        await rpc.stop()


@pytest.mark.parametrize("request_", [Touch(thing_id="a"), Look(thing_id="a")], ids=["commands", "queries"])
async def test_requests_after_an_unreadable_one_are_answered(
    kafka: str, rpc: KafkaRpc, request_: Request[Done]
) -> None:
    await publish_unreadable_headers(kafka, request_.topic.name, range(PARTITIONS))

    assert await rpc.ask(request_, ASKED) == Done()


async def test_answers_after_an_unreadable_one_arrive(kafka: str, rpc: KafkaRpc) -> None:
    await publish_unreadable_headers(kafka, REPLIES.name, range(REPLY_PARTITIONS))

    answers = await asyncio.gather(*(rpc.ask(Look(thing_id=str(number)), ASKED) for number in range(5)))

    assert answers == [Done()] * 5
