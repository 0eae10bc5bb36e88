"""A service as a process: FastStream declares and wires it, our own loops read.

Why our own: docs/decisions/0006-own-consume-loop.md.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker

from shared import database, memory
from shared.consumer import Consumer
from shared.dead_letters import abridged
from shared.errors import Refusal
from shared.handlers import Handlers, Service
from shared.heartbeats import beat
from shared.kafka import (
    CONSUMER_SETTINGS,
    HEARTBEAT_INTERVAL_MS,
    REBALANCE_TIMEOUT_MS,
    REPLY_PARTITIONS,
    dead_tasks,
    new_producer,
    stop_quickly,
)
from shared.messaging import GATEWAY_REPLIES, SERVICES_REPLIES, Answer, Envelope
from shared.outbox import Outgoing, Relay
from shared.owners import Owners
from shared.queries import Queries
from shared.refusals import refusal_answer
from shared.rpc import KafkaRpc
from shared.settings import ServiceSettings
from shared.subscription import CommandSubscription, QuerySubscription
from shared.telemetry import configure_logging
from shared.timers import Timers
from shared.watchdog import Watchdog

OTHER_CONNECTIONS = (
    8  # beside one for each transaction: the relay's, the probe's, two of timers, four for reads
)
BURY_AGAIN_AFTER_S = 0.2
TOO_LARGE = Refusal(code="internal_error", detail="the answer is too large to be sent")

log = structlog.get_logger()

Reader = CommandSubscription | QuerySubscription


def new_application(
    handlers: Handlers, settings: ServiceSettings, policy: object = None, asks_owners: bool = False
) -> FastStream:
    """The FastStream application of a service; `shared.serve` starts it.

    policy: the service's settings that decide something; None where it has none.
    asks_owners: whether a handler asks other services.
    """
    process = _Process(handlers, settings, policy)
    if asks_owners:
        process.rpc = KafkaRpc(
            settings.kafka_bootstrap_servers, f"/customers-api/{handlers.service}", SERVICES_REPLIES
        )
    return FastStream(
        process.broker,
        logger=None,
        lifespan=process.lifespan,
        after_startup=[process.begin_reading],
        on_shutdown=[process.stop_reading],
    )


class KafkaOutlets:
    """Answers and dead letters by Kafka; the relay is woken in this process."""

    def __init__(self, settings: ServiceSettings, relay: Relay) -> None:
        self._allowed = {
            GATEWAY_REPLIES.name,
            SERVICES_REPLIES.name,
            *settings.allowed_reply_topics.split(","),
        } - {""}
        self._relay = relay
        self.answers = new_producer(settings.kafka_bootstrap_servers, acks=1)
        self.letters = new_producer(settings.kafka_bootstrap_servers, acks="all")

    def is_asked(self, envelope: Envelope) -> bool:
        """Whether an answer is awaited on a topic that may be answered to; any other is ignored."""
        if envelope.reply_to is None or envelope.reply_to in self._allowed:
            return envelope.reply_to is not None
        log.warning("reply_to.ignored", id=envelope.id)
        return False

    async def answer(self, envelope: Envelope, answer: Answer[Any]) -> None:
        """Hand the answer to the producer; what the broker does not take is asked for again."""
        partition = envelope.reply_partition
        if partition is not None and not 0 <= partition < REPLY_PARTITIONS:
            log.warning("reply_to.ignored", id=envelope.id)
            return
        headers = _answer_headers(envelope, answer)
        try:  # without a time limit of its own: the producer gives up after its request time-out
            sent = await self.answers.send(
                envelope.reply_to, answer.body, partition=partition, headers=headers
            )
            sent.add_done_callback(_lost)
        except MessageSizeTooLargeError:
            log.error("answer.too_large", id=envelope.id, type=envelope.type, size=len(answer.body))
            await self.answer(envelope, refusal_answer(TOO_LARGE))
        except (KafkaError, AssertionError) as error:  # aiokafka asserts that the partition exists
            log.warning("answer.lost", id=envelope.id, error=type(error).__name__)

    async def bury(self, letter: Outgoing) -> None:
        """Publish a dead letter, however long it takes: the record is not finished before."""
        while True:
            try:
                await self._publish_letter(letter)
                return
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                letter = abridged(letter)
            except Exception as error:  # whatever it is: without the letter the record would be lost
                log.warning("dead_letter.delayed", topic=letter.topic, error=type(error).__name__)
                await asyncio.sleep(BURY_AGAIN_AFTER_S)

    async def _publish_letter(self, letter: Outgoing) -> None:
        # as a batch: a single send asserts that there is a key or a value; a letter may lack both
        batch = self.letters.create_batch()
        if batch.append(key=letter.key, value=letter.value, timestamp=None, headers=letter.headers) is None:
            raise MessageSizeTooLargeError  # larger than a batch
        await (await self.letters.send_batch(batch, letter.topic, partition=0))

    async def broker_answers(self) -> bool:
        """Whether the broker tells its metadata; raises where it cannot be reached."""
        await self.letters.client.fetch_all_metadata()
        return True

    def wake_relay(self) -> None:
        """Have the relay look now; where it is at work in another process, it looks by itself."""
        self._relay.wake()


class _Process:
    def __init__(self, handlers: Handlers, settings: ServiceSettings, policy: object) -> None:
        name = handlers.service
        configure_logging(f"{name}-{settings.replica}", settings.log_level)
        self._settings = settings
        self.engine = database.new_engine(
            settings.database_url.get_secret_value(),
            settings.transactions + OTHER_CONNECTIONS,
            application_name=f"{name}-{settings.replica}",
        )
        self.relay = Relay(self.engine, settings.kafka_bootstrap_servers, transactional_id=f"{name}-relay")
        self.outlets: KafkaOutlets | None = None
        self.service = Service(handlers, self.engine, policy)
        self._handlers = handlers
        self.rpc: KafkaRpc | None = None
        self.broker = KafkaBroker(
            settings.kafka_bootstrap_servers, consumer_only=True, logger=None, **CONSUMER_SETTINGS
        )
        self._readers: dict[str, tuple[Any, Reader]] = {}

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Everything but the subscribers, which FastStream starts within and stops before the end."""
        self.outlets = KafkaOutlets(self._settings, self.relay)
        clients = [self.outlets.answers, self.outlets.letters, *([self.rpc] if self.rpc else [])]
        await asyncio.gather(*(client.start() for client in clients))
        commands = self._declare(self.outlets)
        relay = asyncio.create_task(self.relay.run())
        watchdog = self._watchdog(self.outlets)
        background = [asyncio.create_task(watchdog.run())]
        if commands is not None and self._handlers.timed:
            timers = Timers(self.service, commands.has_read, self.relay.wake)
            background.append(asyncio.create_task(timers.run()))
        if self._settings.health_file:
            background.append(asyncio.create_task(beat(self._settings.health_file, watchdog.faults)))
        try:
            async with self._lags_served(commands):
                yield
        finally:
            self.relay.stop()
            await relay
            for task in background:
                task.cancel()
            if self.rpc is not None:
                await self.rpc.stop()
            await asyncio.gather(*map(stop_quickly, (self.outlets.answers, self.outlets.letters)))
            await self.engine.dispose()

    def _lags_served(self, commands: CommandSubscription | None) -> AbstractAsyncContextManager[None]:
        settings = self._settings
        if commands is None or not settings.metrics_port:
            return nullcontext()
        from shared.metrics import lags_served  # here: a service that serves none starts without its library

        measure = partial(commands.lags, self._handlers.topics("events", "state"))
        return lags_served(self.service.name, settings.metrics_host, settings.metrics_port, measure)

    def _declare(self, outlets: KafkaOutlets) -> CommandSubscription | None:
        name, handlers = self.service.name, self._handlers
        owners = Owners(self.service, self.rpc, self.relay.wake) if self.rpc is not None else None
        commands = None
        if topics := list(handlers.topics("commands", "events", "state")):
            consumer = Consumer(self.service, outlets, owners, self._settings.transactions)
            commands = CommandSubscription(consumer, self._settings.max_in_flight)
            self._subscribe("commands", name, topics, commands)
        if topics := list(handlers.topics("queries")):
            queries = QuerySubscription(Queries(self.service, outlets, owners))
            self._subscribe("queries", f"{name}-queries", topics, queries)
        return commands

    def _subscribe(self, kind: str, group: str, topics: list[str], reader: Reader) -> None:
        subscriber = self.broker.subscriber(
            *topics,
            group_id=group,
            group_instance_id=f"{self._handlers.service}-{self._settings.replica}-{kind}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            listener=reader,
            session_timeout_ms=self._settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=REBALANCE_TIMEOUT_MS,
        )
        self._readers[kind] = (subscriber, reader)

    async def begin_reading(self) -> None:
        """Read from the subscribers that FastStream has started."""
        for subscriber, reader in self._readers.values():
            reader.start(subscriber.consumer)
        memory.settle()
        log.info(
            "service.started", topics=sorted(self._handlers.topics("commands", "queries", "events", "state"))
        )

    async def stop_reading(self) -> None:
        """Finish what was begun and commit it, while the subscribers still run."""
        log.info("service.draining")
        await asyncio.gather(*(reader.stop() for _, reader in self._readers.values()))

    def _watchdog(self, outlets: KafkaOutlets) -> Watchdog:
        readers = {kind: reader for kind, (_, reader) in self._readers.items()}

        def dead() -> list[str]:
            producers = [dead_tasks(outlets.answers), dead_tasks(outlets.letters)]
            return [
                name
                for names in (*producers, *(each.dead_tasks() for each in readers.values()))
                for name in names
            ]

        return Watchdog(
            idle_for_s={
                "relay": self.relay.idle_for_s,
                **{kind: each.idle_for_s for kind, each in readers.items()},
            },
            dead_tasks=dead,
            probes={"kafka": outlets.broker_answers, "database": self._database_answers},
            is_assigned=lambda: all(each.is_assigned for each in readers.values()),
        )

    async def _database_answers(self) -> bool:
        return await database.answers(self.engine, within_s=1.0)


def _answer_headers(envelope: Envelope, answer: Answer[Any]) -> list[tuple[str, bytes]]:
    headers = {"content-type": "application/json", "ce_correlationid": envelope.conversation, **answer.facts}
    if envelope.ask_id is not None:
        headers["ask_id"] = envelope.ask_id
    return [(name, value.encode()) for name, value in headers.items()]


def _lost(acknowledged: "asyncio.Future[Any]") -> None:
    with suppress(asyncio.CancelledError):
        if acknowledged.exception() is not None:
            log.warning("answer.lost", error=type(acknowledged.exception()).__name__)
