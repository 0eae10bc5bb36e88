"""What surrounds a handler: record → envelope → message → transaction → answer, and what becomes of failures.

`Consumer` runs commands, events and state records, each in one transaction with its claim, its emitted
messages and its kept answer; those that are for a handler of batches go to `shared.batches`. Queries are
answered by `shared.queries`, but for those that stand on a commands topic to be answered behind the commands
before them. Knows no broker: records come in, and answers and dead letters go out, by `Outlets`.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import inbox, outbox
from shared.batches import Batches
from shared.consequences import Cause
from shared.database import reading
from shared.dead_letters import Record, dead_letter
from shared.errors import Missing, Refusal, Refused
from shared.handlers import Context, Handler, Later, Reading, Registered, Service, query_key
from shared.messaging import Answer, Envelope, Message, Poison, Query, Tombstone, read_headers
from shared.outbox import Outgoing
from shared.owners import Owners
from shared.received import decode, is_expired
from shared.refusals import refusal_answer, rejection_of
from shared.retries import Failure, persevere
from shared.waits import LetGo, Waits

TRANSACTIONS = 8  # at once

log = structlog.get_logger()


class Outlets(Protocol):
    """Where what a message leads to goes."""

    def is_asked(self, envelope: Envelope) -> bool:
        """Whether an answer is awaited at a place that may be answered to."""
        ...

    async def answer(self, envelope: Envelope, answer: Answer[Any]) -> None:
        """Send an answer; one that gets lost is asked for again."""
        ...

    async def bury(self, letter: Outgoing) -> None:
        """Publish a dead letter; returns when the broker has it."""
        ...

    def wake_relay(self) -> None:
        """Something was committed to the outbox."""
        ...


@dataclass(frozen=True, slots=True)
class _Delivery:
    """concerns: the id of the entity the message speaks of. asked: what was asked of others because of it."""

    record: Record
    envelope: Envelope
    now: datetime
    digest: bytes
    concerns: str | None
    asked: dict[str, bool]


class Consumer:
    """Handles commands, events and state records, one at a time for each call of `handle`.

    owners: None for a service that asks no other one.
    transactions: how many run at once; a record that waits for another service holds none.
    """

    def __init__(
        self,
        service: Service,
        outlets: Outlets,
        owners: Owners | None = None,
        transactions: int = TRANSACTIONS,
    ) -> None:
        self._service = service
        self._name = service.name
        self._handlers = service.handlers
        self._topics = service.handlers.topics("commands", "events", "state")
        self._engine = service.engine
        self._outlets = outlets
        self._owners = owners
        self._transactions = asyncio.Semaphore(transactions)
        self._waits = Waits()
        self._batches = Batches(service, self._transactions, self._waits, self._give_up)

    def batch_handler(self, record: Record) -> Handler | None:
        """The function that is given the record together with others; None where it is handled by itself."""
        registered = self._batches.registered(record)
        return None if registered is None else registered.handler

    async def handle(self, record: Record) -> bool:
        """Handle one record to its end: its effect, its refusal or its dead letter. Raises nothing.

        False: it waited for something, was let go meanwhile, and must come again.
        """
        if self.batch_handler(record) is not None:
            return await self.handle_batch([record])
        try:
            failure = await persevere(lambda: self._try_with_what_is_missing(record), self._waits)
            if failure is not None:
                await self._give_up(record, failure)
        except LetGo:
            return False
        return True

    async def handle_batch(self, records: Sequence[Record]) -> bool:
        """The same for records of one partition and one handler of batches, in their order."""
        try:
            await self._batches.apply(records)
        except LetGo:
            return False
        return True

    def let_go(self) -> AbstractContextManager[None]:
        """Within the block whatever waits, or would begin to wait, is let go."""
        return self._waits.let_go()

    async def _try_with_what_is_missing(self, record: Record) -> None:
        asked: dict[str, bool] = {}
        while True:
            try:
                async with self._transactions:
                    await self._try(record, asked)
                return
            except Missing as missing:
                query = missing.query
                if self._owners is None or query_key(query) in asked:
                    raise RuntimeError(f"{query.type} is missing still") from None
                learning = self._owners.learn(query, read_headers(record.headers))
                asked[query_key(query)] = await self._waits.wait_for(learning)

    async def _try(self, record: Record, asked: dict[str, bool]) -> None:
        envelope = read_headers(record.headers)
        now = datetime.now(UTC)
        if is_expired(envelope, now):
            log.info("message.expired", type=envelope.type, id=envelope.id)
            return
        registered = self._registered(record, envelope)
        if registered is None:
            return
        message = _told(registered, record, envelope)
        concerns = message.entity_id if isinstance(message, Tombstone) else message.partition_key
        delivery = _Delivery(record, envelope, now, inbox.digest(record.value), concerns, asked)
        started = time.perf_counter()
        answer = await self._carry_out(registered, message, delivery)
        log.info(
            "message.handled",
            type=envelope.type,
            id=envelope.id,
            outcome=_outcome(answer),
            took_ms=round((time.perf_counter() - started) * 1000, 1),
        )
        if isinstance(answer, Answer) and self._outlets.is_asked(envelope):
            await self._outlets.answer(envelope, answer)

    def _registered(self, record: Record, envelope: Envelope) -> Registered | None:
        topic = self._topics[record.topic]
        is_tombstone = record.value is None and topic.is_compacted
        among = self._handlers.of_tombstones if is_tombstone else self._handlers.by_type
        registered = among.get(envelope.type)
        if registered is not None and registered.message.topic.name == record.topic:
            return registered
        if topic.kind == "commands":
            raise Poison("unknown_type", f"{envelope.type} is no message of {record.topic}")
        log.debug("message.skipped", type=envelope.type, tombstone=is_tombstone)
        return None

    async def _carry_out(
        self, registered: Registered, message: Message | Tombstone, delivery: _Delivery
    ) -> Answer[Any] | Later | None:
        try:
            if isinstance(message, Query):
                return await self._read(registered, message, delivery)
            return await self._change(registered, message, delivery)
        except Refused as refused:
            return await self._refuse(message, delivery, refused.refusal)

    async def _read(
        self, registered: Registered, query: Query[Any], delivery: _Delivery
    ) -> Answer[Any] | None:
        """The answer to a query that had to wait for the commands before it."""
        async with reading(self._engine).connect() as db:
            context = Reading(db, delivery.now, delivery.asked, self._service.policy)
            answer: Answer[Any] = await registered.handler(query, context)
            return answer

    async def _change(
        self, registered: Registered, message: Message | Tombstone, delivery: _Delivery
    ) -> Answer[Any] | Later | None:
        """The message's effect in one transaction, or what an earlier delivery of it left."""
        async with self._engine.begin() as db:
            if not await self._claim(db, delivery):
                kept = await inbox.kept(db, self._name, delivery.envelope)
                if not self._is_to_be_decided_again(kept, delivery):
                    return self._replayed(kept, delivery)
            context = self._context(db, delivery)
            answer: Answer[Any] | Later | None = await registered.handler(message, context)
            if context.emitted:
                await outbox.put(db, context.emitted)
            if isinstance(answer, Later):
                await inbox.withdraw(db, self._name, delivery.envelope)
            elif answer is not None:
                await inbox.keep(db, self._name, delivery.envelope, answer)
        self._outlets.wake_relay()
        return answer

    def _context(self, db: AsyncConnection, delivery: _Delivery) -> Context:
        return Context(
            db=db,
            now=delivery.now,
            envelope=delivery.envelope,
            service=self._name,
            record=delivery.record,
            policy=self._service.policy,
            asked=delivery.asked,
        )

    async def _claim(self, db: AsyncConnection, delivery: _Delivery) -> bool:
        return await inbox.claim(db, self._name, delivery.envelope, delivery.digest, delivery.concerns)

    def _is_to_be_decided_again(self, kept: inbox.Kept, delivery: _Delivery) -> bool:
        """Whether somebody awaits an answer that was forgotten with the entity it told of."""
        return (
            kept.is_forgotten and kept.digest == delivery.digest and self._outlets.is_asked(delivery.envelope)
        )

    def _replayed(self, kept: inbox.Kept, delivery: _Delivery) -> Answer[Any] | None:
        if kept.digest == delivery.digest:
            return kept.answer
        if self._outlets.is_asked(delivery.envelope):
            raise Refused("idempotency_key_reused", "this key came before, with another body")
        raise Poison("message_id_reused", "this ce_id came before from this ce_source, with another body")

    async def _refuse(
        self, message: Message | Tombstone, delivery: _Delivery, refusal: Refusal
    ) -> Answer[Any]:
        """Tell whoever asked and keep nothing; where nobody did, keep the refusal and say it as an event."""
        answer: Answer[Any] = refusal_answer(refusal)
        if self._outlets.is_asked(delivery.envelope) or isinstance(message, Query):
            return answer
        if isinstance(message, Tombstone) or message.topic.rejection is None:
            raise Poison("refused", f"{refusal.code}: nobody asked and no event says so")
        async with self._engine.begin() as db:
            if await self._claim(db, delivery):
                cause = Cause.of(delivery.envelope, self._name, delivery.now)
                await outbox.put(db, [rejection_of(message, delivery.record.key, refusal, cause)])
                await inbox.keep(db, self._name, delivery.envelope, answer)
        self._outlets.wake_relay()
        return answer

    async def _give_up(self, record: Record, failure: Failure) -> None:
        error = failure.error
        log.error(
            "message.dead",
            topic=record.topic,
            offset=record.offset,
            error=type(error).__name__,
            exc_info=None if isinstance(error, Poison) else error,
        )
        letter = dead_letter(record, self._name, error, failure.attempts, failure.first_seen)
        await self._outlets.bury(letter)
        await answer_failure(self._outlets, record, error)


