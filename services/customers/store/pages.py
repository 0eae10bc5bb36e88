"""Pages of the list of customers, each in one statement that gives the finished answer."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    cast,
    collate,
    false,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.customers.store.answers import summary, with_figures
from services.customers.tables import customer_counts, customers
from shared.contracts.customers.answers import CustomerPage
from shared.contracts.customers.requests import FindCustomers
from shared.contracts.pages import COUNTED_MAX
from shared.messaging import Answer
from shared.sql_json import as_list, as_object, as_text

SearchBy = Literal["index", "order"] | None
"""How a text is looked for: by the trigrams of it, or in the order of the list until the page is full."""

_TRIGRAM = re.compile(r"[^\W_]{3}")  # what pg_trgm can look for; without one the whole index would be read
_SEARCH, _PATTERN = (
    func.lower(collate(bindparam(name, type_=Text), "pg_c_utf8")) for name in ("search", "pattern")
)
_COUNTED_MAX: ColumnElement[int] = literal_column(str(COUNTED_MAX))
_LIMIT, _OFFSET = bindparam("limit", type_=Integer), bindparam("offset", type_=Integer)
_PAGE = bindparam("page", type_=Integer)


async def page_of_customers(db: AsyncConnection, query: FindCustomers) -> Answer[CustomerPage]:
    """One page, newest `created_at` first, then highest id; empty beyond the end.

    meta.total: exact where `is_active` alone chooses, else counted up to 10,000. meta.hasMore: false on the
    last page that may be asked for.
    """
    search_by = _search_by(query.search)
    values = {
        "is_active": query.is_active,
        "external_ref": query.external_ref,
        "search": query.search,
        "pattern": None if query.search is None else f"%{_escaped(query.search)}%",
        "page": query.page,
        "limit": query.limit,
        "offset": (query.page - 1) * query.limit,
        "may_be_followed": (query.page + 1) * query.limit <= query.depth_max,
    }
    statement = _page(query.is_active is not None, query.external_ref is not None, search_by)
    return Answer((await db.execute(statement, values)).scalar_one().encode())


def _search_by(search: str | None) -> SearchBy:
    if search is None:
        return None
    return "index" if _TRIGRAM.search(search) else "order"


def _escaped(term: str) -> str:
    """The term as a part of a pattern, where it stands for itself."""
    return re.sub(r"([\\%_])", r"\\\1", term)


@cache
def _page(by_is_active: bool, by_external_ref: bool, search_by: SearchBy) -> Select[str]:
    """The statement of all queries that give the same conditions."""
    conditions = _conditions(by_is_active, by_external_ref, search_by)
    if search_by == "index":
        found = _counted_rows(conditions).cte("found")
        keys = _keys_of_found(found, _conditions(by_is_active, by_external_ref, "order"))
        total = _counted(found)
    else:
        keys = _keys(customers, *conditions).cte("keys")
        is_maintained = not by_external_ref and search_by is None
        total = _maintained(by_is_active) if is_maintained else _counted(_counted_rows(conditions).subquery())
    on_page = select(keys).order_by(*_newest_first(keys)).limit(_LIMIT).subquery()
    listed = with_figures(customers).join(on_page, on_page.c.id == customers.c.id)
    items = summary(customers).select_from(listed).order_by(*_newest_first(on_page))
    read = select(func.count()).select_from(keys).scalar_subquery()
    meta = func.json_strip_nulls(as_object(_meta(total, read)))
    return select(as_text(as_object(select(as_list(items).label("data"), meta.label("meta")))))


def _newest_first(listed: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return listed.c.created_at.desc(), listed.c.id.desc()


def _keys(listed: FromClause, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Of a page, and of one row more. Only what the index of the list holds, so that a deep page walks the
    index and not the table."""
    keys = select(listed.c.id, listed.c.created_at).where(*conditions)
    return keys.order_by(*_newest_first(listed)).limit(_LIMIT + 1).offset(_OFFSET)


def _keys_of_found(found: CTE, conditions: Sequence[ColumnElement[bool]]) -> CTE:
    """Out of all that were found, where they could be counted; else the list has as many of them soon.

    PostgreSQL plans for any text alike: left to itself it would walk the list for a text that is nowhere.
    """
    count = select(func.count()).select_from(found).scalar_subquery()
    few = _keys(found, count <= _COUNTED_MAX).subquery("few")
    many = _keys(customers, count > _COUNTED_MAX, *conditions).subquery("many")
    return union_all(select(few), select(many)).cte("keys")


def _counted_rows(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """As many as are counted, and one row more."""
    rows = select(customers.c.id, customers.c.created_at).where(*conditions)
    return rows.limit(_COUNTED_MAX + 1)


def _conditions(by_is_active: bool, by_external_ref: bool, search_by: SearchBy) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [customers.c.erased_at.is_(None)]
    if by_is_active:
        conditions.append(customers.c.is_active == bindparam("is_active", type_=Boolean))
    if by_external_ref:
        conditions.append(customers.c.external_ref == bindparam("external_ref", type_=Text))
    if search_by == "index":
        conditions.append(customers.c.search_text.like(collate(_PATTERN, "default")))
    if search_by == "order":
        conditions.append(func.strpos(customers.c.search_text, _SEARCH) > 0)
    return conditions


def _maintained(by_is_active: bool) -> Select[int, bool]:
    """How many there are; never capped."""
    counts = customer_counts.c
    count: ColumnElement[int] = counts.active + counts.inactive
    if by_is_active:
        count = case((bindparam("is_active", type_=Boolean), counts.active), else_=counts.inactive)
    total = cast(func.sum(count), BigInteger)
    return select(total.label("total"), false().label("is_capped"))


def _counted(found: FromClause) -> Select[int, bool]:
    """How many there are, as far as they are counted."""
    count = func.count()
    is_capped = count > _COUNTED_MAX
    capped = func.least(count, _COUNTED_MAX)
    return select(capped.label("total"), is_capped.label("is_capped")).select_from(found)


def _meta(total: Select[int, bool], read: ColumnElement[int]) -> Select[Any]:
    """The members of a `PageMeta`; `read`: how many rows the page found, of which one is the next page's."""
    found = total.subquery("found")
    is_followed = case((found.c.is_capped, read > _LIMIT), else_=found.c.total > _PAGE * _LIMIT)
    return select(
        found.c.total,
        _PAGE.label("page"),
        _LIMIT.label("limit"),
        (is_followed & bindparam("may_be_followed", type_=Boolean)).label("hasMore"),
        func.nullif(found.c.is_capped, false()).label("total_is_capped"),
    )
