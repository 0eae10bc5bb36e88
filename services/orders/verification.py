"""Kept figures against what they are made from: orders, their lines and returns. Changes nothing.

A row of zeros is as good as none, and so is a missing one.
"""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import ARRAY, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.tables import IS_ACCEPTED
from shared.figures import Difference

PAGE = 200  # customers: what one statement compares, as of one instant

_CUSTOMERS = bindparam("customers", type_=ARRAY(Text))
_DAY = "cast(timezone('UTC', order_date) as date)"
_MONTH = "cast(date_trunc('month', timezone('UTC', order_date)) as date)"
_ORDERS = f"""
    select customer_id, order_id, order_date, status, lines, total_amount - coalesce(returned, 0) as value
    from orders, lateral (
        select sum(amount) as returned from returns where returns.order_id = orders.order_id
    ) as came_back
    where customer_id = any(:customers) and {IS_ACCEPTED}
    """  # noqa: S608  # of our own words

TRUE_ORDER_FIGURES = f"""
    select customer_id, grain, starts_on, count(*) as orders, sum(value) as revenue
    from ({_ORDERS}) as accepted, lateral (
        values ('day', {_DAY}), ('month', {_MONTH})
    ) as period (grain, starts_on)
    group by customer_id, grain, starts_on
    """  # noqa: S608  # of our own words
"""The rows of `order_figures` as the orders of `customers` (a parameter) make them."""

TRUE_PRODUCT_FIGURES = f"""
    select customer_id, grain, starts_on, product_id,
        (array_agg(product_name order by order_date desc, order_id desc, position desc))[1] as product_name,
        max(order_date) as named_at,
        (array_agg(order_id order by order_date desc, order_id desc))[1] as named_by,
        sum(quantity) as quantity, sum(line_total) as revenue
    from ({_ORDERS}) as accepted, rows from (json_to_recordset(lines)
        as (product_id text, product_name text, quantity integer, line_total numeric)
    ) with ordinality as line (product_id, product_name, quantity, line_total, position), lateral (
        values ('day', {_DAY}), ('month', {_MONTH}), ('ever', date '0001-01-01')
    ) as period (grain, starts_on)
    where status <> 'returned'
    group by customer_id, grain, starts_on, product_id
    """  # noqa: S608  # of our own words
"""The same of `product_figures`."""

TRUE_TOTALS = f"""
    select customer_id, coalesce(sum(value), 0) as lifetime_value, count(value) as total_orders,
        max(accepted.order_date) as last_order_date, count(*) as orders_count
    from orders left join ({_ORDERS}) as accepted using (customer_id, order_id)
    where customer_id = any(:customers) group by customer_id
    """  # noqa: S608  # of our own words
"""The same of `totals`, but for its version and its instant."""

_IN_TOTALS = """
    select customer_id, figure, figure_value, nothing from {rows} as of_customer, lateral (values
        ('lifetime_value', cast(cast(lifetime_value as numeric(16, 2)) as text), '0.00'),
        ('total_orders', cast(total_orders as text), '0'),
        ('last_order_date', cast(timezone('UTC', last_order_date) as text), null),
        ('orders_count', cast(orders_count as text), '0')
    ) as figures (figure, figure_value, nothing)
    """
_IN_ORDER_FIGURES = """
    select customer_id, concat_ws(' ', name, 'of', grain, starts_on), figure_value, nothing
    from {rows} as of_period, lateral (values
        ('orders', cast(orders as text), '0'),
        ('revenue', cast(cast(revenue as numeric(16, 2)) as text), '0.00')
    ) as figures (name, figure_value, nothing)
    """
_IN_PRODUCT_FIGURES = """
    select customer_id, concat_ws(' ', name, 'of', product_id, 'of', grain, starts_on), figure_value, nothing
    from {rows} as of_product, lateral (values
        ('quantity', cast(quantity as text), '0'),
        ('revenue', cast(cast(revenue as numeric(16, 2)) as text), '0.00'),
        ('product_name', case when quantity <> 0 then product_name end, null),
        ('named_at', case when quantity <> 0 then cast(timezone('UTC', named_at) as text) end, null),
        ('named_by', case when quantity <> 0 then named_by end, null)
    ) as figures (name, figure_value, nothing)
    """
_IN_ORDERS = """
    select customer_id, 'returned_amount of ' || order_id, cast({returned} as text), '0.00' from orders
    where customer_id = any(:customers)
    """
_RETURNED = (
    "(select cast(coalesce(sum(amount), 0) as numeric(14, 2)) from returns where order_id = orders.order_id)"
)


def _kept(table: str) -> str:
    return f"(select * from {table} where customer_id = any(:customers))"  # noqa: S608  # one of ours


_KEPT = (
    _IN_TOTALS.format(rows=_kept("totals")),
    _IN_ORDER_FIGURES.format(rows=_kept("order_figures")),
    _IN_PRODUCT_FIGURES.format(rows=_kept("product_figures")),
    _IN_ORDERS.format(returned="returned_amount"),
)
_TRUE = (
    _IN_TOTALS.format(rows=f"({TRUE_TOTALS})"),
    _IN_ORDER_FIGURES.format(rows=f"({TRUE_ORDER_FIGURES})"),
    _IN_PRODUCT_FIGURES.format(rows=f"({TRUE_PRODUCT_FIGURES})"),
    _IN_ORDERS.format(returned=_RETURNED),
)
_DIFFERENCES = text(
    f"""
    with kept (customer_id, figure, value, nothing) as ({" union all ".join(_KEPT)}),
        made (customer_id, figure, value, nothing) as ({" union all ".join(_TRUE)})
    select customer_id, figure, kept.value as kept, made.value as made
    from kept full join made using (customer_id, figure)
    where coalesce(kept.value, kept.nothing, made.nothing)
        is distinct from coalesce(made.value, made.nothing, kept.nothing)
    order by customer_id, figure
    """  # noqa: S608  # of our own words
).bindparams(_CUSTOMERS)
_IDS = text(
    """
    select customer_id from (
        (select customer_id from totals where customer_id > :after order by customer_id limit :at_most)
        union
        (select distinct customer_id from orders where customer_id > :after
            order by customer_id limit :at_most)
        union
        (select distinct customer_id from order_figures where customer_id > :after
            order by customer_id limit :at_most)
        union
        (select distinct customer_id from product_figures where customer_id > :after
            order by customer_id limit :at_most)
    ) as known order by customer_id limit :at_most
    """
).bindparams(bindparam("after", type_=Text), bindparam("at_most", type_=Integer))


async def customer_ids(db: AsyncConnection, after: str, at_most: int) -> list[str]:
    """Who has orders or figures, ascending, beyond `after`."""
    return list((await db.execute(_IDS, {"after": after, "at_most": at_most})).scalars())


async def differences(db: AsyncConnection, customer_id: str | None = None) -> AsyncIterator[Difference]:
    """Every kept figure that is not what its orders make it, by customer; of one customer alone if named.

    `db` must run each statement alone (AUTOCOMMIT), so that verifying holds up nobody; a transaction that has
    the customer's totals locked may ask of that customer.
    """
    if customer_id is not None:
        for found in await _compared(db, [customer_id]):
            yield found
        return
    page = await customer_ids(db, "", PAGE)
    while page:
        for found in await _compared(db, page):
            yield found
        page = await customer_ids(db, page[-1], PAGE)


async def _compared(db: AsyncConnection, customers: Sequence[str]) -> list[Difference]:
    rows = await db.execute(_DIFFERENCES, {"customers": customers})
    return [Difference(row.customer_id, row.figure, row.kept, row.made) for row in rows]
