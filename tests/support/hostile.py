"""A sender that breaks Kafka's own rules: header names that are not UTF-8, as some clients let through.

`python -m tests.support.hostile BOOTSTRAP TOPIC PARTITION…` puts one such record on each partition. It is a
program of its own, because only aiokafka's pure Python part can be made to do it, and that is chosen for a
whole process.
"""

import asyncio
import os
import sys

from aiokafka import AIOKafkaProducer

from tests.support.servers import PROJECT


class _NotUtf8(str):
    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff\xfe"


async def publish_unreadable_headers(bootstrap_servers: str, topic: str, partitions: range) -> None:
    """Put one record with an unreadable header name on each of the partitions."""
    sender = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.hostile", bootstrap_servers, topic, *map(str, partitions)),
        cwd=PROJECT,
        env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"},
    )
    assert await sender.wait() == 0


async def _send(bootstrap_servers: str, topic: str, partitions: list[int]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    await producer.start()
    try:
        for partition in partitions:
            await producer.send_and_wait(topic, b"{}", partition=partition, headers=[(_NotUtf8(), b"1")])
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(_send(sys.argv[1], sys.argv[2], list(map(int, sys.argv[3:]))))
