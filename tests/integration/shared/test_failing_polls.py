from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import UnsupportedCodecError

from shared.kafka import CONSUMER_SETTINGS, create_topics
from shared.record_parsing import poll
from tests.support.eventually import eventually
from tests.support.kafka import a_topic, publish

pytestmark = [pytest.mark.integration, pytest.mark.kafka]


class OnceUnable(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Has read records, and then meets one it cannot unpack, as aiokafka does in one and the same call."""

    lost: int = 0

    async def getmany(self, *partitions: Any, **limits: Any) -> Any:
        polled = await super().getmany(*partitions, **limits)
        if polled and not self.lost:
            self.lost = sum(map(len, polled.values()))
            raise UnsupportedCodecError("zstd")
        return polled


async def test_what_a_failing_poll_had_read_is_read_again(kafka: str) -> None:
    topic = a_topic("events")
    await create_topics(kafka, [topic])
    for number in range(20):
        await publish(kafka, topic.name, f"key-{number}".encode(), b"{}", [])
    consumer = OnceUnable(
        topic.name,
        bootstrap_servers=kafka,
        group_id=topic.name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **CONSUMER_SETTINGS,
    )
    found: list[bytes] = []

    async def read() -> int:
        try:
            polled = await poll(consumer, timeout_ms=200)
        except UnsupportedCodecError:
            return 0
        found.extend(record.key for records in polled.values() for record in records)
        return len(found)

    async with consumer:
        await eventually(read, lambda count: count >= 20)
        assert consumer.lost
    assert sorted(found) == sorted(f"key-{number}".encode() for number in range(20))
