"""Placing: what must be known before, the order's number, and the order itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, cast, func, literal, literal_column, select, true
from sqlalchemy.dialects.postgresql import REGCLASS, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger

from services.orders.placement import Customer, Draft, Numbering, Present
from services.orders.store import totals, waiting
from services.orders.store.customers import customer
from services.orders.store.orders import decoded, state
from services.orders.tables import customers, orders
from shared.contracts.orders.requests import PlaceOrder, placed_id
from shared.errors import Refused
from shared.messaging import SetAside

_ORDER, _CUSTOMER, _NUMBERS = (
    bindparam(name, type_=Text) for name in ("of_order", "of_customer", "of_numbers")
)
_SEQUENCE = cast(_NUMBERS, REGCLASS)
_COUNTED = bindparam("counted", type_=BigInteger)
_DIGITS_MIN: ColumnElement[int] = literal_column("3")
_ZERO: ColumnElement[str] = literal_column("'0'")
_NOTHING: ColumnElement[int] = literal_column("0")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before an order is placed.

    Attributes:
        customer: None where it is not known here; it is not erased before this transaction ends.
        present: The order that has the reference already.
    """

    customer: Customer | None
    present: Present | None


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was stored: its number, and the records that waited for it, in their order."""

    order_number: str
    woken: Sequence[SetAside]


def _known() -> Any:
    found = (
        select(customers).where(customers.c.customer_id == _CUSTOMER).with_for_update(read=True).cte("found")
    )
    present = (
        select(state(orders).label("state"), orders.c.digest)
        .where(orders.c.order_id == _ORDER)
        .subquery("present")
    )
    one = select(literal(1).label("one")).subquery("one")
    return select(found, present.c.state, present.c.digest).select_from(
        one.outerjoin(found, true()).outerjoin(present, true())
    )


def _drawn_number() -> ColumnElement[str]:
    drawn = select(cast(func.nextval(_SEQUENCE), Text).label("number")).subquery("drawn")
    digits = func.greatest(_DIGITS_MIN, func.length(drawn.c.number))
    padded = func.lpad(drawn.c.number, digits, _ZERO)
    return select(func.concat(bindparam("number_prefix", type_=Text), padded)).scalar_subquery()


def _insert() -> Any:
    row: dict[str, Any] = {each.name: bindparam(f"new_{each.name}", type_=each.type) for each in orders.c}
    row["order_number"] = func.coalesce(row["order_number"], _drawn_number())
    placed = (
        insert(orders)
        .values(row)
        .on_conflict_do_nothing()
        .returning(orders.c.order_id, orders.c.customer_id, orders.c.order_number, orders.c.updated_at)
        .cte("placed")
    )
    woken = waiting.taken_out(_ORDER, select(placed.c.order_id).exists())
    both = placed.outerjoin(woken, true())
    return select(placed.c.order_number, *woken.c).select_from(both).add_cte(totals.with_one_more(placed))


_BAR = select(
    func.pg_advisory_xact_lock(waiting.key(_ORDER)), func.pg_advisory_xact_lock_shared(waiting.key(_NUMBERS))
)
_BAR_NUMBERS = select(
    func.pg_advisory_xact_lock(waiting.key(_ORDER)), func.pg_advisory_xact_lock(waiting.key(_NUMBERS))
)
_KNOWN = _known()
_LIFT = select(func.setval(_SEQUENCE, _COUNTED)).where(
    func.coalesce(func.pg_sequence_last_value(_SEQUENCE), _NOTHING) < _COUNTED
)
_INSERT = _insert()


async def lock(db: AsyncConnection, command: PlaceOrder, source: str, numbering: Numbering) -> Known:
    """What is known of the order, which nobody else places before this transaction ends, and of its customer.

    The numbers of the order's year are locked too: as many as like may draw one, but only one at a time may
    lift them, and nobody draws meanwhile.
    """
    order_id = placed_id(source, command.external_ref)
    barred = _BAR if numbering.order_number is None else _BAR_NUMBERS
    await db.execute(barred, {"of_order": order_id, "of_numbers": _numbers(numbering.year)})
    # a statement of its own: what the one before waited for is not in its snapshot
    keys = {"of_order": order_id, "of_customer": command.customer_id}
    row = (await db.execute(_KNOWN, keys)).one()
    return Known(
        customer=None if row.customer_id is None else customer(row),
        present=None if row.state is None else Present(decoded(row.state), row.digest),
    )


async def insert_order(db: AsyncConnection, wanted: Draft, now: datetime, correlation_id: str) -> Placed:
    """Store the order under the number it names, else under one that is drawn now.

    Raises:
        Refused: `order_number_taken`.
    """
    year, counted = wanted.numbering.year, wanted.numbering.counted
    if counted is not None:
        await db.execute(_LIFT, {"of_numbers": _numbers(year), "counted": counted})
    row = {f"new_{name}": value for name, value in _row(wanted, now, correlation_id).items()}
    keys = {"of_order": wanted.order_id, "of_numbers": _numbers(year)}
    values = {**row, **keys, "number_prefix": f"SO-{year}-"}
    while not (rows := (await db.execute(_INSERT, values)).all()):
        # the reference is free, for its name is locked: it is the number that somebody has
        if counted is not None:
            raise Refused("order_number_taken", f"there is an order {wanted.numbering.order_number} already")
    return Placed(rows[0].order_number, waiting.records([row for row in rows if row.position is not None]))


def _row(wanted: Draft, now: datetime, correlation_id: str) -> dict[str, Any]:
    known = {name: getattr(wanted, name) for name in Draft.__slots__ if name in orders.c}
    return {
        **dict.fromkeys(("ship_date", "delivery_date")),
        **known,
        **{"order_number": wanted.numbering.order_number, "order_date": wanted.numbering.order_date},
        **{"version": 1, "status": wanted.status, "status_reason": wanted.status_reason},
        **{"returned_amount": 0, "placed_at": now, "updated_at": now, "correlation_id": correlation_id},
        "lines": [line.model_dump(mode="json") for line in wanted.lines],
        "items_count": len(wanted.lines),
    }


def _numbers(year: int) -> str:
    """The sequence of the year's order numbers; its name is what is locked as well."""
    return f"order_numbers_{year}"
