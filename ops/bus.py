"""The bus as verbs of the command line reach it: a producer, a way to ask, or why there is none."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from ops.ports import HOST
from ops.settings import Settings
from shared.errors import DeadlineExceeded, Refused, Unavailable
from shared.ids import new_message_id
from shared.kafka import REQUEST_TIMEOUT_MS, new_producer, stop_quickly
from shared.messaging import SERVICES_REPLIES, Answer, Request, Topic, Value
from shared.rpc import Asking, KafkaRpc, Rpc

READY_WITHIN_S = 10.0
ASK_AGAIN_AFTER_S = 0.05

A = TypeVar("A", bound=Value)


class NoBus(Exception):
    """There is no broker, or it has not our topics; one line for people that says what to do."""


class NotGranted(Exception):
    """A service said no, or could not be asked; one line for people.

    Attributes:
        exit_code: 1 for a refusal, 2 where nothing was asked.
    """

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def bootstrap_servers(settings: Settings) -> str:
    """Where the broker is: the given one, else that of the local stack."""
    return settings.kafka_bootstrap_servers or f"{HOST}:{settings.kafka_port}"


def reason(error: ValidationError) -> str:
    """What is wrong with arguments, for people; without their values."""
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems)


@asynccontextmanager
async def producer(servers: str, topic: Topic) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer that awaits the word of all copies; partitions by murmur2 of the key.

    Raises:
        NoBus: nobody there, or no such topic.
    """
    await ensure_bus(servers, topic)
    started = new_producer(servers, acks="all")
    try:
        await started.start()
        yield started
    finally:
        await stop_quickly(started)


@asynccontextmanager
async def rpc(servers: str, source: str, *topics: Topic) -> AsyncIterator[KafkaRpc]:
    """A way to ask in the name of `source`; answers come on the services' replies topic.

    Raises:
        NoBus: nobody there, or no such topic.
    """
    await ensure_bus(servers, *topics, SERVICES_REPLIES)
    started = KafkaRpc(servers, source, SERVICES_REPLIES)
    try:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await started.start()
        except (KafkaError, TimeoutError) as error:
            raise NoBus(f"Kafka at {servers} does not work: {type(error).__name__}") from None
        yield started
    finally:
        await started.stop()


async def answer(servers: str, source: str, request: Request[A], deadline_s: float) -> Answer[A]:
    """The answer to one request, unparsed.

    Raises:
        NotGranted: refused, or not asked.
        DeadlineExceeded: no answer in time; a command's outcome is then unknown.
    """
    asking = Asking(request_id=new_message_id(), caller=source, deadline_s=deadline_s)
    try:
        async with rpc(servers, source, request.topic) as asked:
            return await relay(asked, request, asking)
    except Refused as refused:
        raise NotGranted(str(refused), exit_code=1) from None
    except NoBus as error:
        raise NotGranted(str(error), exit_code=2) from None


async def relay(asked: Rpc, request: Request[A], asking: Asking) -> Answer[A]:
    """The answer to a request, however often the bus is away for a moment before it can be sent.

    Raises:
        Refused: the service said no.
        DeadlineExceeded: no answer in time; a command's outcome is then unknown.
    """
    try:
        async with asyncio.timeout(asking.deadline_s):
            return await _relay_once_it_is_there(asked, request, asking)
    except TimeoutError:
        raise DeadlineExceeded(request.type) from None


async def ensure_bus(servers: str, *topics: Topic) -> None:
    """Go on only where there is a broker, and has these topics.

    Raises:
        NoBus: nobody there, or no such topic.
    """
    # a client of its own, whose failure is known before a producer is made: one that does not start
    # complains when it is thrown away
    client: Any = AIOKafkaClient(bootstrap_servers=servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        known = (await client.fetch_all_metadata()).topics()
    except (KafkaError, OSError):
        raise NoBus(f"no Kafka answers at {servers} (is it running? make run)") from None
    finally:
        await client.close()
    if missing := [topic.name for topic in topics if topic.name not in known]:
        raise NoBus(f"Kafka at {servers} has no topic {missing[0]} (is it running? make run)")


def keep_clients_quiet() -> None:
    """Let the clients' own log events be; what becomes of a verb is said by the verb, in one line."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def _relay_once_it_is_there(asked: Rpc, request: Request[A], asking: Asking) -> Answer[A]:
    given_up_at = monotonic() + asking.deadline_s
    while True:
        left = asking._replace(deadline_s=max(0.0, given_up_at - monotonic()))
        try:
            return await asked.relay(request, left)
        except Unavailable:  # nothing was sent
            await asyncio.sleep(ASK_AGAIN_AFTER_S)
