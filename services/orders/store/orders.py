"""Orders: locked, changed, read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    FromClause,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy import update as updated
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.lifecycle import Change
from services.orders.store import figures, totals, waiting
from services.orders.store.answers import in_full
from services.orders.store.customers import expect_there
from services.orders.tables import customers, orders
from services.orders.tables import totals as totals_of_customers
from shared.contracts.orders.answers import OrderInFull
from shared.contracts.orders.events import OrderState, OrderTotals
from shared.errors import Refused
from shared.messaging import Answer, SetAside
from shared.sql_json import as_object, as_text

_UTC: ColumnElement[str] = literal_column("'UTC'")
_RFC_3339: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
_ORDER, _CUSTOMER = (bindparam(name, type_=Text) for name in ("of_order", "of_customer"))
_CHANGED = (
    *("version", "status", "status_reason", "ship_date", "delivery_date"),
    *("returned_amount", "updated_at"),
)


@dataclass(frozen=True, slots=True)
class Saved:
    """What follows from a change that was stored.

    Attributes:
        totals: The customer's, where the change made a difference to them; else None.
        woken: Records that waited for it, in the order in which they came.
    """

    totals: OrderTotals | None
    woken: Sequence[SetAside]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An order for which credit has said nothing. correlation_id: of its placement's conversation."""

    order: OrderState
    correlation_id: str


def state(order: FromClause) -> ColumnElement[str]:
    """The `OrderState` of a row of `order`, as it stands on its topic."""
    by_name: dict[str, ColumnElement[Any]] = {name: order.c[name] for name in OrderState.model_fields}
    by_name |= {name: cast(order.c[name], Text) for name in ("total_amount", "returned_amount")}
    dates = ("order_date", "ship_date", "delivery_date", "placed_at", "updated_at")
    by_name |= {name: func.to_char(func.timezone(_UTC, order.c[name]), _RFC_3339) for name in dates}
    members = select(*(member.label(name) for name, member in by_name.items()))
    return as_text(as_object(members.correlate(order)))


def _lock() -> Any:
    # the totals too: what is read of other orders when they are changed must be as it is by then
    locked = (
        select(orders)
        .join(totals_of_customers, totals_of_customers.c.customer_id == orders.c.customer_id)
        .where(orders.c.order_id == _ORDER)
        .with_for_update(of=[orders, totals_of_customers])
        .cte("locked")
    )
    return select(state(locked).label("state")).select_from(locked)


def _save(*with_figures: CTE) -> Any:
    row = {name: bindparam(f"new_{name}", type_=orders.c[name].type) for name in _CHANGED}
    saved = updated(orders).where(orders.c.order_id == _ORDER).values(row)
    counted = totals.with_one_changed(_ORDER, _CUSTOMER)
    woken = waiting.taken_out(_ORDER, bindparam("moves", type_=Boolean))
    records = [column for column in woken.c]
    both = counted.outerjoin(woken, true())
    return select(counted, *records).select_from(both).add_cte(saved.cte("saved"), *with_figures)


def _unanswered() -> Any:
    due = (
        select(orders)
        .where(
            orders.c.status == "pending",
            orders.c.placed_at <= bindparam("due", type_=orders.c.placed_at.type),
        )
        .order_by(orders.c.placed_at)
        .limit(bindparam("at_once"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return select(state(due).label("state"), due.c.correlation_id).order_by(due.c.placed_at)


def _one_in_full() -> Any:
    of_customer = (orders.c.order_id == _ORDER) & (orders.c.customer_id == customers.c.customer_id)
    body = as_text(as_object(in_full(orders).where(of_customer).correlate(customers)))
    return select(customers.c.erased_at, body.label("body")).where(customers.c.customer_id == _CUSTOMER)


_LOCK = _lock()
_SAVE = _save()
_SAVE_AND_COUNT = _save(*figures.counted())
_UNANSWERED = _unanswered()
_ONE_IN_FULL = _one_in_full()


async def lock(db: AsyncConnection, order_id: str) -> OrderState | None:
    """The order, which nobody else changes before this transaction ends; None: there is none yet."""
    found = (await db.execute(_LOCK, {"of_order": order_id})).scalar_one_or_none()
    return None if found is None else decoded(found)


async def lock_or_bar(db: AsyncConnection, order_id: str) -> OrderState | None:
    """The order; None: there is none, and nobody else places it before this transaction ends."""
    order = await lock(db, order_id)
    if order is None:
        await waiting.bar(db, order_id)
        order = await lock(db, order_id)
    return order


async def save(db: AsyncConnection, change: Change) -> Saved:
    """Store the change of a locked order and of its customer's figures, and take out what waited for it."""
    order = change.order
    row = {f"new_{name}": getattr(order, name) for name in _CHANGED}
    keys = {"of_order": order.order_id, "of_customer": order.customer_id, "moves": change.moves}
    dates = {"of_order_date": order.order_date, "now": order.updated_at}
    is_counted = change.accepted_by != 0 or change.value_by != 0 or change.sold_by != 0
    statement = _SAVE_AND_COUNT if is_counted else _SAVE
    rows = (await db.execute(statement, {**keys, **row, **dates, **figures.by(change)})).all()
    if change.sold_by < 0:
        await figures.rename(db, change)
    return Saved(
        totals=totals.published(rows[0]) if is_counted else None,
        woken=waiting.records([row for row in rows if row.position is not None]),
    )


async def order_in_full(db: AsyncConnection, customer_id: str, order_id: str) -> Answer[OrderInFull] | None:
    """The order of the customer; None: the customer is not known here.

    Raises:
        Refused: `customer_not_found`, it was erased; `order_not_found`.
    """
    keys = {"of_customer": customer_id, "of_order": order_id}
    row = (await db.execute(_ONE_IN_FULL, keys)).one_or_none()
    if row is None:
        return None
    expect_there(row, customer_id)
    if row.body is None:
        raise Refused("order_not_found", f"no order {order_id} of {customer_id}")
    return Answer(row.body.encode())


async def unanswered(db: AsyncConnection, due: datetime, at_once: int) -> list[Unanswered]:
    """Pending orders that were placed at `due` or before, locked, oldest first, at most so many.

    Those that somebody else has locked are left out.
    """
    rows = await db.execute(_UNANSWERED, {"due": due, "at_once": at_once})
    return [Unanswered(decoded(row.state), row.correlation_id) for row in rows]


def decoded(state: str) -> OrderState:
    """A state out of `state`."""
    return OrderState.from_json(state.encode())
