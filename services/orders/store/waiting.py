"""Commands set aside until their order is known, or has come far enough.

Whoever sets one aside holds a lock that whoever changes the order's status takes first: of the order's row,
or of its name where there is no row (`bar`). So none is left behind.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.tables import orders, waiting
from shared.messaging import Poison, SetAside

_DUE = bindparam("due", type_=waiting.c.since.type)
_SET_ASIDE = (
    insert(waiting)
    .on_conflict_do_nothing(index_elements=[waiting.c.source, waiting.c.ce_id])
    .returning(waiting.c.position)
)
_SET_ASIDE_BEFORE = select(waiting.c.value).where(
    waiting.c.source == bindparam("of_source"), waiting.c.ce_id == bindparam("of_id")
)
_RECORD = [waiting.c[name] for name in ("topic", "key", "value", "headers", "since")]
_FIRST: ColumnElement[int] = literal_column("0")


@dataclass(frozen=True, slots=True)
class Overdue:
    """A command that has waited for too long. is_known: whether there is such an order of the customer."""

    position: int
    record: SetAside
    is_known: bool


def _overdue() -> Any:
    due = (
        select(waiting.c.position)
        .where(waiting.c.since <= _DUE)
        .order_by(waiting.c.since)
        .limit(bindparam("at_once"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    order = select(orders.c.order_id).where(
        orders.c.order_id == waiting.c.order_id, orders.c.customer_id == waiting.c.customer_id
    )
    due_ones = select(waiting.c.position, *_RECORD, order.exists().label("is_known"))
    return due_ones.join(due, due.c.position == waiting.c.position).order_by(waiting.c.position)


def key(name: ColumnElement[str]) -> ColumnElement[int]:
    """What an advisory lock of this name is taken on."""
    return func.hashtextextended(name, _FIRST)


_OVERDUE = _overdue()
_DELETE = delete(waiting).where(
    waiting.c.position == func.any(bindparam("positions", type_=ARRAY(BigInteger)))
)
_BAR = select(func.pg_advisory_xact_lock(key(bindparam("of_order", type_=Text))))


async def bar(db: AsyncConnection, order_id: str) -> None:
    """Let nobody else place the order, or set a command aside for it, before this transaction ends."""
    await db.execute(_BAR, {"of_order": order_id})


async def set_aside(
    db: AsyncConnection, record: SetAside, named: tuple[str, str], message: tuple[str, str]
) -> None:
    """Keep a record until `taken_out` or `overdue` gives it back, once for each message.

    Args:
        db: The transaction that holds the lock.
        record: As it came.
        named: The ids of the order and of the customer that it names.
        message: Its `ce_source` and `ce_id`.

    Raises:
        Poison: `message_id_reused`; another message waits under the same id.
    """
    order_id, customer_id = named
    source, ce_id = message
    headers = json.dumps([[name, value.decode()] for name, value in record.headers])
    row = {
        **{"order_id": order_id, "customer_id": customer_id, "source": source, "ce_id": ce_id},
        **{"topic": record.topic, "key": record.key, "value": record.value, "since": record.since},
    }
    if (await db.execute(_SET_ASIDE, {**row, "headers": headers})).first() is None:
        before = (await db.execute(_SET_ASIDE_BEFORE, {"of_source": source, "of_id": ce_id})).scalar()
        if before not in (None, record.value):
            raise Poison("message_id_reused", "this ce_id came before from this ce_source, and waits")


def taken_out(order_id: ColumnElement[str], condition: ColumnElement[bool]) -> CTE:
    """What waits for an order, to be handled now; none where the condition does not hold."""
    return (
        delete(waiting)
        .where(waiting.c.order_id == order_id, condition)
        .returning(waiting.c.position, *_RECORD)
        .cte("woken")
    )


def records(rows: Sequence[Any]) -> list[SetAside]:
    """Rows of `waiting` as the records that they keep, in the order in which they came."""
    return [_record(row) for row in sorted(rows, key=lambda row: row.position)]


async def overdue(db: AsyncConnection, due: datetime, at_once: int) -> list[Overdue]:
    """Lock records that wait since `due` or longer, at most so many, those that came first first."""
    rows = await db.execute(_OVERDUE, {"due": due, "at_once": at_once})
    return [Overdue(row.position, _record(row), row.is_known) for row in rows]


async def delete_overdue(db: AsyncConnection, given_up: Sequence[Overdue]) -> None:
    """Keep no longer what was locked, and refused."""
    await db.execute(_DELETE, {"positions": [each.position for each in given_up]})


def _record(row: Any) -> SetAside:
    headers = tuple((name, value.encode()) for name, value in json.loads(row.headers))
    return SetAside(row.topic, row.key, row.value, headers, row.since)
