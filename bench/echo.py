"""The floor under every request over Kafka: a bare aiokafka client and a bare aiokafka service that echoes.

No HTTP, no database, no headers but one; offsets committed by time. `python -m bench.echo service|client`.
"""

import argparse
import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from bench.load import summary

REQUESTS, REPLIES = "bench.echo.requests", "bench.echo.replies"
PARTITIONS = 12
BODY = b"x" * 100


async def make_topics(bootstrap_servers: str) -> None:
    """Make both topics, where they are not there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    with suppress(TopicAlreadyExistsError):
        await admin.create_topics([NewTopic(REQUESTS, PARTITIONS, 1), NewTopic(REPLIES, 1, 1)])
    await admin.close()


async def serve(bootstrap_servers: str) -> None:
    """Echo every request, for ever."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks=1, linger_ms=0)
    consumer = AIOKafkaConsumer(
        REQUESTS,
        bootstrap_servers=bootstrap_servers,
        group_id="bench-echo",
        auto_offset_reset="latest",
        auto_commit_interval_ms=1000,
    )
    await asyncio.gather(producer.start(), consumer.start())
    while True:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                await producer.send(REPLIES, record.value, key=record.key, partition=0)


async def ask(bootstrap_servers: str, callers: int, seconds: float) -> dict[str, float]:
    """Ask for `seconds` with `callers` at once, after the service has been heard."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks=1, linger_ms=0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="latest")
    replies = TopicPartition(REPLIES, 0)
    consumer.assign([replies])
    await asyncio.gather(producer.start(), consumer.start())
    await consumer.seek_to_end(replies)
    waiting: dict[bytes, asyncio.Future[None]] = {}
    reading = asyncio.create_task(_read(consumer, waiting))

    async def once(key: bytes, within_s: float) -> None:
        waiting[key] = asyncio.get_running_loop().create_future()
        await producer.send(REQUESTS, BODY, key=key)
        async with asyncio.timeout(within_s):
            await waiting[key]

    while True:
        with suppress(TimeoutError):
            await once(b"first", within_s=0.5)
            break
    latencies: list[float] = []
    began_at = time.perf_counter()

    async def caller(number: int) -> None:
        count = 0
        while (asked_at := time.perf_counter()) < began_at + seconds:
            await once(b"%d-%d" % (number, count), within_s=10)
            latencies.append(time.perf_counter() - asked_at)
            count += 1

    await asyncio.gather(*(caller(number) for number in range(callers)))
    took_s = time.perf_counter() - began_at
    reading.cancel()
    await asyncio.gather(producer.stop(), consumer.stop())
    return summary(latencies, took_s, failed=0)


async def _read(consumer: AIOKafkaConsumer, waiting: dict[bytes, Any]) -> None:
    while True:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                answered = waiting.pop(record.key, None)
                if answered is not None and not answered.done():
                    answered.set_result(None)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("part", choices=["service", "client"])
    arguments.add_argument("bootstrap_servers")
    arguments.add_argument("--callers", type=int, default=64)
    arguments.add_argument("--seconds", type=float, default=8)
    given = arguments.parse_args()
    if given.part == "service":
        uvloop.run(serve(given.bootstrap_servers))
    print(json.dumps(uvloop.run(ask(given.bootstrap_servers, given.callers, given.seconds))))  # noqa: T201
