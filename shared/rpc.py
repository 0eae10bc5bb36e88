"""Asking a service over Kafka and waiting for its answer.

Each asking process reads one partition of its replies topic, without a group: a group would lose answers at
every rebalance. Two processes on one partition are harmless, an answer nobody waits for is dropped.
"""

import asyncio
import os
import random
import time
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog
import uuid_utils
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from shared.errors import DeadlineExceeded, Unavailable, granted
from shared.ids import new_message_id
from shared.kafka import (
    CONSUMER_SETTINGS,
    PARTITIONS,
    REPLY_PARTITIONS,
    REQUEST_TIMEOUT_MS,
    dead_tasks,
    new_producer,
    stop_quickly,
)
from shared.messaging import (
    Answer,
    Command,
    Envelope,
    Request,
    Topic,
    Value,
    answer_type,
    timestamp,
    write_headers,
)
from shared.record_parsing import poll
from shared.watchdog import EXIT_STALLED

WAITING_MAX = 10_000
ANSWERED_MAX = 1_000  # whose deadlines may still be remembered
ASK_AGAIN_AFTER_S = 0.3  # a query whose partition has nobody just now is asked of the next one, once
TICK_S = 0.02
ECHO_EVERY_S = 1.0
ECHO_WITHIN_S = 1.0
ECHO_AGAIN_AFTER_S = 0.1
LATE_AT_MOST_S = 0.2  # a process that itself got no turn for so long knows nothing of the bus
POLL_MS = 1_000
OUR_HEADERS = frozenset({"ask_id", "content-type", "ce_correlationid"})

log = structlog.get_logger()

A = TypeVar("A", bound=Value)


class Asking(NamedTuple):
    """How a request is asked: as part of what, for whom, for how long.

    Attributes:
        request_id: The conversation it belongs to; travels as `ce_correlationid`.
        caller: Who asks, as authenticated.
        deadline_s: How long the answer is waited for; the service drops the request afterwards, unless it is
            a command that does not expire.
        traceparent: W3C trace context, None where there is none.
        message_id: The envelope's id; None makes a new one, so that a repeat is another message.
    """

    request_id: str
    caller: str
    deadline_s: float
    traceparent: str | None = None
    message_id: str | None = None


class Rpc(Protocol):
    """Request and reply; all methods fail in the same ways.

    Raises:
        Refused: the service said no; not where a request is only handed over.
        Unavailable: nothing was handed to the broker.
        DeadlineExceeded: handed over, but no answer in time; the outcome is unknown.
    """

    async def ask(self, request: Request[A], asking: Asking) -> A:
        """The answer as a value."""
        ...

    async def relay(self, request: Request[A], asking: Asking) -> Answer[A]:
        """The answer's bytes and facts, unparsed."""
        ...

    async def hand_over(self, request: Command[Any], asking: Asking) -> None:
        """Return once the broker has taken the command for good; nobody reads the answer."""
        ...

    def faults(self) -> list[str]:
        """Why nothing can be asked now; empty when ready."""
        ...


