"""Making a customer's figures anew from its orders, where they are not what those make them."""

from datetime import datetime

from sqlalchemy import ARRAY, DateTime, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.verification import (
    TRUE_ORDER_FIGURES,
    TRUE_PRODUCT_FIGURES,
    TRUE_TOTALS,
    differences,
)
from shared.contracts.orders.events import OrderTotals
from shared.figures import Rebuilt

_CUSTOMERS = bindparam("customers", type_=ARRAY(Text))
_RETURNED = "coalesce((select sum(amount) from returns where returns.order_id = orders.order_id), 0)"
_FIGURES = ("lifetime_value", "total_orders", "last_order_date")

# Whoever changes an order locks it before the totals: those that are to be changed here come first as well.
_LOCK_ORDERS = text(
    f"""
    select from orders where customer_id = any(:customers) and returned_amount <> {_RETURNED}
    order by order_id for update
    """
).bindparams(_CUSTOMERS)
# Versions of totals that are lost are not known, but none was above the number of events of the orders.
_MAKE = text(
    """
    insert into totals (customer_id, version, lifetime_value, total_orders, orders_count, as_of)
    select customer_id, coalesce((select sum(version) from orders where customer_id = named.customer_id), 0),
        0, 0, 0, :now
    from unnest(:customers) as named (customer_id)
    where exists (select from orders where customer_id = named.customer_id)
        or exists (select from order_figures where customer_id = named.customer_id)
        or exists (select from product_figures where customer_id = named.customer_id)
    on conflict do nothing
    """
).bindparams(_CUSTOMERS, bindparam("now", type_=DateTime(timezone=True)))
_LOCK = text("select from totals where customer_id = any(:customers) for update").bindparams(_CUSTOMERS)
_REPAIRS = [
    text(statement).bindparams(_CUSTOMERS)
    for statement in (
        f"update orders set returned_amount = {_RETURNED}"  # noqa: S608  # of our own words
        f" where customer_id = any(:customers) and returned_amount <> {_RETURNED}",
        "delete from order_figures where customer_id = any(:customers)",
        "delete from product_figures where customer_id = any(:customers)",
        f"insert into order_figures (customer_id, grain, starts_on, orders, revenue) {TRUE_ORDER_FIGURES}",
        "insert into product_figures (customer_id, grain, starts_on, product_id, product_name, named_at,"
        f" named_by, quantity, revenue) {TRUE_PRODUCT_FIGURES}",
    )
]
_IS_OTHER = (
    "(totals.lifetime_value, totals.total_orders, totals.last_order_date)"
    " is distinct from (made.lifetime_value, made.total_orders, made.last_order_date)"
)
_SET_TOTALS = text(
    f"""
    update totals set version = totals.version + cast({_IS_OTHER} as integer),
        lifetime_value = made.lifetime_value, total_orders = made.total_orders,
        last_order_date = made.last_order_date, orders_count = made.orders_count,
        as_of = greatest(as_of, :now)
    from (
        select customer_id, coalesce(lifetime_value, 0) as lifetime_value,
            coalesce(total_orders, 0) as total_orders, last_order_date,
            coalesce(orders_count, 0) as orders_count
        from unnest(:customers) as named (customer_id)
            left join ({TRUE_TOTALS}) as of_orders using (customer_id)
    ) as made, (
        select customer_id, version as former from totals where customer_id = any(:customers)
    ) as before
    where totals.customer_id = made.customer_id and totals.customer_id = before.customer_id
    returning totals.customer_id, totals.version, totals.lifetime_value, totals.total_orders,
        totals.last_order_date, totals.version > former as is_said
    """  # noqa: S608  # of our own words
).bindparams(_CUSTOMERS, bindparam("now", type_=DateTime(timezone=True)))


async def rebuild(db: AsyncConnection, customer_id: str, now: datetime) -> Rebuilt:
    """Make every figure of the customer what it should be, within the transaction that `db` has open.

    The totals are to be published where a member of them is another one. Nothing is written where no figure
    differs. Until the transaction ends, no order of the customer changes.
    """
    keys = {"customers": [customer_id]}
    await db.execute(_LOCK_ORDERS, keys)
    await db.execute(_MAKE, {**keys, "now": now})
    await db.execute(_LOCK, keys)
    found = [each async for each in differences(db, customer_id)]
    return Rebuilt(found, await _repaired(db, customer_id, now) if found else [])


async def _repaired(db: AsyncConnection, customer_id: str, now: datetime) -> list[OrderTotals]:
    keys = {"customers": [customer_id]}
    for statement in _REPAIRS:
        await db.execute(statement, keys)
    row = (await db.execute(_SET_TOTALS, {**keys, "now": now})).one()
    figures = {name: getattr(row, name) for name in _FIGURES}
    return [OrderTotals(customer_id=customer_id, version=row.version, **figures)] if row.is_said else []
