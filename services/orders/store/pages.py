"""Pages of a customer's orders, each in one statement that gives the finished answer."""

from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    false,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orders.store.answers import item
from services.orders.store.customers import expect_there
from services.orders.tables import customers, orders, totals
from shared.contracts.orders.answers import OrderPage
from shared.contracts.orders.requests import FindOrders
from shared.contracts.pages import COUNTED_MAX
from shared.messaging import Answer
from shared.sql_json import as_list, as_object, as_text, utc

Statuses = Literal["any", "one", "some"]
"""Which statuses are looked for; the index gives those of one in the order of the list."""

_COUNTED_MAX: ColumnElement[int] = literal_column(str(COUNTED_MAX))
_CUSTOMER = bindparam("of_customer", type_=Text)
_LIMIT, _OFFSET, _PAGE = (bindparam(name, type_=Integer) for name in ("limit", "offset", "page"))
_FROM, _TO = (bindparam(name, type_=DateTime(timezone=True)) for name in ("ordered_from", "ordered_to"))
_OF_CUSTOMER = totals.c.customer_id == _CUSTOMER
_NEWEST_FIRST = (orders.c.order_date.desc(), orders.c.order_id.desc())


async def page_of_orders(db: AsyncConnection, query: FindOrders) -> Answer[OrderPage] | None:
    """One page, newest `order_date` first, then highest id; None: the customer is not known here.

    meta.total: exact without conditions, else counted up to 10,000. meta.hasMore: false on the last page that
    may be asked for.

    Raises:
        Refused: `customer_not_found`, it was erased.
    """
    values = {
        "of_customer": query.customer_id,
        "statuses": query.statuses,
        "status": None if query.statuses is None else query.statuses[0],
        "ordered_from": query.ordered_from,
        "ordered_to": query.ordered_to,
        "page": query.page,
        "limit": query.limit,
        "offset": (query.page - 1) * query.limit,
        "may_be_followed": (query.page + 1) * query.limit <= query.depth_max,
    }
    statement = _page(_statuses(query), query.ordered_from is not None, query.ordered_to is not None)
    row = (await db.execute(statement, values)).one_or_none()
    if row is None:
        return None
    expect_there(row, query.customer_id)
    return Answer(row.body.encode())


def _statuses(query: FindOrders) -> Statuses:
    if query.statuses is None:
        return "any"
    return "one" if len(query.statuses) == 1 else "some"


@cache
def _page(statuses: Statuses, is_from: bool, is_to: bool) -> Select[Any]:
    """The statement of all queries that give the same conditions."""
    conditions = _conditions(statuses, is_from, is_to)
    # only what the index of the list holds, so that a deep page walks the index and not the table
    keys = (
        select(orders.c.order_id, orders.c.order_date)
        .where(*conditions)
        .order_by(*_NEWEST_FIRST)
        .limit(_LIMIT + 1)
        .offset(_OFFSET)
        .cte("keys")
    )
    newest = (keys.c.order_date.desc(), keys.c.order_id.desc())
    on_page = select(keys).order_by(*newest).limit(_LIMIT).subquery("on_page")
    items = item(orders).join(on_page, on_page.c.order_id == orders.c.order_id)
    items = items.order_by(on_page.c.order_date.desc(), on_page.c.order_id.desc())
    total = _kept() if len(conditions) == 1 else _counted(conditions)
    read = select(func.count()).select_from(keys).scalar_subquery()
    body = as_object(select(as_list(items).label("data"), _meta(total, read).label("meta")))
    return select(customers.c.erased_at, as_text(body).label("body")).where(
        customers.c.customer_id == _CUSTOMER
    )


def _conditions(statuses: Statuses, is_from: bool, is_to: bool) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [orders.c.customer_id == _CUSTOMER]
    if statuses == "one":
        conditions.append(orders.c.status == bindparam("status", type_=Text))
    if statuses == "some":
        conditions.append(orders.c.status == func.any(bindparam("statuses", type_=ARRAY(Text))))
    if is_from:
        conditions.append(orders.c.order_date >= _FROM)
    if is_to:
        conditions.append(orders.c.order_date <= _TO)
    return conditions


def _kept() -> Select[int, bool]:
    """How many orders there are of any status, as the customer's figures tell; never capped."""
    count = select(totals.c.orders_count).where(_OF_CUSTOMER).scalar_subquery()
    total: ColumnElement[int] = func.coalesce(count, literal_column("0"))
    return select(total.label("total"), false().label("is_capped"))


def _counted(conditions: list[ColumnElement[bool]]) -> Select[int, bool]:
    """How many there are, as far as they are counted."""
    rows = select(orders.c.order_id).where(*conditions).limit(_COUNTED_MAX + 1).subquery("counted")
    count: ColumnElement[int] = func.count(type_=BigInteger)
    capped = func.least(count, _COUNTED_MAX)
    is_capped = count > _COUNTED_MAX
    return select(capped.label("total"), is_capped.label("is_capped")).select_from(rows)


def _meta(total: Select[int, bool], read: ColumnElement[int]) -> ColumnElement[Any]:
    """An `OrderPageMeta`; `read`: how many rows the page found, of which one is the next page's."""
    counted = total.cte("total")
    is_followed = case((counted.c.is_capped, read > _LIMIT), else_=counted.c.total > _PAGE * _LIMIT)
    has_more = is_followed & bindparam("may_be_followed", type_=Boolean)
    as_of = select(utc(totals.c.as_of)).where(_OF_CUSTOMER).scalar_subquery()
    paged = (counted.c.total, _PAGE.label("page"), _LIMIT.label("limit"), has_more.label("hasMore"))
    capped = select(*paged, true().label("total_is_capped"), as_of.label("as_of"))
    whole = select(*paged, as_of.label("as_of"))
    is_capped = select(counted.c.is_capped).scalar_subquery()
    return case((is_capped, as_object(capped)), else_=as_object(whole))
