"""The outbox: messages are written in the transaction of what they tell; one relay a database publishes them.

Rows leave in the order of their ids, are sent again whole when anything fails, and are deleted when the
broker has acknowledged them. An aggregate's ids follow its versions only if its rows are inserted after its
lock is held or its guarded update is done: `put` is the last statement but one of a handler's transaction.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from sqlalchemy import BigInteger, Column, Identity, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import inbox
from shared.database import reading
from shared.kafka import REQUEST_MAX_BYTES, new_fenced_producer, start_fenced, stop_quickly
from shared.messaging import Headers

BATCH = 500
LOOK_EVERY_S = 0.025
LOCK_EVERY_S = 0.1
START_WITHIN_S = 5.0
ACKNOWLEDGED_WITHIN_S = 5.0
RETRY_AFTER_S = 0.2
LOCK_IDLE_TIMEOUT_MS = 10_000  # a holder that was stopped loses the lock after this; it looks far more often
PRODUCER_MAX_AGE_S = 3_600  # well before the broker forgets the id, and the fence with it (7 days)
CLEAN_INBOX_EVERY_S = 30.0
FRAMING_BYTES = 1_024  # around a record and its headers, at most

log = structlog.get_logger()

outbox = Table(
    "outbox",
    MetaData(),
    Column("id", BigInteger, Identity(always=True, cache=1), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", Text, nullable=False),
)
"""Messages to publish. `headers`: a JSON object. `value`: null for a tombstone. Cache 1, or ids run ahead."""

_PUT = text(
    "insert into outbox (topic, key, value, headers) select topic, key, value, headers from unnest("
    "cast(:topics as text[]), cast(:keys as bytea[]), cast(:values as bytea[]), cast(:headers as text[])"
    ") with ordinality as emitted (topic, key, value, headers, position) order by position"
)
_NEXT = text("select id, topic, key, value, headers from outbox order by id limit :batch")
_DELETE = text("delete from outbox where id = any(cast(:ids as bigint[]))")
_TRY_LOCK = text("select pg_try_advisory_lock(hashtext('outbox-relay'))")
_HOLDS_LOCK = text(
    "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted "
    "and cast(objid as bigint) = cast(hashtext('outbox-relay') as bigint) & 4294967295"
)
_LOSE_LOCK_WHEN_IDLE = text(f"set idle_session_timeout = {LOCK_IDLE_TIMEOUT_MS}")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish. value: None makes it a tombstone."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class TooLarge(Exception):
    """A message is larger than the broker takes; said before the transaction commits."""


async def put(db: AsyncConnection, messages: Sequence[Outgoing]) -> None:
    """Write the messages, in their order, in one statement.

    Raises:
        TooLarge: one has more than 1 MiB, with its key and headers.
    """
    for message in messages:
        expect_to_fit(message)
    await db.execute(
        _PUT,
        {
            "topics": [message.topic for message in messages],
            "keys": [message.key for message in messages],
            "values": [message.value for message in messages],
            "headers": [_headers_text(message.headers) for message in messages],
        },
    )


def expect_to_fit(message: Outgoing) -> None:
    """Go on only where the broker takes a message of this size.

    Raises:
        TooLarge: it has more than 1 MiB, with its key and headers.
    """
    if (size := _size(message)) > REQUEST_MAX_BYTES - FRAMING_BYTES:
        raise TooLarge(f"{size} bytes for {message.topic}")


class Relay:
    """Publishes the outbox of one database; of several, in any process, one is at work.

    An advisory lock chooses which. It is no fence by itself: a holder that was stopped between reading and
    sending would put old records behind its successor's new ones, so each holder's producer locks out the
    one before.
    """

    def __init__(self, engine: AsyncEngine, bootstrap_servers: str, transactional_id: str) -> None:
        self._engine = reading(engine)
        self._bootstrap_servers = bootstrap_servers
        self._transactional_id = transactional_id
        self._woken = asyncio.Event()
        self._stopping = False
        self._progress_at = time.monotonic()
        self._clean_at = 0.0
        self.is_holder = False

    def wake(self) -> None:
        """Look at once: something was committed."""
        self._woken.set()

    def stop(self) -> None:
        """End `run` after what is published now."""
        self._stopping = True
        self.wake()

    def idle_for_s(self) -> float:
        """Seconds since the relay last looked, published or waited for the lock."""
        return time.monotonic() - self._progress_at

    async def run(self) -> None:
        """Wait for the lock, publish while it is held, begin again when anything fails."""
        while not self._stopping:
            self._progress_at = time.monotonic()
            try:
                async with self._engine.connect() as db:
                    await db.execute(_LOSE_LOCK_WHEN_IDLE)
                    while not self._stopping and not await self._try_lock(db):
                        await self._pause(LOCK_EVERY_S)
                    try:
                        await self._publish_while_held(db)
                    finally:
                        self.is_holder = False
                        await db.invalidate()  # closes the session, and with it gives the lock back
            except Exception as error:  # every failure has one remedy: begin again
                log.warning("relay.began_again", error=type(error).__name__)
                await self._pause(RETRY_AFTER_S)

    async def _try_lock(self, db: AsyncConnection) -> bool:
        self._progress_at = time.monotonic()
        return bool((await db.execute(_TRY_LOCK)).scalar_one())

    async def _publish_while_held(self, db: AsyncConnection) -> None:
        while not self._stopping and await self._holds_lock(db):
            try:
                async with self._producer() as producer:
                    if not await self._holds_lock(db):  # starting took time; a successor may have begun
                        return
                    self.is_holder = True
                    await self._publish(db, producer)
            except Exception as error:  # a new producer sends the same rows again
                log.warning("relay.producer_dropped", error=type(error).__name__)
                await self._pause(RETRY_AFTER_S)

    async def _holds_lock(self, db: AsyncConnection) -> bool:
        self._progress_at = time.monotonic()
        return bool((await db.execute(_HOLDS_LOCK)).scalar_one())

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = new_fenced_producer(self._bootstrap_servers, self._transactional_id)
        try:
            async with asyncio.timeout(START_WITHIN_S):
                await start_fenced(producer)
            yield producer
        finally:
            await stop_quickly(producer)

    async def _publish(self, db: AsyncConnection, producer: AIOKafkaProducer) -> None:
        born_at = time.monotonic()
        while not self._stopping and time.monotonic() - born_at < PRODUCER_MAX_AGE_S:
            self._woken.clear()
            published = await self.publish_batch(db, producer)
            self._progress_at = time.monotonic()
            if published < BATCH:
                await self._clean_inbox(db)
                await self._pause(LOOK_EVERY_S)

    async def publish_batch(self, db: AsyncConnection, producer: AIOKafkaProducer) -> int:
        """Publish the oldest rows and delete them once every one is acknowledged; how many that were."""
        rows = (await db.execute(_NEXT, {"batch": BATCH})).all()
        if rows:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
                acks = [
                    await producer.send(row.topic, row.value, key=row.key, headers=_headers(row.headers))
                    for row in rows
                ]
                await asyncio.gather(*acks)
            await db.execute(_DELETE, {"ids": [row.id for row in rows]})
        return len(rows)

    async def _clean_inbox(self, db: AsyncConnection) -> None:
        """The holder is the only one of its database, so it also keeps the inbox bounded."""
        if time.monotonic() >= self._clean_at:
            cleaned = await inbox.clean(db)
            self._clean_at = time.monotonic() + (
                0 if cleaned == inbox.CLEANED_AT_ONCE else CLEAN_INBOX_EVERY_S
            )

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass


def _size(message: Outgoing) -> int:
    headers = sum(len(name) + len(value) for name, value in message.headers)
    return len(message.key or b"") + len(message.value or b"") + headers


def _headers_text(headers: Headers) -> str:
    return json.dumps({name: value.decode() for name, value in headers})


def _headers(stored: str) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in json.loads(stored).items()]
