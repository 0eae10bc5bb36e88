"""What a message changes of an account, written in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import CTE, JSON, Select, Table, bindparam, case, column, func, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.credit.accounts import Account
from services.credit.postings import Change, Entry, Money, OrderFact, Reservation, Taken
from services.credit.settlements import Settlements, settlements_of
from services.credit.store.accounts import row_of, updated_account
from services.credit.store.analytics import counted_up
from services.credit.tables import (
    allocations,
    invoices,
    ledger,
    money,
    order_facts,
    reservations,
    settlements,
)

_WRITTEN = {
    "ledger": (ledger, ("customer_id", *Entry.__slots__, "recorded_at")),
    "reservations": (reservations, Reservation.__slots__),
    "invoices": (invoices, tuple(each.name for each in invoices.c if each.computed is None)),
    "money": (money, (*Money.__slots__, "on_day")),
    "allocations": (allocations, ("invoice_id", "kind", "source", "id", "amount", "on_day")),
    "settlements": (settlements, ("customer_id", *Settlements.__slots__)),
    "order_facts": (order_facts, OrderFact.__slots__),
}
"""Which members of a row are written, by table."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


async def post(
    db: AsyncConnection, before: Account, change: Change, now: datetime, fact: OrderFact | None = None
) -> None:
    """Write what was decided on `before`, a locked account, and what is now known of an order.

    Each effect goes to the ledger under its document, so that the database too refuses to post it twice.
    """
    rows = _rows(change, now, fact)
    values = {name: [_as_json(row) for row in some] for name, some in rows.items()}
    account = {**row_of(change.account), "seen_version": before.version, "now": now}
    written = (await db.execute(_posted(tuple(rows)), {**values, **account})).one()
    if written.invoices != len(change.invoices):
        raise ValueError("the id of an order's invoice is another one's")


async def remember_orders(db: AsyncConnection, facts: Sequence[OrderFact]) -> None:
    """Keep what events tell of orders, where it is news; each order once.

    That some customers' accounts stay at their versions meanwhile, their remembered risks are told.
    """
    await db.execute(_REMEMBERED, {"order_facts": [_as_json(asdict(fact)) for fact in facts]})


def _rows(change: Change, now: datetime, fact: OrderFact | None) -> Rows:
    """What is to be written, by table; tables to which nothing is are left out."""
    of_account = {"customer_id": change.account.customer_id, "recorded_at": now}
    all_rows: Rows = {
        "ledger": [asdict(entry) | of_account for entry in change.entries],
        "reservations": [asdict(change.reservation)] if change.reservation else [],
        "invoices": [asdict(invoice) for invoice in change.invoices],
        "money": [asdict(each) | {"on_day": each.on_day} for each in change.money],
        "allocations": [_allocation(taken) for taken in change.taken],
        "settlements": [asdict(each) | of_account for each in settlements_of(change.invoices)],
        "order_facts": [asdict(fact)] if fact else [],
    }
    return {name: rows for name, rows in all_rows.items() if rows}


def _allocation(taken: Taken) -> dict[str, Any]:
    by = taken.money
    named = {"invoice_id": taken.invoice_id, "kind": by.kind, "source": by.source, "id": by.id}
    return {**named, "amount": taken.amount, "on_day": by.on_day}


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    """What PostgreSQL reads as the column's type."""
    match value:
        case Decimal():
            return str(value)
        case date():  # a datetime is one too
            return value.isoformat()
        case bytes():
            return f"\\x{value.hex()}"
    return value


@cache
def _posted(parts: tuple[str, ...]) -> Select[Any]:
    """The statement that saves an account and writes rows to these tables."""
    account = updated_account().cte("account")
    written: dict[str, CTE] = {name: _upserted(name).cte(f"put_{name}") for name in parts}
    put = written.get("invoices")
    count = select(func.count()).select_from(put).scalar_subquery() if put is not None else func.abs(0)
    others = [each for each in written.values() if each is not put]
    return select(account.c.version, count.label("invoices")).add_cte(*others)


@cache
def _upserted(name: str) -> Insert | Any:
    """The rows given as the parameter `name`, inserted, or their news merged into what is there."""
    table, members = _WRITTEN[name]
    given = _given(table, name, members)
    statement = insert(table).from_select(list(members), select(*(given.c[each] for each in members)))
    new, old = statement.excluded, table.c
    match name:
        case "reservations":
            is_news = {each: new[each] for each in ("status", "reason")}
            return statement.on_conflict_do_update(index_elements=[old.order_id], set_=is_news)
        case "invoices":
            changing = ("credited", "written_off", "paid", "settled_on", "last_paid_on", "overdue_said")
            return statement.on_conflict_do_update(
                index_elements=[old.invoice_id],
                set_={each: new[each] for each in changing},
                where=old.order_id.is_not_distinct_from(new.order_id),
            ).returning(old.invoice_id)
        case "money":
            key = [old.kind, old.source, old.id]
            return statement.on_conflict_do_update(index_elements=key, set_={"on_account": new.on_account})
        case "settlements":
            sums = {each: old[each] + new[each] for each in ("invoices", "days")}
            return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=sums)
        case "order_facts":
            return _merged_fact(statement)
    return statement


def _given(table: Table, name: str, members: Sequence[str]) -> Any:
    typed = (column(each, table.c[each].type) for each in members)
    rows = func.json_to_recordset(bindparam(name, type_=JSON)).table_valued(*typed)
    return rows.render_derived(f"given_{name}", with_types=True)


def _merged_fact(statement: Insert) -> Insert:
    """An older event changes nothing but what was returned: that adds up, in whatever order it is heard."""
    new, old = statement.excluded, order_facts.c
    is_newer = new.version > old.version
    newest = {
        each: case((is_newer, new[each]), else_=old[each])
        for each in ("status", "order_date", "total_amount")
    }
    return statement.on_conflict_do_update(
        index_elements=[old.order_id],
        set_={
            **newest,
            "was_accepted": old.was_accepted | new.was_accepted,
            "returned_amount": old.returned_amount + new.returned_amount,
            "version": func.greatest(old.version, new.version),
        },
        where=is_newer | (new.returned_amount > 0),
    )


def _remembered() -> Insert:
    news = _upserted("order_facts").returning(order_facts.c.customer_id).cte("news")
    return counted_up(select(news.c.customer_id).distinct())


_REMEMBERED = _remembered()
