"""Kafka as other teams' systems use it: plain records and headers, nothing of our runtime's clients.

`a_topic` declares topics for throw-away contracts; names differ for each call, so tests never meet.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.messaging import Headers, Rejection, Topic, TopicKind

POLL_MS = 200
REQUEST_MAX_BYTES = 1_200_000


@dataclass(slots=True)
class Published:
    """A record as it lies on its topic; `headers` in their order."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int = 0
    offset: int = 0

    @property
    def header(self) -> dict[str, str]:
        """The headers as text, by name; one that occurs twice fails."""
        assert len(dict(self.headers)) == len(self.headers), self.headers
        return {name: value.decode() for name, value in self.headers}

    @property
    def json(self) -> Any:
        """The parsed value."""
        return json.loads(self.value or b"null")


def a_topic(kind: TopicKind, groups: Sequence[str] = (), rejection: type[Rejection] | None = None) -> Topic:
    """A topic under a name of its own, declared and not yet made (`shared.kafka.create_topics` makes it)."""
    return Topic(
        name=f"test.{uuid4().hex}.{kind}.v1",
        kind=kind,
        key=None,
        groups=tuple(groups),
        retention=timedelta(hours=1),
        rejection=rejection,
    )


async def records_of(bootstrap_servers: str, topic: str) -> list[Published]:
    """All records that are on the topic now; those of one partition in their order."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        ends: dict[Any, int] = await consumer.end_offsets(list(consumer.assignment()))
        found: list[Published] = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            polled = await consumer.getmany(timeout_ms=POLL_MS)
            found += [_published(record) for records in polled.values() for record in records]
    finally:
        await consumer.stop()
    return found


@asynccontextmanager
async def publisher(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer with everybody's defaults: keys are partitioned by murmur2, as Java's clients do."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", max_request_size=REQUEST_MAX_BYTES
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(
    bootstrap_servers: str,
    topic: str,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    partition: int | None = None,
) -> None:
    """Publish one record as another team's system would, and await the broker's word for it.

    partition: None chooses it by the key.
    """
    async with publisher(bootstrap_servers) as producer:
        await producer.send_and_wait(topic, value, key=key, partition=partition, headers=list(headers))


# aiokafka has no types
def _published(record: Any) -> Published:
    return Published(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
