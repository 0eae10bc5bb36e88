"""The inbox: a message is claimed once, and the answer to it is kept for whoever sends it again.

Claiming and keeping happen in the transaction of the effect, so either all three are there or none.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messaging import Answer, Envelope, Value

KEPT_FOR = timedelta(
    days=8
)  # longer than any command stays on its topic; at least the 24 h promised over HTTP
CLEANED_AT_ONCE = 5_000

inbox = Table(
    "inbox",
    MetaData(),
    Column("consumer", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("concerns", Text, index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Column("facts", JSON),
    Column("claimed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_inbox_claimed_at", "claimed_at"),
)
"""Every message handled. `concerns`: the id of the entity, where the message names it. `digest`: of its body.
`answer`, `facts`: null where it has none."""

_CLAIM = insert(inbox).on_conflict_do_nothing().returning(inbox.c.id)
_THIS = (
    (inbox.c.consumer == bindparam("of_consumer"))
    & (inbox.c.source == bindparam("of_source"))
    & (inbox.c.id == bindparam("of_id"))
)
_KEEP = update(inbox).where(_THIS).values(answer=bindparam("answer"), facts=bindparam("facts"))
_WITHDRAW = delete(inbox).where(_THIS)
_KEPT = select(inbox.c.digest, inbox.c.answer, inbox.c.facts).where(_THIS)
_FORGOTTEN = {"forgotten": "true"}
_FORGET = (
    update(inbox)
    .where(inbox.c.concerns == bindparam("of_entity"), inbox.c.answer.is_not(None))
    .values(answer=None, facts=_FORGOTTEN)
)
_CLEAN = text(
    "delete from inbox where ctid = any(array("
    "select ctid from inbox where claimed_at < now() - cast(:kept_for as interval) limit :at_once))"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier delivery of a message left: the digest of its body, and its answer if it had one.

    is_forgotten: it had one, which was forgotten because of what it told.
    """

    digest: bytes
    answer: Answer[Value] | None
    is_forgotten: bool = False


def digest(body: bytes | None) -> bytes:
    """SHA-256 of a record's value."""
    return sha256(body or b"").digest()


async def claim(
    db: AsyncConnection, consumer: str, envelope: Envelope, body_digest: bytes, concerns: str | None = None
) -> bool:
    """Claim the message for this transaction; False where it was handled before.

    concerns: the id of an entity, as `forget` will name it.

    Waits for a transaction that is handling the same message now, and then knows how that one ended.
    """
    row = {
        "consumer": consumer,
        "source": envelope.source,
        "id": envelope.id,
        "concerns": concerns,
        "digest": body_digest,
    }
    return (await db.execute(_CLAIM, row)).first() is not None


async def withdraw(db: AsyncConnection, consumer: str, envelope: Envelope) -> None:
    """Give a claim back: the message is set aside, and comes again."""
    await db.execute(_WITHDRAW, _named(consumer, envelope))


async def keep(db: AsyncConnection, consumer: str, envelope: Envelope, answer: Answer[Value]) -> None:
    """Keep the answer of a claimed message."""
    kept_now = {"answer": answer.body, "facts": dict(answer.facts)}
    await db.execute(_KEEP, {**_named(consumer, envelope), **kept_now})


async def kept(db: AsyncConnection, consumer: str, envelope: Envelope) -> Kept:
    """What was kept of a message that could not be claimed.

    A statement of its own, after the claim: the claim's snapshot is older than the answer it waited for.
    """
    row = (await db.execute(_KEPT, _named(consumer, envelope))).one()
    if row.answer is None:
        return Kept(row.digest, None, is_forgotten=row.facts == _FORGOTTEN)
    return Kept(row.digest, Answer(row.answer, {**row.facts, "replayed": "true"}))


async def forget(db: AsyncConnection, entity_id: str) -> None:
    """Forget the answers to all messages that concerned an entity; that they were handled stays known."""
    await db.execute(_FORGET, {"of_entity": entity_id})


def _named(consumer: str, envelope: Envelope) -> dict[str, str]:
    return {"of_consumer": consumer, "of_source": envelope.source, "of_id": envelope.id}


async def clean(db: AsyncConnection) -> int:
    """Delete a bounded batch of what is older than `KEPT_FOR`; how many rows that were."""
    outcome = await db.execute(_CLEAN, {"kept_for": KEPT_FOR, "at_once": CLEANED_AT_ONCE})
    return outcome.rowcount
