"""What orders knows of customers: remembered by version, and forgotten."""

from datetime import datetime
from typing import Any

from sqlalchemy import Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.placement import Customer
from services.orders.tables import customers, orders
from shared.contracts.customers.events import CustomerState
from shared.errors import Refused

_CUSTOMER = bindparam("of_customer", type_=Text)
_SAID = (
    *("customer_id", "version", "is_active", "currency", "payment_terms", "discount_rate"),
    "customer_since",
)
_KEPT = ("payment_terms", "discount_rate", "shipping_address")
_FIND = select(customers.c.erased_at, *(customers.c[name] for name in _KEPT)).where(
    customers.c.customer_id == _CUSTOMER
)


def _remember() -> Any:
    said = insert(customers)
    newer = {each.name: said.excluded[each.name] for each in customers.c if not each.primary_key}
    is_newer = customers.c.version < said.excluded.version
    lacks = customers.c.customer_since.is_(None) & customers.c.erased_at.is_(None)
    is_the_same = customers.c.version == said.excluded.version
    return said.on_conflict_do_update(
        index_elements=[customers.c.customer_id], set_=newer, where=is_newer | (is_the_same & lacks)
    )


def _mark() -> Any:
    marker = insert(customers)
    blank: dict[str, Any] = {name: None for name in ("is_active", "currency", "customer_since", *_KEPT)}
    version = func.greatest(customers.c.version, marker.excluded.version)
    return marker.on_conflict_do_update(
        index_elements=[customers.c.customer_id],
        set_={**blank, "version": version, "erased_at": marker.excluded.erased_at},
        where=customers.c.erased_at.is_(None),
    ).returning(customers.c.customer_id)


_REMEMBER = _remember()
_MARK = _mark()
_BLANK_ORDERS = (
    update(orders).where(orders.c.customer_id == _CUSTOMER).values(shipping_address=None, digest=None)
)


def expect_there(row: Any, customer_id: str) -> None:
    """Go on only where the customer of the row was not erased.

    Raises:
        Refused: `customer_not_found`.
    """
    if row.erased_at is not None:
        raise Refused("customer_not_found", f"no customer {customer_id}")


async def find(db: AsyncConnection, customer_id: str) -> Customer | None:
    """The customer, or the marker of an erased one; None: it is not known here."""
    row = (await db.execute(_FIND, {"of_customer": customer_id})).one_or_none()
    return None if row is None else customer(row)


async def remember(db: AsyncConnection, said: CustomerState) -> None:
    """Take over what is needed of a customer, unless all of it is known, or that it was erased."""
    address = said.shipping_address or said.billing_address
    row = {
        **{name: getattr(said, name) for name in _SAID},
        "shipping_address": address.model_dump(),
        "erased_at": None,
    }
    await db.execute(_REMEMBER, row)


async def erase(db: AsyncConnection, customer_id: str, version: int, now: datetime) -> bool:
    """Leave of a customer a marker and no address anywhere; False: that was done before."""
    marker = {"customer_id": customer_id, "version": version, "erased_at": now}
    if (await db.execute(_MARK, marker)).first() is None:
        return False
    # a statement of its own: the one before waited for orders that were being placed meanwhile
    await db.execute(_BLANK_ORDERS, {"of_customer": customer_id})
    return True


def customer(row: Any) -> Customer:
    """A row of customers as what an order takes over."""
    return Customer(is_erased=row.erased_at is not None, **{name: getattr(row, name) for name in _KEPT})
