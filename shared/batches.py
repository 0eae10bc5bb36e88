"""Events and states in batches: many of one partition in one transaction, for what only copies or adds up.

`Batches` gives a batch to its handler and finds the record in it that cannot be handled; `Batcher` makes
batches of what has come. Both know no broker. Why: docs/decisions/0017-projections-in-batches.md.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import structlog

from shared.dead_letters import Record
from shared.handlers import Batch, Registered, Service
from shared.messaging import Event, Message, State, read_headers
from shared.received import decode, is_expired
from shared.retries import Failure, persevere
from shared.waits import Waits

BATCH_MAX = 500
DECODED_AT_ONCE = 50  # then others have a turn: half a thousand bodies take as long as ten queries may

T = TypeVar("T")

Told = tuple[Record, Message]

log = structlog.get_logger()


class Batches:
    """Gives records to the handlers of batches.

    transactions: shared with whatever else runs transactions on this database. give_up: makes a dead letter
    of a record.
    """

    def __init__(
        self,
        service: Service,
        transactions: asyncio.Semaphore,
        waits: Waits,
        give_up: Callable[[Record, Failure], Awaitable[None]],
    ) -> None:
        self._service = service
        self._transactions = transactions
        self._waits = waits
        self._give_up = give_up
        self._registered: dict[tuple[str, bytes], Registered] = {
            (each.message.topic.name, each.message.type.encode()): each
            for each in service.handlers.by_type.values()
            if each.is_batch and issubclass(each.message, Event | State)
        }
        self._topics = {topic for topic, _ in self._registered}

    def registered(self, record: Record) -> Registered | None:
        """What handles the record among others; None where it is handled by itself."""
        if record.topic not in self._topics or record.value is None:
            return None
        return self._registered.get((record.topic, dict(record.headers).get("ce_type", b"")))

    async def apply(self, records: Sequence[Record]) -> None:
        """Handle records of one handler, in their order, to their end: their effect or their dead letters.

        Where a batch fails, its halves are tried, down to the record that fails alone.

        Raises:
            LetGo: it waited for the database and was let go; what was done may be done again.
        """
        started = time.perf_counter()
        if told := await self._read(records):
            await self._apply(told)
            log.info(
                "batch.handled",
                types=sorted({message.type for _, message in told}),
                records=len(told),
                took_ms=round((time.perf_counter() - started) * 1000, 1),
            )

    async def _read(self, records: Sequence[Record]) -> list[Told]:
        told = []
        now = datetime.now(UTC)
        for number, record in enumerate(records, 1):
            try:
                if (message := self._message(record, now)) is not None:
                    told.append((record, message))
            except Exception as error:  # whatever it is, what comes behind must not have to wait for ever
                await self._give_up(record, Failure(error, 1, now))
            if number % DECODED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return told

    def _message(self, record: Record, now: datetime) -> Message | None:
        envelope = read_headers(record.headers)
        if is_expired(envelope, now):
            log.info("message.expired", type=envelope.type, id=envelope.id)
            return None
        return decode(self._service.handlers.by_type[envelope.type], record)

    async def _apply(self, told: Sequence[Told]) -> None:
        failure = await persevere(lambda: self._try(told), self._waits)
        if failure is None:
            return
        if len(told) == 1:
            await self._give_up(told[0][0], failure)
            return
        middle = len(told) // 2
        log.warning("batch.halved", records=len(told), error=type(failure.error).__name__)
        await self._apply(told[:middle])
        await self._apply(told[middle:])

    async def _try(self, told: Sequence[Told]) -> None:
        service = self._service
        handler = service.handlers.by_type[told[0][1].type].handler
        async with self._transactions, service.engine.begin() as db:
            batch: Batch[Any] = Batch(db, datetime.now(UTC), service.name, service.policy)
            await handler([message for _, message in told], batch)


class Batcher(Generic[T]):
    """Makes batches: while one of a partition is at work, what comes from it forms the next.

    The busier, the larger the batches, up to `BATCH_MAX`. `work` must not raise. A batch is of one kind.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: dict[Hashable, deque[tuple[Hashable, T]]] = {}
        self._workers: dict[Hashable, asyncio.Task[None]] = {}

    def add(self, partition: Hashable, kind: Hashable, item: T) -> None:
        """Queue an item behind those of its partition."""
        waiting = self._waiting.setdefault(partition, deque())
        waiting.append((kind, item))
        if partition not in self._workers:
            self._workers[partition] = asyncio.create_task(self._run(partition, waiting))

    async def settle(self, partitions: Collection[Hashable]) -> None:
        """Forget what waits from these partitions and await what runs: from now on they are not ours."""
        for partition in partitions:
            self._waiting.get(partition, deque()).clear()
        if running := [worker for each, worker in self._workers.items() if each in partitions]:
            await asyncio.wait(running)

    async def _run(self, partition: Hashable, waiting: deque[tuple[Hashable, T]]) -> None:
        while waiting:
            await self._work(_next(waiting))
        del self._workers[partition]


def _next(waiting: deque[tuple[Hashable, T]]) -> list[T]:
    kind = waiting[0][0]
    batch: list[T] = []
    while waiting and len(batch) < BATCH_MAX and waiting[0][0] == kind:
        batch.append(waiting.popleft()[1])
    return batch
