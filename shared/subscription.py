"""A consumer group's membership as this process: polling without a barrier, and commits by time.

Two ways of reading: `CommandSubscription` runs records in keyed lanes or in batches and commits what is
finished; `QuerySubscription` hands polls to `Queries` and commits what was read.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from shared.batches import Batcher
from shared.consumer import Consumer
from shared.kafka import dead_tasks, partitions_of, positions
from shared.lanes import Lag, Lanes, Unfinished
from shared.messaging import Topic
from shared.queries import Queries
from shared.record_parsing import poll

POLL_MS = 500
POLL_RECORDS = 500
COMMIT_COMMANDS_EVERY_S = 0.05
COMMIT_QUERIES_EVERY_S = 1.0
RETRY_AFTER_S = 0.05
LANES_MAX = 100_000  # what waits for another service is in a lane, and must not be in the way of others
LOOK_AGAIN_AFTER_S = 0.1

log = structlog.get_logger()


class _Subscription(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """What both ways have in common: the poll loop, the commit loop, and when not to commit."""

    commit_every_s: float

    def __init__(self) -> None:
        self._consumer: AIOKafkaConsumer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._is_rebalancing = True
        self._committed: dict[TopicPartition, int] = {}
        self._polled_at = time.monotonic()

    def start(self, consumer: AIOKafkaConsumer) -> None:
        """Begin to read from a started consumer that has this object as its listener."""
        self._consumer = consumer
        self._tasks = [asyncio.create_task(self._poll()), asyncio.create_task(self._commit_by_time())]

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer, once started."""
        if self._consumer is None:
            raise RuntimeError("start() comes first")
        return self._consumer

    @property
    def is_assigned(self) -> bool:
        """Whether this process reads any partition now."""
        return self._consumer is not None and not self._is_rebalancing and bool(self._consumer.assignment())

    def dead_tasks(self) -> list[str]:
        """Names of the consumer's background tasks that have ended."""
        return [] if self._consumer is None or self._stopping else dead_tasks(self._consumer)

    def idle_for_s(self) -> float:
        """Seconds since the poll loop last came round."""
        if self._consumer is None or self._stopping:
            return 0.0
        return time.monotonic() - self._polled_at

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called within a rebalance, when it ends."""
        self._committed.clear()
        self._is_rebalancing = False
        log.info("partitions.assigned", count=len(list(assigned)))

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called within a rebalance, when it begins; a commit by time would now reset the generation."""
        self._is_rebalancing = True

    async def stop(self) -> None:
        """Stop reading, finish what was begun, commit it. The consumer itself is stopped by its owner."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._settle()

    async def _poll(self) -> None:
        while not self._stopping:
            self._polled_at = time.monotonic()
            try:
                polled = await poll(self.consumer, POLL_MS, POLL_RECORDS)
            except ConsumerStoppedError:
                return
            except Exception as error:  # whatever a client raises while its broker goes away: ask again
                log.warning("poll.failed", error=type(error).__name__)
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            if polled and not self._is_rebalancing:  # else they are read again by whoever gets the partition
                await self._take(polled)

    async def _commit_by_time(self) -> None:
        while not self._stopping:
            await asyncio.sleep(self.commit_every_s)
            if not self._is_rebalancing:
                await self._commit(self._done())

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        new = {
            partition: offset
            for partition, offset in offsets.items()
            if self._committed.get(partition) != offset
        }
        if not new:
            return
        try:
            await self.consumer.commit(new)
            self._committed.update(new)
        except Exception as error:  # a rebalance, or the broker is away; the next commit says the same again
            log.debug("commit.failed", error=type(error).__name__)

    async def _take(self, polled: dict[TopicPartition, list[ConsumerRecord[Any, Any]]]) -> None:
        raise NotImplementedError

    def _done(self) -> dict[TopicPartition, int]:
        raise NotImplementedError

    async def _settle(self) -> None:
        raise NotImplementedError


class CommandSubscription(_Subscription):
    """Commands, events and state records: in lanes or batches, committed after their effect."""

    commit_every_s = COMMIT_COMMANDS_EVERY_S

    def __init__(self, consumer: Consumer, max_in_flight: int) -> None:
        super().__init__()
        self._handler = consumer
        self._lanes: Lanes[ConsumerRecord[Any, Any]] = Lanes(self._handle, width=LANES_MAX)
        self._batcher: Batcher[ConsumerRecord[Any, Any]] = Batcher(self._handle_batch)
        self._unfinished: dict[TopicPartition, Unfinished] = {}
        self._max_in_flight = max_in_flight
        self._noticed_at: dict[TopicPartition, float] = {}

    async def lags(self, topics: Collection[str]) -> dict[str, Lag] | None:
        """How far this process is behind the end of each topic, in the partitions it reads.

        None during a rebalance. Raises whatever the client does where the broker does not tell.
        """
        partitions = [each for each in self.consumer.assignment() if each.topic in topics]
        ends = await self.consumer.end_offsets(partitions) if partitions else {}
        if self._is_rebalancing:
            return None
        done, now = self._done(), time.time()
        lags = dict.fromkeys(topics, Lag(0, 0.0))
        for partition in [each for each in partitions if each in done]:
            behind = max(0, ends[partition] - done[partition])
            age_s = self._age_s(partition, behind > 0, now)
            others = lags[partition.topic]
            lags[partition.topic] = Lag(others.records + behind, max(others.seconds, age_s))
        return lags

    def _age_s(self, partition: TopicPartition, is_behind: bool, now: float) -> float:
        if not is_behind:
            self._noticed_at.pop(partition, None)
            return 0.0
        noticed_at = self._noticed_at.setdefault(partition, now)
        unfinished = self._unfinished.get(partition)
        since_ms = None if unfinished is None else unfinished.since
        return max(0.0, now - (noticed_at if since_ms is None else since_ms / 1000))

    async def has_read(self, topics: Collection[Topic]) -> bool:
        """Whether the group, in any process, has handled everything that is on these topics now.

        Waits for it, however long it takes; False where the broker does not tell.
        """
        partitions = partitions_of(self.consumer, topics)
        if not {topic.name for topic in topics} <= {partition.topic for partition in partitions}:
            log.info("topics.unknown")  # just now: the broker has not told of one of them
            return False
        try:
            ends = await self.consumer.end_offsets(partitions)
            while not await self._has_reached(ends):  # noqa: ASYNC110  # nobody tells of the others
                await asyncio.sleep(LOOK_AGAIN_AFTER_S)
        except KafkaError as error:
            log.info("topics.unread", error=type(error).__name__)
            return False
        return True

    async def _has_reached(self, ends: dict[TopicPartition, int]) -> bool:
        """By what is committed, which is what other processes tell of theirs."""
        begun = [partition for partition, end in ends.items() if end]
        committed = await asyncio.gather(*(self.consumer.committed(partition) for partition in begun))
        return all((at or 0) >= ends[partition] for partition, at in zip(begun, committed, strict=True))

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let go of all partitions, while the generation is still ours."""
        await super().on_partitions_revoked(revoked)
        await self._settle()
        self._unfinished.clear()
        self._noticed_at.clear()

    async def _take(self, polled: dict[TopicPartition, list[ConsumerRecord[Any, Any]]]) -> None:
        for partition, records in polled.items():
            unfinished = self._unfinished.setdefault(partition, Unfinished())
            for record in records:
                unfinished.begin(record.offset, record.timestamp)
                self._queue(partition, record)
            if unfinished.span > self._max_in_flight:
                self.consumer.pause(partition)

    def _queue(self, partition: TopicPartition, record: ConsumerRecord[Any, Any]) -> None:
        handler = self._handler.batch_handler(record)
        if handler is not None:
            self._batcher.add(partition, handler, record)
            return
        key = record.key if record.key is not None else (partition, record.offset)
        self._lanes.add(key, partition, record)

    async def _handle(self, record: ConsumerRecord[Any, Any]) -> None:
        if await self._handler.handle(record):
            self._finish([record])

    async def _handle_batch(self, records: Sequence[ConsumerRecord[Any, Any]]) -> None:
        if await self._handler.handle_batch(records):
            self._finish(records)

    def _finish(self, records: Sequence[ConsumerRecord[Any, Any]]) -> None:
        """They have had their effect; all are of one partition."""
        partition = TopicPartition(records[0].topic, records[0].partition)
        unfinished = self._unfinished.get(partition)
        if unfinished is None:
            return
        for record in records:
            unfinished.finish(record.offset)
        if unfinished.span <= self._max_in_flight // 2 and partition in self.consumer.paused():
            self.consumer.resume(partition)

    def _done(self) -> dict[TopicPartition, int]:
        # the position, not the last record + 1: transaction markers of other producers take offsets too
        done = positions(self.consumer)
        for partition, unfinished in self._unfinished.items():
            if unfinished.lowest is not None and partition in done:
                done[partition] = unfinished.lowest
        return done

    async def _settle(self) -> None:
        """Await what runs, forget what waits, and commit what was taken and is finished.

        Not the positions: the poll loop may have moved them past records that were not taken.
        """
        with self._handler.let_go():
            await asyncio.gather(
                self._lanes.settle(set(self._unfinished)), self._batcher.settle(set(self._unfinished))
            )
        await self._commit({partition: unfinished.done for partition, unfinished in self._unfinished.items()})


class QuerySubscription(_Subscription):
    """Queries: in micro-batches, committed as read; one that is lost is asked again."""

    commit_every_s = COMMIT_QUERIES_EVERY_S

    def __init__(self, queries: Queries) -> None:
        super().__init__()
        self._queries = queries

    async def _take(self, polled: dict[TopicPartition, list[ConsumerRecord[Any, Any]]]) -> None:
        await self._queries.take(record for records in polled.values() for record in records)

    def _done(self) -> dict[TopicPartition, int]:
        return positions(self.consumer)

    async def _settle(self) -> None:
        await self._queries.settle()
