"""What is known of an order when one of its events comes."""

from datetime import date

from sqlalchemy import Date, Text, bindparam, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.postings import Reservation
from services.credit.reservations import Standing
from services.credit.store.invoices import INVOICE_MEMBERS, invoice_in, past_due_of
from services.credit.tables import invoices, order_facts, reservations
from shared.contracts.orders.events import OrderEvent

_CUSTOMER, _ORDER = bindparam("of_customer", type_=Text), bindparam("of_order", type_=Text)
_RESERVATION = [reservations.c[name].label(f"held_{name}") for name in Reservation.__slots__]
_ONE = select(literal_column("1").label("one")).subquery("one")
# What only says that it was accepted is heard beside other events, perhaps before the one that placed it.
_HAS_GONE_ON = order_facts.c.status.not_in(("confirmed", "processing"))
_STANDING = select(
    *_RESERVATION,
    *(invoices.c[name] for name in INVOICE_MEMBERS),
    case((_HAS_GONE_ON, order_facts.c.version), else_=0).label("order_version"),
    past_due_of(_CUSTOMER, bindparam("today", type_=Date)).label("past_due"),
    select(func.min(invoices.c.due_on).label("oldest"))
    .where(invoices.c.customer_id == _CUSTOMER, invoices.c.open_amount > 0)
    .correlate(None)
    .scalar_subquery()
    .label("oldest_due_on"),
).select_from(
    _ONE.outerjoin(reservations, reservations.c.order_id == _ORDER)
    .outerjoin(invoices, invoices.c.order_id == _ORDER)
    .outerjoin(order_facts, order_facts.c.order_id == _ORDER)
)


async def order_standing(db: AsyncConnection, order: OrderEvent, today: date) -> Standing:
    """What was decided of the order and what its customer owes; its account must be locked."""
    keys = {"of_customer": order.customer_id, "of_order": order.order_id, "today": today}
    row = (await db.execute(_STANDING, keys)).one()
    held = {name: row._mapping[f"held_{name}"] for name in Reservation.__slots__}
    return Standing(
        reservation=None if row.held_order_id is None else Reservation(**held),
        invoice=invoice_in(row._mapping),
        order_version=row.order_version,
        past_due=row.past_due,
        oldest_due_on=row.oldest_due_on,
    )
