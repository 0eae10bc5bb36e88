"""Consumer groups as the broker sees them: how many members each has, and how far behind it is."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.admin import DescribeGroupsRequest_v1, DescribeGroupsRequest_v2
from aiokafka.protocol.api import Request

from shared.kafka import PARTITIONS, REQUEST_TIMEOUT_MS
from shared.messaging import Topic

STABLE = "Stable"
COORDINATED_WITHIN_S = 20.0
LOOK_EVERY_S = 0.1
NOT_YET = GroupCoordinatorNotAvailableError  # of a broker that no group has asked for anything yet


@dataclass(frozen=True)
class Group:
    """A consumer group now.

    state: as the broker calls it; `Stable` where its members have their partitions.
    lag: records it has not finished, over all its topics.
    """

    name: str
    members: int
    state: str
    lag: int


class _DescribeGroups(Request[DescribeGroupsRequest_v1 | DescribeGroupsRequest_v2]):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's own asks for version 3, whose answer it cannot read as soon as a group has members."""

    API_KEY = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: Any) -> Any:
        """The request in the version that both sides know."""
        return request_struct_class(self._groups)


async def groups(bootstrap_servers: str, topics: Collection[Topic]) -> list[Group]:
    """Every group that is declared to read one of `topics`, by name.

    Raises:
        KafkaError: the broker does not answer.
    """
    names = sorted({name for topic in topics for name in topic.groups})
    read = {name: [topic.name for topic in topics if name in topic.groups] for name in names}
    client: Any = AIOKafkaClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await asyncio.gather(client.bootstrap(), admin.start(), consumer.start())
        return [
            Group(name, *await _members(client, name), lag=await _lag(admin, consumer, name, topic_names))
            for name, topic_names in read.items()
        ]
    finally:
        await asyncio.gather(client.close(), admin.close(), consumer.stop(), return_exceptions=True)


async def has_read(bootstrap_servers: str, group: str, topic: Topic, within_s: float) -> bool:
    """Whether a group finishes within so many seconds what is on a topic now.

    Raises:
        KafkaError: the broker does not answer.
    """
    given_up_at = monotonic() + within_s
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await asyncio.gather(admin.start(), consumer.start())
        end = await consumer.end_offsets(_partitions([topic.name]))
        while sum((await _left(admin, consumer, group, end)).values()):
            if monotonic() > given_up_at:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True
    finally:
        await asyncio.gather(admin.close(), consumer.stop(), return_exceptions=True)


async def _coordinated(ask: Callable[[], Awaitable[Any]]) -> Any:
    """What a group's coordinator answers, once there is one: the first question has the broker make it."""
    answer = None
    async for attempt in stamina.retry_context(
        on=NOT_YET, timeout=COORDINATED_WITHIN_S, attempts=None, wait_max=0.5
    ):
        with attempt:
            answer = await ask()
    return answer


async def _members(client: Any, group: str) -> tuple[int, str]:
    coordinator = await _coordinated(partial(client.coordinator_lookup, CoordinationType.GROUP, group))
    response = await client.send(coordinator, _DescribeGroups([group]))
    _, _, state, _, _, members = response.groups[0]
    return len(members), state


async def _lag(admin: Any, consumer: Any, group: str, topics: list[str]) -> int:
    end = await consumer.end_offsets(_partitions(topics))
    return sum((await _left(admin, consumer, group, end)).values())


def _partitions(topics: list[str]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]


async def _left(
    admin: Any, consumer: Any, group: str, end: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """How many records of each partition it has not finished, of those before its end."""
    first, committed = await asyncio.gather(
        consumer.beginning_offsets(list(end)),
        _coordinated(partial(admin.list_consumer_group_offsets, group, partitions=list(end))),
    )
    # a partition without a commit is read from its beginning
    return {each: max(0, end[each] - max(committed[each].offset, first[each])) for each in end}
