"""Kafka as we use it: clients with our settings, the fenced producer, topics, signs of life of a client.

aiokafka 0.14 is pinned: this module and `shared.record_parsing` alone touch what is private in it
(docs/decisions/0008-fenced-relay.md).
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code

from shared.messaging import Topic

PARTITIONS = 12  # frozen for each major version of a topic: another number would reorder keys
REPLY_PARTITIONS = 32
REQUEST_MAX_BYTES = 1_048_576
REPLY_MAX_BYTES = 8 * REQUEST_MAX_BYTES  # a page of a hundred long customers is more than one request
DEAD_LETTER_EXTRA_BYTES = 65_536  # room for the reason beside a record of the greatest size
REQUEST_TIMEOUT_MS = 5_000
RETRY_BACKOFF_MS = 50
HEARTBEAT_INTERVAL_MS = 300
REBALANCE_TIMEOUT_MS = 60_000
COPIES_MAX = 3  # of each partition; fewer where there are fewer brokers
DEAD_LETTER_DAYS = 30
PERSONAL_DEAD_LETTER_DAYS = 7
STOP_WITHIN_S = 2.0
DAY_MS = 86_400_000

CONSUMER_SETTINGS: dict[str, Any] = {
    "request_timeout_ms": REQUEST_TIMEOUT_MS,
    "retry_backoff_ms": RETRY_BACKOFF_MS,
    "metadata_max_age_ms": 30_000,
}
"""With the default fetch: it returns with the first byte, or empty after half a second."""


def _send(connection: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    try:
        return _original_send(connection, request, expect_response)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(
            f"Connection at {connection.host}:{connection.port} broken: {error}"
        ) from error


# Under uvloop a write to a socket that has just closed raises RuntimeError, which aiokafka takes for a bug:
# its metadata task dies and every wait of that client lasts for ever. It is a lost connection.
_original_send = AIOKafkaConnection.send
AIOKafkaConnection.send = _send


def new_producer(bootstrap_servers: str, acks: int | str) -> AIOKafkaProducer:
    """A producer that sends at once and batches under load; not idempotent, so it never waits for ever."""
    return AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks=acks, **_producer_settings())


def new_fenced_producer(bootstrap_servers: str, transactional_id: str) -> AIOKafkaProducer:
    """A producer whose start, by `start_fenced`, locks out every earlier one of the same id."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        transactional_id=transactional_id,
        acks="all",
        **_producer_settings(),
    )


async def start_fenced(producer: AIOKafkaProducer) -> None:
    """Raise the epoch of the producer's id at the broker, then send ordinary idempotent batches under it.

    A send of an earlier producer fails with `ProducerFenced` once this has sent to the same partition.
    """
    await producer.start()
    await producer._txn_manager.wait_for_pid()
    producer._txn_manager.transactional_id = None


async def stop_quickly(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop a client, giving up after two seconds: one whose tasks have died would wait for ever."""
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await client.stop()
    except Exception:  # noqa: S110  # whatever it was, the client is dropped
        pass


def _producer_settings() -> dict[str, Any]:
    return {
        "linger_ms": 0,
        "max_batch_size": 131_072,
        "max_request_size": REPLY_MAX_BYTES,  # each topic has a limit of its own
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "retry_backoff_ms": RETRY_BACKOFF_MS,
        "metadata_max_age_ms": 30_000,
    }


def dead_tasks(client: AIOKafkaProducer | AIOKafkaConsumer) -> list[str]:
    """Names of the client's background tasks that have ended; any of them never comes back by itself."""
    if isinstance(client, AIOKafkaProducer):
        tasks = {"metadata": client.client._sync_task, "sender": client._sender.sender_task}
    else:
        tasks = {
            "metadata": client._client._sync_task,
            "fetcher": getattr(client._fetcher, "_fetch_task", None),
            "coordinator": getattr(client._coordinator, "_coordination_task", None),
        }
    return [name for name, task in tasks.items() if task is not None and task.done()]


def positions(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Where the consumer reads next in each of its partitions; one just assigned has no position yet."""
    assignment = consumer._subscription.subscription.assignment
    if assignment is None:
        return {}
    states = {partition: assignment.state_value(partition) for partition in assignment.tps}
    return {partition: state.position for partition, state in states.items() if state.has_valid_position}


def partitions_of(consumer: AIOKafkaConsumer, topics: Iterable[Topic]) -> list[TopicPartition]:
    """Every partition of topics the consumer is subscribed to."""
    return [
        TopicPartition(topic.name, number)
        for topic in topics
        for number in sorted(consumer.partitions_for_topic(topic.name) or ())
    ]


# Topics


async def create_topics(bootstrap_servers: str, topics: Iterable[Topic]) -> list[str]:
    """Make the topics and, for each of their consumer groups, a dead-letter topic; those that exist stay.

    Returns:
        Names of the topics that were made.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    await admin.start()
    try:
        copies = min(COPIES_MAX, len((await admin.describe_cluster())["brokers"]))
        wanted = [new for topic in topics for new in (new_topic(topic, copies), *new_letters(topic, copies))]
        response = await admin.create_topics(wanted)
    finally:
        await admin.close()
    made = []
    for name, code, *_ in response.topic_errors:
        if code == 0:
            made.append(name)
        elif for_code(code) is not TopicAlreadyExistsError:
            raise for_code(code)(name)
    return made


def dead_letter_topic(topic: str, group: str) -> str:
    """Where `group` puts the records of `topic` that it cannot handle."""
    return f"{topic}.{group}.dlq"


def new_topic(topic: Topic, copies: int = COPIES_MAX) -> NewTopic:
    """How the topic is made: partitions, copies of each, settings."""
    largest = REPLY_MAX_BYTES if topic.kind == "replies" else REQUEST_MAX_BYTES
    # Unpacked by the broker: its limit is then that of what is in a record, and readers need no codec.
    settings = {"max.message.bytes": str(largest), "compression.type": "uncompressed"}
    if topic.is_compacted:
        settings |= {
            "cleanup.policy": "compact",
            "min.compaction.lag.ms": str(3_600_000),
            "max.compaction.lag.ms": str(2 * DAY_MS),  # an erased person must leave the log
            "delete.retention.ms": str(
                7 * DAY_MS
            ),  # a reader that was down over a weekend still meets the tombstone
            "segment.ms": str(DAY_MS),
        }
    else:
        settings |= {
            "cleanup.policy": "delete",
            "retention.ms": str(int(topic.retention.total_seconds() * 1000)),
        }
    partitions = REPLY_PARTITIONS if topic.kind == "replies" else PARTITIONS
    return NewTopic(topic.name, num_partitions=partitions, replication_factor=copies, topic_configs=settings)


def new_letters(topic: Topic, copies: int = COPIES_MAX) -> list[NewTopic]:
    """How the dead-letter topics of the topic's consumer groups are made."""
    days = PERSONAL_DEAD_LETTER_DAYS if topic.personal else DEAD_LETTER_DAYS
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": str(days * DAY_MS),
        "max.message.bytes": str(REQUEST_MAX_BYTES + DEAD_LETTER_EXTRA_BYTES),
        "compression.type": "uncompressed",
    }
    return [
        NewTopic(
            dead_letter_topic(topic.name, group),
            num_partitions=1,
            replication_factor=copies,
            topic_configs=settings,
        )
        for group in topic.groups
    ]
