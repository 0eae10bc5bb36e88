"""Whoever answers requests on a topic in place of a service: plain records, nothing of our runtime."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.messaging import Answer
from tests.support.kafka import Published, publisher

Answering = Callable[[Published], Awaitable[Answer[Any] | None]]


@asynccontextmanager
async def responder(
    bootstrap_servers: str, topic: str, answering: Answering
) -> AsyncIterator[list[Published]]:
    """Answers whoever asks on the topic, many requests at once; gives the list of what was asked.

    answering: gives the answer to a record, None leaves it without one.
    """
    asked: list[Published] = []
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    async with publisher(bootstrap_servers) as producer, consumer, asyncio.TaskGroup() as group:

        async def read() -> None:
            async for record in consumer:
                if "ask_id" not in dict(record.headers):
                    continue
                asked.append(
                    Published(
                        topic, record.key, record.value, record.headers, record.partition, record.offset
                    )
                )
                group.create_task(_answer(producer, asked[-1], answering))

        reading = group.create_task(read())
        yield asked
        reading.cancel()


async def _answer(producer: AIOKafkaProducer, record: Published, answering: Answering) -> None:
    answer = await answering(record)
    if answer is not None:
        facts = {**answer.facts, "ask_id": record.header["ask_id"], "content-type": "application/json"}
        await producer.send_and_wait(
            record.header["reply_to"],
            answer.body,
            partition=int(record.header["reply_partition"]),
            headers=[(name, value.encode()) for name, value in facts.items()],
        )
