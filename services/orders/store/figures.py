"""Orders and products in figures, by day, by month and ever: kept by the statements that change an order.

Whoever changes those of a customer holds its totals locked.
"""

from typing import Any

from sqlalchemy import ARRAY, CTE, BigInteger, Integer, Numeric, Text, bindparam, column, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.lifecycle import Change
from services.orders.sales import sales_of
from services.orders.tables import IS_ACCEPTED, orders, totals

_DAY = "cast(timezone('UTC', :of_order_date) as date)"
_MONTH = "cast(date_trunc('month', timezone('UTC', :of_order_date)) as date)"
_EVER = "date '0001-01-01'"
_CUSTOMER, _ORDER = bindparam("of_customer", type_=Text), bindparam("of_order", type_=Text)
_ORDER_DATE = bindparam("of_order_date", type_=orders.c.order_date.type)
_PRODUCTS = bindparam("products", type_=ARRAY(Text))

_COUNT_ORDER = text(
    f"""
    insert into order_figures (customer_id, grain, starts_on, orders, revenue)
    select :of_customer, grain, starts_on, :accepted_by, :value_by
    from (values ('day', {_DAY}), ('month', {_MONTH})) as period (grain, starts_on)
    on conflict (customer_id, grain, starts_on) do update
    set orders = order_figures.orders + excluded.orders, revenue = order_figures.revenue + excluded.revenue
    returning 1
    """  # noqa: S608  # of our own words
).bindparams(
    *(_CUSTOMER, _ORDER_DATE, bindparam("accepted_by", type_=Integer)),
    bindparam("value_by", type_=totals.c.lifetime_value.type),
)
_NAME = ("product_name", "named_at", "named_by")
_IS_NEWER = (
    "excluded.quantity > 0 and (kept.quantity = 0"
    " or (excluded.named_at, excluded.named_by) > (kept.named_at, kept.named_by))"
)
_NAMED = ", ".join(
    f"{part} = case when {_IS_NEWER} then excluded.{part} else kept.{part} end" for part in _NAME
)
# What is taken away renames nothing here: how a product is called then, other orders say (`_RENAME`).
_COUNT_PRODUCTS = text(
    f"""
    insert into product_figures as kept (customer_id, grain, starts_on, product_id, product_name, named_at,
        named_by, quantity, revenue)
    select :of_customer, grain, starts_on, product_id, product_name, :of_order_date, :of_order, quantity,
        revenue
    from unnest(:products, :product_names, :quantities, :revenues)
            as sold (product_id, product_name, quantity, revenue),
        (values ('day', {_DAY}), ('month', {_MONTH}), ('ever', {_EVER})) as period (grain, starts_on)
    on conflict (customer_id, grain, starts_on, product_id) do update
    set quantity = kept.quantity + excluded.quantity, revenue = kept.revenue + excluded.revenue, {_NAMED}
    returning 1
    """  # noqa: S608  # of our own words
).bindparams(
    *(_CUSTOMER, _ORDER, _ORDER_DATE, _PRODUCTS, bindparam("product_names", type_=ARRAY(Text))),
    bindparam("quantities", type_=ARRAY(BigInteger)),
    bindparam("revenues", type_=ARRAY(Numeric)),
)
# Of a day its orders are read, of a month its days, and ever is made of months: each but for what is being
# named itself, as this statement names it.
_RENAME = text(
    f"""
    with period as (select {_DAY} as day, {_MONTH} as month), in_day as (
        select distinct on (product_id) product_id, product_name, order_date as named_at, order_id as named_by
        from period, orders, rows from (json_to_recordset(lines) as (product_id text, product_name text))
            with ordinality as line (product_id, product_name, position)
        where customer_id = :of_customer and {IS_ACCEPTED} and status <> 'returned'
            and order_date >= timezone('UTC', cast(day as timestamp))
            and order_date < timezone('UTC', cast(day + 1 as timestamp)) and product_id = any(:products)
        order by product_id, order_date desc, order_id desc, position desc
    ), in_month as (
        select distinct on (product_id) * from (
            select * from in_day union all
            select product_id, product_name, named_at, named_by from period, product_figures
            where customer_id = :of_customer and grain = 'day' and starts_on >= month and starts_on <> day
                and starts_on < month + interval '1 month' and product_id = any(:products) and quantity > 0
        ) as named order by product_id, named_at desc, named_by desc
    ), ever as (
        select distinct on (product_id) * from (
            select * from in_month union all
            select product_id, product_name, named_at, named_by from period, product_figures
            where customer_id = :of_customer and grain = 'month' and starts_on <> month
                and product_id = any(:products) and quantity > 0
        ) as named order by product_id, named_at desc, named_by desc
    )
    update product_figures as kept
    set product_name = newest.product_name, named_at = newest.named_at, named_by = newest.named_by
    from (
        select 'day' as grain, day as starts_on, in_day.* from period, in_day union all
        select 'month', month, in_month.* from period, in_month union all
        select 'ever', {_EVER}, ever.* from ever
    ) as newest
    where kept.customer_id = :of_customer and kept.grain = newest.grain and kept.starts_on = newest.starts_on
        and kept.product_id = newest.product_id and kept.named_by = :of_order
    """  # noqa: S608  # of our own words
).bindparams(_CUSTOMER, _ORDER, _ORDER_DATE, _PRODUCTS)


def counted() -> list[CTE]:
    """What a change of an order adds to the figures, or takes from them; parameters as `by` gives them."""
    done = {"counted_orders": _COUNT_ORDER, "counted_products": _COUNT_PRODUCTS}
    return [statement.columns(column("done")).cte(name) for name, statement in done.items()]


def by(change: Change) -> dict[str, Any]:
    """How much more the customer has ordered by a change, and what it was sold more."""
    sales = sales_of(change.order.lines) if change.sold_by else []
    return {
        **{"accepted_by": change.accepted_by, "value_by": change.value_by},
        "products": [sale.product_id for sale in sales],
        "product_names": [sale.product_name for sale in sales],
        "quantities": [sale.quantity * change.sold_by for sale in sales],
        "revenues": [sale.revenue * change.sold_by for sale in sales],
    }


async def rename(db: AsyncConnection, change: Change) -> None:
    """Call the products of an order that counts no longer as those call them that still count."""
    order = change.order
    keys = {"of_customer": order.customer_id, "of_order": order.order_id, "of_order_date": order.order_date}
    products = list({line.product_id for line in order.lines})
    await db.execute(_RENAME, {**keys, "products": products})
