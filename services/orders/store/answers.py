"""Answers as expressions of SQL: one definition of an order for pages, for one in full and for the export."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, FromClause, Select, cast, column, func, literal_column, select
from sqlalchemy.types import Integer, Numeric, Text

from shared.sql_json import as_list, at_least, utc

_ONE: ColumnElement[int] = literal_column("1")
_CENTS: ColumnElement[int] = literal_column("2")


def item(order: FromClause) -> Select[Any]:
    """The members of an `Order` of each row of `order`."""
    c = order.c
    return select(
        c.order_id.label("id"),
        c.order_number,
        c.status,
        *(utc(c[name]).label(name) for name in ("order_date", "ship_date", "delivery_date")),
        c.total_amount,
        c.items_count,
        c.shipping_address,
        c.currency,
        c.external_ref,
        c.status_reason,
    )


def in_full(order: FromClause) -> Select[Any]:
    """The members of an `OrderInFull` of each row of `order`."""
    return item(order).add_columns(_lines(order).label("lines"))


def _lines(order: FromClause) -> ColumnElement[Any]:
    """As they are stored, but for decimals, which answers show as numbers."""
    stored = (
        func.json_to_recordset(cast(order.c.lines, JSON))
        .table_valued(
            *(column(name, Text) for name in ("product_id", "product_name")),
            column("quantity", Integer),
            *(column(name, Numeric) for name in ("unit_price", "discount_rate", "line_total")),
        )
        .render_derived("line", with_types=True)
    )
    shown = select(
        *(stored.c[name] for name in ("product_id", "product_name", "quantity")),
        at_least(_CENTS, stored.c.unit_price).label("unit_price"),
        at_least(_ONE, stored.c.discount_rate).label("discount_rate"),
        func.round(stored.c.line_total, _CENTS).label("line_total"),
    )
    return as_list(shown.correlate(order))
