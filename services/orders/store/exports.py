"""Everything that orders holds about one customer."""

from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.store.answers import in_full
from services.orders.tables import customers, orders, totals
from shared.contracts.orders.answers import OrdersExport
from shared.messaging import Answer
from shared.sql_json import as_list, as_object, as_text, utc

ORDERS_MAX = 1_000  # all of them are one message
_CUSTOMER = bindparam("of_customer", type_=Text)
_NO_MONEY: ColumnElement[Any] = literal_column("0.00")
_NONE: ColumnElement[Any] = literal_column("0")


def _export() -> Any:
    newest = (
        in_full(orders)
        .where(orders.c.customer_id == _CUSTOMER)
        .order_by(orders.c.order_date.desc(), orders.c.order_id.desc())
        .limit(ORDERS_MAX)
    )
    members = select(
        customers.c.customer_id,
        utc(customers.c.erased_at).label("erased_at"),
        func.coalesce(totals.c.lifetime_value, _NO_MONEY).label("lifetime_value"),
        *(func.coalesce(totals.c[name], _NONE).label(name) for name in ("total_orders", "orders_count")),
        as_list(newest).label("orders"),
    ).select_from(customers.outerjoin(totals, totals.c.customer_id == customers.c.customer_id))
    whole = members.where(customers.c.customer_id == _CUSTOMER)
    return select(as_text(as_object(whole)).label("body"))


_EXPORT = _export()


async def export(db: AsyncConnection, customer_id: str) -> Answer[OrdersExport] | None:
    """What is held about a customer, an erased one too; None: it is not known here."""
    body: str | None = (await db.execute(_EXPORT, {"of_customer": customer_id})).scalar_one()
    return None if body is None else Answer(body.encode())
