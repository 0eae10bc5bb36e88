import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.application import KafkaOutlets
from shared.kafka import create_topics
from shared.messaging import Topic
from shared.outbox import Outgoing, Relay
from shared.settings import ServiceSettings
from tests.support.kafka import a_topic, records_of

pytestmark = [pytest.mark.integration, pytest.mark.kafka]


@pytest.fixture
async def outlets(kafka: str, engine: AsyncEngine) -> AsyncIterator[KafkaOutlets]:
    settings = ServiceSettings(kafka_bootstrap_servers=kafka, database_url=SecretStr("postgresql://not.used"))
    outlets = KafkaOutlets(settings, Relay(engine, kafka, transactional_id="never-runs"))
    await asyncio.gather(outlets.answers.start(), outlets.letters.start())
    yield outlets
    await asyncio.gather(outlets.answers.stop(), outlets.letters.stop())


@pytest.fixture
async def topic(kafka: str) -> Topic:
    topic = a_topic("commands", groups=["test"])
    await create_topics(kafka, [topic])
    return topic


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        pytest.param(b"key", b"value", [("ce_id", b"1")], id="whole"),
        pytest.param(b"key", None, [("ce_id", b"1")], id="no value"),
        pytest.param(None, b"value", [], id="no key, no headers"),
        pytest.param(None, None, [("ce_id", b"1")], id="neither key nor value"),
        pytest.param(b"key", b"value", [("ce_id", None)], id="a null header"),
        pytest.param(b"key", b"value", [("twice", b"1"), ("twice", b"2")], id="a header twice"),
        pytest.param(b"key", b"\xff" * 1_048_000, [("ce_id", b"\xff")], id="as large as the broker takes"),
    ],
)
async def test_whatever_a_record_is_made_of_it_can_be_set_aside(
    outlets: KafkaOutlets,
    kafka: str,
    topic: Topic,
    key: bytes,
    value: bytes,
    headers: list[tuple[str, bytes]],
) -> None:
    letters = f"{topic.name}.test.dlq"

    await outlets.bury(Outgoing(letters, key, value, headers))

    (letter,) = await records_of(kafka, letters)
    assert (letter.key, letter.value, list(letter.headers)) == (key, value, headers)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        pytest.param(b"x" * 2_000_000, [], id="a value"),
        pytest.param(None, [("\\xff" * 300_000, b"")], id="the name of a header"),
    ],
)
async def test_of_a_record_that_is_larger_than_its_letter_may_be_the_letter_tells_where_it_stands(
    outlets: KafkaOutlets, kafka: str, topic: Topic, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    letters, why = f"{topic.name}.test.dlq", [("dlq_topic", topic.name.encode()), ("dlq_offset", b"7")]

    await outlets.bury(Outgoing(letters, b"key", value, [*headers, *why]))

    (letter,) = await records_of(kafka, letters)
    assert (letter.key, letter.value) == (None, None)
    assert list(letter.headers) == [*why, ("dlq_abridged", b"true")]


async def test_a_record_that_is_small_only_while_it_is_packed_is_not_taken(kafka: str, topic: Topic) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, compression_type="gzip", max_request_size=10_000_000
    ) as packing:
        with pytest.raises(MessageSizeTooLargeError):
            await packing.send_and_wait(topic.name, b"x" * 3_000_000, key=b"key")
