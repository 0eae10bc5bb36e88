"""Answering queries: no claim, no transaction, no retry of a bug; those of one type in one statement.

While a batch of a type is being answered, the queries of that type that arrive wait and form the next one:
the busier the service, the larger its batches. A query whose database is away is tried until it expires; one
that another service must be asked for waits aside, delaying nobody.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from shared.consumer import Outlets, answer_failure
from shared.database import is_away, reading
from shared.dead_letters import Record, dead_letter
from shared.errors import Missing, Refusal, Refused
from shared.handlers import Reading, Registered, Service, query_key
from shared.messaging import Answer, Envelope, Message, Poison, Query, read_headers
from shared.owners import Owners
from shared.received import decode, is_expired
from shared.refusals import refusal_answer
from shared.retries import AWAY_PAUSE_S
from shared.waits import LetGo, Waits

BATCH_MAX = 200
LEARN_WITHIN_S = 30.0  # longer than anybody waits for an answer
BATCHES_AT_ONCE = 2  # of one type: one waits for the database while the next is built
SINGLES_AT_ONCE = 8
WAITING_MAX = 20_000  # beyond it the oldest are dropped: whoever asked has long given up

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Asked:
    """asked: what was asked of other services because of it."""

    record: Record
    envelope: Envelope
    query: Message
    asked: dict[str, bool] = field(default_factory=dict)


class Queries:
    """Answers the queries of one service; one slow type delays no other.

    owners: None for a service that asks no other one.
    """

    def __init__(self, service: Service, outlets: Outlets, owners: Owners | None = None) -> None:
        self._handlers = service.handlers
        self._policy = service.policy
        self._group = f"{service.name}-queries"
        self._engine = reading(service.engine)
        self._outlets = outlets
        self._owners = owners
        self._waiting: dict[str, deque[_Asked]] = defaultdict(lambda: deque(maxlen=WAITING_MAX))
        self._workers: dict[str, int] = defaultdict(int)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waits = Waits()

    async def take(self, records: Iterable[Record]) -> None:
        """Begin to answer what one poll brought; returns at once, but for dead letters."""
        for record in records:
            try:
                asked = self._read(record)
            except Poison as poison:
                log.error("message.dead", topic=record.topic, offset=record.offset, error=poison.code)
                await self._outlets.bury(dead_letter(record, self._group, poison, 1, datetime.now(UTC)))
                await answer_failure(self._outlets, record, poison)
                continue
            if asked is not None:
                self._waiting[asked.envelope.type].append(asked)
        for wire_type in list(self._waiting):
            self._set_to_work(wire_type)

    async def settle(self) -> None:
        """Await the answers that are being made; what waits for another service is dropped."""
        with self._waits.let_go():
            await self.finish()

    async def finish(self) -> None:
        """Await the answer to everything that was taken."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _read(self, record: Record) -> _Asked | None:
        envelope = read_headers(record.headers)
        registered = self._handlers.by_type.get(envelope.type)
        if registered is None or registered.message.topic.name != record.topic:
            raise Poison("unknown_type", f"{envelope.type} is no query of {record.topic}")
        query = decode(registered, record)
        if not self._outlets.is_asked(envelope):
            log.info("query.unasked", type=envelope.type)  # nowhere to answer to: nothing to do
            return None
        return _Asked(record, envelope, query)

    def _set_to_work(self, wire_type: str) -> None:
        registered = self._handlers.by_type[wire_type]
        at_once = BATCHES_AT_ONCE if registered.is_batch else SINGLES_AT_ONCE
        while self._waiting[wire_type] and self._workers[wire_type] < at_once:
            self._workers[wire_type] += 1
            self._begin(self._answer_all(wire_type, self._next(registered)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _next(self, registered: Registered) -> list[_Asked]:
        waiting = self._waiting[registered.message.type]
        size = min(len(waiting), BATCH_MAX) if registered.is_batch else 1
        return [waiting.popleft() for _ in range(size)]

    async def _answer_all(self, wire_type: str, batch: list[_Asked]) -> None:
        registered = self._handlers.by_type[wire_type]
        try:
            while batch:
                await self._answer_batch(registered, batch)
                batch = self._next(registered) if self._waiting[wire_type] else []
        finally:
            self._workers[wire_type] -= 1

    async def _answer_batch(self, registered: Registered, batch: list[_Asked]) -> None:
        while batch := self._still_wanted(batch):
            try:
                answers = await self._run(registered, batch)
            except Missing as missing:
                self._begin(self._learn(missing.query, batch))
                return
            except Exception as error:  # a query that fails must not stop the others
                if is_away(error):
                    log.warning("database.away", error=type(error).__name__)
                    await asyncio.sleep(AWAY_PAUSE_S)
                    continue
                log.error("query.failed", type=registered.message.type, exc_info=True)
                for asked in batch:
                    await answer_failure(self._outlets, asked.record)
                return
            for asked, answer in zip(batch, answers, strict=True):
                await self._outlets.answer(asked.envelope, answer)
            return

    async def _learn(self, query: Query[Any], waiting: list[_Asked]) -> None:
        """Have the owner asked, and then the queries that need it answered, unless they expire meanwhile."""
        if self._owners is None:
            raise RuntimeError(f"{self._group} has nobody to ask for {query.type}")
        try:
            async with asyncio.timeout(LEARN_WITHIN_S):
                is_there = await self._waits.wait_for(self._owners.learn(query, waiting[0].envelope))
        except (TimeoutError, LetGo):  # it is asked again by whoever still waits
            return
        except Exception:
            log.error("query.failed", type=query.type, exc_info=True)
            for asked in waiting:
                await answer_failure(self._outlets, asked.record)
            return
        for asked in waiting:
            asked.asked[query_key(query)] = is_there
            self._waiting[asked.envelope.type].append(asked)
            self._set_to_work(asked.envelope.type)

    async def _run(self, registered: Registered, batch: list[_Asked]) -> Sequence[Answer[Any]]:
        async with self._engine.connect() as db:
            context = Reading(db, datetime.now(UTC), batch[0].asked, self._policy)
            queries = [asked.query for asked in batch]
            if registered.is_batch:
                answers = await registered.handler(queries, context)
                return [
                    refusal_answer(answer) if isinstance(answer, Refusal) else answer for answer in answers
                ]
            try:
                return [await registered.handler(queries[0], context)]
            except Refused as refused:
                return [refusal_answer(refused.refusal)]

    def _still_wanted(self, batch: list[_Asked]) -> list[_Asked]:
        now = datetime.now(UTC)
        wanted = [asked for asked in batch if not is_expired(asked.envelope, now)]
        if len(wanted) < len(batch):
            log.info("message.expired", type=batch[0].envelope.type, count=len(batch) - len(wanted))
        return wanted
