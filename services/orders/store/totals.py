"""A customer's orders in figures: kept by the statements that change an order."""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from services.orders.tables import IS_ACCEPTED, orders, totals
from shared.contracts.orders.events import OrderTotals

_NONE: ColumnElement[Any] = literal_column("0")
_ONE: ColumnElement[Any] = literal_column("1")
_ACCEPTED_BY = bindparam("accepted_by", type_=Integer)
_VALUE_BY = bindparam("value_by", type_=totals.c.lifetime_value.type)
_NOW = bindparam("now", type_=totals.c.as_of.type)
_ORDER_DATE = bindparam("of_order_date", type_=orders.c.order_date.type)


def with_one_more(placed: CTE) -> CTE:
    """The customer of the row of `placed` has an order more, which is not accepted yet."""
    row = {
        "customer_id": placed.c.customer_id,
        **{name: _NONE for name in ("version", "lifetime_value", "total_orders")},
        "orders_count": _ONE,
        "as_of": placed.c.updated_at,
    }
    first = insert(totals).from_select(list(row), select(*row.values()))
    as_of = func.greatest(totals.c.as_of, first.excluded.as_of)
    return first.on_conflict_do_update(
        index_elements=[totals.c.customer_id],
        set_={"orders_count": totals.c.orders_count + 1, "as_of": as_of},
    ).cte("counted")


def with_one_changed(order_id: ColumnElement[str], customer_id: ColumnElement[str]) -> CTE:
    """The figures after an order that is locked, as they are, has changed.

    Parameters: `accepted_by`, `value_by` of the change, `of_order_date`, `now`.
    """
    others = (
        select(func.max(orders.c.order_date))
        .where(
            orders.c.customer_id == customer_id,
            text(IS_ACCEPTED),
            orders.c.order_id != order_id,
        )
        .scalar_subquery()
    )
    last = case(
        (_ACCEPTED_BY > 0, func.greatest(totals.c.last_order_date, _ORDER_DATE)),
        (_ACCEPTED_BY < 0, others),
        else_=totals.c.last_order_date,
    )
    differs = or_(_ACCEPTED_BY != 0, _VALUE_BY != 0)
    return (
        update(totals)
        .where(totals.c.customer_id == customer_id)
        .values(
            version=totals.c.version + case((differs, _ONE), else_=_NONE),
            lifetime_value=totals.c.lifetime_value + _VALUE_BY,
            total_orders=totals.c.total_orders + _ACCEPTED_BY,
            last_order_date=last,
            as_of=func.greatest(totals.c.as_of, _NOW),
        )
        .returning(*(totals.c[name] for name in ("customer_id", *_FIGURES)))
        .cte("counted")
    )


_FIGURES = ("version", "lifetime_value", "total_orders", "last_order_date")


def published(row: Any) -> OrderTotals:
    """The figures of a row of `with_one_changed`."""
    return OrderTotals(customer_id=row.customer_id, **{name: getattr(row, name) for name in _FIGURES})
