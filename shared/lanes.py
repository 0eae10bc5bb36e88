"""Keyed lanes: one key's records in their order, different keys at the same time; what is unfinished where.

Knows nothing of Kafka: an item is whatever the owner puts in, a partition whatever can be hashed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


class Unfinished:
    """The records of one partition that were begun and are not finished, lowest offset first."""

    def __init__(self) -> None:
        self._offsets: dict[int, int] = {}  # insertion order is offset order: a partition is read forwards
        self._next = 0

    def begin(self, offset: int, timestamp: int = 0) -> None:
        """A record was read; timestamp: when it was written, milliseconds since 1970."""
        self._offsets[offset] = timestamp
        self._next = offset + 1

    def finish(self, offset: int) -> None:
        """A record has had its effect, or never will."""
        self._offsets.pop(offset, None)

    @property
    def lowest(self) -> int | None:
        """The lowest offset that is not finished, None when all are."""
        return next(iter(self._offsets), None)

    @property
    def since(self) -> int | None:
        """The timestamp of the record at that offset."""
        return next(iter(self._offsets.values()), None)

    @property
    def done(self) -> int:
        """Everything below this offset is finished."""
        return self._next if self.lowest is None else self.lowest

    @property
    def span(self) -> int:
        """How many offsets lie between the lowest unfinished record and the newest one read, both counted."""
        lowest = self.lowest
        return 0 if lowest is None else self._next - lowest


@dataclass(frozen=True, slots=True)
class Lag:
    """How much of a topic is not finished.

    Attributes:
        records: How many offsets lie before the end.
        seconds: Since the oldest of them was written, or where none was read yet since it was noticed; 0
            where there is none.
    """

    records: int
    seconds: float


@dataclass(slots=True)
class _Lane(Generic[T]):
    items: deque[tuple[Hashable, T]] = field(default_factory=deque)
    is_running: bool = False


class Lanes(Generic[T]):
    """Hands items to `work`: one at a time for each key, at most `width` at once over all keys.

    `work` must not raise; what cannot be handled is its own business.
    """

    def __init__(self, work: Callable[[T], Awaitable[None]], width: int) -> None:
        self._work = work
        self._width = width
        self._lanes: dict[Hashable, _Lane[T]] = {}
        self._ready: deque[Hashable] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._at_work = 0  # not the number of tasks: one that has ended stays a moment longer in the set
        self._running: dict[Hashable, int] = {}
        self._changed = asyncio.Condition()

    def add(self, key: Hashable, partition: Hashable, item: T) -> None:
        """Queue an item behind those of its key."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            self._ready.append(key)
        lane.items.append((partition, item))
        if self._at_work < self._width and self._ready:
            self._at_work += 1
            worker = asyncio.create_task(self._run())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def settle(self, partitions: Collection[Hashable]) -> None:
        """Forget what waits from these partitions and await what runs: from now on they are not ours."""
        for key in list(self._lanes):
            lane = self._lanes[key]
            lane.items = deque(waiting for waiting in lane.items if waiting[0] not in partitions)
            if not lane.items and not lane.is_running:
                del self._lanes[key]
        async with self._changed:
            await self._changed.wait_for(
                lambda: not any(self._running.get(partition) for partition in partitions)
            )

    async def finish(self) -> None:
        """Await everything that was added."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def _run(self) -> None:
        while self._ready:
            key = self._ready.popleft()
            lane = self._lanes.get(key)
            if lane is None or lane.is_running or not lane.items:  # settled since, or another worker has it
                continue
            await self._advance(key, lane)
        self._at_work -= 1

    async def _advance(self, key: Hashable, lane: _Lane[T]) -> None:
        partition, item = lane.items.popleft()
        lane.is_running = True
        self._running[partition] = self._running.get(partition, 0) + 1
        try:
            await self._work(item)
        finally:
            lane.is_running = False
            self._running[partition] -= 1
            if lane.items:
                self._ready.append(key)
            else:
                self._lanes.pop(key, None)
            async with self._changed:
                self._changed.notify_all()