def _told(registered: Registered, record: Record, envelope: Envelope) -> Message | Tombstone:
    """The record's body as the registered message, or that the entity it was about is no more."""
    if record.value is not None or not registered.message.topic.is_compacted:
        return decode(registered, record)
    if record.key is None:
        raise Poison("bad_envelope", "a tombstone has a key")
    of: Any = registered.message  # on a compacted topic it is a State
    return Tombstone(of, record.key.decode(errors="replace"), envelope.sequence or 0)


async def answer_failure(outlets: Outlets, record: Record, error: Exception | None = None) -> None:
    """Tell whoever asked that the request failed here, where the record tells who that is.

    error: what made a dead letter of it; only of a record that was wrong itself the reason is told.
    """
    try:
        envelope = read_headers(record.headers)
    except Poison:
        return
    if outlets.is_asked(envelope):
        code, detail = "internal_error", "the request failed"
        if isinstance(error, Poison):
            code, detail = error.code, error.reason
        await outlets.answer(envelope, refusal_answer(Refusal(code=code, detail=detail)))


def _outcome(answer: Answer[Any] | Later | None) -> str:
    if isinstance(answer, Later):
        return "set aside"
    if answer is None:
        return "done"
    if "refusal" in answer.facts:
        return answer.facts["refusal"]
    return "replayed" if "replayed" in answer.facts else "done"