@dataclass(slots=True)
class _Waiting:
    answered: "asyncio.Future[Answer[Any]]"
    request: Request[Any]
    headers: list[tuple[str, bytes]]
    sent: "asyncio.Future[Any] | None" = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the broker has said that it has the request."""
        sent = self.sent
        return sent is not None and sent.done() and not sent.cancelled() and sent.exception() is None


class KafkaRpc:
    """`Rpc` over Kafka; also watches the bus by an echo of its own each second, through broker and back.

    Any answer that arrives meanwhile shows as much as the echo.

    Args:
        bootstrap_servers: host:port, several separated by commas.
        source: Who asks, as `ce_source`.
        replies: The topic on which this kind of process is answered.
    """

    def __init__(self, bootstrap_servers: str, source: str, replies: Topic) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._source = source
        self._replies = TopicPartition(replies.name, random.randrange(REPLY_PARTITIONS))  # noqa: S311  # a choice, no secret
        self._waiting: dict[str, _Waiting] = {}
        self._due: list[tuple[float, str, bool]] = []  # when, which, whether it is only to be asked again
        self._turn = count(random.randrange(PARTITIONS))  # noqa: S311  # of requests without a key
        self._tasks: list[asyncio.Task[None]] = []
        self._echo = asyncio.Event()
        self._echo_mark = uuid_utils.uuid4().hex  # one for all: a late echo shows too that the bus carries
        self._is_up = False
        self._stopping = False

    async def start(self) -> None:
        """Connect, read the end of the reply partition, and wait until an echo has come through."""
        self._queries = new_producer(self._bootstrap_servers, acks=1)
        self._commands = new_producer(self._bootstrap_servers, acks="all")
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            **CONSUMER_SETTINGS,
        )
        self._consumer.assign([self._replies])
        await asyncio.gather(self._queries.start(), self._commands.start(), self._consumer.start())
        await self._consumer.seek_to_end(self._replies)
        await self._consumer.position(self._replies)
        self._tasks = [asyncio.create_task(loop()) for loop in (self._read, self._tick, self._watch)]
        for task in self._tasks:
            task.add_done_callback(_end_process_where_it_failed)
        await self._echo.wait()
        self._is_up = True

    async def stop(self) -> None:
        """Refuse new requests, let those that wait be answered or run into their deadline, disconnect."""
        self._stopping = True
        if waiting := [each.answered for each in self._waiting.values()]:
            await asyncio.wait(waiting)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*map(stop_quickly, (self._queries, self._commands, self._consumer)))

    def faults(self) -> list[str]:
        """Why nothing can be asked now; empty when ready."""
        if self._stopping:
            return ["shutting down"]
        return [] if self._is_up else ["kafka does not answer"]

    async def ask(self, request: Request[A], asking: Asking) -> A:
        """The answer as a value."""
        answer = await self.relay(request, asking)
        return answer_type(request).model_validate_json(answer.body)

    async def relay(self, request: Request[A], asking: Asking) -> Answer[A]:
        """The answer's bytes and facts, unparsed."""
        ask_id, waiting = self._admitted(request, asking)
        try:
            await self._send_within(asking.deadline_s, waiting)
            answer = await waiting.answered
        finally:
            del self._waiting[ask_id]
        return granted(answer)

    async def hand_over(self, request: Command[Any], asking: Asking) -> None:
        """Return once the broker has taken the command for good.

        It still says where it is answered, so that a refusal is an answer that nobody reads.
        """
        ask_id, waiting = self._admitted(request, asking)
        try:
            sent = await self._send_within(asking.deadline_s, waiting)
            await asyncio.wait({sent, waiting.answered}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.is_acknowledged:
                await waiting.answered  # which is as good as an acknowledgement, and knows the deadline
        finally:
            del self._waiting[ask_id]

    def _admitted(self, request: Request[Any], asking: Asking) -> tuple[str, _Waiting]:
        if self._stopping:
            raise Unavailable("shutting_down")
        if not self._is_up or len(self._waiting) >= WAITING_MAX:
            raise Unavailable("bus_unavailable")
        ask_id = uuid_utils.uuid4().hex
        headers = write_headers(self._envelope(request, asking, ask_id))
        waiting = _Waiting(asyncio.get_running_loop().create_future(), request, headers)
        self._waiting[ask_id] = waiting
        # what waits on a commands topic has its turn there, and a second one would only come behind it
        self._remember(ask_id, asking.deadline_s, is_asked_again=request.topic.kind == "queries")
        return ask_id, waiting

    def _envelope(self, request: Request[Any], asking: Asking, ask_id: str) -> Envelope:
        now = datetime.now(UTC)
        expires = not isinstance(request, Command) or request.expires
        return Envelope(
            id=asking.message_id or new_message_id(),
            source=self._source,
            type=request.type,
            subject=request.subject,
            time=timestamp(now),
            partition_key=request.partition_key,
            correlation_id=asking.request_id,
            traceparent=asking.traceparent,
            expires_at=now + timedelta(seconds=asking.deadline_s) if expires else None,
            reply_to=self._replies.topic,
            reply_partition=self._replies.partition,
            ask_id=ask_id,
            caller=asking.caller,
        )

    def _remember(self, ask_id: str, deadline_s: float, is_asked_again: bool) -> None:
        now = time.monotonic()
        heappush(self._due, (now + deadline_s, ask_id, False))
        if is_asked_again and deadline_s > ASK_AGAIN_AFTER_S:
            heappush(self._due, (now + ASK_AGAIN_AFTER_S, ask_id, True))

    async def _send_within(self, deadline_s: float, waiting: _Waiting) -> "asyncio.Future[Any]":
        try:
            async with _within(deadline_s):
                return await self._send(waiting)
        except (TimeoutError, KafkaError):  # from the first byte on, nobody knows what came of it
            raise DeadlineExceeded(waiting.request.type) from None

    async def _send(self, waiting: _Waiting, hops: int = 0) -> "asyncio.Future[Any]":
        request = waiting.request
        key = request.record_key
        place = next(self._turn) if key is None else murmur2(key) & 0x7FFFFFFF
        partition = (place + hops) % PARTITIONS
        is_command = request.topic.kind == "commands"
        producer: AIOKafkaProducer = self._commands if is_command else self._queries
        sent: asyncio.Future[Any] = await producer.send(
            request.topic.name, request.to_json(), key=key, partition=partition, headers=waiting.headers
        )
        sent.add_done_callback(_ignore_failure)  # the deadline tells whoever waits
        waiting.sent = sent
        return sent

    async def _tick(self) -> None:
        """The one timer of all deadlines."""
        while True:
            await asyncio.sleep(TICK_S)
            await self._ask_again(self._fallen_due(time.monotonic()))
            if len(self._due) > 2 * len(self._waiting) + ANSWERED_MAX:
                self._due = [each for each in self._due if each[1] in self._waiting]
                heapify(self._due)

    def _fallen_due(self, now: float) -> list[_Waiting]:
        """Those to be asked again; whoever's deadline has passed is told so."""
        to_ask_again = []
        while self._due and self._due[0][0] <= now:
            _, ask_id, is_again = heappop(self._due)
            waiting = self._waiting.get(ask_id)
            if waiting is None or waiting.answered.done():
                continue
            if is_again:
                to_ask_again.append(waiting)
            else:
                silence = DeadlineExceeded(waiting.request.type, waiting.is_acknowledged)
                waiting.answered.set_exception(silence)
        return to_ask_again

    async def _ask_again(self, unanswered: list[_Waiting]) -> None:
        """All of them together within one tick: where the broker stands still, deadlines must not wait."""
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(TICK_S):
                for waiting in unanswered:
                    await self._send(waiting, hops=1)

    async def _read(self) -> None:
        while True:
            try:
                polled = await poll(self._consumer, POLL_MS)
            except Exception as error:  # whatever a client raises while its broker goes away: ask again
                log.warning("poll.failed", error=type(error).__name__)
                await asyncio.sleep(ECHO_AGAIN_AFTER_S)
                continue
            for records in polled.values():
                for record in records:
                    self._take(record)

    def _take(self, record: ConsumerRecord[Any, Any]) -> None:
        self._echo.set()
        try:
            headers = {name: value.decode() for name, value in record.headers}
        except (UnicodeDecodeError, AttributeError):
            log.warning("answer.unreadable", offset=record.offset)
            return
        ask_id = headers.get("ask_id", "")
        if ask_id == self._echo_mark:
            return
        waiting = self._waiting.get(ask_id)
        if waiting is None or waiting.answered.done() or record.value is None:
            log.debug("answer.dropped", offset=record.offset)
            return
        facts = {name: value for name, value in headers.items() if name not in OUR_HEADERS}
        waiting.answered.set_result(Answer(record.value, facts))

    async def _watch(self) -> None:
        """Know whether the bus carries anything: send an echo to our own partition and see it come back."""
        while True:
            given_up_at = time.monotonic() + ECHO_WITHIN_S
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(ECHO_WITHIN_S):
                    await self._send_echo()
                    await self._echo.wait()
            if self._echo.is_set() or time.monotonic() < given_up_at + LATE_AT_MOST_S:
                self._is_up = self._echo.is_set()
            if dead := [
                name for each in (self._queries, self._commands, self._consumer) for name in dead_tasks(each)
            ]:
                log.critical("process.stalled", reasons=[f"{name} has ended" for name in dead])
                os._exit(EXIT_STALLED)
            await asyncio.sleep(ECHO_EVERY_S if self._is_up else ECHO_AGAIN_AFTER_S)
            self._echo.clear()

    async def _send_echo(self) -> None:
        acknowledged = await self._commands.send(
            self._replies.topic,
            b"",
            partition=self._replies.partition,
            headers=[("ask_id", self._echo_mark.encode())],
        )
        acknowledged.add_done_callback(_ignore_failure)


def _within(deadline_s: float) -> AbstractAsyncContextManager[Any]:
    """A time limit for handing a request over; a producer itself gives up after its request time-out."""
    return asyncio.timeout(deadline_s) if deadline_s < REQUEST_TIMEOUT_MS / 1000 else nullcontext()


def _end_process_where_it_failed(loop: "asyncio.Task[None]") -> None:
    if not loop.cancelled() and loop.exception() is not None:
        log.critical("process.stalled", reasons=["a loop has failed"], exc_info=loop.exception())
        os._exit(EXIT_STALLED)


def _ignore_failure(sent: "asyncio.Future[Any]") -> None:
    if not sent.cancelled():
        sent.exception()
