"""What is read for analytics: figures, and single orders of the days that a period cuts."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, Date, DateTime, Integer, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.analytics import Cut, Figures, Month, Reach, Sold
from services.orders.segments import RECENT_ORDERS
from services.orders.store.customers import expect_there
from services.orders.tables import IS_ACCEPTED
from shared.contracts.periods import Span

PRODUCTS_MAX = 5
_INSTANTS = Cut.__slots__
_KEPT = "cast(date_trunc('month', cast(starts_on as timestamp)) as date)"
_OF_CUSTOMER = f"customer_id = :of_customer and {IS_ACCEPTED}"

# One statement, so one instant. The day that the period ends in is read order by order where some are dated
# ahead, else its figures are those of the period.
_FIND = text(
    f"""
    with span as (
        select * from unnest(:parts, :grains, :since, :until) as span (part, grain, since, until)
    ), ahead as materialized (
        select exists (select from orders
            where {_OF_CUSTOMER} and order_date >= :ends_at and order_date < :day_ends_at) as is_any
    ), single as materialized (
        select order_id, order_date, status, total_amount - returned_amount as value, lines from orders
        where {_OF_CUSTOMER} and order_date >= :begins_at and order_date < :days_begin_at
        union all
        select order_id, order_date, status, total_amount - returned_amount, lines from orders
        where (select is_any from ahead)
            and {_OF_CUSTOMER} and order_date >= :day_begins_at and order_date < :ends_at
    ), month as (
        select month, sum(orders) as orders, sum(revenue) as revenue from (
            select {_KEPT} as month, orders, revenue from span, lateral (
                select * from order_figures where customer_id = :of_customer and grain = span.grain
                    and starts_on >= span.since and starts_on < span.until
            ) as kept
            where part = 'orders' and (starts_on <> :last_day or not (select is_any from ahead))
            union all
            select cast(date_trunc('month', timezone('UTC', order_date)) as date), 1, value from single
        ) as counted group by month having sum(orders) > 0
    ), product as (
        select product_id, sum(quantity) as quantity, sum(revenue) as revenue,
            (array_agg(product_name order by named_at desc, named_by desc, position desc))[1] as product_name
        from (
            select product_id, product_name, named_at, named_by, 0 as position, quantity, revenue
            from span, lateral (
                select * from product_figures where customer_id = :of_customer and grain = span.grain
                    and starts_on >= span.since and starts_on < span.until
            ) as kept
            where part = 'products' and quantity > 0
                and (starts_on <> :last_day or not (select is_any from ahead))
            union all
            select product_id, product_name, order_date, order_id, position, quantity, line_total
            from single, rows from (json_to_recordset(lines)
                as (product_id text, product_name text, quantity integer, line_total numeric)
            ) with ordinality as line (product_id, product_name, quantity, line_total, position)
            where status <> 'returned'
        ) as sold group by product_id
        order by revenue desc, quantity desc, product_id collate "C" limit :products_max
    )
    select customers.erased_at, customer_since, last_order_date, as_of,
        coalesce(lifetime_value, 0) as lifetime_value, coalesce(total_orders, 0) as total_orders,
        cast((select json_agg(json_build_array(to_char(month, 'YYYY-MM'), orders, cast(revenue as text))
            order by month desc) from month) as text) as months,
        cast((select json_agg(json_build_array(product_id, product_name, quantity, cast(revenue as text))
            order by revenue desc, quantity desc, product_id collate "C") from product) as text) as products,
        array(select cast(timezone('UTC', order_date) as date) from orders where {_OF_CUSTOMER}
            order by order_date desc, order_id desc limit :recent_max) as recent,
        (select coalesce(sum(revenue), 0) from span, lateral (
            select * from order_figures where customer_id = :of_customer and grain = span.grain
                and starts_on >= span.since and starts_on < span.until
        ) as kept where part = 'year') as year_revenue
    from customers left join totals on totals.customer_id = customers.customer_id
    where customers.customer_id = :of_customer
    """  # noqa: S608  # of our own words
).bindparams(
    bindparam("of_customer", type_=Text),
    *(bindparam(name, type_=ARRAY(Text)) for name in ("parts", "grains")),
    *(bindparam(name, type_=ARRAY(Date)) for name in ("since", "until")),
    *(bindparam(name, type_=DateTime(timezone=True)) for name in _INSTANTS),
    bindparam("last_day", type_=Date),
    *(bindparam(name, type_=Integer) for name in ("products_max", "recent_max")),
)


async def find(db: AsyncConnection, customer_id: str, reach: Reach) -> Figures | None:
    """The customer's figures; None: it is not known here, or not since when it is one.

    Raises:
        Refused: `customer_not_found`, it was erased.
    """
    row = (await db.execute(_FIND, {"of_customer": customer_id, **_parameters(reach)})).one_or_none()
    if row is None:
        return None
    expect_there(row, customer_id)
    return None if row.customer_since is None else _figures(row)


def _parameters(reach: Reach) -> dict[str, Any]:
    spans = list(_spans(reach))
    cut = reach.cut
    return {
        "parts": [part for part, _ in spans],
        "grains": [span.grain for _, span in spans],
        "since": [span.since for _, span in spans],
        "until": [span.until for _, span in spans],
        **{name: None if cut is None else getattr(cut, name) for name in _INSTANTS},
        "last_day": None if cut is None else cut.day_begins_at.date(),
        **{"products_max": PRODUCTS_MAX, "recent_max": RECENT_ORDERS},
    }


def _spans(reach: Reach) -> Iterator[tuple[str, Span]]:
    for part in ("orders", "products", "year"):
        for span in getattr(reach, part):
            yield part, span


def _figures(row: Any) -> Figures:
    return Figures(
        customer_since=row.customer_since,
        lifetime_value=row.lifetime_value,
        total_orders=row.total_orders,
        last_order_date=row.last_order_date,
        as_of=row.as_of,
        months=[
            Month(month, orders, Decimal(said)) for month, orders, said in json.loads(row.months or "[]")
        ],
        products=[
            Sold(product_id, name, quantity, Decimal(said))
            for product_id, name, quantity, said in json.loads(row.products or "[]")
        ],
        recent=row.recent,
        year_revenue=row.year_revenue,
    )
