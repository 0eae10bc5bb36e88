"""A state topic, read from its beginning to its end and on, by a consumer of no group."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from ops.states import States
from shared.kafka import CONSUMER_SETTINGS, PARTITIONS, stop_quickly
from shared.record_parsing import poll

POLL_MS = 200


class StateLog:
    """What a topic says: `states`, as far as it was read."""

    def __init__(self, consumer: Any, partitions: list[TopicPartition], states: States) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self.states = states

    async def read_on(self) -> None:
        """Read to the end that the topic has now."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(self._partitions)
        for partition, end in ends.items():
            while await self._consumer.position(partition) < end:
                await self._read()

    async def _read(self) -> None:
        for records in (await poll(self._consumer, POLL_MS)).values():
            for record in records:
                self.states.take(record.key, record.value, record.headers)


@asynccontextmanager
async def state_log(bootstrap_servers: str, states: States) -> AsyncIterator[StateLog]:
    """The topic of a state, of which nothing was read yet.

    Raises:
        KafkaError: the broker does not answer.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **CONSUMER_SETTINGS,
    )
    partitions = [TopicPartition(states.state.topic.name, number) for number in range(PARTITIONS)]
    try:
        await consumer.start()
        consumer.assign(partitions)
        yield StateLog(consumer, partitions, states)
    finally:
        await stop_quickly(consumer)
